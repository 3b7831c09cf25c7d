"""P9: a student as of a past instant, 300 events by then, beside reading the same rows with psycopg.

What is timed is what a read pays before it is shown: finding the position of the instant, the linkage of then, opening
the events and folding them. The bare read is what psycopg does by itself: one query for the rows of those streams up to
that position, all columns, in its own connection.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from datetime import date, timedelta
from statistics import median
from typing import Any, NamedTuple

import psycopg

from api.bootstrap import open_store
from api.cli.bench.facts import ACTOR, load
from api.cli.bench.ground import Ground
from api.cli.bench.report import Goal, Row, Run, Size
from ledger.application import Ledger
from ledger.events import Meta
from ledger.record import CorrectFact, PlaceFact, PlaceStudent, StudentRows, Withdraw
from ledger.record import Row as SentRow
from ledger.store.database import Role
from projections.past import student_as_of

OTHERS = 1_000
STUDENTS = 5
READS = 40
EVENTS = 300
"""Of a student by the instant; a third as many come after it."""
COURSES = 6
META = Meta(actor=ACTOR)


class Asked(NamedTuple):
    """A child, by her id and by the stream of her record; position: as of which she is read."""

    student_id: str
    stream: str
    position: int


def measure(ground: Ground, size: Size) -> Generator[Run, None, None]:
    """Each run: every student read in turn, the bare way and ours by turns."""
    settings = ground.new_store()
    with open_store(settings) as store, store.ledger() as ledger:
        load(ledger, ground.folder, size.of(OTHERS, 20))
        asked = students(ledger, size)
        with store.database.connect(Role.WRITER) as conn:
            while True:
                ground.settle()
                bare, ours, events = read(ledger, conn, asked, size.of(READS, 2))
                yield Run(
                    rate=1 / median(ours),
                    against={},
                    more={
                        "times": median(ours) / median(bare),
                        "p50_ms": median(ours) * 1000,
                        "rows_p50_ms": median(bare) * 1000,
                        "events": float(events),
                    },
                )


def students(ledger: Ledger, size: Size) -> list[Asked]:
    """Put the children who are asked for into a ledger."""
    return [_student(ledger, number, size.of(EVENTS, 30)) for number in range(STUDENTS)]


def read(
    ledger: Ledger, conn: psycopg.Connection[Any], asked: Sequence[Asked], times: int
) -> tuple[list[float], list[float], int]:
    """Read every child in turn so many times: seconds of each read the bare way and ours, and how many events the
    last one has."""
    bare: list[float] = []
    ours: list[float] = []
    events = 0
    for _ in range(times):
        for student_id, stream, position in asked:
            rows = _timed(bare, lambda stream=stream, position=position: _bare(conn, stream, position))
            at, events = rows[-1][5], len(rows)
            found = _timed(
                ours,
                lambda student_id=student_id, at=at: student_as_of(ledger.log, student_id, at, now=ledger.clock()),
            )
            assert found.position == position, "as of the same rows"
    return bare, ours, events


def _timed(taken: list[float], do: Callable[[], Any]) -> Any:
    started = time.perf_counter()
    done = do()
    taken.append(time.perf_counter() - started)
    return done


def _bare(conn: psycopg.Connection[Any], stream: str, position: int) -> list[tuple[Any, ...]]:
    return conn.execute(
        "select * from ledger.events where stream = %s and position <= %s order by position", (stream, position)
    ).fetchall()


def _student(ledger: Ledger, number: int, events: int) -> Asked:
    """A child with as many events by some position, and more after it."""
    ssid = f"PAST{number}"
    rows = [
        SentRow("D", {"first_name": "Marisol", "last_name_1": "Abarca", "birth_date": "2010-05-09", "sex": "Female"}),
        SentRow("Q", {"qualifying_arrival_date": "2014-08-01", "qualifying_move_from_country": "MEX"}),
    ]
    sent = StudentRows(state="OR", state_student_id=ssid, action="U", elements={}, rows=rows)
    opened = ledger.execute(PlaceStudent(state="OR", state_student_id=ssid, student=sent, new_student_id=""), META)
    stream = f"record/{opened.record_id}"
    position = 0
    said = len(rows) + 1
    for command in _terms(ssid):
        done = ledger.execute(command, META)
        said += 1
        if said == events:
            position = done.position
        if said >= events * 4 // 3:
            break
    return Asked(opened.student_id, stream, position)


def _terms(ssid: str) -> Generator[Any, None, None]:
    """What a state says of her, term after term, one event each: a school, courses that are graded and graded again, a
    test, a vaccine, and that she left."""
    key: dict[str, Any] = {"state": "OR", "state_student_id": ssid}
    fact, term = 2, 0
    while True:
        begins = date(2015, 1, 5) + timedelta(days=120 * term)
        fact += 1
        enrolled = fact
        yield PlaceFact(**key, row=SentRow("E", _enrollment(begins)))
        courses: list[int] = []
        for course in range(COURSES):
            fact += 1
            courses.append(fact)
            yield PlaceFact(**key, row=SentRow("C", _course(term, course)))
        for grade in ("81", "84"):
            for one in courses:
                yield CorrectFact(**key, fact=one, elements={"grade_to_date": grade})
        fact += 1
        yield PlaceFact(
            **key,
            row=SentRow(
                "A", {"assessment_title": f"State test {term}", "assessment_administration_date": f"{begins:%Y-%m}"}
            ),
        )
        fact += 1
        given = {"cvx_code": "88", "administration_date": begins.isoformat(), "information_source": "00"}
        yield PlaceFact(**key, row=SentRow("I", given))
        fact += 1
        yield Withdraw(**key, enrollment=enrolled, withdrawal_date=(begins + timedelta(days=100)).isoformat())
        term += 1


def _enrollment(begins: date) -> dict[str, str]:
    return {
        "enrollment_date": begins.isoformat(),
        "enrollment_type": "01",
        "school_or_project_name": "Hood River Middle School",
        "school_identification_code": "410133700001",
        "school_district_id": "4101337",
        "school_district": "Hood River School District",
        "grade_level": "06",
    }


def _course(term: int, course: int) -> dict[str, str]:
    return {
        "course_title": f"Course {term}.{course}",
        "subject_area_name": "Mathematics",
        "course_type": "00",
        "begin_academic_year": "2024",
        "end_academic_year": "2025",
        "course_section": "02",
        "term_type": "0827",
        "grade_to_date": "78",
    }


ROW = Row(
    id="P9",
    work="a student as of a past instant, 300 events by then",
    unit="reads/s",
    goals=(Goal(of="times", must=3, stretch=1.5, at_most=True),),
    measure=measure,
)
