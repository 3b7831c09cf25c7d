"""What is read and found out of records while some of them are decided.

Invariant: it holds for as long as the matcher decides and remembers nothing. Keys and people are his own, and nobody
else changes them; who is of which student changes with every link, and is not kept here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import psycopg

from ledger.matching.group import Met
from ledger.matching.person import Person
from ledger.store import match_index


class Portion:
    """Records that are decided at once, and whoever is near to them. conn: to the matcher's tables. met: what their
    pairs weigh, as of ``Group``."""

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        self.conn = conn
        self.met = Met()
        self._near: dict[str, set[str]] = {}
        self._people: dict[str, Person] = {}

    def near(self, records: Iterable[str]) -> dict[str, set[str]]:
        """As ``match_index.near``."""
        asked = list(records)
        if unread := [record for record in asked if record not in self._near]:
            found = match_index.near(self.conn, unread)
            self._near |= {record: found.get(record, set()) for record in unread}
        return {record: self._near[record] for record in asked if self._near[record]}

    def people_of(self, records: Iterable[str]) -> dict[str, Person]:
        """As ``match_index.people_of``."""
        asked = list(records)
        if unread := [record for record in asked if record not in self._people]:
            self._people |= match_index.people_of(self.conn, unread)
        return {record: self._people[record] for record in asked if record in self._people}
