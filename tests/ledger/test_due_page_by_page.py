"""What is due, page by page: a page costs no more where nothing of what it looks at is due."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from ledger import disposals
from ledger.events.disclosure import Disclosed
from ledger.remains import Look, Remains
from support.casework import Hands, Work
from support.disposals import LATER, ScannedLists, keep_for_years
from support.logs import append

SHOWN = Disclosed(
    student_id="1",
    view="student",
    sections=["core"],
    role="secondary_user",
    organisation="School",
    purpose="review",
    basis="34 CFR 99.31(a)(1)",
    position=1,
)


def test_a_page_ends_where_so_many_were_opened_and_the_next_goes_on(
    work: Work, clock: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists told from the logs name every record: those too that were shown yesterday."""
    work.ledger.disposals.look_in(ScannedLists(work.ledger))
    keep_for_years(work.ledger)
    clock.now = LATER.replace(year=2025)
    records = sorted(work.record(work.opened("OR", str(number))) for number in range(5))
    clock.now = LATER
    for record in records[:-1]:
        append(work.ledger.access, f"disclosure/{record}", SHOWN)
    monkeypatch.setattr(disposals, "LOOKED_AT_MAX", 2)
    monkeypatch.setattr(disposals, "_LOOKED_AT", 1)
    opened, look = list[int](), Remains.look

    def counted(remains: Remains, record_class: str, subjects: Sequence[str], *more: Any) -> Look:
        opened[-1] += len(subjects)
        return look(remains, record_class, subjects, *more)

    monkeypatch.setattr(Remains, "look", counted)
    pages, cursor = list[list[str]](), None
    while not pages or cursor is not None:
        opened.append(0)
        page = work.ledger.disposals.due("education", "OR", cursor=cursor)
        pages.append([one.present.subject.id for one in page.items])
        cursor = page.cursor
    assert pages == [[], [], records[-1:]]
    assert opened == [2, 2, 1]
