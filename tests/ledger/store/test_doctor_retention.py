"""What the doctor finds of retention: guards that do not follow from the events, and keys that came back."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from ledger.application import Ledger
from ledger.events import Erased
from ledger.events.linkage import Anchor
from ledger.events.retention import KeyDestroyed, OverRecords
from ledger.store import doctor_cases, doctor_records, doctor_retention, retention_guards
from ledger.store.database import Database, Role
from ledger.store.restored_keys import destroy_again
from support.casework import ANA, BEN, WHY, Hands, Work
from support.gone import as_migrated, destroy, rows
from support.logs import append

NewLedger = Callable[..., Ledger]
NOBODY = "00000000-0000-0000-0000-000000000001"


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def work(database: Database, new_ledger: NewLedger, clock: Hands) -> Work:
    return Work(new_ledger(database, clock=clock))


@pytest.fixture
def record(work: Work) -> str:
    """Destroyed whole; another lost its eligibility, a third is held, and a case is open about two more."""
    gone, without_moves, held = (work.opened("OR", number) for number in "123")
    anchor = Anchor(work.record(held), held, 1)
    over = OverRecords(records=[anchor])
    work.ledger.keeping.place("legal", over, WHY, ANA, until=date(2030, 1, 1))
    released = work.ledger.keeping.place("request", over, WHY, ANA).id
    work.ledger.keeping.release(released, WHY, ANA)
    left, right = work.opened("CA", "4"), work.opened("TX", "5")
    work.proposals.propose_merge(left, right, left, WHY, ANA)
    destroy(work.ledger, work.record(without_moves), "eligibility")
    record = work.record(gone)
    destroy(work.ledger, record)
    return record


def faults(work: Work) -> list[str]:
    ledger = work.ledger
    with ledger.database.connect(Role.PROJECTOR) as conn:
        names = [row[0] for row in rows(ledger, "select record_id from ledger.records")]
        wrong = [fault for _, fault in doctor_records.faults(conn, ledger.log, names, ledger.row_key())]
        return [*wrong, *doctor_cases.faults(conn, ledger.log), *doctor_retention.faults(conn, ledger.log)]


def test_after_disposals_holds_and_cases_all_guards_follow_from_their_events(work: Work, record: str) -> None:
    assert faults(work) == []


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("delete from ledger.destroyed where class = 'education'", "keys are missing"),
        ("update ledger.tombstones set minted = '1'", "tombstones are missing"),
        ("update ledger.holds set released = true", "holds are missing"),
        ("delete from ledger.holds where released", "holds are missing"),
        ("delete from ledger.case_records", "keeps from going"),
        (f"insert into ledger.case_records select '{NOBODY}', record_id from ledger.records", "is not open"),
        ("update access.head set disposals = 1", "does not tell of the last disposal"),
        ("alter table vault.keys disable trigger nothing_is_gone", "trigger"),
        (
            (
                "alter table vault.keys disable trigger nothing_is_gone; insert into vault.keys select"
                " gen_random_uuid(), subject, 'education', '', '', now() from ledger.tombstones;"
                " alter table vault.keys enable trigger nothing_is_gone"
            ),
            "keys are there for it",
        ),
    ],
)
def test_a_guard_that_was_changed_is_told(work: Work, record: str, statement: str, told: str) -> None:
    with work.ledger.database.connect() as conn:
        conn.execute(statement)  # type: ignore[arg-type]
    (_,) = [fault for fault in faults(work) if told in fault]


def test_keys_that_a_backup_brought_back_open_nothing_and_are_destroyed_again(work: Work, record: str) -> None:
    ledger, again = work.ledger, work.record(work.opened("WA", "6"))
    with ledger.database.connect() as conn:
        conn.execute("create table public.backup as select * from vault.keys")
    destroy(ledger, again)
    assert back(work) == []
    with ledger.database.connect() as conn:
        conn.execute("alter table vault.keys disable trigger nothing_is_gone")
        conn.execute("insert into vault.keys select * from public.backup on conflict do nothing")
        conn.execute("alter table vault.keys enable trigger nothing_is_gone")
    (told,) = back(work)
    assert "2 keys" in told[0]
    assert "--again" in told[1]
    assert {type(one.event) for one in ledger.log.read_stream(f"record/{again}")} == {Erased}
    assert destroy_again(ledger.database) == 2
    assert back(work) == []
    assert destroy_again(ledger.database) == 0


def back(work: Work, certified: dict[bytes, str] | None = None) -> list[tuple[str, str]]:
    with work.ledger.database.connect(Role.PROJECTOR) as conn:
        return list(doctor_retention.brought_back(conn, certified or {}))


def test_a_database_from_before_a_disposal_is_known_by_what_was_kept_outside(work: Work, record: str) -> None:
    there = rows(work.ledger, "select key_id from vault.keys where class = 'education' limit 1")[0][0]
    (told,) = back(work, {there.bytes: "a-disposal", bytes(16): "another"})
    assert "a-disposal" in told[0]
    assert "another" not in told[0]
    assert "anew" in told[1]


GUARDS = (
    "select * from ledger.destroyed",
    "select * from ledger.tombstones",
    "select * from ledger.case_records",
    "select l.disposals, a.disposals from ledger.head l, access.head a",
)


def guards(work: Work) -> list[list[Any]]:
    return [sorted(rows(work.ledger, query), key=str) for query in GUARDS]


def test_an_older_log_has_its_guards_read_from_its_events_once(work: Work, record: str) -> None:
    ledger, before = work.ledger, guards(work)
    assert all(before)
    as_migrated(ledger)
    # It is no fault that nobody has read them yet, and the doctor says so.
    assert faults(work) == []
    assert [len(told) for told in notes(work)] == [2]
    ledger.log.fill_guards()
    assert guards(work) == before
    assert (faults(work), notes(work)) == ([], [])
    with ledger.database.connect() as conn:
        conn.execute("delete from ledger.case_records")
    ledger.log.fill_guards()
    assert rows(ledger, "select * from ledger.case_records") == [], "once is enough"
    assert faults(work) != []


def test_guards_are_read_of_a_log_of_which_some_stand_already(work: Work, record: str) -> None:
    before = guards(work)
    with work.ledger.database.connect() as conn:
        conn.execute("delete from tracking.positions where application_name = 'retention guards'")
    work.ledger.log.fill_guards()
    assert guards(work) == before


def test_what_comes_while_an_older_log_is_read_is_read_too(
    work: Work, record: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most of it is read without a lock: nobody waits for that."""
    ledger = work.ledger
    as_migrated(ledger)
    left, right = work.opened("FL", "8"), work.opened("GA", "9")
    case = rows(ledger, "select case_id from ledger.open_cases")[0][0]
    read = retention_guards._Said.catch_up

    def overtaken(said: Any) -> None:
        monkeypatch.setattr(retention_guards._Said, "catch_up", read)
        read(said)
        work.proposals.propose_merge(left, right, left, WHY, ANA)
        work.cases.answer(str(case), WHY, BEN, None, yes=True)
        # As whoever destroyed one before there were guards.
        key = uuid.uuid4().hex
        gone = KeyDestroyed(key_ids=[key], schedule="response_days", submission="FL-1")
        append(ledger.log, f"retention/{key}", gone)

    monkeypatch.setattr(retention_guards._Said, "catch_up", overtaken)
    ledger.log.fill_guards()
    assert len(rows(ledger, "select * from ledger.destroyed where subject = 'FL-1'")) == 1
    assert [row[0] for row in rows(ledger, "select distinct case_id from ledger.case_records")] == [
        row[0] for row in rows(ledger, "select case_id from ledger.open_cases where case_id <> %s", case)
    ]
    assert faults(work) == []


def notes(work: Work) -> list[tuple[str, str]]:
    with work.ledger.database.connect(Role.PROJECTOR) as conn:
        return list(doctor_retention.notes(conn))
