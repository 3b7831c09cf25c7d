"""Reading one kind of event over a stretch of the log, and of links those that policies have made, each once.

Invariant: it comes page by page, on a connection that is let go in between, so however long the stretch is, nothing is
held but a page.
"""

from __future__ import annotations

from collections.abc import Iterator

from ledger.events import Recorded
from ledger.events.linkage import Decision, RecordLinked
from ledger.matcher import BY_POLICY
from ledger.store.log import Log

_PAGE = 10_000


def said(log: Log, topics: tuple[str, ...], after: int, last: int) -> Iterator[Recorded]:
    """Events of these topics behind a position, up to another one. Raises StoreUnavailable, LogBroken."""
    while True:
        with log.connection() as conn:
            opened = log.open(conn, log.reader.page(conn, after + 1, _PAGE, last, topics))
        if not opened:
            return
        yield from opened
        after = opened[-1].position


def policy_links(log: Log, after: int, last: int) -> Iterator[tuple[RecordLinked, Decision]]:
    """Links that a policy made there, each with its decision. Raises as ``said``."""
    for recorded in said(log, (RecordLinked.topic,), after, last):
        link = recorded.event
        # An act stands in several streams, always the same; its name is that of the first.
        if not isinstance(link, RecordLinked) or link.act.partition("-")[0] != recorded.stream.partition("/")[2]:
            continue
        if link.why == BY_POLICY and link.decision is not None:
            yield link, link.decision
