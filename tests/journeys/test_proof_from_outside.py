"""That nobody has touched it: checkpoints, proofs, bundles, the verifier and witnesses, judged by code of our own.

Trees, notes and bundles are read by ``support.own_proofs``, which was written from the published formats. The ledger,
its receipts and its older databases are those of ``support.kept_receipts``.
"""

from __future__ import annotations

import base64
import json
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ledger.store.embedded import EmbeddedServer
from support import own_proofs as own
from support.command_line import CommandLine, free_port
from support.kept_receipts import NAMES, ORIGIN, Asked, Scene, key_in, scene_on, serving
from support.laptop import index_without, judged, verified


@pytest.fixture(scope="module")
def scene(server: EmbeddedServer) -> Iterator[Scene]:
    with scene_on(server) as set_up:
        yield set_up


@pytest.fixture(scope="module")
def asked(scene: Scene) -> Iterator[Asked]:
    with serving(scene) as service:
        yield service


@pytest.fixture(scope="module")
def whole(scene: Scene) -> bytes:
    """A bundle of the whole log, without keys, that proves the first receipt."""
    out = scene.folder / "whole.zip"
    receipt = scene.file("first.note", scene.receipts[0])
    scene.command.run("export", out, "--sealed", "--receipt", receipt)
    return out.read_bytes()


@pytest.fixture(scope="module")
def one(scene: Scene) -> bytes:
    """A bundle of one student, who is of two records."""
    out = scene.folder / "one.zip"
    scene.command.run(
        "export", out, "--student", scene.student, "--receipt", scene.file("first.note", scene.receipts[0])
    )
    return out.read_bytes()


@pytest.fixture(scope="module")
def verifier(scene: Scene) -> Path:
    """The verifier as one file, in a folder where nothing else is."""
    (scene.folder / "laptop").mkdir()
    file = scene.folder / "laptop" / "verify.py"
    scene.command.run("verify", "--one-file", file)
    return file


# -- over HTTP, by an implementation of our own


def test_checkpoints_of_both_logs_are_signed_notes_by_the_keys_that_are_handed_out(scene: Scene, asked: Asked) -> None:
    for log, key, origin in (("ledger", scene.key, ORIGIN), ("access", scene.access_key, f"{ORIGIN}/access")):
        note = asked.get(f"/v1/{log}/checkpoint")
        assert note.headers["content-type"].startswith("text/plain")
        checkpoint = own.opened(note.text, key)
        assert checkpoint is not None
        assert checkpoint.origin == origin
    assert own.opened(note.text, scene.key) is None, "one log's key signs no other's checkpoint"
    secret = base64.b64decode((scene.folder / "signing.key").read_text().strip().split("+", 4)[4])[1:]
    seed = HKDF(SHA256(), 32, None, b"sojourn access log").derive(secret)
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    assert base64.b64decode(scene.access_key.split("+", 2)[2])[1:] == public


def test_tiles_lead_to_the_root_that_was_signed(scene: Scene, asked: Asked) -> None:
    checkpoint = own.opened(asked.get("/v1/ledger/checkpoint").text, scene.key)
    assert checkpoint is not None
    assert 256 < checkpoint.size < 512
    whole, rest = asked.get("/v1/ledger/tile/0/000"), checkpoint.size - 256
    part = asked.get(f"/v1/ledger/tile/0/001.p/{rest}")
    data = whole.content + part.content
    leaves = [data[n : n + 32] for n in range(0, len(data), 32)]
    assert own.root_of(leaves) == checkpoint.root
    assert asked.get("/v1/ledger/tile/1/000.p/1").content == own.root_of(leaves[:256])
    assert asked.get("/v1/ledger/tile/0/000.p/7").content == whole.content[: 7 * 32]
    for path in (
        "0/001",
        "0/002",
        f"0/001.p/{rest + 1}",
        "2/000",
        "1/000",
        "0/000.p/0",
        "entries/000",
        "0/0",
        "99/000",
    ):
        assert asked.get(f"/v1/ledger/tile/{path}").status_code in (404, 422), path


def test_each_position_is_included_and_each_earlier_size_goes_on(scene: Scene, asked: Asked) -> None:
    chance = random.Random(8)
    for log, key in (("ledger", scene.key), ("access", scene.access_key)):
        latest = own.opened(asked.get(f"/v1/{log}/checkpoint").text, key)
        assert latest is not None
        for position in {1, latest.size, chance.randint(1, latest.size), min(257, latest.size)}:
            told = asked.json("/v1/proofs/inclusion", log=log, position=position)
            at = own.opened(told["checkpoint"], key)
            assert at is not None
            leaf, *proof = map(base64.b64decode, (told["leaf"], *told["hashes"]))
            assert own.led_to(leaf, position - 1, at.size, proof) == at.root
            assert own.led_to(leaf, position - 2, at.size, proof) != at.root or at.size == 1
            smaller = asked.json("/v1/proofs/inclusion", log=log, position=1, size=position)
            assert smaller["size"] == position
    earlier = own.opened(scene.receipts[0], scene.key)
    assert earlier is not None
    told = asked.json("/v1/proofs/consistency", **{"from": earlier.size})
    later = own.opened(told["checkpoint"], scene.key)
    assert later is not None
    proof = [base64.b64decode(one) for one in told["hashes"]]
    assert own.goes_on(earlier.size, earlier.root, later.size, later.root, proof)
    assert not own.goes_on(earlier.size, own.sha(b"other"), later.size, later.root, proof)


def test_the_head_of_a_stream_is_proven_and_so_is_that_there_is_none(scene: Scene, asked: Asked, whole: bytes) -> None:
    heads = {event.stream: (event.version, event.leaf) for event in own.events_of(own.members_of(whole))}
    for stream in (*random.Random(8).sample(sorted(heads), 8), "record/nobody", "linkage/000000000000"):
        version, leaf = heads.get(stream, (0, b""))
        told = asked.json("/v1/proofs/head", stream=stream)
        assert (told["version"], base64.b64decode(told["leaf"] or "")) == (version, leaf)
        at = own.opened(told["checkpoint"], scene.key)
        assert at is not None
        assert own.heads_led_to(stream, version, leaf, base64.b64decode(told["proof"])) == at.heads


def test_what_cannot_be_proven_is_refused_plainly(asked: Asked) -> None:
    for path, params, status in (
        ("inclusion", {"position": 0}, (422,)),
        ("inclusion", {"position": 10**9}, (404,)),
        ("inclusion", {"position": 10**30}, (404, 422)),
        ("inclusion", {"position": 9, "size": 3}, (404, 422)),
        ("consistency", {"from": 9, "to": 3}, (422,)),
        ("consistency", {"from": 9, "to": 10**9}, (404,)),
        ("consistency", {"from": "x"}, (422,)),
        ("inclusion", {"position": 1, "log": "other"}, (422,)),
        ("head", {"stream": ""}, (422,)),
        ("head", {"stream": "\x00"}, (404, 422)),
    ):
        answer = asked.get(f"/v1/proofs/{path}", **params)
        assert answer.status_code in status, (path, params, answer.text)
        assert answer.json()["detail"]
    assert asked.client.get("/v1/ledger/checkpoint").status_code == 401


# -- bundles, on a laptop


def test_the_whole_log_is_proven_and_its_root_and_heads_follow(scene: Scene, whole: bytes, verifier: Path) -> None:
    members = own.members_of(whole)
    events = list(own.events_of(members))
    checkpoint = own.opened(members["checkpoint"].decode(), scene.key)
    assert checkpoint is not None
    assert [event.position for event in events] == list(range(1, checkpoint.size + 1))
    assert own.root_of([event.leaf for event in events]) == checkpoint.root
    assert own.root_of_heads({event.stream: (event.version, event.leaf) for event in events}) == checkpoint.heads
    assert all(event.body_key is None for event in events)
    code, said = verified(verifier, scene.folder / "whole.zip", "--key", scene.key)
    assert (code, said.splitlines()[0]) == (0, "PROVEN")
    assert scene.command.run("verify", scene.folder / "whole.zip", "--key", scene.key).stdout == said


def test_one_student_is_proven_whole_and_its_bodies_open(scene: Scene, one: bytes, verifier: Path) -> None:
    members = own.members_of(one)
    for event in own.events_of(members):
        assert event.body_key is not None
        assert own.sha(event.body_key) == event.key_check
        named = [event.stream.encode(), event.topic.encode(), event.id]
        bound = b"\1" + b"".join(len(part).to_bytes(4) + part for part in named)
        body = json.loads(AESGCM(event.body_key).decrypt(bytes(12), event.ciphertext, bound))
        assert body["actor"]
    assert NAMES[0] in members["index.txt"].decode()
    code, said = verified(verifier, scene.folder / "one.zip", "--key", scene.key, "--receipt", "../first.note")
    assert (code, said.splitlines()[0]) == (0, "PROVEN")
    assert "heads only" in said, "it says by what completeness was proven"


def test_a_bundle_from_which_one_event_was_left_out_fails(one: bytes, verifier: Path) -> None:
    members = own.members_of(one)
    assert own.put_together(one, members) == one, "the forger's tool makes what the exporter makes"
    events = list(own.events_of(members))
    size = json.loads(members["manifest.json"])["size"]
    forged = []
    for gone in range(len(events)):
        proofs, at = b"", 0
        for n, event in enumerate(events):
            length = 32 * own.path_length(event.position - 1, size)
            proofs += members["inclusion.bin"][at : at + length] if n != gone else b""
            at += length
        kept = b"".join(event.raw for n, event in enumerate(events) if n != gone)
        left = [event for n, event in enumerate(events) if n != gone]
        index = index_without(members["index.txt"].decode(), events[gone], left)
        less = {**members, "events/00000000.bin": kept, "inclusion.bin": proofs, "index.txt": index.encode()}
        forged.append(own.put_together(one, less, events=len(left)))
    for code, said in judged(verifier, forged):
        assert (code, said.splitlines()[0]) == (1, "WRONG")
        assert re.search(r"version|Stream", said), said


def test_no_byte_of_a_bundle_is_free(one: bytes, whole: bytes, verifier: Path) -> None:
    chance = random.Random(88)
    forged = []
    for bundle in (one, whole):
        for _ in range(60):
            changed = bytearray(bundle)
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
            forged.append(bytes(changed))
        forged += [bundle[:n] for n in (0, 1, 30, len(bundle) // 2, len(bundle) - 1)] + [bundle + b"\0", b"\0" + bundle]
    for n, (code, said) in enumerate(judged(verifier, forged)):
        assert (code, said.splitlines()[0]) == (1, "WRONG"), (n, said)


def test_a_bundle_whose_parts_were_changed_to_fit_each_other_fails(one: bytes, verifier: Path) -> None:
    members = own.members_of(one)
    index = members["index.txt"].replace(NAMES[0].encode(), b"Yolotzim", 1)
    event = next(own.events_of(members))
    swapped = event.raw[:-32] + bytes(32)
    forged = [
        {**members, "index.txt": index},
        {**members, "events/00000000.bin": swapped + members["events/00000000.bin"][len(event.raw) :]},
        {**members, "checkpoint": members["checkpoint"].replace(b"heads ", b"heads A")},
        {**members, "heads.bin": members["heads.bin"][:-1]},
        {**members, "inclusion.bin": members["inclusion.bin"][32:]},
    ]
    told = [own.put_together(one, members, size=7), own.put_together(one, members, kind="log")]
    told += [own.put_together(one, parts) for parts in forged]
    told += [own.zipped(one, {**members, "more": b""}), own.zipped(one, dict(reversed(members.items())))]
    for n, (code, said) in enumerate(judged(verifier, told)):
        assert (code, said.splitlines()[0]) == (1, "WRONG"), (n, said)


def test_what_is_of_another_ledger_or_key_or_of_a_longer_log_is_no_proof(
    scene: Scene, one: bytes, verifier: Path
) -> None:
    del one
    bundle = scene.folder / "one.zip"
    other = key_in(CommandLine().run("keys", "signing", ORIGIN).stderr)
    longer = re.sub(r"\n\d+\n", "\n999999\n", scene.receipts[1], count=1)
    cases: list[tuple[tuple[object, ...], tuple[int, ...]]] = [
        (("--key", other), (1,)),
        (("--key", scene.access_key), (1,)),
        (("--key", "nonsense"), (1, 2)),
        (("--receipt", scene.file("longer.note", longer)), (1,)),
        (("--receipt", scene.file("empty.note", "")), (1,)),
        (("--receipt", scene.file("binary.note", bytes(range(256)))), (1,)),
        (("--receipt", scene.folder / "is-not-there"), (1, 2)),
        (("--witness", scene.witness_key), (1,)),
        (("--kept-tiles", scene.file("tiles", b"x")), (1, 2)),
        (("--nonsense",), (2,)),
    ]
    for words, codes in cases:
        code, said = verified(verifier, bundle, *words)
        assert code in codes, (words, said)
        assert "PROVEN\n" not in said.replace("NOT PROVEN\n", ""), (words, said)
    for path in (scene.folder / "is-not-there.zip", scene.folder, "/dev/null"):
        code, said = verified(verifier, path)
        assert (code, bool(said)) == (1, True)


def test_a_database_that_is_behind_what_its_host_signed_exports_nothing(scene: Scene) -> None:
    out = scene.folder / "short.zip"
    done = scene.on(scene.copied(scene.older, "short")).run("export", out, "--student", scene.student, code=1)
    assert "signed" in done.stderr
    assert not out.exists()


# -- the store, and whoever owns its database


AWAY = "update ledger.events set position = position + 100000 where position >= 200"
BACK = "update ledger.events set position = position - 100000 + {} where position >= 100200"
SHORTER = (
    "delete from ledger.events where position > {}",
    "delete from ledger.heads where position > {}",
    "update ledger.head set position = {}",
)
COLUMNS = "stream, version, topic, event_id, recorded_at, key_id, key_check, body, leaf"
COPY = f"insert into ledger.events (position, {COLUMNS}) select {{1}}, {COLUMNS} from ledger.events"
COPIED = COPY + " where position = {0}"
FORGERIES = {
    "stamp": ("update ledger.events set recorded_at = recorded_at + interval '1 us' where position = 100",),
    "body": ("update ledger.events set body = set_byte(body, 3, get_byte(body, 3) # 1) where position = 100",),
    "leaf": ("update ledger.events set leaf = sha256(leaf) where position = 100",),
    "check": ("update ledger.events set key_check = sha256(key_check) where position = 100",),
    "deleted": ("delete from ledger.events where position = 100",),
    "swapped": (
        "update ledger.events set position = 300000 where position = 100",
        "update ledger.events set position = 100 where position = 101",
        "update ledger.events set position = 101 where position = 300000",
    ),
    "put in": (
        AWAY,
        BACK.format(1),
        COPIED.format(150, 200),
    ),
    "closed up": ("delete from ledger.events where position = 199", AWAY, BACK.format(-1)),
    "tile": ("update proofs.tiles set hashes = set_byte(hashes, 0, get_byte(hashes, 0) # 1) where level = 0",),
    "guard": ("update ledger.records set student_id = minted where student_id <> minted",),
}
PLACES = {
    "stamp": 100,
    "body": 100,
    "leaf": 100,
    "check": 100,
    "deleted": 100,
    "swapped": 100,
    "put in": 200,
    "closed up": 199,
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_what_the_superuser_changes_is_found_and_placed(scene: Scene, forgery: str) -> None:
    command, owner = scene.forged(forgery.replace(" ", "_"), *FORGERIES[forgery])
    owner.close()
    done = command.run("verify", code=1)
    assert done.stdout.splitlines()[0] == "WRONG"
    assert not any(name in done.stdout + done.stderr for name in NAMES)
    told = json.loads(command.run("verify", "--json", code=1).stdout)
    assert (told["holds"], told["proven"]) == (False, []) or not told["holds"]
    if forgery in PLACES:
        assert told["wrong"]["position"] == PLACES[forgery], told


def test_the_tail_is_not_cut_off_unseen_and_a_receipt_finds_it_when_checkpoints_went_with_it(scene: Scene) -> None:
    to = scene.sizes[1] - 1
    command, owner = scene.forged("cut", *(statement.format(to) for statement in SHORTER))
    assert command.run("verify", code=1).stdout.startswith("WRONG")
    owner.execute("delete from proofs.checkpoints where log = 'ledger'")
    owner.execute("delete from proofs.tiles where log = 'ledger'")
    owner.execute("delete from proofs.head_pages where log = 'ledger'")
    owner.close()
    done = command.run("verify", "--receipt", scene.file("second.note", scene.receipts[1]), code=1)
    assert done.stdout.startswith("WRONG")


def test_a_log_written_anew_with_the_logs_own_key_is_found_by_a_receipt_alone(scene: Scene) -> None:
    last = "(select max(position) from ledger.events e where exists (select 1 from ledger.events f where f.stream = e.stream and f.version > e.version) and position < 250)"  # noqa: E501
    command, owner = scene.forged("anew")
    [found] = owner.execute(
        f"select position, {COLUMNS} from ledger.events where position = {last}".encode()
    ).fetchall()
    position, stream, version, topic, event_id, recorded_at, key_id, check, body, _ = found
    [[stamp]] = owner.execute(
        "select (extract(epoch from %s::timestamptz) * 1000000)::bigint", (recorded_at,)
    ).fetchall()
    words = [position.to_bytes(8), stream.encode(), version.to_bytes(8), topic.encode(), event_id.bytes]
    words += [stamp.to_bytes(8), key_id.bytes, own.sha(b"forged")]
    entry = b"\1" + b"".join(len(word).to_bytes(4) + word for word in words) + own.sha(bytes(body))
    del check
    owner.execute(
        "update ledger.events set key_check = %s, leaf = %s where position = %s",
        (own.sha(b"forged"), own.sha(b"\0", entry), position),
    )
    for table in ("checkpoints", "tiles", "head_pages"):
        owner.execute(f"delete from proofs.{table} where log = 'ledger'".encode())
    owner.execute("delete from vault.keys where key_id = %s", (key_id,))
    owner.close()
    (scene.folder / "elsewhere").mkdir()
    forger = command.but(signed=scene.folder / "elsewhere")
    forged = own.opened(forger.run("checkpoint").stdout, scene.key)
    assert forged is not None
    receipt = scene.file("second.note", scene.receipts[1])
    done = forger.run("verify", "--receipt", receipt, code=1)
    assert done.stdout.startswith("WRONG")
    assert forger.run("checkpoint", "--receipt", receipt, code=1).stdout == ""


def test_an_untouched_store_goes_on_from_both_receipts(scene: Scene) -> None:
    signed = scene.folder / "another host"
    signed.mkdir()
    command = scene.on(scene.copied(scene.base, "untouched"), signed=str(signed))
    receipts = [scene.file(f"{n}.note", note) for n, note in enumerate(scene.receipts)]
    words = [word for receipt in receipts for word in ("--receipt", receipt)]
    told = json.loads(command.run("verify", "--json", "--key", scene.key, *words).stdout)
    assert (told["holds"], told["wrong"]) == (True, None)
    other = scene.file("other.note", scene.receipts[0].replace(ORIGIN, "other.example.org"))
    assert command.run("verify", "--receipt", other, code=1).stdout.startswith("WRONG")


# -- witnesses, and an older copy of the database


def _witness(scene: Scene, asked: Asked, held: str, *words: object, code: int = 0) -> str:
    token = scene.file(f"{held}.token", asked.tokens["state_batch_submitter"])
    token.chmod(0o600)
    keys = ("--key", scene.key, "--key", scene.access_key, "--token", token)
    sign = ("--keep", scene.folder / held, "--sign", scene.folder / "witness.key")
    done = CommandLine().run("witness", asked.address, *keys, *sign, *words, code=code)
    return done.stdout + done.stderr


def test_a_witness_cosigns_what_it_accepts_and_alarms_at_an_older_database(scene: Scene, asked: Asked) -> None:
    assert "PROVEN" in _witness(scene, asked, "held")
    note = asked.get("/v1/ledger/checkpoint", cosigned="true").text
    cosigned = own.opened(note, scene.witness_key)
    assert cosigned is not None
    assert cosigned == own.opened(note, scene.key)
    assert "PROVEN" in _witness(scene, asked, "held"), "again, with nothing new: no alarm"
    before = asked.get("/v1/ledger/checkpoint").text
    # The service goes, an older copy of its database comes: the host remembers what it signed.
    url = scene.copied(scene.older, "restored")
    with serving(scene, database_url=url) as restored:
        path = "/v1/records/OR/FORK{}"
        for n in range(3):
            body = {"student": {}, "demographics": [{"first_name": NAMES[0], "last_name_1": NAMES[1]}]}
            token = {"Authorization": f"Bearer {restored.tokens['state_batch_submitter']}"}
            restored.client.put(path.format(n), json=body, headers=token)
        deadline = time.monotonic() + 30
        while not re.search(r"refusing_notaries\S* [1-9]", restored.client.get("/metrics").text):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert restored.get("/v1/ledger/checkpoint").text == scene.receipts[0], "it signs nothing shorter, nor beside"
        kept = (scene.folder / "held").rglob("*")
        bytes_kept = {file: file.read_bytes() for file in kept if file.is_file()}
        said = _witness(scene, restored, "held", code=1)
        assert "WRONG" in said
        assert not any(name in said for name in NAMES)
        assert {file: file.read_bytes() for file in bytes_kept} == bytes_kept, "what is held is replaced by nothing"
    forgetful = scene.on(url)
    done = forgetful.run("checkpoint", code=1)
    assert done.stdout == ""
    assert "signed" in done.stderr
    assert before.startswith(ORIGIN)


def test_a_witness_of_which_nobody_hears_knows_nothing(scene: Scene) -> None:
    token = scene.file("any.token", "x")
    token.chmod(0o600)
    words = ("--key", scene.key, "--token", token, "--keep", scene.folder / "unheard")
    done = CommandLine().run("witness", f"http://127.0.0.1:{free_port()}", *words, code=1)
    assert "UNKNOWN" in done.stdout


def test_a_witness_without_a_network_needs_a_proof(scene: Scene, asked: Asked) -> None:
    answer = asked.client.get(
        "/v1/proofs/consistency",
        params={"from": scene.sizes[0], "to": scene.sizes[1]},
        headers={"Authorization": f"Bearer {asked.tokens['auditor']}", "Accept": "text/plain"},
    )
    proof, note = scene.file("proof", answer.text), scene.file("second.note", scene.receipts[1])
    words = ("witness", note, "--key", scene.key, "--receipt", scene.file("first.note", scene.receipts[0]))
    assert "PROVEN" in CommandLine().run(*words, "--consistency", proof).stdout
    bad = scene.file("bad.proof", re.sub(r"\n.", "\n/", answer.text, count=1))
    assert "PROVEN" not in CommandLine().run(*words, "--consistency", bad, code=1).stdout
    assert "PROVEN" not in CommandLine().run(*words, code=1).stdout


def test_a_sheet_for_the_drawer_is_held_against_bundle_and_store(scene: Scene, verifier: Path) -> None:
    sheet = scene.file("sheet.txt", scene.command.run("checkpoint", "--sheet").stdout)
    assert "sojourn verify --receipt THIS-FILE BUNDLE.zip" in sheet.read_text(), "as the sheet itself says"
    later = scene.folder / "later.zip"
    scene.command.run("export", later, "--student", scene.student, "--receipt", sheet)
    refused = scene.command.run("export", scene.folder / "no.zip", "--log", "access", "--receipt", sheet, code=1)
    assert f"{ORIGIN}/access" in refused.stderr
    assert scene.command.run("verify", "--receipt", sheet, later).stdout.startswith("PROVEN")
    assert verified(verifier, later, "--receipt", sheet)[1].startswith("PROVEN")
    assert scene.command.run("verify", "--receipt", sheet).stdout.startswith("PROVEN")
    half = scene.file("half.txt", sheet.read_text().partition("-----END")[0])
    assert scene.command.run("verify", "--receipt", half, code=1).stdout.startswith("WRONG")
    assert verified(verifier, later, "--receipt", half)[0] == 1
