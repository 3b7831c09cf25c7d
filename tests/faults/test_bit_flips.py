"""A single bit in any column of a stored row: in the database itself, as its owner flips it, and found each time.

Left out is what follows from nothing and decides nothing: when a checkpoint was signed by PostgreSQL's clock, how many
rows a partition takes, and the instant of the head beyond that of the last event.
"""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg.rows import tuple_row

from ledger.proofs.doubt import Doubt
from ledger.store.database import Database, Role
from ledger.store.embedded import EmbeddedServer
from ledger.store.proof_store import ProofStore
from ledger.store.vault import MasterKey, Vault
from ledger.store.verifying_log import verify_log
from support.tampering import LOGS, MASTER, copy_of, outside, signed_store, superuser, verdict_on, wrong

EVENTS = {
    "position": "int8",
    "stream": "text",
    "version": "int8",
    "topic": "text",
    "event_id": "uuid",
    "recorded_at": "instant",
    "key_id": "uuid",
    "key_check": "bytea",
    "body": "bytea",
    "leaf": "bytea",
}
HEADS = {"stream": "text", "version": "int8", "position": "int8", "leaf": "bytea"}
TABLES: tuple[tuple[str, dict[str, str], int], ...] = (
    ("{log}.events", EVENTS, 14),
    ("{log}.heads", HEADS, 3),
    ("{log}.head", {"position": "int8"}, 1),
    ("proofs.checkpoints", {"size": "int8", "note": "bytea"}, 1),
    ("proofs.tiles", {"level": "int2", "number": "int8", "hashes": "bytea"}, 1),
    ("proofs.head_pages", {"depth": "int2", "prefix": "bytea", "page": "bytea"}, 1),
)
"""Each with its columns, and how often it is drawn."""

BITS = {"int2": 16, "int8": 64, "instant": 64, "uuid": 128}


class Flip(NamedTuple):
    """A bit of a column of a row. was, now: the row as PostgreSQL writes it."""

    log: str
    table: str
    column: str
    was: str
    now: str


class Flipper:
    """Flips a bit of a stored row, has the log verified by what ``sojourn verify`` runs, and puts the row back."""

    def __init__(self, database: Database, stack: ExitStack, seed: int) -> None:
        self.chance = random.Random(seed)
        self.vault = Vault([MasterKey.of(MASTER)])
        self.owner = stack.enter_context(superuser(database))
        self._database = database
        self._conn, self._beside = (stack.enter_context(database.connect(Role.PROJECTOR)) for _ in range(2))
        self._proofs = {log: stack.enter_context(ProofStore(database, log)) for log in LOGS}
        self._rows = {
            (log, table): [row[0] for row in self._ask(f"select t::text from {_named(table, log)} t {_of(table, log)}")]
            for log in LOGS
            for table, _, _ in TABLES
        }

    def flip(self) -> Flip | None:
        """One that is stored from now on; None where PostgreSQL stores no such value."""
        log = self.chance.choice(("ledger", "ledger", "access"))
        table, columns, _ = self.chance.choices(TABLES, [often for *_, often in TABLES])[0]
        column, was = self.chance.choice(list(columns)), self.chance.choice(self._rows[log, table])
        name, kind = _named(table, log), columns[column]
        shown = f"(extract(epoch from {column}) * 1000000)::bigint" if kind == "instant" else column
        ((value,),) = self._ask(f"select {shown} from {name} t where t::text = %s", was)
        if value == b"":
            return None  # it has no bits: the prefix of the topmost page
        stored = "timestamptz 'epoch' + %s * interval '1 microsecond'" if kind == "instant" else f"%s::{kind}"
        try:
            changed = flipped(self.chance, kind, value)
            update = f"update {name} t set {column} = {stored} where t::text = %s returning t::text"
            ((now,),) = self._ask(update, changed, was)
        except (psycopg.Error, UnicodeDecodeError):
            return None
        assert now != was
        return Flip(log, name, column, was, now)

    def doubt(self, log: str, *, of_what_was_signed: bool = True) -> Doubt | None:
        """What is said of the log. of_what_was_signed: whether that was changed, and is read anew."""
        try:
            if of_what_was_signed:
                with ProofStore(self._database, log) as proofs:
                    verify_log(self._conn, self._beside, log, self.vault, proofs, outside(log))
            else:
                verify_log(self._conn, self._beside, log, self.vault, self._proofs[log], outside(log))
        except Doubt as doubt:
            return doubt
        return None

    def back(self, flip: Flip) -> None:
        with self.owner.transaction():
            ((gone,),) = self._ask(
                f"with gone as (delete from {flip.table} t where t::text = %s returning 1) select count(*) from gone",
                flip.now,
            )
            assert gone == 1
            self.owner.execute(f"insert into {flip.table} select (%s::{flip.table}).*".encode(), (flip.was,))

    def _ask(self, query: str, *params: object) -> list[tuple[Any, ...]]:
        with self.owner.cursor(row_factory=tuple_row) as cursor:
            return cursor.execute(query.encode(), params or None).fetchall()


def flipped(chance: random.Random, kind: str, was: Any) -> Any:
    """Another value, by one bit of it. Raises UnicodeDecodeError for what is no text."""
    if kind in ("bytea", "text"):
        data = bytearray(was if kind == "bytea" else was.encode())
        bit = chance.randrange(len(data) * 8)
        data[bit // 8] ^= 1 << bit % 8
        return bytes(data) if kind == "bytea" else data.decode()
    number, bits = (was.int if kind == "uuid" else was), BITS[kind]
    number = (number ^ 1 << chance.randrange(bits)) & ((1 << bits) - 1)
    if kind == "uuid":
        return uuid.UUID(int=number)
    return number - (1 << bits) if number >> bits - 1 else number


def _named(table: str, log: str) -> str:
    return table.replace("{log}", log)


def _of(table: str, log: str) -> str:
    return f"where t.log = '{log}'" if table.startswith("proofs.") else ""


@pytest.fixture(scope="module")
def small(server: EmbeddedServer) -> Iterator[Database]:
    """A store with a few dozen events."""
    with signed_store(server, students=4, sizes=(24, 40), head=42) as signed, copy_of(server, signed) as database:
        yield database


def each_is_found(database: Database, flips: int, seed: int) -> Counter[str]:
    """How many were found in each column."""
    found: Counter[str] = Counter()
    with ExitStack() as stack:
        flipper = Flipper(database, stack, seed)
        for log in LOGS:
            assert flipper.doubt(log) is None
            assert flipper.doubt(log, of_what_was_signed=False) is None, "its snapshot begins here"
        while found.total() < flips:
            flip = flipper.flip()
            if flip is None:
                continue
            signed = flip.table.startswith("proofs.")
            assert flipper.doubt(flip.log, of_what_was_signed=signed) is not None, f"not found: {flip}"
            flipper.back(flip)
            found[f"{flip.table}.{flip.column}"] += 1
        assert [flipper.doubt(log) for log in LOGS] == [None, None]
    return found


def test_each_of_two_thousand_random_bit_flips_is_found(small: Database) -> None:
    found = each_is_found(small, 2_000, seed=1)
    assert {f"{log}.events.{column}" for log in LOGS for column in EVENTS if column != "position"} <= set(found)


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(2, 7))
def test_each_of_ten_thousand_more_is_found(small: Database, seed: int) -> None:
    assert each_is_found(small, 2_000, seed).total() == 2_000


@pytest.mark.parametrize("column", ["state", "state_student_id", "student_id", "minted", "rows"])
def test_a_bit_of_a_record_s_guard_row_that_flips_is_found(small: Database, column: str) -> None:
    kind = "bytea" if column == "rows" else "text"
    chance = random.Random(column)
    with superuser(small) as conn:
        ((record, was),) = conn.execute(f"select record_id, {column} from ledger.records limit 1".encode()).fetchall()
        now = was
        while now == was or (kind == "text" and not str(now).isprintable()):
            with suppress(UnicodeDecodeError):
                now = flipped(chance, kind, was)
        update = f"update ledger.records set {column} = %s where record_id = %s".encode()
        conn.execute(update, (now, record))
        verdict = verdict_on(small)
        conn.execute(update, (was, record))
    assert str(record) in wrong(verdict)[0]
    assert verdict_on(small).holds
