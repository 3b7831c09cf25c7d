"""A digest says what one copy of a read model holds at one position, whatever happens while it is read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from ledger.application import Ledger
from ledger.store.database import Database
from projections import projection as projection_module
from projections.projection import digest
from projections.rebuild import Rebuild
from projections.runner import BatchRunner
from support.logs import reading
from support.projecting import counting, tell

SHA256 = hashlib.sha256


class Hash:
    """As SHA-256; the first of them does something before the first row is read, when the snapshot is taken."""

    def __init__(self, meanwhile: list[Callable[[], object]]) -> None:
        self._real = SHA256()
        self._meanwhile = meanwhile

    def update(self, data: bytes) -> None:
        if self._meanwhile:
            self._meanwhile.pop()()
        self._real.update(data)

    def hexdigest(self) -> str:
        return self._real.hexdigest()


def test_a_digest_is_not_mixed_from_the_tables_before_and_after_a_swap(
    database: Database, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(ledger, 1, 2, 3)
    BatchRunner(counting(), database, ledger.log).catch_up()
    meanwhile: list[Callable[[], object]] = [Rebuild(counting(), database, ledger.log).run]
    with reading(database) as conn:
        live = digest(conn, counting())
        monkeypatch.setattr(projection_module.hashlib, "sha256", lambda: Hash(meanwhile))
        assert digest(conn, counting()) == live
    assert not meanwhile
