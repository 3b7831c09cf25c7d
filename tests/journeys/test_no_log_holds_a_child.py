"""What a service writes down by itself, at its most talkative and whatever goes wrong, names nobody.

Everything that is sent here is invented to be found again: no other word in any log is like it.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
import urllib.parse
from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg import sql

from support.house import House, Service
from support.servers import reachable_tmp

pytestmark = pytest.mark.database

SSID, OTHER, THIRD = "ORQXZ7740", "ORQXZ7741", "ORQXZ7742"
CHILD = {
    "first_name": "Zyxwela",
    "middle_name": "Quillimán",
    "last_name_1": "Vrbotnik",
    "last_name_2": "Ñandupay",
    "sex": "Female",
    "birth_date": "2013-05-19",
    "male_parent_first_name": "Wolframio",
    "male_parent_last_name": "Jxtlahuac",
    "parent_1_email_address": "wolframio.jx@example.org",
    "parent_1_phone_number": "5035550147",
    "birth_city": "Tzintzuntzan",
}
MOVE = {
    "qualifying_arrival_date": "2025-04-18",
    "qualifying_move_from_city": "Maderaxoq",
    "qualifying_move_from_state": "CA",
}
ENROLLMENT = {"enrollment_date": "2025-04-21", "enrollment_type": "01", "school_or_project_name": "Valorquix Middle"}
SHOT = {"cvx_code": "115", "administration_date": "2024-08-16"}
FILED = {"first": "Pxilandra", "last": "Zumwaltiz", "born": "20121127", "ssid": "ORQXZ9001"}
FORBIDDEN = (
    *(value for name, value in CHILD.items() if name not in ("sex", "birth_date")),
    *("2013-05-19", "20130519", "05/19/2013", "19.05.2013"),
    *(SSID, OTHER, THIRD),
    *("Maderaxoq", "Valorquix"),
    *FILED.values(),
    "2012-11-27",
    "Nobodyxik",
    "soj_Wrongtokenqz",
)
"""Values that were sent: of a child, of a parent, what was searched for, and a secret."""


def spellings(value: str) -> set[str]:
    """The ways in which a value may come into a log."""
    escaped = json.dumps(value)[1:-1]
    latin = value.encode().decode("latin-1")
    written = {value, escaped, urllib.parse.quote(value), urllib.parse.quote_plus(value), latin, ascii(value)[1:-1]}
    return {spelling.lower() for spelling in written}


class Told(NamedTuple):
    """What was written, by where, and the statuses of the answers that were given meanwhile."""

    written: dict[str, str]
    statuses: set[int]


class Asking:
    """Whoever asks, and notes the statuses of the answers."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.statuses: set[int] = set()

    def __call__(self, method: str, path: str, **more: Any) -> Any:
        answer = self.service.call(method, path, **more)
        self.statuses.add(answer.status_code)
        return answer


def right(ask: Asking) -> str:
    """Everything as it should be: facts, a file, searches, reads. The student's id."""
    body = {"student": {}, "demographics": [CHILD], "qualifying_moves": [MOVE], "enrollments": [ENROLLMENT]}
    placed = ask("PUT", f"/v1/records/OR/{SSID}", json=body, key="Zyxwela-1")
    assert placed.status_code == 201, placed.text
    student = placed.json()["student_id"]
    assert ask("POST", f"/v1/records/OR/{SSID}/immunizations", json=SHOT).status_code == 201
    again = {**CHILD, "demographics_record_id": "002", "first_name": "Zyxwela"}
    ask("PUT", f"/v1/records/OR/{OTHER}", json={**body, "demographics": [again]})
    rows = [
        "H|OR|20250902020000000|1|3|20250801000000000|20250902000000000",
        f"S|0000001||OR|{FILED['ssid']}|02|I",
        f"D|0000001|001|{FILED['first']}||{FILED['last']}|||Female|{FILED['born']}",
        "Q|0000001|001|20250418|Maderaxoq|CA||Woodburn|OR|20280417",
    ]
    sent = ask(
        "POST", "/v1/submissions", content="\n".join([*rows, ""]).encode(), headers={"Content-Type": "text/plain"}
    )
    assert sent.status_code == 202, sent.text
    ask("GET", sent.headers["Location"])
    ask("GET", f"{sent.headers['Location']}/response")
    head = ask.service.head()
    for path in ("", "/history", "/records", "/disclosures"):
        ask("GET", f"/v1/students/{student}{path}", by="auditor", params={"at_least": head} if not path else None)
    ask("GET", f"/students/{student}", by="auditor")
    search = {"first_name": CHILD["first_name"], "last_name_1": CHILD["last_name_1"], "birth_date": CHILD["birth_date"]}
    ask("POST", "/v1/students/search", by="auditor", json=search)
    ask("POST", "/v1/students/search", by="auditor", json={"state": "OR", "state_student_id": SSID})
    ask("GET", "/v1/cases", by="auditor", params={"state": "OR"})
    return student


def wrong(ask: Asking, student: str) -> None:
    """Everything as it should not be, with the values where they do not belong."""
    name = str(CHILD["first_name"])
    for broken in (
        {"demographics": [{**CHILD, "birth_date": "05/19/2013"}]},
        {"student": {}, "demographics": [{**CHILD, name: CHILD["last_name_1"]}]},
        {"student": {}, "demographics": [{**CHILD, "sex": name}]},
        {"student": {"state_student_id": THIRD}, "demographics": [CHILD]},
        {name: [CHILD]},
        [CHILD],
    ):
        ask("PUT", f"/v1/records/OR/{SSID}", json=broken)
    ask("PUT", f"/v1/records/OR/{SSID}", content=json.dumps(CHILD).encode()[:-1])
    ask("PUT", f"/v1/records/OR/{SSID}", content=json.dumps(CHILD), headers={"Content-Type": f"text/{name}"})
    ask("PUT", f"/v1/records/OR/{SSID}", content=f"{{{name}".encode("utf-16"))
    ask("PUT", f"/v1/records/CA/{SSID}", json={"student": {}, "demographics": [CHILD]})
    ask("PUT", f"/v1/records/{name}/{SSID}", json={"student": {}, "demographics": [CHILD]})
    ask("PUT", f"/v1/records/OR/{SSID}", json={"student": {}, "demographics": [CHILD]}, key="Zyxwela-1")
    ask("POST", f"/v1/records/OR/{THIRD}/enrollments", json=ENROLLMENT)
    ask("POST", f"/v1/records/OR/{SSID}/corrections", json={"fact": 1, "elements": {name: CHILD["last_name_1"]}})
    ask("POST", f"/v1/records/OR/{SSID}/withdrawals", json={"enrollment": name})
    ask("POST", "/v1/submissions", content=f"H|OR|{name}|1\nS|{SSID}|{name}\n".encode())
    ask("POST", f"/v1/submissions?state={name}", content=b"x")
    ask("POST", "/v1/students/search", by="auditor", json={"first_name": ["Nobodyxik"], "last_name_1": "Nobodyxik"})
    ask("POST", "/v1/students/search", by="auditor", json={"birth_date": "20130519", "last_name_1": "Nobodyxik"})
    ask("POST", "/v1/students/search", by="auditor", json={"first_name": "Nobodyxik\0", "birth_date": "2013-05-19"})
    ask("GET", f"/v1/students/{student}", by="auditor", headers={"Purpose": "Nobodyxik" * 30})
    ask("GET", f"/v1/students/{student}?as_of=Nobodyxik", by="auditor")
    ask("GET", "/v1/students/Nobodyxik", by="auditor")
    ask("GET", f"/v1/Nobodyxik/{SSID}?name=Nobodyxik", by="auditor")
    ask("GET", f"/v1/students/{student}", by="")
    ask("GET", f"/v1/students/{student}", by="", headers={"Authorization": "Bearer soj_Wrongtokenqz"})
    ask("GET", f"/v1/students/{student}", by="", headers={"Cookie": "__Host-sojourn=soj_Wrongtokenqz"})
    ask("GET", f"/v1/students/{student}", by="OR")
    ask("DELETE", f"/v1/students/{student}?reason=Nobodyxik", by="auditor")
    ask("NOBODYXIK", f"/v1/students/{student}")
    ask("GET", "/livez", by="", headers={"X-Request-ID": SSID, "User-Agent": name, "Referer": f"/students/{name}"})
    ask("POST", "/v1/merges", by="state_data_administrator", json={"left": student, "right": name, "reason": name})
    for raw in (f"GET /{name} HTTP/9.9\r\n\r\n", f"{name}\r\n\r\n", f"GET / HTTP/1.1\r\n{name}\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", ask.service.client.base_url.port or 0), timeout=30) as plain:
            plain.sendall(raw.encode())
            plain.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionError):
                while plain.recv(4096):
                    pass


def broken(ask: Asking, student: str) -> None:
    """The database refuses what is folded, read and written, each time with the row in the words of its error."""
    house = ask.service.house
    body = {"student": {}, "demographics": [CHILD], "qualifying_moves": [MOVE]}
    with psycopg.connect(host=str(house.data / "run"), dbname="sojourn", user="postgres", autocommit=True) as superuser:
        columns = superuser.execute(
            "select c.table_schema, c.table_name, min(c.column_name), c.table_schema in ('ledger', 'access')"
            " from information_schema.columns c join information_schema.tables t using (table_schema, table_name)"
            " where t.table_type = 'BASE TABLE' and c.table_schema not in ('pg_catalog', 'information_schema')"
            " and (c.column_name ~ 'student_id' or c.column_name ~ 'name') and c.data_type = 'text' group by 1, 2, 4"
        ).fetchall()
        shown = [(sql.Identifier(*of[:2]), sql.Identifier(of[2])) for of in columns if not of[3]]
        for table, column in shown:
            superuser.execute(sql.SQL("alter table {} enable row level security").format(table))
            superuser.execute(sql.SQL("create policy refused on {} using ({}::int > 0)").format(table, column))
        search = {"first_name": CHILD["first_name"], "last_name_1": CHILD["last_name_1"]}
        ask("POST", "/v1/students/search", by="auditor", json={**search, "birth_date": CHILD["birth_date"]})
        ask("POST", "/v1/students/search", by="auditor", json={"state": "OR", "state_student_id": SSID})
        ask("GET", f"/v1/students/{student}/records", by="auditor")
        for table, _ in shown:
            superuser.execute(sql.SQL("drop policy refused on {}").format(table))
            superuser.execute(sql.SQL("alter table {} disable row level security").format(table))
        refuse = sql.SQL("alter table {} add constraint refused check (false) not valid")
        for guards in (False, True):
            for schema, table, _, of_the_log in columns:
                if of_the_log is guards:
                    superuser.execute(refuse.format(sql.Identifier(schema, table)))
            ask("PUT", f"/v1/records/OR/{THIRD}{guards}", json=body)
            deadline = time.monotonic() + 30
            while ask.service.log.read_text().count('"CheckViolation"') <= guards:
                assert time.monotonic() < deadline
                time.sleep(0.05)


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    with reachable_tmp() as folder:
        house = House(folder / "d", SOJOURN_LOG_LEVEL="debug", SOJOURN_LOG_FORMAT="json")
        with house.serving() as service:
            ask = Asking(service)
            student = right(ask)
            wrong(ask, student)
            broken(ask, student)
            metrics = service.client.get("/metrics").text
        written = {"the service": service.log.read_text(), "metrics": metrics}
        written["PostgreSQL"] = (house.data / "server.log").read_text()
        yield Told(written, ask.statuses)


def test_every_kind_of_answer_was_given(told: Told) -> None:
    """Or the silence below would prove little."""
    assert told.statuses >= {200, 201, 202, 400, 401, 403, 404, 405, 415, 422}
    assert told.statuses >= {500, 503}
    assert '"event":"request"' in told.written["the service"]
    assert '"places"' in told.written["the service"], "errors that nobody meant were logged"
    assert "sojourn_build_info" in told.written["metrics"]


@pytest.mark.parametrize("where", ["the service", "metrics", "PostgreSQL"])
def test_nothing_of_a_child_is_in_what_was_written(told: Told, where: str) -> None:
    text = told.written[where].lower()
    assert text
    found = [value for value in FORBIDDEN for spelling in spellings(str(value)) if spelling in text]
    assert not found
