"""Looks whether the store is as it must be, and says how to mend what is not.

Reads only, as the projector (answers: as the writer), in short transactions beside a running service; never holds more
than a page in memory. What was recorded is taken for the truth, and everything that follows from it (leaves, heads,
guards) is computed again and compared. Knows no HTTP and no read model; who follows a log is told to it by name.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import tuple_row

from ledger.errors import LedgerError
from ledger.store import (
    doctor_accounts,
    doctor_answers,
    doctor_cases,
    doctor_linkage,
    doctor_proofs,
    doctor_records,
    doctor_retention,
    doctor_settings,
)
from ledger.store.canonical import entry, leaf
from ledger.store.commit import microseconds
from ledger.store.database import Database, Role, translate
from ledger.store.grants import differences, mending
from ledger.store.log import Log
from ledger.store.signed_file import Signing
from ledger.store.vault import Vault

OLDEST_POSTGRESQL = 15
PAGE_EVENTS = 2_000
PAGE_RECORDS = 200
PAGE_KEYS = 1_000
CLOCK_TOLERANCE = timedelta(seconds=5)

END_WRITERS = "End whatever writes here (`sojourn serve`, submissions): nothing else ends it."
KEEP = f"{END_WRITERS} Keep the database as it is, and compare it with a checkpoint or a backup from before."
MEND_GUARD = (
    f"The events are right and the guard is not. {END_WRITERS} Then, as sojourn_owner, set what is named here as it"
    " follows from the events, or restore it from a backup, and run `sojourn doctor` again."
)


class Examined(NamedTuple):
    """One finding. ok: None where it is no fault, but somebody should know. remedy: empty where nothing is to do."""

    name: str
    ok: bool | None
    what: str
    remedy: str = ""


class _Case(NamedTuple):
    """What an examination may use. conn: as the projector, in autocommit."""

    database: Database
    conn: psycopg.Connection[Any]
    logs: Mapping[str, Log]
    fits: Callable[[Database], None]
    row_key: Callable[[], bytes]
    followers: Mapping[str, str]
    clock: Callable[[], datetime]
    sample: int | None
    signing: Callable[[str], Signing | None] | None
    certified: Callable[[], Mapping[bytes, str]]

    def rows(self, query: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        with self.conn.cursor(row_factory=tuple_row) as cursor:
            return cursor.execute(query, params or None).fetchall()  # type: ignore[arg-type]

    @property
    def vault(self) -> Vault:
        return next(iter(self.logs.values())).vault


def examine(
    database: Database,
    logs: Mapping[str, Log],
    *,
    fits: Callable[[Database], None],
    row_key: Callable[[], bytes],
    followers: Mapping[str, str] | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    sample: int | None = None,
    only: Collection[str] | None = None,
    signing: Callable[[str], Signing | None] | None = None,
    certified: Callable[[], Mapping[bytes, str]] = dict,
) -> list[Examined]:
    """Examine a store.

    logs: by name, opened as a role that may read them. fits: raises Misconfigured unless the schema is this release's.
    row_key: of the guard's row hashes. followers: name of a read model or reactor to the log that it follows. sample:
    look only at so many of the newest events, records and keys; None: at all. only: names of what is to be looked at.
    signing: what signs a log here; None: checkpoints are not looked at. certified: ids of keys that went, as
    is known outside the database, to the disposal.

    Raises nothing that the database or a key may cause: that is what it reports.
    """
    examined: list[Examined] = []
    try:
        conn = database.connect(Role.PROJECTOR, name="sojourn doctor")
    except LedgerError as e:
        return [Examined("database", False, e.what, e.remedy)]
    with conn:
        case = _Case(database, conn, logs, fits, row_key, followers or {}, clock, sample, signing, certified)
        for name, look in (one for one in _EXAMINATIONS if only is None or one[0] in only):
            for log in logs if "{log}" in name else [""]:
                title = name.replace("{log}", log)
                examined += [found._replace(name=title) for found in _careful(look, case, log)]
    return examined


def _careful(look: Callable[[_Case, str], Iterator[Examined]], case: _Case, log: str) -> list[Examined]:
    """What was found, and what kept us from looking further as one more finding."""
    found: list[Examined] = []
    try:
        for one in look(case, log):
            found.append(one)  # noqa: PERF402 - what came before an error counts
    except LedgerError as e:
        found.append(Examined("", False, e.what, e.remedy))
    except psycopg.Error as e:
        told = translate(e)
        what, remedy = (told.what, told.remedy) if told else (f"Could not be examined: {type(e).__name__}.", "")
        found.append(Examined("", False, what, remedy or "See PostgreSQL's log."))
    return found


# -- the server


def _database(case: _Case, _: str) -> Iterator[Examined]:
    ((number, version),) = case.rows(
        "select current_setting('server_version_num')::int, current_setting('server_version')"
    )
    ok = number >= OLDEST_POSTGRESQL * 10_000
    remedy = "" if ok else f"Upgrade to PostgreSQL {OLDEST_POSTGRESQL} or newer."
    yield Examined("", ok, f"PostgreSQL {version} answers.", remedy)


def _settings(case: _Case, _: str) -> Iterator[Examined]:
    yield from (Examined("", *found) for found in doctor_settings.look(case.conn))


def _migrations(case: _Case, _: str) -> Iterator[Examined]:
    case.fits(case.database)
    yield Examined("", True, "The schema is this release's.")


_EVENT_TRIGGERS = {"sojourn_refuse_detach", "sojourn_refuse_ddl", "sojourn_refuse_drop"}


def _event_trigger(case: _Case, _: str) -> Iterator[Examined]:
    there = {row[0] for row in case.rows("select evtname from pg_event_trigger where evtenabled in ('O', 'A')")}
    if there >= _EVENT_TRIGGERS:
        yield Examined("", True, "No role can alter, detach or drop the events' tables.")
    else:
        yield Examined(
            "",
            None,
            "The event trigger is not there: the owner of the tables is held by privileges, triggers and the proofs.",
            "Run `sojourn migrate` once as a superuser, or keep sojourn_owner's sign-in to yourself.",
        )


# -- who may do what


def _grants(case: _Case, _: str) -> Iterator[Examined]:
    missing, surplus = differences(case.conn)
    ((may_make_schemas, name),) = case.rows(
        "select has_database_privilege('sojourn_projector', d.oid, 'CREATE'), quote_ident(datname)"
        " from pg_database d where datname = current_database()"
    )
    if not may_make_schemas:
        remedy = f"As the owner of the database: grant create on database {name} to sojourn_projector;"
        yield Examined("", False, "The projector may not make the schemas of its read models.", remedy)
    elif not missing and not surplus:
        yield Examined("", True, "Each role may do what it must, and no more.")
    if missing or surplus:
        what = f"{len(missing)} privileges are missing, {len(surplus)} are too many."
        yield Examined("", False, what, "As sojourn_owner: " + " ".join(mending(missing, surplus)))


# -- the tables of a log

_UNGUARDED = """
    with guarded as (
        select %(log)s || '.events' as name, to_regclass(%(log)s || '.events')::oid as oid
        union all
        select inhrelid::regclass::text, inhrelid from pg_inherits where inhparent = to_regclass(%(log)s || '.events')
    )
    select g.name from guarded g
     where (select count(*) from pg_trigger t where t.tgrelid = g.oid and t.tgenabled in ('O', 'A')
               and t.tgqual is null and t.tgattr = '' and t.tgfoid = to_regprocedure(%(log)s || '.refuse_change()')
               and (t.tgname, t.tgtype) in (('events_are_append_only', 27), ('events_are_never_truncated', 34))) <> 2
        or exists (select from pg_trigger t where t.tgrelid = g.oid and not t.tgisinternal
               and t.tgname not in ('events_are_append_only', 'events_are_never_truncated'))
        or exists (select from pg_rewrite r where r.ev_class = g.oid)
     order by 1
"""


def _triggers(case: _Case, log: str) -> Iterator[Examined]:
    open_ones = [row[0] for row in case.rows(_UNGUARDED, {"log": log})]
    refusing = case.rows(
        "select prosrc ~ 'raise exception' and prosrc !~ '\\mreturn\\M' from pg_proc where oid = to_regprocedure(%s)",
        (f"{log}.refuse_change()",),
    )
    if refusing != [(True,)]:
        open_ones.append(f"{log}.refuse_change()")
    if open_ones:
        what = f"Not guarded against change: {', '.join(open_ones)}."
        yield Examined("", False, what, f"{KEEP} Then run `sojourn migrate` of a release that mends it.")
    else:
        yield Examined("", True, "Every partition refuses UPDATE, DELETE and TRUNCATE.")


def _partitions(case: _Case, log: str) -> Iterator[Examined]:
    ((head, end, size),) = case.rows(f"select position, partitions_end, partition_rows from {log}.head")
    partitions = case.rows(
        "select inhrelid::regclass::text, inhdetachpending,"
        " array(select m[1]::bigint from regexp_matches(pg_get_expr(relpartbound, inhrelid), '''(\\d+)''', 'g') m)"
        " from pg_inherits join pg_class c on c.oid = inhrelid where inhparent = to_regclass(%s) order by 3",
        (f"{log}.events",),
    )
    expected = 1
    for name, leaving, (first, beyond) in partitions:
        if leaving:
            yield Examined("", False, f"{name} was half detached: its events are not read.", KEEP)
        if first != expected:
            yield Examined("", False, f"No partition takes the positions from {expected} to {first - 1}.", KEEP)
        expected = beyond
    if expected != end:
        remedy = f"As sojourn_owner: update {log}.head set partitions_end = {expected};"
        yield Examined("", False, f"The partitions end before {expected}, the head says {end}.", remedy)
    elif head >= end - size // 2:
        remedy = f"Look in pg_stat_activity for a long reader of {log}.events; the next commits try again."
        yield Examined("", None, f"{end - 1 - head} positions are left, and no partition is ready beyond.", remedy)
    else:
        yield Examined("", True, f"{len(partitions)} partitions, {end - 1 - head} positions ahead of the head.")


def _log(case: _Case, log: str) -> Iterator[Examined]:
    """One pass over the events: positions without gaps, instants never going back, leaves as they follow."""
    ((head, last),) = case.rows(
        f"select position, (select coalesce(max(position), 0) from {log}.events) from {log}.head"
    )
    if head != last:
        yield Examined("", False, f"The head is at {head}, the last event at {last}.", KEEP)
    first = 1 if case.sample is None else max(1, last - case.sample + 1)
    expected, learned, seen = first, None, 0
    reader = case.logs[log].reader
    while page := reader.page(case.conn, expected, PAGE_EVENTS, last):
        for e in page:
            if e.id != expected:
                yield Examined("", False, f"Positions {expected} to {e.id - 1} are missing.", KEEP)
            if learned is not None and e.recorded_at < learned:
                yield Examined("", False, f"Position {e.id} was recorded before the one that it follows.", KEEP)
            made = entry(
                e.id,
                str(e.originator_id),
                e.originator_version,
                e.topic,
                e.event_id,
                microseconds(e.recorded_at),
                e.key_id,
                e.key_check,
                e.state,
            )
            if leaf(made) != e.leaf:
                yield Examined("", False, f"Position {e.id} is not what its leaf says: it was changed.", KEEP)
                return
            expected, learned = e.id + 1, e.recorded_at
        seen += len(page)
    if expected != last + 1:
        yield Examined("", False, f"Positions {expected} to {last} are missing.", KEEP)
    if seen == last - first + 1 and head == last:
        yield Examined("", True, f"{_so_many(seen, last)} events without a gap, each as its leaf says.")


_HEADS = """
    with concerned as (select stream from {log}.heads {sampled}),
         folded as (
        select stream, count(*) as events, count(distinct version) as versions, max(version) as version,
               max(position) as position
          from {log}.events {of} group by stream)
    select coalesce(f.stream, h.stream)
      from folded f full join (select * from {log}.heads {of}) h using (stream)
      left join {log}.events e on e.position = h.position
     where (f.version, f.position, f.events, f.versions) is distinct from (h.version, h.position, h.version, h.version)
        or e.leaf is distinct from h.leaf
     order by 1 limit 5
"""


def _heads(case: _Case, log: str) -> Iterator[Examined]:
    sampled = ""
    if case.sample is not None:
        sampled = f"order by position desc limit {case.sample}"
    of = "where stream in (select stream from concerned)" if sampled else ""
    query = _HEADS.replace("{log}", log).replace("{sampled}", sampled).replace("{of}", of)
    wrong = [row[0] for row in case.rows(query)]
    if wrong:
        what = f"The heads of these streams do not follow from their events: {', '.join(wrong)}."
        yield Examined("", False, what, MEND_GUARD)
    else:
        ((streams,),) = case.rows(f"select count(*) from {log}.heads")
        yield Examined(
            "", True, f"The heads of {_so_many(streams, streams, case.sample)} streams follow from their events."
        )


def _checkpoint(case: _Case, log: str) -> Iterator[Examined]:
    if case.signing is None:
        return
    signing = case.signing(log)
    known, file = ((), None) if signing is None else (signing.keys.known, signing.file)
    for found in doctor_proofs.look(case.conn, log, known, file, case.sample, KEEP):
        yield Examined("", *found)


# -- guards and keys


def _guards(case: _Case, _: str) -> Iterator[Examined]:
    key = case.row_key()
    seen, wrong = 0, 0
    for page in _paged(case, "ledger.records", "record_id", "state, state_student_id, minted, rows", PAGE_RECORDS):
        for record_id, fault in doctor_records.faults(case.conn, case.logs["ledger"], [row[0] for row in page], key):
            wrong += 1
            if wrong <= 5:
                yield Examined("", False, f"The guard row of record {record_id} {fault}.", MEND_GUARD)
        seen += len(page)
    if wrong > 5:
        yield Examined("", False, f"So are {wrong - 5} more.", MEND_GUARD)
    lost = case.rows(
        "select stream from ledger.heads where stream like 'record/%'"
        " and exists (select from vault.keys where subject = substr(stream, 8) and class = 'education')"
        " and not exists (select from ledger.records where record_id = substr(stream, 8)::uuid) order by 1 limit 5"
    )
    for (stream,) in lost:
        yield Examined("", False, f"{stream} has no guard row.", MEND_GUARD)
    if not wrong and not lost:
        yield Examined("", True, f"The guard rows of {seen} records follow from their events.")


def _guarded(faults: Callable[..., Iterator[str]], sound: str) -> Callable[[_Case, str], Iterator[Examined]]:
    return lambda case, _: _told(faults(case.conn, case.logs["ledger"]), sound)


def _retention(case: _Case, _: str) -> Iterator[Examined]:
    yield from (Examined("", None, *note) for note in doctor_retention.notes(case.conn))
    sound = "What is held, and what is gone, follows from the events."
    yield from _told(doctor_retention.faults(case.conn, case.logs["ledger"]), sound)


def _answers(case: _Case, _: str) -> Iterator[Examined]:
    with case.database.connect(Role.WRITER, name="sojourn doctor") as conn:
        yield from _told(doctor_answers.faults(conn), "Each idempotency answer names a position of its instant.")


def _told(faults: Iterator[str], sound: str) -> Iterator[Examined]:
    wrong = list(faults)
    for fault in wrong[:5]:
        yield Examined("", False, fault, MEND_GUARD)
    if len(wrong) > 5:
        yield Examined("", False, f"{len(wrong) - 5} more are wrong.", MEND_GUARD)
    if not wrong:
        yield Examined("", True, sound)


def _keys(case: _Case, _: str) -> Iterator[Examined]:
    yield from (Examined("", False, *found) for found in doctor_retention.brought_back(case.conn, case.certified()))
    wrapped = case.rows("select wrapped_by, count(*) from vault.keys group by 1 order by 2 desc, 1")
    first = case.vault.fingerprint
    there = sum(count for _, count in wrapped)
    told = ", ".join(f"{count} by {bytes(by).hex()}" for by, count in wrapped) or "none yet"
    foreign = case.vault.foreign(case.conn)
    if foreign:
        yield Examined(
            "",
            False,
            f"{foreign} of {there} keys are wrapped by a master key that is not at hand (wrapped: {told}).",
            "Give that master key too in SOJOURN_MASTER_KEY, after the one in use; then run `sojourn keys rotate`.",
        )
        return
    opened = 0
    for page in _paged(case, "vault.keys", "key_id", "subject", PAGE_KEYS):
        opened += len(case.vault.open_keys(case.conn, [row[0].bytes for row in page]))
    yield Examined("", True, f"{_so_many(opened, there)} keys open under the master key at hand (wrapped: {told}).")
    if any(bytes(by) != first for by, _ in wrapped):
        left = sum(count for by, count in wrapped if bytes(by) != first)
        yield Examined(
            "",
            None,
            f"{left} of {there} keys are still wrapped by another master key than {first.hex()}, which wraps new ones.",
            "Run `sojourn keys rotate`, and keep the other one at hand until it has left nothing.",
        )


# -- time, and who follows


def _clock(case: _Case, _: str) -> Iterator[Examined]:
    now = case.clock()
    ((server,),) = case.rows("select clock_timestamp()")
    fine = True
    if abs(server - now) > CLOCK_TOLERANCE:
        fine = False
        what = f"This clock and PostgreSQL's are {abs(server - now).total_seconds():.0f} s apart."
        yield Examined("", None, what, "Let both machines keep time by NTP.")
    for log in case.logs:
        ((learned,),) = case.rows(f"select nullif(recorded_at, '-infinity') from {log}.head")
        if learned is not None and learned - now > CLOCK_TOLERANCE:
            fine = False
            what = f"The last event of {log} was recorded {(learned - now).total_seconds():.0f} s ahead of this clock."
            remedy = "Set the clock right. Until it has caught up, every event is recorded at that instant."
            yield Examined("", False, what, remedy)
    if fine:
        yield Examined("", True, "The clocks agree, and no event lies in the future.")


def _followers(case: _Case, _: str) -> Iterator[Examined]:
    # Positions first: a head that is read afterwards can only be further on.
    reached = dict(case.rows("select application_name, notification_id from tracking.positions"))
    heads = {log: case.rows(f"select position from {log}.head")[0][0] for log in case.logs}
    for name, log in sorted(case.followers.items()):
        position, head = reached.get(name), heads[log]
        if position is None:
            yield Examined("", None, f"{name} has not begun.", "Run `sojourn project run`, or `sojourn serve`.")
        elif position > head:
            what = f"{name} is at {position}, ahead of the {log} log's head {head}: the log has lost events."
            yield Examined("", False, what, KEEP)
        elif position < head:
            what = f"{name} is at {position}, {head - position} events behind."
            yield Examined("", None, what, "Run `sojourn project run`, or see whether `sojourn serve` runs.")
        else:
            yield Examined("", True, f"{name} is at the head, {head}.")


# -- pages


def _paged(case: _Case, table: str, key: str, columns: str, size: int) -> Iterator[list[tuple[Any, ...]]]:
    """A table in pages, newest key first, up to the sample."""
    left = case.sample
    before: uuid.UUID | None = None
    while left is None or left > 0:
        limit = size if left is None else min(size, left)
        page = case.rows(
            f"select {key}, {columns} from {table} where %s::uuid is null or {key} < %s::uuid"
            f" order by {key} desc limit {limit}",
            (before, before),
        )
        if not page:
            return
        yield page
        before = page[-1][0]
        left = None if left is None else left - len(page)


def _so_many(seen: int, there: int, sample: int | None = None) -> str:
    seen = seen if sample is None else min(seen, sample)
    return f"{seen}" if seen == there else f"The newest {seen} of {there}"


GUARDS = ("guards", "linkage guards", "cases", "accounts", "retention", "answers", "keys")
"""What follows from the events of the ledger and is looked at by name where the events themselves are verified."""

_EXAMINATIONS: tuple[tuple[str, Callable[[_Case, str], Iterator[Examined]]], ...] = (
    ("database", _database),
    ("settings", _settings),
    ("migrations", _migrations),
    ("event trigger", _event_trigger),
    ("grants", _grants),
    ("{log} triggers", _triggers),
    ("{log} partitions", _partitions),
    ("{log} events", _log),
    ("{log} heads", _heads),
    ("{log} checkpoint", _checkpoint),
    ("guards", _guards),
    ("linkage guards", _guarded(doctor_linkage.faults, "Students and declarations follow from the acts of linkage.")),
    ("cases", _guarded(doctor_cases.faults, "The guards of cases follow from their events.")),
    ("accounts", _guarded(doctor_accounts.faults, "The guards of accounts follow from their events.")),
    ("retention", _retention),
    ("answers", _answers),
    ("keys", _keys),
    ("clock", _clock),
    ("followers", _followers),
)
