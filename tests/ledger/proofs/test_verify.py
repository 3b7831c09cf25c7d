"""The verifier: what it proves of an honest bundle, and that nobody can change, leave out or add anything."""

from __future__ import annotations

import io
import random
from functools import cache

import pytest

from ledger.proofs.bundle import SOME_EVENTS, WHOLE_LOG, WHOLE_STREAMS, events_in, frame
from ledger.proofs.doubt import Doubt
from ledger.proofs.note import COSIGNATURE, Signer, cosign
from ledger.proofs.tiles import level_above
from ledger.proofs.tree import consistency_proof
from ledger.proofs.verify import Verdict, verify
from support.evidence import (
    LOG_KEY,
    THIEF_KEY,
    SampleLog,
    bundle_of,
    bundles,
    forged,
    member,
    sample_log,
)

KEY = LOG_KEY.verifier.text()
KINDS = (WHOLE_LOG, WHOLE_STREAMS, SOME_EVENTS)
LOG = sample_log()


@cache
def honest(kind: str) -> bytes:
    return bundles(LOG)[kind]


def verdict(bundle: bytes, key: str | None = KEY, **more) -> Verdict:
    return verify(io.BytesIO(bundle), key=key, **more)


def wrong(bundle: bytes, key: str | None = KEY, **more) -> Doubt:
    found = verdict(bundle, key, **more)
    assert not found.holds
    assert found.wrong is not None
    assert not found.proven
    return found.wrong


# -- honest bundles


@pytest.mark.parametrize("kind", KINDS)
def test_an_honest_bundle_is_proven(kind: str) -> None:
    found = verdict(honest(kind))
    assert found.holds, found.text()
    assert "key that was named" in found.proven[0]
    assert found.text().startswith("PROVEN\n")
    assert found.told()["wrong"] is None


def test_it_says_by_what_it_is_whole() -> None:
    assert any("all events of the log" in line for line in verdict(honest(WHOLE_LOG)).proven)
    streams = verdict(honest(WHOLE_STREAMS))
    assert any("root of stream heads only" in line for line in streams.proven)
    assert any("only the whole log" in line for line in streams.unproven)
    some = verdict(honest(SOME_EVENTS))
    assert any("nothing was left out" in line for line in some.unproven)
    assert not any("left out" in line for line in some.proven)


def test_it_says_when_the_key_is_the_bundles_own() -> None:
    found = verdict(honest(WHOLE_LOG), key=None)
    assert found.holds
    assert "the bundle itself names" in found.proven[0]
    assert KEY in found.unproven[0]


def test_it_counts_the_bodies_that_open_and_those_that_are_sealed() -> None:
    assert any(line.startswith("30 bodies open") for line in verdict(honest(WHOLE_LOG)).proven)
    assert any("What 5 events say" in line for line in verdict(honest(SOME_EVENTS)).unproven)


@pytest.mark.parametrize("count", [0, 1, 2, 255, 256, 257, 600])
def test_a_log_of_any_size_is_proven(count: int) -> None:
    log = sample_log(count)
    found = verdict(bundle_of(log, WHOLE_LOG, keys=False))
    assert found.holds, found.text()
    found = verdict(bundle_of(log))
    assert found.holds, found.text()


def test_a_stream_without_events_is_proven_to_have_none() -> None:
    found = verdict(bundle_of(LOG, streams=["record/404"]))
    assert found.holds
    assert any("1 of them without events" in line for line in found.proven)


def test_a_log_whose_checkpoint_tells_no_heads_says_so() -> None:
    bare = LOG.checkpoint(with_heads=False)
    found = verdict(bundle_of(LOG, WHOLE_LOG, checkpoint=bare))
    assert found.holds
    assert any("tells no root" in line for line in found.unproven)
    assert "no root of stream heads" in wrong(bundle_of(LOG, checkpoint=bare)).what


# -- any byte


@pytest.mark.parametrize("kind", KINDS)
def test_each_byte_counts(kind: str) -> None:
    # Small, since each byte makes a bundle: four events, and every kind of member.
    log = sample_log(4, streams=3)
    bundle = bundle_of(log, kind, events=log.events if kind == SOME_EVENTS else None, earlier=[log.checkpoint(3)])
    assert verdict(bundle).holds
    chance = random.Random(8)
    for at in range(len(bundle)):
        changed = bytearray(bundle)
        changed[at] ^= 1 << chance.randrange(8)
        assert not verdict(bytes(changed)).holds, f"byte {at} of {len(bundle)}"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_cut_off_or_goes_on_is_refused(kind: str) -> None:
    bundle = honest(kind)
    for length in (*range(0, len(bundle), 97), len(bundle) - 1):
        assert not verdict(bundle[:length]).holds
    for longer in (bundle + b"\x00", b"\x00" + bundle, bundle + bundle):
        assert not verdict(longer).holds


# -- a forger, who makes directory, manifest and index fit


@pytest.mark.parametrize("kind", KINDS)
def test_no_event_can_be_left_out(kind: str) -> None:
    events = [e for e in LOG.events if kind == WHOLE_LOG or e.stream in ("record/0", "record/1")]
    if kind == SOME_EVENTS:
        return
    for left_out in range(len(events)):
        rest = events[:left_out] + events[left_out + 1 :]
        doubt = wrong(bundle_of(LOG, kind, events=rest))
        missing = events[left_out]
        if kind == WHOLE_LOG:
            assert doubt.position == missing.position
        else:
            assert missing.stream in doubt.what
            assert f"version {missing.version}" == doubt.expected


def test_no_event_can_be_put_in() -> None:
    stranger = SampleLog(list(LOG.events[:4])).write("record/0", "made up")
    for kind in (WHOLE_LOG, WHOLE_STREAMS):
        events = [e for e in LOG.events if kind == WHOLE_LOG or e.stream in ("record/0", "record/1")]
        at = next(i for i, e in enumerate(events) if e.position > 5)
        doubt = wrong(bundle_of(LOG, kind, events=[*events[:at], stranger, *events[at:]]))
        assert doubt.position == (6 if kind == WHOLE_LOG else 5)
        assert doubt.event == stranger.event_id.hex()
    with_another_stream = [e for e in LOG.events if e.stream in ("record/0", "record/1", "record/4")]
    assert "does not name" in wrong(bundle_of(LOG, events=with_another_stream)).what


def test_events_cannot_change_places() -> None:
    swapped = [*LOG.events[:6], LOG.events[7], LOG.events[6], *LOG.events[8:]]
    assert wrong(bundle_of(LOG, WHOLE_LOG, events=swapped)).position == 7
    some = [LOG.events[9], LOG.events[3]]
    assert "out of order" in wrong(bundle_of(LOG, SOME_EVENTS, events=some)).what


@pytest.mark.parametrize("kind", [WHOLE_LOG, SOME_EVENTS])
def test_an_event_that_says_something_else_is_named(kind: str) -> None:
    other = SampleLog(list(LOG.events[:11])).write(LOG.events[11].stream, "something else")
    events = [*LOG.events[:11], other, *LOG.events[12:]]
    doubt = wrong(bundle_of(LOG, kind, events=events))
    assert (doubt.position, doubt.event) == (12, other.event_id.hex())
    assert doubt.expected
    assert doubt.found != doubt.expected
    assert "WRONG" in verdict(bundle_of(LOG, kind, events=events)).text()


def test_a_ciphertext_or_a_key_of_another_event_is_named() -> None:
    first, second = LOG.events[4], LOG.events[9]
    data = member(honest(WHOLE_LOG), "events/00000000.bin")
    for lie, what in (
        (frame(first.entry, second.ciphertext, first.key), "sealed body"),
        (frame(first.entry, first.ciphertext, second.key), "key that was handed over"),
    ):
        changed = data.replace(frame(first.entry, first.ciphertext, first.key), lie)
        doubt = wrong(forged(honest(WHOLE_LOG), {"events/00000000.bin": changed}))
        assert (doubt.position, doubt.event) == (5, first.event_id.hex())
        assert what in doubt.what


def test_a_leaf_hash_that_was_changed_too_leaves_the_tile_it_is_in() -> None:
    log = sample_log(1_000)
    bundle = bundle_of(log, WHOLE_LOG, keys=False)
    tiles = bytearray(member(bundle, "tiles/0.bin"))
    tiles[32 * 300] ^= 1
    doubt = wrong(forged(bundle, {"tiles/0.bin": bytes(tiles)}))
    assert "257 to 512" in doubt.what
    tiles[32 * 999] ^= 1
    assert "not the log that was signed" in wrong(forged(bundle, {"tiles/0.bin": bytes(tiles)})).what


@pytest.mark.parametrize("name", ["inclusion.bin", "heads.bin", "index.txt", "earlier/0000000000000000008.proof"])
def test_a_member_that_is_longer_shorter_or_empty_is_refused(name: str) -> None:
    data = member(honest(WHOLE_STREAMS), name)
    for other in (b"", data[:-1], data[:-32], data + b"\x00", data + data[-32:]):
        wrong(forged(honest(WHOLE_STREAMS), {name: other}))


def test_a_stream_that_is_shown_as_absent_or_shorter_is_refused() -> None:
    shorter = [e for e in LOG.events[:20] if e.stream in ("record/0", "record/1")]
    assert "not whole" in wrong(bundle_of(LOG, events=shorter)).what
    older = bundle_of(LOG, size=20)
    heads = member(older, "heads.bin")
    wrong(forged(bundle_of(LOG, events=shorter), {"heads.bin": heads}))


def test_heads_that_do_not_follow_from_the_log_are_found_in_the_whole_log() -> None:
    lie = LOG.checkpoint(heads=b"h" * 32)
    doubt = wrong(bundle_of(LOG, WHOLE_LOG, checkpoint=lie))
    assert "heads does not follow" in doubt.what
    assert doubt.expected == (b"h" * 32).hex()


def test_numbers_that_the_events_do_not_bear_out_are_refused() -> None:
    for numbers in ({"events": 31}, {"streams": 6}, {"size": 31}, {"size": 29}):
        wrong(forged(honest(WHOLE_LOG), {}, numbers=numbers))


def test_a_log_that_breaks_its_own_rules_is_refused_though_it_is_signed() -> None:
    gap, back, twice = sample_log(10), sample_log(10), sample_log(10)
    gap.write("record/0", "later", version=9)
    back.write("record/0", "earlier", at_us=1)
    twice.write("record/1", "again", version=1)
    for log, what in ((gap, "gap"), (back, "recorded before"), (twice, "gap")):
        for kind in (WHOLE_LOG, WHOLE_STREAMS):
            doubt = wrong(bundle_of(log, kind))
            assert what in doubt.what
            assert doubt.position == 11


# -- keys, receipts, witnesses


def test_another_key_than_the_one_named_has_not_signed() -> None:
    stolen = SampleLog(list(LOG.events), THIEF_KEY)
    assert verdict(bundle_of(stolen), key=None).holds
    assert "key" in wrong(bundle_of(stolen)).what
    other_log = SampleLog(list(LOG.events), Signer.of("other.example.org", b"o" * 32))
    wrong(bundle_of(other_log))
    for key in ("", "x", KEY[:-4], Signer.of("w", b"w" * 32, COSIGNATURE).verifier.text()):
        wrong(honest(WHOLE_LOG), key=key)


@pytest.mark.parametrize("size", [0, 1, 8, 21, 30])
def test_a_receipt_from_before_is_proven(size: int) -> None:
    for kind in (WHOLE_LOG, WHOLE_STREAMS):
        found = verdict(honest(kind), receipts=[LOG.checkpoint(size)])
        assert found.holds, found.text()
        assert any(f"receipt at {size} events" in line for line in found.proven)


def test_a_receipt_that_the_bundle_holds_no_proof_for_is_a_doubt_until_the_proof_comes() -> None:
    receipt = LOG.checkpoint(13)
    assert verdict(honest(WHOLE_LOG), receipts=[receipt]).holds
    assert "no proof from the receipt's 13" in wrong(honest(WHOLE_STREAMS), receipts=[receipt]).what
    proof = consistency_proof(13, 30, LOG.tiles().read)
    assert verdict(honest(WHOLE_STREAMS), receipts=[receipt], consistency={13: proof}).holds
    wrong(honest(WHOLE_STREAMS), receipts=[receipt], consistency={13: proof[:-1]})


def test_a_receipt_that_is_ahead_of_the_bundle_needs_the_proof_between() -> None:
    older, receipt = bundle_of(LOG, size=20), LOG.checkpoint()
    wrong(older, receipts=[receipt])
    proof = consistency_proof(20, 30, LOG.tiles().read)
    assert verdict(older, receipts=[receipt], consistency={30: proof}).holds


def test_a_log_that_was_written_anew_does_not_go_on_from_a_receipt() -> None:
    receipt = LOG.checkpoint(21)
    anew = sample_log(3)
    for number in range(30):
        anew.write(f"record/{number % 5}", "another story")
    for kind in (WHOLE_LOG, WHOLE_STREAMS):
        bundle = bundle_of(anew, kind, earlier=[anew.checkpoint(21)] if kind == WHOLE_STREAMS else ())
        assert verdict(bundle).holds
        doubt = wrong(bundle, receipts=[receipt])
        assert "begins with" in doubt.what
        assert doubt.expected
    for garbage in (b"", receipt[:-1], receipt.replace(b"21", b"22"), honest(WHOLE_LOG)):
        wrong(honest(WHOLE_LOG), receipts=[garbage])


@pytest.mark.parametrize("kind", [WHOLE_LOG, WHOLE_STREAMS])
def test_other_heads_than_the_receipt_of_the_same_size_tells_are_a_doubt(kind: str) -> None:
    assert verdict(honest(kind), receipts=[LOG.checkpoint()]).holds
    assert verdict(honest(kind), receipts=[LOG.checkpoint(with_heads=False)]).holds
    doubt = wrong(honest(kind), receipts=[LOG.checkpoint(heads=b"h" * 32)])
    assert doubt.what == "Of 30 events two roots of stream heads were signed."


def test_tiles_that_were_kept_place_the_change() -> None:
    log, anew = sample_log(1_000), sample_log(700)
    for number in range(300):
        anew.write(f"record/{number % 5}", "another story")
    bundle = bundle_of(anew, WHOLE_LOG, keys=False)
    assert verdict(bundle).holds
    leaves = log.leaves()
    assert wrong(bundle, kept={0: leaves}).position == 701
    doubt = wrong(bundle, kept={1: level_above(leaves)})
    assert "513 to 768" in doubt.what
    assert verdict(bundle, kept={0: leaves[: 700 * 32], 1: level_above(leaves)[:64]}).holds
    shorter = bundle_of(sample_log(600), WHOLE_LOG, keys=False)
    assert "shorter" in wrong(shorter, kept={0: leaves[: 700 * 32]}).what
    wrong(shorter, kept={0: b"x"})
    wrong(honest(WHOLE_STREAMS), kept={0: leaves})


def test_witnesses_that_are_named_must_have_cosigned() -> None:
    witness = Signer.of("oregon.example.org", b"w" * 32, COSIGNATURE)
    key = witness.verifier.text()
    assert "oregon" in wrong(honest(WHOLE_STREAMS), witnesses=[key]).what
    cosigned = bundle_of(LOG, checkpoint=cosign(LOG.checkpoint(), witness, 1_700_000_000))
    found = verdict(cosigned, witnesses=[key])
    assert found.holds
    assert any("oregon.example.org has cosigned" in line and "2023-11-14T22:13:20" in line for line in found.proven)
    wrong(cosigned, witnesses=[key, key])


# -- hostile files


@pytest.mark.parametrize("data", [b"", b"PK\x05\x06" + bytes(18), b"x" * 1_000, b"PK" * 500, bytes(22)])
def test_what_is_no_bundle_gets_a_plain_verdict(data: bytes) -> None:
    assert wrong(data).what


@pytest.mark.parametrize(
    "manifest",
    [b"", b"{}", b"[]", b"null", b"[" * 50_000, b"\xff", b'{"members": 3}', b'{"members": [3]}', b"9" * 10_000],
)
def test_a_manifest_that_is_none_gets_a_plain_verdict(manifest: bytes) -> None:
    assert "manifest.json" in wrong(forged(honest(WHOLE_LOG), {"manifest.json": manifest})).what


def test_lengths_that_lie_are_found_at_their_event() -> None:
    data = member(honest(WHOLE_LOG), "events/00000000.bin")
    starts = [0]
    for event in events_in(data):
        starts.append(starts[-1] + 8 + len(event[8]) - 1 + len(event[9]) + len(event[10]))
    for number in (0, 7, 29):
        for at in range(8):
            changed = bytearray(data)
            changed[starts[number] + at] ^= 0x80
            assert wrong(forged(honest(WHOLE_LOG), {"events/00000000.bin": bytes(changed)})).position == number + 1


def test_the_index_shows_what_was_said_and_nothing_that_moves_a_cursor() -> None:
    log = SampleLog()
    log.write("record/0", "Begoña \u202egnp.exe \x1b[31m\u2028")
    text = member(bundle_of(log, streams=["record/0"]), "index.txt").decode()
    assert "Begoña \\u202egnp.exe" in text
    assert not any(c in text for c in "\u202e\x1b\u2028")
    assert "1  2023-11-14T22:13:20.000001Z  record/0  version 1  demographics_stated.v1" in text


def test_a_verdict_moves_no_cursor_and_tells_nothing_of_a_child() -> None:
    log = sample_log(3)
    log.write("record/\x1b[2J\u202e", "Begoña", version=7)
    bundle = bundle_of(log, SOME_EVENTS, events=log.events)
    assert verdict(bundle).holds
    told = verdict(bundle_of(log, WHOLE_LOG)).text()
    assert "record/\\u001b[2J\\u202e has a gap" in told
    assert not any(c in told for c in "\x1b\u202e")
    index = member(bundle, "index.txt").replace("Begoña".encode(), b"Another")
    assert "Begoña" not in verdict(forged(bundle, {"index.txt": index})).text()
    assert "index.txt" in wrong(forged(bundle, {"index.txt": index})).what
