"""Daily lists over HTTP: an office is told of its own children, once that is durable, and of nobody else's."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any, Final

import pytest
from starlette.testclient import TestClient

from api import list_showing
from api.services import Services
from ledger.application import Ledger
from ledger.errors import StoreUnavailable
from ledger.events.disclosure import DisclosureRefused, SearchDisclosed
from support.acting import Office
from support.bodies import CHILD, ENROLLMENT, MOVE
from support.linking import merge
from support.services import Clock

WOODBURN, SALEM, BEND = "4113770", "4110820", "4101980"
SCHOOL: Final = "411377000102"
TODAY: Final = "2025-09-02"


class Town:
    """Children with records, and offices that ask. All that is sent is reflected by what is told next."""

    def __init__(self, office: Office, ledger: Ledger) -> None:
        self.office = office
        self.ledger = ledger

    def child(self, ssid: str, district: str | None = WOODBURN, state: str = "OR", **enrolled: Any) -> dict[str, Any]:
        """A child enrolled in a district; without one, only moved in. name: her first name."""
        named = CHILD | {"first_name": enrolled.pop("name", "Marisol")}
        move = MOVE | {"qualifying_move_to_state": state} | enrolled.pop("move", {})
        rows = {} if district is None else {"enrollments": [ENROLLMENT | {"school_district_id": district} | enrolled]}
        self.office.record(state, ssid, demographics=[named], qualifying_moves=[move], **rows)
        [recorded] = [r for r in self.ledger.log.read(0, 10_000) if getattr(r.event, "state_student_id", "") == ssid]
        return {"record": recorded.stream.removeprefix("record/"), "student_id": recorded.event.student_id}  # type: ignore[union-attr]

    def told(self, name: str, path: str, **more: Any) -> dict[str, Any]:
        join = "&" if "?" in path else "?"
        return self.office.does(name, "GET", f"/v1/lists/{path}{join}at_least={self.ledger.log.head()}", **more)

    def ssids(self, name: str, path: str) -> list[str]:
        return [child["state_student_id"] for child in self.told(name, path)["children"]]

    def entries(self) -> list[Any]:
        events = [recorded.event for recorded in self.ledger.access.read(0, 1000)]
        return [event for event in events if isinstance(event, SearchDisclosed | DisclosureRefused)]


@pytest.fixture
def town(office: Office, ledger: Ledger) -> Town:
    office.gives("woodburn", "district_data_administrator", "OR", district=WOODBURN)
    office.gives("valley", "regional_data_administrator", "OR", region="R2")
    office.gives("auditor", "auditor", None)
    return Town(office, ledger)


@pytest.fixture
def ledger(database: Any, new_ledger: Callable[..., Ledger], clock: Clock) -> Ledger:
    """By the clock of the service, so that a record is opened on the day that it is."""
    return new_ledger(database, clock)


# -- what is told


def test_a_row_tells_who_she_is_where_she_goes_to_school_and_until_when_she_is_eligible(town: Town) -> None:
    child = town.child("OR1", pfs_flag="Yes", school_identification_code=SCHOOL, district_of_residence=SALEM)
    told = town.told("olga", "children")
    assert told == {
        "list": "children",
        "day": TODAY,
        "position": town.ledger.log.head(),
        "office": {"state": "OR", "region": None, "district": None},
        "children": [
            {
                "student_id": child["student_id"],
                "state_student_id": "OR1",
                "first_name": "Marisol",
                "middle_name": None,
                "last_name_1": "Quiñones",
                "last_name_2": "Abarca",
                "suffix": None,
                "birth_date": "2013-05-09",
                "grade_level": "07",
                "enrollment_type": "01",
                "school_identification_code": SCHOOL,
                "school_or_project_name": "Valor Middle School",
                "school_district_id": WOODBURN,
                "enrollment_date": "2025-04-21",
                "withdrawal_date": None,
                "priority_for_services": True,
                "district_of_residence": SALEM,
                "resident_since": "2025-04-21",
                "qualifying_arrival_date": "2025-04-18",
                "moved_to_city": "Woodburn",
                "moved_to_state": "OR",
                "eligible_from": "2025-04-18",
                "eligible_until": "2028-04-17",
                "days_left": 958,
                "opened_at": "2025-09-02T18:00:00Z",
                "unenrolled_since": None,
                "elsewhere": None,
                "elsewhere_since": None,
                "record": child["record"],
            }
        ],
        "next": None,
    }


def test_each_list_tells_of_whom_it_says(town: Town) -> None:
    town.child("OR1", move={"eligibility_expiration_date": TODAY}, pfs_flag="Yes")
    town.child("OR2", move={"eligibility_expiration_date": "2025-10-03"}, grade_level="00")
    town.child("OR3", move={"eligibility_expiration_date": "2025-09-01"})
    town.child("OR4", None)
    assert town.ssids("olga", "children") == ["OR1", "OR2", "OR4"], "who ends today is still eligible"
    assert town.ssids("olga", "ending") == ["OR1"]
    assert town.ssids("olga", "ending?days=31") == ["OR1", "OR2"]
    assert town.ssids("olga", "priority") == ["OR1"]
    assert town.ssids("olga", "out-of-school") == ["OR2"]
    assert town.ssids("olga", "not-enrolled") == ["OR4"]
    assert set(town.ssids("olga", "new")) == {"OR1", "OR2", "OR3", "OR4"}


def test_new_is_from_the_beginning_of_the_day_in_the_state_s_own_zone(town: Town, clock: Clock) -> None:
    clock.now = clock.now.replace(day=3, hour=6)  # still the evening of the 2nd in Oregon
    town.child("OR1")
    clock.now = clock.now.replace(hour=8)
    town.child("OR2")
    assert town.ssids("olga", "new?since=2025-09-02") == ["OR2", "OR1"], "the newest first"
    assert town.ssids("olga", "new?since=2025-09-03") == ["OR2"]


def test_a_school_and_a_grade_narrow_a_list(town: Town) -> None:
    town.child("OR1", school_identification_code=SCHOOL)
    town.child("OR2", grade_level="08")
    assert town.ssids("olga", f"children?school={SCHOOL}") == ["OR1"]
    assert town.ssids("olga", "children?grade=08") == ["OR2"]
    assert town.ssids("olga", f"children?grade=08&school={SCHOOL}") == []


def test_a_student_of_two_states_stands_once_in_the_list_of_each_and_is_told_to_be_elsewhere(town: Town) -> None:
    here = town.child("OR1")
    there = town.child("CA1", "0601020", "CA", enrollment_date="2025-08-25", name="Mari Sol")
    merge(town.ledger, here["student_id"], there["student_id"])
    [child] = town.told("olga", "children")["children"]
    assert (child["state_student_id"], child["elsewhere"], child["elsewhere_since"]) == ("OR1", "CA", "2025-08-25")
    assert child["first_name"] == "Mari Sol", "as it was said last"
    shown = town.entries()[-1]
    assert shown.records[0] == here["record"], "whose row it is"
    assert set(shown.records) == {here["record"], there["record"]}, "California's says her name, and that she is there"
    assert shown.children == [child["student_id"]] * 2
    [child] = town.told("carl", "children")["children"]
    assert (child["state_student_id"], child["elsewhere"]) == ("CA1", None), "Oregon's is the older one"


def test_of_two_records_of_one_state_one_is_the_row_and_her_name_is_told_from_both(town: Town) -> None:
    one, other = town.child("OR1"), town.child("OR2")
    merge(town.ledger, one["student_id"], other["student_id"])
    [child] = town.told("olga", "children")["children"]
    assert child["record"] == min(one["record"], other["record"])
    assert sorted(town.entries()[-1].records) == sorted((one["record"], other["record"]))


def test_a_retracted_record_is_on_no_list(town: Town) -> None:
    town.child("OR1")
    town.office.does("OR nightly", "DELETE", "/v1/records/OR/OR1")
    assert town.ssids("olga", "children") == town.ssids("olga", "new") == []


# -- whose


def test_a_district_is_told_of_who_goes_to_school_or_lives_there_and_of_nobody_else(town: Town) -> None:
    town.child("OR1")
    town.child("OR2", SALEM)
    town.child("OR3", SALEM, district_of_residence=WOODBURN)
    town.child("CA1", "0601020", "CA")
    assert set(town.ssids("woodburn", "children")) == {"OR1", "OR3"}
    assert set(town.ssids("olga", f"children?district={SALEM}")) == {"OR2", "OR3"}
    assert town.told("woodburn", "children")["office"] == {"state": "OR", "region": None, "district": WOODBURN}
    status, code = town.office.refused("woodburn", "GET", f"/v1/lists/children?district={SALEM}")
    assert (status, code) == (403, "forbidden")
    assert isinstance(town.entries()[-1], DisclosureRefused)


def test_a_region_is_told_of_the_districts_that_lie_in_it_now_and_without_any_of_nobody(town: Town) -> None:
    town.child("OR1")
    town.child("OR2", SALEM, district_of_residence=WOODBURN)
    town.child("OR3", BEND)
    assert town.ssids("valley", "children") == []
    region = "/v1/jurisdictions/OR/regions/R2"
    town.office.does("olga", "PUT", region, {"name": "Valley"})
    for district in (WOODBURN, SALEM):
        town.office.does("olga", "PUT", f"/v1/jurisdictions/OR/districts/{district}", {"region": "R2"})
    assert sorted(town.ssids("valley", "children")) == ["OR1", "OR2"]
    assert town.ssids("valley", f"children?district={SALEM}") == ["OR2"]
    assert town.office.refused("valley", "GET", f"/v1/lists/children?district={BEND}") == (403, "forbidden")


def test_a_token_of_any_role_that_is_narrowed_sees_its_district_alone(town: Town) -> None:
    town.child("OR1")
    town.child("OR2", SALEM)
    for role in ("secondary_user", "primary_user", "state_data_administrator", "recruiter", "auditor"):
        town.office.gives(f"{role} of Salem", role, "OR", district=SALEM)
        assert town.ssids(f"{role} of Salem", "children") == ["OR2"], role


def test_another_state_s_list_is_refused_and_an_auditor_of_every_state_names_one(town: Town) -> None:
    town.child("CA1", "0601020", "CA")
    assert town.office.refused("olga", "GET", "/v1/lists/children?state=CA") == (403, "other-state")
    assert town.ssids("auditor", "children?state=CA") == ["CA1"]
    answer = town.office.ask("auditor", "GET", "/v1/lists/children")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "query:state"


# -- recorded


def test_the_entry_names_the_list_what_was_asked_by_and_who_was_shown_and_no_value(town: Town) -> None:
    child = town.child("OR1")
    town.told("woodburn", "children?grade=07", headers={"Purpose": "bus routes"})
    assert town.entries() == [
        SearchDisclosed(
            view="list",
            records=[child["record"]],
            fields=["children", "grade"],
            role="district_data_administrator",
            organisation=WOODBURN,
            purpose="bus routes",
            basis="34 CFR 99.31(a)(1)",
            position=town.ledger.log.head(),
            own_state="OR",
            children=[child["student_id"]],
        )
    ]


def test_an_empty_list_has_its_entry_too(town: Town) -> None:
    assert town.ssids("olga", "children") == []
    assert [entry.records for entry in town.entries()] == [[]]


def test_nothing_is_shown_while_the_access_log_cannot_be_written(
    town: Town, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.child("OR1")
    assert town.ssids("olga", "children") == ["OR1"]

    def unwritten(_: object) -> Any:
        raise StoreUnavailable("PostgreSQL has no room left on its disk.")

    monkeypatch.setattr(services.ledger.access.sequencer, "submit_async", unwritten)
    for headers in ({}, {"Accept": "text/csv"}):
        answer = town.office.ask("olga", "GET", "/v1/lists/children", headers=headers)
        assert answer.status_code == 503
        assert "Marisol" not in answer.text


# -- pages


def test_pages_join_and_each_is_disclosed_for_itself(town: Town) -> None:
    children = [town.child(f"OR{number}") for number in range(5)]
    shown, cursor = [], ""
    while True:
        page = town.told("olga", f"children?limit=2{cursor}")
        shown += [child["record"] for child in page["children"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert sorted(shown) == sorted(child["record"] for child in children)
    assert [len(entry.records) for entry in town.entries()] == [2, 2, 1]


def test_a_walk_is_for_the_day_on_which_it_began(town: Town, clock: Clock) -> None:
    for number in range(3):
        town.child(f"OR{number}", move={"eligibility_expiration_date": TODAY})
    first = town.told("olga", "children?limit=2")
    clock.now = clock.now.replace(day=3)
    rest = town.told("olga", f"children?limit=2&cursor={first['next']}")
    assert (rest["day"], len(rest["children"])) == (TODAY, 1)
    assert town.ssids("olga", "children") == []


def test_a_cursor_tells_nothing_and_opens_for_what_it_was_given_for_alone(town: Town) -> None:
    town.office.gives("salem", "district_data_administrator", "OR", district=SALEM)
    for number in range(2):
        town.child(f"OR{number}", district_of_residence=SALEM)
    cursor = town.told("woodburn", "children?limit=1")["next"]
    assert len(cursor) <= 200
    for path in ("ending", "children?grade=07", "new"):
        join = "&" if "?" in path else "?"
        assert town.office.refused("woodburn", "GET", f"/v1/lists/{path}{join}cursor={cursor}")[0] == 422
    assert town.office.refused("salem", "GET", f"/v1/lists/children?cursor={cursor}")[0] == 422
    assert town.office.refused("woodburn", "GET", f"/v1/lists/children?cursor={cursor[:-2]}AA")[0] == 422
    assert town.office.refused("woodburn", "GET", "/v1/lists/children?cursor=%C3%B1")[0] == 422
    assert len(town.told("woodburn", f"children?limit=1&cursor={cursor}")["children"]) == 1


# -- exports


def csv_of(town: Town, name: str, path: str) -> tuple[Any, list[dict[str, str]]]:
    join = "&" if "?" in path else "?"
    answer = town.office.ask(
        name, "GET", f"/v1/lists/{path}{join}at_least={town.ledger.log.head()}", headers={"Accept": "text/csv"}
    )
    return answer, list(csv.DictReader(io.StringIO(answer.content.decode("utf-8"))))


def test_an_export_is_the_whole_list_as_csv_and_is_disclosed_as_one(town: Town) -> None:
    children = [town.child(f"OR{number}", name="Begoña", pfs_flag="No") for number in range(3)]
    answer, lines = csv_of(town, "olga", "children?limit=1")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="children-{TODAY}.csv"'
    assert {line["first_name"] for line in lines} == {"Begoña"}
    assert {line["priority_for_services"] for line in lines} == {"No"}
    assert {line["record"] for line in lines} == {child["record"] for child in children}
    assert list(lines[0]) == list(town.told("olga", "children")["children"][0])
    export, page = town.entries()
    assert (export.view, page.view) == ("list-export", "list")
    assert sorted(export.records) == sorted(child["record"] for child in children)


def test_an_export_from_amid_a_list_is_refused(town: Town) -> None:
    for number in range(2):
        town.child(f"OR{number}")
    cursor = town.told("olga", "children?limit=1")["next"]
    before = len(town.entries())
    answer, _ = csv_of(town, "olga", f"children?cursor={cursor}")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "query:cursor")
    assert len(town.entries()) == before, "nothing was shown"


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+Ana", "-Ana", "@Ana"])
def test_a_name_that_a_spreadsheet_would_run_is_made_harmless_in_an_export_alone(town: Town, name: str) -> None:
    town.child("OR1", name=name)
    _, [line] = csv_of(town, "olga", "children")
    assert line["first_name"] == f"'{name}"
    assert town.told("olga", "children")["children"][0]["first_name"] == name


def test_an_export_that_is_too_long_is_refused_whole(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_showing, "EXPORT_MAX", 2)
    monkeypatch.setattr(list_showing, "NAMES_AT_ONCE", 1)
    for number in range(3):
        town.child(f"OR{number}", grade_level="08" if number else "07")
    answer, _ = csv_of(town, "olga", "children")
    assert (answer.status_code, answer.json()["errors"][0]["rule"]) == (422, "too-long")
    assert town.entries() == []
    _, lines = csv_of(town, "olga", "children?grade=08")
    assert len(lines) == 2


# -- counts, and what cannot be asked


def test_the_lists_are_told_with_their_counts_and_nobody_is_disclosed(town: Town) -> None:
    town.child("OR1", move={"eligibility_expiration_date": "2025-11-20"})
    town.child("OR2", SALEM, move={"eligibility_expiration_date": TODAY})
    town.ssids("olga", "children")
    before = len(town.entries())
    told = town.office.does("olga", "GET", "/v1/lists")
    assert (told["day"], told["office"]["state"]) == (TODAY, "OR")
    counted = {one["name"]: one["counted"] for one in told["lists"]}
    assert counted["children"] == {"children": 2, "more": False}
    ending = next(one for one in told["lists"] if one["name"] == "ending")
    assert [(one["days"], one["children"]) for one in ending["within"]] == [(30, 1), (60, 1), (90, 2)]
    assert ending["parameters"] == ["state", "district", "school", "grade", "days"]
    mine = town.office.does("woodburn", "GET", "/v1/lists")
    assert next(one for one in mine["lists"] if one["name"] == "children")["counted"]["children"] == 1
    assert town.office.refused("woodburn", "GET", f"/v1/lists?district={SALEM}") == (403, "forbidden")
    assert len(town.entries()) == before


def test_who_acts_for_no_state_is_told_which_lists_there_are_uncounted(town: Town) -> None:
    told = town.office.does("auditor", "GET", "/v1/lists")
    assert told["office"] is None
    assert {one["counted"] for one in told["lists"]} == {None}
    assert town.office.does("auditor", "GET", "/v1/lists?state=OR")["office"]["state"] == "OR"
    assert town.office.refused("olga", "GET", "/v1/lists?state=CA") == (403, "other-state")


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("ending?days=0", "query:days"),
        ("ending?days=367", "query:days"),
        ("ending?days=x", "query:days"),
        ("children?days=30", "query:days"),
        ("children?since=2025-09-01", "query:since"),
        ("new?since=20250901", "query:since"),
        ("new?since=2025-02-29", "query:since"),
        ("new?since=1756684800", "query:since"),
        ("new?since=2025-09-03", "query:since"),
        ("children?district=411377", "query:district"),
        ("children?school=4113770", "query:school"),
        ("children?grade=13", "query:grade"),
        ("children?state=or", "query:state"),
        ("children?distric=4113770", "query"),
        ("children?grade=07&grade=08", "query"),
        ("children?limit=0", "query:limit"),
        ("children?limit=1001", "query:limit"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_its_name(town: Town, path: str, pointer: str) -> None:
    answer = town.office.ask("olga", "GET", f"/v1/lists/{path}")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


def test_a_list_that_is_none_is_not_found(town: Town, client: TestClient) -> None:
    assert town.office.refused("olga", "GET", "/v1/lists/everybody") == (404, "not-found")
    assert client.get("/v1/lists/children").status_code == 401


def test_a_family_and_the_host_s_operator_are_told_of_no_list(town: Town) -> None:
    for role in ("parent", "operator", "privacy_officer", "help_desk", "government_user"):
        town.office.gives(role, role, "OR")
        assert town.office.refused(role, "GET", "/v1/lists/children") == (403, "forbidden")
        assert town.office.refused(role, "GET", "/v1/lists") == (403, "forbidden")
    assert [type(entry) for entry in town.entries()] == [DisclosureRefused] * 5


def test_who_has_no_enrollment_is_told_with_nothing_where_her_school_would_stand(town: Town) -> None:
    town.child("OR9", None)
    [child] = town.told("olga", "not-enrolled")["children"]
    assert (child["school_or_project_name"], child["enrollment_date"]) == (None, None)
    assert child["unenrolled_since"] == "2025-04-18"
