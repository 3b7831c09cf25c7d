"""A running service with a few children of two states, asked by machines and by people who know the pages and no more.

Nothing of the product is imported.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx2

from support.command_line import CommandLine
from support.house import Service, check_digit
from support.kept_apart import keep_apart
from support.outsider import COURSE, SHOT, Child, QuickHouse, header, row
from support.servers import reachable_tmp
from support.visitors import Visitor

DISTRICT = "4106740"
NAMES = ("Yolotzin", "Xiuhnel", "Citlalmina", "Tonatzin", "Ehecatzin", "Temoltzin", "Zacatelco", "Huamantla")
"""Every name that a child of these nights has, so that a log can be searched for them."""

NEVER = "987654321" + "01"
NEVER_ISSUED = NEVER + check_digit(NEVER)
PAPER = b"%PDF-1.7\n1 0 obj <<>> endobj\n%%EOF\n"


def kid(ssid: str, first: str, last: str, born: str, district: str = DISTRICT) -> Child:
    return Child(
        ssid,
        [
            row("D", first=first, last=last, born=born, mother="Tonatzin", phone="5035550142"),
            row("Q", on="20250418", from_city="Madera", from_state="CA"),
            row("E", on="20250421", type="01", school="Valor", district_id=district, resident=district),
            COURSE,
            SHOT,
        ],
    )


@dataclass
class Front:
    """ids: student id by ``STATE:SSID``."""

    service: Service
    command: CommandLine
    folder: Path
    ids: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return str(self.service.client.base_url)

    def token(self, name: str, role: str = "", *narrowed: str) -> str:
        """A token by this name; made where there is none yet."""
        if name not in self.tokens:
            made = self.command.run("token", "create", "--name", name, "--role", role, *narrowed)
            self.tokens[name] = made.stdout.strip()
        return self.tokens[name]

    def ask(self, by: str, method: str, path: str, **rest: Any) -> httpx2.Response:
        """One request with the token of that name."""
        headers = {"Authorization": f"Bearer {self.tokens[by]}", **rest.pop("headers", {})}
        return self.service.client.request(method, path, headers=headers, **rest)

    def get(self, by: str, path: str, **rest: Any) -> httpx2.Response:
        return self.ask(by, "GET", path, **rest)

    def post(self, by: str, path: str, body: Any, **rest: Any) -> httpx2.Response:
        return self.ask(by, "POST", path, json=body, **rest)

    def accounting(self, student: str) -> list[Any]:
        """Every entry of a student, newest first, read by an auditor whose own readings are left out."""
        answer = self.get("auditor", f"/v1/students/{student}/disclosures", params={"limit": 1000})
        assert answer.status_code == 200, answer.text
        assert answer.json()["cursor"] is None
        return [one for one in answer.json()["disclosures"] if one["actor"] != "auditor"]

    def of_request(self, student: str, answer: httpx2.Response) -> list[Any]:
        """What the accounting of a student has of one answer."""
        return [one for one in self.accounting(student) if one["request"] == answer.headers["X-Request-Id"]]

    def applies(self, email: str, *, by: str = "help desk", **other: Any) -> httpx2.Response:
        body = {
            "kind": "exchange",
            "email": email,
            "name": "Rosa Núñez",
            "title": "Registrar",
            "address": "1 School Road",
            "phone": "503-555-0101",
            "role": "secondary_user",
            "organisation": "Hood River School",
            "state": "OR",
            "district": DISTRICT,
            "supervisor": "Luis Ortega",
            "supervisor_email": "luis@school.example.org",
            **other,
        }
        return self.post(by, "/v1/applications", {name: value for name, value in body.items() if value is not None})

    def sends_the_form(self, application: str, *, by: str = "help desk") -> str:
        answer = self.ask(
            by,
            "POST",
            f"/v1/attachments?application={application}&what=signed-form",
            content=PAPER,
            headers={"Content-Type": "application/pdf"},
        )
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def verifies(self, application: str, by: str, form: str | None) -> httpx2.Response:
        body = {"identity": "driver's licence", "need": "Enrols children who move.", "form": form}
        return self.post(by, f"/v1/applications/{application}/verification", body)

    def trained(self, account: str, by: str = "authority") -> None:
        on = self.service.client.get("/livez").headers["date"]
        body = {"account": account, "course": "Security and privacy", "completed_on": _a_month_before(on)}
        answer = self.post(by, "/v1/trainings", body)
        assert answer.status_code == 201, answer.text

    def approves(self, application: str, by: str) -> httpx2.Response:
        return self.post(by, f"/v1/applications/{application}/approval", {})

    def admits(self, email: str, **other: Any) -> str:
        """An account with a role: entered, verified by form, trained, approved."""
        answer = self.applies(email, **other)
        assert answer.status_code == 201, answer.text
        told = answer.json()
        done = self.verifies(told["application"], "recorder", self.sends_the_form(told["application"]))
        assert done.status_code == 200, done.text
        self.trained(told["account"])
        done = self.approves(told["application"], "authority")
        assert done.status_code == 200, done.text
        return told["account"]

    def code(self, account: str) -> str:
        body = {"reason": "Seen at the office."}
        answer = self.post("authority", f"/v1/accounts/{account}/sign-in-codes", body)
        assert answer.status_code == 201, answer.text
        return answer.json()["code"]

    def enters(self, email: str, **other: Any) -> tuple[Visitor, str]:
        """Somebody who was admitted and has signed in to the end; and the account."""
        account = self.admits(email, **other)
        visitor = Visitor(self.address)
        visitor.enters(email, self.code(account))
        return visitor, account

    def grants(self, child: str, email: str, *, by: str = "registrar", **other: Any) -> httpx2.Response:
        body = {
            "student_id": self.ids[child],
            "email": email,
            "name": "María López",
            "relation": "parent",
            "identification": "consular identification card",
            **other,
        }
        return self.post(by, "/v1/family-grants", body)

    def sends(self, state: str, day: Any, *children: Child) -> None:
        lines = [line for n, one in enumerate(children, 1) for line in one.lines(state, n)]
        path = self.folder / f"{state}-{day}.txt"
        path.write_text("\n".join([header(state, day, len(children), len(lines)), *lines, ""]))
        self.command.run("submit", path)
        for line in csv.DictReader(io.StringIO(self.command.run("students", "--csv").stdout)):
            self.ids[f"{line['state']}:{line['state_student_id']}"] = line["student_id"]


def _a_month_before(http_date: str) -> str:
    return (parsedate_to_datetime(http_date).date() - timedelta(31)).isoformat()


PRINCIPALS = {
    "auditor": ("auditor",),
    "help desk": ("help_desk",),
    "recorder": ("user_administrator", "--state", "OR"),
    "authority": ("user_administrator", "--state", "OR"),
    "californian authority": ("user_administrator", "--state", "CA"),
    "secondary": ("secondary_user",),
    "primary": ("primary_user", "--state", "OR"),
    "registrar": ("secondary_user", "--state", "OR", "--district", DISTRICT),
    "elsewhere": ("secondary_user", "--state", "OR", "--district", "4100001"),
    "recruiter": ("recruiter", "--state", "OR"),
    "reviewer": ("eligibility_reviewer", "--state", "OR"),
    "government": ("government_user",),
    "privacy": ("privacy_officer",),
    "operator": ("operator",),
    "submitter": ("state_batch_submitter", "--state", "OR"),
    "submitter too": ("state_batch_submitter", "--state", "OR"),
    "californian submitter": ("state_batch_submitter", "--state", "CA"),
    "state office": ("state_data_administrator", "--state", "OR"),
    "californian office": ("state_data_administrator", "--state", "CA"),
    "region map": ("region_administrator", "--state", "OR"),
    "parent": ("parent",),
}


@contextmanager
def open_front(**settings: str) -> Iterator[Front]:
    """A service whose ledger matches nothing, with no child yet, and a token of every role."""
    with reachable_tmp() as folder:
        house = QuickHouse(folder / "d")
        house.settings.update(settings)
        keep_apart(house.command)
        with house.serving() as service:
            front = Front(service, house.quick, folder)
            for name, (role, *narrowed) in PRINCIPALS.items():
                front.token(name, role, *narrowed)
            yield front
