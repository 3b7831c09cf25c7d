"""A disposal while others are at the same records: of each pair one is decided on what the other one left.

Never is a key destroyed under what was written behind it, and never half of a disposal.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace

from ledger.application import Ledger
from ledger.errors import LedgerError, NotDue, RecordDestroyed, ScopeChanged, UnderHold
from ledger.events import Erased, Meta
from ledger.record import PlaceStudent
from ledger.store.append import Append
from ledger.store.database import Database
from support.casework import Hands, Work
from support.disposals import ANA, BEN, CLEO, LATER, ScannedLists, among, keep_for_years
from support.logs import append
from support.rows import demographics, student

TIMES = 6
WHY = "A court has asked for it."
NewLedger = Callable[..., Ledger]


@pytest.fixture
def works(database: Database, new_ledger: NewLedger, clock: Hands) -> tuple[Work, Work]:
    """Two services, at a time when all that was said in 2025 is due."""
    made = Work(new_ledger(database, clock=clock)), Work(new_ledger(database, clock=clock))
    for work in made:
        work.ledger.disposals.look_in(ScannedLists(work.ledger))
    keep_for_years(made[0].ledger)
    clock.now = LATER
    return made


def opened(work: Work, clock: Hands, ssid: str, state: str = "OR") -> str:
    now, clock.now = clock.now, LATER.replace(year=2025)
    record = work.record(work.opened(state, ssid))
    clock.now = now
    return record


def at_once(*deeds: Callable[[], Any]) -> list[Any]:
    """What each gave, or the error that it met."""
    together = threading.Barrier(len(deeds))

    def do(deed: Callable[[], Any]) -> Any:
        together.wait(30)
        try:
            return deed()
        except LedgerError as error:
            return error

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(do, deeds))


def keys_of(work: Work, record: str) -> int:
    return work.query("select count(*) from vault.keys where subject = %s", record)[0][0]


def again(work: Work, ssid: str) -> Any:
    rows = replace(student(demographics(None, first_name="Otra")), state="OR", state_student_id=ssid)
    command = PlaceStudent(state="OR", state_student_id=ssid, student=rows, new_student_id="")
    return work.ledger.execute(command, Meta(actor="OR batch"))


def approving(work: Work, disposal: str, who: Meta) -> Callable[[], Any]:
    return partial(work.ledger.disposals.approve, disposal, who)


def late(work: Work, monkeypatch: pytest.MonkeyPatch, deed: Callable[[], object], name: str = "dispose") -> None:
    """Between this service's decision to destroy and the destruction somebody else does something; or to ``append``."""
    write = getattr(work.ledger.log, name)

    def overtaken(what: Append, *more: Any) -> object:
        monkeypatch.setattr(work.ledger.log, name, write)
        deed()
        return write(what, *more)

    monkeypatch.setattr(work.ledger.log, name, overtaken)


def test_two_who_approve_at_once_destroy_it_once(works: tuple[Work, Work], clock: Hands) -> None:
    one, other = works
    for record in [opened(one, clock, str(number)) for number in range(TIMES)]:
        disposal = one.ledger.disposals.propose("education", [record], ANA).id
        done = at_once(approving(one, disposal, BEN), approving(other, disposal, CLEO))
        assert {answer.status for answer in done} == {"done"}
        assert len(one.ledger.log.read_stream(f"retention/{record}")) == 1
        assert len(one.ledger.log.read_stream(f"retention/{disposal}")) == 2
        assert keys_of(one, record) == 0


def test_two_disposals_of_one_record_destroy_it_once(works: tuple[Work, Work], clock: Hands) -> None:
    one, other = works
    for record in [opened(one, clock, str(number)) for number in range(TIMES)]:
        first, second = (one.ledger.disposals.propose("education", [record], ANA).id for _ in range(2))
        done = at_once(approving(one, first, BEN), approving(other, second, BEN))
        assert [answer.status for answer in done] == ["done", "done"]
        assert len(one.ledger.log.read_stream(f"retention/{record}")) == 1
        counts = sorted(one.ledger.disposals.certificate(name).counts["records"] for name in (first, second))
        assert counts == [0, 1]


def test_a_hold_and_an_approval_at_once_leave_one_of_them(works: tuple[Work, Work], clock: Hands) -> None:
    one, other = works
    for record in [opened(one, clock, str(number)) for number in range(TIMES)]:
        disposal = one.ledger.disposals.propose("education", [record], ANA).id
        over = other.ledger.keeping.over_records([record])
        place = partial(other.ledger.keeping.place, "legal", over, WHY, CLEO)
        approved, held = at_once(approving(one, disposal, BEN), place)
        if isinstance(approved, LedgerError):
            assert isinstance(approved, UnderHold)
            assert held.status == "standing"
            assert keys_of(one, record) == 2
        else:
            assert keys_of(one, record) == 0
            assert isinstance(held, RecordDestroyed), "nobody is told that he holds what is gone"


def test_a_hold_over_what_is_destroyed_meanwhile_is_not_placed(
    works: tuple[Work, Work], clock: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several, also where its words are sealed under another one's key."""
    one, other = works
    records = [opened(one, clock, ssid) for ssid in "123"]
    over = other.ledger.keeping.over_records(records)
    disposal = one.ledger.disposals.propose("education", [records[1]], ANA).id
    late(other, monkeypatch, approving(one, disposal, BEN), "append")
    with pytest.raises(RecordDestroyed):
        other.ledger.keeping.place("legal", over, WHY, CLEO)
    assert other.ledger.keeping.holds(released=True) == []


@pytest.mark.parametrize("what", ["hold", "case", "fact", "merge", "search"])
def test_what_comes_between_decision_and_destruction_stops_it(
    works: tuple[Work, Work], clock: Hands, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    one, other = works
    record, third = opened(one, clock, "1"), opened(one, clock, "9", "CA")
    minted = {
        name: one.query("select minted from ledger.records where record_id = %s", name)[0][0]
        for name in (record, third)
    }
    disposal = one.ledger.disposals.propose("education", [record], ANA).id
    deeds: dict[str, tuple[Callable[[], object], type[LedgerError]]] = {
        "hold": (
            lambda: other.ledger.keeping.place("legal", other.ledger.keeping.over_records([record]), WHY, CLEO),
            UnderHold,
        ),
        "case": (
            lambda: other.proposals.propose_merge(minted[record], minted[third], minted[record], WHY, CLEO),
            UnderHold,
        ),
        "fact": (lambda: again(other, "1"), NotDue),
        "merge": (lambda: other.linked(minted[record], minted[third]), ScopeChanged),
        "search": (lambda: append(other.ledger.access, f"request/{uuid.uuid4()}", among(record)), NotDue),
    }
    deed, refusal = deeds[what]
    late(one, monkeypatch, deed)
    with pytest.raises(refusal):
        one.ledger.disposals.approve(disposal, BEN)
    assert keys_of(one, record) == 2
    assert one.ledger.log.read_stream(f"retention/{record}") == []


def test_a_fact_that_comes_while_it_is_destroyed_is_lost_to_nobody(works: tuple[Work, Work], clock: Hands) -> None:
    """It stops the disposal, or it is of a new record: never is it sealed under a key that went."""
    one, other = works
    records = {str(number): opened(one, clock, str(number)) for number in range(TIMES)}
    for ssid, record in records.items():
        disposal = one.ledger.disposals.propose("education", [record], ANA).id
        approved, sent = at_once(approving(one, disposal, BEN), partial(again, other, ssid))
        if isinstance(approved, LedgerError):
            # The second where it came between two looks at the record: it is not as it was proposed either way.
            assert isinstance(approved, NotDue | ScopeChanged)
            assert sent.record_id == record
            assert keys_of(one, record) == 2
        else:
            # Of a record that is not there any more a fact alone opens none: it wants a move (V9), and is told so.
            assert isinstance(sent, LedgerError) or sent.events == 0 or sent.record_id != record
            read = one.ledger.log.read_stream(f"record/{record}")
            assert all(isinstance(said.event, Erased) for said in read)
            assert len(read) == one.ledger.disposals.read(disposal).proposed.items[0].scope.version
