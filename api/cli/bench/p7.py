"""P7: rebuild of the read models from position 1, beside reading the log out and beside the stock runner.

A first figure: of the read models that there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice

from api.bootstrap import Store, open_store
from api.cli.bench.copying import copy_in, copy_out, opened_events
from api.cli.bench.facts import ACTOR, load
from api.cli.bench.ground import Ground
from api.cli.bench.library import Library
from api.cli.bench.report import Goal, Row, Run, Size
from ledger.application import Ledger
from ledger.events import Meta
from ledger.events.disclosure import Disclosed
from ledger.store.append import Append, Part
from projections import PROJECTIONS
from projections.projectors import bring_to_head
from projections.rebuild import Rebuild

CHILDREN = 4_000
DISCLOSURES = 20_000
PEER_EVENTS = 2_000
CATCH_UP_S = 600
_APPEND_EVENTS = 1_000


def measure(ground: Ground, size: Size) -> Iterator[Run]:
    """The rate is that of the ledger's read models, one after the other; those of the access log are told apart, in
    microseconds an event. Each run opens the store anew, so that no key is in memory."""
    settings = ground.new_store()
    plain, library = ground.new_database(), Library(ground.new_database())
    peer_events = size.of(PEER_EVENTS, 50)
    with open_store(settings) as store, store.ledger() as ledger, store.logs() as logs:
        load(ledger, ground.folder, size.of(CHILDREN, 20))
        _disclose(store, ledger, size.of(DISCLOSURES, 50))
        events = opened_events(ledger.log)
        bring_to_head(PROJECTIONS, store.database, logs, timeout_s=CATCH_UP_S)
    copy_in(plain, events)
    while True:
        ground.settle()
        copy_s = copy_out(plain)
        stock = library.projected(peer_events)
        ground.settle()
        seconds, further = _rebuild(settings_store := open_store(settings))
        del settings_store
        yield Run(
            len(events) / seconds,
            {"copy_json": len(events) / copy_s, "stock_runner": stock},
            {"events": len(events), **further},
        )
