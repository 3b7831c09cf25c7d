"""Who asks too often is refused and told when to go on, each caller for himself, and who guesses sooner."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from api import problems
from api.app import create_app
from api.edge import Edge
from api.problems import NotSignedIn
from api.rate_limit import FREE, RateLimit, failed, limits
from api.services import Services
from ledger import telemetry
from ledger.errors import LedgerError

HOLDS = {"Authorization": "Bearer good"}
OTHER = {"Authorization": "Bearer better"}
BURST, TRIES = 20, 6


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def _read(request: Request) -> Response:
    if request.headers.get("authorization", "").rpartition(" ")[2] not in ("good", "better"):
        raise NotSignedIn("This needs a token.")
    request.scope["sojourn.principal"] = "somebody"
    return PlainTextResponse("read")


async def _open(request: Request) -> Response:
    if "wrong" in request.query_params:
        failed(request)
    return PlainTextResponse("open")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ask(clock: Clock) -> Callable[..., Any]:
    made = limits(10, BURST, TRIES // 2, clock)
    assert made is not None
    app = Starlette(
        routes=[
            Route("/v1/students/1", _read),
            Route("/sign-in/password", _open, methods=["POST"]),
            Route("/sign-in", _open),
            Route("/sign-infinity", _open),
            Route("/livez", _open),
            Route("/", _open),
        ],
        middleware=[Middleware(Edge), Middleware(RateLimit, limits=made)],
        exception_handlers={LedgerError: problems.answer},
    )

    def request(
        path: str = "/v1/students/1", method: str = "GET", address: str = "192.0.2.7", **headers: str
    ) -> Response:
        client = TestClient(app, client=(address, 4711))
        return client.request(method, path, headers=headers)  # type: ignore[return-value]

    return request


def statuses(ask: Callable[..., Any], times: int, *words: Any, **more: Any) -> list[int]:
    return [ask(*words, **more).status_code for _ in range(times)]


def test_beyond_the_burst_a_caller_is_refused_until_the_seconds_told_are_over(
    ask: Callable[..., Any], clock: Clock
) -> None:
    assert set(statuses(ask, 2 * BURST, "/")) == {200, 429}
    refused = ask("/")
    assert refused.status_code == 429
    assert refused.json()["type"] == "/problems/too-many-requests"
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.headers["X-Content-Type-Options"] == "nosniff"
    clock.now += int(refused.headers["Retry-After"])
    assert ask("/").status_code == 200


def test_whose_credential_holds_goes_on_whatever_others_do_at_the_same_address(ask: Callable[..., Any]) -> None:
    assert ask(**HOLDS).status_code == 200
    statuses(ask, 3 * BURST, "/")
    assert ask("/").status_code == 429
    assert ask(**HOLDS).status_code == 200
    assert ask(**OTHER).status_code == 429, "one that nobody has looked at yet is the address's"


def test_each_credential_has_its_own_allowance_also_from_one_address(ask: Callable[..., Any]) -> None:
    assert [ask(**HOLDS).status_code, ask(**OTHER).status_code] == [200, 200]
    assert statuses(ask, 2 * BURST, **HOLDS)[-1] == 429
    assert ask(**OTHER).status_code == 200
    assert ask("/").status_code == 200


@pytest.mark.parametrize("spelling", ["bearer good", "BEARER good", "Bearer   good", "Bearer good "])
def test_another_spelling_of_a_credential_is_no_other_caller(ask: Callable[..., Any], spelling: str) -> None:
    ask(**HOLDS)
    assert statuses(ask, 2 * BURST, **HOLDS)[-1] == 429
    assert ask(Authorization=spelling).status_code == 429


def test_made_up_credentials_bring_no_allowance_of_their_own(ask: Callable[..., Any]) -> None:
    answers = [ask(Authorization=f"Bearer made-up-{n}").status_code for n in range(BURST)]
    assert answers[0] == 401
    assert answers[-1] == 429
    assert answers.count(401) <= TRIES, "each costs tries, which are few"


def test_after_wrong_secrets_only_those_that_have_held_go_on(ask: Callable[..., Any], clock: Clock) -> None:
    ask(**HOLDS)
    statuses(ask, TRIES, Authorization="Bearer guess")
    assert ask(**OTHER).status_code == 429
    assert ask(**HOLDS).status_code == 200
    assert ask("/").status_code == 200, "pages for everybody are not guessed at"
    clock.now += 60
    assert ask(**OTHER).status_code == 200


def test_where_secrets_are_tried_the_allowance_is_smaller(ask: Callable[..., Any]) -> None:
    assert statuses(ask, TRIES + 1, "/sign-in") == [200] * TRIES + [429]
    assert ask("/sign-in/password", "POST").status_code == 429
    assert ask("/sign-infinity").status_code == 200
    assert ask("/sign-in", address="192.0.2.8").status_code == 200


def test_a_failed_try_that_is_answered_with_a_page_costs_as_much(ask: Callable[..., Any]) -> None:
    assert ask("/sign-in/password?wrong", "POST").status_code == 200
    assert ask("/sign-in/password?wrong", "POST").status_code == 429


def test_a_request_without_the_credential_it_needs_costs_more(ask: Callable[..., Any]) -> None:
    assert statuses(ask, 3) == [401, 401, 429]


def test_a_credential_that_holds_no_more_is_the_addresss_again(ask: Callable[..., Any]) -> None:
    gone = {"Cookie": "__Host-sojourn=gone"}
    assert statuses(ask, TRIES, **gone)[0] == 401
    assert ask(**gone).status_code == 429


def test_the_process_is_always_heard_to_live(ask: Callable[..., Any]) -> None:
    statuses(ask, 2 * BURST, "/")
    assert set(statuses(ask, 2 * BURST, "/livez")) == {200}


def test_a_host_of_ipv6_is_one_caller_whatever_address_it_takes(ask: Callable[..., Any]) -> None:
    answers = [ask("/", address=f"2001:db8:1:2::{n:x}").status_code for n in range(1, 2 * BURST)]
    assert answers[-1] == 429
    assert ask("/", address="2001:db8:1:3::1").status_code == 200
    assert ask("/", address="::ffff:192.0.2.1").status_code == 200


def test_nobody_chooses_his_address_by_a_header(ask: Callable[..., Any]) -> None:
    forged = [{"X-Forwarded-For": f"198.51.100.{n}", "Forwarded": f"for=198.51.100.{n}"} for n in range(2 * BURST)]
    assert [ask("/", **headers).status_code for headers in forged][-1] == 429


def test_refusals_are_counted_by_kind(ask: Callable[..., Any]) -> None:
    def counted() -> dict[str, float]:
        [family] = telemetry.HTTP_RATE_REFUSALS.collect()
        return {sample.labels["kind"]: sample.value for sample in family.samples if sample.name.endswith("_total")}

    before = counted()
    statuses(ask, TRIES + 1, "/sign-in")
    statuses(ask, 2 * BURST, "/")
    after = counted()
    assert {kind for kind in after if after[kind] > before.get(kind, 0)} == {"tries", "address"}


def test_it_can_be_switched_off_whole_or_for_tries_alone(clock: Clock) -> None:
    assert limits(0, BURST, TRIES, clock) is None
    made = limits(10, BURST, 0, clock)
    assert made is not None
    assert made.tries is None


def test_every_route_declares_the_refusal_with_its_header(services: Services) -> None:
    for path, item in create_app(services).openapi()["paths"].items():
        for method, operation in item.items():
            declared = operation["responses"].get("429")
            assert (declared is None) is (path in FREE), (method, path)
            if declared is not None:
                assert "Retry-After" in declared["headers"]
                assert "application/problem+json" in declared["content"]


def test_the_real_app_counts_a_token_once_it_has_held(
    services: Services, make_token: Callable[..., str], clock: Clock
) -> None:
    services.limits = limits(10, 5, 60, clock)
    with TestClient(create_app(services)) as client:
        headers = {"Authorization": f"Bearer {make_token()}"}
        answers = [client.get("/v1/jurisdictions/OR", headers=headers).status_code for _ in range(10)]
        assert answers == [200] * 5 + [429] * 5
        assert client.get("/livez").status_code == 200
        assert client.get("/problems/too-many-requests").status_code == 200, "an address has its own"


def test_what_is_kept_of_a_credential_is_not_the_credential(ask: Callable[..., Any], clock: Clock) -> None:
    made = limits(10, BURST, TRIES, clock)
    assert made is not None
    app = Starlette(routes=[Route("/v1/students/1", _read)], middleware=[Middleware(RateLimit, limits=made)])
    TestClient(app).get("/v1/students/1", headers=HOLDS)
    assert len(made.requests) == 2, "of the address, and of the credential"
    assert b"good" not in str(vars(made.requests)).encode()
