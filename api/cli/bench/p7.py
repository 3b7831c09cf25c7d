"""P7: rebuild of the read models from position 1, beside reading the log out and beside the stock runner."""

from __future__ import annotations

import time
import uuid
from collections.abc import Generator, Sequence
from itertools import cycle, islice

from api.bootstrap import Store, open_store
from api.cli.bench.copying import copy_in, copy_out, opened_events
from api.cli.bench.facts import ACTOR, NIGHT, load
from api.cli.bench.ground import Ground
from api.cli.bench.library import Library
from api.cli.bench.report import Goal, Row, Run, Size
from api.show import SECTIONS
from ledger.application import Ledger
from ledger.events import Meta
from ledger.events.disclosure import Disclosed
from ledger.settings import Settings
from ledger.store.append import Append, Part
from ledger.store.database import Role
from projections import PROJECTIONS
from projections.projection import Projection
from projections.projectors import bring_to_head, rebuild_all

CHILDREN = 4_000
DISCLOSURES = 20_000
PEER_EVENTS = 2_000
CATCH_UP_S = 600
_APPEND_EVENTS = 500


def measure(ground: Ground, size: Size) -> Generator[Run, None, None]:
    """The rate is that of the four read models of a night, rebuilt together as ``sojourn project rebuild`` does. Then
    all of the ledger's, and the first of them alone: what all take beyond it, shared out, is
    ``further_us_per_event``. Those of the access log are told apart. Each opens the store anew, so that no key is in
    memory."""
    settings = ground.new_store()
    plain, library = ground.new_database(), Library(ground.new_database())
    peer_events, disclosures = size.of(PEER_EVENTS, 50), size.of(DISCLOSURES, 50)
    with open_store(settings) as store, store.ledger() as ledger, store.logs() as logs:
        load(ledger, ground.folder, size.of(CHILDREN, 20))
        _disclose(ledger, _records(store), disclosures)
        events = opened_events(ledger.log)
        bring_to_head(PROJECTIONS, store.database, logs, timeout_s=CATCH_UP_S)
    copy_in(plain, events)
    while True:
        ground.settle()
        copy_s = copy_out(plain)
        stock = library.projected(peer_events)
        ground.settle()
        of_ledger, of_access = ([p for p in PROJECTIONS if p.log == log] for log in ("ledger", "access"))
        together, every, alone = (_seconds(settings, some) for some in (NIGHT, of_ledger, of_ledger[:1]))
        yield Run(
            rate=len(events) / together,
            against={"copy_json": len(events) / copy_s, "stock_runner": stock},
            more={
                "events": len(events),
                "access_events": disclosures,
                f"{of_ledger[0].name}_us_per_event": alone * 1e6 / len(events),
                "further_us_per_event": (every - alone) * 1e6 / len(events) / (len(of_ledger) - 1),
                "disclosures_us_per_event": _seconds(settings, of_access) * 1e6 / disclosures,
            },
        )


def _seconds(settings: Settings, projections: Sequence[Projection]) -> float:
    with open_store(settings) as store, store.logs() as logs:
        started = time.perf_counter()
        done = rebuild_all(projections, store.database, logs)
        assert all(rebuilt.swapped for rebuilt in done.values()), "nobody told them to stop"
        return time.perf_counter() - started


def _disclose(ledger: Ledger, records: Sequence[str], count: int) -> None:
    """Put as many entries into the access log, each as ``show`` writes it."""
    wanted = list(islice(cycle(records), count))
    for first in range(0, count, _APPEND_EVENTS):
        parts = [
            Part(stream=f"disclosure/{record}", subject=record, expected=None, events=[_entry(number)])
            for number, record in enumerate(wanted[first : first + _APPEND_EVENTS], first)
        ]
        ledger.access.append(Append(parts=parts, meta=Meta(actor=ACTOR, request=str(uuid.uuid4()))))


def _entry(number: int) -> Disclosed:
    return Disclosed(
        student_id=f"{number:012d}",
        view="student",
        sections=list(SECTIONS),
        role="secondary_user",
        organisation="Sojourn",
        purpose="education-record-review",
        basis="34 CFR 99.31(a)(1)",
        position=number,
    )


def _records(store: Store) -> list[str]:
    with store.database.connect(Role.WRITER) as conn:
        return [str(row[0]) for row in conn.execute("select record_id from ledger.records order by 1").fetchall()]


ROW = Row(
    id="P7",
    work="rebuild of four read models from position 1",
    unit="events/s",
    goals=(
        Goal(of="copy_json", must=0.04, stretch=0.12),
        Goal(of="stock_runner", must=8, stretch=25),
        Goal(of="further_us_per_event", must=None, stretch=25, at_most=True),
        Goal(of="disclosures_us_per_event", must=None, stretch=25, at_most=True),
    ),
    measure=measure,
)
