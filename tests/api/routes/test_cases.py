"""Cases over HTTP: put before other offices, leased, and answered once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from ledger.application import Ledger
from ledger.store.database import Database
from support.acting import WHY, Children, Office
from support.bodies import ENROLLMENT

YES = {"answer": "yes", "reason": WHY}
CONTACT = {"role": "records_contact", "name": "Ben Ode", "email": "ben.ode@district.example.org"}
WOODBURN, SALEM = "4113770", "4110820"


@pytest.fixture
def ledger(database: Database, new_ledger: Callable[..., Ledger], clock: Callable[[], datetime]) -> Ledger:
    """A ledger by the test's clock, which says when a lease ends."""
    return new_ledger(database, clock)


@pytest.fixture
def case(office: Office) -> str:
    """Of a merge of two students of Oregon and California, which begins with Woodburn's office in Oregon."""
    office.gives("oregon office", "state_data_administrator", "OR")
    for part, body in {
        "regions/R2": {"name": "Willamette Valley"},
        "regions/R3": {"name": "Coast"},
        f"districts/{WOODBURN}": {"region": "R2"},
        f"districts/{SALEM}": {"region": "R2"},
        f"contacts/district/{WOODBURN}": {"contact": CONTACT},
        f"contacts/district/{SALEM}": {"contact": CONTACT},
    }.items():
        office.does("oregon office", "PUT", f"/v1/jurisdictions/OR/{part}", body)
    enrollment = {**ENROLLMENT, "school_district_id": WOODBURN, "school_district": "Woodburn SD 103"}
    oregon = office.record("OR", "OR1", enrollments=[enrollment])
    office.gives("district dora", "district_data_administrator", "OR", region="R2", district=WOODBURN)
    office.gives("regional rita", "regional_data_administrator", "OR", region="R2")
    return office.proposes(oregon, office.record("CA", "CA1"))


def assign(office: Office, name: str, case: str, **to: Any) -> tuple[int, str]:
    """Status, and outcome or problem type."""
    answer = office.ask(name, "POST", f"/v1/cases/{case}/assignment", to)
    body = answer.json()
    return answer.status_code, str(body["outcome"]) if answer.is_success else body["type"].removeprefix("/problems/")


def test_a_part_is_assigned_sideways_and_down_and_never_up(office: Office, case: str, ledger: Ledger) -> None:
    assert ledger.casework.case(case).parts["OR"].place.district == WOODBURN
    assert assign(office, "district dora", case, region="R2") == (422, "not-assignable")
    assert assign(office, "district dora", case, district=SALEM) == (200, "None")
    place = ledger.casework.case(case).parts["OR"].place
    assert (place.region, place.district) == ("R2", SALEM)
    assert assign(office, "ana", case) == (422, "not-assignable"), "up, whoever asks for it"
    for nowhere in ({"district": "4199999"}, {"region": "R3", "district": WOODBURN}, {"region": "R9"}):
        assert assign(office, "ana", case, **nowhere) == (422, "not-assignable"), nowhere
    assert ledger.casework.case(case).parts["OR"].place == place


def test_a_part_goes_down_level_by_level(office: Office, case: str, ledger: Ledger) -> None:
    other = office.proposes(office.record("OR", "OR2"), office.record("CA", "CA2"))
    assert ledger.casework.case(other).parts["OR"].place.level == "state", "no enrollment names a district"
    assert assign(office, "ana", other, region="R2") == (200, "None")
    assert assign(office, "regional rita", other, district=WOODBURN) == (200, "None")
    assert assign(office, "regional rita", other, region="R2") == (422, "not-assignable")
    assert ledger.casework.case(other).parts["OR"].place.level == "district"
    assert ledger.casework.case(other).parts["CA"].place.level == "state", "the other state's part is its own"


def test_an_office_below_does_not_assign_what_lies_above(office: Office, case: str) -> None:
    assert assign(office, "carl", case, names=["carl"]) == (200, "None"), "California has its state office alone"
    office.gives("californian", "district_data_administrator", "CA", district="0622710")
    assert assign(office, "californian", case, names=["californian"]) == (403, "forbidden")


def test_what_an_office_may_not_read_it_neither_answers_nor_leases_nor_assigns(
    office: Office, case: str, ledger: Ledger
) -> None:
    office.gives("salem", "district_data_administrator", "OR", region="R2", district=SALEM)
    office.gives("coast", "regional_data_administrator", "OR", region="R3")
    office.gives("narrowed", "state_data_administrator", "OR", region="R3")

    def may(name: str) -> set[tuple[int, str]]:
        """What comes of each thing that somebody may do with the case; the answer last."""
        done = [
            office.ask(name, "GET", f"/v1/cases/{case}?at_least={ledger.log.head()}"),
            office.ask(name, "PUT", f"/v1/cases/{case}/lease", {}),
            office.ask(name, "DELETE", f"/v1/cases/{case}/lease"),
            office.ask(name, "POST", f"/v1/cases/{case}/assignment", {"district": WOODBURN, "names": [name]}),
            office.ask(name, "POST", f"/v1/cases/{case}/answer", YES),
        ]
        return {(one.status_code, "" if one.is_success else one.json()["type"]) for one in done}

    head = ledger.log.head()
    for other in ("salem", "coast", "narrowed"):
        assert may(other) == {(403, "/problems/forbidden"), (204, "")}, other
    assert may("tess") == {(422, "/problems/not-asked"), (204, "")}
    assert ledger.log.head() == head
    assert may("district dora") == {(200, ""), (204, "")}


@pytest.mark.parametrize("name", ["district dora", "regional rita", "ana"])
def test_a_part_that_lies_with_a_district_is_answered_there_or_above(office: Office, case: str, name: str) -> None:
    assert office.answers(name, case)["outcome"] is None
    assert office.answers("carl", case)["outcome"] == "settled"


def test_who_has_put_a_part_before_another_office_is_told_so_again_and_has_no_more_to_do_with_it(
    office: Office, case: str
) -> None:
    to, key = {"district": SALEM}, {"Idempotency-Key": "1"}
    first, again = (
        office.ask("district dora", "POST", f"/v1/cases/{case}/assignment", to, headers=key) for _ in range(2)
    )
    assert again.json() == first.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert office.refused("district dora", "POST", f"/v1/cases/{case}/answer", YES) == (403, "forbidden")


def test_that_a_case_lies_elsewhere_is_an_answer_to_its_key(office: Office, case: str) -> None:
    office.gives("salem", "district_data_administrator", "OR", region="R2", district=SALEM)
    assert assign(office, "ana", case, district=SALEM) == (200, "None")

    def answer(key: str) -> int:
        path = f"/v1/cases/{case}/answer"
        return office.ask("district dora", "POST", path, YES, headers={"Idempotency-Key": key}).status_code

    assert answer("1") == 403
    assert assign(office, "ana", case, district=WOODBURN) == (200, "None")
    assert (answer("1"), answer("2")) == (403, 200)


def test_a_part_is_put_before_people_by_name(office: Office, case: str, ledger: Ledger) -> None:
    answer = office.ask(
        "regional rita",
        "POST",
        f"/v1/cases/{case}/assignment",
        {"region": "R2", "district": WOODBURN, "names": ["district dora", " district  dora "]},
    )
    assert answer.status_code == 200, answer.text
    assert int(answer.headers["Ledger-Position"]) == answer.json()["position"] == ledger.log.head()
    assert ledger.casework.case(case).parts["OR"].names == ("district dora",)
    again = {"region": "R2", "district": WOODBURN, "names": ["district dora"]}
    assert assign(office, "ana", case, **again) == (200, "None")
    assert ledger.log.head() == answer.json()["position"], "it lies there already"


def test_a_state_that_is_not_asked_assigns_nothing(office: Office, case: str) -> None:
    assert assign(office, "tess", case) == (422, "not-asked")


def test_a_closed_case_is_neither_assigned_nor_leased_nor_answered(office: Office, case: str) -> None:
    office.answers("carl", case, "no")
    assert assign(office, "ana", case, names=["ana"]) == (422, "case-closed")
    assert office.refused("ana", "PUT", f"/v1/cases/{case}/lease", {}) == (422, "case-closed")
    assert office.refused("ana", "POST", f"/v1/cases/{case}/answer", YES) == (422, "case-closed")


def test_nobody_else_answers_while_somebody_is_at_it(office: Office, case: str, clock: Any) -> None:
    lease = office.does("ana", "PUT", f"/v1/cases/{case}/lease", {"minutes": 30})
    assert lease == {"case": case, "holder": "ana", "until": "2025-09-02T18:30:00Z"}
    answer = office.ask("olga", "POST", f"/v1/cases/{case}/answer", YES)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/leased")
    assert answer.json()["detail"] == "ana is at this case until 18:30 UTC."
    assert office.refused("olga", "PUT", f"/v1/cases/{case}/lease", {}) == (409, "leased")
    assert office.answers("ana", case)["outcome"] is None
    assert office.answers("carl", case)["outcome"] == "settled", "an answer ends the lease"


def test_a_lease_ends_by_itself_and_is_let_go_by_its_holder_alone(office: Office, case: str, clock: Any) -> None:
    path = f"/v1/cases/{case}/lease"
    assert office.does("ana", "PUT", path, {})["until"] == "2025-09-02T18:15:00Z"
    assert office.ask("olga", "DELETE", path).status_code == 204
    assert office.refused("olga", "PUT", path, {}) == (409, "leased"), "it was not hers to let go"
    assert office.ask("ana", "DELETE", path).status_code == 204
    assert office.does("olga", "PUT", path, {})["holder"] == "olga"
    clock.now += timedelta(minutes=15)
    assert office.does("ana", "PUT", path, {})["holder"] == "ana"
    assert office.does("ana", "PUT", path, {"minutes": 120})["until"] == "2025-09-02T20:15:00Z", "taken again, longer"


def test_only_whoever_may_answer_a_case_keeps_others_from_it(office: Office, children: Children) -> None:
    case = office.proposes(children.oregon, children.california, name="olga")
    path = f"/v1/cases/{case}/lease"
    assert office.refused("tess", "PUT", path, {}) == (422, "not-asked")
    assert office.refused("olga", "PUT", path, {}) == (422, "own-proposal")
    office.answers("ana", case)
    assert office.refused("ana", "PUT", path, {}) == (422, "already-answered")
    assert office.answers("carl", case)["outcome"] == "settled"


@pytest.mark.parametrize("minutes", [0, 121, "15", 1.5])
def test_a_lease_of_another_length_is_refused(office: Office, case: str, minutes: Any) -> None:
    answer = office.ask("ana", "PUT", f"/v1/cases/{case}/lease", {"minutes": minutes})
    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == ["/minutes"]


def test_a_merge_that_cannot_be_any_more_is_overtaken(office: Office, case: str, ledger: Ledger) -> None:
    concerned = ledger.casework.case(case).opened.records
    left, right = (one.anchor.student_id for one in concerned)
    office.does("carl", "POST", "/v1/not-same", {"left": left, "right": right, "reason": WHY})
    office.answers("ana", case)
    last = office.answers("carl", case)
    assert (last["outcome"], last["code"], last["act"]) == ("overtaken", "bound-by-not-same", None)


def test_an_answer_sent_again_is_told_what_it_was_told_first_whatever_others_have_answered_since(
    office: Office, children: Children
) -> None:
    case = office.proposes(children.oregon, children.california)
    yes = {"answer": "yes", "reason": WHY}
    first = office.ask("ana", "POST", f"/v1/cases/{case}/answer", yes, headers={"Idempotency-Key": "1"})
    assert first.json()["outcome"] is None
    assert office.answers("carl", case)["outcome"] == "settled"
    again = office.ask("ana", "POST", f"/v1/cases/{case}/answer", yes, headers={"Idempotency-Key": "1"})
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == first.json()
