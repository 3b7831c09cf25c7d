"""A case: who has a say, before whom it lies, what time does to it, and what the answers come to."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ledger.cases import (
    HOLDS,
    KINDS,
    REASON_MAX,
    VALIDATES,
    Administrator,
    AssignCase,
    CloseCase,
    approved_by_time,
    decide,
    fold,
    next_due,
    verdict,
)
from ledger.errors import (
    AlreadyAnswered,
    BadValue,
    CaseIsClosed,
    Forbidden,
    LogBroken,
    NotAsked,
    NotAssignable,
    NotFound,
    OwnProposal,
)
from ledger.events.case import CaseAnswered, CaseAssigned, CaseClosed, CaseEscalated, Place
from support.given_case import CA, OR, OR_DISTRICT, OR_REGION, TX, answer, escalate, given, opened

CLOSED = CaseClosed(outcome="rejected")


def yes(*states: str, by: str = "ben", place: Place | None = None) -> CaseAnswered:
    return CaseAnswered(states=list(states), yes=True, by=by, reason="I know them.", place=place)


# -- answers


def test_every_state_asked_must_say_yes() -> None:
    once = given(opened()).when(answer(OR)).then(yes("OR", place=OR))
    assert verdict(once.case) is None
    both = once.when(answer(CA, by="cleo")).then(yes("CA", by="cleo", place=CA))
    assert verdict(both.case) is True


def test_one_no_settles_it_as_no() -> None:
    assert verdict(given(opened()).when(answer(CA, yes=False)).after().case) is False
    assert verdict(given(opened(), yes("OR")).when(answer(CA, yes=False)).after().case) is False


@pytest.mark.parametrize("kind", sorted(set(KINDS) - VALIDATES))
@pytest.mark.parametrize("says", [True, False])
def test_a_question_that_validates_nothing_is_settled_by_the_first_answer(kind: str, says: bool) -> None:
    assert verdict(given(opened(kind)).case) is None
    assert verdict(given(opened(kind)).when(answer(CA, yes=says)).after().case) is says


def test_an_operator_answers_for_every_state_that_has_yet_to_answer() -> None:
    given(opened()).when(answer(None)).then(yes("CA", "OR"))
    assert verdict(given(opened(), yes("OR")).when(answer(None)).then(yes("CA")).case) is True


@pytest.mark.parametrize("name", ["ana", "ANA", " Ana "])
@pytest.mark.parametrize("place", [OR, CA, None])
def test_whoever_proposed_it_does_not_validate_it(name: str, place: Place | None) -> None:
    given(opened()).when(answer(place, by=name)).refused(OwnProposal)
    given(opened()).when(answer(place, by=name, yes=False)).refused(OwnProposal)


def test_whoever_opened_a_question_may_answer_it_where_nothing_is_validated() -> None:
    assert verdict(given(opened("residue")).when(answer(OR, by="ana")).after().case) is True


def test_a_state_that_was_not_asked_is_refused() -> None:
    given(opened()).when(answer(TX)).refused(NotAsked, "TX")


@pytest.mark.parametrize(
    ("lies", "office", "may"),
    [
        (OR_DISTRICT, OR_DISTRICT, True),
        (OR_DISTRICT, Place(state="OR", district="4113770"), True),
        (OR_DISTRICT, OR_REGION, True),
        (OR_DISTRICT, OR, True),
        (OR_DISTRICT, Place(state="OR", region="R2", district="4110820"), False),
        (OR_DISTRICT, Place(state="OR", region="R3"), False),
        (Place(state="OR", district="4113770"), OR_DISTRICT, True),
        (Place(state="OR", district="4113770"), OR_REGION, False),
        (OR_REGION, OR_DISTRICT, False),
        (OR_REGION, OR_REGION, True),
        (OR_REGION, Place(state="OR", region="R3"), False),
        (OR, OR_DISTRICT, False),
        (OR, OR_REGION, False),
        (OR, OR, True),
        (OR, None, True),
    ],
)
def test_an_office_has_to_do_with_what_lies_with_it_or_below_it_alone(
    lies: Place, office: Place | None, *, may: bool
) -> None:
    case = given(opened(), CaseAssigned(state="OR", place=lies))
    for command in (answer(office), assign(lies, "dora", by=office)):
        if may:
            assert case.when(command).after().case.version == 3
        else:
            case.when(command).refused(Forbidden, "another office")
    # How it ended is told to nobody who may not read it.
    if not may:
        over = given(*case.history, CLOSED)
        over.when(answer(office)).refused(Forbidden)
        over.when(assign(lies, by=office)).refused(Forbidden)


def test_a_state_answers_once() -> None:
    given(opened(), yes("OR")).when(answer(OR, yes=False)).refused(AlreadyAnswered, "OR")


def test_a_closed_case_takes_no_answer_and_no_assignment_and_says_how_it_ended() -> None:
    case = given(opened(), yes("OR"), CLOSED)
    case.when(answer(CA)).refused(CaseIsClosed, "answered no")
    case.when(AssignCase(by=Administrator(name="ben"), place=OR)).refused(CaseIsClosed)
    case.when(CloseCase(outcome="settled")).refused(CaseIsClosed)
    overtaken = CaseClosed(outcome="overtaken", code="same-student")
    given(opened(), overtaken).when(answer(CA)).refused(CaseIsClosed, "overtaken (same-student)")


@pytest.mark.parametrize("reason", ["", "  \n", "x" * (REASON_MAX + 1)])
def test_an_answer_without_a_reason_is_refused(reason: str) -> None:
    given(opened()).when(answer(OR, reason=reason)).refused(BadValue)


def test_a_case_that_there_is_not_is_not_found() -> None:
    with pytest.raises(NotFound):
        decide(answer(OR), None)


def test_what_is_no_cases_event_breaks_the_log() -> None:
    with pytest.raises(LogBroken):
        fold([yes("OR")])
    with pytest.raises(LogBroken):
        fold([opened(), opened()])


# -- assignment


def assign(place: Place, *names: str, by: Place | None = None, there: bool = True) -> AssignCase:
    return AssignCase(by=Administrator(name="cleo", place=by), place=place, names=names, there=there)


AT_STATE = CaseEscalated(state="OR", place=OR)


def test_a_case_goes_down_to_a_region_and_on_to_a_district() -> None:
    at_state = given(opened(), AT_STATE)
    region = at_state.when(assign(OR_REGION, by=OR)).then(CaseAssigned(state="OR", place=OR_REGION))
    region.when(assign(OR_DISTRICT, by=OR_REGION)).then(CaseAssigned(state="OR", place=OR_DISTRICT))


def test_a_case_goes_sideways_to_several_people_by_name() -> None:
    other = Place(state="OR", region="R3")
    moved = given(opened(), CaseEscalated(state="OR", place=OR_REGION)).when(assign(other, "dora", " eva  b ", "dora"))
    assert moved.then(CaseAssigned(state="OR", place=other, names=["dora", "eva b"])).case.parts["OR"].names == (
        "dora",
        "eva b",
    )


def test_a_case_never_goes_up_by_assignment() -> None:
    given(opened()).when(assign(OR_REGION, by=OR)).refused(NotAssignable, "sideways or down")
    given(opened()).when(assign(OR)).refused(NotAssignable)


def test_a_case_goes_to_no_office_that_there_is_not_and_to_no_state_that_is_not_asked() -> None:
    given(opened()).when(assign(Place(state="OR", district="4100000"), there=False)).refused(NotAssignable, "OR")
    given(opened()).when(assign(TX)).refused(NotAsked, "TX")


def test_another_states_part_is_not_assigned() -> None:
    given(opened()).when(assign(OR_DISTRICT, "dora", by=CA)).refused(NotAsked)


def test_an_office_below_does_not_take_what_lies_above() -> None:
    given(opened(), AT_STATE).when(assign(OR_DISTRICT, by=OR_DISTRICT)).refused(Forbidden)


def test_an_assignment_that_changes_nothing_is_nothing() -> None:
    given(opened()).when(assign(OR_DISTRICT, by=OR)).then()


@pytest.mark.parametrize("names", [[""], ["ana", " "], [f"n{n}" for n in range(51)], ["an\0a"], ["ana\u202e"]])
def test_an_assignment_to_nobodys_name_is_refused(names: list[str]) -> None:
    given(opened()).when(assign(OR_DISTRICT, *names)).refused(BadValue)


# -- time


def test_a_level_has_its_days_to_the_end_of_the_last_in_the_states_own_zone() -> None:
    case = given(opened()).case
    steps = case.parts["OR"].asked.steps
    assert [(step.level, step.due_on) for step in steps] == [
        ("district", "2025-10-09"),
        ("region", "2025-10-16"),
        ("state", "2025-11-01"),
    ]
    # Midnight of the tenth in Oregon, in daylight saving time.
    assert steps[0].due == datetime(2025, 10, 10, 7, tzinfo=UTC)
    assert next_due(case) == steps[0].due
    assert [step.due_on for step in case.parts["CA"].asked.steps] == ["2025-10-18"]


def test_a_case_goes_up_when_the_days_of_its_level_are_over() -> None:
    case = given(opened())
    case.when(escalate(7.5)).then()
    region = case.when(escalate(8)).then(CaseEscalated(state="OR", place=OR_REGION))
    region.when(escalate(9)).then()
    state = region.when(escalate(15)).then(CaseEscalated(state="OR", place=OR))
    overdue = state.when(escalate(31)).then(
        CaseEscalated(state="CA", place=CA, overdue=True), CaseEscalated(state="OR", place=OR, overdue=True)
    )
    overdue.when(escalate(400)).then()
    assert next_due(overdue.case) is None


def test_a_clock_that_stood_still_brings_a_case_to_where_it_would_be() -> None:
    given(opened()).when(escalate(16)).then(CaseEscalated(state="OR", place=OR))
    given(opened()).when(escalate(40)).then(
        CaseEscalated(state="CA", place=CA, overdue=True), CaseEscalated(state="OR", place=OR, overdue=True)
    )


def test_a_level_that_was_given_up_meanwhile_is_passed_over_and_the_state_has_its_own_days() -> None:
    without_region = {"OR": (OR_DISTRICT, OR), "CA": (CA,)}
    case = given(opened()).when(escalate(8, without_region)).then(CaseEscalated(state="OR", place=OR))
    assert next_due(case.case) == case.case.parts["CA"].asked.steps[0].due
    case.when(escalate(15, without_region)).then()
    case.when(escalate(31, without_region)).then(
        CaseEscalated(state="CA", place=CA, overdue=True), CaseEscalated(state="OR", place=OR, overdue=True)
    )


def test_to_whom_it_is_assigned_meanwhile_does_not_stop_its_days() -> None:
    case = given(opened(), AT_STATE, CaseAssigned(state="OR", place=OR_DISTRICT, names=["dora"]))
    overdue = case.when(escalate(31)).after().case.parts["OR"]
    assert (overdue.place, overdue.names, overdue.overdue) == (OR, (), True)


def test_a_state_that_has_answered_waits_no_longer() -> None:
    case = given(opened(), yes("OR"))
    case.when(escalate(40)).then(CaseEscalated(state="CA", place=CA, overdue=True))
    assert next_due(case.case) == case.case.parts["CA"].asked.steps[0].due


def test_time_does_nothing_to_a_closed_case() -> None:
    given(opened(), CLOSED).when(escalate(40)).then()
    assert next_due(given(opened(), CLOSED).case) is None


# -- approval by time

BOTH = {"OR": True, "CA": True}


@pytest.mark.parametrize("kind", KINDS)
def test_only_a_merge_or_a_split_is_approved_when_its_days_are_over(kind: str) -> None:
    case = given(opened(kind)).when(escalate(40)).after().case
    assert approved_by_time(case, BOTH) is (kind in {"validate-merge", "validate-split"})


def test_it_is_approved_only_where_every_state_asked_agreed_to_that_and_all_days_are_over() -> None:
    case = given(opened()).when(escalate(40)).after().case
    assert not approved_by_time(case, {"OR": True, "CA": False})
    assert not approved_by_time(given(opened()).when(escalate(20)).after().case, BOTH)
    # The one that answered has agreed by its answer, and is asked all the same.
    answered = given(opened(), yes("CA")).when(escalate(40)).after().case
    assert approved_by_time(answered, BOTH)
    assert not approved_by_time(answered, {"OR": True, "CA": False})


def test_it_is_never_approved_against_a_rejection_or_when_it_is_closed() -> None:
    no = CaseAnswered(states=["OR"], yes=False, by="ben", reason="Two girls.")
    assert not approved_by_time(given(opened(), no).when(escalate(40)).after().case, BOTH)
    assert not approved_by_time(given(opened(), CLOSED).case, BOTH)


# -- blind


def test_a_blind_check_tells_nothing_of_what_it_proposes_until_it_is_closed() -> None:
    case = given(opened("blind-check"))
    assert case.case.blind
    answered = case.when(answer(CA, yes=False)).after()
    assert answered.case.blind, "answered and closed in one append, and never told in between"
    assert not answered.when(CloseCase(outcome="rejected")).after().case.blind


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"blind-check"}))
def test_no_other_kind_is_blind(kind: str) -> None:
    assert not given(opened(kind)).case.blind


def test_a_blind_check_holds_no_record_since_that_would_tell_it_from_another() -> None:
    assert "blind-check" not in HOLDS
