"""Events of the access log: each showing of a child's data, and each refusal (34 CFR 99.32, 300.614; 5 USC 552a(c)).

Streams: ``disclosure/<record uuid>`` where a record is known, ``request/<uuid>`` where none is.
"""

from __future__ import annotations

from typing import ClassVar

from ledger.events.base import Event, KeyClass


class Disclosed(Event, frozen=True, kw_only=True):
    """A record was shown to one party. Durable before the answer leaves. One event per record, same request id.

    who: actor of the meta. student_id: the id that was asked for. view: what was shown (``student``, ``records``,
    ``history``). sections: the parts of the record shown. role, organisation: in which the actor asked. purpose: his
    words or a code. basis: the legal ground (``34 CFR 99.31(a)(1)``). position: of the ledger, that the answer
    reflects. not_modified: the party was told that what it holds is current (304).
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

    def key_class(self) -> KeyClass:
        return KeyClass.DISCLOSURE


class BulkDisclosed(Event, frozen=True, kw_only=True):
    """Many records were shown at once (a list, an export): one entry, that the projection spreads.

    records: the records' uuids. filters: names of the filters used, never their values.
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


class SearchDisclosed(Event, frozen=True, kw_only=True):
    """A search was answered, also where it found nobody: one entry, that the projection spreads.

    records: the uuids of the records of the students shown. fields: names of the fields that were asked for, never
    what they held.
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


EVENTS: tuple[type[Event], ...] = (Disclosed, DisclosureRefused, BulkDisclosed, SearchDisclosed)
