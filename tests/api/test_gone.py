"""What is said of a student of whom a record is gone, and of one of whom all are."""

from __future__ import annotations

import asyncio

from api.gone import or_gone
from ledger.application import Ledger
from ledger.errors import Gone, LedgerError, ProjectionBehind
from support.casework import Work
from support.gone import destroy


def said_of(ledger: Ledger, student: str) -> LedgerError:
    error = Gone("It was destroyed while this was answered.", remedy="Ask again for what is left.")
    error.asked_for = student
    return asyncio.run(or_gone(ledger, error))


def test_one_of_whom_a_record_is_left_is_to_be_asked_for_again_and_is_not_gone(ledger: Ledger) -> None:
    work = Work(ledger)
    one, other = work.opened("OR", "1"), work.opened("CA", "2")
    work.merged(one, other)
    destroy(ledger, work.record(one))
    for student in (one, other):
        said = said_of(ledger, student)
        assert isinstance(said, ProjectionBehind)
        assert said.remedy == "Ask again for what is left."
    destroy(ledger, work.record(other))
    assert isinstance(said_of(ledger, one), Gone)
