"""Law 8 of the read model ``readers``: each reader's day is what a plain count of the entries says, however they were
batched, and a rebuild equals the live one. The clock stands still, goes on by hours, and past midnight.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.events import Event, Meta
from ledger.events.disclosure import BulkDisclosed, Disclosed, DisclosureRefused
from ledger.store.append import Append, Part
from ledger.store.database import Role
from projections import readers
from projections.projection import digest
from support.stories import BATCHES
from support.worlds import World

ACTORS = ("amy", "bea")
STATES = (None, "OR", "CA")
Entry = tuple[str, str, str | None, list[int], list[str], float]
ENTRIES: st.SearchStrategy[Entry] = st.tuples(
    st.sampled_from(ACTORS),
    st.sampled_from(("opened", "listed", "refused")),
    st.sampled_from(STATES),
    st.lists(st.integers(1, 4), max_size=5),
    st.lists(st.sampled_from(("OR", "CA", "TX")), max_size=2),
    st.sampled_from((0.0, 3_600.0, 40_000.0, 90_000.0)),
)


def events_of(example: str, entry: Entry) -> list[tuple[str, Event, str]]:
    """Actor, event and child of what an entry comes to."""
    actor, kind, own, children, states, _ = entry
    about: dict[str, Any] = {"role": "auditor", "organisation": "OR", "purpose": "p", "basis": "b", "own_state": own}
    names = [f"{example}-{number}" for number in children]
    if kind == "listed":
        return [(actor, BulkDisclosed(**about, view="v", records=names, filters=[], position=1, children=names), "")]
    if kind == "refused":
        return [(actor, DisclosureRefused(**about, student_id=name, view="v", rule="none"), name) for name in names]
    return [
        (actor, Disclosed(**about, student_id=name, view="v", sections=[], position=1, states=states), name)
        for name in names
    ]


def test_law_8_readers_are_the_naive_count_of_the_access_log(world: World, sized: Callable[..., settings]) -> None:
    @sized(20)
    @given(drawn=st.lists(ENTRIES, max_size=15), first=BATCHES, second=BATCHES)
    def law(drawn: list[Entry], first: int, second: int) -> None:
        example, ledger = world.next_example(), world.ledgers[0]
        shown: dict[tuple[str, str | None, date], set[str]] = {}
        elsewhere: dict[tuple[str, str | None, date], set[str]] = {}
        for number, entry in enumerate(drawn):
            name, kind, own, children, states, seconds = entry
            actor = f"{name} {example}"
            for _, event, _ in events_of(example, entry):
                part = Part(stream=f"request/{example}", subject="ledger", expected=None, events=[event])
                if not isinstance(event, BulkDisclosed):
                    record = f"01990000-0000-7000-8000-{number:012x}"
                    part = Part(stream=f"disclosure/{record}", subject=record, expected=None, events=[event])
                ledger.access.append(Append(parts=[part], meta=Meta(actor=actor)))
            seen = {f"{example}-{child}" for child in children}
            if kind != "refused" and seen:
                key = actor, own, world.clocks[0].now.date()
                shown.setdefault(key, set()).update(seen)
                far = kind == "opened" and own is not None and bool(states) and own not in states
                elsewhere.setdefault(key, set()).update(seen if far else ())
            if number == len(drawn) // 2:
                world.project(first, readers.PROJECTION)
            world.clocks[0].step(seconds)
        world.project(second, readers.PROJECTION)
        counted = {key: (len(children), len(elsewhere[key])) for key, children in shown.items()}
        with world.database.connect(Role.READER) as connection:
            told = {
                (one.actor, one.own_state, day): (one.children, one.elsewhere)
                for day in {day for *_, day in shown}
                for one in readers.of_day_now(connection, day)[1]
                if one.actor.endswith(example)
            }
            assert told == counted
            live = digest(connection, readers.PROJECTION)
            world.rebuild(first * 7, readers.PROJECTION)
            assert digest(connection, readers.PROJECTION) == live

    law()
