"""Evidence out of a real store: what a student's bundle holds, how it goes on, and that nothing false leaves."""

from __future__ import annotations

import fcntl
import io
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ledger import evidence
from ledger.errors import Conflict, LogBroken, Misconfigured, NotFound
from ledger.evidence import Wanted, export, student_of
from ledger.proofs import writing
from ledger.proofs.archive import Archive
from ledger.proofs.bundle import WHOLE_STREAMS, Manifest, events_in
from ledger.proofs.head_pages import HeadTree
from ledger.proofs.log_keys import LogKeys
from ledger.proofs.note import Checkpoint, Signer, Verifier, sign_checkpoint
from ledger.proofs.receipts import receipt
from ledger.proofs.tiles import Tiles
from ledger.proofs.verify import Verdict, verify
from ledger.proofs.writing import BundleWriter
from ledger.reactors.notary import Notary
from ledger.store.copied_out import shown, stored
from ledger.store.data_folder import sync
from ledger.store.database import Database, Role
from ledger.store.embedded import EmbeddedServer
from ledger.store.proof_store import ProofStore
from ledger.store.vault import MasterKey, Vault
from support.databases import copied
from support.notarized import KEY, OTHER_KEY, filled
from support.tampering import (
    AT,
    CHANGES,
    FIRST_SIZE,
    MASTER,
    SECOND_SIZE,
    Signed,
    copy_of,
    opened,
    rewrite,
    sign,
    signed_store,
    superuser,
)


@pytest.fixture(scope="module")
def signed(server: EmbeddedServer) -> Iterator[Signed]:
    with signed_store(server) as there:
        yield there


@pytest.fixture
def store(server: EmbeddedServer, signed: Signed) -> Iterator[Database]:
    with copy_of(server, signed) as database:
        yield database


@pytest.fixture(scope="module")
def untouched(server: EmbeddedServer, signed: Signed) -> Iterator[Database]:
    with copy_of(server, signed) as database:
        yield database


@pytest.fixture
def in_small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "EVENTS_AT_ONCE", 50)
    monkeypatch.setattr(writing, "CHUNK_BYTES", 20_000)


def exported(
    database: Database,
    out: Path,
    wanted: Wanted,
    seen: list[int] | None = None,
    known: Sequence[Verifier] = (KEY.verifier,),
) -> Manifest:
    vault = Vault([MasterKey.of(MASTER)])
    return export(out, wanted, known, database, vault, lambda done, _: None if seen is None else seen.append(done))


def verdict_on(out: Path, receipts: Sequence[bytes] = (), key: Signer = KEY, former: Sequence[Signer] = ()) -> Verdict:
    with out.open("rb") as file:
        by = [one.verifier.text() for one in former]
        return verify(file, key=key.verifier.text(), former=by, receipts=receipts)


def parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.part"))


# -- of a student


def test_a_student_is_what_was_said_of_her_records_and_what_joined_them(untouched: Database, tmp_path: Path) -> None:
    with opened(untouched) as ledger, untouched.connect(Role.PROJECTOR) as conn:
        minted = [
            row[0] for row in conn.execute("select minted from ledger.records where student_id <> minted").fetchall()
        ]
        student = student_of(ledger.links, minted[0])
    assert student.student_id != minted[0]
    assert len(student.records) == 2
    assert set(student.states) == {"OR", "CA"}
    streams = student.streams("ledger", ["0199"])
    assert streams == sorted(
        [*(f"record/{r}" for r in student.records), *(f"linkage/{m}" for m in student.minted), "case/0199"]
    )
    assert student.streams("access", ["0199"]) == sorted(f"disclosure/{r}" for r in student.records)
    told = exported(untouched, tmp_path / "out.zip", Wanted("ledger", streams))
    assert (told.kind, told.streams, told.size) == (WHOLE_STREAMS, 5, SECOND_SIZE)
    verdict = verdict_on(tmp_path / "out.zip")
    assert verdict.holds
    assert "5 streams (1 of them without events)" in "\n".join(verdict.proven)
    assert f"{told.events} bodies open" in "\n".join(verdict.proven)


def test_an_id_that_nobody_has_is_nobody_s(untouched: Database) -> None:
    with opened(untouched) as ledger, pytest.raises(NotFound):
        student_of(ledger.links, "000000000000")


@pytest.mark.parametrize("left_out", [0, 2, -1])
def test_a_bundle_from_which_one_event_was_left_out_fails(untouched: Database, left_out: int) -> None:
    file = io.BytesIO()
    with untouched.connect(Role.PROJECTOR) as conn, ProofStore(untouched, "ledger") as proofs:
        ((stream,),) = conn.execute("select stream from ledger.events where position = 1").fetchall()
        events = list(stored(conn, "ledger", streams=[stream]))
        del events[left_out]
        note = proofs.checkpoint()
        assert note is not None
        writer = BundleWriter(file)
        writer.events(shown(conn, Vault([MasterKey.of(MASTER)]), events))
        writer.finish(
            kind=WHOLE_STREAMS,
            checkpoint=note,
            key=KEY.verifier.text(),
            tiles=Tiles(SECOND_SIZE, proofs.fetch),
            heads=[(stream, *HeadTree(proofs.pages).prove(stream))],
        )
    verdict = verify(file, key=KEY.verifier.text())
    assert verdict.wrong is not None
    assert "has a gap" in verdict.wrong.what or "is not whole" in verdict.wrong.what


# -- of the whole log


def test_a_part_that_somebody_else_has_laid_ready_is_not_written_into(untouched: Database, tmp_path: Path) -> None:
    wanted, elsewhere = Wanted("ledger"), tmp_path / "elsewhere"
    elsewhere.write_bytes(b"")
    part = evidence._part(tmp_path / "out.zip", wanted, KEY.verifier, evidence._gone(untouched))
    part.symlink_to(elsewhere)
    with pytest.raises(OSError, match="symbolic link"):
        exported(untouched, tmp_path / "out.zip", wanted)
    assert elsewhere.read_bytes() == b""
    part.unlink()
    part.touch(0o666)
    exported(untouched, tmp_path / "out.zip", wanted)
    assert (tmp_path / "out.zip").stat().st_mode & 0o777 == 0o600


def test_a_whole_log_holds_nothing_that_came_after_the_checkpoint_that_was_asked_for(
    untouched: Database, tmp_path: Path
) -> None:
    out = tmp_path / "out.zip"
    told = exported(untouched, out, Wanted("ledger", size=FIRST_SIZE))
    assert (told.events, told.size) == (FIRST_SIZE, FIRST_SIZE)
    assert verdict_on(out).holds
    with pytest.raises(Misconfigured, match="Nothing was signed"):
        exported(untouched, tmp_path / "other.zip", Wanted("ledger", size=FIRST_SIZE + 1))


def test_a_sheet_out_of_a_drawer_is_a_receipt(untouched: Database, signed: Signed, tmp_path: Path) -> None:
    sheets = [receipt(note, KEY.verifier, datetime(2026, 9, 1, tzinfo=UTC)) for note in signed.held.notes]
    out = tmp_path / "out.zip"
    exported(untouched, out, Wanted("ledger", receipts=sheets))
    assert verdict_on(out, sheets).holds


def test_what_is_announced_has_its_name_also_after_a_power_cut(
    untouched: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[list[str]] = []

    def seen(folder: Path) -> None:
        synced.append([path.name for path in folder.iterdir()])
        sync(folder)

    monkeypatch.setattr(evidence, "sync", seen)
    exported(untouched, tmp_path / "out.zip", Wanted("ledger", ["tape/1"]))
    assert synced == [["out.zip"]]


def test_a_whole_log_goes_on_from_a_receipt_and_only_its_owner_may_read_it(
    untouched: Database, signed: Signed, tmp_path: Path
) -> None:
    out = tmp_path / "out.zip"
    told = exported(untouched, out, Wanted("ledger", receipts=signed.held.notes))
    assert told.events == told.size == SECOND_SIZE
    assert out.stat().st_mode & 0o777 == 0o600
    assert parts(tmp_path) == []
    verdict = verdict_on(out, signed.held.notes)
    assert verdict.holds
    assert "The log goes on from its checkpoint at 280 events." in verdict.proven


def test_without_body_keys_as_much_is_proven_and_nothing_opens(untouched: Database, tmp_path: Path) -> None:
    out = tmp_path / "out.zip"
    exported(untouched, out, Wanted("ledger", keys=False))
    with out.open("rb") as file:
        data = Archive(file).whole("events/00000000.bin", bytes_max=1 << 25)
    assert not any(event[10] for event in events_in(data))
    verdict = verdict_on(out)
    assert any("Nothing was left out" in line for line in verdict.proven)
    assert f"What {SECOND_SIZE} events say" in "\n".join(verdict.unproven)


def test_what_a_destroyed_key_sealed_is_handed_over_sealed(store: Database, tmp_path: Path) -> None:
    with superuser(store) as conn:
        conn.execute("delete from vault.keys where class = 'education' and subject <> 'ledger'")
    exported(store, tmp_path / "out.zip", Wanted("ledger"))
    verdict = verdict_on(tmp_path / "out.zip")
    assert verdict.holds
    assert "no key of theirs is handed over" in "\n".join(verdict.unproven)


def test_an_event_that_is_not_behind_the_checkpoint_is_not_in_it(untouched: Database, tmp_path: Path) -> None:
    told = exported(untouched, tmp_path / "out.zip", Wanted("ledger", ["tape/1"]))
    with untouched.connect(Role.PROJECTOR) as conn:
        query = "select count(*) from ledger.events where stream = 'tape/1' and position <= %s"
        assert conn.execute(query, (SECOND_SIZE,)).fetchone() == (told.events,)


# -- after a change of keys


@pytest.mark.parametrize("streams", [None, ["tape/1"]])
def test_what_a_former_key_signed_is_handed_over_under_that_key_until_something_new_is_signed(
    store: Database, signed: Signed, tmp_path: Path, streams: list[str] | None
) -> None:
    both = LogKeys(OTHER_KEY, (KEY.verifier,))
    wanted = Wanted("ledger", streams, receipts=signed.held.notes[:1])
    with superuser(store) as conn:
        conn.execute("delete from ledger.events where position > %s", (SECOND_SIZE,))
        conn.execute("update ledger.head set position = %s", (SECOND_SIZE,))
    Notary(store, "ledger", both).sign()
    told = exported(store, tmp_path / "before.zip", wanted, known=both.known)
    assert told.key == KEY.verifier.text()
    assert verdict_on(tmp_path / "before.zip", wanted.receipts).holds
    with opened(store) as ledger:
        filled(ledger, 10)
    Notary(store, "ledger", both).sign()
    told = exported(store, tmp_path / "out.zip", wanted, known=both.known)
    assert told.key == OTHER_KEY.verifier.text()
    verdict = verdict_on(tmp_path / "out.zip", wanted.receipts, OTHER_KEY, [KEY])
    assert f"The log goes on from its checkpoint at {FIRST_SIZE} events." in verdict.proven, verdict.text()
    # Who was told of the new key alone is not alarmed, and not told that the old one is the log's.
    verdict = verdict_on(tmp_path / "out.zip", (), OTHER_KEY)
    assert verdict.holds, verdict.text()
    assert f"Who signed the checkpoint at {FIRST_SIZE} events from before" in "\n".join(verdict.unproven)
    assert not verdict_on(tmp_path / "out.zip", wanted.receipts, OTHER_KEY).holds


@pytest.mark.usefixtures("in_small_steps")
def test_a_receipt_that_is_none_of_the_log_s_is_no_alarm_and_costs_nothing_that_was_written(
    untouched: Database, tmp_path: Path
) -> None:
    out = tmp_path / "out.zip"

    def power_cut(done: int, _: int) -> None:
        if done > 300:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(out, Wanted("ledger"), [KEY.verifier], untouched, Vault([MasterKey.of(MASTER)]), power_cut)
    (part,) = parts(tmp_path)
    before = part.read_bytes()
    other = Signer.of("elsewhere.example.org", b"E" * 32)
    for receipt_of_none in (
        sign_checkpoint(Checkpoint(other.verifier.name, 5, bytes(32)), other),
        sign_checkpoint(Checkpoint(OTHER_KEY.verifier.name, 5, bytes(32)), OTHER_KEY),
        b"a letter\n",
    ):
        with pytest.raises(Misconfigured, match="A receipt is none of the ledger log's"):
            exported(untouched, out, Wanted("ledger", receipts=[receipt_of_none]))
    assert part.read_bytes() == before


# -- interrupted, and at once


@pytest.mark.usefixtures("in_small_steps")
@pytest.mark.parametrize("streams", [None, ["tape/1"]])
def test_an_export_goes_on_where_it_was_interrupted_and_gives_the_same_bytes(
    untouched: Database, tmp_path: Path, streams: list[str] | None
) -> None:
    wanted = Wanted("ledger", streams)
    exported(untouched, tmp_path / "whole.zip", wanted)
    out = tmp_path / "out.zip"

    def power_cut(done: int, _: int) -> None:
        if done > 300:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(out, wanted, [KEY.verifier], untouched, Vault([MasterKey.of(MASTER)]), power_cut)
    (part,) = parts(tmp_path)
    assert not out.exists()
    with part.open("r+b") as file:
        file.seek(0, os.SEEK_END)
        file.write(b"PK\x03\x04 and half a member")
    seen: list[int] = []
    exported(untouched, out, wanted, seen)
    assert seen[0] > 150
    assert out.read_bytes() == (tmp_path / "whole.zip").read_bytes()
    assert parts(tmp_path) == []


@pytest.mark.usefixtures("in_small_steps")
def test_of_another_question_s_part_nothing_is_taken(untouched: Database, tmp_path: Path) -> None:
    def power_cut(*_: int) -> None:
        raise KeyboardInterrupt

    out, vault = tmp_path / "out.zip", Vault([MasterKey.of(MASTER)])
    for wanted in (Wanted("ledger"), Wanted("ledger", keys=False), Wanted("ledger", ["tape/1"])):
        with pytest.raises(KeyboardInterrupt):
            export(out, wanted, [KEY.verifier], untouched, vault, power_cut)
    assert len(parts(tmp_path)) == 3
    exported(untouched, out, Wanted("ledger", ["tape/1"]))
    assert verdict_on(out).holds
    assert len(parts(tmp_path)) == 2


def destroy(database: Database) -> None:
    """As far as an export is concerned: something went."""
    with superuser(database) as conn:
        conn.execute(
            "insert into ledger.destroyed (key_id, subject, class, position)"
            " values (gen_random_uuid(), gen_random_uuid()::text, 'education', 1)"
        )


@pytest.mark.usefixtures("in_small_steps")
@pytest.mark.parametrize("other", [Wanted("ledger"), Wanted("ledger", ["tape/1"])])
def test_of_a_part_from_before_a_disposal_nothing_is_taken_and_it_is_deleted_whatever_it_was_for(
    store: Database, tmp_path: Path, other: Wanted
) -> None:
    """It holds keys of what is gone, in clear."""

    def power_cut(*_: int) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "out.zip"
    with pytest.raises(KeyboardInterrupt):
        export(out, other, [KEY.verifier], store, Vault([MasterKey.of(MASTER)]), power_cut)
    stranger = tmp_path / "out.zip.notes.part"
    stranger.write_text("of somebody else")
    assert len(parts(tmp_path)) == 2
    destroy(store)
    seen: list[int] = []
    exported(store, out, Wanted("ledger"), seen)
    assert seen[0] <= 50, "from the first event on"
    assert parts(tmp_path) == [stranger]


def test_a_bundle_while_which_was_written_something_was_destroyed_does_not_leave(
    store: Database, tmp_path: Path
) -> None:
    out, vault = tmp_path / "out.zip", Vault([MasterKey.of(MASTER)])
    with pytest.raises(Conflict, match="was destroyed while"):
        export(out, Wanted("ledger"), [KEY.verifier], store, vault, lambda *_: destroy(store))
    assert (parts(tmp_path), out.exists()) == ([], False)
    export(out, Wanted("ledger", keys=False), [KEY.verifier], store, vault, lambda *_: destroy(store))
    assert verdict_on(out).holds, "it hands over no key"


def test_two_exports_do_not_write_the_same_part(untouched: Database, tmp_path: Path) -> None:
    out, wanted = tmp_path / "out.zip", Wanted("ledger")

    def another(*_: int) -> None:
        with pytest.raises(Conflict, match="Another export"):
            exported(untouched, out, wanted)

    export(out, wanted, [KEY.verifier], untouched, Vault([MasterKey.of(MASTER)]), another)
    assert verdict_on(out).holds


def test_who_waited_for_a_part_that_got_its_name_meanwhile_does_not_write_into_it(
    untouched: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.zip"
    lock = fcntl.flock

    def slow(file: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        exported(untouched, out, Wanted("ledger"))
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", slow)
    with pytest.raises(Conflict):
        exported(untouched, out, Wanted("ledger"))
    assert verdict_on(out).holds


# -- what is not proven does not leave


@pytest.mark.parametrize("streams", [None, ["tape/1"]])
@pytest.mark.parametrize("change", CHANGES)
def test_of_a_log_that_was_changed_no_bundle_leaves(
    store: Database, tmp_path: Path, change: str, streams: list[str] | None
) -> None:
    rewrite(store, CHANGES[change])
    with pytest.raises(LogBroken) as refused:
        exported(store, tmp_path / "out.zip", Wanted("ledger", streams))
    assert refused.value.remedy
    if streams is None:
        assert f"(position {AT})" in refused.value.what
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_is_not_an_event_s_hands_nothing_over(store: Database, tmp_path: Path) -> None:
    with superuser(store) as conn:
        conn.execute("update ledger.events set key_check = decode(repeat('00', 32), 'hex') where position = %s", (AT,))
    with pytest.raises(LogBroken):
        exported(store, tmp_path / "out.zip", Wanted("ledger"))


def test_of_a_log_of_which_nothing_was_signed_nothing_can_be_proven(server: EmbeddedServer, tmp_path: Path) -> None:
    with copied(server) as name:
        database = Database(server.conninfo(name), log_in=True)
        with pytest.raises(Misconfigured):
            exported(database, tmp_path / "out.zip", Wanted("ledger"))
        assert list(tmp_path.iterdir()) == []
        sign(database, "ledger", KEY)
        assert exported(database, tmp_path / "out.zip", Wanted("ledger")).events == 0
        assert verdict_on(tmp_path / "out.zip").holds
