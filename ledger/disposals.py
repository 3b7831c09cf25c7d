"""Disposals at work: what falls due, proposed by one, approved by another, and gone with that.

Invariant: approving is destroying, and is decided on what the transaction that destroys still finds: where anything of
it has moved since it was read it is decided anew, on what is there then. So of a hold, a case, a fact, a merge or a
schedule that comes while a disposal is approved, and the disposal, one is decided on what the other left.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import msgspec
import structlog

from ledger.certificates import Certificates
from ledger.erased_rows import rows_without_moves
from ledger.errors import BadValue, LedgerError, NotFound, OwnApplication, Refused
from ledger.events import Event, Meta, Recorded
from ledger.events.retention import (
    DisposalApproved,
    DisposalProposed,
    DisposalRefused,
    DisposalWithdrawn,
    KeyDestroyed,
)
from ledger.jurisdictions import must_be_known
from ledger.keeping import Done, Keeping, done
from ledger.mde import STATES
from ledger.persons import same_person
from ledger.reasons import part_with_reasons, subjects_of, with_reason
from ledger.remains import Lists, Look, Remains
from ledger.replay import RequestKey
from ledger.retention.beside import Beside
from ledger.retention.certificate import Certificate
from ledger.retention.disposal import (
    DONE,
    PROPOSED,
    ApproveDisposal,
    Command,
    Disposal,
    ProposeDisposal,
    RefuseDisposal,
    WithdrawDisposal,
    decide,
    destroyed_by,
    fold,
    unfit,
)
from ledger.retention.due import CLASSES, Due, Latest, latest_days
from ledger.retention.holds import Lifted, lifted
from ledger.retention.obstacles import Present
from ledger.retention.schedules import ACCESS, COUNTED, ELIGIBILITY, FLOORS, Schedules, Since
from ledger.retention.years import latest_due
from ledger.store import due_candidates, tombstones
from ledger.store.append import Part
from ledger.store.certificate_files import CertificateFiles
from ledger.store.log import Log
from ledger.store.vault import LEDGER
from ledger.turns import Turn, take_turn

PAGE_MAX: Final = 500
_told = structlog.get_logger()
_END: Final = 2**63 - 1
_LOOKED_AT: Final = 200
"""Records that are looked at together for the list of what is due."""
LOOKED_AT_MAX: Final = 1_000
"""Records or accounts that are opened for one page of what is due; so it may have fewer lines than it could."""


class DueItem(msgspec.Struct, frozen=True, kw_only=True):
    """One line of what is due, or would be if nothing held it. record_class: that falls due."""

    record_class: str
    present: Present


class DuePage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of what is due. cursor: of the next one, None behind the last."""

    items: list[DueItem]
    cursor: str | None = None


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A disposal as it is now. position, proposed_at: of its first event. closed: the event that closed it, with the
    words of who refused it; None while it waits."""

    disposal: Disposal
    position: int
    proposed_at: datetime
    closed: Event | None = None
    closed_at: datetime | None = None

    @property
    def states(self) -> set[str | None]:
        """Of what it names."""
        return {item.scope.state for item in self.disposal.proposed.items}


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A disposal that waits for another person. found: its items as they are now, in their order. released: who has
    released another's hold on any of it since it was proposed. unfit: why the person who asks may not approve it,
    whatever else is in the way; None where he may."""

    found: Sequence[Present]
    released: Sequence[str]
    unfit: Refused | None


class DisposalPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of disposals. cursor: of the next one, None behind the last."""

    items: list[Known]
    cursor: int | None = None


class Disposals:
    """Reads, decides, writes. Safe for threads. new_id: of a disposal, a uuid. clock: now, UTC. tell: tells the access
    log of what is gone."""

    def __init__(
        self,
        log: Log,
        keeping: Keeping,
        remains: Remains,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        tell: Callable[[], object],
    ) -> None:
        self._log = log
        self._keeping = keeping
        self._remains = remains
        self._clock = clock
        self._new_id = new_id
        self._tell = tell
        self._lists: Lists | None = None
        self.certificates = Certificates(log, keeping)
        self._backup_days: int | None = None
        self._kept_upto = -1

    def keep_in(self, files: CertificateFiles | None) -> None:
        """As ``Certificates.keep_in``."""
        self.certificates.keep_in(files)

    def count_backups(self, days: int | None) -> None:
        """For how many days backups are kept, as every approval says from now on; None where nobody has said."""
        self._backup_days = days

    def look_in(self, lists: Lists) -> None:
        """Where it is looked up what no stream tells by itself: once, before anything is asked for."""
        self._lists = lists

    # -- what is due

    def due(
        self,
        record_class: str | None = None,
        state: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
        schedules: Schedules | None = None,
    ) -> DuePage:
        """What is due today, by class, state and id; what is held among it with what holds it. A page may have fewer
        lines than it could, even none, and another behind it: it ends where ``LOOKED_AT_MAX`` were opened.

        schedules: others than those in effect, to see what would be due by them. Raises BadValue (rule
        ``retention-class`` or ``cursor``), UnknownState, StoreUnavailable, ProjectionBehind.
        """
        if record_class is not None and record_class not in COUNTED:
            raise _bad("retention-class", "record_class", "Nothing of this class falls due.", f"Name {_CLASSES}.")
        if state is not None:
            must_be_known(state)
        held = schedules or self._keeping.schedules()
        place = _place_of(cursor)
        found: list[DueItem] = []
        looked_at, last = 0, None
        for one, there in _places(record_class, state):
            if place is not None and place[:2] != (one, there):
                continue
            after, place = ("" if place is None else place[2]), None
            for together in self._candidates(one, there, after, held):
                for present in together:
                    last = f"{one}.{there or ''}.{present.subject.id}"
                    if _is_due(present, there):
                        found.append(DueItem(record_class=one, present=present))
                        if len(found) >= min(limit, PAGE_MAX):
                            return DuePage(items=found, cursor=last)
                looked_at += len(together)
                if looked_at >= LOOKED_AT_MAX:
                    return DuePage(items=found, cursor=last)
        if place is not None:
            raise _bad("cursor", "cursor", "There is no such page.", "Take the cursor from the page before.")
        return DuePage(items=found)

    def _candidates(
        self, record_class: str, state: str | None, after: str, schedules: Schedules
    ) -> Iterator[Sequence[Present]]:
        """What may be due, in the order of ids, some at a time; of accounts, in every state."""
        # A day more than it is there: of what is named too much each is reckoned by itself.
        today = self._clock().date() + timedelta(days=2)
        latest = latest_days(record_class, state, schedules, today)
        if record_class == ACCESS:
            # No state's schedule is shorter than the law's.
            latest = Latest({Since.ACCESS_END: latest_due(today, FLOORS[ACCESS].years)})
        if latest is None:
            return
        while True:
            named = self._known_lists().candidates(record_class, state, latest, after, _LOOKED_AT)
            if named:
                yield self._remains.look(record_class, named, self._known_lists(), schedules).present
            if len(named) < _LOOKED_AT:
                return
            after = named[-1]

    def present(self, record_class: str, subjects: Sequence[str]) -> list[Present]:
        """Each record or account as it is now, in their order: what would go, when it is due, what holds it.

        Raises NotFound, BadValue (rule ``retention-class``), StoreUnavailable, ProjectionBehind.
        """
        return list(self._look(record_class, subjects).present)

    def beside(self, record_class: str, subjects: Sequence[str]) -> Beside:
        """What stands of these in read models, and in how many exports. Raises StoreUnavailable, ProjectionBehind."""
        return self._known_lists().beside(record_class, subjects)

    # -- what is done about it

    def propose(
        self, record_class: str, subjects: Sequence[str], meta: Meta, request: RequestKey | None = None
    ) -> Done:
        """Propose that these go, by ``meta.actor``. subjects: uuids of records, or of accounts for ``access``.

        Raises as ``present`` and as ``ledger.retention.disposal.decide``; IdempotencyKeyReused, OutcomeUnknown.
        """
        disposal = self._new_id()

        def take() -> Turn:
            look = self._look(record_class, subjects)
            events = decide(ProposeDisposal(disposal=disposal, by=meta.actor, found=look.present), None)
            part = Part(stream=_stream(disposal), subject=LEDGER[0], expected=0, events=events)
            return Turn(ids={"id": disposal, "status": PROPOSED}, parts=[part])

        return done(take_turn(self._log, take, meta, request, status=201))

    def approve(self, disposal: str, meta: Meta, request: RequestKey | None = None) -> Done:
        """Approve what another person proposed, by ``meta.actor``: it is gone when this returns. What another disposal
        has destroyed is passed over.

        Raises as ``propose``; OwnProposal, OwnApplication (his own papers are among it), DisposalIsClosed,
        StaleDecision (others were faster twenty times).
        """

        def take() -> Turn:
            recorded = self._recorded(disposal)
            known = fold(one.event for one in recorded)
            ids: dict[str, object] = {"id": disposal, "status": DONE}
            look = self._look_again(known) if known is not None and known.status == PROPOSED else None
            if look is not None and (own := _own_papers(look, meta.actor)) is not None:
                raise own
            found = look.present if look is not None else ()
            released = self._released(recorded[0].position, found) if found else ()
            command = ApproveDisposal(by=meta.actor, found=found, released=released, backup_days=self._backup_days)
            events = decide(command, known)
            if known is None or look is None or not events:
                return Turn(ids=ids)
            parts = _parts(disposal, known, events, look)
            gone = [event for event in events if isinstance(event, KeyDestroyed)]
            moves = [event.record for event in gone if event.record and event.record_class == ELIGIBILITY]
            rows = rows_without_moves(self._log, moves)
            return Turn(ids=ids, parts=parts, rows=rows, expects=look.expected if gone else None)

        approved = done(take_turn(self._log, take, meta, request))
        # It is gone, whether or not that can be told by now: else the timekeeper tells it.
        with suppress(LedgerError):
            self._tell()
        # Nor is it an error of the disposal where its certificate cannot be kept: the timekeeper tries again.
        try:
            self.certificates.keep([disposal])
        except LedgerError as error:
            _told.warning("certificate not kept outside the database", what=error.what, remedy=error.remedy)
        return approved

    def refuse(self, disposal: str, reason: str, meta: Meta, request: RequestKey | None = None) -> Done:
        """Say no to what another proposed. Raises as ``ledger.retention.disposal.decide``, and as every write."""
        return self._close(disposal, RefuseDisposal(by=meta.actor, reason=reason), meta, request)

    def withdraw(self, disposal: str, meta: Meta, request: RequestKey | None = None) -> Done:
        """Take back what one has proposed. Raises as ``refuse``."""
        return self._close(disposal, WithdrawDisposal(by=meta.actor), meta, request)

    # -- reading

    def listed(
        self, status: str | None = None, limit: int = 100, before: int | None = None, state: str | None = None
    ) -> DisposalPage:
        """Disposals, the last one proposed first. status: those alone. before: a page's cursor. state: those that name
        something of it."""
        found: list[Known] = []
        while len(found) < limit:
            with self._log.connection() as conn:
                named = due_candidates.disposals(conn, before or _END, _LOOKED_AT)
            known = self._known([name for name, _ in named])
            found += [
                one for one in known if status in (None, one.disposal.status) and (state is None or state in one.states)
            ]
            if len(named) < _LOOKED_AT:
                cut = len(found) > limit
                return DisposalPage(items=found[:limit], cursor=found[limit - 1].position if cut else None)
            before = named[-1][1]
        return DisposalPage(items=found[:limit], cursor=found[limit - 1].position)

    def lifted(self, found: Sequence[Present]) -> list[Lifted]:
        """Holds over any of these that somebody else released than had placed them, whenever: for both who are to agree
        to see. found: as ``present`` tells. Raises StoreUnavailable."""
        return lifted([one.subject for one in found], self._keeping.released_since(0))

    def known(self, disposal: str) -> Known:
        """As it is now, with when it was proposed and closed. Raises NotFound, StoreUnavailable."""
        found = self._known([disposal])
        if not found:
            raise _unknown()
        return found[0]

    def read(self, disposal: str) -> Disposal:
        """As it is now. Raises NotFound, StoreUnavailable."""
        known = fold(one.event for one in self._recorded(disposal))
        if known is None:
            raise _unknown()
        return known

    def waiting(self, known: Known, by: str) -> Waiting:
        """What would be looked at if somebody approved now one that waits. by: who asks. Raises as ``present``."""
        look = self._look_again(known.disposal)
        released = self._released(known.position, look.present)
        own = _own_papers(look, by)
        why = unfit(by, known.disposal.proposed.by, released) if own is None else own
        return Waiting(found=look.present, released=released, unfit=why)

    def certificate(self, disposal: str) -> Certificate:
        """As ``Certificates.of``."""
        return self.certificates.of(disposal)

    def keep_certificates(self) -> int:
        """Write those of what was done that are not kept on this host; how many. Raises Misconfigured where the folder
        cannot be used, StoreUnavailable, LogBroken."""
        self.certificates.shut()
        kept, before = 0, None
        while True:
            page = self.listed(DONE, PAGE_MAX, before)
            kept += self.certificates.keep([one.disposal.proposed.disposal for one in page.items])
            if page.cursor is None:
                return kept
            before = page.cursor

    def keep_new_certificates(self) -> int:
        """As ``keep_certificates``; nothing is looked at where nothing went since that was last done by this."""
        with self._log.connection() as conn:
            last = tombstones.last(conn)
        if last == self._kept_upto:
            return 0
        kept = self.keep_certificates()
        self._kept_upto = last
        return kept

    # -- inside

    def _known(self, names: Sequence[str]) -> list[Known]:
        said: dict[str, list[Recorded]] = {}
        for one in self._log.read_streams([_stream(name) for name in names]) if names else ():
            if isinstance(one.event, _ITS_OWN):
                said.setdefault(one.stream, []).append(one)
        found = list[Known]()
        for recorded in said.values():
            disposal = fold(one.event for one in recorded)
            assert disposal is not None
            last = with_reason(self._log, recorded[-1]) if len(recorded) > 1 else None
            found.append(
                Known(
                    disposal=disposal,
                    position=recorded[0].position,
                    proposed_at=recorded[0].recorded_at,
                    closed=last,
                    closed_at=None if last is None else recorded[-1].recorded_at,
                )
            )
        return sorted(found, key=lambda one: one.position, reverse=True)

    def _close(self, disposal: str, command: Command, meta: Meta, request: RequestKey | None) -> Done:
        def take() -> Turn:
            known = fold(one.event for one in self._recorded(disposal))
            events = decide(command, known)
            assert known is not None
            after = fold(events, known)
            assert after is not None
            ids: dict[str, object] = {"id": disposal, "status": after.status}
            if not events:
                return Turn(ids=ids)
            about = subjects_of(item.scope for item in known.proposed.items)
            return Turn(ids=ids, parts=[part_with_reasons(self._log, _stream(disposal), known.version, events, about)])

        return done(take_turn(self._log, take, meta, request))

    def _released(self, position: int, found: Sequence[Present]) -> list[str]:
        """Who has released a hold of somebody else over any of it behind a position."""
        holds = lifted([one.subject for one in found], self._keeping.released_since(position))
        return [one.released_by for one in holds]

    def _recorded(self, disposal: str) -> list[Recorded]:
        return [one for one in self._log.read_stream(_stream(disposal)) if isinstance(one.event, _ITS_OWN)]

    def _look_again(self, known: Disposal) -> Look:
        items = known.proposed.items
        return self._look(items[0].scope.record_class, [item.scope.subject for item in items])

    def _look(self, record_class: str, subjects: Sequence[str]) -> Look:
        if record_class not in COUNTED:
            raise _bad("retention-class", "record_class", "Nothing of this class is disposed of.", f"Name {_CLASSES}.")
        return self._remains.look(record_class, subjects, self._known_lists())

    def _known_lists(self) -> Lists:
        assert self._lists is not None, "where it is looked up must be said first"
        return self._lists


def _is_due(present: Present, state: str | None) -> bool:
    """Whether it is due by now, and of a state where one is named."""
    one = present.subject
    is_due = isinstance(present.due, Due) and present.due.on <= one.today and present.scope is not None
    return is_due and (state is None or state in one.states)


def _own_papers(look: Look, by: str) -> OwnApplication | None:
    if any(same_person(owner, by) for owner in look.owners.values()):
        return OwnApplication("Nobody disposes of his own papers.", remedy="Another person must approve it.")
    return None


def _parts(disposal: str, known: Disposal, events: Sequence[Event], look: Look) -> list[Part]:
    """The approval, what went in the streams of whose it was, and every stream in which nothing may have been said
    since it was looked at."""
    own = [event for event in events if not isinstance(event, KeyDestroyed)]
    parts = [Part(stream=_stream(disposal), subject=LEDGER[0], expected=known.version, events=own)]
    for event in destroyed_by(events):
        stream = _stream(event.record or event.account or "")
        parts.append(Part(stream=stream, subject=LEDGER[0], expected=look.versions[stream], events=[event]))
    written = {part.stream for part in parts}
    parts += [
        Part(stream=stream, subject=LEDGER[0], expected=version, events=[])
        for stream, version in look.versions.items()
        if stream not in written
    ]
    return parts


def _places(record_class: str | None, state: str | None) -> Iterator[tuple[str, str | None]]:
    """Classes and states of the list of what is due, in its order. Accounts are few: those of all states together."""
    for one in CLASSES if record_class is None else (record_class,):
        if state is None and one != ACCESS:
            yield from ((one, place) for place in sorted(STATES))
        else:
            yield one, state


def _place_of(cursor: str | None) -> tuple[str, str | None, str] | None:
    """Raises BadValue."""
    if cursor is None:
        return None
    parts = _CURSOR.fullmatch(cursor)
    if parts is None:
        raise _bad("cursor", "cursor", "There is no such page.", "Take the cursor from the page before.")
    return parts[1], parts[2] or None, parts[3]


def _stream(name: str) -> str:
    return f"retention/{name}"


def _bad(rule: str, element: str, what: str, remedy: str) -> BadValue:
    return BadValue(what, rule=rule, element=element, place=f"query:{element}", remedy=remedy)


def _unknown() -> NotFound:
    return NotFound("There is no such disposal.", remedy="See the list of disposals.")


_CURSOR: Final = re.compile(r"([a-z]+)\.([A-Z]{2})?\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_CLASSES: Final = ", ".join(COUNTED)
_ITS_OWN: Final = (DisposalProposed, DisposalApproved, DisposalRefused, DisposalWithdrawn)
