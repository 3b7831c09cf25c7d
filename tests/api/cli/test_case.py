"""``sojourn case``: a case whole, and of a blind check the two records side by side."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ledger.application import Ledger
from ledger.audit import APART
from ledger.events.disclosure import SearchDisclosed
from ledger.store.database import Database
from support.audited import Audited, sister
from support.command_line import CommandLine


@pytest.fixture
def audited(database: Database, new_ledger: Callable[..., Ledger]) -> Audited:
    audited = Audited(database, new_ledger)
    audited.links(0)
    audited.tells(sister(0))
    audited.at(2026, 2, 1)
    return audited


@pytest.fixture
def case(audited: Audited) -> str:
    """The check of the pair that was kept apart."""
    (pair,) = audited.drawn("2026-01")[APART].pairs
    return audited.about(pair)


def entries(audited: Audited) -> list[SearchDisclosed]:
    return [one.event for one in audited.ledger.access.read(0, 100) if isinstance(one.event, SearchDisclosed)]


def test_of_a_blind_check_the_two_records_stand_side_by_side_and_their_students_nowhere(
    sojourn: CommandLine, audited: Audited, case: str
) -> None:
    said = sojourn.run("case", case).stdout
    lines = said.splitlines()
    (names,) = [line.split() for line in lines if line.startswith(("TX 0", "MI 0"))]
    assert {" ".join(names[:2]), " ".join(names[2:])} in ({"TX 01", "MI 02"}, {"MI 01", "MI 02"})
    (given,) = [line for line in lines if line.startswith("first name:")]
    assert sorted(part.strip() for part in given.split("first name:")[1:]) == ["Wilber Esteban", "Yaretzi Noemí"]
    (mothers,) = [line for line in lines if line.startswith("female parent first name:")]
    assert mothers.count("Rosaura") == 2
    assert not [student for student in audited.matching.minted().values() if student in said]
    [entry] = entries(audited)
    assert (entry.view, len(entry.records), entry.role) == ("case-facts", 2, "operator")


def test_it_is_the_same_as_over_http_in_json(sojourn: CommandLine, audited: Audited, case: str) -> None:
    told = sojourn.json("case", case)
    assert (told["kind"], told["proposal"], told["candidates"]) == ("blind-check", {}, [])
    assert sorted(record["facts"]["core"]["first_name"] for record in told["records"]) == [
        "Wilber Esteban",
        "Yaretzi Noemí",
    ]


def test_a_case_that_is_closed_is_told_with_its_students_and_ids_alone(
    sojourn: CommandLine, audited: Audited, case: str
) -> None:
    audited.answers(case, yes=False)
    said = sojourn.run("case", case).stdout
    assert "outcome: rejected" in said
    assert audited.matching.shown()["MI 02"] in said
    assert "Yaretzi" not in said
    assert [entry.view for entry in entries(audited)] == ["case"]


def test_what_is_no_case_is_refused(sojourn: CommandLine, audited: Audited) -> None:
    for name in ("nothing", "01990000-0000-7000-8000-0000000000c0"):
        refused = sojourn.run("case", name, code=1)
        assert "There is no such case." in refused.stderr
