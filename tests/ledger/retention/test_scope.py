"""Exactly what goes: the keys of the subject and the class, the cases that it leads, and nothing of anybody else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.events.base import KeyClass
from ledger.events.retention import Key, Scope
from ledger.retention.days import Subject
from ledger.retention.schedules import COUNTED
from ledger.retention.scope import KEYS, ClosedCase, Found, changes, scope_of
from support.given_retention import ACCOUNT, OTHER, RECORD, TODAY, found, key, scope, subject


def test_the_record_goes_with_its_moves_its_disclosures_and_the_cases_that_name_it_first() -> None:
    going = scope()
    assert {(one.subject, one.key_class) for one in going.keys} == {
        (RECORD, "education"),
        (RECORD, "eligibility"),
        (RECORD, "disclosure"),
        ("case-1", "case"),
    }
    assert going.events == {"case": 3, "disclosure": 4, "education": 5, "eligibility": 6}
    assert going.cases == ["case-1"]
    assert (going.student_id, going.student, going.version) == ("000000000010", [RECORD], 9)


def test_eligibility_goes_alone() -> None:
    going = scope("eligibility")
    assert [(one.subject, one.key_class) for one in going.keys] == [(RECORD, "eligibility")]
    assert going.events == {"eligibility": 6}
    assert going.cases == []


def test_a_case_that_names_another_record_first_stays() -> None:
    led_by_other = ClosedCase(id="case-9", key=key("case", "case-9"), events=5, first=OTHER)
    going = scope(what=found(cases=[led_by_other]))
    assert going.cases == []
    assert "case-9" not in {one.subject for one in going.keys}


def test_papers_go_with_an_account_and_only_with_it() -> None:
    account = Subject(id=ACCOUNT, state="OR", present=frozenset({"access"}), today=TODAY)
    what = found(account, student_id=None, attachments=["p2", "p1"], cases=[])
    going = scope("access", what)
    assert going.attachments == ["p1", "p2"]
    assert [one.key_class for one in going.keys] == ["access"]
    assert going.student_id is None
    assert scope(what=found(attachments=["p1"])).attachments == []


@pytest.mark.parametrize("record_class", COUNTED)
def test_where_the_key_is_gone_nothing_is_left_to_destroy(record_class: str) -> None:
    assert scope_of(record_class, found(keys=[])) is None


def test_a_record_whose_eligibility_went_before_goes_with_what_is_left() -> None:
    left = [one for one in found().keys if one.key_class != "eligibility"]
    going = scope(what=found(keys=left))
    assert "eligibility" not in going.events
    assert scope_of("eligibility", found(keys=left)) is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"version": 10}, ["version"]),
        ({"events": {}}, ["events"]),
        ({"subject": subject(student=frozenset({RECORD, OTHER}))}, ["student"]),
        ({"cases": []}, ["keys", "events", "cases"]),
        ({}, []),
    ],
)
def test_whatever_is_no_longer_as_it_was_is_named(change: dict[str, Any], told: list[str]) -> None:
    assert changes(scope(), scope(what=found(**change))) == told


def test_no_scope_has_room_for_a_state_s_own_id() -> None:
    assert set(Scope.__struct_fields__) == {
        "record_class",
        "subject",
        "keys",
        "version",
        "state",
        "student_id",
        "student",
        "events",
        "attachments",
        "cases",
    }


subjects = st.sampled_from([RECORD, OTHER, "case-1", "OR-20330601", "ledger"])
keys = st.builds(
    Key,
    id=st.uuids().map(lambda one: one.hex),
    subject=subjects,
    key_class=st.sampled_from(sorted(KeyClass)),
)


@given(
    keys=st.lists(keys, max_size=12, unique_by=lambda one: (one.subject, one.key_class)),
    cases=st.lists(
        st.builds(ClosedCase, id=st.text(max_size=3), key=keys, events=st.just(1), first=subjects), max_size=3
    ),
    record_class=st.sampled_from(["education", "eligibility"]),
)
def test_no_key_of_anybody_else_ever_goes(keys: list[Key], cases: list[ClosedCase], record_class: str) -> None:
    what = Found(subject=subject(), keys=keys, events={}, version=1, cases=cases)
    going = scope_of(record_class, what)
    if going is None:
        assert (RECORD, record_class) not in {(one.subject, one.key_class) for one in keys}
        return
    led = {case.key.id for case in cases if case.first == RECORD and record_class == "education"}
    for one in going.keys:
        assert one.id in led or (one.subject == RECORD and one.key_class in KEYS[record_class])
    assert led <= {one.id for one in going.keys}
