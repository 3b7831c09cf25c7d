"""What the database is asked for one answer of ``/metrics``: heads, lags, and how each state's files stand.

Invariant: what cannot be known is not told, or told as not-a-number; an old figure would look like a healthy one.
Counts, codes and times only.
"""

from __future__ import annotations

import asyncio
import math
import platform
import shutil
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any, Final
from zoneinfo import ZoneInfo

import psycopg
from prometheus_client.core import Metric
from psycopg import AsyncConnection
from psycopg_pool import PoolTimeout

from api.reading import ask
from api.services import Services
from ledger import telemetry
from ledger.errors import LedgerError
from ledger.intake import uploads
from ledger.jurisdiction import Profile
from ledger.match_writing import ACTOR
from ledger.reactors import REACTORS
from ledger.reactors.matching import TRACKED_AS
from ledger.retention.disposal import DONE, PROPOSED, REFUSED, WITHDRAWN
from ledger.retention.holds import PLACED
from ledger.telemetry import Asked
from projections import readers, retention, submissions_watch
from projections.submissions_watch import Files

TIMEOUT_S: Final = 5.0
_AWAY: Final = (psycopg.Error, PoolTimeout, TimeoutError)

Lags = Mapping[str, Mapping[str, int]]
"""Read model to its position, its log's head, and its lag_events; without those that are not known."""

Found = dict[Asked, dict[tuple[str, ...], float]]


async def ask_all(services: Services, lags: Lags, logs: Mapping[str, str]) -> list[Metric]:
    """Every metric that is asked. lags: as they are now. logs: read model to the log that it follows."""
    found: Found = {telemetry.BUILD: {(version("sojourn"), platform.python_version()): 1.0}}
    _tell_disk(found, services)
    _tell_lags(found, lags, logs)
    found[telemetry.PROJECTION_LAG_AGE] = await ages(services, lags, logs)
    if lags:
        # Else the database is away, and whoever asks for the metrics has waited long enough.
        found[telemetry.REACTOR_LAG] = await reactors(services, lags, logs)
        found[telemetry.UNDECIDED] = await undecided(services)
        found |= await checkpoints(services)
        found[telemetry.UNUSUAL_READERS] = await _unusual_readers(services)
        found |= await _retention(services)
        states, profiles, now = await _files(services)
        _tell_files(found, states, profiles, now)
        found[telemetry.OLDEST_WAITING] = await _waiting(services, states)
    return [metric.of(samples) for metric, samples in found.items()]


def due(profile: Profile, now: datetime) -> float:
    """When the state's nightly file was last awaited, Unix time: its hour, on its own clock. now: aware."""
    here = now.astimezone(ZoneInfo(profile.time_zone))
    at = here.replace(hour=profile.expected_hour, minute=0, second=0, microsecond=0, fold=0)
    return (at if at <= here else at - timedelta(days=1)).timestamp()


def instant(submission_date: str, profile: Profile) -> float:
    """A Submission Date (ISO 8601, on the state's own clock) as Unix time."""
    return datetime.fromisoformat(submission_date).replace(tzinfo=ZoneInfo(profile.time_zone)).timestamp()


def _tell_disk(found: Found, services: Services) -> None:
    if services.spools is not None:
        disk = shutil.disk_usage(services.spools.folder)
        found[telemetry.DISK_FREE], found[telemetry.DISK_SIZE] = {(): disk.free}, {(): disk.total}


def _tell_lags(found: Found, lags: Lags, logs: Mapping[str, str]) -> None:
    known = {name: lags.get(name, _UNKNOWN) for name in logs}
    found[telemetry.PROJECTION_POSITION] = {(name,): numbers["position"] for name, numbers in known.items()}
    found[telemetry.PROJECTION_LAG] = {(name,): numbers["lag_events"] for name, numbers in known.items()}
    found[telemetry.LEDGER_HEAD] = {(logs[name],): numbers["head"] for name, numbers in known.items()}


async def ages(services: Services, lags: Lags, logs: Mapping[str, str]) -> dict[tuple[str, ...], float]:
    """Read model to the age in seconds of the oldest event that it has not folded, 0 where there is none; not-a-number
    where that is not known."""
    ages = {(name,): 0.0 if name in lags else math.nan for name in logs}
    now = services.clock()
    for name, numbers in lags.items():
        if numbers["lag_events"] == 0:
            continue
        try:
            async with asyncio.timeout(TIMEOUT_S), services.feed.connection() as connection:
                cursor = await connection.execute(
                    f"select recorded_at from {logs[name]}.events where position = %s".encode(),
                    (numbers["position"] + 1,),
                )
                row = await cursor.fetchone()
        except _AWAY:
            row = None
        ages[(name,)] = math.nan if row is None else max((now - row[0]).total_seconds(), 0.0)
    return ages


async def reactors(services: Services, lags: Lags, logs: Mapping[str, str]) -> dict[tuple[str, ...], float]:
    """Lags of the reactors, which all follow the ledger."""
    head = max((numbers["head"] for name, numbers in lags.items() if logs[name] == "ledger"), default=math.nan)
    positions: dict[str, float] = {}
    try:
        async with asyncio.timeout(TIMEOUT_S), services.feed.connection() as connection:
            cursor = await connection.execute("select application_name, notification_id from tracking.positions")
            positions = dict(await cursor.fetchall())
    except _AWAY:
        head = math.nan
    tracked = {**{one.name: one.tracked_as for one in REACTORS}, ACTOR: TRACKED_AS}
    return {(name,): max(head - positions.get(tracked_as, 0), 0.0) for name, tracked_as in tracked.items()}


async def undecided(services: Services) -> dict[tuple[str, ...], float]:
    """How many records the matcher has yet to decide upon; not-a-number where that is not known."""
    try:
        async with asyncio.timeout(TIMEOUT_S), services.feed.connection() as connection:
            cursor = await connection.execute(
                "select (select count(*) from matching.undecided) + (select count(*) from matching.unread)"
            )
            row = await cursor.fetchone()
    except _AWAY:
        row = None
    return {(): math.nan if row is None else row[0]}


async def checkpoints(services: Services) -> Found:
    """How far each log is covered by what was signed; not-a-number where that is not known, nothing of a log of which
    nothing was signed but how far that is behind."""
    try:
        async with asyncio.timeout(TIMEOUT_S), services.feed.connection() as connection:
            cursor = await connection.execute(_CHECKPOINTS)
            rows = await cursor.fetchall()
    except _AWAY:
        return {telemetry.CHECKPOINT_LAG: {("ledger",): math.nan, ("access",): math.nan}}
    return {
        telemetry.CHECKPOINT_LAG: {(log,): head - (size or 0) for log, head, size, _ in rows},
        telemetry.CHECKPOINT_SIZE: {(log,): size for log, _, size, _ in rows if size is not None},
        telemetry.CHECKPOINT_TIME: {(log,): at.timestamp() for log, _, _, at in rows if at is not None},
    }


async def _unusual_readers(services: Services) -> dict[tuple[str, ...], float]:
    """How many, by why; names stay where they are."""
    day = services.clock().astimezone(UTC).date()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            _, found = await ask(services.reads, lambda conn: readers.of_day(conn, day))
    except (*_AWAY, LedgerError):
        return {(why,): math.nan for why in readers.REASONS}
    return {(why,): sum(why in reader.why for reader in found) for why in readers.REASONS}


async def _retention(services: Services) -> Found:
    """What waits for a second person, what became of what waited, and what holds; not-a-number where that is not
    known."""
    t, now = telemetry, services.clock()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            counts = await ask(services.reads, lambda conn: retention.counts(conn, now))
    except (*_AWAY, LedgerError):
        return {
            t.RETENTION_WAITING: {(): math.nan},
            t.RETENTION_OLDEST: {(): math.nan},
            t.RETENTION_HOLDS: {(kind,): math.nan for kind in PLACED},
        }
    age = 0.0 if counts.oldest is None else max((now - counts.oldest).total_seconds(), 0.0)
    return {
        t.RETENTION_WAITING: {(): counts.disposals.get(PROPOSED, 0)},
        t.RETENTION_OLDEST: {(): age},
        t.RETENTION_CLOSED: {(status,): counts.disposals.get(status, 0) for status in (DONE, REFUSED, WITHDRAWN)},
        t.RETENTION_HOLDS: {(kind,): counts.holds.get(kind, 0) for kind in PLACED},
    }


async def _files(services: Services) -> tuple[dict[str, Files], dict[str, Profile], datetime]:
    """How the states' files stand, and the profiles of those states that are known; empty where that is not known."""

    async def question(connection: AsyncConnection[Any]) -> dict[str, Files]:
        return await submissions_watch.files(connection)

    now = services.clock()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            states = await ask(services.reads, question)
            return states, await asyncio.to_thread(_profiles, services, list(states)), now
    except (*_AWAY, LedgerError):
        return {}, {}, now


async def _waiting(services: Services, states: Iterable[str]) -> dict[tuple[str, ...], float]:
    """State to the age of its oldest file that waits, 0 where none does; empty where that is not known."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            files = await asyncio.to_thread(uploads.waiting, services.ledger)
            asked = [(file.submission, file.late) for file in files]
            wanted = await ask(services.reads, lambda conn: submissions_watch.wanted(conn, asked))
    except (*_AWAY, LedgerError):
        return {}
    now = services.clock()
    ages: dict[tuple[str, ...], float] = {(state,): 0.0 for state in states}
    for file in files:
        if file.submission in wanted:
            state, age = (file.submission[:2],), (now - file.received_at).total_seconds()
            ages[state] = max(ages.get(state, 0.0), age)
    return ages


def _profiles(services: Services, states: list[str]) -> dict[str, Profile]:
    """Raises StoreUnavailable."""
    return {state: services.ledger.profile(state) for state in states}


def _tell_files(found: Found, states: Mapping[str, Files], profiles: Mapping[str, Profile], now: datetime) -> None:
    t = telemetry
    for metric in _OF_FILES:
        found[metric] = {}
    for state, of in states.items():
        found[t.SUBMISSIONS_RECEIVED][(state,)] = of.received
        found[t.SUBMISSIONS_COMPLETED][(state,)] = of.completed
        for outcome in _OUTCOMES:
            found[t.SUBMISSION_ROWS][state, outcome] = getattr(of, outcome)
        for rule, refused in of.refused_whole.items():
            found[t.SUBMISSIONS_REFUSED][state, rule] = refused.dates
            found[t.LAST_REFUSED][state, rule] = refused.last_at.timestamp()
        if of.running is not None:
            found[t.RUNNING_ROWS_DONE][(state,)], found[t.RUNNING_ROWS][(state,)] = of.running
        if of.latest_date is not None:
            found[t.LAST_DATE][(state,)] = instant(of.latest_date, profiles[state])
        found[t.DUE][(state,)] = due(profiles[state], now)
        if (last := of.last) is None:
            continue
        found[t.LAST_COMPLETED][(state,)] = last.completed_at.timestamp()
        found[t.LAST_DURATION][(state,)] = (last.completed_at - last.received_at).total_seconds()
        for outcome in _OUTCOMES:
            found[t.LAST_ROWS][state, outcome] = getattr(last, outcome)
        for rule, levels in last.findings.items():
            for level, number in levels.items():
                found[t.LAST_FINDINGS][state, rule, level] = number


_CHECKPOINTS: Final = """
    select h.log, h.position, c.size, c.signed_at
      from (select 'ledger' as log, position from ledger.head union all select 'access', position from access.head) h
      left join lateral (select size, signed_at from proofs.checkpoints where log = h.log order by size desc limit 1) c
        on true
"""
_UNKNOWN: Final[Mapping[str, float]] = {"position": math.nan, "head": math.nan, "lag_events": math.nan}
_OUTCOMES: Final = ("accepted", "unchanged", "refused")
_OF_FILES: Final = (
    telemetry.SUBMISSIONS_RECEIVED,
    telemetry.SUBMISSIONS_COMPLETED,
    telemetry.SUBMISSIONS_REFUSED,
    telemetry.LAST_REFUSED,
    telemetry.SUBMISSION_ROWS,
    telemetry.LAST_COMPLETED,
    telemetry.LAST_DURATION,
    telemetry.LAST_ROWS,
    telemetry.LAST_FINDINGS,
    telemetry.LAST_DATE,
    telemetry.DUE,
    telemetry.RUNNING_ROWS,
    telemetry.RUNNING_ROWS_DONE,
)
