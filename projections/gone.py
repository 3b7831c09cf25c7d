"""What a disposal took, as a read model is told of it, and where a batch is cut so that it is told in its place.

The one invariant: what a read model holds behind a destruction is made of nothing but what still opens at it. All that
it holds of the records, accounts and cases concerned goes, and what still opens of their streams, up to the
destruction, is folded again. So it is the same whether the events were heard while they could be opened, or in a
rebuild that found them gone; and however batches are cut.

A key of which the log says that it was destroyed opens nothing here, also where a backup has brought it back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import psycopg

from ledger.events import Event, Recorded
from ledger.events.disclosure import DisclosuresDestroyed
from ledger.events.retention import KeyDestroyed

DESTROYS: frozenset[type[Event]] = frozenset((KeyDestroyed, DisclosuresDestroyed))
"""Events that say of a log's own what opens no more."""


class Went(NamedTuple):
    """Where it is said. minted: the id that the record minted, where that is told. position, at: of the event."""

    minted: str | None
    position: int
    at: datetime


class Gone(NamedTuple):
    """Of whom keys were destroyed, by some events that follow each other directly. records, accounts: by uuid, all or
    some of each. cases: by uuid. position: of the last of these events."""

    records: Mapping[str, Went]
    accounts: Mapping[str, Went]
    cases: Sequence[str]
    streams: Sequence[str]
    """In which what is left of them stands, and what was destroyed of them before."""
    position: int

    def minted(self) -> list[str]:
        """Ids that the records minted."""
        return [went.minted for went in self.records.values() if went.minted is not None]


class Follow(Protocol):
    """Lets the tables of a schema follow a destruction, in the caller's transaction.

    left: the events of the streams concerned up to it, in order; ``Erased`` where they open no more. Whatever a fold
    remembered is dropped behind it.
    """

    def __call__(self, cursor: psycopg.Cursor[Any], schema: str, gone: Gone, left: Sequence[Recorded], /) -> None: ...


def apart(batch: Sequence[Recorded]) -> Iterator[tuple[Gone | None, Sequence[Recorded]]]:
    """A batch, cut before and behind each run of destructions; what a run took, where it took anything of a record,
    account or case. A batch without any comes whole."""
    if DESTROYS.isdisjoint({type(recorded.event) for recorded in batch}):
        yield None, batch
        return
    begun, destroys = 0, False
    for place, recorded in enumerate(batch):
        if (type(recorded.event) in DESTROYS) is not destroys:
            if place > begun:
                yield gone_by(batch[begun:place]) if destroys else None, batch[begun:place]
            begun, destroys = place, not destroys
    yield gone_by(batch[begun:]) if destroys else None, batch[begun:]


def gone_by(run: Iterable[Recorded]) -> Gone | None:
    """What a run of destructions took; None where it was what is kept of a submission alone."""
    records, accounts, cases = dict[str, Went](), dict[str, Went](), dict[str, None]()
    streams, position = dict[str, None](), 0
    for recorded in run:
        event, position = recorded.event, recorded.position
        if isinstance(event, DisclosuresDestroyed):
            records[event.record] = Went(None, position, recorded.recorded_at)
            streams[f"disclosure/{event.record}"] = None
        elif isinstance(event, KeyDestroyed):
            went = Went(event.student_id, position, recorded.recorded_at)
            if event.record is not None:
                records[event.record] = went
                streams |= dict.fromkeys((f"record/{event.record}", f"retention/{event.record}"))
            if event.account is not None:
                accounts[event.account] = went
            cases |= dict.fromkeys(event.cases)
            streams |= dict.fromkeys(f"case/{case}" for case in event.cases)
    return Gone(records, accounts, list(cases), list(streams), position) if records or accounts or cases else None
