"""Papers of access: kept three years after access ended, to the day, and then destroyed by two people and no more.

Rosa and Luz lost their access on 29 February 2020; Eva still has hers. Written from the pages alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.access_watch import DISTRICT
from support.long_ago import Desk, at
from support.servers import reachable_tmp
from support.sought import everywhere, tables_with
from support.years_after import LEAP_DAY

LAST_DAY = datetime(2023, 3, 1, 20, tzinfo=UTC)
"""No 29 February in 2023: the last day of keeping is 1 March. Noon in Oregon."""
DAY_AFTER = datetime(2023, 3, 2, 10, tzinfo=UTC)
"""Two in the morning in Oregon."""
DUE_ON = "2023-03-02"
ROSA = {
    "email": "rosalba@amatlantzin.example.org",
    "name": "Rosalbatzin Núñezcóatl",
    "title": "Tlacuilomani",
    "address": "77 Calle Amaxocotitlan",
    "phone": "503-555-0167",
    "organisation": "Escuela Tepetlaoztoc",
    "supervisor": "Luisxochitl Ortegatzin",
    "supervisor_email": "luisxoch@amatlantzin.example.org",
}
LUZ = {
    "email": "luz@school.example.org",
    "name": "Luz Pérez",
    "title": "Registrar",
    "address": "1 School Road",
    "phone": "503-555-0101",
    "organisation": "Hood River School",
    "supervisor": "Paz Soto",
    "supervisor_email": "paz@school.example.org",
}
EVA = LUZ | {"email": "eva@school.example.org", "name": "Eva Ruiz"}
NEED, IDENTITY, COURSE, ENDED = "Tlamachtilizcopa", "Amatlcedula", "Tlamachtiliz Seguro", "Yaquiltitlan closed."
WORDS = (*ROSA.values(), NEED, IDENTITY, COURSE, "Yaquiltitlan", "Tlahcuilolamatl", "Núñezcóatl", "Ortegatzin")
PAPER = b"%PDF-1.7\n% Tlahcuilolamatl\n1 0 obj <<>> endobj\n%%EOF\n"
OTHER_PAPER = b"%PDF-1.7\n1 0 obj <<>> endobj\n%%EOF\n"

WHO = {
    "desk": ("help_desk",),
    "recorder": ("user_administrator", "--state", "OR"),
    "authority": ("user_administrator", "--state", "OR"),
    "californian": ("user_administrator", "--state", "CA"),
    "ana": ("privacy_officer",),
    "ben": ("privacy_officer",),
    "auditor": ("auditor",),
    "office": ("state_data_administrator", "--state", "OR"),
}
DISPOSALS = "/v1/retention/disposals"


@dataclass
class Office:
    folder: Path
    desk: Desk
    accounts: dict[str, str] = field(default_factory=dict)
    applications: dict[str, str] = field(default_factory=dict)
    papers: dict[str, str] = field(default_factory=dict)
    seen: dict[str, Any] = field(default_factory=dict)

    def admits(self, person: dict[str, str], need: str, identity: str, course: str, paper: bytes, today: Any) -> None:
        asked = {**person, "kind": "exchange", "role": "secondary_user", "state": "OR", "district": DISTRICT}
        told = self.desk.does("desk", "POST", "/v1/applications", asked)
        application, account = told["application"], told["account"]
        sent = self.desk.does(
            "desk",
            "POST",
            f"/v1/attachments?application={application}&what=signed-form",
            content=paper,
            headers={"Content-Type": "application/pdf"},
        )
        verified = {"identity": identity, "need": need, "form": sent["id"]}
        self.desk.does("recorder", "POST", f"/v1/applications/{application}/verification", verified)
        trained = {"account": account, "course": course, "completed_on": f"{today - timedelta(31)}"}
        self.desk.does("authority", "POST", "/v1/trainings", trained)
        self.desk.does("authority", "POST", f"/v1/applications/{application}/approval", {})
        name = person["email"].partition("@")[0]
        self.accounts[name], self.applications[name], self.papers[name] = account, application, sent["id"]

    def sends_a_child_of_the_leap_day(self) -> None:
        """She is 23 on 1 March 2023, since that year has no 29 February."""
        named = {"first_name": "Nenetl", "last_name_1": "Luz", "birth_date": "2000-02-29"}
        move = {"qualifying_arrival_date": "2012-04-18", "qualifying_move_from_city": "Madera"}
        move |= {"qualifying_move_from_state": "CA", "eligibility_expiration_date": "2013-04-17"}
        body = {"student": {}, "demographics": [named], "qualifying_moves": [move]}
        told = self.desk.does("office", "PUT", "/v1/records/OR/LEAP", body)
        self.accounts["leap"] = told["record_id"]
        for record_class, since, years in (("eligibility", "eligibility-end", 3), ("education", "birth", 23)):
            times = [{"since": since, "years": years}]
            said = {"record_class": record_class, "state": "OR", "after": times, "authority": "OAR 166-400"}
            self.desk.does("ana", "PUT", "/v1/retention/schedules", said)

    def ends(self, name: str, reason: str) -> None:
        self.desk.does("authority", "POST", f"/v1/accounts/{self.accounts[name]}/deactivation", {"reason": reason})

    def due(self) -> list[Any]:
        return self.desk.does("auditor", "GET", "/v1/retention/due?record_class=access")["due"]

    def of(self, name: str) -> list[Any]:
        """What an auditor is told of a person: the account, the application, the paper."""
        paths = (
            f"/v1/accounts/{self.accounts[name]}",
            f"/v1/applications/{self.applications[name]}",
            f"/v1/attachments/{self.papers[name]}",
        )
        return [self.desk.get("auditor", path) for path in paths]


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with reachable_tmp() as folder:
        with at(folder / "d", LEAP_DAY, WHO) as desk:
            opened = Office(folder, desk)
            opened.admits(ROSA, NEED, IDENTITY, COURSE, PAPER, LEAP_DAY.date())
            for person in (LUZ, EVA):
                opened.admits(person, "Enrols.", "passport", "Security", OTHER_PAPER, LEAP_DAY.date())
            opened.sends_a_child_of_the_leap_day()
            opened.ends("rosalba", ENDED)
            opened.ends("luz", "Moved.")
            opened.seen["due then"] = opened.due()

        with at(folder / "d", LAST_DAY, {f"{name} on the last day": role for name, role in WHO.items()}) as desk:
            told = desk.does("auditor on the last day", "GET", "/v1/retention/due")
            opened.seen["due on the last day"] = told["due"]
        with at(folder / "d", DAY_AFTER, {f"{name} the day after": role for name, role in WHO.items()}) as desk:
            told = desk.does("auditor the day after", "GET", "/v1/retention/due")
            opened.seen["due the day after"] = told["due"]
        with at(folder / "d", None, {f"{name} now": role for name, role in WHO.items()}) as desk:
            opened.desk = Now(desk)
            yield opened


class Now(Desk):
    """People of today under the names of then: tokens last a year."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.service, desk.who)

    def ask(self, by: str, method: str, path: str, json: Any = None, **rest: Any) -> Any:
        return super().ask(f"{by} now", method, path, json, **rest)


def test_nothing_is_due_while_access_lasts_nor_on_the_last_day_of_the_third_year(office: Office) -> None:
    assert office.seen["due then"] == []
    of_children = {one["record_class"] for one in office.seen["due on the last day"]}
    assert of_children == {"eligibility"}, "nor is the child due who is 23 on that day"


def test_on_the_day_after_it_is_due_by_the_laws_own_schedule(office: Office) -> None:
    after = {(one["record_class"], one["subject"]) for one in office.seen["due the day after"]}
    both = {("access", office.accounts[name]) for name in ("rosalba", "luz")}
    leap = {(record_class, office.accounts["leap"]) for record_class in ("education", "eligibility")}
    assert after == both | leap
    due = {one["subject"]: one for one in office.due()}
    assert set(due) == {office.accounts["rosalba"], office.accounts["luz"]}, "Eva's access has not ended"
    for one in due.values():
        assert (one["due_on"], one["record_class"], one["since"], one["years"]) == (DUE_ON, "access", "access-end", 3)
        assert one["student_id"] is None
    told = office.desk.no("ana", "POST", DISPOSALS, {"record_class": "access", "subjects": [office.accounts["eva"]]})
    assert told[:2] == (422, "not-due")


def test_a_longer_schedule_keeps_them_longer(office: Office) -> None:
    body = {"record_class": "access", "state": "OR", "authority": "OAR 166-300"}
    path = "/v1/retention/schedules"
    office.desk.does("ana", "PUT", path, {**body, "after": [{"since": "access-end", "years": 100}]})
    assert office.due() == []
    office.desk.does("ana", "PUT", path, {**body, "after": [{"since": "access-end", "years": 4}]})
    assert {one["due_on"] for one in office.due()} == {"2024-03-01"}, "29 February 2024 is the last day of keeping"
    office.desk.does("ana", "PUT", path, {**body, "after": [{"since": "access-end", "years": 3}]})
    assert {one["due_on"] for one in office.due()} == {DUE_ON}


def test_a_user_administrator_proposes_for_the_own_area_and_approves_nothing(office: Office) -> None:
    body = {"record_class": "access", "subjects": [office.accounts["luz"]]}
    for path in (DISPOSALS, f"{DISPOSALS}?dry_run=true"):
        assert office.desk.no("californian", "POST", path, body)[0] in (403, 404)
    preview = office.desk.does("authority", "POST", f"{DISPOSALS}?dry_run=true", body)
    assert (preview["counts"]["accounts"], preview["counts"]["papers"]) == (1, 1)
    assert preview["items"][0]["scope"]["attachments"] == [office.papers["luz"]]
    disposal = office.desk.does("authority", "POST", DISPOSALS, body)["id"]
    for by in ("authority", "recorder", "californian"):
        assert office.desk.no(by, "POST", f"{DISPOSALS}/{disposal}/approval", {})[0] in (403, 404), by
    office.desk.does("authority", "POST", f"{DISPOSALS}/{disposal}/withdrawal", {})


def test_a_hold_over_an_account_keeps_it_and_they_go_when_it_does_not(office: Office) -> None:
    rosa, luz = office.accounts["rosalba"], office.accounts["luz"]
    before = [answer.content for answer in office.of("eva")]
    assert [answer.status_code for answer in office.of("rosalba")] == [200, 200, 200]
    assert tables_with(office.folder / "d", WORDS), "it is there before"
    disposal = office.desk.does("ana", "POST", DISPOSALS, {"record_class": "access", "subjects": [rosa, luz]})["id"]
    held = {"kind": "legal", "account": luz, "reason": "She sues."}
    office.desk.does("ben", "POST", "/v1/retention/holds", held)
    _, code, problem = office.desk.no("ben", "POST", f"{DISPOSALS}/{disposal}/approval", {})
    assert (code, [one["subject"] for one in problem["items"]]) == ("under-hold", [luz])
    assert [answer.status_code for answer in office.of("rosalba")] == [200, 200, 200]
    office.desk.does("ana", "POST", f"{DISPOSALS}/{disposal}/withdrawal", {})
    disposal = office.desk.does("ana", "POST", DISPOSALS, {"record_class": "access", "subjects": [rosa]})["id"]
    office.desk.does("ben", "POST", f"{DISPOSALS}/{disposal}/approval", {"items": 1})
    told = office.desk.does("auditor", "GET", f"{DISPOSALS}/{disposal}/certificate")
    assert (told["counts"]["accounts"], told["counts"]["papers"], told["counts"]["records"]) == (1, 1, 0)
    assert not [word for word in WORDS if word.lower() in json.dumps(told, ensure_ascii=False).lower()]
    office.desk.house.command("project", "run")
    for answer in office.of("rosalba"):
        assert answer.status_code in (404, 410), answer.text
        assert not [word for word in WORDS if word.lower() in answer.text.lower()]
    assert [answer.content for answer in office.of("eva")] == before
    assert [answer.status_code for answer in office.of("luz")] == [200, 200, 200]


def test_no_row_no_file_and_after_scrubbing_no_byte_holds_what_the_papers_said(office: Office) -> None:
    data = office.folder / "d"
    assert tables_with(data, WORDS) == []
    told = office.desk.house.command("retention", "scrub")
    assert "LEFT" not in told.stdout, told.stdout
    assert everywhere(data, WORDS) == []
    assert office.desk.house.command("verify").stdout.startswith("PROVEN\n")
    assert office.desk.house.command("doctor", code=None).returncode == 0


def test_read_models_that_are_made_again_bring_nothing_back(office: Office) -> None:
    office.desk.house.command("project", "rebuild", "--all")
    assert tables_with(office.folder / "d", WORDS) == []
    listed = office.desk.get("auditor", "/v1/accounts", limit=100)
    if listed.status_code == 200:
        assert office.accounts["rosalba"] not in listed.text
    assert [answer.status_code for answer in office.of("rosalba")] != [200, 200, 200]


def test_a_retired_address_is_never_taken_again_where_its_account_is_kept(office: Office) -> None:
    asked = {**LUZ, "kind": "exchange", "role": "secondary_user", "state": "OR", "district": DISTRICT}
    assert office.desk.no("desk", "POST", "/v1/applications", asked)[:2] == (422, "email-retired")
