"""Retention, as the routes and commands tell it: schedules, holds, what is due, disposals, in words of the schema.

Invariant: ids, days, codes and counts, and nothing of a child; so what is told here is no disclosure. Who is narrowed
to a state is told what is that state's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from api.principal import Principal, decided, who
from ledger.access import Subject, decide
from ledger.application import Ledger
from ledger.disposals import DueItem, Known
from ledger.errors import BadValue, Forbidden, NotFound
from ledger.events.retention import (
    DisposalApproved,
    DisposalRefused,
    DisposalWithdrawn,
    Item,
    Over,
    OverAccount,
    OverAll,
    OverRecords,
    OverState,
    Reasoned,
    ScheduleSet,
    Scope,
)
from ledger.keeping import Held
from ledger.retention import obstacles
from ledger.retention.disposal import PROPOSED
from ledger.retention.due import Due, Kept
from ledger.retention.holds import Lifted, holds_on
from ledger.retention.obstacles import Obstacle, Present
from ledger.retention.places import Place
from ledger.retention.schedules import ACCESS, COUNTED, FLOORS, LAW, Schedules, name_of
from ledger.store import pending

# -- schedules


def schedules_told(known: Schedules) -> dict[str, Any]:
    """As ``SchedulesAnswer``: each in effect, the nation's behind its states'."""
    held = sorted(known.held.values(), key=lambda one: (one.record_class, one.state is None, one.state or ""))
    if (ACCESS, None) not in known.held:
        held.append(LAW)
    floors = [
        {"record_class": name, "since": floor.since, "years": floor.years, "source": floor.source}
        | {"counted": sorted(COUNTED[name])}
        for name, floor in FLOORS.items()
    ]
    return {"version": known.version, "schedules": [_schedule_told(one) for one in held], "floors": floors}


def _schedule_told(one: ScheduleSet) -> dict[str, Any]:
    return {
        "name": name_of(one),
        "record_class": one.record_class,
        "state": one.state,
        "after": [{"since": term.since, "years": term.years} for term in one.after],
        "authority": one.authority,
        "by": one.by,
    }


# -- holds


def over_of(
    ledger: Ledger,
    *,
    students: Sequence[str] | None = None,
    records: Sequence[str] | None = None,
    account: str | None = None,
    state: str | None = None,
    everything: bool = False,
) -> Over:
    """What a hold is over, of what somebody names: one kind of thing. Raises BadValue (rule ``hold-over``), NotFound,
    StoreUnavailable."""
    named = [name for name in (students, records, account, state, everything or None) if name is not None]
    if len(named) != 1:
        raise BadValue(
            "What is to be held is not said.",
            rule="hold-over",
            element="over",
            place="",
            remedy="Name students, records, an account, a state, or everything: one of these.",
        )
    if students is not None:
        return ledger.keeping.over_students(students)
    if records is not None:
        return ledger.keeping.over_records(records)
    if account is not None:
        ledger.admissions.standing(account)
        return OverAccount(account=account)
    return OverAll() if state is None else OverState(state=state)


def over_told(over: Over) -> dict[str, Any]:
    """As ``OverAnswer``."""
    match over:
        case OverRecords():
            return {"records": [anchor.record for anchor in over.records]}
        case OverAccount():
            return {"account": over.account}
        case OverState():
            return {"state": over.state}
        case OverAll():
            return {"everything": True}


def hold_told(held: Held, today: date, *, words: bool) -> dict[str, Any]:
    """As ``HoldAnswer``. today: by which its last day may be over. words: whether reasons are told."""
    placed, released = held.hold.placed, held.hold.released
    over = "standing" if holds_on(held.hold, today) else "over"
    return {
        "hold": placed.hold,
        "kind": placed.kind,
        "status": over if released is None else "released",
        "over": over_told(placed.over),
        "until": placed.until,
        "placed_by": placed.by,
        "placed_at": held.placed_at,
        "reason": placed.reason if words else None,
        "released_by": None if released is None else released.by,
        "released_at": held.released_at,
        "released_reason": released.reason if released is not None and words else None,
    }


def tells_words(principal: Principal) -> bool:
    """Whether somebody is told what people wrote of holds and disposals: who may place one or approve one. It may speak
    of a child in spite of all, of another state's too, and is sealed with her; nobody else needs it to do his work."""
    return any(decide(who(principal), action).allowed for action in ("hold.place", "disposal.approve"))


def holds_of(ledger: Ledger, found: Iterable[Held], state: str | None) -> list[Held]:
    """Of holds those that are over something of a state; all where none is named. Raises StoreUnavailable."""
    if state is None:
        return list(found)
    return [held for held in found if _is_over(ledger, held.hold.placed.over, state)]


def _is_over(ledger: Ledger, over: Over, state: str) -> bool:
    match over:
        case OverRecords():
            with ledger.log.connection() as conn:
                return state in pending.states_of(conn, [anchor.record for anchor in over.records]).values()
        case OverAccount():
            return state in {place.state for place in ledger.keeping.places_of_account(over.account) or ()}
        case OverState():
            return over.state == state
        case OverAll():
            return True


# -- what is due, and disposals


def item_told(item: DueItem) -> dict[str, Any]:
    """As ``PresentAnswer``."""
    return present_told(item.record_class, item.present)


def present_told(record_class: str, one: Present) -> dict[str, Any]:
    """As ``PresentAnswer``."""
    due = one.due if isinstance(one.due, Due) else None
    since = due if due is not None and due.tells else None
    return {
        "subject": one.subject.id,
        "record_class": record_class,
        "state": one.subject.state,
        "student_id": None if one.scope is None else one.scope.student_id,
        "due": due is not None and due.on <= one.subject.today,
        "due_on": None if since is None else since.on,
        "schedule": None if due is None else due.schedule,
        "since": one.due.since if isinstance(one.due, Kept) else None if since is None else since.since,
        "years": None if since is None else since.years,
        "source": None if since is None else since.source,
        "kept": None if isinstance(one.due, Due) else one.due.why,
        "held_by": [
            {"id": held.id, "kind": held.kind, "until": held.until}
            | ({} if held.through is None else {"through": held.through})
            for held in one.held
        ],
        "scope": None if one.scope is None else _scope_told(one.scope),
    }


def preview_told(ledger: Ledger, record_class: str, found: Sequence[Present]) -> dict[str, Any]:
    """As ``DisposalPreviewAnswer``. Raises StoreUnavailable, ProjectionBehind."""
    beside = ledger.disposals.beside(record_class, [one.subject.id for one in found])
    return {
        "record_class": record_class,
        "items": [present_told(record_class, one) for one in found],
        "counts": counts_of(one.scope for one in found if one.scope is not None),
        "rows": dict(beside.rows),
        "bundles": beside.bundles,
        "in_the_way": obstacles_told(obstacles.to_proposing(found)),
        "released": [_lifted_told(one) for one in ledger.disposals.lifted(found)],
    }


def disposal_told(
    known: Known,
    state: str | None,
    found: Sequence[Present] | None = None,
    lifted: Sequence[Lifted] = (),
    *,
    words: bool,
) -> dict[str, Any]:
    """As ``DisposalAnswer``. state: whose items alone are told. found: the items as they are now, of one that waits.
    lifted: as of a preview. words: whether the reason is told."""
    proposed, closed = known.disposal.proposed, known.closed
    items = [item for item in proposed.items if state in (None, item.scope.state)]
    by = closed.by if isinstance(closed, DisposalApproved | DisposalRefused | DisposalWithdrawn) else None
    gone = closed.gone if isinstance(closed, DisposalApproved) else []
    told = {
        "disposal": proposed.disposal,
        "status": known.disposal.status,
        "record_class": proposed.items[0].scope.record_class,
        "proposed_by": proposed.by,
        "proposed_at": known.proposed_at,
        "closed_by": by,
        "closed_at": known.closed_at,
        "reason": closed.reason if words and isinstance(closed, Reasoned) else None,
        "counts": counts_of(item.scope for item in items),
        "gone": [name for name in gone if name in {item.scope.subject for item in items}],
        "items": [_proposed_told(item) for item in items],
    }
    if found is not None:
        told["in_the_way"] = obstacles_told(in_the_way(proposed.items, found))
        told["released"] = [_lifted_told(one) for one in lifted]
    return told


def in_the_way(items: Sequence[Item], found: Sequence[Present]) -> list[Obstacle]:
    """What would refuse an approval now. found: the items as they are, in their order."""
    return obstacles.to_approving(zip(items, found, strict=True))


def _lifted_told(one: Lifted) -> dict[str, Any]:
    return {"hold": one.id, "kind": one.kind, "placed_by": one.by, "released_by": one.released_by}


def obstacles_told(found: Iterable[Obstacle]) -> list[dict[str, Any]]:
    """As ``ObstacleAnswer``."""
    return [{"problem": error.code, **told} for error, told in found]


def counts_of(scopes: Iterable[Scope]) -> dict[str, int]:
    """How many of what goes, as a certificate counts it."""
    counts: Counter[str] = Counter(dict.fromkeys(("records", "accounts", "keys", "events", "papers", "cases"), 0))
    for scope in scopes:
        counts["accounts" if scope.record_class == ACCESS else "records"] += 1
        counts["keys"] += len(scope.keys)
        counts["events"] += sum(scope.events.values())
        counts["papers"] += len(scope.attachments)
        counts["cases"] += len(scope.cases)
    return dict(counts)


def found_of(ledger: Ledger, known: Known) -> list[Present] | None:
    """The items of a disposal that waits as they are now; None of one that is closed. Raises as
    ``Disposals.present``."""
    if known.disposal.status != PROPOSED:
        return None
    items = known.disposal.proposed.items
    return ledger.disposals.present(items[0].scope.record_class, [item.scope.subject for item in items])


def must_be_own_area(ledger: Ledger, principal: Principal, record_class: str, subjects: Sequence[str]) -> None:
    """Pass where somebody may propose that these go: who is narrowed to an area, of its people's papers alone. Raises
    Forbidden, OtherState, NotFound."""
    decision = decided(principal, "disposal.propose")
    if decision.scope != "office":
        return
    if record_class in COUNTED and record_class != ACCESS:
        raise Forbidden(
            "Over access alone is decided by this role.", remedy="A privacy officer proposes what is of children."
        )
    for subject in subjects:
        owner = ledger.admissions.standing(subject).email
        # Of what is gone no place is left.
        places = ledger.keeping.places_of_account(subject) or []
        about = Subject(states={place.state for place in places if place.state is not None}, owners=(owner,))
        decided(principal, "disposal.propose", about)
        if any(not _is_in(principal, place) for place in places):
            raise Forbidden(
                "It had access, or asked for it, beyond your area.", remedy="The next higher authority proposes it."
            )


def _is_in(principal: Principal, place: Place) -> bool:
    return principal.state in (None, place.state) and principal.region in (None, place.region)


def must_hold_some(known: Known, state: str | None) -> None:
    """Pass where a disposal names something of a state. Raises NotFound: of others nothing is told."""
    if state is not None and state not in known.states:
        raise NotFound("There is no such disposal.", remedy="See the list of disposals.")


def _proposed_told(item: Item) -> dict[str, Any]:
    scope = item.scope
    return {
        "subject": scope.subject,
        "state": scope.state,
        "student_id": scope.student_id,
        "schedule": item.schedule,
        "scope": _scope_told(scope),
    }


def _scope_told(scope: Scope) -> dict[str, Any]:
    return {
        "keys": [{"id": key.id, "subject": key.subject, "key_class": key.key_class} for key in scope.keys],
        "events": scope.events,
        "attachments": scope.attachments,
        "cases": scope.cases,
        "student": scope.student,
        "version": scope.version,
    }
