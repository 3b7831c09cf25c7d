"""The monthly audit at work: the sample of each month that is over is drawn once, and put before people blind.

Invariant: what was drawn is an event before anybody is asked, and each case is an append with a key of its own; so
whoever goes on where another broke off asks what is left of that sample, and nothing twice. Whoever looks holds the
timekeeper's lock.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from ledger.audit import PolicyLink, Sizes, begins, draw_apart, draw_links, in_turn, months_over, next_month, place
from ledger.errors import Conflict, NotFound, Refused, StaleDecision
from ledger.events import Meta, Recorded
from ledger.events.audit import AuditAsked, AuditDrawn, KeptApart
from ledger.events.linkage import ActReversed, RecordsSplit
from ledger.links import Links, Seeds
from ledger.matching.group import Group
from ledger.matching.person import VERSION
from ledger.matching.policy import Scale
from ledger.policies import Policies, Published
from ledger.policy_links import policy_links, said
from ledger.proposals import Proposals
from ledger.replay import RequestKey
from ledger.settling import still_joins
from ledger.store import audit_draw, match_index
from ledger.store.append import Append, Part
from ledger.store.log import Log
from ledger.store.vault import LEDGER

RECORDS_LOOKED_AT = 4_000
"""Of how many records, drawn by chance, those are found that were kept apart from others."""

RECORDS_TOGETHER = 200
"""Of how many of these everybody who is near is in memory at once: some ten thousand people."""


_Of = TypeVar("_Of")


class _Stopped(Exception):
    """Whoever looks was told to stop."""


class Audits:
    """Draws and asks. sizes: of each month's sample."""

    def __init__(
        self, log: Log, links: Links, proposals: Proposals, policies: Policies, sizes: Sizes | None = None
    ) -> None:
        self._log = log
        self._links = links
        self._proposals = proposals
        self._policies = policies
        self.sizes = sizes or Sizes()
        self._done: set[str] = set()

    def look(self, now: datetime, meta: Meta, stop: threading.Event | None = None) -> list[str]:
        """Draw and ask for every month that is over and has not been yet; the cases that are open now for it.

        A month is not drawn before the matcher's tables are whole, and of the policy in effect: it is due until then.
        stop: once it is set nothing more is read, drawn or asked; what is left is due at the next look.

        Raises StaleDecision (others are faster again and again: it is due still), StoreUnavailable, LogBroken.
        """
        opened: list[str] = []
        stop = stop or threading.Event()
        with self._log.connection() as conn:
            since = audit_draw.first_published(conn)
        try:
            for month in months_over(since, now) if since is not None else ():
                if month in self._done:
                    continue
                found = self._log.read_stream(_stream(month))
                drawn = found[0] if found else self._draw(month, meta, stop)
                if drawn is None:
                    break  # each month leaves out what the ones before it have drawn
                if len(found) < 2:
                    self._ask(drawn, meta, stop, opened)
                self._done.add(month)
        except _Stopped:
            pass  # what is durable is found by its keys
        return opened

    def standing(self, now: datetime) -> tuple[str, str] | None:
        """The last month that is over, and how far it is: ``due``, ``drawn`` (not everybody was asked yet) or
        ``asked``; None where no month is over yet since a policy was published. Raises StoreUnavailable."""
        with self._log.connection() as conn:
            since = audit_draw.first_published(conn)
        months = list(months_over(since, now)) if since is not None else []
        if not months:
            return None
        events = len(self._log.read_stream(_stream(months[-1])))
        return months[-1], "asked" if events > 1 else "drawn" if events else "due"

    # -- draw

    def _draw(self, month: str, meta: Meta, stop: threading.Event) -> Recorded | None:
        published = self._policies.published()
        assert published is not None, "its month is over"
        if published.policy.code != VERSION or not self._is_whole(published):
            return None
        by_chance, nearest = draw_links(month, _until(stop, self._standing(month)), self.sizes)
        links = len(by_chance.acts) + len(nearest.acts)
        pairs = self._kept_apart(month, published, stop) if links and self.sizes.apart else ()
        apart = draw_apart(month, pairs, self.sizes, links)
        if not self._is_whole(published):
            return None  # another policy was published while it was drawn: of some records nothing was found
        drawn = AuditDrawn(month=month, policy=published.policy.version, strata=[by_chance, nearest, apart])
        # Durable from here on: what the sample of the month is. Another one who drew it meanwhile is refused.
        self._append(month, drawn, 0, meta)
        return self._log.read_stream(_stream(month))[0]

    def _is_whole(self, published: Published) -> bool:
        """Whether the matcher's tables are of the policy. What is yet to be read anew is compared with nothing: of its
        pairs none would be drawn."""
        with self._log.connection() as conn:
            return match_index.made_with(conn) == published.position and not match_index.unread(conn, 1)

    def _standing(self, month: str) -> Iterator[PolicyLink]:
        """What policies have linked in a month and nobody has taken back since; one after another, since a month may
        have brought a million."""
        with self._log.connection() as conn:
            head = self._log.reader.head(conn)
            first = audit_draw.position_at(conn, begins(month), head)
            behind = audit_draw.position_at(conn, begins(next_month(month)), head)
        touched = set(self._named(first, head))
        for link, decision in policy_links(self._log, first, behind):
            if link.act not in touched or still_joins(link.act, self._links.reach(Seeds(acts=[link.act]))):
                yield PolicyLink(link.act, decision.weight - decision.link)

    def _named(self, first: int, last: int) -> Iterator[str]:
        """Acts that others took back or cut; some of them stand again."""
        for recorded in said(self._log, (ActReversed.topic, RecordsSplit.topic), first, last):
            match recorded.event:
                case ActReversed():
                    yield recorded.event.reverses
                case RecordsSplit():
                    yield from (cut.edge for cut in recorded.event.cuts)
                case _:
                    pass

    def _kept_apart(self, month: str, published: Published, stop: threading.Event) -> Iterator[KeptApart]:
        """Pairs of students about which nobody is asked, of records drawn by chance: each once, and none that was drawn
        in an earlier month. What hangs on the two alone is asked, so that it is the same in whichever portions."""
        before = self._drawn_before(month)
        with self._log.connection() as conn:
            looked_at = audit_draw.by_chance(conn, month, RECORDS_LOOKED_AT)
            scale = Scale(published.policy, match_index.size(conn))
        seen: set[bytes] = set()
        for at in _until(stop, range(0, len(looked_at), RECORDS_TOGETHER)):
            group, near = self._around(looked_at[at : at + RECORDS_TOGETHER], scale, before)
            for record, others in near.items():
                for other in others:
                    pair = place(month, *group.pair(record, other))
                    if pair in seen:
                        continue
                    seen.add(pair)
                    between = group.between(record, other)
                    if between is not None and between.assessed.weight < published.policy.thresholds.review:
                        yield KeptApart(between.record, between.member, between.assessed.weight)

    def _around(
        self, records: Sequence[str], scale: Scale, before: set[tuple[str, str]]
    ) -> tuple[Group, dict[str, set[str]]]:
        """The students of these records and of all that are near to one of them, and who is near to whom. before: pairs
        that are left out."""
        with self._log.connection() as conn:
            near = match_index.near(conn, records)
            members = match_index.members_of(conn, {*records, *(other for others in near.values() for other in others)})
            known = {member.record for member in members}
            people = match_index.people_of(conn, known)
            apart = match_index.apart(conn, known)
        group = Group(
            scale,
            people,
            {member.record: member.student for member in members if member.record in people},
            near,
            apart | before,
            {member.record for member in members if member.held},
        )
        placed = known & set(people)
        return group, {record: others & placed for record, others in near.items() if record in placed}

    def _drawn_before(self, month: str) -> set[tuple[str, str]]:
        """Pairs that were asked about already, each both ways."""
        with self._log.connection() as conn:
            since = audit_draw.first_published(conn)
        months = [_stream(one) for one in months_over(since, begins(month))] if since is not None else []
        drawn = [one.event for one in self._log.read_streams(months) if isinstance(one.event, AuditDrawn)]
        pairs = [pair for event in drawn for stratum in event.strata for pair in stratum.pairs]
        return {ends for pair in pairs for ends in ((pair.record, pair.member), (pair.member, pair.record))}

    # -- ask

    def _ask(self, drawn: Recorded, meta: Meta, stop: threading.Event, opened: list[str]) -> None:
        """Open what was drawn, and say so; opened: gets each case as it is durable."""
        event = drawn.event
        assert isinstance(event, AuditDrawn), "an audit's stream begins with what was drawn"
        meta = Meta(actor=meta.actor, cause=drawn.position)
        asked = moot = 0
        for one in _until(stop, in_turn(event)):
            case = self._open(event, one, drawn.position, meta)
            if case is None:
                moot += 1
            else:
                asked += 1
                opened.append(case)
        # Durable: every case. Whoever broke off before this finds them by their keys.
        self._append(event.month, AuditAsked(month=event.month, asked=asked, moot=moot), 1, meta)

    def _open(self, drawn: AuditDrawn, one: str | KeptApart, position: int, meta: Meta) -> str | None:
        """The case about a link or a pair; None where it is no question any more."""
        try:
            if isinstance(one, KeptApart):
                key = _key(drawn.month, f"{one.record}/{one.member}")
                return self._proposals.check_apart(one, drawn.policy, meta, key).case
            return self._proposals.check_link(one, position, meta, _key(drawn.month, one)).case
        except StaleDecision:
            raise  # others were faster again and again: it is gone on with when it is quieter
        except (Refused, Conflict, NotFound):
            return None

    def _append(self, month: str, event: AuditDrawn | AuditAsked, expected: int, meta: Meta) -> None:
        part = Part(stream=_stream(month), subject=LEDGER[0], expected=expected, events=[event])
        self._log.append(Append(parts=[part], meta=meta))


def _until(stop: threading.Event, found: Iterable[_Of]) -> Iterator[_Of]:
    """One after the other. Raises _Stopped once it is set."""
    for one in found:
        if stop.is_set():
            raise _Stopped
        yield one


def _stream(month: str) -> str:
    return f"audit/{month}"


def _key(month: str, what: str) -> RequestKey:
    return RequestKey(scope="audit", key=f"{month}/{what}", body_hash=b"")
