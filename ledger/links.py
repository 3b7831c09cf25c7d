"""Linkage as the log has it: read whole students, decide an act, and write it where nothing has moved since.

Invariant: an act expects the version of every linkage stream of every student that it touches, not only of those that
it writes; so of two acts on one student, or of A into B and B into A at one instant, one is decided anew. Which pairs
must not be joined, and which case holds a record, is checked again in the transaction that writes.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain

import msgspec
from psycopg.rows import tuple_row

from ledger.errors import Conflict, Forbidden, LogBroken, NotFound, Refused, StaleDecision
from ledger.events import Event, Meta, Recorded
from ledger.events.linkage import ActReversed, Anchor, DeclaredNotSame, RecordLinked, RecordsSplit, StudentsMerged
from ledger.linkage import Clusters, Linkage, anchors_of, fold, live_declarations, live_edges
from ledger.linkage_acts import Acted
from ledger.reach import Reach
from ledger.replay import RequestKey, kept_answer, raise_if_refused, refused_answer
from ledger.settling import joined_or_parted
from ledger.store.append import Append, CaseStanding, Part, Relinked, Secret
from ledger.store.log import Log
from ledger.store.vault import LEDGER

ATTEMPTS_MAX = 20
"""How often an act is decided anew before whoever asks is told that others are faster."""

REASON = "reason"
PREFIX = len("linkage/")


class Seeds(msgspec.Struct, frozen=True, kw_only=True):
    """From where to read. students: any ids ever minted. records: uuids. acts: of acts and of declarations."""

    students: Sequence[str] = ()
    records: Sequence[str] = ()
    acts: Sequence[str] = ()


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """What is written with an act. parts: of other streams. cases: as in ``Relinked``. reason: words of the person.

    sealed_under: subject of the key for the reason; None: the record of the first anchor that there is. standing: of
    the cases that the parts speak of.
    """

    parts: Sequence[Part] = ()
    cases: Mapping[bytes, tuple[str | None, str | None]] = {}
    standing: Sequence[CaseStanding] = ()
    reason: str = ""
    sealed_under: tuple[str, str] | None = None


class Linked(msgspec.Struct, frozen=True, kw_only=True):
    """An act that is durable. id: of the act or declaration. students: that it left, by the ids that they show. cases:
    opened with it, as they were written."""

    id: str
    position: int
    students: list[str]
    cases: list[str] = []
    replayed: bool = False


class Links:
    """Reads and writes linkage. Safe for threads. log: of the ledger."""

    def __init__(self, log: Log) -> None:
        self._log = log

    @property
    def log(self) -> Log:
        """In which linkage stands."""
        return self._log

    def reach(self, seeds: Seeds) -> Reach:
        """The students concerned, whole, with all that was said of them. Raises StoreUnavailable, LogBroken, …"""
        rows: dict[str, _Row] = {}
        said: dict[str, list[Recorded]] = {}
        linkage = Linkage()
        students = {*seeds.students, *(act.partition("-")[0] for act in seeds.acts)}
        records = set(seeds.records)
        while True:
            found = self._rows(students - {row.anchor.student_id for row in rows.values()}, records - set(rows))
            rows |= found
            # A stream is read also where its record is gone: what it joined, it joins.
            wanted = students | {row.anchor.student_id for row in rows.values()}
            streams = sorted(wanted - set(said))
            said |= {student: [] for student in streams}
            if streams:
                for recorded in self._log.read_streams([f"linkage/{student}" for student in streams]):
                    said[recorded.stream[PREFIX:]].append(recorded)
                # In the order of the log: of copies in several streams the first counts, whichever is read first.
                heard = sorted(chain.from_iterable(said.values()), key=lambda one: one.position)
                linkage = fold((one.position, one.event) for one in heard)
            ends = {a.student_id for edge in live_edges(linkage) for a in (edge.left, edge.right)}
            students = _of_acts(seeds.acts, linkage) | ends
            records = {record for act in seeds.acts for record in _sides(act, linkage)} - set(rows)
            if students <= set(said) and not found and not streams:
                break
        return Reach(
            linkage=linkage,
            records={row.anchor.record: row.anchor for row in rows.values()},
            versions={student: len(recorded) for student, recorded in said.items()},
            held={row.anchor.record: row.case for row in rows.values() if row.case is not None},
        )

    def act(
        self,
        seeds: Seeds,
        decide: Callable[[Reach], tuple[Acted, Beside]],
        meta: Meta,
        request: RequestKey | None = None,
    ) -> Linked:
        """Decide on what there is, and write; anew where somebody was faster.

        Raises what ``decide`` raises, BoundByNotSame, IdempotencyKeyReused, StaleDecision (others were faster twenty
        times), StoreUnavailable, OutcomeUnknown.
        """
        for _ in range(ATTEMPTS_MAX):
            reach = self.reach(seeds)
            try:
                acted, beside = decide(reach)
            except (Refused, Conflict, NotFound, Forbidden) as refusal:
                answer = refused_answer(request, refusal)
                if answer is not None:
                    receipt = self._log.append(Append(parts=[], meta=meta, answer=answer))
                    if receipt.replayed and receipt.answer is not None:
                        raise_if_refused(receipt.answer)
                        return _again(receipt.answer.ids, receipt.position)
                raise
            students, cases = sorted(_touched(acted)), _opened(beside.parts)
            append = self._append(reach, acted, beside, meta)
            answer = kept_answer(request, 201, {"id": acted.id, "students": students, "cases": cases})
            if not acted.said and not beside.parts and answer is None:
                return Linked(id=acted.id, position=self._log.head(), students=students)
            try:
                receipt = self._log.append(msgspec.structs.replace(append, answer=answer))
            except StaleDecision:
                continue
            if receipt.replayed and receipt.answer is not None:
                raise_if_refused(receipt.answer)
                return _again(receipt.answer.ids, receipt.position)
            return Linked(id=acted.id, position=receipt.position, students=students, cases=cases)
        raise StaleDecision("Others changed these students faster than it could be decided upon.", remedy="Try again.")

    # -- inside

    def _append(self, reach: Reach, acted: Acted, beside: Beside, meta: Meta) -> Append:
        events: dict[str, list[Event]] = {}
        for said in acted.said:
            for anchor in said.anchors:
                events.setdefault(anchor.student_id, []).append(said.event)
        sealed_under = beside.sealed_under or _first_anchor(reach, acted)
        parts = [
            self._part(student, reach.versions[student], written, sealed_under, beside)
            for student, written in events.items()
        ]
        # Read and not written: nothing may have been said there since.
        parts += [
            Part(stream=f"linkage/{student}", subject=LEDGER[0], expected=version, events=[])
            for student, version in reach.versions.items()
            if student not in events
        ]
        return Append(
            parts=[*parts, *beside.parts],
            meta=meta,
            relinked=_relinked(reach, acted, beside),
            cases=beside.standing,
        )

    def _part(
        self, student: str, version: int, events: list[Event], sealed_under: tuple[str, str] | None, beside: Beside
    ) -> Part:
        secrets = {}
        if beside.reason and sealed_under is not None:
            secrets = {place: {REASON: Secret(sealed_under, beside.reason)} for place in range(len(events))}
        return Part(stream=f"linkage/{student}", subject=LEDGER[0], expected=version, events=events, secrets=secrets)

    def _rows(self, students: Iterable[str], records: Iterable[str]) -> dict[str, _Row]:
        asked = list(students), [uuid.UUID(record) for record in records]
        if not any(asked):
            return {}
        with self._log.connection() as conn, conn.cursor(row_factory=tuple_row) as cursor:
            rows = cursor.execute(_MEMBERS, asked).fetchall()
        found: dict[str, _Row] = {}
        for record, minted, case, opened in rows:
            if opened is None:
                raise LogBroken(f"Record {record} has a guard and no opening.", remedy="Run `sojourn doctor`.")
            found[str(record)] = _Row(Anchor(str(record), minted, opened), None if case is None else str(case))
        return found


class _Row(msgspec.Struct, frozen=True):
    anchor: Anchor
    case: str | None


_MEMBERS = """
with asked as materialized (
    select student_id from ledger.records where minted = any(%s)
    union
    select student_id from ledger.records where record_id = any(%s::uuid[])
), members as materialized (
    select r.record_id, r.minted, r.case_id from asked a join ledger.records r on r.minted = a.student_id
    union
    select r.record_id, r.minted, r.case_id from asked a
    join ledger.records r on r.student_id = a.student_id and r.student_id <> r.minted
)
select m.record_id, m.minted, m.case_id,
    (select e.position from ledger.events e where e.stream = 'record/' || m.record_id and e.version = 1)
from members m
"""


def _of_acts(acts: Iterable[str], linkage: Linkage) -> set[str]:
    """Ids of the streams into which acts and declarations were written."""
    events: list[Event] = []
    for asked in acts:
        if asked in linkage.acts:
            events.append(linkage.acts[asked][1])
        elif asked in linkage.declarations:
            events.append(linkage.declarations[asked][1])
    return {anchor.student_id for event in events for anchor in _anchors(event, linkage)}


def _anchors(event: Event, linkage: Linkage) -> tuple[Anchor, ...]:
    if isinstance(event, ActReversed) and event.reverses not in linkage.acts:
        return ()  # it stands in the same streams, and they are not all read yet
    return anchors_of(event, linkage)


def _sides(act: str, linkage: Linkage) -> Iterable[str]:
    """Records that the act at the end of a chain of reversals parted or joined, wherever they are now."""
    known = linkage.acts.get(act)
    while known is not None and isinstance(known[1], ActReversed):
        known = linkage.acts.get(known[1].reverses)
    match known:
        case (_, RecordLinked() | StudentsMerged() as joined):
            return [*joined.left, *joined.right]
        case (_, RecordsSplit() as split):
            return [record for part in split.parts for record in part.records]
        case _:
            return ()


def _touched(acted: Acted) -> set[str]:
    """Students, as they show after the act, of the records that it names. One that was destroyed is nobody's, unless
    it still joins others."""
    shown = acted.after.student_of
    return {shown[anchor.record] for said in acted.said for anchor in said.anchors if anchor.record in shown}


def _opened(parts: Iterable[Part]) -> list[str]:
    """Cases that begin with these parts."""
    streams = (part.stream.partition("/") for part in parts if part.expected == 0)
    return [name for kind, _, name in streams if kind == "case"]


def _first_anchor(reach: Reach, acted: Acted) -> tuple[str, str] | None:
    """Subject of the key of the first record, of those that there are, that an act names: none is made anew for one
    that was destroyed. None where none of them is there, and then no words are kept."""
    named = (anchor.record for said in acted.said for anchor in said.anchors)
    return next(((record, "education") for record in named if record in reach.records), None)


def _relinked(reach: Reach, acted: Acted, beside: Beside) -> Relinked:
    then = reach.after(said.event for said in acted.said)
    before, after = (_ids(linkage) for linkage in (reach.linkage, then.linkage))
    return Relinked(
        students={
            _raw(record): acted.after.student_of[record]
            for record in reach.records
            if acted.before.student_of[record] != acted.after.student_of[record]
        },
        together=[[_raw(anchor.record) for anchor in members] for members in _joined(acted.after)],
        declared=[
            (said.event.declaration, _raws(said.event.left), _raws(said.event.right))
            for said in acted.said
            if isinstance(said.event, DeclaredNotSame)
        ],
        withdrawn=sorted(before - after),
        revived=sorted((after - before) & set(reach.linkage.declarations)),
        # What joins or parts a record expects the case that held it when that was read, and leaves it there: opening a
        # case writes into no stream of linkage, so no version tells of it.
        cases={
            **{
                _raw(record): (reach.held.get(record), reach.held.get(record))
                for record in joined_or_parted(acted)
                if record in reach.records
            },
            **beside.cases,
        },
    )


def _joined(students: Clusters) -> Iterable[tuple[Anchor, ...]]:
    return (members for members in students.members.values() if len(members) > 1)


def _ids(linkage: Linkage) -> set[str]:
    return {declared.declaration for declared in live_declarations(linkage)}


def _raw(record: str) -> bytes:
    return uuid.UUID(record).bytes


def _raws(anchors: Iterable[Anchor]) -> list[bytes]:
    return [_raw(anchor.record) for anchor in anchors]


def _again(ids: Mapping[str, object], position: int) -> Linked:
    students, cases = (msgspec.convert(ids[name], list[str]) for name in ("students", "cases"))
    return Linked(id=str(ids["id"]), position=position, students=students, cases=cases, replayed=True)
