"""How the service stands, for who runs it: what must hold, how far what follows the logs has come, and what waits.

Invariant: what cannot be found out is None, and is never taken for good; a lag is never told too small. Counts, names
of our own parts, hosts' shares and times; nothing of a child.
"""

from __future__ import annotations

import asyncio
import math
import shutil
from collections.abc import Awaitable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, TypeVar

import psycopg
from psycopg_pool import PoolTimeout

from api import scrape
from api.reading import ask
from api.routes.health import LOGS, checked
from api.services import Services
from ledger.errors import LedgerError
from ledger.intake import uploads
from ledger.match_writing import ACTOR as MATCHER
from ledger.reactors.matching import TRACKED_AS
from ledger.store.following import held
from projections import submissions_watch

TIMEOUT_S: Final = 5.0
BINS: Final = 12
BIN: Final = timedelta(minutes=5)
"""The last hour of a log, in pieces of five minutes."""
COUNTED_MAX: Final = 50_000
"""Events of that hour that are counted: the newest ones."""
LISTED: Final = 20
"""Files that wait, named one by one: the oldest."""
_AWAY: Final = (psycopg.Error, PoolTimeout, TimeoutError, LedgerError)

T = TypeVar("T")


class Model(NamedTuple):
    """One read model. lag: events that it has not folded. age_s: of the oldest of them. runs: whether some process
    keeps it up. None where that is not known."""

    name: str
    log: str
    position: int | None
    head: int | None
    lag: int | None
    age_s: float | None
    runs: bool | None


class Hour(NamedTuple):
    """The last hour of a log. counts: events in each piece of it, the oldest first. whole: whether all were counted."""

    counts: Sequence[int]
    whole: bool


class Head(NamedTuple):
    """One log. position: of its last event. at: when that was recorded. None where that is not known."""

    name: str
    position: int | None
    at: datetime | None
    hour: Hour | None
    writes: bool


class Matcher(NamedTuple):
    """The matcher. lag: events that it has not read. rest: records that it has yet to decide upon."""

    lag: int | None
    rest: int | None
    runs: bool | None


class Waiting(NamedTuple):
    """Files that came and are not applied yet. oldest: of those that are wanted still, submission and when it came."""

    files: int
    oldest: Sequence[tuple[str, datetime]]


class Operating(NamedTuple):
    """How the service stands at an instant. checks: name to what is wrong, None where it holds. overdue: cases that
    time should have moved. audit: the last month that is over, and how far it is. disk: free and whole, in bytes.

    waiting, overdue, audit, disk: None where that is not known; audit also where no month is over yet (audit_known).
    """

    at: datetime
    checks: Mapping[str, str | None]
    models: Sequence[Model]
    heads: Sequence[Head]
    matcher: Matcher
    waiting: Waiting | None
    overdue: int | None
    audit: tuple[str, str] | None
    audit_known: bool
    disk: tuple[int, int] | None


async def operating(services: Services) -> Operating:
    """All of it, as it is now. Whatever is away leaves its own part unknown."""
    checks, lags = await checked(services)
    # None of these raises: what one cannot find out is not known, and the others are.
    async with asyncio.TaskGroup() as group:
        ages = group.create_task(scrape.ages(services, lags, LOGS))
        reactors = group.create_task(scrape.reactors(services, lags, LOGS))
        undecided = group.create_task(scrape.undecided(services))
        running = group.create_task(_known(asyncio.to_thread(_running, services)))
        waiting = group.create_task(_known(_waiting(services)))
        overdue = group.create_task(_known(asyncio.to_thread(_overdue, services)))
        audit = group.create_task(_known(asyncio.to_thread(_audit, services)))
        heads = [group.create_task(_head(services, name)) for name in ("ledger", "access")]
    runs, audited = running.result(), audit.result()
    return Operating(
        at=services.clock(),
        checks=checks,
        models=[_model(name, log, lags.get(name), ages.result()[(name,)], runs) for name, log in LOGS.items()],
        heads=[head.result() for head in heads],
        matcher=Matcher(
            _whole(reactors.result()[(MATCHER,)]) if lags else None,
            _whole(undecided.result()[()]),
            None if runs is None else TRACKED_AS in runs,
        ),
        waiting=waiting.result(),
        overdue=overdue.result(),
        audit=audited and audited.last,
        audit_known=audited is not None,
        disk=_disk(services),
    )


# -- inside


async def _known(asked: Awaitable[T]) -> T | None:
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await asked
    except _AWAY:
        return None


def _model(name: str, log: str, lag: Mapping[str, int] | None, age_s: float, runs: Collection[str] | None) -> Model:
    age = None if math.isnan(age_s) else age_s
    running = None if runs is None else name in runs
    if lag is None:
        return Model(name, log, None, None, None, None, running)
    return Model(name, log, lag["position"], lag["head"], lag["lag_events"], age, running)


def _overdue(services: Services) -> int:
    """Raises StoreUnavailable."""
    return len(services.ledger.casework.due())


class _Audited(NamedTuple):
    last: tuple[str, str] | None


def _audit(services: Services) -> _Audited:
    """Raises StoreUnavailable."""
    return _Audited(services.ledger.audits.standing(services.clock()))


def _running(services: Services) -> set[str]:
    """Names of what some process of the service keeps running now, by the locks that they hold."""
    with services.ledger.log.connection() as conn:
        return held(conn, [*LOGS, TRACKED_AS])


async def _waiting(services: Services) -> Waiting:
    files = await asyncio.to_thread(uploads.waiting, services.ledger)
    asked = [(file.submission, file.late) for file in files]
    wanted = await ask(services.reads, lambda conn: submissions_watch.wanted(conn, asked))
    left = sorted((file.received_at, file.submission) for file in files if file.submission in wanted)
    return Waiting(len(left), [(submission, at) for at, submission in left[:LISTED]])


async def _head(services: Services, log: str) -> Head:
    of = services.ledger.log if log == "ledger" else services.ledger.access
    found = await _known(_hour(services, log))
    position, at, hour = found or (None, None, None)
    return Head(log, position, at, hour, of.sequencer.alive)


async def _hour(services: Services, log: str) -> tuple[int, datetime | None, Hour]:
    """Position and instant of the last event, and the last hour. log: a name of ours."""
    now = services.clock().astimezone(UTC)
    begins = now - BINS * BIN
    query = _HOUR.format(log=log).encode()
    async with services.feed.connection() as connection:
        row = await (await connection.execute(f"select position from {log}.head".encode())).fetchone()
        head: int = row[0] if row else 0
        cursor = await connection.execute(query, (begins, BIN, BINS - 1, head, head - COUNTED_MAX, begins))
        found = dict(await cursor.fetchall())
        edge = f"select position, recorded_at from {log}.events where position = any(%s)".encode()
        cursor = await connection.execute(edge, ([head, head - COUNTED_MAX],))
        edges: dict[int, datetime] = dict(await cursor.fetchall())
    whole = head <= COUNTED_MAX or (first := edges.get(head - COUNTED_MAX)) is None or first < begins
    return head, edges.get(head), Hour([int(found.get(number, 0)) for number in range(BINS)], whole)


_HOUR: Final = (
    "select least(floor(extract(epoch from recorded_at - %s) / extract(epoch from %s::interval)), %s)::int, count(*)"
    " from {log}.events where position <= %s and position > %s and recorded_at > %s group by 1"
)


def _disk(services: Services) -> tuple[int, int] | None:
    """Of the folder in which files that come are kept."""
    if services.spools is None:
        return None
    try:
        disk = shutil.disk_usage(services.spools.folder)
    except OSError:
        return None
    return disk.free, disk.total


def _whole(found: float) -> int | None:
    return None if math.isnan(found) else int(found)
