"""Checkpoints, tiles and proofs over HTTP: what is answered proves what the log holds; what cannot be is refused."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from api.services import Services
from ledger.access import ROLES
from ledger.application import Ledger
from ledger.proofs.log_keys import parse_keys
from ledger.proofs.note import COSIGNATURE, Signer, cosign, open_checkpoint, split
from ledger.proofs.sparse import HeadProof, verify_head
from ledger.proofs.tiles import parse_path, tiles_between
from ledger.proofs.tree import root_of, verify_consistency, verify_inclusion
from ledger.proofs.verify import parse_consistency
from ledger.reactors.notary import Notary
from ledger.store.database import Database
from ledger.store.log import LOGS
from support.notarized import KEY, filled, heads_of, leaves_of

KEYS = parse_keys([KEY.text()], "ledger")
WITNESS = Signer.of("oregon.example.org", b"w" * 32, COSIGNATURE)
STRANGER = Signer.of("nobody.example.org", b"s" * 32, COSIGNATURE)
SIZES = (256, 700)
TEXT = {"Content-Type": "text/plain; charset=utf-8"}


@pytest.fixture
def signed(oregon: TestClient, database: Database, ledger: Ledger) -> TestClient:
    """Checkpoints of 256 and of 700 events; two hundred more that none covers."""
    before = 0
    for seed, size in enumerate(SIZES):
        filled(ledger, size - before, seed)
        Notary(database, "ledger", KEYS).sign()
        before = size
    filled(ledger, 200, 9)
    return oregon


@pytest.fixture
def auditor(make_token: Callable[..., str]) -> dict[str, str]:
    """The headers of one who may ask how a stream ends."""
    return {"Authorization": f"Bearer {make_token(role='auditor', state=None)}"}


def decoded(answer: dict[str, Any]) -> list[bytes]:
    return [b64decode(text) for text in answer["hashes"]]


def test_the_checkpoint_is_the_last_that_was_signed(signed: TestClient, database: Database) -> None:
    answer = signed.get("/v1/ledger/checkpoint")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    checkpoint, _ = open_checkpoint(answer.content, KEY.verifier)
    assert (checkpoint.size, checkpoint.root) == (700, root_of(b"".join(leaves_of(database)[:700])))
    first, _ = open_checkpoint(signed.get("/v1/ledger/checkpoint?size=256").content, KEY.verifier)
    assert first.size == 256


def test_the_tiles_of_the_tree_are_answered_and_the_full_ones_for_ever(signed: TestClient, database: Database) -> None:
    leaves = b"".join(leaves_of(database)[:700])
    for tile in tiles_between(0, 700):
        answer = signed.get(f"/v1/ledger/{tile.path()}")
        assert (answer.status_code, len(answer.content)) == (200, tile.width * 32), tile
        assert ("immutable" in answer.headers["cache-control"]) is (tile.width == 256)
        if tile.level == 0:
            assert answer.content == leaves[tile.number * 8192 :][: tile.width * 32]


def test_a_partial_tile_is_answered_at_every_width_that_it_had(signed: TestClient, database: Database) -> None:
    leaves = leaves_of(database)
    assert signed.get("/v1/ledger/tile/0/002.p/3").content == b"".join(leaves[512:515])
    assert signed.get("/v1/ledger/tile/0/000.p/255").content == b"".join(leaves[:255])


def test_a_tile_that_the_tree_has_not_got_is_not_found(signed: TestClient) -> None:
    too_far = ["0/002", "0/002.p/189", "0/003", "1/000", "2/000.p/1"]
    for path in [*too_far, "entries/000", "0/000.p/256", "0/0", "x", "00/000"]:
        answer = signed.get(f"/v1/ledger/tile/{path}")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json"), path


def test_an_event_is_proven_to_be_in_the_log(signed: TestClient, database: Database) -> None:
    leaves = leaves_of(database)
    for position in (1, 2, 255, 256, 257, 512, 699, 700):
        answer = signed.get(f"/v1/proofs/inclusion?log=ledger&position={position}").json()
        checkpoint, _ = open_checkpoint(answer["checkpoint"].encode(), KEY.verifier)
        leaf = leaves[position - 1]
        assert b64decode(answer["leaf"]) == leaf
        verify_inclusion(position - 1, checkpoint.size, leaf, decoded(answer), checkpoint.root)


def test_a_checkpoint_is_proven_to_go_on_from_an_earlier_one(signed: TestClient) -> None:
    notes = [signed.get(f"/v1/ledger/checkpoint?size={size}").content for size in SIZES]
    old, new = (open_checkpoint(note, KEY.verifier)[0] for note in notes)
    answer = signed.get("/v1/proofs/consistency?from=256&to=700")
    verify_consistency(old.size, new.size, old.root, new.root, decoded(answer.json()))
    text = signed.get("/v1/proofs/consistency?from=256", headers={"Accept": "text/plain"}).content
    assert parse_consistency(text) == (256, decoded(answer.json()))


def test_a_stream_is_proven_to_end_where_it_ended_at_the_checkpoint(
    signed: TestClient, database: Database, auditor: dict[str, str]
) -> None:
    note = signed.get("/v1/ledger/checkpoint").content
    root = open_checkpoint(note, KEY.verifier)[0].heads()
    assert root is not None
    with psycopg.connect(database.admin, autocommit=True) as admin:
        admin.execute("set session_replication_role = replica")
        admin.execute("delete from ledger.events where position > 700")
    heads = heads_of(database)
    for stream in [*list(heads)[:20], "record/nobody", "Ñandú/✓"]:
        answer = signed.get("/v1/proofs/head", params={"stream": stream}, headers=auditor).json()
        proof = HeadProof.parse(b64decode(answer["proof"]))
        expected = heads.get(stream)
        assert answer["version"] == (expected.version if expected else 0)
        assert answer["leaf"] is None or b64decode(answer["leaf"]) == expected.leaf  # type: ignore[union-attr]
        verify_head(stream, expected, proof, root)


@pytest.mark.parametrize("log", LOGS)
def test_how_often_a_child_was_shown_or_spoken_of_is_told_to_auditors_and_privacy_officers_alone(
    signed: TestClient, make_token: Callable[..., str], log: str
) -> None:
    for role in ROLES:
        state = None if role in {"auditor", "privacy_officer"} else "OR"
        asked = {"Authorization": f"Bearer {make_token(role=role, state=state)}"}
        path = f"/v1/proofs/head?log={log}&stream=disclosure/0192f8e0-0b5e-7cc3-98c4-dc0c0c07398f"
        answer = signed.get(path, headers=asked)
        # Of the access log nothing was signed here: who may ask is told so.
        assert (answer.status_code != 403) is (state is None), role
        assert answer.status_code in {200, 403, 404}, answer.text


REFUSED = [
    ("inclusion?position=701", 404),
    ("inclusion?position=300&size=256", 404),
    ("inclusion?position=1&size=900", 404),
    ("inclusion?position=0", 422),
    ("inclusion?position=-1", 422),
    ("inclusion?position=9223372036854775808", 422),
    ("inclusion?position=1&position=2", 422),
    ("inclusion", 422),
    ("inclusion?position=1&log=vault", 422),
    ("inclusion?position=1&index=2", 422),
    ("consistency?from=700&to=256", 422),
    ("consistency?from=256&to=701", 404),
    ("consistency?from=701", 404),
    ("consistency?to=700", 422),
    ("head?stream=", 422),
    ("head?stream=a%00b", 422),
    (f"head?stream={'x' * 201}", 422),
]


def test_what_cannot_be_proven_is_refused_plainly(signed: TestClient, auditor: dict[str, str]) -> None:
    for path, status in REFUSED:
        answer = signed.get(f"/v1/proofs/{path}", headers=auditor)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), path
        assert answer.json()["detail"]


def test_a_position_beyond_the_checkpoint_says_how_far_that_goes(signed: TestClient) -> None:
    assert signed.get("/v1/proofs/inclusion?position=701").json()["size"] == 700


def test_before_anything_was_signed_nothing_is_found(oregon: TestClient) -> None:
    for path in ("ledger/checkpoint", "access/checkpoint", "ledger/tile/0/000", "proofs/inclusion?position=1"):
        assert oregon.get(f"/v1/{path}").status_code == 404, path


def test_what_no_longer_fits_what_was_signed_is_not_answered(signed: TestClient, database: Database) -> None:
    with psycopg.connect(database.admin, autocommit=True) as admin:
        admin.execute("update proofs.tiles set hashes = set_byte(hashes, 5, 1 # get_byte(hashes, 5))")
    for path in ("inclusion?position=600", "consistency?from=256"):
        answer = signed.get(f"/v1/proofs/{path}")
        assert (answer.status_code, answer.json()["type"]) == (500, "/problems/log-broken"), path


def test_a_page_of_heads_that_was_changed_proves_nothing(
    signed: TestClient, database: Database, auditor: dict[str, str]
) -> None:
    (stream, *_), *_ = [list(heads_of(database))]
    with psycopg.connect(database.admin, autocommit=True) as admin:
        admin.execute("update proofs.head_pages set page = set_byte(page, 40, 1 # get_byte(page, 40))")
    answer = signed.get("/v1/proofs/head", params={"stream": stream}, headers=auditor)
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/log-broken")


# -- witnesses


def test_a_registered_witness_s_cosignature_stands_below_the_checkpoint(signed: TestClient, services: Services) -> None:
    services.witnesses = [WITNESS.verifier]
    note = signed.get("/v1/ledger/checkpoint").content
    assert signed.get("/v1/ledger/checkpoint?cosigned=true").status_code == 404
    sent = cosign(note, WITNESS, 1_756_800_000)
    answers = [signed.post("/v1/ledger/cosignatures", content=sent, headers=TEXT) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    latest = signed.get("/v1/ledger/checkpoint").content
    assert (
        latest == answers[0].content == answers[1].content == signed.get("/v1/ledger/checkpoint?cosigned=true").content
    )
    both = signed.get("/v1/ledger/checkpoint?cosigned=true&size=256")
    assert (both.status_code, "send one of the two" in both.text) == (422, True)
    assert signed.get("/v1/ledger/checkpoint?cosigned=false&size=256").status_code == 200
    _, opened = open_checkpoint(latest, KEY.verifier, [WITNESS.verifier])
    assert [s.at for s in opened.signed] == [None, 1_756_800_000]
    assert len(split(latest)[1]) == 2


def test_no_other_s_cosignature_is_taken(signed: TestClient, services: Services) -> None:
    note = signed.get("/v1/ledger/checkpoint").content
    forged = cosign(note, WITNESS, 1_756_800_000).replace(b"\n700\n", b"\n701\n")
    other = cosign(signed.get("/v1/ledger/checkpoint?size=256").content, WITNESS, 5).replace(b"heads", b"Heads")
    for witnesses, sent in (
        ([], cosign(note, WITNESS, 5)),
        ([WITNESS.verifier], cosign(note, STRANGER, 5)),
        ([WITNESS.verifier], forged),
        ([WITNESS.verifier], other),
        ([WITNESS.verifier], note),
        ([WITNESS.verifier], b"nonsense"),
    ):
        services.witnesses = witnesses
        answer = signed.post("/v1/ledger/cosignatures", content=sent, headers=TEXT)
        assert answer.status_code == 422, answer.text
    services.witnesses = [WITNESS.verifier]
    answer = signed.post("/v1/access/cosignatures", content=cosign(note, WITNESS, 5), headers=TEXT)
    assert answer.status_code == 422, "a checkpoint of another log"
    assert signed.get("/v1/ledger/checkpoint").content == note


def test_paths_are_those_of_tlog_tiles() -> None:
    assert parse_path("tile/0/x001/234.p/5").number == 1_234


def test_how_far_each_log_is_signed_is_told(signed: TestClient) -> None:
    told = signed.get("/metrics").text
    for line in (
        'checkpoint_size_events{log="ledger"} 700.0',
        'checkpoint_lag_events{log="ledger"} 200.0',
        'checkpoint_lag_events{log="access"} 0.0',
        "checkpoint_timestamp_seconds{",
    ):
        assert line in told, line
    assert 'checkpoint_size_events{log="access"}' not in told, "of which nothing was signed"
