"""P3: a night's file, all new, until the four read models that it is for show it.

As it is served: one process applies the file, another one folds, and that one folds every read model.
"""

from __future__ import annotations

import time
from collections.abc import Generator

from api.bootstrap import Store, open_store
from api.cli.bench.copying import copy_in, sealed_events
from api.cli.bench.facts import ACTOR, NIGHT, sample
from api.cli.bench.ground import Ground
from api.cli.bench.report import Goal, Row, Run, Size
from api.cli.bench.serving import following
from ledger.errors import ProjectionBehind
from ledger.intake.submission import submit
from ledger.store.database import Role

CHILDREN = 5_000
CATCH_UP_S = 600
_LOOK_EVERY_S = 0.02


def measure(ground: Ground, size: Size) -> Generator[Run, None, None]:
    """Each run: the file into an empty ledger whose read models are followed; then as many events through COPY."""
    path = sample(ground.folder, size.of(CHILDREN, 20))
    plain = ground.new_database()
    while True:
        settings = ground.new_store()
        with following(ground, settings), open_store(settings) as store, store.ledger() as ledger:
            ground.settle()
            started = time.perf_counter()
            report = submit(ledger, path, ACTOR)
            _wait(store, ledger.log.head())
            seconds = time.perf_counter() - started
            events = sealed_events(ledger.log)
        ground.settle()
        copy_s = copy_in(plain, events)
        yield Run(
            rate=report.rows / seconds,
            against={"copy_binary": report.rows / copy_s},
            more={"rows": report.rows, "events": len(events), "seconds_after_the_file": seconds - report.seconds},
        )


def _wait(store: Store, head: int) -> None:
    """Until these read models have reached a position. Raises ProjectionBehind."""
    names = [projection.name for projection in NIGHT]
    give_up = time.monotonic() + CATCH_UP_S
    with store.database.connect(Role.READER) as conn:
        while True:
            row = conn.execute(
                "select count(*) from tracking.positions where application_name = any(%s) and notification_id >= %s",
                (names, head),
            ).fetchone()
            if row == (len(names),):
                return
            if time.monotonic() > give_up:
                raise ProjectionBehind(f"The read models did not reach position {head} in {CATCH_UP_S} s.")
            time.sleep(_LOOK_EVERY_S)


ROW = Row(
    id="P3",
    work="a night's file until four read models show it",
    unit="rows/s",
    goals=(Goal(of="copy_binary", must=0.03, stretch=0.08),),
    measure=measure,
)
