"""What is left of a record or an account now: its days, keys, papers and cases, what holds it, when it falls due.

Invariant: what is told here rests on streams and guards, each of which the transaction that destroys looks at again
(``Look.versions``, ``Look.expected``). What no stream tells by itself, where a record was shown among many and in which
cases it was named, is asked of whoever keeps such lists (``Lists``).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

import msgspec
from psycopg.rows import tuple_row

from ledger import accounts, cases
from ledger.errors import NotFound
from ledger.events import Erased, Recorded
from ledger.events.case import CaseOpened
from ledger.events.retention import Key
from ledger.jurisdiction import DEFAULT, Profile
from ledger.keeping import Keeping
from ledger.links import Links, Seeds
from ledger.retention import holds
from ledger.retention.beside import Beside
from ledger.retention.days import DayOf, Subject, days_of_account, days_of_record
from ledger.retention.due import NOTHING_THERE, Kept, Latest, reckon
from ledger.retention.holds import Hold, Open, holding
from ledger.retention.obstacles import Present
from ledger.retention.places import places_of
from ledger.retention.schedules import ACCESS, EDUCATION, STREAM, Schedules
from ledger.retention.scope import ClosedCase, Found, scope_of
from ledger.store import pending, tombstones
from ledger.store.append import Expected
from ledger.store.log import Log


class Lists(Protocol):
    """What is kept of all records together. Each answer reflects what the logs held when it was asked for.

    Raises ProjectionBehind, StoreUnavailable.
    """

    def shown(self, records: Collection[str]) -> Mapping[str, datetime]:
        """When each was last shown to anybody, alone or among others, or passed on; those never shown are left out. Who
        was refused was shown nothing."""
        ...

    def cases_about(self, records: Collection[str]) -> Collection[str]:
        """Cases that name one of these records, open or closed, by uuid."""
        ...

    def candidates(self, record_class: str, state: str | None, latest: Latest, after: str, limit: int) -> Sequence[str]:
        """Of a class in a state, of accounts in all of them, what may be due, and maybe some more: the first so many
        behind a uuid, in their order."""
        ...

    def beside(self, record_class: str, subjects: Collection[str]) -> Beside:
        """What stands of these beside the log, rows of read models as they are now."""
        ...


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of some subjects. present: of each, in the order in which they were asked for. versions: of the
    streams on which it rests. expected: what else it rests on. owners: of accounts, whose each is."""

    present: Sequence[Present]
    versions: Mapping[str, int]
    expected: Expected
    owners: Mapping[str, str] = {}


class Remains:
    """Looks; writes nothing. Safe for threads. log, access: the two logs. profile: of a state. clock: now, UTC.
    lists: asked for records."""

    def __init__(
        self,
        log: Log,
        access: Log,
        links: Links,
        keeping: Keeping,
        profile: Callable[[str], Profile],
        clock: Callable[[], datetime],
    ) -> None:
        self._log = log
        self._access = access
        self._links = links
        self._keeping = keeping
        self._profile = profile
        self._clock = clock

    def look(
        self, record_class: str, subjects: Sequence[str], lists: Lists, schedules: Schedules | None = None
    ) -> Look:
        """What there is of each for a class. subjects: uuids of records, or of accounts for ``access``. schedules:
        others than those in effect.

        Raises NotFound where there never was one, StoreUnavailable, ProjectionBehind.
        """
        # By these it is told which open cases name a record.
        self._log.fill_guards()
        schedules, standing = schedules or self._keeping.schedules(), self._keeping.standing()
        found = _Finding(record_class, schedules, standing)
        found.versions[STREAM] = schedules.version
        known = [_uuid(subject) for subject in subjects]
        if record_class == ACCESS:
            self._find_accounts(known, found)
        else:
            self._find_records(known, found, lists)
        with self._log.connection() as conn:
            found.versions |= tombstones.versions(conn, known)
        return found.told(known)

    # -- records

    def _find_records(self, subjects: Sequence[str], found: _Finding, lists: Lists) -> None:
        reach = self._links.reach(Seeds(records=subjects))
        there = [subject for subject in subjects if subject in reach.records]
        self._note_gone(set(subjects) - set(there), found)
        if not there:
            return
        clusters = reach.students()
        students = {
            subject: frozenset(anchor.record for anchor in clusters.members[clusters.student_of[subject]])
            for subject in there
        }
        everybody = frozenset[str]().union(*students.values())
        said = self._said([f"record/{subject}" for subject in there])
        with self._log.connection() as conn:
            # Before closed ones are looked for: one that is closed between the two looks is found by the second.
            naming = pending.cases_of(conn, everybody)
        closed = self._closed_cases(lists.cases_about(there), set(there)) if found.record_class == EDUCATION else []
        beside = self._beside({name for case in closed for name in case.others} - {*there}, found)
        everybody |= frozenset[str]().union(*beside.values())
        with self._log.connection() as conn:
            states = pending.states_of(conn, [*there, *beside])
            naming |= pending.cases_of(conn, everybody)
        opened = [
            Open(id=case, kind=holds.CASE, records=naming[case], by=by) for case, by in self._opened_by(naming).items()
        ]
        shown = self._shown(there, found, lists)
        keys = self._keys([*there, *(case.id for case in closed)], found)
        events = self._sealed_by(self._log, [f"record/{subject}" for subject in there])
        events |= self._sealed_by(self._access, [f"disclosure/{subject}" for subject in there])
        found.versions |= {f"linkage/{student}": version for student, version in reach.versions.items()}
        found.versions |= {f"case/{case.id}": case.events for case in closed}
        found.records |= everybody
        found.cases |= naming.keys()
        by_case = {case.id: case for case in closed if keys.get(case.id)}
        for subject in there:
            recorded = said[f"record/{subject}"]
            found.versions[f"record/{subject}"] = len(recorded)
            day_of, today = self._zone(states.get(subject), found)
            last = shown.get(subject)
            one = Subject(
                id=subject,
                state=states.get(subject),
                student=students[subject],
                present=_classes(recorded),
                days=days_of_record(recorded, None if last is None else day_of(last), day_of),
                today=today,
            )
            led = [
                msgspec.structs.replace(case, key=keys[case.id][0])
                for case in by_case.values()
                if case.first == subject
            ]
            named = {
                case.id: Subject(
                    id=subject,
                    state=states.get(subject),
                    before=frozenset(states[name] for name in case.others if name in states),
                    student=frozenset[str]().union(*(beside.get(name) or students[name] for name in case.others)),
                    today=today,
                )
                for case in led
                if case.others
            }
            found.add(
                Found(
                    subject=one,
                    keys=keys.get(subject, []),
                    events=events,
                    version=len(recorded),
                    student_id=reach.records[subject].student_id,
                    cases=led,
                ),
                opened,
                named,
            )

    def _beside(self, named: Collection[str], found: _Finding) -> dict[str, frozenset[str]]:
        """Records that closed cases name beside those that are looked at, each with all that are one student with it;
        those that are gone alone."""
        if not named:
            return {}
        reach = self._links.reach(Seeds(records=sorted(named)))
        found.versions |= {f"linkage/{student}": version for student, version in reach.versions.items()}
        clusters = reach.students()
        students = {
            name: frozenset(anchor.record for anchor in clusters.members[clusters.student_of[name]])
            for name in named
            if name in reach.records
        }
        return {name: students.get(name, frozenset({name})) for name in named}

    def _opened_by(self, open_cases: Iterable[str]) -> dict[str, str]:
        """Open cases to who proposed each; to nobody where that cannot be told: it holds all the same."""
        by = dict.fromkeys(open_cases, "")
        for stream, recorded in self._said([f"case/{case}" for case in by]).items():
            if recorded and isinstance(opened := recorded[0].event, CaseOpened):
                by[stream.partition("/")[2]] = opened.proposed_by
        return by

    def _closed_cases(self, names: Iterable[str], subjects: set[str]) -> list[ClosedCase]:
        """Those off the worklist that name one of these records first, and that open still."""
        found = list[ClosedCase]()
        for stream, recorded in self._said([f"case/{case}" for case in names]).items():
            if not recorded or any(isinstance(one.event, Erased) for one in recorded):
                continue
            known = cases.fold(one.event for one in recorded)
            assert known is not None
            case, first = stream.partition("/")[2], known.opened.records[0].anchor.record
            if known.closed is not None and first in subjects:
                none = Key(id="", subject=case, key_class="")
                others = frozenset(one.anchor.record for one in known.opened.records) - {first}
                found.append(ClosedCase(id=case, key=none, events=len(recorded), first=first, others=others))
        return found

    def _shown(self, subjects: Sequence[str], found: _Finding, lists: Lists) -> Mapping[str, datetime]:
        """When each was last shown. What is destroyed without the account of it does not wait for that."""
        if found.record_class != EDUCATION:
            return {}
        streams = [f"disclosure/{subject}" for subject in subjects]
        # Before the lists are asked: what is shown after this look is found by the transaction that destroys.
        with self._access.connection() as conn, conn.cursor(row_factory=tuple_row) as cursor:
            found.shown_upto = self._access.reader.head(conn)
            heads = cursor.execute("select stream, version from access.heads where stream = any(%s)", (streams,))
            found.disclosures |= dict.fromkeys(streams, 0) | dict(heads.fetchall())
        return lists.shown(subjects)

    # -- accounts

    def _find_accounts(self, subjects: Sequence[str], found: _Finding) -> None:
        said = self._said([f"account/{subject}" for subject in subjects])
        there = [subject for subject in subjects if _opens(said[f"account/{subject}"])]
        self._note_gone(set(subjects) - set(there), found)
        applications = {subject: _applications(said[f"account/{subject}"]) for subject in there}
        papers = self._said([f"application/{name}" for names in applications.values() for name in names])
        keys = self._keys(there, found)
        events = self._sealed_by(self._log, [*(f"account/{subject}" for subject in there), *papers])
        attachments = self._attachments([key.id for of_one in keys.values() for key in of_one])
        for subject in there:
            recorded = said[f"account/{subject}"]
            own = [papers[f"application/{name}"] for name in applications[subject]]
            known = accounts.fold(one.event for one in recorded)
            states = [place.state for place in places_of(one.event for one in recorded)] or [None]
            state = states[-1]
            day_of, today = self._zones(set(states), found)
            found.versions[f"account/{subject}"] = len(recorded)
            found.owners[subject] = known.email
            one = Subject(
                id=subject,
                state=state,
                before=frozenset(states[:-1]),
                present=_classes(recorded),
                days=days_of_account(recorded, own, day_of),
                today=today,
            )
            found.add(
                Found(
                    subject=one,
                    keys=keys.get(subject, []),
                    events=events,
                    version=len(recorded),
                    attachments=[paper for key in keys.get(subject, []) for paper in attachments.get(key.id, [])],
                ),
                [],
            )
        found.versions |= {stream: len(recorded) for stream, recorded in papers.items()}

    def _attachments(self, keys: Sequence[str]) -> dict[str, list[str]]:
        """Papers by the key that seals them."""
        query = "select key_id, attachment from ledger.attachments where key_id = any(%s::uuid[])"
        with self._log.connection() as conn, conn.cursor(row_factory=tuple_row) as cursor:
            rows = cursor.execute(query, ([uuid.UUID(key) for key in keys],)).fetchall()
        papers: dict[str, list[str]] = {}
        for key, attachment in rows:
            papers.setdefault(key.hex, []).append(str(attachment))
        return papers

    # -- of either

    def _note_gone(self, subjects: Collection[str], found: _Finding) -> None:
        """Raises NotFound where one was never there."""
        if not subjects:
            return
        with self._log.connection() as conn:
            gone = {*tombstones.of_records(conn, subjects), *tombstones.of_accounts(conn, subjects)}
        if not gone.issuperset(subjects):
            raise NotFound("There is no such record or account.", remedy="Take the ids from the list of what is due.")
        _, today = self._zone(None, found)
        for subject in subjects:
            kept = Kept(record_class=found.record_class, subject=subject, why=NOTHING_THERE)
            found.present[subject] = Present(subject=Subject(id=subject, today=today), scope=None, due=kept)

    def _said(self, streams: Sequence[str]) -> dict[str, list[Recorded]]:
        said: dict[str, list[Recorded]] = {stream: [] for stream in streams}
        for one in self._log.read_streams(streams) if streams else ():
            said[one.stream].append(one)
        return said

    def _keys(self, subjects: Sequence[str], found: _Finding) -> dict[str, list[Key]]:
        """Every key of these subjects, of whatever class."""
        query = "select subject, class, key_id from vault.keys where subject = any(%s)"
        with self._log.connection() as conn, conn.cursor(row_factory=tuple_row) as cursor:
            rows = cursor.execute(query, (list(subjects),)).fetchall()
        keys: dict[str, list[Key]] = {}
        for subject, key_class, key_id in rows:
            keys.setdefault(subject, []).append(Key(id=key_id.hex, subject=subject, key_class=key_class))
        for subject in subjects:
            found.keys[subject] = frozenset(bytes.fromhex(key.id) for key in keys.get(subject, []))
        return keys

    def _sealed_by(self, log: Log, streams: Sequence[str]) -> dict[str, int]:
        """Key to how many events of these streams it seals."""
        query = f"select key_id, count(*) from {log.log_name}.events where stream = any(%s) group by key_id"
        with log.connection() as conn, conn.cursor(row_factory=tuple_row) as cursor:
            return {key.hex: count for key, count in cursor.execute(query.encode(), (list(streams),)).fetchall()}

    def _zone(self, state: str | None, found: _Finding) -> tuple[DayOf, date]:
        """Which day it is there at an instant, and now."""
        name = DEFAULT.time_zone if state is None else self._profile(state).time_zone
        zone = ZoneInfo(name)
        today = found.days.setdefault(name, self._clock().astimezone(zone).date())
        return lambda instant: instant.astimezone(zone).date(), today

    def _zones(self, states: Collection[str | None], found: _Finding) -> tuple[DayOf, date]:
        """Of what is of several states: the latest day that it is with any of them at an instant, and now the earliest.
        So it is kept until it may go in each."""
        zones = [self._zone(state, found) for state in states]
        return lambda instant: max(day_of(instant) for day_of, _ in zones), min(today for _, today in zones)


class _Finding:
    """What one look has found so far."""

    def __init__(self, record_class: str, schedules: Schedules, standing: Sequence[Hold]) -> None:
        self.record_class = record_class
        self.present: dict[str, Present] = {}
        self.versions: dict[str, int] = {}
        self.keys: dict[str, frozenset[bytes]] = {}
        self.records: set[str] = set()
        self.cases: set[str] = set()
        self.disclosures: dict[str, int] = {}
        self.shown_upto: int | None = None
        self.days: dict[str, date] = {}
        self.owners: dict[str, str] = {}
        self._schedules = schedules
        self._standing = standing

    def add(self, what: Found, opened: Sequence[Open], named: Mapping[str, Subject] | None = None) -> None:
        """One of whom something is left, or was until now. named: closed cases that go with it to whom else they speak
        of: what holds those holds it, or the evidence of why they were kept apart would go under a hold."""
        one = what.subject
        held = list(holding(one, self._standing, opened))
        for case, others in (named or {}).items():
            there = {each.id for each in held}
            held += [
                msgspec.structs.replace(each, through=case)
                for each in holding(others, self._standing, opened)
                if each.id not in there
            ]
        self.present[one.id] = Present(
            subject=one,
            scope=scope_of(self.record_class, what),
            due=reckon(self.record_class, one, self._schedules),
            held=tuple(held),
        )

    def told(self, subjects: Sequence[str]) -> Look:
        return Look(
            present=[self.present[subject] for subject in subjects],
            versions=self.versions,
            expected=Expected(
                keys=self.keys,
                holds=frozenset(hold.placed.hold for hold in self._standing),
                records=frozenset(self.records),
                cases=frozenset(self.cases),
                disclosures=self.disclosures,
                shown_upto=self.shown_upto,
                days=self.days,
            ),
            owners=self.owners,
        )


def _classes(recorded: Sequence[Recorded]) -> frozenset[str]:
    """Of which an event is left that opens."""
    return frozenset(one.event.key_class().value for one in recorded if not isinstance(one.event, Erased))


def _opens(recorded: Sequence[Recorded]) -> bool:
    return bool(recorded) and not any(isinstance(one.event, Erased) for one in recorded)


def _applications(recorded: Iterable[Recorded]) -> list[str]:
    """Uuids of all applications that an account came of, or that asked for a role of its."""
    named = (getattr(one.event, "application", None) for one in recorded)
    return sorted({name for name in named if name is not None})


def _uuid(given: str) -> str:
    try:
        return str(uuid.UUID(given))
    except ValueError:
        raise NotFound(
            "There is no such record or account.", remedy="Take the ids from the list of what is due."
        ) from None
