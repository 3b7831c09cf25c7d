"""Cases on a real store: records opened, offices named, and what the guards say of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from psycopg.rows import tuple_row

from ledger.application import Ledger
from ledger.case_store import CaseStore
from ledger.casework import Answered, Casework
from ledger.events import Event, Meta
from ledger.events.case import CaseClosed, CaseOpened, Place
from ledger.jurisdiction import SetProfile
from ledger.linkage_acts import Link, decide
from ledger.links import Beside, Linked, Seeds
from ledger.proposals import Proposals
from ledger.record import PlaceStudent
from ledger.replay import RequestKey
from ledger.reversals import Reversals
from ledger.store.database import Database
from support.rows import demographics, enrollment, move, student

ANA, BEN, CLEO = (Meta(actor=name) for name in ("ana", "ben", "cleo"))
WHY = "I know the family."
OR, CA, TX = (Place(state=state) for state in ("OR", "CA", "TX"))
ZONES = {"OR": "America/Los_Angeles", "CA": "America/Los_Angeles", "TX": "America/Chicago"}
OFFICES = {
    "4113770": (Place(state="OR", region="R2", district="4113770"), Place(state="OR", region="R2"), Place(state="OR")),
    "4100009": (Place(state="OR", district="4100009"), Place(state="OR")),
}


class Hands:
    """A clock that a test moves."""

    def __init__(self, now: datetime = datetime(2025, 10, 2, 17, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def key(name: str) -> RequestKey:
    """An ``Idempotency-Key`` of Ana's."""
    return RequestKey(scope="ana", key=name, body_hash=b"1")


def offices(state: str, district: str | None) -> Sequence[Place]:
    """Oregon has two districts, one of them in a region; other states their own office alone."""
    return OFFICES.get(district or "", (Place(state=state),))


def there(place: Place) -> bool:
    """Whether one of these offices is meant, or a state's own, or another region of Oregon."""
    known = {place for chain in OFFICES.values() for place in chain} | {Place(state="OR", region="R3")}
    return place.level == "state" or place in known


def destroy(database: Database, minted: str) -> None:
    """What a disposal leaves of a record: its events, which nobody opens any more, and no guard row."""
    with database.connect() as conn:
        conn.execute(
            "delete from vault.keys where subject in (select record_id::text from ledger.records where minted = %s)",
            (minted,),
        )
        conn.execute("delete from ledger.records where minted = %s", (minted,))


class Work:
    """Everything that is done with cases, over one ledger with these offices."""

    def __init__(self, ledger: Ledger) -> None:
        store = CaseStore(ledger.log, ledger.profile, ledger.ids, ledger.clock, levels_of=offices, there=there)
        self.ledger = ledger
        self.cases = Casework(ledger.log, ledger.links, store)
        self.proposals = Proposals(ledger.links, store)
        self.reversals = Reversals(ledger.links, store)

    def opened(self, state: str, ssid: str, district: str | None = None) -> str:
        """A record of its own; the student id that it minted."""
        rows = student(demographics(None), move(None), enrollment(None, school_district_id=district))
        command = PlaceStudent(
            state=state,
            state_student_id=ssid,
            student=msgspec.structs.replace(rows, state=state, state_student_id=ssid),
            new_student_id="",
        )
        return self.ledger.execute(command, Meta(actor=f"{state} batch")).student_id

    def record(self, minted: str) -> str:
        """The uuid of the record that minted an id."""
        return str(self.query("select record_id from ledger.records where minted = %s", minted)[0][0])

    def merged(self, left: str, right: str) -> Answered:
        """A merge that Ana proposes and an operator validates."""
        case = self.proposals.propose_merge(left, right, left, WHY, ANA).case
        return self.cases.answer(case, WHY, BEN, None, yes=True)

    def merged_act(self, left: str, right: str) -> str:
        """The id of such a merge."""
        ends = self.merged(left, right).after.closed
        assert ends is not None
        assert ends.act is not None
        return ends.act

    def linked(self, record: str, member: str) -> Linked:
        """A link without a case, as the matcher makes it. record, member: ids that they minted."""

        def decided(reach: Any) -> Any:
            minted = {anchor.student_id: anchor.record for anchor in reach.records.values()}
            return decide(Link(record=minted[record], member=minted[member], why="policy"), reach), Beside()

        return self.ledger.links.act(Seeds(students=[record, member]), decided, Meta(actor="matcher"))

    def profile(self, state: str, *, second_person: bool = False, automatic: bool = False) -> None:
        """Set what of a state's profile concerns cases."""
        profile = SetProfile(
            state=state,
            time_zone=ZONES[state],
            second_person_near_match=second_person,
            automatic_approval=automatic,
        )
        self.ledger.set_jurisdiction(state, profile, Meta(actor="office"))

    def events(self, case: str) -> list[Event]:
        return [recorded.event for recorded in self.ledger.log.read_stream(f"case/{case}")]

    def opened_as(self, case: str) -> CaseOpened:
        """How a case began."""
        first = self.events(case)[0]
        assert isinstance(first, CaseOpened)
        return first

    def closed_as(self, case: str) -> CaseClosed:
        """How a case ended."""
        last = self.events(case)[-1]
        assert isinstance(last, CaseClosed)
        return last

    def query(self, query: str, *params: object) -> list[tuple[Any, ...]]:
        with self.ledger.log.connection() as conn:
            return conn.cursor(row_factory=tuple_row).execute(query.encode(), params).fetchall()

    def open_cases(self) -> dict[str, tuple[str, datetime | None]]:
        """Case to kind and due, as the guard has them."""
        return {str(c): (k, d) for c, k, d in self.query("select case_id, kind, due from ledger.open_cases")}

    def held(self) -> dict[str, str]:
        """Minted id to the case that holds its record."""
        rows = self.query("select minted, case_id from ledger.records where case_id is not null")
        return {minted: str(case) for minted, case in rows}

    def shown(self, *minted: str) -> list[str]:
        """What the guards show for the records that minted these ids."""
        rows = self.query("select minted, student_id from ledger.records where minted = any(%s)", list(minted))
        found = dict(rows)
        return [found[one] for one in minted]
