"""Whom the matcher links, and what it asks, does not hang on the order in which a night's files came.

Neither on which state's file is the first, nor on where in a file a record stands: once all of it is there, the
students are the same, and so are the questions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.application import Ledger
from ledger.matching.traits import Traits
from ledger.store.database import Database
from support.any_nights import STATES, populations, towns
from support.matching_runs import MatchingRuns, Pair, Side

NewLedger = Callable[..., Ledger]


def decided(ledger: Ledger, night: Sequence[Traits]) -> tuple[set[Side], Counter[Pair]]:
    """The students and the questions that come of a night."""
    try:
        matching = MatchingRuns(ledger)
        matching.tells(*night)
        matching.runs()
        assert matching.waiting() == []
        return matching.students(), Counter(matching.questions())
    finally:
        ledger.close()


@st.composite
def nights(draw: st.DrawFn) -> tuple[list[Traits], list[Traits]]:
    """A night, twice: the second time with the files in another order, and other orders within them."""
    night = draw(st.one_of(towns(), populations()))
    states = draw(st.permutations(sorted({*STATES, *(told.state for told in night)})))
    shuffled = draw(st.permutations(night))
    return night, sorted(shuffled, key=lambda told: states.index(told.state))


def test_the_order_of_a_nights_files_changes_no_decision(
    new_database: Callable[[], Database], new_ledger: NewLedger, sized: Callable[..., settings]
) -> None:
    @sized(12)
    @given(nights())
    def law(drawn: tuple[list[Traits], list[Traits]]) -> None:
        first, second = (decided(new_ledger(new_database()), night) for night in drawn)
        assert first == second

    law()
