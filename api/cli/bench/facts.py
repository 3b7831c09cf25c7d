"""What is sent: invented children in the national layout, and enrollments that no record has yet."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

from api.bootstrap import Store, now
from ledger.application import Ledger
from ledger.intake.sample import write_samples
from ledger.intake.submission import Report, submit
from ledger.record import PlaceFact, Row
from ledger.store.database import Role
from ledger.store.tokens import create
from projections import records, search, students, submissions

STATE = "OR"
ACTOR = "bench"
SEED = 2
NIGHT = (students.PROJECTION, search.PROJECTION, submissions.PROJECTION, records.PROJECTION)
"""The read models that a night's file is to reach (P3) and that are rebuilt (P7); any other is a further one."""


def sample(folder: Path, children: int) -> Path:
    """A file of a state with as many children, all invented."""
    return write_samples(folder, [STATE], children, SEED, now().date() - timedelta(days=1))[0]


def sent_again(path: Path) -> Path:
    """The same rows in a file of the next day."""
    again = path.with_suffix(".again.txt")
    with path.open("rb") as rows, again.open("wb") as out:
        letter, state, when, rest = rows.readline().split(b"|", 3)
        day = date.fromisoformat(when[:8].decode()) + timedelta(days=1)
        out.write(b"|".join((letter, state, f"{day:%Y%m%d}".encode() + when[8:], rest)))
        shutil.copyfileobj(rows, out)
    return again


def load(ledger: Ledger, folder: Path, children: int) -> Report:
    """Put as many children into an empty ledger, by the way that files take."""
    return submit(ledger, sample(folder, children), ACTOR)


def token(store: Store, role: str, state: str | None = None) -> str:
    """The secret of a new token."""
    with store.database.connect(Role.WRITER) as conn:
        return create(conn, name=f"{ACTOR} {role}", role=role, state=state)


def state_student_ids(store: Store) -> list[str]:
    """Of every record, in order."""
    with store.database.connect(Role.WRITER) as conn:
        return [row[0] for row in conn.execute("select state_student_id from ledger.records order by 1").fetchall()]


def student_ids(store: Store) -> list[str]:
    """Of every student that the read model knows."""
    with store.database.connect(Role.READER) as conn:
        return [listed.student_id for listed in students.listing(conn)]


class Enrollments:
    """Enrollments on existing records: each record in turn, and on each a new day and school every time."""

    def __init__(self, records: Sequence[str]) -> None:
        self._records = records
        self._numbers = itertools.count()

    def take(self, count: int) -> Iterator[tuple[str, dict[str, str]]]:
        """The next so many: state student id, and elements in canonical form, which are the body of a request too."""
        for number in itertools.islice(self._numbers, count):
            turn, place = divmod(number, len(self._records))
            yield self._records[place], elements(turn)

    def commands(self, count: int) -> list[PlaceFact]:
        """The next so many, as commands."""
        return [
            PlaceFact(state=STATE, state_student_id=ssid, row=Row("E", elements)) for ssid, elements in self.take(count)
        ]


def elements(number: int) -> dict[str, str]:
    """An enrollment as states send it; another number is another enrollment."""
    school, day = divmod(number, 365)
    return {
        "enrollment_date": (date(2024, 1, 8) + timedelta(days=day)).isoformat(),
        "enrollment_type": "01",
        "school_or_project_name": "Hood River Middle School",
        "school_identification_code": f"4101337{school:05d}",
        "school_district_id": "4101337",
        "school_district": "Hood River School District",
        "grade_level": "06",
        "lep_indicator_el": "Yes",
    }
