"""A case put into the reader's words: which records stand beside each other, what was found, and reasons to begin with.

Invariant: it makes words of what a view has told (``api.worklist.CaseFactsView``), and tells nothing that the view did
not: of a case that is judged blind there is no student, no finding and no other record among it. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from api.console import formats
from api.console.comparing import Compared, Facts, Sign, Speech, compare, sign_of
from api.console.outcomes import Waits
from api.console.questions import ALIKE, QUESTIONS, UNLIKE, Question
from api.console.words import LANGUAGES, N_
from ledger.events.case import Place, Split
from ledger.matching.explain import Language, word
from projections.worklist import Listed, sides_of

BEFORE: Final = N_("before")
NOW: Final = N_("now")


class Side(NamedTuple):
    """A record of a case. title: as its state names it. student: the id that it shows, None where that is not told."""

    title: str
    student: str | None
    facts: Facts


class Finding(NamedTuple):
    """What the policy found of a field, in the reader's language."""

    field: str
    level: str
    sign: Sign


class Told(NamedTuple):
    """The reader's words for a case. sides: the two, or the one, that it is about; short: what they are called in few
    letters. others: further records. findings, guards: what the policy found, and what kept it from linking. waits: the
    other states that are asked and have yet to answer. groups: of a split, each child's records. because: reasons for
    yes and for no, the likeliest first."""

    sides: Sequence[Side]
    others: Sequence[Side]
    compared: Compared | None
    findings: Sequence[Finding]
    guards: Sequence[str]
    waits: Sequence[Waits]
    groups: Sequence[Sequence[str]]
    short: Sequence[str]
    because: Mapping[str, Sequence[str]]


def worded(
    told: Mapping[str, Any], listed: Listed, before: Facts | None, language: Language, office: Place | None
) -> Told:
    """before: where a state's own change is asked about, what it said before. office: that looks."""
    records: Sequence[Mapping[str, Any]] = told["records"]
    say = LANGUAGES[language].gettext
    named = {record["record"]: _side(record) for record in records}
    chosen = _pair(listed, records)
    sides = [named[record] for record in chosen]
    if before is not None and len(sides) == 1:
        sides = [
            sides[0]._replace(title=f"{sides[0].title}, {say(BEFORE)}", facts=before),
            sides[0]._replace(title=f"{sides[0].title}, {say(NOW)}"),
        ]
    speech = Speech(language, say, lambda value: formats.day(value, language))
    levels: Mapping[str, str] = told["proposal"].get("levels", {})
    waits = [
        Waits(part["state"], part["level"], part["due_on"])
        for part in told["asked"]
        if not part["answered"] and (office is None or part["state"] != office.state)
    ]
    proposal = listed.case.opened.proposal
    compared = compare(sides[0].facts, sides[1].facts, speech) if len(sides) == 2 else None
    states = [side.title.split()[0] for side in sides]
    return Told(
        sides=sides,
        others=[side for record, side in named.items() if record not in chosen],
        compared=compared,
        findings=[
            Finding(word(f"field.{field}", language), word(f"{field}.{level}", language), sign_of(field, level))
            for field, level in levels.items()
        ],
        guards=[word(f"guard.{guard}", language) for guard in told["proposal"].get("guards", {})],
        waits=waits,
        groups=[[named[anchor.record].title for anchor in group if anchor.record in named] for group in proposal.groups]
        if isinstance(proposal, Split) and not listed.blind
        else [],
        short=states if len(set(states)) == len(states) else [side.title for side in sides],
        because=_because(QUESTIONS[told["kind"]], compared, say),
    )


def _because(question: Question, compared: Compared | None, say: Callable[[str], str]) -> dict[str, list[str]]:
    """Reasons in the reader's language. The first names the fields that speak for it, which a sentence made beforehand
    could only guess."""
    agree = [] if compared is None else compared.names(Sign.SAME)
    differ = [] if compared is None else compared.names(Sign.DIFFERS)
    made = {
        ALIKE[0]: (N_("Compared the two records. What agrees: {fields}."), agree if len(agree) > len(differ) else []),
        UNLIKE[0]: (N_("Compared the two records. What differs: {fields}."), differ),
    }
    found: dict[str, list[str]] = {}
    for value, answer in (("yes", question.yes), ("no", question.no)):
        found[value] = []
        for because in answer.because:
            text, fields = made.get(because, ("", ()))
            words = ", ".join(say(field).lower() for field in fields)
            found[value].append(say(text).format(fields=words) if fields else say(because))
    return found


def _side(record: Mapping[str, Any]) -> Side:
    title = f"{record['state']} {record['state_student_id'] or ''}".strip()
    return Side(title, record["student_id"], record.get("facts") or {})


def _pair(listed: Listed, records: Sequence[Mapping[str, Any]]) -> list[str]:
    """The two records that stand beside each other: those that the question is about, else the first two that are two
    students' now, else the first two."""
    known = [record["record"] for record in records]
    asked = [anchor.record for anchor in sides_of(listed.case.opened) if anchor is not None and anchor.record in known]
    if len(asked) == 2 or len(known) < 2:
        return asked or known
    first = asked[0] if asked else known[0]
    student = next(record["student_id"] for record in records if record["record"] == first)
    others = [record for record in records if record["record"] != first]
    apart = next((record for record in others if record["student_id"] != student), others[0])
    return [first, apart["record"]]
