"""The doctor sees a guard of cases that does not follow from the events."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ledger.events import Meta
from ledger.store.database import Database
from ledger.store.doctor_cases import faults
from support.casework import ANA, BEN, WHY, Hands, Work

CLOSED_AGAIN = (
    "insert into ledger.open_cases select replace(stream, 'case/', '')::uuid, 'residue', null"
    " from ledger.events where topic = 'case-closed.v1'"
)


@pytest.fixture
def proposed(work: Work, three: tuple[str, ...]) -> str:
    """A case that is open, beside one that is closed."""
    a, b, c = three
    work.merged(a, b)
    return work.proposals.propose_merge(a, c, a, WHY, ANA).case


def found(work: Work) -> list[str]:
    with work.ledger.log.connection() as conn:
        return list(faults(conn, work.ledger.log))


def test_guards_that_follow_from_the_events_are_sound_at_every_step(work: Work, proposed: str, clock: Hands) -> None:
    assert found(work) == []
    clock.now += timedelta(days=9)
    work.cases.escalate(proposed, Meta(actor="timekeeper"))
    assert found(work) == []
    clock.now += timedelta(days=90)
    work.cases.escalate(proposed, Meta(actor="timekeeper"))
    assert found(work) == []
    act = work.cases.answer(proposed, WHY, BEN, None, yes=True).after.closed
    assert act is not None
    assert act.act is not None
    assert found(work) == []
    work.reversals.reverse(act.act, WHY, ANA, None)
    assert found(work) == []


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("update ledger.open_cases set due = now()", "does not follow"),
        ("update ledger.open_cases set kind = 'residue'", "does not follow"),
        ("update ledger.open_cases set about = 'nothing'", "does not follow"),
        ("delete from ledger.open_cases", "is open and has no guard row"),
        ("insert into ledger.open_cases values (gen_random_uuid(), 'residue', null)", "a guard row and no events"),
        (
            CLOSED_AGAIN,
            "is closed and has a guard row",
        ),
        ("update ledger.records set case_id = gen_random_uuid()", "which holds nothing"),
    ],
)
def test_a_guard_that_somebody_changed_is_seen(
    work: Work, proposed: str, database: Database, statement: str, fault: str
) -> None:
    with database.connect() as conn:
        conn.execute(statement.encode())
    assert any(fault in one for one in found(work)), found(work)


def test_of_a_case_whose_key_is_gone_is_still_seen_whether_it_is_open(
    work: Work, proposed: str, database: Database
) -> None:
    with database.connect() as conn:
        conn.execute("delete from vault.keys where class = 'case'")
    for (subject,) in work.query("select replace(stream, 'case/', '') from ledger.heads where stream like 'case/%%'"):
        work.ledger.vault.forget((subject, "case"))
    assert found(work) == []
    with database.connect() as conn:
        conn.execute("delete from ledger.open_cases")
    assert found(work)[0] == f"Case {proposed} is open and has no guard row."
