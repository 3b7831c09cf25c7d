"""P6: the consolidated record over HTTP, with a token and a durable disclosure entry, 16 connections, one worker."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from random import Random

import psycopg

from api.bootstrap import Store, open_store
from api.cli.bench.facts import load, student_ids, token
from api.cli.bench.ground import Ground
from api.cli.bench.load import Outcome
from api.cli.bench.report import Goal, Row, Run, Size
from api.cli.bench.server import ROWS, STATIC
from api.cli.bench.serving import Service, get, serving
from ledger.settings import Settings
from projections import PROJECTIONS
from projections.projectors import bring_to_head

CONNECTIONS = 16
STUDENTS = 2_000
READS = 10_000
STATIC_REQUESTS = 10_000
CATCH_UP_S = 300
SEED = 6


def measure(ground: Ground, size: Size) -> Generator[Run, None, None]:
    """Each run has a service of its own. The bare read and the static answer come first, while nothing else is going
    on; then one read of each student (``first_touch``, which asks the vault for the key of each record's entries);
    then the reads that are counted. The bare read finds rows of the same sizes by the same keys."""
    settings = ground.new_store()
    with open_store(settings) as store, store.ledger() as ledger:
        load(ledger, ground.folder, size.of(STUDENTS, CONNECTIONS))
        catch_up(store)
        ids = student_ids(store)
        secret = token(store, "secondary_user")
    _bare_rows(settings)
    chance = Random(SEED)  # noqa: S311 - which student is read when, the same in every run
    while True:
        with open_store(settings) as store:
            catch_up(store)
        wanted = chance.choices(ids, k=size.of(READS, CONNECTIONS))
        bare = [get(ROWS + student) for student in wanted]
        with serving(ground, settings) as service:
            service.send(bare[: len(bare) // 5 or 1], connections=CONNECTIONS, expect=200)
            limit = service.send(bare, connections=CONNECTIONS, expect=200)
            static = ready(service, size)
            first = read(service, secret, ids)
            ground.settle()
            counted = read(service, secret, wanted)
        yield Run(
            counted.rate,
            {"bare_read": limit.rate, "static": static.rate},
            {
                "p50_ms": counted.p50_ms,
                "p99_ms": counted.p99_ms,
                "client_busy": counted.busy,
                "bare_read_p99_ms": limit.p99_ms,
                "first_touch": first.rate,
                "first_touch_p99_ms": first.p99_ms,
            },
        )


def catch_up(store: Store, timeout_s: float = CATCH_UP_S) -> None:
    """Bring every read model to the head."""
    with store.logs() as logs:
        bring_to_head(PROJECTIONS, store.database, logs, timeout_s=timeout_s)


def ready(service: Service, size: Size) -> Outcome:
    """The static answer: what the server, the loop and the client cost whatever is read."""
    times = size.of(STATIC_REQUESTS, CONNECTIONS)
    return service.send([get(STATIC)], connections=CONNECTIONS, expect=200, times=times)


def read(service: Service, secret: str, students: Sequence[str]) -> Outcome:
    """One read of each: what is measured."""
    requests = [get(f"/v1/students/{student}", f"Authorization: Bearer {secret}") for student in students]
    return service.send(requests, connections=CONNECTIONS, expect=200)


def _bare_rows(settings: Settings) -> None:
    """The students' sections end to end, by student id."""
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url, autocommit=True) as conn:
        conn.execute("create schema bench")
        conn.execute("create table bench.rows (name text primary key, body bytea not null)")
        conn.execute(
            "insert into bench.rows select student_id, core || contacts || health || provenance from students.students"
        )
        conn.execute("vacuum analyze bench.rows")


ROW = Row(
    id="P6",
    work="consolidated record over HTTP, durable disclosure, 16 connections, one worker",
    unit="reads/s",
    goals=(
        Goal(of="bare_read", must=0.35, stretch=0.80),
        Goal(of="p99_ms", must=30, stretch=12, at_most=True),
    ),
    measure=measure,
)
