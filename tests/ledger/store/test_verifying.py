"""A store is verified where it lies: while it is written to, however long it is, with whatever somebody brings."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from psycopg import sql

import migrations
from ledger.application import Ledger
from ledger.events.retention import KeyDestroyed
from ledger.ids import Uuid7Source
from ledger.proofs.log_keys import of_log
from ledger.proofs.note import COSIGNATURE, Checkpoint, Signer, cosign, heads_line, open_checkpoint, sign_checkpoint
from ledger.proofs.receipts import receipt
from ledger.proofs.verify import Verdict
from ledger.store import verifying_log
from ledger.store.canonical import entry, leaf
from ledger.store.commit import microseconds
from ledger.store.copied_out import stored
from ledger.store.database import Database, Role
from ledger.store.doctor import GUARDS, examine
from ledger.store.embedded import EmbeddedServer
from ledger.store.outside import Outside
from ledger.store.proof_store import ProofStore, ProofTables
from ledger.store.vault import MasterKey, Vault
from ledger.store.verifying import Given, verify_store
from support.databases import copied
from support.logs import append
from support.notarized import KEY, OTHER_KEY, filled
from support.tampering import (
    AT,
    CHANGES,
    FIRST_SIZE,
    HEAD,
    LOGS,
    MASTER,
    SECOND_SIZE,
    Signed,
    copy_of,
    opened,
    outside,
    rewrite,
    sign,
    sign_anew,
    signed_store,
    superuser,
    wrong,
)

WITNESS = Signer.of("oregon.example.org", b"W" * 32, COSIGNATURE)
STRANGER = Signer.of("texas.example.org", b"X" * 32, COSIGNATURE)


@pytest.fixture(scope="module")
def signed(server: EmbeddedServer) -> Iterator[Signed]:
    with signed_store(server) as there:
        yield there


@pytest.fixture
def store(server: EmbeddedServer, signed: Signed) -> Iterator[Database]:
    with copy_of(server, signed) as database:
        yield database


@pytest.fixture
def a_tile_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying_log, "EVENTS_AT_ONCE", 256)


def verdict_on(
    database: Database, given: dict[str, Outside] | None = None, *, receipts: Sequence[bytes] = ()
) -> Verdict:
    """Of the two logs alone."""
    known = {log: outside(log) for log in LOGS} | (given or {})
    return verify_store(database, Vault([MasterKey.of(MASTER)]), Given(known, receipts, lambda: ()))


# -- what is read


def test_an_entry_off_the_wire_is_the_canonical_one(store: Database) -> None:
    with opened(store) as ledger, store.connect(Role.PROJECTOR) as conn:
        for log in (ledger.log, ledger.access):
            page = log.reader.page(conn, 1, 1_000)
            found = list(stored(conn, log.log_name))
            assert len(found) == len(page)
            for one, e in zip(found, page, strict=True):
                at = microseconds(e.recorded_at)
                made = entry(
                    e.id, e.originator_id, e.originator_version, e.topic, e.event_id, at, e.key_id, e.key_check, e.state
                )
                assert one == (e.id, made, e.state, leaf(made), e.event_id, e.key_id)
            assert [one[0] for one in stored(conn, log.log_name, first=3, last=5)] == [3, 4, 5]
            streams = [page[0].originator_id, page[-1].originator_id]
            some = [one[0] for one in stored(conn, log.log_name, streams=streams)]
            assert some == [e.id for e in page if e.originator_id in streams]
            assert list(stored(conn, log.log_name, streams=["nobody"])) == []


def test_an_empty_store_is_proven(server: EmbeddedServer) -> None:
    with copied(server) as name:
        database = Database(server.conninfo(name), log_in=True)
        assert verdict_on(database).holds
        for log in LOGS:
            sign(database, log, KEY)
        verdict = verdict_on(database)
        assert verdict.holds, verdict.text()
        assert "The root of the heads of 0 streams at 0 events follows." in "\n".join(verdict.proven)


def test_what_comes_after_an_empty_log_was_signed_makes_nobody_doubt(ledger: Ledger) -> None:
    sign(ledger.database, "ledger", KEY)
    filled(ledger, 300)
    verdict = verify_store(ledger.database, ledger.vault, Given({log: outside(log) for log in LOGS}, (), lambda: ()))
    assert verdict.holds, verdict.text()
    assert "ledger: The root of the heads of 0 streams at 0 events follows." in verdict.proven


@pytest.mark.usefixtures("a_tile_at_a_time")
def test_a_log_of_several_batches_partitions_and_checkpoints_is_proven_as_a_whole(ledger: Ledger) -> None:
    with superuser(ledger.database) as conn:
        conn.execute("update ledger.head set partition_rows = 700")
        for _ in range(3):
            conn.execute("select ledger.add_partition()")
    for size in (1, 255, 256, 257, 511, 512, 513, 1_000, 1_023):
        filled(ledger, size - ledger.log.head(), seed=size)
        sign(ledger.database, "ledger", KEY)
    filled(ledger, 300)
    seen: list[tuple[str, int, int]] = []
    given = Given({log: outside(log) for log in LOGS}, (), lambda: ())
    verdict = verify_store(ledger.database, ledger.vault, given, lambda *told: seen.append(told))
    assert verdict.holds, verdict.text()
    assert "9 checkpoints, up to 1023 events" in "\n".join(verdict.proven)
    assert seen[-1] == ("ledger", 1_323, 1_323)
    assert [done for _, done, _ in seen][:4] == [256, 512, 768, 1_023]


@pytest.mark.usefixtures("a_tile_at_a_time")
@pytest.mark.parametrize("change", CHANGES)
def test_a_doubt_in_the_middle_of_a_long_log_ends_the_reading_there(store: Database, change: str) -> None:
    rewrite(store, CHANGES[change])
    assert wrong(verdict_on(store))[1] == AT
    # Nothing of it goes on behind.
    with superuser(store) as conn:
        query = "select count(*) from pg_stat_activity where application_name = 'sojourn verify' and state = 'active'"
        assert conn.execute(query).fetchone() == (0,)


def test_whoever_writes_meanwhile_makes_nobody_doubt(store: Database) -> None:
    stop = threading.Event()
    with opened(store) as ledger:

        def write() -> None:
            number = 0
            while not stop.is_set():
                filled(ledger, 20, seed=number)
                sign(store, "ledger", KEY)
                number += 1

        writer = threading.Thread(target=write)
        writer.start()
        try:
            verdicts = [verdict_on(store) for _ in range(8)]
        finally:
            stop.set()
            writer.join()
        assert ledger.log.head() > HEAD
    assert [v.text() for v in verdicts if not v.holds] == []


# -- what is brought along


@pytest.mark.parametrize("place", [-(2**63), -1, 0, 2**62 + 1])
def test_an_event_where_no_position_is_given_is_found_since_readers_of_its_stream_would_take_it(
    store: Database, place: int
) -> None:
    with superuser(store) as conn:
        conn.execute(
            f"create table aside partition of ledger.events for values from ({place}) to ({place + 1})".encode()
        )
        conn.execute(
            "insert into ledger.events select %s, stream, version, topic, event_id, recorded_at, key_id, key_check,"
            " body, leaf from ledger.events where position = %s",
            (place, AT),
        )
    position = wrong(verdict_on(store))[1]
    assert position == (1 if place < 1 else HEAD + 1)


def test_a_receipt_says_itself_of_which_log_it_is(store: Database, signed: Signed) -> None:
    with ProofStore(store, "access") as proofs:
        of_access = proofs.checkpoint()
    assert of_access is not None
    sheets = [receipt(note, KEY.verifier, datetime(2026, 9, 1, tzinfo=UTC)) for note in signed.held.notes]
    told = "\n".join(verdict_on(store, receipts=[*sheets, of_access]).proven)
    assert f"ledger: The log goes on from the receipt at {SECOND_SIZE} events" in told
    assert "access: The log goes on from the receipt at 24 events" in told


def forged(key: Signer, size: int, root: bytes = b"r" * 32) -> bytes:
    return sign_checkpoint(Checkpoint(key.verifier.name, size, root), key)


def test_a_receipt_that_tells_other_heads_than_the_checkpoint_of_its_size_is_a_doubt(
    store: Database, signed: Signed
) -> None:
    told = open_checkpoint(signed.held.notes[0], KEY.verifier)[0]
    lie = sign_checkpoint(told._replace(extensions=(heads_line(b"h" * 32),)), KEY)
    assert "two roots of stream heads" in wrong(verdict_on(store, receipts=[lie]))[0]


OTHER_LOG = Signer.of("elsewhere.example.org", b"E" * 32)


@pytest.mark.parametrize(
    ("receipt", "words"),
    [
        (forged(OTHER_LOG, 5), "The receipt is another log's."),
        (forged(OTHER_KEY, 5), "No key that is known here has signed."),
        (forged(KEY, 5), "The receipt at 5 events is not of this log"),
        (forged(KEY, 0), "The receipt at 0 events is not of this log"),
        (forged(KEY, HEAD + 1), "The receipt at 606 events covers more than there is"),
        (forged(KEY, 1 << 62), "covers more than there is"),
        (forged(KEY, 5)[:-9], "A note is text"),
        (b"", "A note is text"),
        (b"\xff\xfe", "A note is UTF-8 text."),
        (b"hello\n", "A note is text"),
    ],
)
def test_a_receipt_that_is_not_of_this_log_is_a_plain_doubt(store: Database, receipt: bytes, words: str) -> None:
    assert words in wrong(verdict_on(store, receipts=[receipt]))[0]


def test_without_a_key_the_roots_are_compared_and_who_signed_is_not_told(store: Database) -> None:
    nobody = {log: Outside() for log in LOGS}
    verdict = verdict_on(store, nobody)
    assert verdict.holds
    assert "ledger: Who signed the checkpoints: no key of the log is at hand." in verdict.unproven
    assert "no key of the log is at hand" in wrong(verdict_on(store, nobody, receipts=[forged(KEY, 5)]))[0]
    rewrite(store, CHANGES["swap"])
    assert wrong(verdict_on(store, nobody))[1] == AT


def test_checkpoints_by_a_former_key_count_where_it_is_known(store: Database) -> None:
    with opened(store) as ledger:
        filled(ledger, 10)
    with superuser(store) as conn:
        conn.execute("delete from proofs.checkpoints where log = 'ledger' and size = %s", (SECOND_SIZE,))
        for table in ("tiles", "head_pages"):
            conn.execute(sql.SQL("delete from proofs.{} where log = 'ledger'").format(sql.Identifier(table)))
        conn.execute("delete from proofs.checkpoints where log = 'ledger'")
    sign(store, "ledger", OTHER_KEY)
    both = {"ledger": Outside([KEY.verifier, OTHER_KEY.verifier])}
    assert verdict_on(store, both).holds
    assert "No key that is known here" in wrong(verdict_on(store))[0]


def cosigned(database: Database, witness: Signer, *, at: int = 1_700_000_000, size: int = FIRST_SIZE) -> None:
    with ProofStore(database, "ledger") as proofs:
        note = proofs.checkpoint_at(size)
    assert note is not None
    line = cosign(note, witness, at)[len(note) :]
    with database.connect(Role.WRITER) as conn:
        ProofTables(conn, "ledger").add_cosignature(size, "name+id", line)


def test_who_must_have_cosigned_has_or_it_is_a_doubt(store: Database) -> None:
    wanted = {"ledger": outside("ledger")._replace(required=[WITNESS.verifier])}
    assert "oregon.example.org has cosigned no checkpoint" in wrong(verdict_on(store, wanted))[0]
    cosigned(store, STRANGER)
    assert verdict_on(store).holds, "nobody here knows the stranger"
    assert "has cosigned no checkpoint" in wrong(verdict_on(store, wanted))[0]
    cosigned(store, WITNESS, size=SECOND_SIZE)
    verdict = verdict_on(store, wanted)
    assert f"ledger: oregon.example.org has cosigned, last at {SECOND_SIZE} events." in verdict.proven


def test_a_cosignature_that_was_changed_is_found_where_the_witness_is_known(store: Database) -> None:
    cosigned(store, WITNESS)
    known = {"ledger": outside("ledger")._replace(witnesses=[WITNESS.verifier])}
    assert verdict_on(store, known).holds
    with superuser(store) as conn:
        conn.execute("update proofs.cosignatures set line = overlay(line placing 'AAAA'::bytea from 60)")
    assert f"The checkpoint at {FIRST_SIZE} events: " in wrong(verdict_on(store, known))[0]


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        ({1: b"x"}, "What was kept is no tile level 1."),
        ({9: bytes(32)}, "What was kept is no tile level 9."),
        ({1: bytes(32)}, "The events from 1 to 256 were changed since their hashes were kept."),
        ({2: bytes(32)}, "The log is shorter than the one whose hashes were kept."),
        ({0: bytes(32)}, "This event was changed since its hash was kept."),
    ],
)
def test_what_was_kept_and_does_not_fit_is_a_plain_doubt(store: Database, kept: dict[int, bytes], words: str) -> None:
    assert words in wrong(verdict_on(store, {"ledger": outside("ledger")._replace(kept=kept)}))[0]


@pytest.mark.parametrize(("size", "here"), [(FIRST_SIZE, 0), (SECOND_SIZE, 1)])
def test_what_this_host_signed_last_is_held_against_the_log_and_is_no_receipt(
    store: Database, signed: Signed, size: int, here: int
) -> None:
    last = open_checkpoint(signed.held.notes[here], KEY.verifier)[0]
    known = {"ledger": outside("ledger")._replace(signed_here=last)}
    verdict = verdict_on(store, known)
    assert f"ledger: The log goes on from what this host signed last, {size} events." in verdict.proven
    assert "bring a receipt" in "\n".join(verdict.unproven), "whoever keeps the log keeps that too"
    other = last._replace(extensions=(heads_line(b"h" * 32),))
    lies = {"ledger": outside("ledger")._replace(signed_here=other)}
    assert "two roots of stream heads" in wrong(verdict_on(store, lies))[0]
    rewrite(store, CHANGES["swap"])
    sign_anew(store, KEY)
    assert verdict_on(store).holds, "nobody else remembers"
    if size >= AT:
        what = f"In the ledger log: What this host signed last, at {size} events, is not of this log"
        assert wrong(verdict_on(store, known))[0].startswith(what)
    else:
        assert verdict_on(store, known).holds


def test_that_a_checkpoint_tells_no_heads_is_told(store: Database, signed: Signed) -> None:
    told = open_checkpoint(signed.held.notes[1], KEY.verifier)[0]
    with superuser(store) as conn:
        note = sign_checkpoint(told._replace(extensions=()), KEY)
        conn.execute("update proofs.checkpoints set note = %s where log = 'ledger' and size = %s", (note, SECOND_SIZE))
    verdict = verdict_on(store)
    assert verdict.holds, verdict.text()
    line = f"The heads of the streams: the checkpoint at {SECOND_SIZE} events tells no root of them."
    assert f"ledger: {line}" in verdict.unproven
    assert f"access: {line}" not in verdict.unproven


# -- keys


def test_a_key_that_an_older_master_still_wraps_is_told_and_not_as_proven(store: Database) -> None:
    vault = Vault([MasterKey.of(b"n" * 32), MasterKey.of(MASTER)])
    with closing(Ledger(store, vault, Uuid7Source(time.time_ns, os.urandom))) as ledger:
        given = Given(
            {log: outside(log) for log in LOGS},
            (),
            lambda: examine(store, ledger.logs, fits=migrations.check, row_key=ledger.row_key, only=GUARDS),
        )
        verdict = verify_store(store, vault, given)
    assert verdict.holds, verdict.text()
    assert "still wrapped by another master key" in "\n".join(verdict.unproven)
    assert "still wrapped" not in "\n".join(verdict.proven)


def test_a_key_that_somebody_took_away_is_missed_and_one_that_was_destroyed_is_told_of(store: Database) -> None:
    with superuser(store) as conn:
        ((key_id, subject),) = conn.execute(
            "delete from vault.keys where key_id = (select key_id from ledger.events where position = 1)"
            " returning key_id, subject"
        ).fetchall()
    found = verdict_on(store)
    what = "In the ledger log: The key of this event is gone, and no event says that it was destroyed."
    assert wrong(found) == (what, 1)
    with opened(store) as ledger:
        append(ledger.log, f"retention/{subject}", KeyDestroyed(key_ids=[key_id.hex], schedule="5 years"))
    verdict = verdict_on(store)
    assert verdict.holds, verdict.text()
    assert "keys: 1 are gone, and events say of each that it was destroyed." in verdict.proven
    assert "their keys were destroyed" in "\n".join(verdict.unproven)


def test_a_key_that_is_destroyed_while_the_log_is_read_makes_nobody_doubt(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = verifying_log.shown

    def destroyed_meanwhile(*given: Any, **more: Any) -> Any:
        monkeypatch.setattr(verifying_log, "shown", read)
        with superuser(store) as conn:
            ((key_id,),) = conn.execute(
                "delete from vault.keys where key_id = (select key_id from ledger.events where position = 1)"
                " returning key_id"
            ).fetchall()
        with opened(store) as ledger:
            append(ledger.log, "retention/1", KeyDestroyed(key_ids=[key_id.hex], schedule="5 years"))
        return read(*given, **more)

    monkeypatch.setattr(verifying_log, "shown", destroyed_meanwhile)
    verdict = verdict_on(store)
    assert verdict.holds, verdict.text()
    assert "keys: 1 are gone" in "\n".join(verdict.proven)


# -- what cannot be read


def test_a_master_key_that_is_another_one_is_a_plain_doubt(store: Database) -> None:
    given = Given({log: outside(log) for log in LOGS}, (), lambda: ())
    what, _ = wrong(verify_store(store, Vault([MasterKey.of(b"z" * 32)]), given))
    assert "is wrapped by master key" in what


def test_a_database_that_is_not_there_is_a_plain_doubt(server: EmbeddedServer) -> None:
    what, _ = wrong(verdict_on(Database(server.conninfo("no_such_database"), log_in=True)))
    assert what.startswith("It cannot be read to its end.")


def test_the_access_log_has_a_key_of_its_own(store: Database) -> None:
    assert of_log(KEY, "access").verifier != KEY.verifier
    swapped = {"access": Outside([KEY.verifier])}
    assert "In the access log: " in wrong(verdict_on(store, swapped))[0]
