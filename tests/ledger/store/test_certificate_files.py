"""Certificates kept outside the database: whole, made again where one is missing, and told by what doctor looks at."""

from __future__ import annotations

import json
import stat
import uuid
from pathlib import Path

import pytest

import migrations
from ledger.errors import Misconfigured
from ledger.reactors.timekeeper import ACTOR, Timekeeper
from ledger.store.certificate_files import CertificateFiles
from ledger.store.database import Database, Role
from ledger.store.doctor import examine
from ledger.store.following import try_lock
from support.casework import Hands, Work
from support.disposals import ANA, BEN, LATER, ScannedLists, keep_for_years


@pytest.fixture
def files(tmp_path: Path) -> CertificateFiles:
    return CertificateFiles(tmp_path / "certificates")


@pytest.fixture
def disposed(work: Work, clock: Hands, files: CertificateFiles) -> str:
    """A disposal of one record, done on a host that keeps its certificate."""
    disposals = work.ledger.disposals
    disposals.look_in(ScannedLists(work.ledger))
    disposals.keep_in(files)
    student = work.opened("OR", "7")
    clock.now = LATER
    keep_for_years(work.ledger)
    done = disposals.propose("education", [work.record(student)], ANA)
    disposals.approve(done.id, BEN)
    return done.id


def test_what_was_done_is_kept_and_names_the_keys_that_went(work: Work, files: CertificateFiles, disposed: str) -> None:
    certificate = work.ledger.disposals.certificate(disposed)
    assert files.keys() == {bytes.fromhex(key): disposed for line in certificate.lines for key in line.keys}
    assert files.lacks([disposed, "another"]) == ["another"]


def test_nobody_else_on_the_host_reads_them(files: CertificateFiles, disposed: str) -> None:
    """They name the officials who answer for it."""
    assert stat.S_IMODE(files.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((files.folder / f"{disposed}.json").stat().st_mode) == 0o600


def test_a_folder_that_was_open_to_others_is_closed_to_them_when_one_is_kept(
    work: Work, files: CertificateFiles, disposed: str
) -> None:
    files.folder.chmod(0o755)
    files.keep(work.ledger.disposals.certificate(disposed))
    assert stat.S_IMODE(files.folder.stat().st_mode) == 0o700


def test_a_folder_that_was_open_to_others_is_closed_to_them_at_a_start_although_nothing_is_missing(
    work: Work, files: CertificateFiles, disposed: str
) -> None:
    files.folder.chmod(0o777)
    assert work.ledger.disposals.keep_certificates() == 0
    assert stat.S_IMODE(files.folder.stat().st_mode) == 0o700


def test_a_link_in_the_place_of_the_folder_is_refused_and_where_it_leads_is_left_as_it_was(
    work: Work, files: CertificateFiles, disposed: str, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    files.folder.rename(elsewhere)
    elsewhere.chmod(0o755)
    files.folder.symlink_to(elsewhere)
    with pytest.raises(Misconfigured, match="cannot be closed to others"):
        work.ledger.disposals.keep_certificates()
    with pytest.raises(Misconfigured, match="cannot be written"):
        files.keep(work.ledger.disposals.certificate(disposed))
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o755


def test_what_is_missing_is_written_again(work: Work, files: CertificateFiles, disposed: str) -> None:
    kept = files.folder / f"{disposed}.json"
    before = kept.read_bytes()
    kept.unlink()
    assert work.ledger.disposals.keep_certificates() == 1
    assert kept.read_bytes() == before
    assert work.ledger.disposals.keep_certificates() == 0


def test_who_approves_keeps_this_one_and_does_not_look_through_all_that_were_done(
    work: Work, clock: Hands, files: CertificateFiles, disposed: str
) -> None:
    (files.folder / f"{disposed}.json").unlink()
    other = work.record(work.opened("OR", "8"))
    clock.now = LATER.replace(year=2060)
    done = work.ledger.disposals.propose("education", [other], ANA)
    work.ledger.disposals.approve(done.id, BEN)
    assert files.lacks([disposed, done.id]) == [disposed]
    assert work.ledger.disposals.keep_certificates() == 1, "a start sees to the rest"


def test_a_disposal_is_done_although_its_certificate_cannot_be_kept(
    work: Work, clock: Hands, files: CertificateFiles
) -> None:
    files.folder.write_text("in the way")
    disposals = work.ledger.disposals
    disposals.look_in(ScannedLists(work.ledger))
    disposals.keep_in(files)
    student = work.opened("OR", "7")
    clock.now = LATER
    keep_for_years(work.ledger)
    done = disposals.propose("education", [work.record(student)], ANA)
    assert disposals.approve(done.id, BEN).status == "done"
    with pytest.raises(Misconfigured):
        disposals.keep_certificates()


def test_a_file_that_is_no_certificate_is_named(files: CertificateFiles, disposed: str) -> None:
    (files.folder / f"{disposed}.json").write_text("{}")
    with pytest.raises(Misconfigured, match=disposed):
        files.keys()


@pytest.mark.parametrize("key", ["no digits", "abc", "0" * 31])
def test_a_file_whose_keys_are_no_keys_is_named(files: CertificateFiles, disposed: str, key: str) -> None:
    path = files.folder / f"{disposed}.json"
    told = json.loads(path.read_text())
    told["lines"][0]["keys"][0] = key
    path.write_text(json.dumps(told))
    with pytest.raises(Misconfigured, match="is no certificate of disposal"):
        files.keys()


def test_another_host_keeps_it_at_its_timekeepers_next_look_whether_or_not_that_one_is_active(
    work: Work, clock: Hands, database: Database, disposed: str, tmp_path: Path
) -> None:
    here = CertificateFiles(tmp_path / "another host")
    work.ledger.disposals.keep_in(here)
    keeper = Timekeeper(
        database,
        work.ledger.log,
        work.ledger.profile,
        clock,
        work.ledger.casework,
        work.ledger.audits,
        work.ledger.admissions,
        work.ledger.forgetting,
        work.ledger.keeping,
        work.ledger.disposals.keep_new_certificates,
    )
    with database.connect(Role.WRITER) as conn:
        conn.autocommit = True
        assert try_lock(conn, ACTOR), "another one is active"
        keeper.look()
    assert here.lacks([disposed]) == []


def test_a_look_at_which_nothing_new_went_looks_through_nothing(
    work: Work, files: CertificateFiles, disposed: str
) -> None:
    disposals = work.ledger.disposals
    assert disposals.keep_new_certificates() == 0
    (files.folder / f"{disposed}.json").unlink()
    assert disposals.keep_new_certificates() == 0
    assert disposals.keep_certificates() == 1


def test_what_could_not_be_kept_is_tried_at_the_next_look(work: Work, files: CertificateFiles, disposed: str) -> None:
    (files.folder / f"{disposed}.json").unlink()
    files.folder.rmdir()
    files.folder.write_text("in the way")
    with pytest.raises(Misconfigured):
        work.ledger.disposals.keep_new_certificates()
    files.folder.unlink()
    assert work.ledger.disposals.keep_new_certificates() == 1


def test_doctor_finds_the_keys_of_a_database_that_was_restored_from_before_a_disposal(
    work: Work, database: Database, files: CertificateFiles, disposed: str
) -> None:
    gone = next(iter(files.keys()))
    with database.connect() as conn:
        # As a backup of the whole database brings it back, without what it says of its going.
        conn.execute("set session_replication_role = replica")
        conn.execute("delete from ledger.destroyed where key_id = %s", (uuid.UUID(bytes=gone),))
        conn.execute(
            "insert into vault.keys values (%s, 'record/restored', 'education', %s, '', now())",
            (uuid.UUID(bytes=gone), bytes(60)),
        )
    found = examine(
        database, work.ledger.logs, fits=migrations.check, row_key=work.ledger.row_key, certified=files.keys
    )
    assert [one.ok for one in found if disposed in one.what] == [False]
