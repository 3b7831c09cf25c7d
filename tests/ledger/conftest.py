"""Fixtures of what is done with cases: by a clock that the test moves, on records of three states."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ledger.application import Ledger
from ledger.store.database import Database
from support.casework import Hands, Work


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def work(database: Database, new_ledger: Callable[..., Ledger], clock: Hands) -> Work:
    return Work(new_ledger(database, clock=clock))


@pytest.fixture
def three(work: Work) -> tuple[str, str, str]:
    """Records of three states; Oregon's has a district in a region."""
    return work.opened("OR", "1", "4113770"), work.opened("CA", "2"), work.opened("TX", "3")
