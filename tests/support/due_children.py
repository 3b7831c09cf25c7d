"""Children of whom all is due, and who may dispose of them: beside a running service, from the pages alone."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

from support.long_ago import Desk
from support.outsider import Office

WHO = {
    "ana": ("privacy_officer",),
    "ben": ("privacy_officer",),
    "carla": ("privacy_officer",),
    "auditor": ("auditor",),
    "operator": ("operator",),
    "help desk": ("help_desk",),
    "office": ("state_data_administrator", "--state", "OR"),
    "office CA": ("state_data_administrator", "--state", "CA"),
    "second": ("state_data_administrator", "--state", "OR"),
    "primary": ("primary_user", "--state", "OR"),
    "secondary": ("secondary_user", "--state", "OR"),
    "recruiter": ("recruiter", "--state", "OR"),
    "authority": ("user_administrator", "--state", "OR"),
    "submitter": ("state_batch_submitter", "--state", "OR"),
    "government": ("government_user",),
}
NOBODY = "01920f8e-0b5e-7cc3-98c4-dc0c0c07398f"
SCHEDULES, HOLDS, DISPOSALS = (f"/v1/retention/{name}" for name in ("schedules", "holds", "disposals"))
COURSE = {"course_title": "Nueva", "begin_academic_year": "2025", "end_academic_year": "2026"}
AUTHORITY = "OAR 166-400-0060"


class Bench:
    """Children of Oregon (and California) of whom all is due, and two people who may dispose of it."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.desk = Desk(office.service, WHO, office.command.run)
        self._numbers = itertools.count(1)
        for state in ("OR", "CA"):
            for record_class, since, years in (("education", "birth", 20), ("eligibility", "eligibility-end", 3)):
                self.schedule(record_class, state, (since, years))

    def schedule(self, record_class: str, state: str | None, *after: tuple[str, int]) -> Any:
        times = [{"since": since, "years": years} for since, years in after]
        body = {"record_class": record_class, "state": state, "after": times, "authority": AUTHORITY}
        return self.desk.does("ana", "PUT", SCHEDULES, body)

    def child(self, state: str = "OR", **more: Any) -> tuple[str, str, str]:
        """Own id, student id and uuid of a new record."""
        ssid = f"R{next(self._numbers):04}"
        move = {"qualifying_arrival_date": "2014-04-18", "qualifying_move_from_city": "Madera"}
        move |= {"qualifying_move_from_state": "CA", "eligibility_expiration_date": "2016-04-17"}
        named = {"first_name": f"Nenetl{ssid}", "last_name_1": "Luz", "birth_date": "1998-05-09", **more}
        body = {"student": {"state_student_identifier_type": "01"}, "demographics": [named], "qualifying_moves": [move]}
        by = "office" if state == "OR" else "office CA"
        told = self.desk.does(by, "PUT", f"/v1/records/{state}/{ssid}", body)
        return ssid, told["student_id"], told["record_id"]

    def proposed(self, *records: str, record_class: str = "education", by: str = "ana") -> str:
        body = {"record_class": record_class, "subjects": list(records)}
        return self.desk.does(by, "POST", DISPOSALS, body)["id"]

    def approves(self, disposal: str, by: str = "ben") -> httpx2.Response:
        return self.desk.ask(by, "POST", f"{DISPOSALS}/{disposal}/approval", {})

    def stopped(self, disposal: str, code: str) -> Any:
        """Approving is refused with this code, told before as well, and nothing was written."""
        waits = self.desk.does("ben", "GET", f"{DISPOSALS}/{disposal}")
        assert waits["status"] == "proposed"
        assert code in {one["problem"] for one in waits["in_the_way"]}, waits["in_the_way"]
        head = self.office.service.head()
        answer = self.approves(disposal)
        told = answer.json()
        assert told["type"] == f"/problems/{code}", answer.text
        assert answer.status_code == (409 if code == "scope-changed" else 422)
        assert told["remedy"]
        assert self.office.service.head() == head
        return told["items"]

    def hold(self, **over: Any) -> str:
        body = {"kind": "legal", "reason": "A court asks.", **over}
        return self.desk.does("ben", "POST", HOLDS, body)["id"]

    def releases(self, hold: str) -> None:
        """By who placed it: nobody else who releases it has a part in a disposal that it stopped."""
        self.desk.does("ben", "POST", f"{HOLDS}/{hold}/release", {"reason": "Settled."})

    def due(self, record: str, record_class: str = "education") -> Any:
        told = self.desk.does("auditor", "GET", f"/v1/retention/due?record_class={record_class}&limit=500")
        return next((one for one in told["due"] if one["subject"] == record), None)

    def merge(self, left: str, right: str) -> str:
        body = {"left": left, "right": right, "master": left, "reason": "The same mother."}
        return self.desk.does("primary", "POST", "/v1/merges", body)["case"]

    def answers(self, case: str, answer: str = "yes", by: str = "office") -> Any:
        body = {"answer": answer, "reason": "I asked both schools."}
        return self.desk.does(by, "POST", f"/v1/cases/{case}/answer", body)


def in_days(days: int) -> str:
    return f"{datetime.now(UTC).date() + timedelta(days)}"
