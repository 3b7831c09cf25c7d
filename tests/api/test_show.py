"""The one door: nothing is rendered, and nothing leaves, before the entry is durable."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import pytest

from api.principal import Principal
from api.show import (
    Found,
    FoundMany,
    Shown,
    ShownMany,
    day_of,
    show,
    show_many,
    usual_zone_of,
)
from ledger.errors import Forbidden, NotFound, ProjectionBehind, StoreUnavailable
from ledger.events.disclosure import Disclosed, DisclosureRefused, SearchDisclosed
from ledger.store.append import Append, Receipt

NOW = datetime(2025, 9, 2, 18, tzinfo=UTC)
REGISTRAR = Principal("ana@school", "secondary_user", "OR", None, None, "OR")


class Access:
    """A log that keeps what is appended and lets a test decide when it is durable. known: keys are at hand."""

    def __init__(self, *, known: bool = True) -> None:
        self.sequencer = self
        self.appended: list[Append] = []
        self.waiting: list[asyncio.Future[Receipt]] = []
        self.known = known
        self.asked_vault = 0
        self.asked = asyncio.Event()
        self.vault = self
        self.disposals = -1
        self.disposals_of_records = -1

    def seal_cached(self, append: Append) -> Append | None:
        return append if self.known else None

    def seal(self, append: Append) -> Append:
        self.asked_vault += 1
        return append

    def submit_async(self, append: Append) -> asyncio.Future[Receipt]:
        self.appended.append(append)
        self.waiting.append(asyncio.get_running_loop().create_future())
        self.asked.set()
        return self.waiting[-1]


class Student:
    """A view of one student with two records."""

    action = "student.read"
    name = "student"
    sections: Sequence[str] = ("core", "health")

    def __init__(self, found: Found | None = Found("310890258979", ["r1", "r2"], 7, "7", ["CA", "OR"])) -> None:  # noqa: B008 - immutable
        self.found = found
        self.rendered = 0

    async def read(self, student_id: str) -> Found | None:
        return self.found

    def render(self, sections: Sequence[str], day: date) -> bytes:
        self.rendered += 1
        return f"{','.join(sections)} {day}".encode()


def ask(access: Access, view: Student, principal: Principal = REGISTRAR, known: str = "") -> Any:
    return show(
        principal,
        "enrollment",
        view,
        "310890258979",
        access=access,  # type: ignore[arg-type]
        request_id="request-1",
        now=NOW,
        known=known,
    )


async def answered(access: Access, view: Student, **more: Any) -> Shown:
    asking = asyncio.create_task(ask(access, view, **more))
    await access.asked.wait()
    access.waiting[0].set_result(Receipt(position=3, versions={}))
    return await asking


def test_nothing_is_rendered_before_the_entry_is_durable() -> None:
    async def story() -> None:
        access, view = Access(), Student()
        asking = asyncio.create_task(ask(access, view))
        for _ in range(20):
            await asyncio.sleep(0)
        assert access.appended
        assert not asking.done()
        assert view.rendered == 0
        access.waiting[0].set_result(Receipt(position=3, versions={}))
        assert (await asking).body == b"core,health 2025-09-02"

    asyncio.run(story())


def test_what_was_read_before_a_disposal_is_not_shown_once_the_commit_of_the_entry_tells_of_it() -> None:
    async def story() -> None:
        access = Access()
        view = Student(Found("310890258979", ["r1"], 7, "7", ["OR"], reached=41))
        access.disposals_of_records = 41
        asking = asyncio.create_task(ask(access, view))
        await access.asked.wait()
        access.disposals_of_records = 42
        access.waiting[0].set_result(Receipt(position=3, versions={}))
        with pytest.raises(ProjectionBehind):
            await asking
        assert view.rendered == 0

    asyncio.run(story())


def test_for_keys_of_submissions_that_went_nobody_waits() -> None:
    async def story() -> None:
        access = Access()
        access.disposals, access.disposals_of_records = 42, 41
        view = Student(Found("310890258979", ["r1"], 7, "7", ["OR"], reached=41))
        assert (await answered(access, view)).body == b"core,health 2025-09-02"

    asyncio.run(story())


def test_what_a_read_model_has_followed_meanwhile_is_shown() -> None:
    async def story() -> None:
        access = Access()
        access.disposals_of_records = 42
        view = Student(Found("310890258979", ["r1"], 7, "7", ["OR"], reached=41))
        asking = asyncio.create_task(ask(access, view))
        await asyncio.sleep(0)
        assert not access.appended, "of what is behind no entry is made"
        view.found = Found("310890258979", ["r1"], 7, "7", ["OR"], reached=42)
        await access.asked.wait()
        access.waiting[0].set_result(Receipt(position=3, versions={}))
        assert (await asking).body == b"core,health 2025-09-02"

    asyncio.run(story())


def test_an_entry_that_fails_shows_nothing() -> None:
    async def story() -> None:
        access, view = Access(), Student()
        asking = asyncio.create_task(ask(access, view))
        await access.asked.wait()
        access.waiting[0].set_exception(StoreUnavailable("away"))
        with pytest.raises(StoreUnavailable):
            await asking
        assert view.rendered == 0

    asyncio.run(story())


def test_each_record_gets_an_entry_of_its_own_and_all_share_the_request() -> None:
    async def story() -> None:
        access = Access()
        await answered(access, Student())
        [append] = access.appended
        assert [(part.stream, part.subject, part.expected) for part in append.parts] == [
            ("disclosure/r1", "r1", None),
            ("disclosure/r2", "r2", None),
        ]
        assert append.meta.actor == "ana@school"
        assert append.meta.request == "request-1"
        assert {type(event) for part in append.parts for event in part.events} == {Disclosed}

    asyncio.run(story())


def test_what_has_not_changed_is_disclosed_and_not_rendered() -> None:
    async def story() -> None:
        etag = (await answered(Access(), Student())).etag
        access, view = Access(), Student()
        assert (await answered(access, view, known=etag)).body is None
        assert view.rendered == 0
        [part, _] = access.appended[0].parts
        assert isinstance(part.events[0], Disclosed)
        assert part.events[0].not_modified

    asyncio.run(story())


def test_a_student_nobody_knows_leaves_no_entry() -> None:
    async def story() -> None:
        access = Access()
        with pytest.raises(NotFound):
            await ask(access, Student(None))
        assert access.appended == []

    asyncio.run(story())


def test_a_record_s_first_entry_asks_the_vault() -> None:
    async def story() -> None:
        access = Access(known=False)
        await answered(access, Student())
        assert access.asked_vault == 1

    asyncio.run(story())


def day(principal: Principal, states: Sequence[str], now: datetime) -> date:
    return asyncio.run(day_of(principal, states, now, usual_zone_of))


def test_the_day_is_the_reader_s_own() -> None:
    midnight = datetime(2025, 9, 3, 5, 30, tzinfo=UTC)
    stateless = Principal("p", "auditor", None, None, None, "Sojourn")
    assert day(REGISTRAR, ["FL"], midnight) == date(2025, 9, 2), "half past ten in the evening in Oregon"
    assert day(stateless, ["FL"], midnight) == date(2025, 9, 3), "half past one in the morning in Florida"
    assert day(stateless, [], midnight) == date(2025, 9, 3)


def test_the_day_is_told_by_the_clock_that_the_state_has_chosen() -> None:
    asked: list[str] = []

    async def zone_of(state: str) -> str:
        asked.append(state)
        return "Pacific/Honolulu"

    early = datetime(2025, 9, 3, 8, 30, tzinfo=UTC)
    assert day(REGISTRAR, ["FL"], early) == date(2025, 9, 3)
    assert asyncio.run(day_of(REGISTRAR, ["FL"], early, zone_of)) == date(2025, 9, 2), "evening in Honolulu"
    assert asked == ["OR"]


# -- refusals


async def refused(access: Access, view: Student, principal: Principal) -> Forbidden:
    with pytest.raises(Forbidden) as caught:
        await answered(access, view, principal=principal)
    return caught.value


def test_a_refusal_has_an_entry_for_each_record_and_shows_nothing() -> None:
    access, view = Access(), Student()
    desk = Principal("desk", "help_desk", None, None, None, "Sojourn")
    error = asyncio.run(refused(access, view, desk))
    assert error.members == {"rule": "none"}
    [append] = access.appended
    assert [part.stream for part in append.parts] == ["disclosure/r1", "disclosure/r2"]
    [[event], [other]] = [part.events for part in append.parts]
    assert event == other
    assert isinstance(event, DisclosureRefused)
    assert (event.student_id, event.view, event.rule) == ("310890258979", "student", "none")
    assert (event.purpose, event.basis) == ("enrollment", "")
    assert view.rendered == 0


def test_no_refusal_is_told_before_its_entry_is_durable() -> None:
    async def story() -> None:
        access = Access()
        desk = Principal("desk", "help_desk", None, None, None, "Sojourn")
        asking = asyncio.create_task(ask(access, Student(), desk))
        await access.asked.wait()
        assert not asking.done()
        access.waiting[0].set_exception(StoreUnavailable("away"))
        with pytest.raises(StoreUnavailable):
            await asking

    asyncio.run(story())


def test_a_parent_reads_a_child_all_of_whose_records_were_granted_and_no_other() -> None:
    def parent(*granted: str) -> Principal:
        return Principal("rosa", "parent", None, None, None, "family", frozenset(granted))

    access = Access()
    shown = asyncio.run(answered(access, Student(), principal=parent("r1", "r2", "r3")))
    assert shown.body == b"core,health 2025-09-02"
    [event] = access.appended[0].parts[0].events
    assert isinstance(event, Disclosed)
    assert (event.basis, event.role) == ("34 CFR 99.10(a)", "parent")
    for granted in ((), ("r3",), ("r1",)):
        error = asyncio.run(refused(Access(), Student(), parent(*granted)))
        assert error.members == {"rule": "PA-01"}, granted


# -- many at once


class Searched:
    """A view of whom a search finds."""

    action = "student.search"
    name = "search"
    fields: Sequence[str] = ("name", "birth_date")

    def __init__(self, records: Sequence[str]) -> None:
        self.records = records
        self.rendered = 0

    async def read(self) -> FoundMany:
        return FoundMany(self.records, 7)

    def render(self) -> bytes:
        self.rendered += 1
        return b"found"


def search(access: Access, view: Searched) -> Any:
    return show_many(
        REGISTRAR,
        "enrollment",
        view,
        access=access,  # type: ignore[arg-type]
        request_id="request-1",
    )


def test_whom_a_search_found_is_rendered_only_once_the_entry_is_durable() -> None:
    async def story() -> None:
        access, view = Access(), Searched(["r1", "r2"])
        asking = asyncio.create_task(search(access, view))
        await access.asked.wait()
        await asyncio.sleep(0)
        assert (asking.done(), view.rendered) == (False, 0)
        access.waiting[0].set_result(Receipt(position=3, versions={}))
        assert await asking == ShownMany(b"found", 7, 3)

    asyncio.run(story())


def test_a_search_whose_entry_fails_shows_nothing() -> None:
    async def story() -> None:
        access, view = Access(), Searched(["r1"])
        asking = asyncio.create_task(search(access, view))
        await access.asked.wait()
        access.waiting[0].set_exception(StoreUnavailable("away"))
        with pytest.raises(StoreUnavailable):
            await asking
        assert view.rendered == 0

    asyncio.run(story())


@pytest.mark.parametrize("records", [["r1", "r2"], []])
def test_a_search_has_one_entry_that_names_its_fields_and_every_record_also_where_there_is_none(
    records: list[str],
) -> None:
    async def story() -> None:
        access = Access()
        asking = asyncio.create_task(search(access, Searched(records)))
        await access.asked.wait()
        access.waiting[0].set_result(Receipt(position=3, versions={}))
        await asking
        [part] = access.appended[0].parts
        assert (part.stream, part.subject, part.expected) == ("request/request-1", "ledger", None)
        [entry] = part.events
        assert isinstance(entry, SearchDisclosed)
        assert (entry.fields, entry.records, entry.position) == (["name", "birth_date"], records, 7)

    asyncio.run(story())
