"""Access to a record: applied for, verified, trained for, approved; signed in, looked up, read, and lost.

The first journey goes through a running ``sojourn serve``. No clock of a running service can be moved, so the second
one, on which a year passes, goes through the same application in this process, composed as ``sojourn serve`` composes
it but for its clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from starlette.testclient import TestClient

from api import bootstrap
from api.app import create_app
from api.bootstrap import Store
from ledger.application import Ledger
from ledger.settings import Settings
from ledger.store.database import Database, Role
from ledger.store.tokens import create
from support.admitting import ROSA
from support.house import House, Service
from support.servers import reachable_tmp
from support.signing_in import PASSWORD, Official, People, body_of, refused

PDF: Final = {"Content-Type": "application/pdf"}
READ_ANEW_S: Final = 1.1
"""What was read of an account is kept for a second."""
FORM: Final = b"%PDF-1.7 signed by Luis Ortega"


class Now:
    """The machine's clock, which nobody sets."""

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with reachable_tmp() as folder, House(folder / "d").serving() as running:
        yield running


class Clerk:
    """Who asks a running service with a token of his own name."""

    def __init__(self, service: Service, name: str, role: str, *place: str) -> None:
        made = service.house.command("token", "create", "--name", name, "--role", role, *place)
        self._headers = {"Authorization": f"Bearer {made.stdout.strip()}"}
        self._client = service.client

    def does(self, method: str, path: str, json: Any = None, **more: Any) -> Any:
        answer = self.asks(method, path, json, **more)
        assert answer.is_success, (path, answer.status_code, answer.text)
        return answer.json()

    def asks(self, method: str, path: str, json: Any = None, **more: Any) -> Any:
        headers = {**self._headers, **more.pop("headers", {})}
        sent = more if json is None else {**more, "json": json}
        return self._client.request(method, path, headers=headers, **sent)


def test_somebody_comes_to_a_record_and_loses_access_for_good(service: Service) -> None:
    ximena = service.opened("OR5540012")
    service.student(ximena)  # the read models have it
    desk = Clerk(service, "help desk", "help_desk")
    olga, nora = (Clerk(service, name, "user_administrator", "--state", "OR") for name in ("olga", "nora"))

    # She applies on paper; the help desk enters it, with the form that her supervisor signed.
    applied = desk.does("POST", "/v1/applications", body_of(state="OR", district="4106740"))
    path = f"/v1/applications/{applied['application']}"
    asked = {"application": applied["application"], "what": "signed-form"}
    form = desk.does("POST", "/v1/attachments", params=asked, content=FORM, headers=PDF)["id"]

    # Three people let her in: one records what the supervisor signed, another approves, once she was trained.
    said = {"identity": "driver's licence", "need": "enrols children who move", "form": form}
    assert olga.does("POST", f"{path}/verification", said)["moved"]
    assert refused(nora.asks("POST", f"{path}/approval", {})) == (422, "not-ready")
    training = {"account": applied["account"], "course": "Security and privacy", "hours": 3.0}
    today = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    nora.does("POST", "/v1/trainings", {**training, "completed_on": today})
    assert refused(olga.asks("POST", f"{path}/approval", {})) == (422, "own-application")
    assert nora.does("POST", f"{path}/approval", {})["grant"] == 1

    # She signs in for the first time.
    rosa = Official(service.client, Now(), ROSA, applied["account"])  # type: ignore[arg-type]
    code = nora.does("POST", f"/v1/accounts/{applied['account']}/sign-in-codes", {"reason": "Seen at the office."})[
        "code"
    ]
    assert rosa.begins(code).headers["Location"] == "/second-factor"
    assert refused(rosa.get(f"/v1/students/{ximena}")) == (403, "forbidden")
    assert rosa.adds_second_factor().status_code == 200
    assert refused(rosa.get(f"/v1/students/{ximena}")) == (403, "renewal-needed")
    assert rosa.accepts_rules().status_code == 303
    time.sleep(READ_ANEW_S)

    # She searches, reads, and sees herself among those who were shown the child's records.
    found = rosa.sends("POST", "/v1/students/search", {"name": "Ximena Xicohtencatl"})
    assert found.status_code == 200, found.text
    assert [one["student_id"] for one in found.json()["students"]] == [ximena]
    shown = rosa.get(f"/v1/students/{ximena}").json()
    assert shown["core"]["first_name"] == "Ximena"
    seen = rosa.get(f"/v1/students/{ximena}/disclosures").json()["disclosures"]
    assert ("student", ROSA, "secondary_user") in {(one["view"], one["actor"], one["role"]) for one in seen}

    # She loses access: within two seconds, in an open session, and for ever.
    nora.does("POST", f"/v1/accounts/{applied['account']}/deactivation", {"reason": "Works elsewhere now."})
    time.sleep(2)
    for asked_for in (f"/v1/students/{ximena}", "/v1/me"):
        assert refused(rosa.get(asked_for)) == (401, "not-signed-in")
    assert rosa.posts("/sign-in", email=ROSA, password=PASSWORD, code=rosa.recovery[0]).status_code == 401
    again = desk.asks("POST", "/v1/applications", body_of(ROSA.title(), state="OR"))
    assert refused(again) == (422, "email-retired")


# -- a year passes


class Set:
    """A clock that the journey sets."""

    def __init__(self) -> None:
        self.now = datetime(2027, 3, 1, 18, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def people(database: Database, new_ledger: Callable[..., Ledger], monkeypatch: pytest.MonkeyPatch) -> Iterator[People]:
    """Of a service in this process, composed as ``sojourn serve`` composes it, by a clock that is set."""
    clock = Set()
    monkeypatch.setattr(bootstrap, "now", clock)
    settings = Settings.load(database_url=database.admin, master_key=bytes(range(32)).hex())
    ledger = new_ledger(database, clock)
    made = bootstrap.services(Store(settings, database, ledger.vault, ledger.ids), ledger)

    def token(role: str, state: str | None = None, **more: Any) -> str:
        with database.connect(Role.WRITER) as connection:
            name = more.pop("name", f"{role} {state} {clock.now:%c}")
            return create(connection, name=name, role=role, state=state, **more)

    with TestClient(create_app(made)) as client:
        yield People(client, made, clock, token)


def test_whoever_renews_late_is_kept_out_until_training_and_rules_are_new(people: People) -> None:
    rosa = people.official()
    time.sleep(READ_ANEW_S)
    contacts = "/v1/contacts?state=OR"
    assert rosa.get(contacts).status_code == 200
    assert rosa.get("/v1/me").json()["renew_on"] == "2028-03-01"

    # Her last day, of a leap year, and the day after it.
    people.clock.now = datetime(2028, 3, 1, 18, 0, tzinfo=UTC)
    assert rosa.signs_in().status_code == 303
    assert rosa.get(contacts).status_code == 200
    people.clock.now = datetime(2028, 3, 2, 18, 0, tzinfo=UTC)
    assert rosa.signs_in().status_code == 303
    for path in (contacts, "/v1/students/482019283746", "/v1/events?after=0"):
        assert refused(rosa.get(path)) == (403, "renewal-needed"), path
    assert rosa.get("/v1/me").json()["renewal"] == "training"

    # Accepting the rules is not enough without the training, nor the training without the rules.
    assert rosa.accepts_rules().status_code == 303
    assert refused(rosa.get(contacts)) == (403, "renewal-needed")
    training = {"account": rosa.account, "course": "Security and privacy", "completed_on": "2028-03-02"}
    office = people.bearer("user_administrator", "OR")
    assert people.ask(office, "POST", "/v1/trainings", training).status_code == 201
    time.sleep(READ_ANEW_S)
    assert rosa.get(contacts).status_code == 200
    me = rosa.get("/v1/me").json()
    assert (me["renewal"], me["renew_on"]) == (None, "2029-03-02")
