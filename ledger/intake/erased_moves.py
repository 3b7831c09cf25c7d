"""Rows of moves whose key was destroyed: a state goes on sending them, and nothing of them is to come back by that.

Invariant: a row that says what an erased move said is unchanged, and reaches no decider; one that says anything else is
a new fact, never a correction of what nobody can read. Pure.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from ledger.facts import RecordState, Row, StudentRows
from ledger.intake.student import Decision, Outcome
from ledger.jurisdiction import Profile
from ledger.record import Command, PlaceFact, PlaceStudent, decide
from ledger.row_hash import erased_among


def decide_beside(
    command: Command,
    state: RecordState | None,
    profile: Profile,
    key: Callable[[], bytes],
    erased_key: Callable[[], bytes],
) -> Decision:
    """As ``ledger.record.decide``, beside moves of which only the guard still knows. key: of row hashes. erased_key: of
    this record's erased moves."""
    if state is not None and state.erased:
        if isinstance(command, PlaceStudent):
            return decide_others(
                command.student,
                state,
                key(),
                erased_key,
                lambda left: decide(replace(command, student=left), state, profile),
            )
        if isinstance(command, PlaceFact) and (known := says_nothing_new(command.row, state, key(), erased_key)):
            return known
    return decide(command, state, profile)


def decide_others(
    student: StudentRows,
    state: RecordState | None,
    key: bytes,
    erased_key: Callable[[], bytes],
    decide: Callable[[StudentRows], Decision],
) -> Decision:
    """What a student's rows bring, with one outcome each. decide: upon those that are left. key, erased_key: as in
    ``decide_beside``."""
    erased = {} if state is None else erased_among(student.rows, state, key, erased_key)
    if not erased:
        return decide(student)
    decision = decide(replace(student, rows=[row for at, row in enumerate(student.rows) if at not in erased]))
    first, *others = decision.outcomes
    left = iter(others)
    outcomes = [_unchanged(row, erased[at]) if at in erased else next(left) for at, row in enumerate(student.rows)]
    return Decision(events=decision.events, outcomes=[first, *outcomes])


def says_nothing_new(
    row: Row, state: RecordState | None, key: bytes, erased_key: Callable[[], bytes]
) -> Decision | None:
    """The answer to a row that says what an erased move said; None to any other."""
    erased = {} if state is None else erased_among([row], state, key, erased_key)
    return Decision(events=[], outcomes=[_unchanged(row, erased[0])]) if erased else None


def _unchanged(row: Row, fact: int) -> Outcome:
    return Outcome(letter=row.letter, outcome="unchanged", row=row.number, fact=fact)
