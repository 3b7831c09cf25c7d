"""Law 7 over the whole layout: any element, right or wrong, says the same in a file, in a PUT and fact by fact.

``test_one_vocabulary`` holds it of few values that collide; here is every element, and the answer to every row: the
same outcome for the same reasons, and of what was accepted the same events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ledger.events import Event
from ledger.facts import Row, StudentRows
from ledger.intake.response import RowAnswer
from ledger.intake.submission import submit
from ledger.mde import TABLES
from ledger.record import fold
from support.any_rows import any_students
from support.content import record_content
from support.front_door import FrontDoor, front_door
from support.nightly_files import FORMS, Form, write_night
from support.submissions import as_body, fact_body
from support.worlds import World

# The service's own threads draw lots meanwhile, which is none of a strategy's doing.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

Answer = tuple[str, str, set[tuple[str, str, str | None]]]
"""Letter, outcome and findings of a row: rule, level, element."""


class Doors:
    """A file, a PUT and a POST, each for a child of its own."""

    def __init__(self, world: World, door: FrontDoor, folder: Path) -> None:
        self.world = world
        self.door = door
        self._folder = folder
        self._nights = (datetime(2025, 8, 1, tzinfo=UTC) + timedelta(minutes=n) for n in count())

    def by_file(self, student: StudentRows, form: Form) -> list[Answer]:
        night = next(self._nights)
        path = write_night(self._folder / f"{night:%m%d%H%M}", student.state, night, [student], form)
        answers: list[RowAnswer] = []
        submit(self.world.ledgers[1], path, "registrar", answer=answers.append)
        answers.sort(key=lambda answer: answer.row)
        return [
            (answer.letter, answer.outcome, {(f.rule, f.level, f.element) for f in answer.findings})
            for answer in answers
            if answer.letter != "H"  # what is warned of the file as a whole, such as Windows-1252
        ]

    def by_put(self, student: StudentRows) -> list[Answer]:
        answer = self.door.ask("PUT", _address(student), state=student.state, json=as_body(student))
        if answer.status_code == 422:  # the S row is refused, and with it every row
            told = [error for error in answer.json()["errors"] if error["pointer"].startswith("/student")]
            return [("S", "refused", {(error["rule"], "refused", error.get("element")) for error in told})]
        assert answer.status_code in (200, 201), answer.text
        return [_told(outcome) for outcome in answer.json()["outcomes"]]

    def by_post(self, student: StudentRows, row: Row) -> Answer:
        address = f"{_address(student)}/{TABLES[row.letter].key.replace('_', '-')}"
        answer = self.door.ask("POST", address, state=student.state, json=fact_body(row))
        if answer.status_code == 422:
            errors = answer.json()["errors"]
            return row.letter, "refused", {(e["rule"], "refused", e.get("element")) for e in errors}
        assert answer.status_code in (200, 201), answer.text
        [outcome] = answer.json()["outcomes"]
        return _told(outcome)

    def events_of(self, student: StudentRows) -> list[Event]:
        record = self.world.ledgers[0].record_of(student.state, student.state_student_id)
        stream = [] if record is None else self.world.ledgers[0].log.read_stream(f"record/{record}")
        return [recorded.event for recorded in stream]


def _address(student: StudentRows) -> str:
    return f"/v1/records/{student.state}/{student.state_student_id}"


def _told(outcome: dict[str, Any]) -> Answer:
    findings = {(found["rule"], found["level"], found["element"]) for found in outcome["findings"]}
    return outcome["letter"], outcome["outcome"], findings


def without_provenance(events: Sequence[Event]) -> list[Event]:
    """Without the row of the file, and which child it is; values as received stay."""
    apart = {"source_row": None, "state_student_id": "", "student_id": ""}
    return [
        msgspec.structs.replace(event, **{k: v for k, v in apart.items() if k in event.__struct_fields__})
        for event in events
    ]


@pytest.fixture
def doors(world: World, tmp_path: Path) -> Iterator[Doors]:
    with front_door(world) as door:
        yield Doors(world, door, tmp_path)


def named(student: StudentRows, ssid: str) -> StudentRows:
    return msgspec.structs.replace(student, state_student_id=ssid)


@st.composite
def nights(draw: st.DrawFn) -> list[StudentRows]:
    state = draw(st.sampled_from(["OR", "CA"]))
    return draw(st.lists(any_students(state), min_size=1, max_size=3))


def test_law_7_any_element_says_the_same_in_a_file_of_any_form_and_in_a_put(
    doors: Doors, sized: Callable[..., settings]
) -> None:
    @sized(15)
    @given(nights(), st.sampled_from(FORMS))
    def law(sent: list[StudentRows], form: Form) -> None:
        # Written in Windows-1252, such text is valid UTF-8 again: nobody could tell what it was.
        assume(form.encoding != "cp1252" or "Ã" not in repr(sent))
        example = doors.world.next_example()
        for student in sent:
            filed, put = named(student, f"{example}F"), named(student, f"{example}P")
            in_file, in_put = doors.by_file(filed, form), doors.by_put(put)
            if len(in_put) == 1:
                assert in_put[0] == in_file[0]
                assert {outcome for _, outcome, _ in in_file} == {"refused"}
            else:
                assert in_file == in_put
            assert without_provenance(doors.events_of(filed)) == without_provenance(doors.events_of(put))

    law()


def test_law_7_any_element_says_the_same_in_a_file_and_as_a_fact_of_its_own(
    doors: Doors, sized: Callable[..., settings]
) -> None:
    """Each row in a file of its own, with the move that its record needs; and posted."""

    @sized(15)
    @given(any_students("OR"))
    def law(sent: StudentRows) -> None:
        example = doors.world.next_example()
        filed, posted = named(sent, f"{example}F"), named(sent, f"{example}O")
        move = next(row for row in sent.rows if row.record_id == "009")
        for student in (filed, posted):
            doors.by_put(msgspec.structs.replace(student, rows=[move]))
        for row in sent.rows:
            alone = msgspec.structs.replace(filed, rows=[row])
            _, (letter, outcome, found) = doors.by_file(alone, FORMS[0])
            if outcome == "refused":  # a request that is refused says why, and no more
                found = {finding for finding in found if finding[1] == "refused"}
            assert (letter, outcome, found) == doors.by_post(posted, row)
        assert without_provenance(doors.events_of(filed)) == without_provenance(doors.events_of(posted))
        states = [fold(doors.events_of(student)) for student in (filed, posted)]
        assert states[0] is not None
        assert states[1] is not None
        assert record_content(states[0]) == record_content(states[1])

    law()
