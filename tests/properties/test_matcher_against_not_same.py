"""What is declared not to be one child's is never one student's, whatever people and the matcher do by turns.

People merge, split, declare, answer and take back at random between the nights; whatever is refused to them is no
matter. The matcher never fails, and comes to an end.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.application import Ledger
from ledger.errors import LedgerError
from ledger.events.linkage import ActReversed, RecordLinked, RecordsSplit, StudentsMerged
from ledger.matching.traits import Traits
from ledger.store.database import Database
from support.any_nights import says_less, towns
from support.linking import merge, reverse, split
from support.matching_runs import MatchingRuns, crossed, name_of

KINDS = ("merge", "merge", "declare", "split", "reverse", "reverse", "withdraw", "yes", "no", "tell", "retract")
Step = tuple[str, int, int]


def do(matching: MatchingRuns, night: Sequence[Traits], step: Step) -> None:
    """What a person or a state does. Whatever of it is refused is left."""
    kind, one, other = step
    told, another = night[one % len(night)], night[other % len(night)]
    left, right = name_of(told), name_of(another)
    minted, shown = matching.minted(), matching.shown()
    acts = list(dict.fromkeys(e.act for e in matching.events() if isinstance(e, _ACTS)))
    with contextlib.suppress(LedgerError):
        match kind:
            case "merge":
                merge(matching.ledger, shown[left], shown[right])
            case "declare":
                matching.declares(left, right)
            case "split":
                rest = [minted[name] for name in shown if shown[name] == shown[left] and name != left]
                split(matching.ledger, [minted[left]], rest)
            case "reverse" if acts:
                reverse(matching.ledger, acts[-1 - one % len(acts)])
            case "withdraw" if declarations := matching.declarations():
                matching.withdraws(declarations[one % len(declarations)])
            case "yes" | "no" if cases := matching.open_cases():
                matching.answers(cases[one % len(cases)], yes=kind == "yes")
            case "tell":
                matching.tells(says_less(told) if other % 2 else told)
            case "retract":
                matching.retracts(told)
            case _:
                pass


_ACTS = (RecordLinked, StudentsMerged, RecordsSplit, ActReversed)


def test_no_student_holds_what_was_declared_whatever_people_do_between_the_nights(
    new_database: Callable[[], Database], new_ledger: Callable[..., Ledger], sized: Callable[..., settings]
) -> None:
    step = st.tuples(st.sampled_from(KINDS), st.integers(0, 30), st.integers(0, 30))

    @sized(12)
    @given(towns(records_max=8), st.lists(st.lists(step, max_size=4), min_size=1, max_size=4))
    def law(night: list[Traits], days: list[list[Step]]) -> None:
        ledger = new_ledger(new_database())
        matching = MatchingRuns(ledger)
        try:
            matching.tells(*night)
            for steps in days:
                matching.runs()
                assert crossed(matching.students(), matching.apart()) == []
                head = matching.head()
                matching.runs()
                assert matching.head() == head, "it had come to an end"
                for step in steps:
                    do(matching, night, step)
            matching.runs()
            assert crossed(matching.students(), matching.apart()) == []
            assert matching.waiting() == []
        finally:
            ledger.close()

    law()
