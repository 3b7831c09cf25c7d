"""A store that grows: nights' files of ever other children, until a log has as many events. The ground of P12.

Invariant: nothing is put there but by the way that files take, and no child twice. One file at a time is made, sent and
removed, so neither memory nor disk holds more of what is sent than one file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

import psycopg

from api.bootstrap import now, open_store
from api.cli.bench import p1, p6
from api.cli.bench.copying import Plain, sealed_events
from api.cli.bench.facts import SEED, STATE
from api.cli.bench.ground import Ground
from ledger.intake.sample import write_samples
from ledger.intake.submission import Report
from ledger.proofs.log_keys import LogKeys
from ledger.proofs.note import Signer
from ledger.reactors.notary import Notary
from ledger.settings import Settings
from ledger.store.database import Role

STATES: Final = (STATE, "CA", "TX", "WA")
"""Whose files fill it, in turn. What is measured is always of the first: each writes in a way of its own."""
CHILDREN_MAX: Final = 20_000
"""In one file."""
EVENTS_OF_A_CHILD: Final = 12
"""That a child of the sample has on average: by this a file is cut to what is wanted."""
DAYS: Final = 1_000
"""The first night lies so many days back: a state's later file has a later date, and none is of the future."""
FOLDED_S: Final = 6 * 3_600


class Growing:
    """A store and the files that were sent to it. key: by which its log is signed. files: how many were sent."""

    def __init__(self, ground: Ground, settings: Settings, key: Signer, files: int = 0) -> None:
        self.settings = settings
        self._ground = ground
        self._folder = ground.folder
        self._key = key
        self._files = files

    @contextmanager
    def copy(self) -> Iterator[Growing]:
        """The same once more, for as long as the block runs. Each goes on with files of its own, and the first one that
        is sent to either is the same."""
        with self._ground.copy(self.settings) as settings:
            yield Growing(self._ground, settings, self._key, self._files)

    def fill(self, events: int) -> None:
        """Send files until the ledger has as many events, give or take those of a child."""
        with open_store(self.settings) as store, store.ledger() as ledger:
            while children := min(CHILDREN_MAX, max(0, events - ledger.log.head()) // EVENTS_OF_A_CHILD):
                path = self._next(STATES[self._files % len(STATES)], children)
                _all_new(p1.submitted(ledger, path), children)
                path.unlink()

    def night(self, children: int) -> tuple[Report, list[Plain]]:
        """One file more, by a ledger that knows none of the records yet, as P1 has it; and its events as stored."""
        path = self._next(STATE, children)
        with open_store(self.settings) as store, store.ledger() as ledger:
            before = ledger.log.head()
            report = p1.submitted(ledger, path)
            events = sealed_events(ledger.log, before)
        _all_new(report, children)
        path.unlink()
        return report, events

    def fold(self) -> None:
        """Bring every read model to the head."""
        with open_store(self.settings) as store:
            p6.catch_up(store, FOLDED_S)

    def sign(self) -> int:
        """Sign the ledger's log; how many events that covers, which are all."""
        with open_store(self.settings) as store:
            return Notary(store.database, "ledger", LogKeys(self._key)).sign().size

    def tidy(self) -> None:
        """What PostgreSQL does by itself in time, and would else do while something is measured."""
        with self._admin() as conn:
            conn.execute("vacuum analyze")

    def megabytes(self) -> float:
        """The whole database, of 10^6."""
        with self._admin() as conn:
            (size,) = conn.execute("select pg_database_size(current_database())").fetchone() or (0,)
        return size / 1e6

    def students(self, count: int) -> list[str]:
        """Ids of as many students out of all, always the same of the same store's."""
        with open_store(self.settings) as store, store.database.connect(Role.READER) as conn:
            drawn = "select student_id from students.students order by md5(student_id) limit %s"
            return [row[0] for row in conn.execute(drawn, (count,)).fetchall()]

    def _admin(self) -> psycopg.Connection:
        assert self.settings.database_url is not None
        return psycopg.connect(self.settings.database_url, autocommit=True)

    def _next(self, state: str, children: int) -> Path:
        """The next file, of children who are in none before."""
        number = self._files = self._files + 1
        day = now().date() - timedelta(days=DAYS - number)
        return other_ids(write_samples(self._folder, [state], children, SEED + number, day)[0], number)


def other_ids(path: Path, number: int) -> Path:
    """The same file, and every child's id with a number behind it: a sample's ids are the same in every sample."""
    marked = path.with_suffix(f".{number}.txt")
    mark = b"-%d" % number
    with path.open("rb") as rows, marked.open("wb") as out:
        for row in rows:
            if row.startswith(b"S|"):
                *before, ssid, kind, action = row.split(b"|")
                out.write(b"|".join((*before, ssid + mark, kind, action)))
            else:
                out.write(row)
    path.unlink()
    return marked


def _all_new(report: Report, children: int) -> None:
    assert (report.students_new, report.unchanged) == (children, 0), "every child is new"
