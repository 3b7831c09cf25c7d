"""A family's access: granted by an official of the child's school or district, who saw identification.

Invariant: who grants is of the district to which the child's enrollment in his state belongs, and the grant names
records: what is linked with them later is not granted with them. When the rights become the student's own is told by
the birth dates of all the records (34 CFR 99.5).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import msgspec

from ledger.account_acts import EndFamily, GrantFamily
from ledger.accounts import Family, a_year_after
from ledger.admissions import Admissions, Admitted
from ledger.errors import Forbidden, NotFound
from ledger.events import Meta
from ledger.facts import RecordState, held_rows
from ledger.identities import states_of
from ledger.links import Links, Seeds
from ledger.replay import RequestKey
from ledger.routing import district_of
from ledger.store import relinking
from ledger.store.log import Log


class Official(msgspec.Struct, frozen=True, kw_only=True):
    """Who grants: by name, with the district that his role is narrowed to."""

    name: str
    state: str | None
    district: str | None
    organisation: str


class FamilyAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Who is to read what. records: state and state student id of each; none: every record of the student. until: None
    for as long as it may last."""

    student_id: str
    email: str
    name: str
    relation: str
    identification: str
    until: date | None = None
    court_order: bool = False
    records: Sequence[tuple[str, str]] = ()


class FamilyAccess:
    """Grants and ends. Safe for threads. log: of the ledger."""

    def __init__(self, log: Log, admissions: Admissions) -> None:
        self._log = log
        self._links = Links(log)
        self._admissions = admissions

    def grant(self, asked: FamilyAsked, official: Official, meta: Meta, request: RequestKey | None = None) -> Admitted:
        """Grant; the account of the address is opened where there is none. It holds once the code is shown.

        Raises NotFound, Forbidden (another district's child), BadValue, OwnApplication, EmailRetired, AccountIsClosed.
        """
        known = self._states(asked.student_id)
        self._must_be_theirs(official, known)
        named = self._named(asked.records, known)
        today = self._admissions.today(official.state)
        command = GrantFamily(
            by=official.name,
            student_id=asked.student_id,
            records=named,
            relation=asked.relation,
            identification=asked.identification,
            until=asked.until or a_year_after(today),
            organisation=official.organisation,
            state=official.state or "",
            today=today,
            born=sorted(born_on(known.values())),
            court_order=asked.court_order,
        )
        return self._admissions.open(asked.email, asked.name, [command], meta, request)

    def end(
        self,
        account: str,
        grant: int,
        why: str,
        official: Official,
        meta: Meta,
        request: RequestKey | None = None,
    ) -> Admitted:
        """End a grant, for a court order or because it is no longer wanted. Raises as ``grant``."""
        self.of(account, grant, official)
        command = EndFamily(by=official.name, grant=grant, why=why, reason=meta.reason or "")
        return self._admissions.act(account, command, meta, request)

    def of(self, account: str, grant: int, official: Official) -> Family:
        """What was granted, for an official of the child's district. Raises NotFound, Forbidden."""
        family = self._admissions.account(account).families.get(grant)
        if family is None:
            raise NotFound("The account has no grant of this number.", remedy="Read the account.")
        self._must_be_theirs(official, self._states(family.student_id))
        return family

    def subject_of(self, student_id: str) -> tuple[list[str], list[str]]:
        """The states that keep a record of a student, and the records' uuids; none of whom none does. Raises
        StoreUnavailable."""
        records = self._records(student_id)
        known = states_of(self._log, records) if records else {}
        return sorted({state.state for state in known.values()}), sorted(known)

    def must_be_theirs(self, student_id: str, official: Official) -> None:
        """Pass for an official of the district that a student lives in. Raises NotFound, Forbidden."""
        self._must_be_theirs(official, self._states(student_id))

    # -- inside

    def _records(self, student_id: str) -> list[str]:
        """By any id ever minted, also where its own record was destroyed."""
        with self._log.connection() as conn:
            records = relinking.records_of(conn, student_id)
        if records:
            return records
        return [one.record for one in self._links.reach(Seeds(students=[student_id])).left_of(student_id)]

    def _states(self, student_id: str) -> dict[str, RecordState]:
        records = self._records(student_id)
        if not records:
            raise NotFound("No student has this id.", remedy="Compare it with where it was read, or search.")
        return states_of(self._log, records)

    def _must_be_theirs(self, official: Official, known: dict[str, RecordState]) -> None:
        ours = [state for state in known.values() if state.state == official.state]
        if official.district is None or district_of(ours) != official.district:
            raise Forbidden(
                "Only an official of the child's school or district grants this.",
                remedy="The family shows its papers there; the official's role is narrowed to that district.",
            )

    def _named(self, asked: Sequence[tuple[str, str]], known: dict[str, RecordState]) -> list[str]:
        if not asked:
            return sorted(known)
        by_name = {(state.state, state.state_student_id): record for record, state in known.items()}
        if not set(asked) <= set(by_name):
            raise NotFound("A record that is named is none of the student's.", remedy="Read the student's records.")
        return sorted(by_name[name] for name in asked)


def born_on(records: Iterable[RecordState]) -> set[date]:
    """Every birth date that records tell."""
    rows = (row.elements for record in records for row in held_rows(record, letter="D").get("D", ()))
    return {date.fromisoformat(row["birth_date"]) for row in rows if row.get("birth_date")}
