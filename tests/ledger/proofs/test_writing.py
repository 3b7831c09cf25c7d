"""Writing a bundle: it goes on after a crash, and takes nothing that does not belong together."""

from __future__ import annotations

import io
import random
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proofs import writing
from ledger.proofs.bundle import WHOLE_LOG, WHOLE_STREAMS, Manifest, bound, events_in, frame
from ledger.proofs.doubt import Doubt, Malformed
from ledger.proofs.verify import verify
from ledger.proofs.writing import BundleWriter
from ledger.store import canonical
from support.evidence import LOG_KEY, THIEF_KEY, bundle_of, sample_log, shown

GOLDEN = Path(__file__).parents[2] / "golden" / "evidence.zip"
KEY = LOG_KEY.verifier.text()
LOG = sample_log(40)


def finish(writer: BundleWriter, kind: str = WHOLE_LOG, key: str = KEY) -> Manifest:
    return writer.finish(kind=kind, checkpoint=LOG.checkpoint(), key=key, tiles=LOG.tiles())


def test_a_bundle_that_was_interrupted_anywhere_is_the_same_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "CHUNK_BYTES", 2_000)
    done = bundle_of(LOG, WHOLE_LOG)
    chance = random.Random(8)
    for cut in sorted(chance.sample(range(len(done)), 60)):
        file = io.BytesIO(done[:cut])
        writer = BundleWriter(file)
        writer.events(shown(LOG.events[writer.position :]))
        finish(writer)
        found = verify(io.BytesIO(file.getvalue()), key=KEY)
        assert found.holds, found.text()


def test_it_knows_what_is_in_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "CHUNK_BYTES", 1_000)

    def crashing():
        for number, event in enumerate(shown(LOG.events)):
            if number == 20:
                raise OSError("the disk is full")
            yield event

    file = io.BytesIO()
    writer = BundleWriter(file)
    with pytest.raises(OSError, match="full"):
        writer.events(crashing())
    assert 10 < writer.position < 20
    assert BundleWriter(file).position == writer.position


def test_the_chunks_stay_below_what_a_reader_takes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "CHUNK_BYTES", 1_000)
    file = io.BytesIO()
    writer = BundleWriter(file)
    writer.events(shown(LOG.events))
    manifest = finish(writer)
    sizes = [size for name, size, _ in manifest.members if name.startswith("events/")]
    assert len(sizes) > 5
    assert max(sizes) <= 1_000


def test_what_does_not_belong_together_is_not_written() -> None:
    for key, tiles in ((THIEF_KEY.verifier.text(), LOG.tiles()), (KEY, LOG.tiles(39)), ("x", LOG.tiles())):
        writer = BundleWriter(io.BytesIO())
        writer.events(shown(LOG.events))
        with pytest.raises(Doubt):
            writer.finish(kind=WHOLE_LOG, checkpoint=LOG.checkpoint(), key=key, tiles=tiles)


def test_a_key_that_is_not_the_events_own_is_not_handed_over() -> None:
    first, second = LOG.events[:2]
    writer = BundleWriter(io.BytesIO())
    writer.events([(first.entry, first.ciphertext, second.key)])
    with pytest.raises(Doubt, match="key"):
        finish(writer, WHOLE_STREAMS)


def test_an_event_comes_out_of_its_frame_as_it_went_in() -> None:
    for key in (None, LOG.events[0].key):
        e = LOG.events[0]
        (event,) = events_in(frame(e.entry, e.ciphertext, key))
        assert event[:5] == (1, b"record/0", 1, b"demographics_stated.v1", e.event_id)
        assert (event[8], event[9], event[10]) == (b"\x00" + e.entry, e.ciphertext, key or b"")


def test_the_form_of_a_bundle_never_changes() -> None:
    # Kept by states for years: a bundle of today must be proven by every later release, so it is made as it was.
    kept = GOLDEN.read_bytes()
    assert verify(io.BytesIO(kept), key=KEY).holds
    log = sample_log(6, streams=3)
    assert bundle_of(log, earlier=[log.checkpoint(4)]) == kept


numbers = st.integers(1, 2**63 - 1)
ids = st.binary(min_size=16, max_size=16)


@given(numbers, st.text(max_size=99), numbers, st.text(max_size=99), ids, st.integers(0, 2**57), ids, st.binary())
def test_whatever_the_store_can_write_is_read_the_same(
    position: int, stream: str, version: int, topic: str, event_id: bytes, at_us: int, key_id: bytes, sealed: bytes
) -> None:
    check = sha256(key_id).digest()
    entry = canonical.entry(position, stream, version, topic, event_id, at_us, key_id, check, sealed)
    (event,) = events_in(frame(entry, sealed))
    columns = position, stream.encode(), version, topic.encode(), event_id, at_us, check, sha256(sealed).digest()
    assert event == (*columns, b"\x00" + entry, sealed, b"")
    assert sha256(event[8]).digest() == canonical.leaf(entry)
    assert bound(event[1], event[3], event_id) == canonical.bound(stream, topic, event_id)


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_frame_that_is_cut_off_is_refused(cut: int) -> None:
    e = LOG.events[0]
    data = frame(e.entry, e.ciphertext, e.key)
    with pytest.raises(Malformed):
        list(events_in(data[: -cut * len(data) // 40]))
