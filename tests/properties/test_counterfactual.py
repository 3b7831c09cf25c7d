"""Law 4 without a store: what an act and its reversal leave is what would be there had the act never been.

A history is told by a tape of numbers: which act, and on whom. Whoever is asked, the plain reference is right.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.errors import LedgerError
from ledger.events.linkage import ActReversed
from ledger.linkage import live_acts
from ledger.linkage_acts import Reverse, Withdraw
from ledger.record import Command as RecordCommand
from ledger.record import CorrectFact, PlaceFact, RetractFact
from support import linkage_tapes
from support.linkage_histories import History, Reference, assert_as_told, child, tried
from support.linkage_tapes import Step, command_of
from support.rows import course

RECORDS = 6
Tape = Sequence[Step]

STEPS = st.tuples(st.integers(0, 12), st.integers(0, 11), st.integers(0, 11))
"""As those of ``linkage_tapes``; from 10 on, what a state says of a record."""
TAPES = st.lists(STEPS, min_size=2, max_size=16)


def fact_of(history: History, kind: int, one: int, other: int) -> RecordCommand:
    """What a state says of one of its records."""
    state, ssid = child(one % RECORDS)
    facts = [fact.id for fact in history.states[one % RECORDS].facts.values() if fact.kind == "course"]
    match kind:
        case 10:
            return PlaceFact(state=state, state_student_id=ssid, row=course(None, course_title=f"Course {other % 4}"))
        case 11:
            fact, grade = facts[other % len(facts)], "ABC"[other % 3]
            return CorrectFact(state=state, state_student_id=ssid, fact=fact, elements={"final_grade": grade})
        case _:
            return RetractFact(state=state, state_student_id=ssid, fact=facts[other % len(facts)])


def tell(tape: Tape, *, look: Callable[[History], None]) -> History:
    history = History(RECORDS)
    records = [anchor.record for anchor in history.anchors]
    for kind, one, other in tape:
        if kind >= 10:
            with suppress(LedgerError):
                history.state_says(one % RECORDS, fact_of(history, kind, one, other))
            continue
        command = command_of(history.reach(), records, (kind, one, other))
        if command is not None:
            tried(history, command)
            look(history)
    return history


def assert_counterfactual(history: History) -> None:
    """Of each act that is reversed, by whatever chain of undoing: without all of that chain it is the same."""
    linkage = history.reach().linkage
    live = live_acts(linkage)
    reversed_acts = [
        act for act, (_, event) in linkage.acts.items() if act not in live and not isinstance(event, ActReversed)
    ]
    for act in reversed_acts:
        without = history.without(act)
        assert without.students() == history.students(), f"without {act}"
        assert without.shown() == history.shown(), f"without {act}"


def quick(examples: int) -> settings:
    return settings(max_examples=examples, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])


KEPT: tuple[Tape, ...] = (
    ((0, 0, 1), (5, 0, 0), (5, 0, 0), (5, 0, 0)),
    ((2, 0, 1), (2, 1, 2), (5, 1, 0), (4, 1, 0), (5, 2, 0)),
    # A merge is split, then reversed, then the split is: what the reversal parted stays declared.
    ((0, 1, 0), (2, 0, 2), (4, 0, 0), (5, 1, 0), (5, 1, 0), (2, 0, 2)),
)
"""Histories that were wrong once, or nearly."""


def told(tape: Tape) -> None:
    """One history, looked at after every step."""
    assert_counterfactual(tell(tape, look=assert_as_told))


@pytest.mark.parametrize("tape", KEPT)
def test_a_history_that_was_wrong_once_is_right(tape: Tape) -> None:
    told(tape)


@pytest.mark.parametrize("histories", [10_000, pytest.param(1_000_000, marks=pytest.mark.torture)])
def test_what_is_reversed_might_never_have_been(histories: int) -> None:
    """Drawn by hand, not by Hypothesis, whose drawing would take twice as long as the histories themselves."""
    seed = int.from_bytes(os.urandom(4))
    chance = Random(seed)
    for _ in range(histories):
        steps = range(chance.randint(2, 16))
        tape = [(chance.randint(0, 12), chance.randint(0, 11), chance.randint(0, 11)) for _ in steps]
        try:
            told(tape)
        except Exception:
            shortest = shrunk(tape)
            print(f"seed {seed}; keep this history: {shortest}")
            told(shortest)
            raise


def shrunk(tape: Tape) -> Tape:
    """The history with every step left out that it can fail without."""
    for number in range(len(tape)):
        shorter = [*tape[:number], *tape[number + 1 :]]
        if fails(shorter):
            return shrunk(shorter)
    return tape


def fails(tape: Tape) -> bool:
    try:
        told(tape)
    except Exception:
        return True
    return False


def test_a_history_that_fails_is_shrunk_to_what_it_cannot_fail_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "assert_counterfactual", refuses_two_acts)
    assert len(shrunk([(0, 0, 1), (10, 0, 0), (0, 1, 2), (8, 3, 4), (0, 4, 5)])) == 2


def refuses_two_acts(history: History) -> None:
    assert len(history.reach().linkage.acts) < 2


@given(TAPES, st.integers(0, 2**32))
def undone(tape: Tape, seed: int) -> None:
    history = tell(tape, look=lambda _: None)
    chance = Random(seed)
    for declaration in history.reach().linkage.declarations:
        tried(history, Withdraw(declaration=declaration))
    while joins := [
        act
        for act in live_acts(history.reach().linkage)
        if not isinstance(history.reach().linkage.acts[act][1], ActReversed)
    ]:
        # A split that is undone may join what a reversal just now declared apart: then that act waits its turn.
        chance.shuffle(sorted_joins := sorted(joins))
        if not any(tried(history, Reverse(act=act)) for act in sorted_joins):
            break
        assert_as_told(history)
    edges = Reference(history.anchors, history.said).neighbours()
    if not any(edges.values()):
        assert history.students() == {a.student_id: {number} for number, a in enumerate(history.anchors)}


def test_undone_in_any_order_every_record_is_its_own_student_again() -> None:
    quick(1_000)(undone)()


@given(TAPES, linkage_tapes.STEPS)
def refused(tape: Tape, step: Step) -> None:
    history = tell(tape, look=lambda _: None)
    before = list(history.said)
    command = command_of(history.reach(), [anchor.record for anchor in history.anchors], step)
    if command is not None and tried(history, command) is None:
        assert history.said == before


def test_what_is_refused_leaves_nothing() -> None:
    quick(500)(refused)()


@given(TAPES, st.randoms(use_true_random=False))
def shuffled(tape: Tape, chance: Random) -> None:
    history = tell(tape, look=lambda _: None)
    students = history.students()
    copies = list(history.said)
    # A reader may meet copies of an act again, and in any order: the first position of each is what counts.
    history.said = [*copies, *chance.sample(copies, len(copies) // 2)]
    assert history.students() == students


test_a_copy_that_is_heard_again_changes_nothing = partial(quick(300)(shuffled))
