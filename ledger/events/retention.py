"""Events of retention: how long what is kept, what is held, what went, by whose word. Sealed under the ledger's key.

Bodies hold ids, codes, counts and days, and stay when what they speak of is gone: they are what the proof of its going
rests on. So nothing of a child stands in them, nor the id that a state has for it; what a person wrote of one is a
sealed field, which goes with what it is about. In clear are the authority of a schedule, which is a citation, and the
reason of a hold over a state or everything, which is about nobody.

Streams: ``retention/schedules`` for all schedules; ``retention/<uuid>`` for a hold or a disposal by its own id, for
keys that were destroyed by the id of the record or account whose they were, of a submission by the key's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import msgspec

from ledger.events.base import Event, Sealed
from ledger.events.linkage import Anchor


class After(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A time to wait. since: what it counts from, of ``ledger.retention.schedules.Since``. years: whole ones."""

    since: str
    years: int


class ScheduleSet(Event, frozen=True, kw_only=True):
    """How long a class of record is kept from now on; replaces the one before for this class and state.

    record_class: ``education``, ``eligibility`` or ``access``. state: whose records, None for the nation's where a
    state has set none. number: counted from 1 within class and state; the three name the schedule. after: times that
    must all be over before anything falls due; none of them: it never does. authority: by which rule, as the operator
    cites it. by: who set it.
    """

    topic: ClassVar[str] = "schedule-set.v1"

    record_class: str
    number: int
    after: list[After]
    authority: str
    by: str
    state: str | None = None


class OverRecords(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag="records"):
    """A hold over these records, and over each that is one student with one of them as long as it is."""

    records: list[Anchor]


class OverAccount(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag="account"):
    """A hold over the papers of one account, by uuid."""

    account: str


class OverState(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag="state"):
    """A hold over all that is a state's: its records, its people's accounts, its submissions."""

    state: str


class OverAll(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag="all"):
    """A hold over everything."""


Over = OverRecords | OverAccount | OverState | OverAll


class Reasoned(Event, frozen=True, kw_only=True):
    """Base of what a person gives a reason for. reason: as text it is decided or opened; stored it is sealed under the
    education key of the first record that is meant and was there still, or the access key of an account; in clear where
    neither is. None where its key is gone."""

    reason: str | Sealed | None = None

    def with_sealed(self, fields: Mapping[str, Sealed]) -> Self:
        """Raises KeyError for any field but ``reason``."""
        for name in fields:
            if name != "reason":
                raise KeyError(f"{self.topic} has no sealed field {name}")
        return msgspec.structs.replace(self, reason=fields["reason"]) if fields else self


class HoldPlaced(Reasoned, frozen=True, kw_only=True):
    """Nothing of this is destroyed while the hold holds, whatever a schedule says.

    hold: uuid. kind: ``legal`` or ``request`` (somebody has asked to see or correct a record, 34 CFR 99.10(e)). over:
    what is held. until: last day, ISO 8601, in the zone of whatever is held; None until it is released. by: who.
    """

    topic: ClassVar[str] = "hold-placed.v1"

    hold: str
    kind: str
    over: Over
    by: str
    until: str | None = None


class HoldReleased(Reasoned, frozen=True, kw_only=True):
    """The hold holds no more. by: who released it."""

    topic: ClassVar[str] = "hold-released.v1"

    hold: str
    by: str


class Key(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A key of the vault. id: 32 hexadecimal digits. subject, key_class: whose, as in the vault."""

    id: str
    subject: str
    key_class: str


class Scope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Exactly what goes of one record or account, and what was there when that was found.

    record_class: that is destroyed. subject: uuid of the record or account. keys: that go, and nothing opens that they
    sealed. state: whose it is, None of an account of the nation. student_id: that the record minted. student: uuids of
    all records that are one student with it, it and destroyed ones among them. version: events in its stream. events:
    class of key to how many events that key seals. attachments, cases: uuids of papers and closed cases that go with
    it.
    """

    record_class: str
    subject: str
    keys: list[Key]
    version: int
    state: str | None = None
    student_id: str | None = None
    student: list[str] = []
    events: dict[str, int] = {}
    attachments: list[str] = []
    cases: list[str] = []


class Item(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One record or account of a disposal. schedule: by which it is due; since when is not kept, for a birth date
    would follow from that."""

    scope: Scope
    schedule: str


class DisposalProposed(Event, frozen=True, kw_only=True):
    """Somebody would destroy these. Nothing goes before another person approves exactly that. disposal: uuid."""

    topic: ClassVar[str] = "disposal-proposed.v1"

    disposal: str
    items: list[Item]
    by: str


class DisposalApproved(Event, frozen=True, kw_only=True):
    """Another person approved, and it was done: each ``KeyDestroyed`` of it was written in the same transaction.

    gone: subjects of items that another disposal had destroyed already. backup_days: for how many days backups were
    kept, as the operator had set it; absent where he had not said.
    """

    topic: ClassVar[str] = "disposal-approved.v1"

    disposal: str
    by: str
    gone: list[str] = []
    backup_days: int | None = None


class DisposalRefused(Reasoned, frozen=True, kw_only=True):
    """Another person said no: nothing of it was destroyed, and nothing will be by this proposal."""

    topic: ClassVar[str] = "disposal-refused.v1"

    disposal: str
    by: str


class DisposalWithdrawn(Event, frozen=True, kw_only=True):
    """Whoever proposed it took it back."""

    topic: ClassVar[str] = "disposal-withdrawn.v1"

    disposal: str
    by: str


class KeyDestroyed(Event, frozen=True, kw_only=True):
    """Keys were destroyed, in the transaction that wrote this; what they sealed opens no more.

    key_ids: 32 hexadecimal digits each. schedule: by which rule (``response_days``, or a schedule's name). submission:
    whose spool, answers and refused values of unknown records went. record, account: whose keys they were, by uuid.
    student_id: that the record minted. state: whose record it was, or account. record_class: that went; with
    ``education`` all of the record did. disposal: uuid of the one that this is part of. cases: that went with it.
    """

    topic: ClassVar[str] = "key-destroyed.v1"

    key_ids: list[str]
    schedule: str
    submission: str | None = None
    record: str | None = None
    account: str | None = None
    student_id: str | None = None
    state: str | None = None
    record_class: str | None = None
    disposal: str | None = None
    cases: list[str] = []


EVENTS: tuple[type[Event], ...] = (
    ScheduleSet,
    HoldPlaced,
    HoldReleased,
    DisposalProposed,
    DisposalApproved,
    DisposalRefused,
    DisposalWithdrawn,
    KeyDestroyed,
)
