"""Law 7: the same facts through a file, through a PUT or one by one give the same record and the same events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.events import Event
from ledger.events.record import RecordOpened
from ledger.intake.submission import submit
from ledger.mde import TABLES, canonical
from ledger.record import Row, StudentRows
from support import sending
from support.front_door import FrontDoor, front_door
from support.reference import NATURAL_KEYS, RESIDENCY, natural_key
from support.sections import facts_shown
from support.submissions import as_body, fact_body, in_table_order, write_file
from support.worlds import World

PATHS = {
    "D": "demographics",
    "K": "alternate-ids",
    "Q": "qualifying-moves",
    "E": "enrollments",
    "C": "courses",
    "A": "assessments",
    "I": "immunizations",
}


class Ways:
    """The ways in, each used for a child of its own."""

    def __init__(self, world: World, door: FrontDoor, folder: Path) -> None:
        self.world = world
        self.door = door
        self._file = folder / "submission.txt"
        self._nights = (datetime(2025, 8, 1, tzinfo=UTC) + timedelta(minutes=n) for n in count())

    def by_file(self, student: StudentRows) -> None:
        submit(self.world.ledgers[1], write_file(self._file, student, next(self._nights)), "registrar")

    def by_put(self, student: StudentRows) -> int:
        address = f"/v1/records/{student.state}/{student.state_student_id}"
        if student.action == "D":
            answer = self.door.ask("DELETE", address, state=student.state)
            assert answer.status_code in (200, 404)
        else:
            answer = self.door.ask("PUT", address, state=student.state, json=as_body(student))
            assert answer.status_code in (200, 201, 422), answer.text
        return answer.status_code

    def by_post(self, student: StudentRows, route: str, body: dict[str, Any]) -> dict[str, Any]:
        address = f"/v1/records/{student.state}/{student.state_student_id}/{route}"
        answer = self.door.ask("POST", address, state=student.state, json=body)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def events_of(self, state: str, ssid: str) -> list[Event]:
        record = self.world.ledgers[0].record_of(state, ssid)
        if record is None:
            return []
        return [recorded.event for recorded in self.world.ledgers[0].log.read_stream(f"record/{record}")]

    def shown(self, state: str, ssid: str) -> list[Any]:
        """The facts that are shown of a child, whatever their ids."""
        [opened, *_] = self.events_of(state, ssid)
        assert isinstance(opened, RecordOpened)
        self.world.project(100)
        student = self.world.student(opened.student_id)
        assert student is not None
        facts = facts_shown(student.sections).values()
        return sorted((f.letter, sorted(f.row.items()), f.withdrawals, str(f.residencies)) for f in facts)


@pytest.fixture
def ways(world: World, tmp_path: Path) -> Any:
    with front_door(world) as door:
        yield Ways(world, door, tmp_path)


def without_provenance(events: Sequence[Event]) -> list[Event]:
    """Events without what only tells by which way they came, and which child they are of."""
    apart = {"source_row": None, "raw": None, "state_student_id": "", "student_id": ""}
    return [
        msgspec.structs.replace(event, **{k: v for k, v in apart.items() if k in event.__struct_fields__})
        for event in events
    ]


def renamed(student: StudentRows, ssid: str) -> StudentRows:
    return msgspec.structs.replace(student, state_student_id=ssid)


@st.composite
def nights(draw: st.DrawFn) -> list[StudentRows]:
    """What a state sends of one child, night after night."""
    state = draw(st.sampled_from(["OR", "CA"]))
    students = draw(st.lists(sending.student_rows(state, "", numbered=True), min_size=1, max_size=4))
    return [msgspec.structs.replace(student, rows=in_table_order(student.rows)) for student in students]


def test_law_7_a_file_and_a_put_say_the_same(ways: Ways, sized: Callable[..., settings]) -> None:
    @sized(60)
    @given(nights())
    def law(sent: list[StudentRows]) -> None:
        example, state = ways.world.next_example(), sent[0].state
        for student in sent:
            ways.by_file(renamed(student, f"{example}F"))
            ways.by_put(renamed(student, f"{example}P"))
            filed, put = ways.events_of(state, f"{example}F"), ways.events_of(state, f"{example}P")
            assert without_provenance(filed) == without_provenance(put)
        if ways.events_of(state, f"{example}F"):
            assert ways.shown(state, f"{example}F") == ways.shown(state, f"{example}P")

    law()


def told_apart(rows: Sequence[Row]) -> list[Row]:
    """Rows of which each has a key and a Record ID of its own, so that their order says nothing."""
    by_key = {(row.letter, *natural_key(row.letter, row.elements)): row for row in rows}
    return [
        msgspec.structs.replace(row, record_id=f"{number:03d}")
        for number, row in enumerate(in_table_order(list(by_key.values())), start=1)
    ]


@st.composite
def lone_students(draw: st.DrawFn) -> StudentRows:
    student = draw(sending.student_rows("OR", "", actions="U", numbered=True, rows_max=9))
    moves = [row for row in student.rows if row.letter == "Q"] or [draw(sending.rows("Q", numbered=True))]
    rows = [row for row in student.rows if row.letter != "Q" and not withdrawn_too_soon(row)]
    return msgspec.structs.replace(student, rows=told_apart([*moves, *rows]))


def withdrawn_too_soon(row: Row) -> bool:
    return row.elements.get("withdrawal_date", "9") < row.elements.get("enrollment_date", "")


def test_law_7_facts_one_by_one_say_what_a_put_says(ways: Ways, sized: Callable[..., settings]) -> None:
    @sized(30)
    @given(lone_students(), st.booleans())
    def law(sent: StudentRows, in_parts: bool) -> None:
        """in_parts: the withdrawal and the residency of an enrollment by routes of their own."""
        example = ways.world.next_example()
        assert ways.by_put(renamed(sent, f"{example}P")) == 201
        alone = renamed(sent, f"{example}O")
        first = next(row for row in sent.rows if row.letter == "Q")
        assert ways.by_put(msgspec.structs.replace(alone, rows=[first])) == 201
        for row in sent.rows:
            post(ways, alone, row, in_parts=in_parts)
        put, posted = ways.events_of("OR", f"{example}P"), ways.events_of("OR", f"{example}O")
        assert words_of(put) == words_of(posted)
        assert ways.shown("OR", f"{example}P") == ways.shown("OR", f"{example}O")

    law()


def post(ways: Ways, student: StudentRows, row: Row, *, in_parts: bool) -> None:
    apart = ("withdrawal_date", *RESIDENCY) if in_parts and row.letter == "E" else ()
    own = msgspec.structs.replace(row, elements={k: v for k, v in row.elements.items() if k not in apart})
    [fact] = ways.by_post(student, PATHS[row.letter], fact_body(own))["facts"]
    parts = {name: row.elements[name] for name in apart if name in row.elements}
    withdrawn = parts.pop("withdrawal_date", None)
    if withdrawn is not None:
        ways.by_post(student, "withdrawals", {"enrollment": fact, "withdrawal_date": withdrawn})
    if parts:
        ways.by_post(student, "residency-changes", {"enrollment": fact, **parts})


def words_of(events: Sequence[Event]) -> list[tuple[str, str]]:
    """What is said, whatever the order and the ids of the facts."""
    return sorted((event.topic, str(sorted(getattr(event, "elements", {}).items()))) for event in events)


def test_what_the_laws_send_is_canonical() -> None:
    """Else a command that puts a value in canonical form would say another thing than the one that was drawn."""
    for letter, elements in sending.VALUES.items():
        for name, values in elements.items():
            assert [canonical(TABLES[letter].by_key[name], value) for value in values if value] == list(
                filter(None, values)
            )


def test_every_table_has_a_way_of_its_own() -> None:
    assert PATHS.keys() == NATURAL_KEYS.keys()
    assert PATHS.keys() < TABLES.keys()
