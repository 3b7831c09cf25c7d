"""Events of the access log: each showing of a child's data, and each refusal (34 CFR 99.32, 300.614; 5 USC 552a(c)).

Streams: ``disclosure/<record uuid>`` where a record is known, ``request/<uuid>`` where none is.

Whoever asked is named by the actor of the meta, and by his role, organisation and ``own_state``: the state that his
role is narrowed to, None for one of every state. Entries of the releases before name no ``own_state``.
"""

from __future__ import annotations

from typing import ClassVar, Final

from ledger.events.base import Event, KeyClass


class Disclosed(Event, frozen=True, kw_only=True):
    """A record was shown to one party. Durable before the answer leaves. One event per record, same request id.

    who: actor of the meta. student_id: the id that was asked for. view: what was shown (``student``, ``records``,
    ``history``). sections: the parts of the record shown. role, organisation: in which the actor asked. purpose: his
    words or a code. basis: the legal ground (``34 CFR 99.31(a)(1)``). position: of the ledger, that the answer
    reflects. not_modified: the party was told that what it holds is current (304). states: that keep a record of the
    child. child: the id that the student was shown under, where that is not the one that was asked for.
    """

    topic: ClassVar[str] = "disclosed.v1"

    student_id: str
    view: str
    sections: list[str]
    role: str
    organisation: str
    purpose: str
    basis: str
    position: int
    not_modified: bool = False
    own_state: str | None = None
    states: list[str] = []
    child: str | None = None
    as_of: int | None = None
    effective_on: str | None = None
    since: int | None = None

    def key_class(self) -> KeyClass:
        return KeyClass.DISCLOSURE


class DisclosureRefused(Event, frozen=True, kw_only=True):
    """Somebody asked for a record and was refused. rule: which rule refused."""

    topic: ClassVar[str] = "disclosure-refused.v1"

    student_id: str
    view: str
    role: str
    organisation: str
    purpose: str
    basis: str
    rule: str
    own_state: str | None = None

    def key_class(self) -> KeyClass:
        return KeyClass.DISCLOSURE


class BulkDisclosed(Event, frozen=True, kw_only=True):
    """Many records were shown at once (a list, an export): one entry, that the projection spreads.

    records: the records' uuids, ``RECORDS_MAX`` at most; of a longer list there are several entries under one request.
    filters: names of the filters used, never their values. children: of each record in turn, the id that its student
    was shown under; none where no student was.
    """

    topic: ClassVar[str] = "bulk-disclosed.v1"

    view: str
    records: list[str]
    filters: list[str]
    role: str
    organisation: str
    purpose: str
    basis: str
    position: int
    own_state: str | None = None
    children: list[str] = []


class SearchDisclosed(Event, frozen=True, kw_only=True):
    """A search was answered, also where it found nobody: one entry, that the projection spreads.

    records: the uuids of the records of the students shown, ``RECORDS_MAX`` at most; of more there are several entries
    under one request. fields: names of the fields that were asked for, never what they held. children: of each record
    in turn, the id that its student was shown under. position: 0 where the answer is out of the access log.
    """

    topic: ClassVar[str] = "search-disclosed.v1"

    view: str
    records: list[str]
    fields: list[str]
    role: str
    organisation: str
    purpose: str
    basis: str
    position: int
    own_state: str | None = None
    children: list[str] = []


class RedisclosureNoted(Event, frozen=True, kw_only=True):
    """A state authority has passed a record on, and says to whom (34 CFR 99.32(b)). One event per record of the child.

    Who noted it: actor of the meta. student_id: the id that it was noted for. authority: the organisation that passed
    it on, ``role`` the one in which it was noted. recipient: the party that received it, of which ``organisation``.
    basis: the legal ground, or the party's legitimate interest. sections: the parts that were passed on. disclosed_on:
    the day, YYYY-MM-DD.
    """

    topic: ClassVar[str] = "redisclosure-noted.v1"

    student_id: str
    authority: str
    role: str
    recipient: str
    organisation: str
    basis: str
    purpose: str
    sections: list[str]
    disclosed_on: str
    own_state: str | None = None

    def key_class(self) -> KeyClass:
        return KeyClass.DISCLOSURE


class DisclosuresDestroyed(Event, frozen=True, kw_only=True):
    """The record was destroyed, and with it what tells to whom it was shown, as long as it was kept: its key is gone.

    What names many records stays, by ids alone. record: uuid. position: of the ledger, of the ``KeyDestroyed`` that
    says so. key_ids: 32 hexadecimal digits each, as told there.
    """

    topic: ClassVar[str] = "disclosures-destroyed.v1"

    record: str
    position: int
    key_ids: list[str]


Spread = BulkDisclosed | SearchDisclosed
"""An entry that names many records."""

RECORDS_MAX: Final = 5_000
"""Records that one entry names at most: its body stays under half a megabyte."""

EVENTS: tuple[type[Event], ...] = (
    Disclosed,
    DisclosureRefused,
    BulkDisclosed,
    SearchDisclosed,
    RedisclosureNoted,
    DisclosuresDestroyed,
)
