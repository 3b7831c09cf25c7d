"""Whom the matcher links, and what it asks, does not hang on the order in which a night's files came.

Neither on which state's file is the first, nor on where in a file a record stands: once all of it is there, the
students are the same, and so are the questions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.application import Ledger
from ledger.matching.traits import Traits
from ledger.store.database import Database
from support.any_nights import STATES, populations, towns
from support.matching_runs import MatchingRuns, Pair, Side

NewLedger = Callable[..., Ledger]


def decided(ledger: Ledger, night: Sequence[Traits], **sizes: int) -> tuple[set[Side], Counter[Pair]]:
    """The students and the questions that come of a night. sizes: of what the matcher takes at once."""
    try:
        matching = MatchingRuns(ledger)
        matching.tells(*night)
        matching.runs(**sizes)
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


@pytest.mark.parametrize("decided_at_once", [1, 3])
def test_the_order_changes_no_decision_where_more_waits_than_is_decided_at_once(
    new_database: Callable[[], Database],
    new_ledger: NewLedger,
    sized: Callable[..., settings],
    decided_at_once: int,
) -> None:
    @sized(8)
    @given(nights())
    def law(drawn: tuple[list[Traits], list[Traits]]) -> None:
        first, second = (decided(new_ledger(new_database()), night, decided_at_once=decided_at_once) for night in drawn)
        assert first == second

    law()


def test_what_is_decided_at_once_changes_no_decision_of_a_few_families(
    new_database: Callable[[], Database], new_ledger: NewLedger, sized: Callable[..., settings]
) -> None:
    """Those who come near each other are decided together, however few are at once; it grows to sixteen here."""

    @sized(8)
    @given(nights())
    def law(drawn: tuple[list[Traits], list[Traits]]) -> None:
        night = drawn[0][:16]
        whole, parts = (decided(new_ledger(new_database()), night, decided_at_once=at_once) for at_once in (1000, 4))
        assert whole == parts

    law()
