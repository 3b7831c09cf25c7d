"""Law 9: nothing about a child leaves before the entry that says who, what and why is durable.

Whoever reads, by whichever address, current or not, in good times and while the access log cannot be written: at the
first byte of every answer, somebody beside the door has looked whether the entry is there (``support.front_door``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from typing import Any, Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from ledger.errors import OutcomeUnknown, StoreUnavailable
from ledger.events.disclosure import Disclosed, SearchDisclosed
from ledger.store.append import Receipt, SealedAppend
from ledger.store.log import Log
from support.bodies import ENROLLMENT, MOVE
from support.front_door import FrontDoor, Left, front_door
from support.sending import OTHERS_ID
from support.worlds import World

VIEWS: Final = {
    "student": "/v1/students/{}",
    "records": "/v1/students/{}/records",
    "disclosures": "/v1/students/{}/disclosures?limit=1000",
    "student-page": "/students/{}",
    "parent-page": "/my-children/{}",
    "parent-seen": "/my-children/{}/seen",
}
"""Every way to a child: name of the view, as recorded, to its address."""

FAILURES: Final = ("closed", "refused", "unknown", "keys")


class Failing:
    """A sequencer of the access log that does not write. Of an unknown outcome it writes, and cannot tell."""

    def __init__(self, how: str, sequencer: Any) -> None:
        self._how = how
        self._sequencer = sequencer

    def submit(self, append: SealedAppend) -> Future[Receipt]:
        future: Future[Receipt] = Future()
        if self._how == "closed":
            raise StoreUnavailable("The ledger is closing.")
        if self._how == "unknown":
            self._sequencer.submit(append).result(30)
            future.set_exception(OutcomeUnknown("PostgreSQL went away while the commit was under way."))
        else:
            future.set_exception(StoreUnavailable("PostgreSQL has no room left on its disk."))
        return future

    def submit_async(self, append: SealedAppend) -> asyncio.Future[Receipt]:
        return asyncio.wrap_future(self.submit(append))


def fail(access: Log, how: str, patches: pytest.MonkeyPatch) -> None:
    """Let the access log fail in one of its ways, until the patches are undone."""
    if how != "keys":
        patches.setattr(access, "sequencer", Failing(how, access.sequencer))
        return

    def no_keys(_: object) -> None:
        raise StoreUnavailable("PostgreSQL cannot be reached.")

    patches.setattr(access, "seal_cached", lambda _: None)
    patches.setattr(access, "seal", no_keys)


class AnyReading(RuleBasedStateMachine):
    """Two children of Oregon, whose names stand in no other answer than one that shows them."""

    def __init__(self, world: World, door: FrontDoor) -> None:
        super().__init__()
        self.door = door
        self.access = door.services.ledger.access
        self.example = world.next_example()
        self.patches = pytest.MonkeyPatch()
        self.failing: str | None = None
        self.students: dict[int, str] = {}
        self.records: dict[int, str] = {}
        self.retracted: set[int] = set()
        self.position = 0
        self.tags: dict[tuple[int, str], str] = {}

    @rule(child=st.integers(0, 1), grade=st.sampled_from(["05", "06"]), sound=st.booleans())
    def write(self, child: int, grade: str, sound: bool) -> None:
        """sound: with a move, without which a record cannot be opened."""
        body = {
            "student": {},
            "demographics": [{"first_name": self.secret(child), "last_name_1": "Abarca", "birth_date": "2013-05-09"}],
            "qualifying_moves": [MOVE] if sound else [],
            "enrollments": [{**ENROLLMENT, "school_or_project_name": self.secret(child), "grade_level": grade}],
        }
        answer = self.door.ask("PUT", f"/v1/records/OR/{self.example}{child}", json=body)
        if answer.status_code == 422:
            assert not sound
        else:
            said = answer.json()
            self.students[child], self.records[child] = said["student_id"], said["record_id"]
            self.position = max(self.position, said["position"])
            self.retracted.discard(child)
        self.nothing_of_a_child_left()

    @rule(child=st.integers(0, 1))
    def take_back(self, child: int) -> None:
        answer = self.door.ask("DELETE", f"/v1/records/OR/{self.example}{child}")
        if child in self.students:
            self.position = max(self.position, answer.json()["position"])
            self.retracted.add(child)
        self.nothing_of_a_child_left()

    @precondition(lambda self: self.students)
    @rule(
        child=st.integers(0, 1),
        view=st.sampled_from(sorted(VIEWS)),
        conditional=st.sampled_from(["", "current", "other", "*"]),
        reader=st.sampled_from(["OR", "CA"]),
        newest=st.booleans(),
    )
    def read(self, child: int, view: str, conditional: str, reader: str, newest: bool) -> None:
        child = child if child in self.students else next(iter(self.students))
        address = VIEWS[view].format(self.students[child])
        if newest:
            address += f"{'&' if '?' in address else '?'}at_least={self.position}"
        known = {"current": self.tags.get((child, view), '"none"'), "other": '"none"', "*": "*"}.get(conditional)
        listed = self.entries_of(child)
        answer = self.door.ask(
            "GET", address, state=reader, headers={"If-None-Match": known, "Purpose": "law"} if known else {}
        )
        left = self.door.last()
        if self.failing:
            assert left.status == 503 or (left.status == 404 and not newest)
            assert b"/problems/" in left.body
            assert "etag" not in answer.headers
            self.nothing_of_a_child_left()
            return
        if left.status == 404:  # the read model has not come to the child yet
            assert not newest
            assert left.entries == []
            self.nothing_of_a_child_left()
            return
        assert left.status in (200, 304)
        assert (left.status == 304) <= (conditional == "current")
        assert (left.status == 304) == (left.body == b"")
        self.was_disclosed(left, child, view, reader)
        if view == "disclosures" and left.status == 200:
            shown = [entry["position"] for entry in answer.json()["disclosures"]]
            assert shown == listed, "complete up to the moment of asking"
        self.tags[child, view] = answer.headers["ETag"]

    @precondition(lambda self: self.students)
    @rule(
        child=st.integers(0, 1),
        asked=st.sampled_from(["first_name", "name", "school", "student_id"]),
        reader=st.sampled_from(["OR", "CA"]),
        newest=st.booleans(),
    )
    def find(self, child: int, asked: str, reader: str, newest: bool) -> None:
        child = child if child in self.students else next(iter(self.students))
        value = self.students[child] if asked == "student_id" else self.secret(child)
        address = f"/v1/students/search?at_least={self.position if newest else 0}"
        answer = self.door.ask("POST", address, state=reader, json={asked: value})
        left = self.door.last()
        if self.failing:
            assert left.status == 503
            self.nothing_of_a_child_left()
            return
        assert left.status == 200
        [entry] = left.entries
        event = entry.event
        assert isinstance(event, SearchDisclosed)
        assert (entry.meta.actor, entry.meta.request) == (f"{reader} nightly", left.request_id)
        assert event.fields == [asked]
        assert event.purpose
        assert event.basis
        found = [student["student_id"] for student in answer.json()["students"]]
        assert event.records == [self.records[child]] * len(found)
        assert found in ([], [self.students[child]])
        if newest:
            assert bool(found) == (child not in self.retracted)
        if found:
            assert self.secret(1 - child).encode() not in left.body
        else:
            self.nothing_of_a_child_left()

    @rule(view=st.sampled_from(sorted(VIEWS)), wanted=st.sampled_from([OTHERS_ID, "000000000000", "x"]))
    def read_nobody(self, view: str, wanted: str) -> None:
        answer = self.door.ask("GET", VIEWS[view].format(wanted))
        assert answer.status_code == (404 if wanted == OTHERS_ID else 422)
        assert self.door.last().entries == []
        self.nothing_of_a_child_left()

    @precondition(lambda self: self.students)
    @rule(view=st.sampled_from(sorted(VIEWS)))
    def read_without_a_token(self, view: str) -> None:
        [student, *_] = self.students.values()
        assert self.door.ask("GET", VIEWS[view].format(student), state=None).status_code == 401
        assert self.door.last().entries == []
        self.nothing_of_a_child_left()

    @rule(path=st.sampled_from(["/v1/events?limit=1000", "/", "/metrics"]))
    def read_what_is_not_about_a_child(self, path: str) -> None:
        assert self.door.ask("GET", path).status_code == 200
        self.nothing_of_a_child_left()

    @rule(how=st.sampled_from(FAILURES))
    def the_access_log_fails(self, how: str) -> None:
        self.mend()
        fail(self.access, how, self.patches)
        self.failing = how

    @precondition(lambda self: self.failing)
    @rule()
    def the_access_log_is_mended(self) -> None:
        self.mend()

    def teardown(self) -> None:
        self.mend()

    def mend(self) -> None:
        self.patches.undo()
        self.failing = None

    def secret(self, child: int) -> str:
        # A letter between two digits: a search forgives what is doubled, and would find another example's child.
        return f"Xochitl{'a'.join(self.example)}x{child}"

    def nothing_of_a_child_left(self) -> None:
        """The last answer holds no value of any child."""
        left = self.door.last()
        assert b"Xochitl" not in left.body
        assert b"2013-05-09" not in left.body

    def entries_of(self, child: int) -> list[int]:
        """Positions of all entries that name a child's record, newest first."""
        record = self.records[child]
        named = (
            entry.position
            for entries in self.door.watcher.entries().values()
            for entry in entries
            if entry.stream == f"disclosure/{record}"
            or (isinstance(entry.event, SearchDisclosed) and record in entry.event.records)
        )
        return sorted(named, reverse=True)

    def was_disclosed(self, left: Left, child: int, view: str, reader: str) -> None:
        """One entry of this request, for the one record shown, durable when the first byte left."""
        [entry] = left.entries
        assert entry.stream == f"disclosure/{self.records[child]}"
        assert entry.meta.actor == f"{reader} nightly"
        assert entry.meta.request == left.request_id
        event = entry.event
        assert isinstance(event, Disclosed)
        assert (event.student_id, event.view) == (self.students[child], view)
        assert event.not_modified == (left.status == 304)
        assert event.sections
        assert event.purpose
        assert event.basis
        assert event.position <= self.position
        other = 1 - child
        assert self.secret(other).encode() not in left.body


def test_law_9_nothing_leaves_unrecorded(world: World, sized: Callable[..., settings]) -> None:
    with ExitStack() as stack:
        door = stack.enter_context(front_door(world))
        machine: Any = lambda: AnyReading(world, door)  # noqa: E731 - a factory, which the types do not foresee
        run_state_machine_as_test(machine, settings=sized(40, steps=30))
        recorded = {entry.event_id for entries in door.watcher.entries().values() for entry in entries}
        shown = {entry.event_id for left in door.watcher.left for entry in left.entries}
        assert shown <= recorded
