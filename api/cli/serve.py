"""``sojourn serve``, ``sojourn demo``, and the process that keeps the read models up.

Serving takes two kinds of process: workers that answer, and one that folds. So a long rebuild never stands in the way
of an answer. The folding process ends when the one that started it is gone, however it went.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.talk import say
from ledger.errors import Misconfigured
from ledger.settings import Settings

RESTART_SECONDS = 1.0
Host = Annotated[str, typer.Option("--host", help="Address to listen on.")]
Port = Annotated[int, typer.Option("--port", help="Port to listen on.")]


def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes that answer.")] = 1,
) -> None:
    """Serve API and pages, and keep the read models up."""
    import uvicorn

    from api.bootstrap import open_store

    settings = Settings.load()
    _logs(settings)
    with open_store(settings), _follower():
        say(f"http://{host}:{port}/")
        uvicorn.run("api.cli.serve:worker", factory=True, workers=workers, **_server(host, port))


def worker() -> Any:
    """The app of one worker process; its parts live as long as the process."""
    from contextlib import ExitStack

    from api.app import create_app
    from api.bootstrap import open_store, services

    settings = Settings.load()
    _logs(settings)
    stack = ExitStack()
    store = stack.enter_context(open_store(settings))
    ledger = stack.enter_context(store.ledger())
    app = create_app(services(store, ledger))
    app.state.parts = stack  # kept open by the app itself
    return app


def follow() -> None:
    """Fold until standard input ends: the other half of ``serve``."""
    from api.bootstrap import open_store
    from projections import PROJECTIONS
    from projections.projectors import Projectors

    settings = Settings.load()
    _logs(settings)
    with open_store(settings) as store, store.logs() as logs:
        projectors = Projectors(PROJECTIONS, store.database, logs)
        projectors.start()
        try:
            sys.stdin.buffer.read()
        except KeyboardInterrupt:
            pass  # the terminal's interrupt reaches every process of the group
        projectors.stop()


def demo(
    port: Port = 8000,
    children: Annotated[int, typer.Option("--children", min=1, max=40_000, help="Children in each state.")] = 2_000,
    serve_it: Annotated[bool, typer.Option("--serve/--no-serve", help="Serve when all is loaded.")] = True,
) -> None:
    """Load three states' invented children into a practice space of its own and serve it."""
    import uvicorn

    from api.app import create_app
    from api.bootstrap import open_store, services
    from ledger.intake.sample import write_samples
    from ledger.intake.submission import submit
    from projections import PROJECTIONS
    from projections.projectors import bring_to_head

    settings = Settings.load(database_url=None, read_url=None, data=_practice_folder())
    _logs(settings)
    started = time.perf_counter()
    with open_store(settings) as store, store.ledger() as ledger, store.logs() as logs:
        assert store.server is not None
        folder = store.server.data / "samples"
        folder.mkdir(exist_ok=True)
        for path in write_samples(folder, ["OR", "CA", "TX"], children, 1, date(2025, 9, 2)):
            report = submit(ledger, path, "practice submitter")
            say(f"{path.name}: {report.rows:,} rows, {report.events:,} events, {report.refused:,} refused")
        bring_to_head(PROJECTIONS, store.database, logs, timeout_s=None)
        reader, sender = _tokens(store)
        say(f"\nLoaded in {time.perf_counter() - started:.1f} s. This is practice space: every child is invented.\n")
        say(f"  Pages          http://127.0.0.1:{port}/")
        say(f"  Read a student curl -H 'Authorization: Bearer {reader}' http://127.0.0.1:{port}/v1/students/ID")
        say(f"  Send for OR    token {sender}")
        say(f"  Command line   SOJOURN_DATA={store.server.data} .venv/bin/sojourn student ID\n")
        if not serve_it:
            return
        with _follower(SOJOURN_DATA=str(store.server.data), SOJOURN_DATABASE_URL=None):
            uvicorn.run(create_app(services(store, ledger, practice=True)), **_server("127.0.0.1", port))


def _practice_folder() -> Path:
    from ledger.store.data_folder import default_data_dir

    given = Settings.load().data
    if given is not None:
        return given
    usual = default_data_dir()
    return usual.with_name(f"{usual.name}-practice")


def _tokens(store: Any) -> tuple[str, str]:
    """A reader's and a submitter's token; new ones each time, since a secret is shown once."""
    from ledger.store.database import Role
    from ledger.store.tokens import create

    stamp = time.strftime("%Y%m%d%H%M%S")
    with store.database.connect(Role.WRITER) as conn:
        return (
            create(conn, name=f"practice registrar {stamp}", role="secondary_user"),
            create(conn, name=f"practice submitter {stamp}", role="state_batch_submitter", state="OR"),
        )


@contextmanager
def _follower(**environment: str | None) -> Iterator[None]:
    """The folding process, started again if it ends; it ends with us, since its standard input does."""
    import os

    import structlog

    log = structlog.get_logger(__name__)
    given = {key: value for key, value in (dict(os.environ) | environment).items() if value is not None}
    ending = threading.Event()
    running: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        child = subprocess.Popen([sys.executable, "-m", "api.cli", "follow"], stdin=subprocess.PIPE, env=given)
        running[:] = [child]
        return child

    def watch() -> None:
        child = start()
        while True:
            code = child.wait()
            if ending.wait(RESTART_SECONDS):
                return
            log.error("the folding process ended, starting it again", exit=code)
            child = start()

    watcher = threading.Thread(target=watch, name="follower", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ending.set()
        for child in running:
            if child.stdin is not None:
                child.stdin.close()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
        watcher.join(5)


def _server(host: str, port: int) -> dict[str, Any]:
    if not 0 < port < 65536:
        raise Misconfigured(f"There is no port {port}.", remedy="Take one from 1 to 65535.")
    return {
        "host": host,
        "port": port,
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "date_header": True,
        "backlog": 2048,
        "timeout_keep_alive": 30,
        "timeout_graceful_shutdown": 10,
    }


def _logs(settings: Settings) -> None:
    import logging

    from ledger.telemetry import configure_logs

    lines = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    configure_logs(lines=lines, level=logging.getLevelNamesMapping()[settings.log_level.upper()])
