"""Papers of applications over HTTP: who sends and reads them, what is taken, and what of it is ever shown."""

from __future__ import annotations

import hashlib
import socket
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
import pytest
from psycopg.rows import tuple_row
from starlette.testclient import TestClient

from api.app import create_app
from api.csrf import csrf_token
from api.services import Services
from ledger.account_acts import AcceptRules, Command, GrantRole
from ledger.accounts import RULES_EDITION
from ledger.application import Ledger
from ledger.applications import Verify, Withdraw
from ledger.errors import OutcomeUnknown
from ledger.events import Meta
from ledger.events.application import AskedRole
from ledger.store import sessions
from ledger.store.attachments import BEGINNINGS, BYTES_MAX, PART_BYTES, UNNAMED_KEPT, sweep
from ledger.store.database import Database
from support.admitting import trained
from support.papers import APPLICANT, HELP_DESK, SUPERVISOR, applied, kept, paper
from support.serving import served

MakeToken = Callable[..., str]
PDF = "application/pdf"
NEVER = "01920f8e-0b5e-7cc3-98c4-dc0c0c07398f"


@pytest.fixture
def application(ledger: Ledger) -> str:
    """Of a secondary user of Oregon's."""
    return applied(ledger)


@pytest.fixture
def desk(client: TestClient, make_token: MakeToken) -> TestClient:
    """The client with the token of the help desk that entered the application."""
    client.headers["Authorization"] = f"Bearer {make_token('help_desk', None, name=HELP_DESK)}"
    return client


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


SIGNED_IN: Final = ("Authorization", "Cookie", "Sec-Fetch-Site", "Sojourn-CSRF")


def signed_in(services: Services, email: str, role: str, **place: str | None) -> dict[str, str]:
    """Headers of somebody with an account of that address, who acts under a role."""
    admissions = services.ledger.admissions
    asked = AskedRole(role=role, organisation="Office", **place)
    today = admissions.today(asked.state)
    known = AcceptRules(by=email, edition=RULES_EDITION, on=today)
    acts: list[Command] = [GrantRole(by=HELP_DESK, role=asked), trained(today), known]
    account = str(admissions.open(email, "Somebody", acts, Meta(actor=HELP_DESK)).ids["account"])
    number = next(n for n, held in admissions.standing(account).roles.items() if held == asked)
    with services.ledger.log.connection() as conn:
        made = sessions.make(conn, account=uuid.UUID(account), grant=str(number), method="oidc", now=services.clock())
    token = csrf_token(str(made.session.id), services.csrf_key)
    return dict(zip(SIGNED_IN[1:], (f"__Host-sojourn={made.secret}", "same-origin", token), strict=True))


def send(client: TestClient, application: str, content: bytes, media_type: str = PDF, **more: Any) -> httpx2.Response:
    headers = {"Content-Type": media_type, **more.pop("headers", {})}
    params = {"application": application, "what": "signed-form", **more}
    return client.post("/v1/attachments", content=content, params=params, headers=headers)


def rows(database: Database) -> tuple[int, int]:
    """Of papers, and of their parts."""
    with database.connect() as conn, conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(
            "select (select count(*) from ledger.attachments), (select count(*) from ledger.attachment_parts)"
        ).fetchone()
    assert row is not None
    return row


# -- sent and read


@pytest.mark.parametrize(
    ("media_type", "size"), list(zip(sorted(BEGINNINGS), (8, PART_BYTES + 1, PART_BYTES), strict=True))
)
def test_a_paper_is_sent_named_and_read_as_it_was(
    desk: TestClient, ledger: Ledger, application: str, media_type: str, size: int
) -> None:
    content = paper(size, media_type)
    sent = send(desk, application, content, media_type)
    assert sent.status_code == 201, sent.text
    told = sent.json()
    assert told == {
        "id": told["id"],
        "application": application,
        "what": "signed-form",
        "media_type": media_type,
        "size": size,
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    assert sent.headers["Location"] == f"/v1/attachments/{told['id']}"
    assert int(sent.headers["Ledger-Position"]) == ledger.log.head()
    assert told["id"] in ledger.admissions.application(application).attachments
    read = desk.get(sent.headers["Location"])
    assert (read.status_code, read.content) == (200, content)


def test_the_largest_is_taken_and_a_byte_more_is_not(desk: TestClient, database: Database, application: str) -> None:
    content = paper(BYTES_MAX)
    sent = send(desk, application, content)
    assert sent.status_code == 201
    assert desk.get(sent.headers["Location"]).content == content
    assert send(desk, application, content + b"x").status_code == 413
    assert rows(database) == (1, 10)


def test_no_browser_is_to_show_it(desk: TestClient, application: str) -> None:
    sent = send(desk, application, paper(99))
    read = desk.get(sent.headers["Location"])
    assert read.headers["Content-Disposition"] == f'attachment; filename="{sent.json()["id"]}.pdf"'
    assert read.headers["Content-Type"] == PDF
    assert read.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in read.headers["Content-Security-Policy"]
    assert (read.headers["Cache-Control"], read.headers["Content-Length"]) == ("no-store", "99")


def test_it_goes_with_its_application_when_that_is_verified_by_the_form(
    desk: TestClient, ledger: Ledger, application: str
) -> None:
    form = send(desk, application, paper(99)).json()["id"]
    command = Verify(by=HELP_DESK, identity="passport", need="enrols children", form=form)
    assert ledger.admissions.handle(application, command, Meta(actor=HELP_DESK)).moved


# -- who may


WHO: Final[tuple[tuple[str, dict[str, str | None], str | None, int, int], ...]] = (
    ("recruiter", {"state": "CA"}, APPLICANT, 201, 200),
    ("recruiter", {"state": "CA"}, APPLICANT.upper(), 201, 200),
    ("secondary_user", {"state": None}, SUPERVISOR, 201, 200),
    ("state_data_administrator", {"state": "OR"}, None, 403, 403),
    ("user_administrator", {"state": "OR"}, None, 201, 200),
    ("user_administrator", {"state": "OR", "region": "R2"}, None, 201, 200),
    ("user_administrator", {"state": "OR", "region": "R3"}, None, 403, 403),
    ("user_administrator", {"state": "OR", "region": "R3"}, SUPERVISOR.upper(), 201, 200),
    ("user_administrator", {"state": "CA"}, None, 403, 403),
    ("user_administrator", {"state": "CA"}, SUPERVISOR.title(), 201, 200),
    ("user_administrator", {"state": None}, None, 201, 200),
    ("help_desk", {"state": None}, "another desk", 201, 403),
    ("auditor", {"state": None}, None, 403, 200),
    ("privacy_officer", {"state": None}, None, 403, 200),
    ("operator", {"state": None}, None, 403, 403),
    ("parent", {"state": None}, None, 403, 403),
)
"""Role, what it is narrowed to, who has it, and what sending and reading are answered: of an application for a role in
Oregon's region R2."""


def test_who_may_send_and_read(desk: TestClient, services: Services, ledger: Ledger, make_token: MakeToken) -> None:
    application = applied(ledger, role="regional_data_administrator", region="R2")
    there = send(desk, application, paper(99)).headers["Location"]
    for role, place, name, sends, reads in WHO:
        for header in SIGNED_IN:
            desk.headers.pop(header, None)
        if name is not None and "@" in name:
            desk.headers.update(signed_in(services, name, role, **place))
        else:
            desk.headers.update(bearer(make_token(role, **place, **({} if name is None else {"name": name}))))
        assert send(desk, application, paper(99)).status_code == sends, (role, place, name)
        assert desk.get(there).status_code == reads, (role, place, name)


def test_a_state_s_office_has_no_papers_of_who_applies_at_the_nation(
    desk: TestClient, ledger: Ledger, make_token: MakeToken
) -> None:
    application = applied(ledger, role="government_user", state=None)
    there = send(desk, application, paper(99)).headers["Location"]
    desk.headers.update(bearer(make_token("user_administrator", "OR")))
    assert (send(desk, application, paper(99)).status_code, desk.get(there).status_code) == (403, 403)
    desk.headers.update(bearer(make_token("user_administrator", None)))
    assert (send(desk, application, paper(99)).status_code, desk.get(there).status_code) == (201, 200)


def test_what_is_not_there_is_404_for_whoever_asks(client: TestClient, make_token: MakeToken) -> None:
    for role in ("parent", "auditor"):
        client.headers.update(bearer(make_token(role, None)))
        for given in (NEVER, "nothing", "%00", "0" * 4000):
            assert client.get(f"/v1/attachments/{given}").status_code == 404, given
        assert send(client, NEVER, paper(9)).status_code == 404


def test_nobody_sends_or_reads_without_a_credential(client: TestClient, application: str) -> None:
    assert send(client, application, paper(9)).status_code == 401
    assert client.get(f"/v1/attachments/{NEVER}").status_code == 401


# -- what is not taken


def test_no_other_media_type_is_taken(desk: TestClient, database: Database, application: str) -> None:
    hostile = ("text/html", "image/svg+xml", "application/json", "", f"{PDF}; charset=utf-8", "image/png, text/html")
    for media_type in hostile:
        assert send(desk, application, paper(99), media_type).status_code == 415, media_type
    assert rows(database) == (0, 0)


def test_two_media_types_are_none(desk: TestClient, application: str) -> None:
    kinds = [("Content-Type", PDF), ("Content-Type", "text/html")]
    asked = {"application": application, "what": "other"}
    assert desk.post("/v1/attachments", params=asked, content=paper(9), headers=kinds).status_code == 415


def test_what_is_no_such_file_is_refused_and_leaves_nothing(
    desk: TestClient, database: Database, application: str
) -> None:
    for content in (b"", b"%PDF", b"<html>%PDF-</html>", BEGINNINGS["image/png"] * 200_000):
        refused = send(desk, application, content)
        assert refused.status_code == 422
        assert [fault["pointer"] for fault in refused.json()["errors"]] == ["body"]
    assert rows(database) == (0, 0)


def test_what_is_asked_wrongly_is_refused(desk: TestClient, application: str) -> None:
    wrong: tuple[dict[str, Any], ...] = (
        {"what": "selfie"},
        {"what": ["other", "other"]},
        {"application": "nothing"},
        {"application": [NEVER, NEVER]},
        {"name": "signed.pdf"},
    )
    for asked in wrong:
        assert send(desk, **{"application": application, "content": paper(9), **asked}).status_code == 422, asked


def test_an_application_that_is_closed_takes_no_paper_and_none_is_left(
    desk: TestClient, database: Database, ledger: Ledger, application: str
) -> None:
    ledger.admissions.handle(application, Withdraw(by=APPLICANT), Meta(actor=APPLICANT))
    refused = send(desk, application, paper(PART_BYTES * 2))
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/application-closed")
    assert rows(database) == (0, 0)


# -- again


def test_again_with_its_key_is_the_first_answer_and_one_paper(
    desk: TestClient, database: Database, ledger: Ledger, application: str
) -> None:
    key = {"Idempotency-Key": "form of Rosa"}
    first = send(desk, application, paper(PART_BYTES + 1), headers=key)
    head = ledger.log.head()
    again = send(desk, application, paper(PART_BYTES + 1), headers=key)
    assert (again.status_code, again.json(), again.headers["Location"]) == (
        201,
        first.json(),
        first.headers["Location"],
    )
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert (ledger.log.head(), rows(database)) == (head, (1, 2))
    assert desk.get(first.headers["Location"]).content == paper(PART_BYTES + 1)


def test_a_key_stands_for_the_bytes_and_all_that_is_said_of_them(
    desk: TestClient, database: Database, application: str
) -> None:
    said: dict[str, Any] = {"application": application, "content": paper(99), "headers": {"Idempotency-Key": "1"}}
    assert send(desk, **said).status_code == 201
    png = {"content": paper(99, "image/png"), "media_type": "image/png"}
    for other in ({"content": paper(99, seed=2)}, {"what": "certificate"}, png):
        refused = send(desk, **{**said, **other})
        assert (refused.status_code, refused.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert rows(database) == (1, 1)


def test_of_two_at_once_with_one_key_one_paper_is_left(
    services: Services, database: Database, ledger: Ledger, application: str, make_token: MakeToken
) -> None:
    headers = {**bearer(make_token("help_desk", None, name=HELP_DESK)), "Idempotency-Key": "1", "Content-Type": PDF}
    asked, content = {"application": application, "what": "other"}, paper(2 * PART_BYTES)
    met = threading.Barrier(4)

    with served(create_app(services)) as base, ThreadPoolExecutor(4) as several:

        def one(_: int) -> httpx2.Response:
            met.wait(30)
            return httpx2.post(f"{base}/v1/attachments", params=asked, content=content, headers=headers, timeout=60)

        answers = list(several.map(one, range(4)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    [paper_id] = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert list(ledger.admissions.application(application).attachments) == [paper_id]
    assert rows(database) == (1, 2)


# -- broken off


@pytest.mark.parametrize("chunked", [True, False])
def test_an_upload_that_breaks_off_leaves_nothing(
    services: Services, database: Database, ledger: Ledger, application: str, make_token: MakeToken, chunked: bool
) -> None:
    head = ledger.log.head()
    content = paper(2 * PART_BYTES + 1)
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {5 * PART_BYTES}"
    lines = [
        f"POST /v1/attachments?application={application}&what=signed-form HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {make_token('help_desk', None, name=HELP_DESK)}",
        f"Content-Type: {PDF}",
        length,
    ]
    with served(create_app(services)) as base:
        with socket.create_connection(("127.0.0.1", urlsplit(base).port or 0), timeout=30) as wire:
            wire.sendall("\r\n".join([*lines, "", ""]).encode())
            wire.sendall(b"%x\r\n%b\r\n" % (len(content), content) if chunked else content)
            until(lambda: rows(database)[1] == 2)  # some of it is with the store, and the rest never comes
        until(lambda: rows(database) == (0, 0))
    assert ledger.log.head() == head


def until(true: Callable[[], bool]) -> None:
    waited = threading.Event()
    for _ in range(600):
        if true():
            return
        waited.wait(0.05)
    raise AssertionError("it did not come to be")


def test_what_no_event_names_is_shown_to_nobody_and_swept(
    desk: TestClient, database: Database, ledger: Ledger, application: str
) -> None:
    account = ledger.admissions.application(application).applied.account
    writer = ledger.attachments.begin(account, application, PDF)
    writer.write(paper(99))
    whole = writer.close()  # and here the process ends
    assert desk.get(f"/v1/attachments/{whole.attachment}").status_code == 404
    assert sweep(ledger.log, datetime.now(UTC) + UNNAMED_KEPT) == 1
    assert rows(database) == (0, 0)


def test_a_paper_whose_append_s_outcome_is_unknown_is_kept_until_the_log_tells(
    desk: TestClient, database: Database, ledger: Ledger, application: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = ledger.admissions.handle

    def lost(*given: Any) -> None:
        handle(*given)
        raise OutcomeUnknown("The connection went at commit.", remedy="Send it again.")

    with monkeypatch.context() as patched:
        patched.setattr(ledger.admissions, "handle", lost)
        sent = send(desk, application, paper(99), headers={"Idempotency-Key": "1"})
    assert (sent.status_code, rows(database)) == (503, (1, 1))
    assert sweep(ledger.log, datetime.now(UTC) + UNNAMED_KEPT) == 0
    again = send(desk, application, paper(99), headers={"Idempotency-Key": "1"})
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert desk.get(again.headers["Location"]).content == paper(99)
    assert rows(database) == (1, 1)


# -- tampered with


def test_changed_bytes_are_not_handed_out(desk: TestClient, database: Database, application: str) -> None:
    there = send(desk, application, paper(99)).headers["Location"]
    with database.connect() as conn:
        conn.execute("update ledger.attachment_parts set sealed = set_byte(sealed, 9, get_byte(sealed, 9) # 1)")
    read = desk.get(there)
    assert (read.status_code, read.json()["type"]) == (500, "/problems/log-broken")


def test_a_paper_that_is_put_under_another_application_is_not_there(
    desk: TestClient, database: Database, ledger: Ledger, application: str
) -> None:
    there = send(desk, application, paper(99)).headers["Location"]
    other = applied(ledger, "eva@school.example.org")
    with database.connect() as conn:
        conn.execute("update ledger.attachments set application = %s", (uuid.UUID(other),))
    assert desk.get(there).status_code == 404


def test_what_changed_behind_the_first_part_breaks_the_answer_off(
    services: Services, database: Database, ledger: Ledger, application: str, make_token: MakeToken
) -> None:
    added = kept(ledger, application, paper(3 * PART_BYTES))
    with database.connect() as conn:
        conn.execute("delete from ledger.attachment_parts where part = 1")
    headers = bearer(make_token("auditor", None))
    with served(create_app(services)) as base, pytest.raises(httpx2.RemoteProtocolError):
        httpx2.get(f"{base}/v1/attachments/{added.attachment}", headers=headers)
