"""The notary never signs a shorter or a different tree: whoever changed what, and on whatever host it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from ledger import telemetry
from ledger.application import Ledger
from ledger.errors import LedgerError, LogBroken, Misconfigured
from ledger.proofs.log_keys import parse_keys
from ledger.proofs.note import open_checkpoint
from ledger.reactors import notary as reactor
from ledger.reactors.notary import Notary
from ledger.store.database import Database
from ledger.store.embedded import EmbeddedServer
from ledger.store.proof_store import ProofStore
from ledger.store.signed_file import SignedFile
from support.notarized import KEY, OTHER_KEY, assert_what_was_signed_holds, filled

KEYS = parse_keys([KEY.text()], "ledger")
NewLedger = Callable[..., Ledger]


@pytest.fixture
def signed_file(tmp_path: Path) -> SignedFile:
    return SignedFile(tmp_path / "ledger.checkpoint")


@pytest.fixture
def restored(server: EmbeddedServer, database: Database) -> Iterator[Callable[[], Database]]:
    """Makes a copy of the database as it is now, as a backup gives it back later. Nobody may be connected."""
    made: list[str] = []

    def copy() -> Database:
        name = str(conninfo_to_dict(database.admin)["dbname"])
        made.append(f"{name}_restored_{len(made)}")
        with psycopg.connect(server.conninfo("postgres"), autocommit=True) as admin:
            admin.execute(
                sql.SQL("create database {} template {}").format(sql.Identifier(made[-1]), sql.Identifier(name))
            )
        return Database(server.conninfo(made[-1]), log_in=True)

    yield copy
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as admin:
        for name in made:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def grown(database: Database, new_ledger: NewLedger, events: int, seed: int) -> None:
    """So many events more, by a process that ends."""
    ledger = new_ledger(database)
    filled(ledger, events, seed)
    ledger.close()


def as_superuser(database: Database, *statements: str) -> None:
    with psycopg.connect(database.admin, autocommit=True) as admin:
        admin.execute("set session_replication_role = replica")
        for statement in statements:
            admin.execute(statement.encode())


def refused(notary: Notary, match: str, kind: type[LedgerError] = LogBroken) -> None:
    """It signs nothing, and says why and what to do."""
    with ProofStore(notary._database, notary.log) as store:
        before = store.sizes()
    with pytest.raises(kind, match=match) as error:
        notary.sign()
    assert error.value.remedy
    with ProofStore(notary._database, notary.log) as store:
        assert store.sizes() == before


# -- a database that is not what it was


def test_an_older_database_is_not_signed_on_a_host_that_signed_a_later_one(
    database: Database, new_ledger: NewLedger, signed_file: SignedFile, restored: Callable[[], Database]
) -> None:
    grown(database, new_ledger, 300, 1)
    Notary(database, "ledger", KEYS, signed_file).sign()
    older = restored()
    grown(database, new_ledger, 50, 2)
    Notary(database, "ledger", KEYS, signed_file).sign()
    refused(Notary(older, "ledger", KEYS, signed_file), "300 events, and 350 were signed")
    grown(older, new_ledger, 100, 3)
    refused(Notary(older, "ledger", KEYS, signed_file), "no longer begins with its first 350 events")


def test_an_older_database_is_not_signed_where_a_receipt_of_a_later_one_is_given(
    database: Database, new_ledger: NewLedger, restored: Callable[[], Database]
) -> None:
    grown(database, new_ledger, 300, 1)
    Notary(database, "ledger", KEYS).sign()
    older = restored()
    grown(database, new_ledger, 50, 2)
    receipt = Notary(database, "ledger", KEYS).sign().note
    refused(Notary(older, "ledger", KEYS, receipts=[receipt]), "300 events, and 350 were signed")
    grown(older, new_ledger, 100, 3)
    refused(Notary(older, "ledger", KEYS, receipts=[receipt]), "no longer begins with its first 350 events")
    # What nobody remembers cannot be known: without file or receipt the other branch is signed, and whoever holds
    # the receipt proves it.
    assert Notary(older, "ledger", KEYS).sign().size == 400


def test_what_was_signed_by_hand_can_be_read_by_the_service_that_is_another_user(
    database: Database, ledger: Ledger, signed_file: SignedFile
) -> None:
    filled(ledger, 10)
    Notary(database, "ledger", KEYS, signed_file).sign()
    assert signed_file.path.stat().st_mode & 0o777 == 0o644


def test_a_second_host_goes_on_from_what_the_first_has_signed(
    database: Database, ledger: Ledger, tmp_path: Path
) -> None:
    hosts = [Notary(database, "ledger", KEYS, SignedFile(tmp_path / f"{n}.checkpoint")) for n in range(2)]
    for turn in range(6):
        filled(ledger, 70, turn)
        assert hosts[turn % 2].sign().size == 70 * (turn + 1)
    assert_what_was_signed_holds(database, tmp_path / "1.checkpoint")


def test_a_tail_that_is_gone_is_not_signed(database: Database, ledger: Ledger, signed_file: SignedFile) -> None:
    filled(ledger, 300)
    Notary(database, "ledger", KEYS, signed_file).sign()
    as_superuser(database, "delete from ledger.events where position > 290", "update ledger.head set position = 290")
    refused(Notary(database, "ledger", KEYS), "290 events, and 300 were signed")


def test_a_gap_in_what_is_new_is_not_signed(database: Database, ledger: Ledger) -> None:
    filled(ledger, 300)
    Notary(database, "ledger", KEYS).sign()
    filled(ledger, 20, 2)
    as_superuser(database, "delete from ledger.events where position = 310")
    refused(Notary(database, "ledger", KEYS), "no event at position 310")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (
            "update proofs.tiles set hashes = set_byte(hashes, 9, 1 # get_byte(hashes, 9)) where number = 1",
            "tiles are not those",
        ),
        ("delete from proofs.tiles where level = 0 and number = 1", "tiles at the edge"),
        ("update proofs.head_pages set page = set_byte(page, 45, 1 # get_byte(page, 45)) where depth = 4", "heads"),
        ("delete from proofs.head_pages where depth = 0", "heads"),
        ("update proofs.head_pages set page = substr(page, 1, 50) where depth = 4", "heads"),
        ("update proofs.checkpoints set note = replace(encode(note, 'escape'), '300', '299')::bytea", "does not fit"),
        ("update proofs.checkpoints set note = 'nonsense'", "note"),
        ("update proofs.checkpoints set size = 299", "says 300"),
    ],
)
def test_what_was_changed_since_it_was_signed_is_not_gone_on_from(
    database: Database, ledger: Ledger, change: str, match: str
) -> None:
    filled(ledger, 300)
    Notary(database, "ledger", KEYS).sign()
    filled(ledger, 300, 2)
    as_superuser(database, change)
    refused(Notary(database, "ledger", KEYS), match)


def test_a_log_written_anew_with_a_tree_of_its_own_is_not_signed_where_this_host_signed_the_first(
    database: Database, ledger: Ledger, signed_file: SignedFile
) -> None:
    filled(ledger, 300)
    Notary(database, "ledger", KEYS, signed_file).sign()
    as_superuser(
        database,
        "update ledger.events set leaf = sha256(leaf) where position = 7",
        "truncate proofs.tiles, proofs.head_pages, proofs.checkpoints, proofs.cosignatures",
    )
    filled(ledger, 10, 2)
    refused(Notary(database, "ledger", KEYS, signed_file), "no longer begins with its first 300 events")


def test_other_heads_at_the_size_that_this_host_signed_are_not_signed_though_the_root_is_the_same(
    database: Database, ledger: Ledger, signed_file: SignedFile
) -> None:
    filled(ledger, 300)
    Notary(database, "ledger", KEYS, signed_file).sign()
    as_superuser(
        database,
        "update ledger.events set version = version + 1 where position = 300",
        "truncate proofs.tiles, proofs.head_pages, proofs.checkpoints, proofs.cosignatures",
    )
    refused(Notary(database, "ledger", KEYS, signed_file), "Of 300 events two roots of stream heads")
    filled(ledger, 10, 2)
    refused(Notary(database, "ledger", KEYS, signed_file), "Of 300 events two roots of stream heads")


def test_tables_that_are_lost_are_made_again_from_the_same_events(
    database: Database, ledger: Ledger, signed_file: SignedFile
) -> None:
    filled(ledger, 300)
    first = Notary(database, "ledger", KEYS, signed_file).sign()
    as_superuser(database, "truncate proofs.tiles, proofs.head_pages, proofs.checkpoints, proofs.cosignatures")
    # In one step up to what was signed, however small the steps are: nothing shorter is signed on the way.
    again = Notary(database, "ledger", KEYS, signed_file, checkpoint_events_max=10).sign()
    assert again.note == first.note
    with ProofStore(database, "ledger") as store:
        assert store.sizes() == [300]


# -- keys and files


def test_another_key_does_not_go_on_where_the_first_was_not_named(
    database: Database, ledger: Ledger, signed_file: SignedFile
) -> None:
    filled(ledger, 20)
    Notary(database, "ledger", KEYS, signed_file).sign()
    filled(ledger, 20, 2)
    other = parse_keys([OTHER_KEY.text()], "ledger")
    refused(Notary(database, "ledger", other), "not signed by the key at hand", Misconfigured)
    both = parse_keys([OTHER_KEY.text(), KEY.verifier.text()], "ledger")
    kept = Notary(database, "ledger", both, signed_file).sign()
    assert open_checkpoint(kept.note, OTHER_KEY.verifier)[0].size == 40
    refused(Notary(database, "ledger", KEYS), "not signed by the key at hand", Misconfigured)


def test_the_keys_of_the_two_logs_do_not_sign_for_each_other(database: Database, ledger: Ledger) -> None:
    Notary(database, "ledger", KEYS).sign()
    access = parse_keys([KEY.text()], "access")
    assert access.signer.verifier.public != KEY.verifier.public
    refused(Notary(database, "ledger", access), "not signed by the key at hand", Misconfigured)


def test_where_what_was_signed_cannot_be_kept_nothing_is_signed(
    database: Database, ledger: Ledger, tmp_path: Path
) -> None:
    filled(ledger, 20)
    refused(
        Notary(database, "ledger", KEYS, SignedFile(tmp_path / "nowhere" / "ledger.checkpoint")),
        "cannot be written",
        Misconfigured,
    )
    (tmp_path / "folder").mkdir()
    refused(Notary(database, "ledger", KEYS, SignedFile(tmp_path / "folder")), "cannot be read", Misconfigured)


def test_what_is_kept_beside_the_key_is_believed_only_if_it_is_signed(
    database: Database, ledger: Ledger, signed_file: SignedFile
) -> None:
    filled(ledger, 20)
    signed_file.path.write_bytes(b"sojourn.example.org\n7\n")
    refused(Notary(database, "ledger", KEYS, signed_file), "note")


# -- many at once, and in time


def test_notaries_at_once_sign_one_tree(database: Database, ledger: Ledger, tmp_path: Path) -> None:
    ending = threading.Event()
    failed: list[BaseException] = []

    def sign(number: int) -> None:
        file = SignedFile(tmp_path / f"{number}.checkpoint")
        notary = Notary(database, "ledger", KEYS, file, checkpoint_events_max=90)
        try:
            while not ending.is_set():
                notary.sign()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=sign, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for seed in range(12):
        filled(ledger, 60, seed)
    ending.set()
    for thread in threads:
        thread.join(60)
    assert not failed
    notary = Notary(database, "ledger", KEYS, SignedFile(tmp_path / "0.checkpoint"))
    assert notary.sign().size == 720
    filled(ledger, 1)
    notary.sign()
    assert assert_what_was_signed_holds(database, tmp_path / "0.checkpoint") == 721


def followed(notary: Notary, until: Callable[[], bool]) -> None:
    """Follow until something holds."""
    stop = threading.Event()
    thread = threading.Thread(target=notary.follow, args=(stop,))
    thread.start()
    deadline = time.monotonic() + 60
    while not until() and time.monotonic() < deadline:
        stop.wait(0.02)
    held = until()
    stop.set()
    thread.join(30)
    assert held
    assert not thread.is_alive()


def test_what_comes_is_signed_while_the_notary_follows(database: Database, ledger: Ledger) -> None:
    notary = Notary(database, "ledger", KEYS, every_s=0.1)

    def sizes() -> list[int]:
        with ProofStore(database, "ledger") as store:
            return list(store.sizes())

    followed(notary, lambda: 0 in sizes())
    stop = threading.Event()
    thread = threading.Thread(target=notary.follow, args=(stop,))
    thread.start()
    for seed in range(3):
        head = filled(ledger, 10, seed)
        deadline = time.monotonic() + 60
        while head not in sizes() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert head in sizes()
    stop.set()
    thread.join(30)
    assert notary.state == "stopped"


def test_a_refusal_is_told_and_ends_when_it_is_mended(
    database: Database, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reactor, "REFUSED_PAUSE_S", 0.05)
    filled(ledger, 20)
    Notary(database, "ledger", KEYS).sign()
    as_superuser(database, "update ledger.head set position = 10")
    notary, gauge = Notary(database, "ledger", KEYS), telemetry.NOTARY_REFUSING.labels("ledger")

    def refusing() -> bool:
        return gauge._value.get() == 1 and notary.state == "refusing"

    followed(notary, refusing)
    as_superuser(database, "update ledger.head set position = 20")
    followed(notary, lambda: gauge._value.get() == 0)
