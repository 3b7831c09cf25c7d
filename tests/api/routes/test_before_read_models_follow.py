"""Between a disposal and the read models: what is gone is not shown, and who is still there is not said to be gone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from psycopg import sql

from api import show
from ledger.application import Ledger
from ledger.store.database import Database, Role
from support.acting import Office
from support.admitting import ROSA, admitted
from support.bodies import ENROLLMENT
from support.disposing import Item, dispose
from support.gone import destroy

DISTRICT = "4113770"
SEARCH = "/v1/students/search"
BEHIND = (503, "projection-behind")


@contextmanager
def standing_still(database: Database, *tables: str) -> Iterator[None]:
    """No projector writes these tables; everybody reads them."""
    with database.connect(Role.PROJECTOR, autocommit=False) as conn:
        for table in tables:
            conn.execute(sql.SQL("lock table {} in share mode").format(sql.Identifier(*table.split("."))))
        yield


@pytest.fixture
def child(office: Office, ledger: Ledger) -> tuple[str, str]:
    """A child that has been read by all: her id, her record."""
    office.gives("audrey", "auditor", None)
    student = office.record("OR", "OR1", enrollments=[ENROLLMENT | {"school_district_id": DISTRICT}])
    at = f"at_least={ledger.log.head()}"
    for path in ("", "/history"):
        assert office.ask("audrey", "GET", f"/v1/students/{student}{path}?{at}").status_code == 200
    [found] = found_by(office, at)
    assert found["student_id"] == student
    return student, record_of(ledger, student)


def record_of(ledger: Ledger, student: str) -> str:
    with ledger.log.connection() as conn:
        row: Any = conn.execute("select record_id from ledger.records where minted = %s", (student,)).fetchone()
    return str(row["record_id"])


def found_by(office: Office, at: str = "") -> list[dict[str, Any]]:
    return office.does("audrey", "POST", f"{SEARCH}?{at}", {"name": "Marisol Quiñones"})["students"]


def problem(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


def test_a_search_finds_nobody_who_is_gone(
    database: Database, office: Office, ledger: Ledger, child: tuple[str, str]
) -> None:
    with standing_still(database, "search.records"):
        destroy(ledger, child[1])
        answer = office.ask("audrey", "POST", SEARCH, {"name": "Marisol Quiñones"})
        assert problem(answer) == BEHIND
        assert "Quiñones" not in answer.text
    assert found_by(office, f"at_least={ledger.log.head()}") == []


def test_a_student_is_not_shown_with_moves_that_are_gone(
    database: Database, office: Office, ledger: Ledger, child: tuple[str, str]
) -> None:
    student, record = child
    with standing_still(database, "students.students"):
        destroy(ledger, record, "eligibility")
        answer = office.ask("audrey", "GET", f"/v1/students/{student}")
        assert problem(answer) == BEHIND
        assert "Madera" not in answer.text
    shown = office.ask("audrey", "GET", f"/v1/students/{student}?at_least={ledger.log.head()}")
    assert shown.status_code == 200
    assert "Madera" not in shown.text


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/students/{student}", None),
        ("GET", "/v1/students/{student}/records", None),
        ("GET", "/v1/students/{student}/history", None),
        ("GET", "/v1/students/{student}/disclosures", None),
        ("POST", SEARCH, {"name": "Marisol Quiñones"}),
        ("GET", "/v1/cases", None),
        ("GET", "/v1/lists/children", None),
    ],
)
def test_nothing_that_was_read_before_a_disposal_leaves(
    office: Office, ledger: Ledger, child: tuple[str, str], method: str, path: str, body: Any
) -> None:
    """Every way in, as though no read model had come to the disposal yet."""
    path = path.format(student=child[0])
    assert office.ask("ana", method, path, body).status_code == 200
    with ledger.database.connect() as admin:
        admin.execute(
            "insert into ledger.destroyed select gen_random_uuid(), 'somebody', 'education', position + 1000"
            " from ledger.head"
        )
    with ledger.log.connection() as conn:
        for log in ("ledger", "access"):
            conn.execute(f"update {log}.head set disposals = position + 1000".encode())
    answer = office.ask("ana", method, path, body)
    assert problem(answer) == BEHIND
    assert "Quiñones" not in answer.text


@pytest.mark.parametrize("path", ["/v1/applications", "/v1/accounts"])
def test_no_account_and_no_application_is_listed_whose_papers_are_gone(
    database: Database, office: Office, ledger: Ledger, path: str
) -> None:
    office.gives("nadia", "user_administrator", None)
    account = admitted(ledger.admissions)
    shown = office.ask("nadia", "GET", f"{path}?at_least={ledger.log.head()}")
    assert (shown.status_code, ROSA in shown.text) == (200, True)
    with standing_still(database, "accounts.accounts"):
        dispose(database, ledger, "access", Item(account))
        answer = office.ask("nadia", "GET", path)
        assert answer.status_code == 503
        assert ROSA not in answer.text
    after = office.ask("nadia", "GET", f"{path}?at_least={ledger.log.head()}")
    assert (after.status_code, ROSA in after.text) == (200, False)


def test_what_was_told_of_a_record_alone_is_not_found_when_it_is_gone(
    database: Database, office: Office, ledger: Ledger, child: tuple[str, str]
) -> None:
    student, record = child
    office.gives("vera", "auditor", None)
    search, asked = "/v1/disclosures/search", {"actor": "audrey"}

    def views() -> list[str]:
        return [
            one["view"] for one in office.does("vera", "POST", search, asked)["disclosures"] if one["record"] == record
        ]

    assert views() == ["search", "history", "student"]
    with standing_still(database, "disclosures.disclosures"):
        destroy(ledger, record)
        assert views() == ["search"], "what named her among others stays"
        assert student not in office.ask("vera", "POST", search, asked).text
    ledger.forgetting.tell()
    assert views() == ["search"]


def test_disclosures_that_were_read_before_a_disposal_do_not_leave(
    office: Office, ledger: Ledger, child: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disposal comes between the look and the entry."""
    office.gives("vera", "auditor", None)
    write = show.make_durable

    async def destroy_and_write(*given: Any) -> int:
        await asyncio.to_thread(destroy, ledger, child[1])
        return await write(*given)

    monkeypatch.setattr(show, "make_durable", destroy_and_write)
    answer = office.ask("vera", "POST", "/v1/disclosures/search", {"actor": "audrey"})
    assert problem(answer) == BEHIND
    assert child[0] not in answer.text


def test_a_student_of_whom_a_record_is_left_is_not_said_to_be_gone(
    database: Database, office: Office, ledger: Ledger, child: tuple[str, str], new_ledger: Any
) -> None:
    student, record = child
    left = office.record("CA", "CA1")
    office.merged(student, left, "olga", "carl")
    assert office.shown("audrey", student, ledger.log.head())["core"]["records"]
    other = new_ledger(database, ledger.clock)
    with standing_still(database, "students.students"):
        # Another process does it, so that this one is told by the commit of its entry alone.
        destroy(other, record)
        assert problem(office.ask("audrey", "GET", f"/v1/students/{student}")) == BEHIND
    shown = office.shown("audrey", student, ledger.log.head())
    assert [one["state"] for one in shown["core"]["records"]] == ["CA"]
