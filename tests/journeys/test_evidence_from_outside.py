"""Evidence through the front door: exported, disclosed, verified with and without a database, and refused plainly."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile

import msgspec
import psycopg
import pytest
from msgspec.structs import replace
from psycopg.rows import tuple_row

from ledger.cases import Case
from ledger.events.disclosure import BulkDisclosed, Disclosed
from ledger.ids import student_id
from ledger.proofs.note import Checkpoint, open_checkpoint, sign_checkpoint
from ledger.store.database import Database
from ledger.store.embedded import EmbeddedServer
from support.command_line import CommandLine
from support.databases import migrated_database
from support.evidence import LOG_KEY, bundle_of, sample_log
from support.notarized import KEY, OTHER_KEY
from support.tampering import Row, opened, rewrite, sign_anew


class Office(NamedTuple):
    """A ledger with a night of two states. student: one of whom both keep a record."""

    sojourn: CommandLine
    url: str
    student: str

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, row_factory=tuple_row) as conn:
            return conn.execute(query.encode()).fetchall()


class Evidence(NamedTuple):
    """Bundles, and a receipt that is older than they are."""

    student: Path
    whole: Path
    access: Path
    receipt: Path
    told: Any


@pytest.fixture(scope="module")
def office(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    with migrated_database(server) as named:
        sojourn = CommandLine(folder, **named, data=folder / "data", signing_key=KEY.text(), actor="ana")
        sojourn.run("sample", "--out", folder, "--states", "OR,CA", "--children", 20, "--seed", 5)
        sojourn.run("submit", *sorted(folder.glob("*-*.txt")))
        listed = [line.split(",")[2] for line in sojourn.run("students", "--csv").stdout.splitlines()[1:]]
        student = next(one for one in listed if listed.count(one) > 1)
        yield Office(sojourn, named["database_url"], student)


@pytest.fixture(scope="module")
def evidence(office: Office) -> Evidence:
    assert office.sojourn.folder is not None
    folder = office.sojourn.folder
    student, whole, access = (folder / f"{name}.zip" for name in ("student", "whole", "access"))
    office.sojourn.run("export", folder / "first.zip", "--sealed")
    ((note,),) = office.ask("select note from proofs.checkpoints where log = 'ledger'")
    receipt = folder / "receipt"
    receipt.write_bytes(note)
    told = office.sojourn.json("export", student, "--student", office.student)
    office.sojourn.run("export", whole, "--as", "ben")
    office.sojourn.run("export", access, "--log", "access", "--student", office.student)
    return Evidence(student, whole, access, receipt, told)


def refused(sojourn: CommandLine, *words: object) -> str:
    """What a command says that ends with exit code 1: plainly."""
    done = sojourn.run(*words, code=1)
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout + done.stderr


# -- handed over


def test_what_leaves_is_disclosed_by_whom_and_of_which_records(office: Office, evidence: Evidence) -> None:
    records = {row[0] for row in office.ask("select record_id::text from ledger.records")}
    of_student = office.ask(f"select record_id::text from ledger.records where student_id = '{office.student}'")
    with opened(Database(office.url, log_in=True)) as ledger:
        entries = ledger.access.read(0, 1_000)
    shown = [(e, e.event) for e in entries if isinstance(e.event, Disclosed) and e.event.view == "export"]
    both = [f"disclosure/{row[0]}" for row in of_student]
    assert len(both) == 2
    assert sorted(e.stream for e, said in shown if said.student_id == office.student) == sorted(both * 2)
    assert {e.meta.actor for e, _ in shown} == {"ana"}
    many = [(e, e.event) for e in entries if isinstance(e.event, BulkDisclosed) and e.event.view == "export"]
    told = [(e.meta.actor, said.filters, set(said.records)) for e, said in many]
    assert told == [("ana", ["sealed"], set()), ("ben", [], records)]


def test_the_manifest_is_told_with_its_hash(office: Office, evidence: Evidence) -> None:
    with ZipFile(evidence.student) as zipped:
        assert evidence.told["manifest_sha256"] == sha256(zipped.read("manifest.json")).hexdigest()
        index = zipped.read("index.txt").decode()
    assert (evidence.told["kind"], evidence.told["origin"]) == ("streams", KEY.verifier.name)
    assert "record-opened.v1" in index
    assert f'"student_id":"{office.student}"' in index


def test_a_bundle_is_proven_without_a_database_and_by_one_file_in_an_empty_folder(
    office: Office, evidence: Evidence, tmp_path: Path
) -> None:
    alone = CommandLine(tmp_path, database_url="postgresql://nobody@127.0.0.1:1/nothing")
    key = ["--key", KEY.verifier.text()]
    for bundle in (evidence.student, evidence.whole):
        assert alone.run("verify", bundle, *key).stdout.startswith("PROVEN\n")
    told = alone.json("verify", evidence.whole, *key, "--receipt", evidence.receipt)
    assert told["holds"]
    assert told["wrong"] is None
    assert any("goes on from the receipt" in line for line in told["proven"])
    alone.run("verify", "--one-file", tmp_path / "verify.py")
    shutil.copy(evidence.student, tmp_path / "bundle.zip")
    done = subprocess.run(
        [sys.executable, "-I", "verify.py", "bundle.zip", *key],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == alone.run("verify", evidence.student, *key).stdout


def test_the_store_is_proven_by_the_receipt(office: Office, evidence: Evidence) -> None:
    told = office.sojourn.run("verify", "--receipt", evidence.receipt).stdout
    assert told.startswith("PROVEN\n")
    assert "ledger: The log goes on from the receipt" in told
    assert "guards: " in told
    told = office.sojourn.json("verify", "--key", KEY.verifier.text())
    assert told["holds"]


def test_a_receipt_by_a_former_key_is_one_where_that_key_is_named(
    office: Office, evidence: Evidence, tmp_path: Path
) -> None:
    told = open_checkpoint(evidence.receipt.read_bytes(), KEY.verifier)[0]
    receipt = tmp_path / "receipt"
    receipt.write_bytes(sign_checkpoint(told, OTHER_KEY))
    key, former = ["--key", KEY.verifier.text()], ["--former", OTHER_KEY.verifier.text()]
    office.sojourn.run("verify", "--one-file", tmp_path / "verify.py")
    one_file = [sys.executable, "-I", tmp_path / "verify.py", evidence.whole, *key, "--receipt", receipt]
    assert subprocess.run(one_file, capture_output=True, check=False).returncode == 1
    assert subprocess.run([*one_file, *former], capture_output=True, check=False).returncode == 0
    for words in ([evidence.whole, *key, "--receipt", receipt], ["--receipt", receipt]):
        assert "No key that is known here has signed" in refused(office.sojourn, "verify", *words)
        assert "goes on from the receipt" in office.sojourn.run("verify", *words, *former).stdout


def test_evidence_is_not_written_over(office: Office, evidence: Evidence) -> None:
    before = evidence.whole.read_bytes()
    assert "is there already" in refused(office.sojourn, "export", evidence.whole)
    assert evidence.whole.read_bytes() == before


def test_a_case_about_her_is_in_a_student_s_bundle_and_one_that_is_judged_blind_is_not_while_it_is_open(
    office: Office, tmp_path: Path
) -> None:
    listed = office.sojourn.run("students", "--csv").stdout.splitlines()[1:]
    ids = [line.split(",")[2] for line in listed]
    left, right = [one for one in ids if ids.count(one) == 1][:2]
    proposed = office.sojourn.json("merge", left, right, "--master", left, "--reason", "I know the family.")
    case = proposed["case"]
    office.sojourn.run("export", tmp_path / "out.zip", "--student", left)
    with ZipFile(tmp_path / "out.zip") as zipped:
        index = zipped.read("index.txt").decode()
    assert f"case/{case}" in index
    assert "I know the family." in index
    # As of a month's sample, which is judged by two records alone.
    with psycopg.connect(office.url) as conn:
        ((body,),) = conn.execute("select body from worklist.cases where case_id = %s", (case,)).fetchall()
        known = msgspec.msgpack.decode(body, type=Case)
        blind = replace(known, opened=replace(known.opened, blind=True))
        conn.execute("update worklist.cases set body = %s where case_id = %s", (msgspec.msgpack.encode(blind), case))
    office.sojourn.run("export", tmp_path / "blind.zip", "--student", left)
    with ZipFile(tmp_path / "blind.zip") as zipped:
        assert f"case/{case}" not in zipped.read("index.txt").decode()


# -- refused plainly


def test_what_is_asked_for_and_is_not_there_is_said_plainly(office: Office, tmp_path: Path) -> None:
    out = tmp_path / "out.zip"
    assert "No student has this id" in refused(office.sojourn, "export", out, "--student", student_id(10**9))
    assert "not a student id" in refused(office.sojourn, "export", out, "--student", "12")
    office.sojourn.run("export", out, "--log", "nothing", code=2)
    assert "No key signs this log" in refused(office.sojourn.but(signing_key=""), "export", out)
    assert "cannot be used" in refused(office.sojourn, "export", tmp_path / "nowhere" / "out.zip")
    assert "cannot be used" in refused(office.sojourn, "verify", tmp_path / "nothing.zip")
    assert "cannot be used" in refused(office.sojourn, "verify", "--receipt", tmp_path / "nothing")
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_that_is_not_what_it_says_is_a_plain_doubt(office: Office, evidence: Evidence, tmp_path: Path) -> None:
    key = ["--key", KEY.verifier.text()]
    data = evidence.whole.read_bytes()
    at = len(data) // 2
    bad = {
        "edited": data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :],
        "truncated": data[:at],
        "longer": data + b"x",
        "empty": b"",
        "a text": b"H|OR|20250902\n",
        "another ledger's": bundle_of(sample_log(), "log"),
    }
    file = tmp_path / "bad.zip"
    for name, wrong in bad.items():
        file.write_bytes(wrong)
        assert refused(office.sojourn, "verify", file, *key).startswith("WRONG\n"), name
    file.write_bytes(bad["edited"])
    told = office.sojourn.json("verify", file, *key, code=1)
    assert not told["holds"]
    assert told["wrong"]["what"]
    stranger = ["--key", sample_log().signer.verifier.text()]
    assert "No key that is known here has signed" in refused(office.sojourn, "verify", evidence.whole, *stranger)
    assert refused(office.sojourn, "verify", evidence.whole, "--key", "nonsense").startswith("WRONG\n")
    assert refused(office.sojourn, "verify", "--key", "nonsense").startswith("WRONG\n")
    office.sojourn.run("verify", evidence.whole, "--key", "a", "--key", "b", code=2)


def test_a_receipt_from_beyond_the_head_or_of_another_ledger_is_a_plain_doubt(
    office: Office, evidence: Evidence, tmp_path: Path
) -> None:
    beyond, other = tmp_path / "beyond", tmp_path / "other"
    beyond.write_bytes(sign_checkpoint(Checkpoint(KEY.verifier.name, 10**9, bytes(32)), KEY))
    other.write_bytes(sign_checkpoint(Checkpoint(LOG_KEY.verifier.name, 5, bytes(32)), LOG_KEY))
    assert "covers more than there is" in refused(office.sojourn, "verify", "--receipt", beyond)
    assert "The receipt is another log's" in refused(office.sojourn, "verify", "--receipt", other)
    for receipt in (beyond, other):
        assert refused(office.sojourn, "verify", evidence.whole, "--receipt", receipt).startswith("WRONG\n")


def test_a_store_that_was_changed_is_told_with_position_event_expected_and_found(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    with migrated_database(server) as named:
        sojourn = CommandLine(tmp_path, **named, data=tmp_path / "data", signing_key=KEY.text())
        sojourn.run("sample", "--out", tmp_path, "--states", "OR", "--children", 3, "--seed", 5)
        sojourn.run("submit", *tmp_path.glob("*-*.txt"))
        sojourn.run("export", tmp_path / "before.zip", "--sealed")
        with psycopg.connect(named["database_url"]) as conn:
            conn.execute("set session_replication_role = replica")
            conn.execute("update ledger.events set recorded_at = recorded_at + interval '1 us' where position = 7")
        told = json.loads(sojourn.run("verify", "--json", code=1).stdout)["wrong"]
        assert told["what"] == "In the ledger log: This event is not the one that was signed."
        assert told["position"] == 7
        assert {len(told["event"]), len(told["expected"]), len(told["found"])} == {32, 64}
        assert "does not prove what it holds" in refused(sojourn, "export", tmp_path / "after.zip")


def test_a_host_that_signed_another_log_says_so_and_one_that_did_not_makes_no_folder_to_look(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    with migrated_database(server) as named:
        (tmp_path / "signed").mkdir()
        sojourn = CommandLine(
            tmp_path, **named, data=tmp_path / "data", signing_key=KEY.text(), signed=tmp_path / "signed"
        )
        sojourn.run("sample", "--out", tmp_path, "--states", "OR", "--children", 3, "--seed", 5)
        sojourn.run("submit", *tmp_path.glob("*-*.txt"))
        for log in ("ledger", "access"):
            sojourn.run("checkpoint", log)
        told = sojourn.run("verify").stdout
        assert "ledger: The log goes on from what this host signed last" in told
        assert "access: The log goes on from what this host signed last" in told
        assert told == sojourn.run("verify", "--key", KEY.verifier.text()).stdout
        database = Database(named["database_url"], log_in=True)

        def a_microsecond(found: list[Row]) -> None:
            found[0].recorded_at -= timedelta(microseconds=1)

        rewrite(database, a_microsecond)
        sign_anew(database, KEY)
        told = refused(sojourn, "verify")
        assert "In the ledger log: What this host signed last" in told
        assert "is not of this log" in told
        elsewhere = tmp_path / "elsewhere"
        sojourn.but(signed="", data=elsewhere).run("verify", code=None)
        assert not elsewhere.exists()
