"""``sojourn checkpoint`` and ``sojourn witness``: a state holds both logs to what it keeps, over HTTP or from files."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest

from api.app import create_app
from api.services import Services
from ledger.application import Ledger
from ledger.proofs.log_keys import LogKeys, parse_keys
from ledger.proofs.note import COSIGNATURE, Signer, open_checkpoint
from ledger.proofs.receipts import checkpoint_in
from ledger.reactors.notary import Notary
from ledger.store.database import Database
from ledger.store.proof_store import ProofStore
from support.command_line import CommandLine
from support.notarized import KEY, OTHER_KEY, filled
from support.serving import served

WITNESS = Signer.of("oregon.example.org", b"w" * 32, COSIGNATURE)
KEYS = {log: parse_keys([KEY.text()], log) for log in ("ledger", "access")}


def sign(database: Database) -> None:
    for log, keys in KEYS.items():
        Notary(database, log, keys).sign()


class State:
    """An office with a folder, a key and a token of its own."""

    def __init__(self, sojourn: CommandLine, folder: Path, url: str, token: str) -> None:
        self.folder = folder
        self.url = url
        self._sojourn = sojourn
        (folder / "token").write_text(f"{token}\n")
        (folder / "key").write_text(f"{WITNESS.text()}\n")

    def witness(
        self,
        *words: object,
        source: object = None,
        logs: tuple[str, ...] = ("ledger", "access"),
        code: int | None = None,
        keys: Mapping[str, LogKeys] = KEYS,
    ) -> Any:
        """What it is told, by log. code: the exit code where it is not that of the verdicts."""
        given = [word for log in logs for word in ("--key", keys[log].signer.verifier.text())]
        token = ["--token", self.folder / "token"]
        done = self._sojourn.run("witness", source or self.url, *given, *token, "--json", *words, code=None)
        found = {one["origin"]: one for one in json.loads(done.stdout)}
        sound = all(one["verdict"] == "PROVEN" for one in found.values())
        assert done.returncode == (code if code is not None else 0 if sound else 1)
        return [found[keys[log].signer.verifier.name] for log in logs]

    @property
    def keep(self) -> list[object]:
        return ["--keep", self.folder / "held"]


@pytest.fixture
def state(
    database: Database,
    ledger: Ledger,
    services: Services,
    sojourn: CommandLine,
    make_token: Callable[..., str],
    tmp_path: Path,
) -> Iterator[State]:
    filled(ledger, 700)
    filled(ledger, 30, 2, "access")
    sign(database)
    services.witnesses = [WITNESS.verifier]
    with served(create_app(services)) as url:
        yield State(sojourn, tmp_path, url, make_token("state_batch_submitter", "OR"))


def rewritten(database: Database, position: int = 300) -> None:
    """As its superuser, with the signing key: an event is another, and everything above it follows."""
    with psycopg.connect(database.admin, autocommit=True) as admin:
        admin.execute("set session_replication_role = replica")
        admin.execute("update ledger.events set leaf = sha256(leaf) where position = %s", (position,))
        admin.execute("truncate proofs.tiles, proofs.head_pages, proofs.checkpoints, proofs.cosignatures")
    sign(database)


def test_a_state_accepts_keeps_and_cosigns_what_goes_on(state: State, database: Database, ledger: Ledger) -> None:
    first, access = state.witness(*state.keep, "--sign", state.folder / "key", "--write", state.folder / "drawer")
    assert (first["size"], first["went_on_from"], access["size"]) == (700, [], 30)
    assert (first["cosigned"], access["cosigned"]) == (WITNESS.verifier.name, WITNESS.verifier.name)
    note = httpx2.get(
        f"{state.url}/v1/ledger/checkpoint",
        headers={"Authorization": f"Bearer {(state.folder / 'token').read_text().strip()}"},
    ).content
    _, opened = open_checkpoint(note, KEY.verifier, [WITNESS.verifier])
    assert opened.signed[1].at is not None
    assert abs(opened.signed[1].at - time.time()) < 600
    assert note == checkpoint_in((state.folder / "drawer" / "receipt-ledger-700.txt").read_bytes())
    filled(ledger, 500, 3)
    sign(database)
    again, _ = state.witness(*state.keep)
    assert (again["verdict"], again["size"], again["went_on_from"]) == ("PROVEN", 1200, [700])
    assert (state.folder / "held" / "ledger.level1").stat().st_size == 1200 // 256 * 32


def test_a_state_that_looks_again_while_nothing_is_new_raises_no_alarm(state: State) -> None:
    first = state.witness(*state.keep, "--sign", state.folder / "key")
    again = state.witness(*state.keep, "--sign", state.folder / "key")
    assert [(one["verdict"], one["size"]) for one in again] == [("PROVEN", one["size"]) for one in first]


def test_a_state_that_keeps_level_1_places_what_was_changed(state: State, database: Database, ledger: Ledger) -> None:
    state.witness(*state.keep)
    held = {path.name: path.read_bytes() for path in (state.folder / "held").iterdir()}
    filled(ledger, 100, 3)
    rewritten(database)
    told, access = state.witness(*state.keep, "--sign", state.folder / "key")
    assert (told["verdict"], access["verdict"]) == ("WRONG", "PROVEN")
    assert "events from 257 to 512" in told["what"]
    assert told["position"] == 257
    now = {path.name: path.read_bytes() for path in (state.folder / "held").iterdir()}
    proof = now.pop("ledger.wrong-800.checkpoint")
    assert {name: data for name, data in now.items() if name.startswith("ledger")} == {
        name: data for name, data in held.items() if name.startswith("ledger")
    }
    assert (told["note"].encode(), told["kept"]) == (proof, str(state.folder / "held" / "ledger.wrong-800.checkpoint"))
    assert open_checkpoint(proof, KEY.verifier)[0].size == 800, "it is signed, and does not go on"
    with ProofStore(database, "ledger") as store:
        note = store.checkpoint()
    assert note is not None
    assert len(open_checkpoint(note, KEY.verifier)[1].signed) == 1
    assert not open_checkpoint(note, KEY.verifier)[1].strangers, "it was not cosigned"


def test_what_was_signed_and_is_wrong_is_told_where_it_is_not_kept(
    state: State, sojourn: CommandLine, database: Database, tmp_path: Path
) -> None:
    state.witness(*state.keep)
    rewritten(database)
    held = state.folder / "held"
    asked = ["witness", state.url, "--key", KEY.verifier.text(), "--token", state.folder / "token"]
    told = sojourn.run(*asked, "--keep", held, code=1).stdout
    assert f"is kept: {held / 'ledger.wrong-700.checkpoint'}" in told
    first = (held / "ledger.wrong-700.checkpoint").read_bytes()
    (tmp_path / "receipt").write_bytes((held / "ledger.checkpoint").read_bytes())
    told = sojourn.run(*asked, "--receipt", tmp_path / "receipt", code=1).stdout
    assert "It is not kept. Give --keep DIR." in told
    assert first.decode() in told
    rewritten(database, 301)
    (again,) = state.witness(*state.keep, logs=("ledger",))
    assert again["verdict"] == "WRONG"
    assert (held / "ledger.wrong-700.checkpoint").read_bytes() == first
    assert again["note"].encode() != first


def test_a_witness_goes_on_through_a_change_of_keys(state: State, database: Database, ledger: Ledger) -> None:
    state.witness(*state.keep, "--write", state.folder / "drawer", logs=("ledger",))
    drawer = ["--receipt", state.folder / "drawer" / "receipt-ledger-700.txt"]
    former = ["--former", KEY.verifier.text()]
    both = parse_keys([OTHER_KEY.text(), KEY.verifier.text()], "ledger")
    Notary(database, "ledger", both).sign()

    def look(*words: object) -> Any:
        (told,) = state.witness(*state.keep, *words, logs=("ledger",), keys={"ledger": both})
        return told

    # Nothing new was signed, so the checkpoint is still by the former key.
    assert "No key that is known here has signed" in look()["what"]
    assert look(*former, *drawer)["verdict"] == "PROVEN"
    filled(ledger, 100, 3)
    Notary(database, "ledger", both).sign()
    assert look()["verdict"] == "WRONG"
    told = look(*former, *drawer, "--sign", state.folder / "key", "--write", state.folder / "drawer")
    assert (told["verdict"], told["went_on_from"], told.get("not_taken")) == ("PROVEN", [700, 700], None)
    assert OTHER_KEY.verifier.text() in (state.folder / "drawer" / "receipt-ledger-800.txt").read_text()
    assert look()["verdict"] == "PROVEN", "what is held is by the new key now"


def test_a_receipt_in_a_drawer_is_enough_to_find_it(
    state: State, sojourn: CommandLine, database: Database, ledger: Ledger, tmp_path: Path
) -> None:
    sheet = sojourn.but(signing_key=KEY.text(), signed=tmp_path).run("checkpoint", "--sheet").stdout
    drawer = tmp_path / "receipt.txt"
    drawer.write_bytes(sheet.replace("\n", "\r\n").encode())
    filled(ledger, 100, 3)
    sign(database)
    (told,) = state.witness("--receipt", drawer, logs=("ledger",))
    assert (told["verdict"], told["went_on_from"]) == ("PROVEN", [700])
    rewritten(database)
    (told,) = state.witness("--receipt", drawer, logs=("ledger",))
    assert told["verdict"] == "WRONG"
    assert "no longer begins with its first 700 events" in told["what"]


def test_a_log_that_is_shorter_than_what_is_held_is_wrong(state: State, database: Database) -> None:
    state.witness(*state.keep)
    with psycopg.connect(database.admin, autocommit=True) as admin:
        admin.execute("set session_replication_role = replica")
        admin.execute("delete from ledger.events where position > 600")
        admin.execute("update ledger.head set position = 600")
        admin.execute("truncate proofs.tiles, proofs.head_pages, proofs.checkpoints, proofs.cosignatures")
    sign(database)
    told, _ = state.witness(*state.keep)
    assert (told["verdict"], told["what"]) == (
        "WRONG",
        "The log has 600 events, and had 700 before: it is shorter than it was.",
    )


def test_a_checkpoint_out_of_a_file_needs_a_proof(
    state: State, database: Database, ledger: Ledger, tmp_path: Path
) -> None:
    logs = ("ledger",)
    state.witness(*state.keep, logs=logs)
    filled(ledger, 100, 3)
    sign(database)
    by = {"Authorization": f"Bearer {(state.folder / 'token').read_text().strip()}"}
    note, proof = tmp_path / "note", tmp_path / "proof"
    note.write_bytes(httpx2.get(f"{state.url}/v1/ledger/checkpoint", headers=by).content)
    asked = httpx2.get(f"{state.url}/v1/proofs/consistency?from=700", headers={**by, "Accept": "text/plain"})
    proof.write_bytes(asked.content)
    (told,) = state.witness(*state.keep, source=note, logs=logs)
    assert (told["verdict"], "--consistency" in told["what"]) == ("UNKNOWN", True)
    (told,) = state.witness(*state.keep, "--consistency", proof, "--sign", state.folder / "key", source=note, logs=logs)
    assert (told["verdict"], told["went_on_from"]) == ("PROVEN", [700])
    _, opened = open_checkpoint(told["note"].encode(), KEY.verifier, [WITNESS.verifier])
    assert len(opened.signed) == 2
    # What is held now has more events than hashes: the next look over HTTP fetches what is missing.
    filled(ledger, 300, 4)
    sign(database)
    (told,) = state.witness(*state.keep, logs=logs)
    assert (told["verdict"], told["went_on_from"]) == ("PROVEN", [800])


def test_who_is_not_answered_knows_nothing(state: State, tmp_path: Path) -> None:
    for source in ("http://127.0.0.1:9", tmp_path / "nowhere"):
        told, _ = state.witness(*state.keep, source=source)
        assert told["verdict"] == "UNKNOWN"
    (state.folder / "token").write_text("soj_no-token")
    told, _ = state.witness(*state.keep)
    assert (told["verdict"], "answers 401" in told["what"]) == ("UNKNOWN", True)
    assert not (state.folder / "held").exists()


def test_a_cosignature_that_is_not_taken_is_told_and_what_was_proven_is_held(state: State, services: Services) -> None:
    services.witnesses = []
    told = state.witness(*state.keep, "--sign", state.folder / "key", code=1)
    assert [one["verdict"] for one in told] == ["PROVEN", "PROVEN"]
    assert all("No witness is registered here" in one["not_taken"] for one in told)
    assert (state.folder / "held" / "access.checkpoint").exists()


def test_a_checkpoint_by_another_key_is_wrong(state: State, sojourn: CommandLine) -> None:
    stranger = Signer.of(KEY.verifier.name, b"s" * 32).verifier.text()
    token = ["--token", state.folder / "token"]
    done = sojourn.run("witness", state.url, "--key", stranger, *token, code=1)
    assert done.stdout.startswith(f"WRONG {KEY.verifier.name}\n  No key that is known here has signed.")
    sojourn.run("witness", state.url, "--key", "no key", code=2)
    sojourn.run("witness", state.url, "--key", KEY.verifier.text(), "--sign", state.folder / "token", code=1)


# -- the service's own side


def test_a_checkpoint_is_signed_on_demand_and_refused_where_a_receipt_does_not_fit(
    sojourn: CommandLine, database: Database, ledger: Ledger, tmp_path: Path
) -> None:
    filled(ledger, 20)
    ours = sojourn.but(signing_key=KEY.text(), signed=tmp_path)
    note = ours.run("checkpoint").stdout
    assert open_checkpoint(note.encode(), KEY.verifier)[0].size == 20
    assert (tmp_path / "ledger.checkpoint").read_text() == note
    assert ours.run("checkpoint", "--key").stdout.strip() == KEY.verifier.text()
    told = json.loads(ours.run("checkpoint", "access", "--json").stdout)
    assert (told["size"], told["key"]) == (0, KEYS["access"].signer.verifier.text())
    (tmp_path / "receipt").write_text(note)
    rewritten(database, 7)
    filled(ledger, 20, 2)
    (tmp_path / "elsewhere").mkdir()
    other = ours.but(signed=tmp_path / "elsewhere")
    refused = other.run("checkpoint", "--receipt", tmp_path / "receipt", code=1)
    assert "no longer begins with its first 20 events" in refused.stderr
    assert "no longer begins" not in other.run("checkpoint").stderr, "without it the other branch is signed"
    no_key = sojourn.run("checkpoint", code=1)
    assert "sojourn keys signing" in no_key.stderr


def test_an_export_proves_by_the_former_key_until_something_new_is_signed(
    sojourn: CommandLine, ledger: Ledger, tmp_path: Path
) -> None:
    filled(ledger, 20)
    ours = sojourn.but(signing_key=KEY.text(), signed=tmp_path)
    ours.run("checkpoint")
    changed = ours.but(signing_key=f"{OTHER_KEY.text()},{KEY.text()}")
    for name, key in (("before", KEY), ("after", OTHER_KEY)):
        out = tmp_path / f"{name}.zip"
        assert changed.json("export", out, "--sealed")["key"] == key.verifier.text()
        assert changed.run("verify", out, "--key", key.verifier.text()).stdout.startswith("PROVEN")
        filled(ledger, 5, 2)


def test_a_key_that_is_made_signs_and_its_public_half_is_told(sojourn: CommandLine) -> None:
    made = sojourn.run("keys", "signing", "ledger.example.org")
    signer = Signer.parse(made.stdout.strip())
    assert signer.verifier.text() in made.stderr
    witness = Signer.parse(sojourn.run("keys", "signing", "oregon.example.org", "--witness").stdout.strip())
    assert witness.verifier.kind == COSIGNATURE
    sojourn.run("keys", "signing", "a name", code=2)
    refused = sojourn.run("keys", "signing", "ledger.example.org/access", code=2)
    assert "those of access logs" in " ".join(refused.stderr.replace("│", " ").split())
    sojourn.run("keys", "signing", "oregon.example.org/access", "--witness")


def test_the_process_that_follows_signs_both_logs(
    sojourn: CommandLine, database: Database, ledger: Ledger, tmp_path: Path
) -> None:
    head = filled(ledger, 300)
    ours = sojourn.but(signing_key=KEY.text(), signed=tmp_path, checkpoint_seconds="0.2", data=tmp_path / "data")

    def sizes(log: str) -> list[int]:
        with ProofStore(database, log) as store:
            return list(store.sizes())

    def await_sizes(log: str, size: int) -> None:
        deadline = time.monotonic() + 60
        # What else follows may write too, so that more is signed at once.
        while max(sizes(log), default=-1) < size:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    follower = ours.start("follow", stdin=subprocess.PIPE)
    assert follower.stdin is not None
    try:
        await_sizes("ledger", head)
        await_sizes("access", 0)
        await_sizes("ledger", filled(ledger, 5, 2))
        await_sizes("access", filled(ledger, 5, 2, "access"))
    finally:
        follower.stdin.close()
        assert follower.wait(60) == 0
