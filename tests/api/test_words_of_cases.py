"""What happened in a case is told in words, in both languages, of every event and every kind of question."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from api.words import told
from api.words_of_cases import _SENTENCES
from ledger.cases import KINDS
from ledger.events import Erased
from ledger.events.case import (
    EVENTS,
    Asked,
    Candidate,
    CaseAnswered,
    CaseAssigned,
    CaseClosed,
    CaseEscalated,
    CaseEvent,
    CaseOpened,
    Changed,
    Doubtful,
    Link,
    Merge,
    Place,
    Proposal,
    Residue,
    Reversal,
    Split,
    Step,
)
from ledger.events.linkage import Anchor
from support.telling import record_uuid

CASE = "01990000-0000-7000-8000-00000000000c"
A, B = (Anchor(record_uuid(n), f"{n:012d}", n) for n in (1, 2))
STEP = Step(level="state", due_on="2025-09-12", due=datetime(2025, 9, 13, tzinfo=UTC))
PROPOSALS: list[Proposal] = [
    Link(record=A, candidates=[Candidate(B, 3.5)]),
    Merge(left=A, right=B, master=A),
    Split(groups=[[A], [B]]),
    Reversal(act="000000000001-2", reverses="000000000001-1"),
    Residue(act="000000000001-2", reversal="000000000001-3"),
    Doubtful(act="000000000001-2", position=9),
    Changed(position=9),
]


def opened(proposal: Proposal, kind: str = "near-match") -> CaseOpened:
    asked = Asked(state="OR", place=Place(state="OR"), steps=[STEP], profile=0)
    return CaseOpened(
        kind=kind, records=[], proposal=proposal, asked=[asked], proposed_by="ana", reason="Her aunt told me."
    )


SAID: list[CaseEvent] = [
    *(opened(proposal) for proposal in PROPOSALS),
    *(opened(PROPOSALS[0], kind) for kind in KINDS),
    CaseAssigned(state="OR", place=Place(state="OR", district="4113770"), names=["ben"]),
    CaseAssigned(state="OR", place=Place(state="OR", region="R2")),
    CaseEscalated(state="OR", place=Place(state="OR")),
    CaseEscalated(state="OR", place=Place(state="OR"), overdue=True),
    CaseAnswered(states=["OR", "CA"], yes=True, by="ben", reason="Her aunt told me."),
    CaseAnswered(states=[], yes=False, by="ben", reason="Her aunt told me."),
    CaseClosed(outcome="settled", act="000000000001-2"),
    CaseClosed(outcome="rejected", next=CASE),
    CaseClosed(outcome="overtaken", code="same-student"),
    CaseClosed(outcome="settled", automatic=True),
]


def test_every_event_of_a_case_is_among_those_told_here() -> None:
    assert {type(event) for event in SAID} == set(EVENTS)


@pytest.mark.parametrize("language", ["en", "es"])
def test_each_is_a_sentence_without_anybodys_name_or_words(language: str) -> None:
    for event in SAID:
        said = told(event, None, language, CASE)
        assert CASE in said
        assert said.endswith(".")
        assert not re.search(r"[{}]|None|ben|ana\b|aunt", said), said
        assert event.topic not in said


def test_questions_name_students_by_their_ids_and_acts_by_theirs() -> None:
    for event in SAID[: len(PROPOSALS)]:
        assert isinstance(event, CaseOpened)
        ids = re.findall(r"\b0{9}\d{3}(?:-\d)?", told(event, None, "en", CASE))
        assert ids or isinstance(event.proposal, Changed)


def test_each_kind_and_outcome_has_words_of_its_own() -> None:
    for words in _SENTENCES.values():
        assert len({words[f"kind {kind}"] for kind in KINDS}) == len(KINDS)


def test_both_languages_say_the_same_things() -> None:
    english, spanish = _SENTENCES["en"], _SENTENCES["es"]
    assert english.keys() == spanish.keys()
    for key, sentence in english.items():
        assert set(re.findall(r"{\w+}", sentence)) == set(re.findall(r"{\w+}", spanish[key])), key


def test_what_was_destroyed_is_told_as_that() -> None:
    assert "destroyed" in told(Erased(was=CaseOpened.topic), None, "en", CASE)
