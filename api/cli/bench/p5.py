"""P5: a command over HTTP, 64 connections, one worker: POST of an enrollment with a token, answered when durable."""

from __future__ import annotations

import uuid
from collections.abc import Generator

import orjson

from api.bootstrap import open_store
from api.cli.bench.facts import STATE, Enrollments, load, state_student_ids, token
from api.cli.bench.ground import Ground
from api.cli.bench.report import Goal, Row, Run, Size
from api.cli.bench.server import STATIC
from api.cli.bench.serving import get, request, serving
from projections import PROJECTIONS
from projections.projectors import bring_to_head

CONNECTIONS = 64
RECORDS = 4_000
REQUESTS = 8_000
STATIC_REQUESTS = 15_000
CATCH_UP_S = 300


def measure(ground: Ground, size: Size) -> Generator[Run, None, None]:
    """Each run has a copy of the records and a service of its own. The static answer is measured first, while nothing
    else is going on; then one request to each record (``first_touch``); then the requests that are counted; then some
    with idempotency keys (``keyed``)."""
    settings = ground.new_store()
    with open_store(settings) as store, store.ledger() as ledger, store.logs() as logs:
        load(ledger, ground.folder, size.of(RECORDS, CONNECTIONS))
        records = state_student_ids(store)
        secret = token(store, "state_batch_submitter", STATE)
        bring_to_head(PROJECTIONS, store.database, logs, timeout_s=CATCH_UP_S)

    def posts(enrollments: Enrollments, count: int, *, keyed: bool = False) -> list[bytes]:
        return [_post(secret, ssid, body, keyed=keyed) for ssid, body in enrollments.take(count)]

    while True:
        enrollments = Enrollments(records)
        with ground.copy(settings) as own, serving(ground, own) as service:
            ground.settle()
            static = [get(STATIC)]
            service.send(static, connections=CONNECTIONS, expect=200, times=size.of(2_000, CONNECTIONS))
            limit = service.send(
                static, connections=CONNECTIONS, expect=200, times=size.of(STATIC_REQUESTS, CONNECTIONS)
            )
            first = service.send(posts(enrollments, len(records)), connections=CONNECTIONS, expect=201)
            ground.settle()
            counted = service.send(
                posts(enrollments, size.of(REQUESTS, CONNECTIONS)), connections=CONNECTIONS, expect=201
            )
            keyed = service.send(
                posts(enrollments, size.of(REQUESTS // 2, CONNECTIONS), keyed=True), connections=CONNECTIONS, expect=201
            )
        yield Run(
            counted.rate,
            {"static": limit.rate},
            {
                "p50_ms": counted.p50_ms,
                "p99_ms": counted.p99_ms,
                "client_busy": counted.busy,
                "static_p99_ms": limit.p99_ms,
                "static_client_busy": limit.busy,
                "first_touch": first.rate,
                "keyed": keyed.rate,
                "keyed_p99_ms": keyed.p99_ms,
            },
        )


def _post(secret: str, ssid: str, body: dict[str, str], *, keyed: bool) -> bytes:
    headers = [f"Authorization: Bearer {secret}"]
    if keyed:
        headers.append(f"Idempotency-Key: {uuid.uuid4()}")
    return request("POST", f"/v1/records/{STATE}/{ssid}/enrollments", orjson.dumps(body), *headers)


ROW = Row(
    id="P5",
    work="a command over HTTP, 64 connections, one worker",
    unit="requests/s",
    goals=(
        Goal(of="static", must=0.15, stretch=0.30),
        Goal(of="p99_ms", must=120, stretch=50, at_most=True),
    ),
    measure=measure,
)
