"""Rows of read models that stand for a record or an account, and the exports it was part of: counted beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ledger.application import Ledger
from ledger.events.disclosure import BulkDisclosed, Disclosed, DisclosureRefused
from ledger.store.database import Database
from projections import PROJECTIONS
from projections.projectors import bring_to_head
from projections.retained import ReadLists
from support.admitting import admitted
from support.casework import Work
from support.disposing import Item, dispose
from support.linking import merge
from support.logs import append

pytestmark = pytest.mark.database


@pytest.fixture
def two(database: Database, ledger: Ledger) -> list[str]:
    """Two records of one student."""
    work = Work(ledger)
    minted = [work.opened("OR", "R1"), work.opened("CA", "R2")]
    merge(ledger, *minted)
    return [work.record(one) for one in minted]


def counted(database: Database, ledger: Ledger, subject: str, record_class: str = "education") -> Mapping[str, int]:
    bring_to_head(PROJECTIONS, database, ledger.logs)
    return ReadLists(database, ledger.logs).beside(record_class, [subject]).rows


def test_every_read_model_that_has_a_row_of_a_record_is_named_and_of_none_but_that(
    database: Database, ledger: Ledger, two: list[str]
) -> None:
    one, other = (counted(database, ledger, record) for record in two)
    assert {"students", "search", "records", "audit_trail", "retention"} <= set(one)
    assert min(one.values()) >= 1
    both = ReadLists(database, ledger.logs).beside("education", two).rows
    assert both == {name: one.get(name, 0) + other.get(name, 0) for name in both}
    assert set(both) == {*one, *other}


def test_what_is_counted_is_what_a_disposal_takes(database: Database, ledger: Ledger, two: list[str]) -> None:
    before = counted(database, ledger, two[0])
    dispose(database, ledger, "education", Item(two[0], None))
    after = counted(database, ledger, two[0])
    assert all(after.get(name, 0) < count for name, count in before.items() if name not in KEPT), (before, after)
    assert not {"students", "search", "records"} & set(after)


KEPT = ("audit_trail", "worklist")
"""What keeps the place of lines and cases, and no word of them."""


def test_an_account_is_counted_by_its_own_rows(database: Database, ledger: Ledger) -> None:
    account = admitted(ledger.admissions)
    found = counted(database, ledger, account, "access")
    assert found["accounts"] >= 1
    assert "students" not in found


def test_of_exports_each_counts_once_and_nothing_that_was_only_read_or_refused(
    database: Database, ledger: Ledger, two: list[str]
) -> None:
    asked: dict[str, Any] = {"student_id": "1", "role": "r", "organisation": "o", "purpose": "p", "basis": "b"}

    def shown(view: str) -> None:
        append(
            ledger.access, f"disclosure/{two[0]}", Disclosed(view=view, sections=[], position=1, **asked), request=view
        )

    lists = ReadLists(database, ledger.logs)
    shown("student")
    append(ledger.access, f"disclosure/{two[0]}", DisclosureRefused(view="export", rule="none", **asked))
    assert lists.beside("education", two).bundles == 0
    shown("export")
    shown("export")  # a bundle of both records: one entry of each, one request
    append(
        ledger.access,
        "request/whole-log",
        BulkDisclosed(
            view="export", records=two, filters=[], role="r", organisation="o", purpose="p", basis="b", position=1
        ),
    )
    assert lists.beside("education", two).bundles == 2
    assert lists.beside("education", two[1:]).bundles == 1
