"""A service that takes files and applies them, all of it in one process, to be killed by a test.

Imports no HTTP client: this module is read by the process itself.
"""

from __future__ import annotations

import signal
import tempfile

from api.app import create_app
from api.bootstrap import services, spools
from ledger.intake.applying import Applying
from projections import PROJECTIONS
from projections.projectors import Projectors
from support.service_processes import Pipe, Store
from support.serving import served


def serve_files(pipe: Pipe, store: Store) -> None:
    """What ``sojourn serve`` and its folding process do, in one process, until it is killed. Says its address."""
    assert store.settings.data is not None
    tempfile.tempdir = str(store.settings.data.with_name("tmp"))
    with store.ledger() as ledger, store.logs() as logs:
        projectors = Projectors(PROJECTIONS, store.database, logs)
        projectors.start()
        applying = Applying(ledger, spools(store.settings))
        applying.start()
        with served(create_app(services(store, ledger))) as address:
            pipe.say(address)
            signal.pause()
