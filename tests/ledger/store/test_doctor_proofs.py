"""What was signed fits the events, or the doctor says where it does not."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

import migrations
from ledger.application import Ledger
from ledger.proofs.log_keys import parse_keys
from ledger.reactors.notary import Notary
from ledger.store.database import Database, Role
from ledger.store.doctor import KEEP, Examined, examine
from ledger.store.doctor_proofs import Found, look
from ledger.store.signed_file import SignedFile, Signing
from support.notarized import KEY, OTHER_KEY, filled

KEYS = parse_keys([KEY.text()], "ledger")


@pytest.fixture
def file(tmp_path: Path) -> SignedFile:
    return SignedFile(tmp_path / "ledger.checkpoint")


def looked(database: Database, file: SignedFile | None = None, sample: int | None = None, key: str = "") -> Found:
    known = parse_keys([key or KEY.text()], "ledger").known
    with database.connect(Role.PROJECTOR) as conn:
        (found,) = look(conn, "ledger", known, file, sample, KEEP)
    return found


def as_superuser(database: Database, *statements: str) -> None:
    with psycopg.connect(database.admin, autocommit=True) as admin:
        admin.execute("set session_replication_role = replica")
        for statement in statements:
            admin.execute(statement.encode())


def test_what_was_signed_is_found_sound(database: Database, ledger: Ledger, file: SignedFile) -> None:
    filled(ledger, 900)
    Notary(database, "ledger", KEYS, file).sign()
    filled(ledger, 7, 2)
    found = looked(database, file)
    assert found.ok is True, found
    assert "covers 900 events" in found.what
    assert "7 came since" in found.what
    assert "leaves of all 900" in found.what
    assert "the newest 388" in looked(database, file, sample=200).what


def test_an_empty_log_that_was_signed_is_sound(database: Database, ledger: Ledger) -> None:
    Notary(database, "ledger", KEYS).sign()
    assert looked(database).ok is True


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("update ledger.events set leaf = sha256(leaf) where position = 3", "position 3"),
        ("update ledger.events set leaf = sha256(leaf) where position = 600", "position 600"),
        ("delete from ledger.events where position = 300", "position 300"),
        (
            "update proofs.tiles set hashes = set_byte(hashes, 77, 7 # get_byte(hashes, 77)) where level + number = 0",
            "position 3",
        ),
        ("update proofs.tiles set hashes = set_byte(hashes, 1, 1 # get_byte(hashes, 1)) where level = 1", "root"),
        ("delete from proofs.tiles where level = 0 and number = 0", "not whole"),
        ("update proofs.head_pages set page = set_byte(page, 50, 1 # get_byte(page, 50)) where depth = 4", "heads"),
        ("update ledger.head set position = 10", "gone"),
        ("update proofs.checkpoints set note = replace(encode(note, 'escape'), '700', '701')::bytea", "does not fit"),
    ],
)
def test_what_does_not_fit_is_named(database: Database, ledger: Ledger, change: str, says: str) -> None:
    filled(ledger, 700)
    Notary(database, "ledger", KEYS).sign()
    as_superuser(database, change)
    found = looked(database)
    assert (found.ok, found.remedy) == (False, KEEP)
    assert says in found.what


def test_a_log_that_is_not_the_one_this_host_signed_is_told(
    database: Database, ledger: Ledger, file: SignedFile
) -> None:
    filled(ledger, 30)
    Notary(database, "ledger", KEYS, file).sign()
    as_superuser(database, "update ledger.events set leaf = sha256(leaf) where position = 3")
    as_superuser(database, "truncate proofs.tiles, proofs.head_pages, proofs.checkpoints, proofs.cosignatures")
    Notary(database, "ledger", KEYS).sign()
    assert looked(database).ok is True
    assert "does not begin with the 30 events that this host signed" in looked(database, file).what


def test_a_key_that_is_missing_or_another_is_told(database: Database, ledger: Ledger) -> None:
    assert (looked(database).ok, looked(database).what) == (None, "Nothing was signed yet.")
    Notary(database, "ledger", KEYS).sign()
    assert looked(database, key=OTHER_KEY.text()).ok is False
    with database.connect(Role.PROJECTOR) as conn:
        (found,) = look(conn, "ledger", (), None, None, KEEP)
    assert found.ok is None
    assert "sojourn keys signing" in found.remedy


def test_the_doctor_looks_at_both_logs(database: Database, ledger: Ledger, file: SignedFile) -> None:
    def checkpoints(signing: Signing | None) -> list[Examined]:
        found = examine(database, ledger.logs, fits=migrations.check, row_key=ledger.row_key, signing=lambda _: signing)
        return [one for one in found if one.name.endswith("checkpoint")]

    assert [(one.name, one.ok) for one in checkpoints(Signing(KEYS, file))] == [
        ("ledger checkpoint", None),
        ("access checkpoint", None),
    ]
    assert all("No signing key" in one.what for one in checkpoints(None))
