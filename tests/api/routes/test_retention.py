"""Retention over HTTP: who may, what is asked for by whom, and what comes of two people's requests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from api.services import Services
from ledger.account_acts import EndRole, GrantRole
from ledger.application import Ledger
from ledger.events import Meta
from ledger.events.application import AskedRole
from ledger.events.disclosure import Disclosed
from ledger.store.database import Database
from support.acting import Office
from support.admitting import admitted
from support.disposals import LATER
from support.services import Clock

AUTHORITY = "OAR 166-400-0060"
WHY = "A court has asked for it."
NOBODY = "01990000-0000-7000-8000-0000000000b1"
SCHEDULES, HOLDS, DUE, DISPOSALS = (f"/v1/retention/{name}" for name in ("schedules", "holds", "due", "disposals"))


@pytest.fixture
def ledger(database: Database, new_ledger: Callable[..., Ledger], clock: Clock) -> Ledger:
    """A ledger by the test's clock, which says what is due."""
    return new_ledger(database, clock)


@pytest.fixture
def officers(office: Office) -> Office:
    """Two privacy officers, and people who read or may nothing."""
    office.gives("ana", "privacy_officer", None)
    office.gives("ben", "privacy_officer", None)
    office.gives("audrey", "auditor", None)
    office.gives("oscar", "operator", None)
    office.gives("oregon", "state_data_administrator", "OR")
    office.gives("california", "state_data_administrator", "CA")
    office.gives("rosa", "secondary_user", "OR")
    return office


@pytest.fixture
def due(officers: Office, clock: Clock, services: Services) -> dict[str, str]:
    """Records of Oregon and California that have been due for years: the state to the record."""
    for ssid, state in (("OR1", "OR"), ("CA1", "CA")):
        officers.record(state, ssid)
    for record_class, since in (("education", "last-activity"), ("eligibility", "eligibility-end")):
        assert _set(officers, "ana", record_class, since, 5).status_code == 200
    clock.now = LATER
    with services.ledger.log.connection() as conn:
        rows: list[Any] = conn.execute("select state, record_id from ledger.records").fetchall()
    return {row["state"]: str(row["record_id"]) for row in rows}


def _set(office: Office, who: str, record_class: str, since: str, years: int, **more: Any) -> Any:
    said = {"record_class": record_class, "after": [{"since": since, "years": years}], "authority": AUTHORITY}
    headers = more.pop("headers", {})
    return office.ask(who, "PUT", SCHEDULES, {**said, **more}, headers=headers)


def _propose(office: Office, *records: str, who: str = "ana", record_class: str = "education", query: str = "") -> Any:
    return office.ask(who, "POST", f"{DISPOSALS}{query}", {"record_class": record_class, "subjects": list(records)})


def problem(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


# -- schedules


def test_schedules_are_told_with_the_laws_floor_and_access_papers_have_the_laws(officers: Office) -> None:
    told = officers.ask("audrey", "GET", SCHEDULES).json()
    assert [(one["name"], one["after"]) for one in told["schedules"]] == [
        ("access/law", [{"since": "access-end", "years": 3}])
    ]
    assert {(one["record_class"], one["years"]) for one in told["floors"]} == {
        ("education", 5),
        ("eligibility", 3),
        ("access", 3),
    }


def test_a_schedule_is_set_only_over_what_was_read(officers: Office) -> None:
    etag = officers.ask("ana", "GET", SCHEDULES).headers["ETag"]
    first = _set(officers, "ana", "education", "last-activity", 7, state="OR", headers={"If-Match": etag})
    assert (first.status_code, first.json()["version"], first.headers["ETag"]) == (200, 1, '"1"')
    assert problem(_set(officers, "ben", "education", "birth", 30, headers={"If-Match": etag})) == (
        412,
        "version-moved",
    )
    [held, _] = officers.ask("ben", "GET", SCHEDULES).json()["schedules"]
    assert (held["name"], held["by"]) == ("education/OR/1", "ana")


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ({"record_class": "eligibility", "after": [{"since": "eligibility-end", "years": 2}]}, "retention-floor"),
        ({"record_class": "education", "after": [{"since": "access-end", "years": 9}]}, "retention-since"),
        ({"record_class": "education", "after": [], "authority": "\u200b"}, "authority"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused_with_its_rule(officers: Office, body: Any, rule: str) -> None:
    answer = officers.ask("ana", "PUT", SCHEDULES, {"authority": AUTHORITY, **body})
    assert answer.status_code == 422
    assert [fault["rule"] for fault in answer.json()["errors"]] == [rule]


def test_a_schedule_shorter_than_the_law_s_says_what_where_why_and_what_would_do(officers: Office) -> None:
    after = [{"since": "birth", "years": 30}, {"since": "eligibility-end", "years": 2}]
    body = {"record_class": "eligibility", "after": after, "authority": AUTHORITY}
    answer = officers.ask("ana", "PUT", SCHEDULES, body)
    assert problem(answer) == (422, "bad-value")
    assert answer.json()["errors"] == [
        {
            "pointer": "/after/1/years",
            "element": "years",
            "rule": "retention-floor",
            "message": "This is shorter than the law allows: 2 CFR 200.334 keeps it 3 years.",
            "remedy": "Give 3 years or more after eligibility-end.",
        }
    ]


def test_what_years_may_count_from_is_what_the_description_says(officers: Office) -> None:
    described = officers.client.get("/openapi.json").json()["components"]["schemas"]["AfterBody"]["properties"]["since"]
    floors = officers.ask("ana", "GET", SCHEDULES).json()["floors"]
    assert set(described["enum"]) == {since for floor in floors for since in floor["counted"]}
    for floor in floors:
        for since in described["enum"]:
            body = {"record_class": floor["record_class"], "after": [{"since": since, "years": 90}]}
            answer = officers.ask("ana", "PUT", SCHEDULES, {"authority": AUTHORITY, **body})
            assert answer.status_code == (200 if since in floor["counted"] else 422), (floor, since)
    body = {"record_class": "education", "after": [{"since": "last-disclosure", "years": 90}], "authority": AUTHORITY}
    assert officers.ask("ana", "PUT", SCHEDULES, body).status_code == 422


# -- who may


@pytest.mark.parametrize("who", ["audrey", "oscar", "oregon", "rosa"])
def test_who_may_not_changes_nothing(officers: Office, due: dict[str, str], who: str) -> None:
    disposal = _propose(officers, due["OR"]).json()["id"]
    for answer in (
        _set(officers, who, "education", "birth", 30),
        officers.ask(who, "POST", HOLDS, {"kind": "legal", "everything": True, "reason": WHY}),
        _propose(officers, due["OR"], who=who),
        officers.ask(who, "POST", f"{DISPOSALS}/{disposal}/approval", {}),
        officers.ask(who, "POST", f"{DISPOSALS}/{disposal}/refusal", {"reason": WHY}),
        officers.ask(who, "POST", f"{DISPOSALS}/{disposal}/withdrawal", {}),
    ):
        assert answer.status_code == 403, answer.text
    assert officers.ask("ben", "GET", f"{DISPOSALS}/{disposal}").json()["status"] == "proposed"


def test_who_reads_no_retention_reads_none(officers: Office) -> None:
    for path in (SCHEDULES, HOLDS, DUE, DISPOSALS):
        assert officers.ask("rosa", "GET", path).status_code == 403


def test_a_state_is_told_what_is_its_own(officers: Office, due: dict[str, str]) -> None:
    both = _propose(officers, due["OR"], due["CA"]).json()["id"]
    alone = _propose(officers, due["CA"], record_class="eligibility").json()["id"]
    officers.ask("ana", "POST", HOLDS, {"kind": "legal", "state": "CA", "reason": WHY})
    listed = officers.ask("oregon", "GET", DISPOSALS).json()["disposals"]
    assert [one["disposal"] for one in listed] == [both]
    assert [item["state"] for item in listed[0]["items"]] == ["OR"]
    assert officers.ask("oregon", "GET", f"{DISPOSALS}/{alone}").status_code == 404
    assert officers.ask("oregon", "GET", HOLDS).json()["holds"] == []
    assert len(officers.ask("california", "GET", HOLDS).json()["holds"]) == 1
    assert {one["state"] for one in officers.ask("oregon", "GET", DUE).json()["due"]} == {"OR"}
    assert problem(officers.ask("oregon", "GET", f"{DUE}?state=CA")) == (403, "other-state")


def test_a_state_reads_its_own_lines_of_a_certificate(officers: Office, due: dict[str, str]) -> None:
    both = _propose(officers, due["OR"], due["CA"]).json()["id"]
    alone = _propose(officers, due["CA"]).json()["id"]
    for disposal in (alone, both):
        assert officers.ask("ben", "POST", f"{DISPOSALS}/{disposal}/approval", {}).status_code == 200
    assert officers.ask("ana", "GET", f"{DISPOSALS}/{both}").json()["gone"] == [due["CA"]]
    for path in (f"{DISPOSALS}/{both}", f"{DISPOSALS}/{both}/certificate"):
        told = officers.ask("oregon", "GET", path)
        assert due["OR"] in told.text
        assert due["CA"] not in told.text
    assert officers.ask("oregon", "GET", f"{DISPOSALS}/{alone}/certificate").status_code == 404


def test_what_people_wrote_is_told_to_who_may_hold_or_approve_and_to_nobody_else(
    officers: Office, due: dict[str, str]
) -> None:
    over = {"records": list(due.values())}
    hold = officers.ask("ana", "POST", HOLDS, {"kind": "legal", "reason": WHY, **over}).json()["id"]
    officers.ask("ana", "POST", f"{HOLDS}/{hold}/release", {"reason": WHY})
    disposal = _propose(officers, *due.values()).json()["id"]
    officers.ask("ben", "POST", f"{DISPOSALS}/{disposal}/refusal", {"reason": WHY})
    for who in ("ana", "audrey", "oscar", "oregon", "california"):
        for path in (f"{HOLDS}/{hold}", f"{HOLDS}?released=true", f"{DISPOSALS}/{disposal}", DISPOSALS):
            answer = officers.ask(who, "GET", path)
            assert answer.status_code == 200, answer.text
            assert (WHY in answer.text) == (who == "ana"), (who, path)


def test_a_user_administrator_proposes_the_papers_of_his_own_area_alone(
    officers: Office, due: dict[str, str], services: Services, clock: Clock
) -> None:
    clock.now = LATER.replace(year=2030)
    account = admitted(services.ledger.admissions)
    clock.now = LATER
    officers.gives("olga", "user_administrator", "OR")
    officers.gives("carl", "user_administrator", "CA")
    assert problem(_propose(officers, account, who="olga", record_class="access")) == (422, "not-due")
    assert problem(_propose(officers, account, who="carl", record_class="access")) == (403, "other-state")
    assert problem(_propose(officers, due["OR"], who="olga")) == (403, "forbidden")
    clock.now = LATER.replace(year=2031)
    by = Meta(actor="olga", reason="By hand.")
    end = EndRole(by="olga", grant=1, reason="Left.")
    services.ledger.admissions.act(account, end, by)
    role = AskedRole(role="secondary_user", organisation="School", state="CA")
    moved = str(
        services.ledger.admissions.open(
            "mo@example.org",
            "Mo",
            [GrantRole(by="olga", role=replace(role, state="OR")), GrantRole(by="olga", role=role)],
            by,
        ).ids["account"]
    )
    clock.now = LATER
    assert _propose(officers, account, who="olga", record_class="access").status_code == 201, "its role has ended"
    for who in ("olga", "carl"):
        assert problem(_propose(officers, moved, who=who, record_class="access")) == (403, "forbidden")


def test_a_user_administrator_of_the_nation_proposes_the_papers_of_every_state(
    officers: Office, services: Services, clock: Clock
) -> None:
    clock.now = LATER.replace(year=2030)
    account = admitted(services.ledger.admissions)
    services.ledger.admissions.act(
        account, EndRole(by="olga", grant=1, reason="Left."), Meta(actor="olga", reason="By hand.")
    )
    clock.now = LATER
    officers.gives("nora", "user_administrator", None)
    assert _propose(officers, account, who="nora", record_class="access").status_code == 201


def test_who_proposes_and_who_approves_are_told_whose_holds_others_have_released(
    officers: Office, due: dict[str, str]
) -> None:
    hold = officers.ask("ben", "POST", HOLDS, {"kind": "legal", "records": [due["OR"]], "reason": WHY}).json()["id"]
    officers.ask("ana", "POST", f"{HOLDS}/{hold}/release", {"reason": "Settled."})
    told = {"hold": hold, "kind": "legal", "placed_by": "ben", "released_by": "ana"}
    assert _propose(officers, due["OR"], query="?dry_run=true").json()["released"] == [told]
    disposal = _propose(officers, due["OR"]).json()["id"]
    assert officers.ask("ben", "GET", f"{DISPOSALS}/{disposal}").json()["released"] == [told]


# -- holds


def test_a_hold_is_placed_read_and_released(officers: Office, due: dict[str, str]) -> None:
    student = officers.ask("audrey", "GET", DUE).json()["due"][0]["student_id"]
    placed = officers.ask("ana", "POST", HOLDS, {"kind": "legal", "students": [student], "reason": WHY})
    assert placed.status_code == 201, placed.text
    hold = officers.ask("ben", "GET", placed.headers["Location"]).json()
    assert (hold["status"], hold["reason"], hold["placed_by"]) == ("standing", WHY, "ana")
    assert set(hold["over"]["records"]) <= set(due.values())
    assert officers.ask("oscar", "GET", placed.headers["Location"]).json()["reason"] is None
    released = officers.ask("ben", "POST", f"{HOLDS}/{hold['hold']}/release", {"reason": "Settled."})
    assert released.json()["status"] == "released"
    assert officers.ask("ben", "GET", HOLDS).json()["holds"] == []
    [told] = officers.ask("ben", "GET", f"{HOLDS}?released=true").json()["holds"]
    assert (told["released_by"], told["released_reason"]) == ("ben", "Settled.")


def test_a_hold_whose_last_day_is_over_says_so(officers: Office, clock: Clock) -> None:
    said = {"kind": "legal", "everything": True, "reason": WHY, "until": f"{clock.now + timedelta(days=2):%Y-%m-%d}"}
    hold = officers.ask("ana", "POST", HOLDS, said).headers["Location"]
    assert officers.ask("ben", "GET", hold).json()["status"] == "standing"
    clock.now += timedelta(days=5)
    assert officers.ask("ben", "GET", hold).json()["status"] == "over"
    assert [one["status"] for one in officers.ask("ben", "GET", HOLDS).json()["holds"]] == ["over"]


@pytest.mark.parametrize("over", [{}, {"state": "OR", "everything": True}])
def test_a_hold_is_over_one_kind_of_thing(officers: Office, over: Any) -> None:
    answer = officers.ask("ana", "POST", HOLDS, {"kind": "legal", "reason": WHY, **over})
    assert [fault["rule"] for fault in answer.json()["errors"]] == ["hold-over"]


def test_what_is_not_there_is_not_held(officers: Office) -> None:
    for over in ({"students": ["999999999996"]}, {"records": [NOBODY]}, {"account": NOBODY}):
        answer = officers.ask("ana", "POST", HOLDS, {"kind": "legal", "reason": WHY, **over})
        assert answer.status_code == 404, answer.text


# -- disposals


def test_a_dry_run_shows_what_would_go_and_writes_nothing(officers: Office, due: dict[str, str]) -> None:
    preview = _propose(officers, due["OR"], query="?dry_run=true")
    assert preview.status_code == 200
    [item] = preview.json()["items"]
    assert (item["subject"], item["scope"]["events"]["education"]) == (due["OR"], item["scope"]["version"] - 1)
    assert preview.json()["in_the_way"] == []
    assert officers.ask("ana", "GET", DISPOSALS).json()["disposals"] == []


def test_what_is_in_the_way_is_named_before_and_after_it_is_proposed(officers: Office, due: dict[str, str]) -> None:
    disposal = _propose(officers, due["OR"], due["CA"]).json()["id"]
    hold = officers.ask("ana", "POST", HOLDS, {"kind": "request", "records": [due["CA"]], "reason": WHY}).json()["id"]
    told = officers.ask("ben", "GET", f"{DISPOSALS}/{disposal}").json()
    named = {"subject": due["CA"], "held_by": [f"request {hold}"]}
    assert told["in_the_way"] == [{"problem": "under-hold", **named}]
    answer = officers.ask("ben", "POST", f"{DISPOSALS}/{disposal}/approval", {})
    assert problem(answer) == (422, "under-hold")
    assert answer.json()["items"] == [named]
    assert problem(_propose(officers, due["CA"], who="ben")) == (422, "under-hold")


def test_another_person_approves_and_a_third_reads_the_certificate(officers: Office, due: dict[str, str]) -> None:
    disposal = _propose(officers, due["OR"]).json()["id"]
    path = f"{DISPOSALS}/{disposal}"
    assert problem(officers.ask("ana", "GET", f"{path}/certificate")) == (422, "disposal-closed")
    assert problem(officers.ask("ana", "POST", f"{path}/approval", {})) == (422, "own-proposal")
    assert problem(officers.ask("ben", "POST", f"{path}/approval", {"items": 2})) == (422, "bad-value")
    approved = officers.ask("ben", "POST", f"{path}/approval", {"items": 1})
    assert (approved.status_code, approved.json()) == (200, {"id": disposal, "status": "done"})
    certificate = officers.ask("audrey", "GET", f"{path}/certificate").json()
    assert (certificate["proposed_by"], certificate["approved_by"]) == ("ana", "ben")
    assert certificate["checkpoint"] is None, "nobody signs here"
    told = officers.ask("oregon", "GET", path).json()
    assert (told["status"], told["closed_by"], told.get("in_the_way")) == ("done", "ben", None)


def test_the_same_request_again_is_the_first_answer(officers: Office, due: dict[str, str]) -> None:
    body = {"record_class": "education", "subjects": [due["OR"]]}
    first, again = (officers.ask("ana", "POST", DISPOSALS, body, headers={"Idempotency-Key": "one"}) for _ in range(2))
    assert first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    path = f"{DISPOSALS}/{first.json()['id']}/approval"
    done = [officers.ask("ben", "POST", path, {}, headers={"Idempotency-Key": "two"}) for _ in range(2)]
    assert [one.status_code for one in done] == [200, 200]
    assert done[1].headers["Idempotency-Replayed"] == "true"


def test_it_is_refused_with_a_reason_or_taken_back(officers: Office, due: dict[str, str]) -> None:
    first = _propose(officers, due["OR"]).json()["id"]
    refused = officers.ask("ben", "POST", f"{DISPOSALS}/{first}/refusal", {"reason": "Wait for the audit."})
    assert refused.json()["status"] == "refused"
    assert officers.ask("ana", "GET", f"{DISPOSALS}/{first}").json()["reason"] == "Wait for the audit."
    second = _propose(officers, due["OR"]).json()["id"]
    assert problem(officers.ask("ben", "POST", f"{DISPOSALS}/{second}/withdrawal", {})) == (403, "forbidden")
    assert officers.ask("ana", "POST", f"{DISPOSALS}/{second}/withdrawal", {}).json()["status"] == "withdrawn"
    listed = officers.ask("ana", "GET", f"{DISPOSALS}?status=withdrawn").json()["disposals"]
    assert [one["disposal"] for one in listed] == [second]


def test_a_gone_student_is_410_to_who_may_read_of_every_state_and_to_nobody_else(
    officers: Office, due: dict[str, str], services: Services
) -> None:
    [student] = {
        one["student_id"] for one in officers.ask("ana", "GET", f"{DUE}?state=OR").json()["due"] if one["student_id"]
    }
    disposal = _propose(officers, due["OR"]).json()["id"]
    officers.ask("ben", "POST", f"{DISPOSALS}/{disposal}/approval", {})
    at = f"at_least={services.ledger.log.head()}"
    for path in ("", "/records", "/history", "/disclosures"):
        answer = officers.ask("audrey", "GET", f"/v1/students/{student}{path}?{at}")
        assert answer.status_code == 410, (path, answer.text)
        told = answer.json()
        assert (told["student_id"], told["disposal"], told["authority"]) == (student, disposal, AUTHORITY)
        assert told["destroyed_on"] == date(2045, 6, 1).isoformat()
    officers.gives("rita", "recruiter", "OR")
    assert officers.ask("rita", "GET", f"/v1/students/{student}?{at}").status_code == 403
    assert officers.ask("oregon", "POST", "/v1/records/OR/OR1/courses", {"course_title": "X"}).status_code in (404, 422)


def test_a_student_who_keeps_another_record_shows_what_went(
    officers: Office, due: dict[str, str], services: Services
) -> None:
    minted = {one["state"]: one["student_id"] for one in officers.ask("ana", "GET", DUE).json()["due"]}
    officers.merged(minted["OR"], minted["CA"], "olga", "carl")
    disposal = _propose(officers, due["OR"]).json()["id"]
    assert officers.ask("ben", "POST", f"{DISPOSALS}/{disposal}/approval", {}).status_code == 200
    at = f"at_least={services.ledger.log.head()}"
    for student in minted.values():
        shown = officers.ask("audrey", "GET", f"/v1/students/{student}?{at}")
        assert [record["state"] for record in shown.json()["core"]["records"]] == ["CA"]
    for language, words in (("en", "all that OR kept was destroyed"), ("es", "se destruyó todo lo que guardaba OR")):
        answer = officers.ask("audrey", "GET", f"/v1/students/{minted['CA']}/history?{at}&language={language}")
        assert answer.status_code == 200, answer.text
        [line] = [one for one in answer.json()["history"] if one["event"] == "key-destroyed.v1"]
        assert (line["code"], line["record"], line["actor"]) == ("destroy", due["OR"], "ben")
        assert words in line["words"]
        assert disposal in line["words"]
    shown = {one.stream for one in services.ledger.access.read(0, 1000) if isinstance(one.event, Disclosed)}
    assert shown == {f"disclosure/{due['CA']}"}, "of what is gone nothing was shown"


@pytest.mark.parametrize(
    "path",
    [f"{HOLDS}/{NOBODY}", f"{DISPOSALS}/{NOBODY}", f"{DISPOSALS}/{NOBODY}/certificate", f"{HOLDS}/x", f"{DISPOSALS}/x"],
)
def test_what_never_was_is_not_found(officers: Office, path: str) -> None:
    assert officers.ask("ana", "GET", path).status_code == 404


@pytest.mark.parametrize(
    "path",
    [f"{DUE}?limit=0", f"{DUE}?cursor=x", f"{DISPOSALS}?status=x", f"{DISPOSALS}?cursor=x", f"{HOLDS}?released=x"],
)
def test_a_parameter_that_cannot_be_is_refused(officers: Office, path: str) -> None:
    assert officers.ask("ana", "GET", path).status_code == 422
