"""A family's access: who grants it, who takes it, what it shows, and when it ends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from api.given_codes import HOLDS
from ledger.application import Ledger
from ledger.events.disclosure import Disclosed, DisclosureRefused
from ledger.ids import student_id
from ledger.store.database import Database
from support.admitting import ROSA
from support.families import ELSEWHERE, HERE, MARIA, asked_for, child, granted, parent, school
from support.linking import merge
from support.signing_in import OTHER_PASSWORD, PASSWORD, People, refused

NEVER: Final = student_id(999_999)
OREGON: Final = ZoneInfo("America/Los_Angeles")
WAYS: Final = ("", "/records", "/history", "/disclosures")


@pytest.fixture
def ledger(database: Database, new_ledger: Callable[..., Ledger], clock: Callable[[], Any]) -> Ledger:
    return new_ledger(database, clock)


# -- granted


@pytest.mark.parametrize(
    ("role", "state", "district", "status"),
    [
        ("secondary_user", "OR", HERE, 201),
        ("primary_user", "OR", HERE, 201),
        ("secondary_user", "OR", ELSEWHERE, 403),
        ("secondary_user", "OR", None, 403),
        ("secondary_user", "CA", HERE, 403),
        ("secondary_user", None, None, 403),
        ("district_data_administrator", "OR", HERE, 403),
        ("state_data_administrator", "OR", None, 403),
        ("user_administrator", "OR", None, 403),
        ("auditor", None, None, 403),
        ("parent", None, None, 403),
    ],
)
def test_an_official_of_the_childs_own_district_grants_and_nobody_else(
    people: People, role: str, state: Any, district: Any, status: int
) -> None:
    ana = child(people, "OR1")
    head = people.ledger.log.head()
    headers = school(people, state, district, role)
    answer = people.ask(headers, "POST", "/v1/family-grants", asked_for(ana))
    assert answer.status_code == status, answer.text
    assert (people.ledger.log.head() > head) is (status == 201)


def test_what_was_granted_is_told_with_its_code_once(people: People) -> None:
    ana = child(people, "OR1")
    headers, key = school(people), {"Idempotency-Key": "at the desk"}
    first = people.ask(headers, "POST", "/v1/family-grants", asked_for(ana), **key)
    told = first.json()
    assert (first.status_code, told["grant"], told["moved"]) == (201, 1, True)
    assert told["code_ends_at"] == "2025-10-02T18:00:00Z"
    again = people.ask(headers, "POST", "/v1/family-grants", asked_for(ana), **key)
    assert again.json() == {**told, "code": None, "code_ends_at": None}
    assert again.headers["Idempotency-Replayed"] == "true"
    thief = people.ask(school(people, district=ELSEWHERE), "POST", "/v1/family-grants", asked_for(ana), **key)
    assert refused(thief) == (403, "forbidden")


@pytest.mark.parametrize(
    ("wrong", "status", "kind"),
    [
        ({"student_id": NEVER}, 404, "not-found"),
        ({"student_id": "1"}, 422, "invalid-request"),
        ({"email": "maria"}, 422, "bad-value"),
        ({"name": ""}, 422, "invalid-request"),
        ({"name": "\u202e"}, 422, "bad-value"),
        ({"relation": "aunt"}, 422, "invalid-request"),
        ({"relation": "student"}, 422, "bad-value"),
        ({"identification": "  "}, 422, "bad-value"),
        ({"until": "2025-09-01"}, 422, "bad-value"),
        ({"until": "soon"}, 422, "invalid-request"),
        ({"records": [{"state": "OR", "state_student_id": "OR2"}]}, 404, "not-found"),
        ({"records": [{"state": "OR"}]}, 422, "invalid-request"),
        ({"court_order": "yes"}, 422, "invalid-request"),
    ],
)
def test_what_cannot_be_granted_is_refused(people: People, wrong: dict[str, Any], status: int, kind: str) -> None:
    ana = child(people, "OR1")
    child(people, "OR2")
    head = people.ledger.log.head()
    answer = people.ask(school(people), "POST", "/v1/family-grants", asked_for(ana, **wrong))
    assert refused(answer) == (status, kind)
    assert people.ledger.log.head() == head


def test_nobody_grants_to_himself_and_none_to_an_address_that_has_ended(people: People) -> None:
    ana = child(people, "OR1")
    own = people.person(MARIA, "secondary_user", "OR", district=HERE)
    assert refused(people.ask(own, "POST", "/v1/family-grants", asked_for(ana))) == (422, "own-application")
    account = granted(people, ana)["account"]
    desk = people.bearer("user_administrator")
    assert people.ask(desk, "POST", f"/v1/accounts/{account}/deactivation", {"reason": "asked"}).is_success
    again = people.ask(school(people), "POST", "/v1/family-grants", asked_for(ana))
    assert refused(again) == (422, "email-retired")


# -- taken and read


def test_a_parent_reads_her_child_by_every_way_and_no_other_child_and_both_are_recorded(people: People) -> None:
    ana, ben = child(people, "OR1"), child(people, "OR2")
    maria = parent(people, granted(people, ana))
    me = maria.get("/v1/me").json()
    assert (me["role"], me["families"]) == (
        "parent",
        [{"grant": 1, "student_id": ana, "relation": "parent", "until": "2026-09-02", "ends_by": "date"}],
    )
    before = people.ledger.access.head()
    for rest in WAYS:
        assert maria.reads(ana, rest).status_code == 200, rest
        assert refused(maria.reads(ben, rest)) == (403, "forbidden"), rest
        assert maria.reads(NEVER, rest).status_code == 403, rest
    entries: list[Any] = [recorded.event for recorded in people.ledger.access.read(before, 100)]
    shown = [entry for entry in entries if isinstance(entry, Disclosed)]
    assert {(entry.role, entry.basis, entry.purpose) for entry in shown} == {
        ("parent", "34 CFR 99.10(a)", "parent-inspection")
    }
    assert len(shown) == len(WAYS)
    assert len([entry for entry in entries if isinstance(entry, DisclosureRefused)]) == 2 * len(WAYS)
    assert maria.get("/v1/contacts?state=OR").status_code == 200
    for path in ("/v1/events?after=0", "/v1/cases", "/v1/policies", f"/v1/accounts/{maria.account}"):
        assert maria.get(path).status_code == 403, path
    search = maria.sends("POST", "/v1/students/search", {"name": "Marisol"})
    assert refused(search) == (403, "forbidden")


def test_nothing_is_shown_before_the_code_is(people: People) -> None:
    ana, ben = child(people, "OR1"), child(people, "OR2")
    maria = parent(people, granted(people, ana))
    told = granted(people, ben)
    assert (told["account"], told["grant"]) == (maria.account, 2)
    assert maria.reads(ben).status_code == 403
    taken = maria.sends("POST", "/v1/me/family-grants", {"code": told["code"].lower()})
    assert taken.json() == {"account": maria.account, "application": None, "grant": None, "moved": True} or (
        taken.json() == {"account": maria.account, "moved": True}
    )
    assert (maria.reads(ben).status_code, maria.reads(ana).status_code) == (200, 200)
    assert refused(maria.sends("POST", "/v1/me/family-grants", {"code": told["code"]})) == (422, "code-refused")


def test_a_code_opens_nothing_to_another_account_and_is_not_used_up_by_it(people: People) -> None:
    ana, ben = child(people, "OR1"), child(people, "OR2")
    maria = parent(people, granted(people, ana))
    told = granted(people, ben, email="otra@example.org")
    assert refused(maria.sends("POST", "/v1/me/family-grants", {"code": told["code"]})) == (422, "code-refused")
    assert maria.begins(told["code"], OTHER_PASSWORD).status_code == 422
    assert maria.reads(ben).status_code == 403
    other = parent(people, told, "otra@example.org")
    assert (other.reads(ben).status_code, other.reads(ana).status_code) == (200, 403)


def test_a_familys_code_ends_after_its_days(people: People) -> None:
    told = granted(people, child(people, "OR1"))
    people.clock.now += HOLDS
    answer = people.visitor().posts("/sign-in/first", email=MARIA, code=told["code"], password=PASSWORD)
    assert answer.status_code == 422


def test_a_familys_code_never_sets_the_password_of_who_can_sign_in_without_it(people: People) -> None:
    ana, ben = child(people, "OR1"), child(people, "OR2")
    maria, rosa = parent(people, granted(people, ana)), people.official()
    for who, email in ((maria, MARIA), (rosa, ROSA)):
        told = granted(people, ben, email=email)
        answer = people.visitor().posts("/sign-in/first", email=email, code=told["code"], password=OTHER_PASSWORD)
        assert (answer.status_code, "set-cookie" in answer.headers) == (422, False)
        assert "at My account" in answer.text
        assert people.visitor().posts("/sign-in", email=email, password=OTHER_PASSWORD).status_code == 401
        assert who.sends("POST", "/v1/me/family-grants", {"code": told["code"]}).status_code == 200, "not used up"
    assert maria.signs_in().status_code == 303


def test_nor_of_an_official_who_has_yet_to_sign_in_for_the_first_time(people: People) -> None:
    rosa = people.admitted()
    told = granted(people, child(people, "OR1"), email=ROSA)
    answer = rosa.begins(told["code"])
    assert (answer.status_code, "set-cookie" in answer.headers) == (422, False)


def test_an_official_who_is_a_parent_acts_as_that_where_she_says_so(people: People) -> None:
    ana = child(people, "OR1")
    rosa = people.official()
    rosa.sends("POST", "/v1/me/family-grants", {"code": granted(people, ana, email=ROSA)["code"]})
    before = people.ledger.access.head()
    assert rosa.get(f"/v1/students/{ana}").status_code == 200
    assert rosa.get(f"/v1/students/{ana}", headers={"Sojourn-Role": "parent"}).status_code == 200
    entries: list[Any] = [recorded.event for recorded in people.ledger.access.read(before, 9)]
    assert [entry.role for entry in entries] == ["secondary_user", "parent"]


def test_what_is_linked_with_a_granted_record_later_is_not_granted_with_it(people: People) -> None:
    ana, other = child(people, "OR1"), child(people, "CA1", "CA")
    maria = parent(people, granted(people, ana))
    merge(people.ledger, ana, other)
    auditor = people.bearer("auditor")
    people.ask(auditor, "GET", f"/v1/students/{ana}?at_least={people.ledger.log.head()}")
    assert refused(maria.reads(ana)) == (403, "forbidden")
    named = [{"state": "CA", "state_student_id": "CA1"}]
    maria.sends("POST", "/v1/me/family-grants", {"code": granted(people, ana, records=named)["code"]})
    assert maria.reads(ana).status_code == 200, "each of the records was granted now"


# -- ended


def at(people: People, year: int, month: int, day: int, hour: int = 12) -> None:
    """Set the clock to a time of day in Oregon."""
    people.clock.now = datetime(year, month, day, hour, tzinfo=OREGON)


def test_a_grant_ends_with_its_last_day_where_the_school_lies(people: People) -> None:
    ana = child(people, "OR1")
    maria = parent(people, granted(people, ana, until="2025-09-10"))
    at(people, 2025, 9, 10, 23)
    maria.signs_in()
    assert maria.reads(ana).status_code == 200
    people.clock.now += timedelta(hours=1)
    maria.signs_in()
    assert refused(maria.reads(ana)) == (403, "forbidden")
    assert maria.get("/v1/me").json()["role"] == "applicant"
    assert refused(maria.get("/v1/me", headers={"Sojourn-Role": "parent"})) == (403, "forbidden")


def test_a_grant_ends_on_the_eve_of_the_eighteenth_birthday_and_the_student_asks_then(people: People) -> None:
    ana = child(people, "OR1", born="2008-02-29")
    maria = parent(people, granted(people, ana, until="2026-06-30"))
    told = maria.get("/v1/me").json()["families"][0]
    # Of a leap day: the last of February is the birthday, in the student's favour (34 CFR 99.5).
    assert (told["until"], told["ends_by"]) == ("2026-02-27", "eighteenth-birthday")
    at(people, 2026, 2, 27)
    maria.signs_in()
    assert maria.reads(ana).status_code == 200
    at(people, 2026, 2, 28)
    maria.signs_in()
    assert maria.reads(ana).status_code == 403
    late = people.ask(school(people), "POST", "/v1/family-grants", asked_for(ana))
    assert refused(late) == (422, "bad-value")
    own = granted(people, ana, relation="student", email="ana@example.org")
    assert parent(people, own, "ana@example.org").reads(ana).status_code == 200


@pytest.mark.parametrize("why", ["court-order", "withdrawn"])
def test_a_grant_is_ended_by_an_official_of_the_childs_district_and_nobody_else(people: People, why: str) -> None:
    ana = child(people, "OR1")
    maria = parent(people, granted(people, ana))
    path, said = f"/v1/accounts/{maria.account}/family-grants/1/ending", {"why": why, "reason": "Order of 3 March."}
    for district in (ELSEWHERE, None):
        assert refused(people.ask(school(people, district=district), "POST", path, said)) == (403, "forbidden")
    assert refused(maria.sends("POST", path, said)) == (403, "forbidden")
    for grant in ("2", "0", "x", "²", "9" * 30):
        asked = people.ask(school(people), "POST", path.replace("/1/", f"/{grant}/"), said)
        assert refused(asked) == (404, "not-found"), grant
    wrong = {"why": "date", "reason": "Over."}
    assert refused(people.ask(school(people), "POST", path, wrong)) == (422, "invalid-request")
    key = {"Idempotency-Key": "order 7"}
    official = school(people)
    ended = people.ask(official, "POST", path, said, **key)
    assert (ended.status_code, ended.json()["moved"]) == (200, True)
    assert maria.reads(ana).status_code == 403
    again = people.ask(official, "POST", path, said, **key)
    assert again.status_code in (200, 404)
    assert refused(people.ask(official, "POST", path, said)) == (404, "not-found")


def test_a_grant_that_was_ended_before_its_code_was_shown_is_taken_by_nobody(people: People) -> None:
    told = granted(people, child(people, "OR1"))
    path = f"/v1/accounts/{told['account']}/family-grants/1/ending"
    assert people.ask(school(people), "POST", path, {"why": "withdrawn", "reason": "A mistake."}).is_success
    answer = people.visitor().posts("/sign-in/first", email=MARIA, code=told["code"], password=PASSWORD)
    assert answer.status_code == 422
