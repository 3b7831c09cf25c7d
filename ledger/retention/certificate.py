"""The certificate of a disposal: what went, by whose word and rule, and what proves it. Follows from events alone.

Invariant: it names nothing of a child, so it can be kept for ever and shown to anybody: ids that the ledger drew, days,
counts, rules, and the officials who answer for it. It says as well what it does not prove. Its events, each with the
key that opens this one alone, and their proofs of inclusion come with the first checkpoint that covers the last of
them; until then it says that it has none. With them ``ledger.proofs.certified`` verifies every word of it without a
database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta

import msgspec

from ledger.errors import LogBroken
from ledger.events.base import Recorded
from ledger.events.retention import DisposalApproved, DisposalProposed, Item, KeyDestroyed, ScheduleSet
from ledger.proofs.certificate_words import CERTIFICATE_FORMAT, not_proven_of, proven_by
from ledger.retention.schedules import ACCESS, STREAM, Schedules


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One record or account. position, event_id: of the event that says it went, both None where another disposal had
    destroyed it before: then nothing is counted here, for nothing of it went by this one. events: class of key to how
    many events opened by it. papers, cases: how many went with it."""

    subject: str
    record_class: str
    schedule: str
    keys: list[str]
    events: dict[str, int]
    student_id: str | None = None
    position: int | None = None
    event_id: str | None = None
    papers: int = 0
    cases: int = 0


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule by which something went. after: what it waited for, such as ``5 years after last-activity``.
    position: of the event that set it; None of the law's own, which nobody set."""

    schedule: str
    record_class: str
    after: list[str]
    authority: str
    state: str | None = None
    position: int | None = None


class Inclusion(msgspec.Struct, frozen=True, kw_only=True):
    """That an event stands in the log that was signed (RFC 9162, 2.1.3), and what it says there. leaf, path:
    hashes. entry: of which the leaf is the hash. ciphertext: the sealed body. key: that opens this body and no other.
    All in hexadecimal digits; the last two are None where an excerpt keeps the event shut."""

    position: int
    leaf: str
    path: list[str]
    entry: str
    ciphertext: str | None
    key: str | None


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """All that a certificate says. proposal, approval: positions of these events. state: whose lines alone are told;
    None where all are. backups_until: the day by which no backup that the operator keeps holds the keys, by what he had
    set when it was approved; None where he had not said. checkpoint: the signed note that inclusions are proven
    against; None until there is one."""

    disposal: str
    proposed_by: str
    proposed_at: datetime
    approved_by: str
    approved_at: datetime
    rules: list[Rule]
    lines: list[Line]
    counts: dict[str, int]
    proposal: int
    approval: int
    proves: list[str]
    proves_not: list[str]
    format: str = CERTIFICATE_FORMAT
    state: str | None = None
    backups_until: date | None = None
    checkpoint: str | None = None
    inclusions: list[Inclusion] = []

    @property
    def positions(self) -> list[int]:
        """Of every event that it rests on: a checkpoint that covers the last of them proves them all."""
        of_parts = (one.position for one in (*self.lines, *self.rules))
        return sorted({self.proposal, self.approval, *(n for n in of_parts if n is not None)})

    @property
    def streams(self) -> list[str]:
        """In which all of these events stand."""
        return [STREAM, *(f"retention/{name}" for name in (self.disposal, *(line.subject for line in self.lines)))]


def certificate(
    proposed: Recorded,
    approved: Recorded,
    destroyed: Sequence[Recorded],
    schedules: Schedules,
    set_at: Mapping[str, int],
) -> Certificate:
    """Of a disposal that was done. destroyed: every ``KeyDestroyed`` of it. schedules: all that there ever were.
    set_at: name of a schedule to the position at which it was set.

    Raises LogBroken where they do not belong together: a certificate says nothing that the log does not.
    """
    asked, done = proposed.event, approved.event
    if not isinstance(asked, DisposalProposed) or not isinstance(done, DisposalApproved):
        raise LogBroken(f"Position {approved.position}: no disposal was done there.")
    went = {_subject_of(one.event): one for one in destroyed if _is_of(one, asked.disposal)}
    lines = [_line(item, went.get(item.scope.subject)) for item in asked.items]
    missing = {line.subject for line in lines if line.position is None}
    if missing != set(done.gone) or len(went) + len(missing) != len(lines) or done.disposal != asked.disposal:
        raise LogBroken(f"Position {approved.position}: what went is not what was approved.")
    return Certificate(
        disposal=asked.disposal,
        proposed_by=asked.by,
        proposed_at=proposed.recorded_at,
        approved_by=done.by,
        approved_at=approved.recorded_at,
        rules=[_rule(name, schedules, set_at) for name in dict.fromkeys(item.schedule for item in asked.items)],
        lines=lines,
        counts=_counts(asked.items, went.keys()),
        proposal=proposed.position,
        approval=approved.position,
        proves=proven_by(all_of_it=True),
        proves_not=not_proven_of(_classes(asked.items)),
        backups_until=_backups_until(done, approved.recorded_at),
    )


def excerpt(known: Certificate, proposed: DisposalProposed, state: str) -> Certificate:
    """What a certificate says of one state's records and accounts, with the proofs of that: all else is another's. So
    it does not say that the keys listed are all that went, and does not open what names others. All of it where nothing
    is another's."""
    own = [item for item in proposed.items if item.scope.state == state]
    if len(own) == len(proposed.items):
        return known
    subjects = {item.scope.subject for item in own}
    lines = [line for line in known.lines if line.subject in subjects]
    rules = {rule.schedule: rule for rule in known.rules}
    shut = {known.proposal}
    if any(line.position is None and line.subject not in subjects for line in known.lines):
        shut.add(known.approval)
    said = msgspec.structs.replace(
        known,
        rules=[rules[name] for name in dict.fromkeys(line.schedule for line in lines)],
        lines=lines,
        counts=_counts(own, {line.subject for line in lines if line.position is not None}),
        proves=proven_by(all_of_it=False),
        proves_not=not_proven_of(_classes(own)),
        state=state,
    )
    there = set(said.positions)
    inclusions = [
        msgspec.structs.replace(one, ciphertext=None, key=None) if one.position in shut else one
        for one in known.inclusions
        if one.position in there
    ]
    return msgspec.structs.replace(said, inclusions=inclusions)


def with_proofs(known: Certificate, checkpoint: str, inclusions: Sequence[Inclusion]) -> Certificate:
    """The certificate with what proves it. Raises LogBroken where an event of it is left unproven."""
    if not set(known.positions) <= {one.position for one in inclusions}:
        raise LogBroken("Not every event of the disposal has its proof of inclusion.")
    ordered = sorted(inclusions, key=lambda one: one.position)
    return msgspec.structs.replace(known, checkpoint=checkpoint, inclusions=ordered)


# -- inside


def _is_of(recorded: Recorded, disposal: str) -> bool:
    return isinstance(recorded.event, KeyDestroyed) and recorded.event.disposal == disposal


def _subject_of(event: object) -> str:
    assert isinstance(event, KeyDestroyed)
    return event.record or event.account or ""


def _line(item: Item, recorded: Recorded | None) -> Line:
    scope, keys = item.scope, [key.id for key in item.scope.keys]
    if recorded is None:
        return Line(
            subject=scope.subject,
            record_class=scope.record_class,
            student_id=scope.student_id,
            schedule=item.schedule,
            keys=[],
            events={},
        )
    assert isinstance(recorded.event, KeyDestroyed)
    if recorded.event.key_ids != keys:
        raise LogBroken(f"Position {recorded.position}: other keys went than were approved.")
    return Line(
        subject=scope.subject,
        record_class=scope.record_class,
        student_id=scope.student_id,
        schedule=item.schedule,
        keys=keys,
        events=scope.events,
        position=recorded.position,
        event_id=recorded.event_id,
        papers=len(scope.attachments),
        cases=len(scope.cases),
    )


def _rule(name: str, schedules: Schedules, set_at: Mapping[str, int]) -> Rule:
    schedule = schedules.called(name)
    if schedule is None:
        raise LogBroken(f"No schedule is called {name}.", remedy="Hand in all schedules that there ever were.")
    return Rule(
        schedule=name,
        record_class=schedule.record_class,
        state=schedule.state,
        after=_after(schedule),
        authority=schedule.authority,
        position=set_at.get(name),
    )


def _after(schedule: ScheduleSet) -> list[str]:
    return [f"{term.years} {'year' if term.years == 1 else 'years'} after {term.since}" for term in schedule.after]


def _counts(items: Sequence[Item], went: Collection[str]) -> dict[str, int]:
    """Of what this disposal destroyed: records, accounts, keys, events, papers, cases."""
    counts = Counter({"records": 0, "accounts": 0, "keys": 0, "events": 0, "papers": 0, "cases": 0})
    for scope in (item.scope for item in items):
        if scope.subject not in went:
            continue
        counts["accounts" if scope.record_class == ACCESS else "records"] += 1
        counts["keys"] += len(scope.keys)
        counts["events"] += sum(scope.events.values())
        counts["papers"] += len(scope.attachments)
        counts["cases"] += len(scope.cases)
    return dict(counts)


def _classes(items: Sequence[Item]) -> set[str]:
    return {item.scope.record_class for item in items}


def _backups_until(done: DisposalApproved, at: datetime) -> date | None:
    """Whatever was copied before has been let go by the end of that day."""
    return None if done.backup_days is None else (at + timedelta(days=done.backup_days)).date()
