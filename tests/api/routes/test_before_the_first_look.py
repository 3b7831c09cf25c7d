"""Who has no code learns nothing of who has an account; who has shown a password alone keeps nothing by it."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

import pytest
from pyotp.totp import TOTP
from starlette.testclient import TestClient

from api.csrf import csrf_token
from api.given_codes import family_code
from api.services import Services
from api.standing import NO_ROLE
from ledger.account_acts import GrantRole
from ledger.admissions import Admissions
from ledger.events.application import AskedRole
from ledger.store import codes, sessions
from ledger.store.codes import Purpose
from ledger.store.sessions import Made
from support.admitting import BY_HAND, DESK, family

PASSWORD = "four hens cross a bridge"
HERS = "elena.ruizcaballero@family.example.org"
NAMED = "Ruizcaballero"
"""Of her name and of her address: whoever may not take it as a password has an account."""


def registrar(admissions: Admissions, email: str = HERS) -> uuid.UUID:
    role = GrantRole(by=DESK, role=AskedRole(role="secondary_user", organisation="School", state="OR"))
    return uuid.UUID(str(admissions.open(email, f"Elena {NAMED}", [role], BY_HAND).ids["account"]))


def parent(services: Services, email: str = HERS) -> tuple[uuid.UUID, str]:
    """Her account, and her code."""
    admissions = services.ledger.admissions
    today = admissions.today("OR")
    grant = family(today, today + timedelta(days=30), state="OR")
    made = admissions.open(email, f"Elena {NAMED}", [grant], BY_HAND).ids
    return uuid.UUID(str(made["account"])), family_code(services, str(made["account"]), int(str(made["grant"]))).text


def first(client: TestClient, email: str, code: str, password: str = PASSWORD) -> tuple[int, str]:
    answer = client.post("/sign-in/first", data={"email": email, "code": code, "password": password})
    return answer.status_code, answer.text.replace(email, "")


@pytest.mark.parametrize("password", [PASSWORD, NAMED, f"{NAMED}{NAMED}"])
@pytest.mark.parametrize("signs_in", [True, False])
def test_without_a_code_an_account_is_answered_as_one_that_is_not_there(
    client: TestClient, services: Services, password: str, signs_in: bool
) -> None:
    account = registrar(services.ledger.admissions)
    if signs_in:
        services.credentials.set_password(account, PASSWORD)
    guess = "K7QF-2M9T-XW4R-PV3C-8HND"
    assert first(client, HERS, guess, password) == first(client, "nobody@family.example.org", guess, password)


def test_a_familys_code_opens_nobody_elses_account_and_tells_nothing_of_it(
    client: TestClient, services: Services
) -> None:
    _, code = parent(services)
    other = registrar(services.ledger.admissions, "other@family.example.org")
    services.credentials.set_password(other, PASSWORD)
    assert first(client, "other@family.example.org", code) == first(client, "nobody@family.example.org", code)


def test_a_password_that_is_refused_leaves_the_code_as_it_was(client: TestClient, services: Services) -> None:
    account, code = parent(services)
    assert first(client, HERS, code, NAMED)[0] == 422
    answer = client.post(
        "/sign-in/first", data={"email": HERS, "code": code, "password": PASSWORD}, follow_redirects=False
    )
    assert answer.status_code == 303
    assert services.ledger.admissions.standing(str(account)).families


def test_a_second_factor_ends_the_sessions_that_a_password_alone_has_opened(
    client: TestClient, services: Services
) -> None:
    account = registrar(services.ledger.admissions)
    services.credentials.set_password(account, PASSWORD)
    thief, hers = (half_signed_in(services, account) for _ in range(2))
    shown = asked(client, "GET", hers)
    found = re.search("<code>([A-Z2-7]{32})</code>", shown[1])
    assert found is not None
    token = csrf_token(str(hers.session.id), services.csrf_key)
    code = TOTP(found[1]).at(services.clock())
    assert asked(client, "POST", hers, {"csrf": token, "code": code})[0] == 200
    # Else whoever knows the password would put a device of his own in the place of hers.
    assert asked(client, "GET", thief)[0] == 401


def half_signed_in(services: Services, account: uuid.UUID) -> Made:
    with services.ledger.log.connection() as conn:
        return sessions.make(conn, account=account, grant=NO_ROLE, method="local", now=services.clock())


def asked(client: TestClient, method: str, by: Made, form: dict[str, str] | None = None) -> tuple[int, str]:
    headers = {"Cookie": f"__Host-sojourn={by.secret}", "Sec-Fetch-Site": "same-origin"}
    answer = client.request(method, "/second-factor", data=form, headers=headers)
    return answer.status_code, answer.text


def test_a_first_code_is_used_up_by_the_password_that_it_brings(client: TestClient, services: Services) -> None:
    account = registrar(services.ledger.admissions)
    now = services.clock()
    with services.ledger.log.connection() as conn:
        code = codes.make(
            conn, purpose=Purpose.FIRST_SIGN_IN, subject=account, now=now, ends_at=now + timedelta(days=7)
        ).text
    said = {"email": HERS, "code": code, "password": PASSWORD}
    assert client.post("/sign-in/first", data=said, follow_redirects=False).status_code == 303
    assert client.post("/sign-in/first", data=said, follow_redirects=False).status_code == 422
