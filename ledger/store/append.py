"""What is handed to the sequencer, and what comes back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import msgspec
import psycopg

from ledger.events import Event, Meta
from ledger.events.retention import KeyDestroyed
from ledger.store.mapper import SealedEvent
from ledger.store.standings import AccountStanding
from ledger.store.vault import NewKey, Subject


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The first answer to a request with an idempotency key: never a body.

    scope: who sent the key. request_hash: keyed hash of method, path and body. status: of HTTP. ids: what was made.
    """

    scope: str
    key: str
    request_hash: bytes
    status: int
    ids: dict[str, object]


class Opening(msgspec.Struct, frozen=True):
    """A guard row for a record that an append opens. record_id: 16 bytes."""

    state: str
    state_student_id: str
    record_id: bytes
    student_id: str


class Moved(msgspec.Struct, frozen=True):
    """How far a reactor has come once the append is durable."""

    name: str
    position: int


class Secret(msgspec.Struct, frozen=True):
    """A value to be sealed under a key of its own. subject: the key's, as in the vault."""

    subject: Subject
    text: str


class Block(msgspec.Struct, frozen=True):
    """Answers to the rows of one chunk of a submission, kept sealed until the submission's key goes. text: packed."""

    submission: str
    chunk: int
    text: bytes


class SealedBlock(NamedTuple):
    """A block as stored. block_id, key_id: 16 bytes; the block's id is what its own key is derived with."""

    submission: str
    chunk: int
    block_id: bytes
    key_id: bytes
    text: bytes


class UploadRow(msgspec.Struct, frozen=True, kw_only=True):
    """A file that came over HTTP and waits on a host. upload, host, key_id: 16 bytes. late: take an older one too.

    spool_key: the file's key, sealed under the submission's, which is key_id.
    """

    upload: bytes
    submission: str
    host: bytes
    actor: str
    late: bool
    key_id: bytes
    spool_key: bytes


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What a disposal was decided on, besides the versions of its parts' streams; anything else is StaleDecision.

    keys: subject to the ids, 16 bytes, of every key of its in the vault, of whatever class. holds: ids of all holds
    that are not released. records: uuids of all records of the students concerned. cases: ids of the open cases that
    name one of these. disclosures: ``disclosure/<record>`` to its version in the access log. shown_upto: position of
    that log up to which it was looked where these were shown among others; None where nothing waits for that. days:
    time zone to the day that it was there when that was decided, since midnight may pass.
    """

    keys: Mapping[str, frozenset[bytes]]
    holds: frozenset[str] = frozenset()
    records: frozenset[str] = frozenset()
    cases: frozenset[str] = frozenset()
    disclosures: Mapping[str, int] = {}
    shown_upto: int | None = None
    days: Mapping[str, date] = {}


class Destroyed(msgspec.Struct, frozen=True, kw_only=True):
    """What goes with an append. told: its events that say so, each with its place among the append's events, from
    0. any_was_shown: whether one of some records was shown among others behind a position of the access log."""

    told: Sequence[tuple[int, KeyDestroyed]]
    any_was_shown: Callable[[psycopg.Connection[Any], int, Collection[str]], bool]
    expected: Expected | None = None


class Relinked(msgspec.Struct, frozen=True, kw_only=True):
    """What an act of linkage does to the guards. Records are 16 bytes each.

    students: record to the student that it is one of from now on. together: records of each student that the append
    leaves joined: no pair of them may be declared not to be the same. declared: id of a declaration, and its two lists.
    withdrawn, revived: ids of declarations that bind no more, or again. cases: record to the case under which it must
    be for this to hold (None: under none), and the one under which it is afterwards.
    """

    students: Mapping[bytes, str] = {}
    together: Sequence[Sequence[bytes]] = ()
    declared: Sequence[tuple[str, Sequence[bytes], Sequence[bytes]]] = ()
    withdrawn: Sequence[str] = ()
    revived: Sequence[str] = ()
    cases: Mapping[bytes, tuple[str | None, str | None]] = {}


class CaseStanding(msgspec.Struct, frozen=True, kw_only=True):
    """How a case stands once the append is durable.

    case: its uuid. due: when time moves it next, None for never. about: what no other open case of this kind may be
    about, None where any may. answered: this append answers it, which ends whatever lease there is on it. closed: it is
    off the worklist. records: uuids of those that it names.
    """

    case: str
    kind: str
    due: datetime | None = None
    about: str | None = None
    answered: bool = False
    closed: bool = False
    records: Sequence[str] = ()


class HoldStanding(msgspec.Struct, frozen=True, kw_only=True):
    """How a hold stands once the append is durable. hold: its uuid."""

    hold: str
    released: bool = False


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Events for one stream. subject: of the keys that seal them (a record's uuid, ``ledger``).

    expected: the stream's version on which was decided, 0 for a new stream, None for "at the end".
    secrets: of an event, by its place among the events, its sealed fields by name.
    """

    stream: str
    subject: str
    expected: int | None
    events: Sequence[Event]
    secrets: Mapping[int, Mapping[str, Secret]] = {}


class Append(msgspec.Struct, frozen=True, kw_only=True):
    """What is written together or not at all. opened, rows: guard rows that go with it (record id: 16 bytes).

    moved: the position of the reactor whose answer this is. block: answers to rows, sealed with it.
    upload: a file that is taken. relinked: of an act of linkage. cases, accounts, holds: how those stand that it speaks
    of. One that says that keys are destroyed is written by ``Log.dispose`` alone. disposals: up to which position it
    was known what was destroyed when this was decided; None: when it is sealed.
    """

    parts: Sequence[Part]
    meta: Meta
    answer: Answer | None = None
    opened: Sequence[Opening] = ()
    rows: dict[bytes, bytes] = {}
    disposals: int | None = None
    moved: Moved | None = None
    block: Block | None = None
    upload: UploadRow | None = None
    relinked: Relinked | None = None
    cases: Sequence[CaseStanding] = ()
    accounts: Sequence[AccountStanding] = ()
    holds: Sequence[HoldStanding] = ()


class SealedPart(msgspec.Struct, frozen=True):
    """A part whose events are sealed; versions and positions come with the commit."""

    stream: str
    expected: int | None
    events: list[SealedEvent]


class SealedAppend(msgspec.Struct, frozen=True, kw_only=True):
    """An append ready to be written. sealed_by: ids of all keys that it uses. disposals: up to which position the vault
    knew what was destroyed when it was sealed, or decided. destroys: what goes with it, of a disposal. new_keys: vault
    rows that become durable with it."""

    parts: list[SealedPart]
    sealed_by: frozenset[bytes] = frozenset()
    disposals: int = -1
    answer: Answer | None = None
    opened: Sequence[Opening] = ()
    rows: dict[bytes, bytes] = {}
    moved: Moved | None = None
    block: SealedBlock | None = None
    destroys: Destroyed | None = None
    upload: UploadRow | None = None
    relinked: Relinked | None = None
    cases: Sequence[CaseStanding] = ()
    accounts: Sequence[AccountStanding] = ()
    holds: Sequence[HoldStanding] = ()
    new_keys: Sequence[NewKey] = ()

    def size(self) -> int:
        """How many events."""
        return sum(len(part.events) for part in self.parts)


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What a writer gets back once it is durable.

    position: of the last event written, or the log's head where nothing was. versions: stream to its version now.
    replayed: an earlier request with this key was answered before; ``answer`` is that first answer.
    """

    position: int
    versions: dict[str, int]
    replayed: bool = False
    answer: Answer | None = None
