"""What time brings to cases, before which office they lie, and what the database refuses: from the design's pages.

The service of these tests is given its clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import errors as pg

from ledger.reactors.timekeeper import Timekeeper
from ledger.store.database import Role
from ledger.store.embedded import EmbeddedServer
from ledger.store.tokens import create
from support.acting import WHY, Office
from support.bodies import ENROLLMENT
from support.casework import destroy
from support.front_door import FrontDoor, front_door
from support.worlds import World, world_on

DISTRICT = "4113770"
SECOND = "4106510"
OREGON = "/v1/jurisdictions/OR"


class Time:
    """A world whose days a test turns, and the people in it."""

    def __init__(self, world: World, door: FrontDoor) -> None:
        self.world = world
        self.submitters = door.tokens
        self.office = Office(door.client, self._token)
        self.keeper = _keeper(world)
        self.office.gives("oli", "operator", None)
        self.office.gives("auditor", "auditor", None)
        self.office.gives("cora", "state_data_administrator", "CA")

    def _token(self, role: str, state: str | None, *, name: str, **narrowed: Any) -> str:
        if role == "state_batch_submitter" and state:
            return self.submitters[state]
        with self.world.database.connect(Role.WRITER) as connection:
            return create(connection, name=name, role=role, state=state, **narrowed)

    def pass_days(self, days: float) -> list[str]:
        """The cases that the timekeeper moves, so much later."""
        for clock in self.world.clocks:
            clock.step(days * 86_400)
        return self.keeper.look()

    def sets(self, path: str, body: Any) -> None:
        self.office.does("oli", "PUT", path, body)

    def profile(self, state: str, **more: Any) -> None:
        self.sets(f"/v1/jurisdictions/{state}/profile", {"time_zone": "America/Los_Angeles", **more})

    def case(self, case: str) -> dict[str, Any]:
        return self.office.does("auditor", "GET", f"/v1/cases/{case}?at_least={self.world.head()}")

    def part(self, case: str, state: str = "OR") -> dict[str, Any]:
        [part] = [part for part in self.case(case)["asked"] if part["state"] == state]
        return part

    def shown(self, *ids: str) -> list[str]:
        return [self.office.shown("amy", one, self.world.head())["student_id"] for one in ids]


def _keeper(world: World) -> Timekeeper:
    ledger = world.ledgers[0]
    return Timekeeper(
        ledger.database,
        ledger.log,
        ledger.profile,
        world.clocks[0],
        ledger.casework,
        ledger.audits,
        ledger.admissions,
        ledger.forgetting,
        ledger.keeping,
    )


@pytest.fixture(scope="module")
def time(server: EmbeddedServer) -> Iterator[Time]:
    with world_on(server) as world, front_door(world) as door:
        made = Time(world, door)
        _set_up_oregon(made)
        yield made


def _set_up_oregon(time: Time) -> None:
    """Two districts with somebody there, one of them in a region."""
    time.sets(f"{OREGON}/regions/R2", {"name": "Willamette Valley"})
    time.sets(f"{OREGON}/districts/{DISTRICT}", {"region": "R2"})
    for district in (DISTRICT, SECOND):
        contact = {"role": "data_administrator", "name": "Bea", "email": "bea@district.example.org"}
        time.sets(f"{OREGON}/contacts/district/{district}", {"contact": contact})
    for name, narrowed in (("dora", {"region": "R2", "district": DISTRICT}), ("sam", {"district": SECOND})):
        time.office.gives(name, "district_data_administrator", "OR", **narrowed)
    time.office.gives("rita", "regional_data_administrator", "OR", region="R2")


@pytest.fixture
def pair(time: Time) -> tuple[str, str]:
    """A child of an Oregon district and one of California."""
    name = time.world.next_example()
    return (
        time.office.record("OR", f"OR{name}", enrollments=[{**ENROLLMENT, "school_district_id": DISTRICT}]),
        time.office.record("CA", f"CA{name}"),
    )


# -- time


def test_a_case_goes_from_the_childs_district_to_the_region_to_the_state_and_is_then_overdue(
    time: Time, pair: tuple[str, str]
) -> None:
    time.profile("OR")
    time.profile("CA")
    case = time.office.proposes(*pair)
    begun = time.world.clocks[0].now.date()
    assert (time.part(case)["level"], time.part(case)["district"]) == ("district", DISTRICT)
    assert date.fromisoformat(time.part(case)["due_on"]) == begun + timedelta(7)
    assert (time.part(case, "CA")["level"], time.part(case, "CA")["due_on"]) == ("state", f"{begun + timedelta(16)}")
    assert time.pass_days(7) == []
    assert time.pass_days(1) == [case]
    assert (time.part(case)["level"], time.part(case)["region"]) == ("region", "R2")
    assert time.pass_days(7) == [case]
    assert time.part(case)["level"] == "state"
    assert time.pass_days(30) == [case]
    assert time.part(case)["overdue"] is time.part(case, "CA")["overdue"] is True
    assert time.pass_days(300) == []
    assert time.case(case)["outcome"] is None, "nobody agreed to approval"
    time.office.answers("olga", case)
    assert time.office.answers("carl", case)["outcome"] == "settled"
    assert time.shown(*pair) == [pair[0], pair[0]]


def test_each_state_has_its_own_days(time: Time, pair: tuple[str, str]) -> None:
    time.profile("OR", escalation_days=[1, 2, 3])
    time.profile("CA", escalation_days=[1, 1, 60])
    case = time.office.proposes(*pair)
    assert time.pass_days(2) == [case]
    assert time.part(case)["level"] == "region"
    time.pass_days(6)
    assert (time.part(case)["overdue"], time.part(case, "CA")["overdue"]) == (True, False)
    time.office.answers("carl", case, "no")
    assert time.case(case)["outcome"] == "rejected"
    assert time.pass_days(100) == []


@pytest.mark.parametrize(
    ("agreed", "between", "ends"),
    [
        ("OR CA", "", ("settled", None)),
        ("OR", "", (None, None)),
        ("OR CA", "no", ("rejected", None)),
        ("OR CA", "one yes", ("settled", None)),
        ("OR CA", "not same", ("overtaken", "bound-by-not-same")),
        ("OR CA", "taken back", (None, None)),
    ],
)
def test_a_merge_is_approved_by_time_only_where_all_agreed_and_nothing_forbids_it(
    time: Time, pair: tuple[str, str], agreed: str, between: str, ends: tuple[str | None, str | None]
) -> None:
    for state in ("OR", "CA"):
        time.profile(state, automatic_approval=state in agreed.split())
    case = time.office.proposes(*pair)
    if between in ("no", "one yes"):
        time.office.answers("carl", case, between.removeprefix("one "))
    elif between == "not same":
        body = {"left": pair[0], "right": pair[1], "reason": WHY}
        time.office.does("carl", "POST", "/v1/not-same", body)
    elif between == "taken back":
        time.profile("CA", automatic_approval=False)
    time.pass_days(10)
    time.pass_days(10)
    time.pass_days(20)
    found = time.case(case)
    assert (found["outcome"], found["code"]) == ends
    assert time.shown(*pair) == [pair[0], pair[0] if ends[0] == "settled" else pair[1]]
    if ends[0] is None:
        time.office.answers("carl", case, "no")


def test_a_reversal_is_never_approved_by_time_and_holds_anyway(time: Time, pair: tuple[str, str]) -> None:
    for state in ("OR", "CA"):
        time.profile(state, automatic_approval=True)
    act = time.office.merged(*pair, "olga", "carl")["act"]
    [case] = time.office.reverses("ana", act)["cases"]
    time.pass_days(60)
    assert time.shown(*pair) == [*pair]
    assert time.case(case)["outcome"] is None
    time.office.answers("olga", case)
    if time.case(case)["outcome"] is None:
        time.office.answers("carl", case)
    assert time.case(case)["outcome"] == "settled"


def test_a_lease_ends_with_its_minutes(time: Time, pair: tuple[str, str]) -> None:
    case = time.office.proposes(*pair)
    time.office.does("carl", "PUT", f"/v1/cases/{case}/lease", {"minutes": 15})
    yes = {"answer": "yes", "reason": WHY}
    assert time.office.refused("cora", "POST", f"/v1/cases/{case}/answer", yes) == (409, "leased")
    time.pass_days(14 / 1440)
    assert time.office.refused("cora", "POST", f"/v1/cases/{case}/answer", yes) == (409, "leased")
    time.pass_days(1.1 / 1440)
    assert time.office.answers("cora", case)["outcome"] is None
    assert time.office.answers("olga", case, "no")["outcome"] == "rejected"


# -- offices


def test_a_case_is_assigned_sideways_and_down_and_never_up_or_abroad(time: Time, pair: tuple[str, str]) -> None:
    case = time.office.proposes(*pair)
    path = f"/v1/cases/{case}/assignment"
    due = time.part(case)["due_on"]
    time.office.does("dora", "POST", path, {"district": SECOND})
    assert (time.part(case)["district"], time.part(case)["due_on"]) == (SECOND, due)
    for body in ({"region": "R2"}, {}, {"district": "0600001"}, {"region": "R9"}, {"region": "R9", "district": SECOND}):
        status, code = time.office.refused("sam", "POST", path, body)
        assert (status, code) == (422, "not-assignable") or (body == {} and status in (200, 422)), (body, code)
    time.office.does("sam", "POST", path, {"district": SECOND, "names": ["Sam", "Señora Peña"]})
    listed = time.office.does("sam", "GET", f"/v1/cases?mine=true&at_least={time.world.head()}")
    assert case in [one["case_id"] for one in listed["cases"]]
    time.office.does("ana", "POST", path, {"district": DISTRICT, "names": []})
    assert time.part(case)["district"] == DISTRICT


def test_an_office_answers_for_its_state_only_what_lies_with_it(time: Time, pair: tuple[str, str]) -> None:
    case = time.office.proposes(*pair)
    listed = {
        name: [
            one["case_id"]
            for one in time.office.does(name, "GET", f"/v1/cases?limit=200&at_least={time.world.head()}")["cases"]
        ]
        for name in ("dora", "sam", "rita", "ana", "tess")
    }
    assert {name for name, cases in listed.items() if case in cases} == {"dora", "rita", "ana"}
    assert time.office.answers("dora", case)["outcome"] is None
    assert time.office.answers("carl", case)["outcome"] == "settled"


# -- a record that was destroyed


def test_an_id_whose_record_was_destroyed_is_not_joined_to_anything(time: Time, pair: tuple[str, str]) -> None:
    gone, other = pair
    destroy(time.world.database, gone)
    for left, right in ((gone, other), (other, gone)):
        body = {"left": left, "right": right, "master": other, "reason": WHY}
        answer = time.office.ask("carl", "POST", "/v1/merges", body)
        assert answer.status_code in (404, 410, 422), answer.text
        assert answer.json()["detail"]


def test_a_merge_with_a_destroyed_record_in_it_is_still_taken_back(time: Time, pair: tuple[str, str]) -> None:
    act = time.office.merged(*pair, "olga", "carl")["act"]
    destroy(time.world.database, pair[0])
    preview = time.office.previews("carl", act)
    assert [one["student_id"] for one in preview["then"]] == [pair[1]]
    undone = time.office.reverses("carl", act)
    assert time.shown(pair[1]) == [pair[1]]
    code = time.office.refused("carl", "POST", f"/v1/acts/{undone['act']}/reversal", {"reason": WHY})
    assert code == (422, "record-destroyed")


# -- what the database refuses

ANYWAY = "on conflict on constraint not_same_pkey do update set withdrawn = 1"
REFUSED = (
    "update ledger.records set student_id = %(a)s where minted = %(b)s",
    "update ledger.records set student_id = %(b)s where minted in (%(a)s, %(b)s)",
    "delete from ledger.not_same",
    "truncate ledger.not_same",
    "truncate ledger.not_same, ledger.records cascade",
    "update ledger.not_same set withdrawn = 1",
    "update ledger.not_same set withdrawn = (select max(position) from ledger.events)",
    "update ledger.not_same set withdrawn = (select max(position) from ledger.events where topic like 'decl%%')",
    "update ledger.not_same set left_record = right_record",
    "update ledger.not_same set declaration = 'other'",
    f"insert into ledger.not_same table ledger.not_same {ANYWAY}",
    "merge into ledger.not_same n using ledger.head h on true when matched then delete",
)

UNGUARDED = (
    "alter table ledger.not_same disable trigger all",
    "alter table ledger.records disable trigger user",
    "drop trigger declarations_are_kept on ledger.not_same",
    "drop trigger no_pair_is_joined on ledger.records",
    "drop table ledger.not_same",
    "drop function ledger.refuse_joining() cascade",
    "set session_replication_role = replica",
    "alter table ledger.not_same rename to elsewhere",
)
"""To each role but the owner of the tables: a change of the schema is its work."""


@pytest.mark.parametrize("role", list(Role))
def test_no_role_joins_a_declared_pair_or_forgets_that_it_was_declared(
    time: Time, pair: tuple[str, str], role: Role
) -> None:
    a, b = pair
    for n in range(2):
        declared = time.office.does("carl", "POST", "/v1/not-same", {"left": a, "right": b, "reason": WHY})["id"]
        if n == 0:  # one that was withdrawn stands beside it, with its event in the log
            time.office.does("carl", "POST", f"/v1/not-same/{declared}/withdrawal", {"reason": WHY})
    before = _guards(time)
    for statement in (*REFUSED, *(UNGUARDED if role is not Role.OWNER else ())):
        with pytest.raises(psycopg.Error) as refused, time.world.database.connect(role) as connection:
            connection.execute(statement, {"a": a, "b": b})
        assert isinstance(
            refused.value, pg.InsufficientPrivilege | pg.IntegrityConstraintViolation | pg.FeatureNotSupported
        ), (statement, refused.value)
        assert _guards(time) == before, statement
    assert time.shown(a, b) == [a, b]


def _guards(time: Time) -> Any:
    with time.world.database.connect() as connection:
        pairs = connection.execute("select * from ledger.not_same order by 1, 2, 3").fetchall()
        records = connection.execute("select minted, student_id from ledger.records order by 1").fetchall()
    return pairs, records
