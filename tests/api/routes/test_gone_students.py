"""What is answered of a student of whom everything was destroyed, and of one of whom a record is left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ledger.application import Ledger
from ledger.ids import student_id
from ledger.store.database import Database
from support.acting import WHY, Children, Office, merge, split
from support.gone import DISPOSAL, destroy, rows
from support.services import Clock

GONE = {"destroyed_on": "2025-09-02", "schedule": "education/OR/1", "authority": None, "disposal": DISPOSAL}


@pytest.fixture
def ledger(database: Database, new_ledger: Callable[..., Ledger], clock: Clock) -> Ledger:
    return new_ledger(database, clock)


@pytest.fixture
def office(office: Office) -> Office:
    office.gives("audrey", "auditor", None)
    office.gives("pru", "privacy_officer", None)
    return office


def record(ledger: Ledger, minted: str) -> str:
    [(uuid,)] = rows(ledger, "select record_id::text from ledger.records where minted = %s", minted)
    return uuid


@pytest.fixture
def then(office: Office, ledger: Ledger, children: Children) -> int:
    """Oregon's and California's child are one student, shown by Oregon's id, of whose record nothing is left. The
    position before they were joined."""
    then = ledger.log.head()
    office.merged(children.second, children.california, "olga", "carl")
    destroy(ledger, record(ledger, children.second))
    return then


def must_be_gone(answer: Any, student: str) -> None:
    assert answer.status_code == 410, answer.text
    told = answer.json()
    assert {name: told[name] for name in GONE} == GONE
    assert (told["type"], told["student_id"]) == ("/problems/gone", student)


# -- of whom nothing is left


@pytest.fixture
def gone(ledger: Ledger, children: Children) -> str:
    destroy(ledger, record(ledger, children.texas))
    return children.texas


def points(head: int) -> Sequence[str]:
    """Paths of a student at points before her record was opened, while it was there, and now."""
    of_then = [f"{path}?as_of={at}" for path in ("", "/records") for at in (1, head - 1, head)]
    differing = [f"/diff?from={first}{to}" for first in (1, head - 1, head) for to in ("", f"&to={head - 1}")]
    return [*of_then, "?effective_on=2025-05-01", f"?as_of={head - 1}&effective_on=2025-05-01", *differing]


def test_whatever_is_read_of_the_gone_is_410_and_no_entry_is_made_of_it(
    office: Office, ledger: Ledger, gone: str
) -> None:
    at = f"?at_least={ledger.log.head()}"
    entries = ledger.access.head()
    for path in ("", "/records", "/history", "/disclosures"):
        must_be_gone(office.ask("audrey", "GET", f"/v1/students/{gone}{path}{at}"), gone)
    for path in points(ledger.log.head()):
        must_be_gone(office.ask("audrey", "GET", f"/v1/students/{gone}{path}"), gone)
    must_be_gone(office.ask("audrey", "POST", f"/v1/students/{gone}/history/search{at}", {}), gone)
    assert ledger.access.head() == entries


def test_whatever_is_to_be_done_with_the_gone_is_410_the_second_time_too(
    office: Office, ledger: Ledger, children: Children, gone: str
) -> None:
    for number, (name, path, body) in enumerate(
        [
            ("pia", "/v1/merges", merge(gone, children.oregon)),
            ("pia", "/v1/merges", merge(children.oregon, gone)),
            ("pia", "/v1/splits", split(gone, [("OR", "OR1")])),
            ("olga", "/v1/not-same", {"left": children.oregon, "right": gone, "reason": WHY}),
            ("pru", "/v1/retention/holds", {"kind": "legal", "students": [gone], "reason": WHY}),
        ]
    ):
        for _ in range(2):
            must_be_gone(office.ask(name, "POST", path, body, headers={"Idempotency-Key": f"key {number}"}), gone)


def test_an_id_that_never_was_is_none_still(office: Office, ledger: Ledger, children: Children, gone: str) -> None:
    never = student_id(10**9)
    for path in ("", "?as_of=1", "/diff?from=1", "/history", "/records", "/disclosures"):
        assert office.refused("audrey", "GET", f"/v1/students/{never}{path}") == (404, "not-found")
    assert office.refused("pia", "POST", "/v1/merges", merge(children.oregon, never)) == (404, "not-found")


# -- of whom another record is left


def test_what_differs_of_one_of_whom_a_record_is_left_is_told_of_what_is_left(
    office: Office, ledger: Ledger, children: Children, then: int
) -> None:
    for student, before in ((children.second, None), (children.california, children.california)):
        told = office.does("audrey", "GET", f"/v1/students/{student}/diff?from={then}")
        assert (told["from"]["student_id"], told["to"]["student_id"]) == (before, children.second)
        told = office.does("audrey", "GET", f"/v1/students/{student}/diff?from=1")
        assert (told["from"]["student_id"], told["to"]["student_id"]) == (None, children.second)


def test_of_a_time_of_which_nothing_is_left_that_is_said_and_nobody_is_said_to_be_gone(
    office: Office, ledger: Ledger, children: Children, then: int
) -> None:
    for path in (f"?as_of={then}", f"/diff?from={then}&to={then}", f"/diff?from={then - 1}&to={then}"):
        answer = office.ask("audrey", "GET", f"/v1/students/{children.second}{path}")
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found"), answer.text
        assert "its keys were destroyed" in answer.json()["detail"]
        assert office.ask("audrey", "GET", f"/v1/students/{children.california}{path}").status_code == 200
    answer = office.ask("audrey", "GET", f"/v1/students/{children.second}?as_of=1")
    assert "had not been minted then" in answer.json()["detail"]
    office.gives("rita", "recruiter", "CA")
    assert office.ask("rita", "GET", f"/v1/students/{children.second}?as_of={then}").status_code == 403


def test_she_is_merged_split_and_held_by_the_id_that_she_shows(
    office: Office, ledger: Ledger, children: Children, then: int
) -> None:
    settled = office.merged(children.second, children.texas, "carl", "tess")
    at = ledger.log.head()
    for student in (children.second, children.california, children.texas):
        shown = office.shown("audrey", student, at)
        assert shown["student_id"] == children.second
        assert sorted(one["state"] for one in shown["core"]["records"]) == ["CA", "TX"]
    over = {"kind": "legal", "students": [children.second], "reason": WHY}
    hold = office.does("pru", "POST", "/v1/retention/holds", over)["id"]
    held = office.does("pru", "GET", f"/v1/retention/holds/{hold}")["over"]["records"]
    assert sorted(held) == sorted(record(ledger, one) for one in (children.california, children.texas))
    assert office.does("pia", "POST", "/v1/splits", split(children.second, [("TX", "TX1")]))["case"]
    office.reverses("carl", settled["act"])
    at = ledger.log.head()
    assert office.shown("audrey", children.texas, at)["student_id"] == children.texas
    assert office.shown("audrey", children.second, at)["student_id"] == children.second
