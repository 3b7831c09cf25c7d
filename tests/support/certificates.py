"""Certificates of disposal as the service hands them out, over a small log made by hand; and what a forger makes.

Entries and ciphertexts come from the store's own code; who verifies them shares none of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec

from ledger.events import Event, Meta, Recorded
from ledger.events.retention import DisposalProposed, KeyDestroyed, ScheduleSet
from ledger.proofs.note import Checkpoint, Signer, sign_checkpoint
from ledger.proofs.tiles import Tile, Tiles
from ledger.proofs.tree import inclusion_proof, root_of
from ledger.retention import disposal
from ledger.retention.certificate import Certificate, Inclusion, certificate, excerpt, with_proofs
from ledger.retention.disposal import ApproveDisposal, ProposeDisposal
from ledger.retention.obstacles import Present
from ledger.retention.schedules import Schedules, fold, name_of
from ledger.store import canonical
from ledger.store.mapper import Body
from ledger.store.vault import seal
from support.evidence import LOG_KEY
from support.given_retention import ANA, BEN, DISPOSAL, given

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOON = datetime(2033, 6, 1, 12, tzinfo=UTC)


@dataclass
class RetentionLog:
    """Events of retention as the store writes them, a microsecond and an hour apart."""

    recorded: list[Recorded] = field(default_factory=list)
    shown: list[tuple[bytes, bytes, bytes]] = field(default_factory=list)
    signer: Signer = LOG_KEY

    def write(self, stream: str, event: Event, by: str = ANA) -> Recorded:
        position = len(self.recorded) + 1
        version = sum(one.stream == stream for one in self.recorded) + 1
        event_id, key = sha256(b"id %d" % position).digest()[:16], sha256(b"key %d" % position).digest()
        body = msgspec.json.encode(Body(actor=by, event=event, request="01990000-0000-7000-8000-00000000aaaa"))
        ciphertext = seal(key, body, canonical.bound(stream, event.topic, event_id))
        at = NOON + timedelta(hours=position, microseconds=position % 3)
        at_us = (at - EPOCH) // timedelta(microseconds=1)
        entry = canonical.entry(
            *(position, stream, version, event.topic, event_id, at_us),
            *(b"k" * 16, sha256(key).digest(), ciphertext),
        )
        self.shown.append((entry, ciphertext, key))
        self.recorded.append(
            Recorded(
                position=position,
                stream=stream,
                version=version,
                recorded_at=at,
                event_id=event_id.hex(),
                meta=Meta(actor=by),
                event=event,
            )
        )
        return self.recorded[-1]

    @property
    def leaves(self) -> list[bytes]:
        return [canonical.leaf(entry) for entry, _, _ in self.shown]

    def checkpoint(self, size: int | None = None) -> bytes:
        leaves = self.leaves[:size]
        return sign_checkpoint(
            Checkpoint(self.signer.verifier.name, len(leaves), root_of(b"".join(leaves))), self.signer
        )

    def proofs(self, known: Certificate) -> list[Inclusion]:
        leaves = self.leaves

        def fetch(wanted: Sequence[Tile]) -> list[bytes]:
            assert all(tile[:2] == (0, 0) for tile in wanted), "it is a small log"
            return [b"".join(leaves[: tile.width]) for tile in wanted]

        read, made = Tiles(len(leaves), fetch).read, list[Inclusion]()
        for position in known.positions:
            entry, ciphertext, key = self.shown[position - 1]
            path = inclusion_proof(position - 1, len(leaves), read)
            made.append(
                Inclusion(
                    position=position,
                    leaf=leaves[position - 1].hex(),
                    path=[one.hex() for one in path],
                    entry=entry.hex(),
                    ciphertext=ciphertext.hex(),
                    key=key.hex(),
                )
            )
        return made


def disposed(
    items: Sequence[Present],
    schedules: Sequence[ScheduleSet],
    gone: frozenset[str] = frozenset(),
    days: int | None = 35,
) -> tuple[RetentionLog, Certificate]:
    """A log in which these were disposed of, and the certificate of that, without proofs. gone: subjects that another
    disposal had destroyed."""
    log = RetentionLog()
    set_at: dict[str, int] = {}
    for one in schedules:
        set_at[name_of(one)] = log.write("retention/schedules", one).position
    said = given(disposal).when(ProposeDisposal(disposal=DISPOSAL, by=ANA, found=items)).after()
    proposed = log.write(f"retention/{DISPOSAL}", said.history[0])
    now = [msgspec.structs.replace(one, scope=None) if one.subject.id in gone else one for one in items]
    approved, *went = said.when(ApproveDisposal(by=BEN, found=now, backup_days=days)).events
    last = log.write(f"retention/{DISPOSAL}", approved, BEN)
    destroyed = [log.write(f"retention/{_subject(event)}", event, BEN) for event in went]
    log.write("retention/another", approved, BEN)
    return log, certificate(proposed, last, destroyed, fold(schedules, Schedules()), set_at)


def told(log: RetentionLog, known: Certificate, state: str | None = None) -> dict[str, Any]:
    """As it is handed out, as JSON tells it. state: of which alone."""
    made = with_proofs(known, log.checkpoint().decode(), log.proofs(known))
    if state is not None:
        asked = log.recorded[known.proposal - 1].event
        assert isinstance(asked, DisposalProposed)
        made = excerpt(made, asked, state)
    return msgspec.json.decode(msgspec.json.encode(made))


def places(said: Any, where: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to everything that a certificate says which has nothing within."""
    if isinstance(said, dict | list) and said:
        pairs = said.items() if isinstance(said, dict) else enumerate(said)
        for name, inside in pairs:
            yield from places(inside, (*where, name))
    else:
        yield where


def _subject(event: Event) -> str:
    assert isinstance(event, KeyDestroyed)
    return event.record or event.account or ""
