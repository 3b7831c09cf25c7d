"""Law 8 for ``retention``: its days are those that the events of a record and of an account tell, whatever was taken
back or destroyed; and by them nothing is missed that is due.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.account_acts import Deactivate, EndRole
from ledger.events import Erased, Recorded
from ledger.retention.days import days_of_account, days_of_record
from ledger.retention.due import Latest
from ledger.retention.places import places_of
from ledger.retention.schedules import Since
from ledger.store.database import Role
from projections import retention
from support.admitting import BY_HAND, OREGON, admitted, applied, applying
from support.disposing import Item, dispose
from support.stories import BATCHES, append, own_story
from support.telling import histories
from support.worlds import World

Sized = Callable[..., settings]
MODEL = retention.PROJECTION


def day_of(instant: datetime) -> date:
    """In a zone behind UTC, as those of the states are."""
    return (instant - timedelta(hours=8)).date()


def found(world: World, record_class: str, state: str | None, latest: Mapping[Since, date]) -> set[str]:
    query, asked = retention.candidates(record_class, state, Latest(latest), "", 100_000)
    with world.database.connect(Role.READER) as conn:
        return {subject for (subject,) in conn.execute(query, asked).fetchall()}


def test_law_8_and_nothing_that_is_due_is_missed(world: World, sized: Sized) -> None:
    @sized(25)
    @given(histories(records_max=3), BATCHES, st.sampled_from([None, "eligibility", "education"]))
    def law(drawn: list[Recorded], batch: int, destroyed: str | None) -> None:
        story, start = own_story(world, drawn), world.head()
        append(world.ledgers[0].log, story)
        world.project(batch, MODEL)
        if destroyed is not None:
            first = story[0]
            minted = first.event.student_id  # type: ignore[attr-defined] - a history begins with an opening
            dispose(world.database, world.ledgers[0], destroyed, Item(first.stream.removeprefix("record/"), minted))
            world.project(batch, MODEL)
        streams: dict[str, list[Recorded]] = {}
        for one in world.events(start):
            if one.stream.startswith("record/"):
                streams.setdefault(one.stream, []).append(one)
        for stream, told in streams.items():
            record, state = stream.removeprefix("record/"), state_of(story, stream)
            days = days_of_record(told, None, day_of)
            for since, day in days.items():
                # A schedule by which it is due on this very day, and one by which it has years to go.
                assert record in found(world, "education", state, {since: day}), since
                assert record not in found(world, "education", state, {since: day - timedelta(days=2)}), since
            there = not isinstance(told[0].event, Erased)
            assert (record in found(world, "education", state, {Since.LAST_ACTIVITY: date.max})) == there
            assert (Since.BIRTH in days) == (record in found(world, "education", state, {Since.BIRTH: date.max}))
            moved = there and any(one.event.key_class() == "eligibility" for one in told)
            assert (record in found(world, "eligibility", state, {Since.LAST_ACTIVITY: date.max})) == moved
        live = world.digest(MODEL)
        world.rebuild(batch * 50, MODEL)
        assert world.digest(MODEL) == live

    law()


def state_of(story: Sequence[Recorded], stream: str) -> Any:
    return next(one.event.state for one in story if one.stream == stream)  # type: ignore[attr-defined]


def test_access_that_has_ended_is_found_and_what_is_had_or_waited_for_is_not(world: World) -> None:
    ledger = world.ledgers[0]
    rosa = admitted(ledger.admissions)
    application, carl = applied(ledger.admissions, applying("carl@school.example.org", state="CA"))
    world.project(3, MODEL)
    late = datetime(2099, 1, 1, tzinfo=UTC).date()
    assert found(world, "access", None, {Since.ACCESS_END: late}) == set()
    world.rebuild(4, MODEL)
    for name, papers in ((rosa, ()), (carl, (application,))):
        account = ledger.log.read_stream(f"account/{name}")
        assert days_of_account(account, [ledger.log.read_stream(f"application/{one}") for one in papers], day_of) == {}
    deactivate = Deactivate(by=OREGON.name, reason="She has left.")
    ledger.admissions.act(rosa, deactivate, BY_HAND, authority=OREGON)
    world.project(2, MODEL)
    ended = days_of_account(ledger.log.read_stream(f"account/{rosa}"), [], day_of)[Since.ACCESS_END]
    assert found(world, "access", None, {Since.ACCESS_END: ended}) == {rosa}
    assert found(world, "access", None, {Since.ACCESS_END: ended - timedelta(days=2)}) == set()


def test_an_account_is_of_every_state_that_its_own_events_name(world: World) -> None:
    ledger = world.ledgers[0]
    rosa = admitted(ledger.admissions)
    ledger.admissions.act(rosa, EndRole(by=OREGON.name, grant=1, reason="Moved."), BY_HAND, authority=OREGON)
    ledger.admissions.apply(replace(applying(state="CA"), account=rosa), BY_HAND)
    world.project(3, MODEL)
    named = places_of(one.event for one in ledger.log.read_stream(f"account/{rosa}"))
    assert [place.state for place in named] == ["OR", "CA"]
    with world.database.connect(Role.READER) as conn:
        rows = conn.execute("select states from retention.accounts where account = %s", (rosa,)).fetchall()
    assert rows == [(["OR", "CA"],)]
