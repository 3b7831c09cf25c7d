"""A state office draws its regions and names whom to ask there: set once, by who may, and told nearest first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from psycopg import sql
from starlette.testclient import TestClient

from api.routes.jurisdictions import etag_of
from ledger.access import ROLES
from ledger.application import Ledger
from ledger.store.database import Database

MakeToken = Callable[..., str]
AsRole = Callable[..., dict[str, str]]
OREGON = "/v1/jurisdictions/OR"
WOODBURN = "4113770"
VALLEY = {"name": "Willamette Valley"}
ANA = {"role": "data_administrator", "name": "Ana Ruiz", "email": "ana.ruiz@esd.example.org", "phone": "+15035550101"}
BEN = {"role": "records_contact", "name": "Ben Ode", "email": "ben.ode@woodburn.example.org", "phone": None}
MAP: dict[str, dict[str, Any]] = {"regions/R2": VALLEY, f"districts/{WOODBURN}": {"region": "R2"}}
PARTS: dict[str, dict[str, Any]] = {
    **MAP,
    "contacts/state": {"contact": ANA},
    "contacts/region/R2": {"contact": BEN},
    f"contacts/district/{WOODBURN}": {"contact": BEN},
}
"""In an order in which each can be set."""


@pytest.fixture
def office(client: TestClient, make_token: MakeToken) -> TestClient:
    """The client with the token of Oregon's state office."""
    client.headers["Authorization"] = f"Bearer {make_token('state_data_administrator', name='oregon office')}"
    return client


@pytest.fixture
def as_role(make_token: MakeToken) -> AsRole:
    """Headers of somebody else."""
    return lambda role, state="OR", **more: {"Authorization": f"Bearer {make_token(role, state, **more)}"}


def put(client: TestClient, parts: dict[str, dict[str, Any]] = PARTS, **more: Any) -> None:
    for path, body in parts.items():
        answer = client.put(f"{OREGON}/{path}", json=body, **more)
        assert answer.status_code == 200, (path, answer.text)


def said(client: TestClient) -> dict[str, Any]:
    body = client.get(OREGON).json()
    return {part: body[part] for part in ("regions", "districts", "contacts")}


def asked(client: TestClient, **query: str) -> list[tuple[str, str | None, str]]:
    answer = client.get("/v1/contacts", params={"state": "OR", **query})
    assert answer.status_code == 200, answer.text
    return [(one["level"], one["place"], one["contact"]["name"]) for one in answer.json()["contacts"]]


# -- reading


def test_a_state_that_named_nobody_is_told_so(office: TestClient) -> None:
    nothing = {"set": False, "version": 0, "values": []}
    assert said(office) == {"regions": nothing, "districts": nothing, "contacts": nothing}
    assert asked(office, district=WOODBURN) == []


def test_what_was_set_is_told_in_the_state_s_settings(office: TestClient) -> None:
    put(office)
    put(office, {"regions/A1": {"name": "Gorge"}, "regions/R9": {"name": "Coast"}})
    put(office, {"regions/R9": {"name": "Coast", "ended": True}})
    assert said(office) == {
        "regions": {
            "set": True,
            "version": 8,
            "values": [
                {"region": "A1", "name": "Gorge", "ended": False},
                {"region": "R2", "name": "Willamette Valley", "ended": False},
                {"region": "R9", "name": "Coast", "ended": True},
            ],
        },
        "districts": {"set": True, "version": 2, "values": [{"district": WOODBURN, "region": "R2"}]},
        "contacts": {
            "set": True,
            "version": 5,
            "values": [
                {"level": "district", "place": WOODBURN, "contact": BEN},
                {"level": "region", "place": "R2", "contact": BEN},
                {"level": "state", "place": None, "contact": ANA},
            ],
        },
    }


def test_what_is_read_can_be_sent_back_as_it_is(office: TestClient) -> None:
    put(office)
    told = said(office)
    again = {f"contacts/{one['level']}/{one['place']}": one for one in told["contacts"]["values"][:2]}
    for path, one in again.items():
        assert office.put(f"{OREGON}/{path}", json={"contact": one["contact"]}).json()["changed"] is False
    [region] = told["regions"]["values"]
    sent = {name: region[name] for name in ("name", "ended")}
    assert office.put(f"{OREGON}/regions/{region['region']}", json=sent).json()["changed"] is False


def test_who_is_asked_is_told_nearest_first(office: TestClient) -> None:
    put(office)
    everybody = [("district", WOODBURN, "Ben Ode"), ("region", "R2", "Ben Ode"), ("state", None, "Ana Ruiz")]
    assert asked(office, district=WOODBURN) == everybody
    assert asked(office, district="4110820") == asked(office) == everybody[2:]
    put(office, {f"contacts/district/{WOODBURN}": {"contact": None}})
    assert asked(office, district=WOODBURN) == everybody[1:]
    put(office, {f"districts/{WOODBURN}": {"region": None}})
    assert asked(office, district=WOODBURN) == everybody[2:]


def test_every_role_reads_whom_to_ask_and_no_disclosure_is_written(
    office: TestClient, ledger: Ledger, as_role: AsRole
) -> None:
    put(office)
    query = {"state": "OR", "district": WOODBURN}
    for role in ROLES:
        answer = office.get("/v1/contacts", params=query, headers=as_role(role, "CA"))
        assert (answer.status_code, len(answer.json()["contacts"])) == (200, 3), role
    assert ledger.access.head() == 0
    del office.headers["Authorization"]
    assert office.get("/v1/contacts", params=query).status_code == 401


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({}, "unknown-state"),
        ({"state": "ZZ"}, "unknown-state"),
        ({"state": "or"}, "unknown-state"),
        ({"state": "OR", "district": ""}, "invalid-request"),
        ({"state": "OR", "district": "Woodburn"}, "invalid-request"),
        ({"state": "OR", "district": "0622710"}, "invalid-request"),
        ({"state": "OR", "at_least": "soon"}, "invalid-request"),
    ],
)
def test_a_question_about_no_district_of_a_state_is_refused(
    office: TestClient, query: dict[str, str], problem: str
) -> None:
    answer = office.get("/v1/contacts", params=query)
    assert (answer.status_code, answer.json()["type"]) == (422, f"/problems/{problem}")
    assert answer.json()["remedy"]
    if "district" in query:
        assert [error["pointer"] for error in answer.json()["errors"]] == ["query:district"]


def test_a_reader_who_holds_what_is_current_gets_nothing_again(office: TestClient) -> None:
    put(office)
    first = office.get("/v1/contacts", params={"state": "OR"})
    tag = first.headers["ETag"]
    assert tag == etag_of("OR", 5)
    known = {"If-None-Match": tag}
    assert office.get("/v1/contacts", params={"state": "OR"}, headers=known).status_code == 304
    put(office, {"contacts/state": {"contact": BEN}})
    assert office.get("/v1/contacts", params={"state": "OR"}, headers=known).status_code == 200
    position = first.json()["position"]
    assert office.get("/v1/contacts", params={"state": "OR", "at_least": str(position + 1)}).status_code == 200
    behind = office.get("/v1/contacts", params={"state": "OR", "at_least": str(position + 2)})
    assert (behind.status_code, behind.json()["type"]) == (503, "/problems/projection-behind")


# -- who may


def test_other_roles_set_nothing(client: TestClient, ledger: Ledger, as_role: AsRole) -> None:
    for role in set(ROLES) - {"state_data_administrator", "operator"}:
        headers = as_role(role)
        for path, body in PARTS.items():
            if role == "region_administrator" and path in MAP:
                continue
            answer = client.put(f"{OREGON}/{path}", json=body, headers=headers)
            assert (answer.status_code, answer.json()["type"]) == (403, "/problems/forbidden"), (role, path)
            assert answer.json()["remedy"]
    assert ledger.log.head() == 0


def test_a_region_administrator_draws_the_map_of_her_own_state_and_sets_nothing_else(
    client: TestClient, ledger: Ledger, as_role: AsRole
) -> None:
    for refused in (as_role("region_administrator", "CA"), as_role("region_administrator", region="R2")):
        assert client.put(f"{OREGON}/regions/R2", json=VALLEY, headers=refused).status_code == 403
    headers = as_role("region_administrator", name="oregon regions")
    put(client, MAP, headers=headers)
    for path in ("profile", "calendar"):
        assert client.put(f"{OREGON}/{path}", json={}, headers=headers).status_code == 403
    assert [r.meta.actor for r in ledger.log.read_stream("jurisdiction/OR")] == ["oregon regions"] * 2


def test_a_state_office_sets_nothing_of_another_state_and_an_operator_all_of_any(
    client: TestClient, as_role: AsRole
) -> None:
    for path, body in PARTS.items():
        answer = client.put(f"{OREGON}/{path}", json=body, headers=as_role("state_data_administrator", "CA"))
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/other-state"), path
    put(client, headers=as_role("operator", None))


# -- setting


def test_what_is_set_again_appends_nothing(office: TestClient, ledger: Ledger) -> None:
    for version, (path, body) in enumerate(PARTS.items(), 1):
        first = office.put(f"{OREGON}/{path}", json=body)
        part = path.split("/")[0]
        assert first.json() == {"state": "OR", "part": part, "version": version, "position": version, "changed": True}
        again = office.put(f"{OREGON}/{path}", json=body)
        assert again.json() == {**first.json(), "changed": False}
        assert again.headers["ETag"] == first.headers["ETag"] == etag_of("OR", version)
    assert ledger.log.head() == len(PARTS)


def test_the_same_key_gives_the_first_answer_whatever_was_set_since(office: TestClient, ledger: Ledger) -> None:
    others = {"regions/R2": {"name": "Valley"}, f"districts/{WOODBURN}": {"region": None}}
    for number, (path, body) in enumerate(PARTS.items()):
        key = {"Idempotency-Key": f"key {number}"}
        first = office.put(f"{OREGON}/{path}", json=body, headers=key)
        put(office, {path: others.get(path, {"contact": None})})
        head = ledger.log.head()
        again = office.put(f"{OREGON}/{path}", json=body, headers=key)
        assert again.headers["Idempotency-Replayed"] == "true"
        assert (again.status_code, again.json(), again.headers["ETag"]) == (200, first.json(), first.headers["ETag"])
        assert ledger.log.head() == head
        elsewhere = office.put(f"{OREGON}/{path}", json=others.get(path, {"contact": None}), headers=key)
        assert elsewhere.json()["type"] == "/problems/idempotency-key-reused"
        put(office, {path: body})


def test_what_was_set_since_is_not_set_over(office: TestClient, ledger: Ledger) -> None:
    read = office.get(OREGON).headers["ETag"]
    put(office, MAP)
    head = ledger.log.head()
    for path in PARTS:
        body = {"regions/R2": {"name": "Valley"}, f"districts/{WOODBURN}": {"region": None}}.get(path, {"contact": ANA})
        answer = office.put(f"{OREGON}/{path}", json=body, headers={"If-Match": read})
        assert (answer.status_code, answer.json()["type"]) == (412, "/problems/version-moved"), path
    assert ledger.log.head() == head
    tag = office.get(OREGON).headers["ETag"]
    put(office, {"contacts/state": {"contact": ANA}}, headers={"If-Match": tag})


# -- what nobody could follow

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("regions/R_2", VALLEY, "path:region"),
    ("regions/%00", VALLEY, "path:region"),
    (f"regions/{'x' * 21}", VALLEY, "path:region"),
    ("regions/R9", {**VALLEY, "ended": True}, "path:region"),
    ("regions/R2", {"name": " "}, "/name"),
    ("regions/R2", {"name": "Will\u0000amette"}, "/name"),
    ("regions/R2", {**VALLEY, "ended": True}, "/ended"),
    ("districts/0622710", {"region": "R2"}, "path:district"),
    ("districts/Woodburn", {"region": None}, "path:district"),
    (f"districts/{WOODBURN}", {"region": "R9"}, "/region"),
    (f"districts/{WOODBURN}", {"region": "E1"}, "/region"),
    ("contacts/region", {"contact": BEN}, "path:level"),
    ("contacts/school", {"contact": BEN}, "path:level"),
    ("contacts/state/OR", {"contact": BEN}, "path:place"),
    ("contacts/region/R9", {"contact": BEN}, "path:place"),
    ("contacts/region/E1", {"contact": BEN}, "path:place"),
    ("contacts/district/0622710", {"contact": None}, "path:place"),
    ("contacts/state", {"contact": {**BEN, "role": "clerk"}}, "/contact/role"),
    ("contacts/state", {"contact": {**BEN, "name": ""}}, "/contact/name"),
    ("contacts/state", {"contact": {**BEN, "email": "ben.ode@woodburn"}}, "/contact/email"),
    ("contacts/state", {"contact": {**BEN, "email": "x" * 100_000}}, "/contact/email"),
    ("contacts/state", {"contact": {**BEN, "phone": "555-0199"}}, "/contact/phone"),
]


def test_a_value_that_nobody_could_follow_is_pointed_at_with_its_remedy(office: TestClient, ledger: Ledger) -> None:
    put(office, {**MAP, "regions/E1": {"name": "Gorge"}})
    put(office, {"regions/E1": {"name": "Gorge", "ended": True}})
    head = ledger.log.head()
    for number, (path, body, pointer) in enumerate(REFUSED):
        key = {"Idempotency-Key": f"key {number}"}
        answers = [office.put(f"{OREGON}/{path}", json=body, headers=key) for _ in range(2)]
        for answer in answers:
            assert (answer.status_code, answer.json()["type"]) == (422, "/problems/bad-value"), (path, answer.text)
            [error] = answer.json()["errors"]
            assert (error["pointer"], error["rule"]) == (pointer, path.split("/")[0]), (path, body)
            assert error["message"]
            assert error["remedy"]
            assert not [value for value in (body.get("contact") or {}).values() if value and value in answer.text]
        assert answers[1].headers["Idempotency-Replayed"] == "true"
    assert ledger.log.head() == head


SHAPELESS: list[tuple[str, dict[str, Any], str]] = [
    ("regions/R2", {}, "/name"),
    ("regions/R2", {"name": 2}, "/name"),
    ("regions/R2", {**VALLEY, "ended": "yes"}, "/ended"),
    (f"districts/{WOODBURN}", {}, "/region"),
    ("contacts/state", {}, "/contact"),
    ("contacts/state", ANA, "/contact"),
    ("contacts/state", {"contact": {"role": "records_contact"}}, "/contact/email"),
    ("contacts/state", {"contact": {**BEN, "phone": 5035550101}}, "/contact/phone"),
]


def test_a_body_of_another_shape_is_pointed_at(office: TestClient, ledger: Ledger) -> None:
    for path, body, pointer in SHAPELESS:
        answer = office.put(f"{OREGON}/{path}", json=body)
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request"), answer.text
        assert pointer in {error["pointer"] for error in answer.json()["errors"]}, body
    assert ledger.log.head() == 0


def test_a_region_ends_once_it_is_empty(office: TestClient) -> None:
    put(office)
    ended = {**VALLEY, "ended": True}
    remedies = []
    for path, body in ((f"districts/{WOODBURN}", {"region": None}), ("contacts/region/R2", {"contact": None})):
        remedies.append(office.put(f"{OREGON}/regions/R2", json=ended).json()["errors"][0]["remedy"])
        put(office, {path: body})
    assert WOODBURN in remedies[0]
    assert "contact" in remedies[1]
    put(office, {"regions/R2": ended})


# -- where it is kept


def test_who_a_contact_is_stands_in_no_row_that_sql_can_read(office: TestClient, database: Database) -> None:
    key = {"Idempotency-Key": "once"}
    put(office, MAP)
    put(office, {"contacts/state": {"contact": ANA}}, headers=key)
    with database.connect() as conn:
        tables = conn.execute(
            "select schemaname, tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
        ).fetchall()
        every = [sql.SQL("select t::text from {} t").format(sql.Identifier(*table)) for table in tables]
        rows = [row for query in every for (row,) in conn.execute(query)]
    assert rows
    for value in (ANA["name"], ANA["email"], ANA["phone"]):
        assert not [row for row in rows if value in row or value.encode().hex() in row]


def test_the_feed_tells_that_a_contact_was_set_and_not_who(office: TestClient) -> None:
    put(office)
    page = office.get("/v1/events")
    assert page.text.count("contact-set.v1") == 3
    assert "region-defined.v1" in page.text
    for contact in (ANA, BEN):
        assert contact["name"] not in page.text
        assert contact["email"] not in page.text
