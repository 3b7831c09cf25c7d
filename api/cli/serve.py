"""``sojourn serve``, ``sojourn demo``, and the process that keeps the read models up.

Serving takes two kinds of process: workers that answer, and one that folds. So a long rebuild never stands in the way
of an answer. The folding process ends when the one that started it is gone, however it went.
"""

from __future__ import annotations

import errno
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.talk import progress, say, service_logs
from ledger.errors import LedgerError, Misconfigured, StoreUnavailable, SubmissionDateReused, SubmissionLate

if TYPE_CHECKING:
    from fastapi import FastAPI

    from api.bootstrap import Store
    from ledger.application import Ledger
    from ledger.reactors.matching import MatcherRunner
    from ledger.reactors.notary import Notary

RESTART_SECONDS = 1.0
MATCHER_RESTART_SECONDS, MATCHER_RESTART_SECONDS_MAX = 5.0, 300.0
DEMO_DAY = date(2025, 8, 25)
DEMO_APART = 7
"""Days to the demo's second night: the one before that of the example in the documentation, which can follow."""

Host = Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Address to listen on.")]
Receipts = Annotated[
    list[Path] | None,
    typer.Option("--receipt", metavar="FILE", help="Kept checkpoint that the log must go on from; again for more."),
]
Port = Annotated[int, typer.Option("--port", metavar="N", min=1, max=65535, help="Port to listen on.")]


def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Annotated[int, typer.Option("--workers", metavar="N", min=1, help="Processes that answer.")] = 1,
    tls_certificate: Annotated[
        Path | None, typer.Option("--tls-certificate", metavar="FILE", help="Serve https: certificate and chain, PEM.")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", metavar="FILE", help="Its private key, PEM, where that is apart.")
    ] = None,
    receipt: Receipts = None,
) -> None:
    """Serve API and pages, and keep the read models up."""
    from ledger.shared_counts import shared

    # Before anything is imported that makes a metric: there it is decided into what it counts.
    with shared():
        _serve(host, port, workers, tls_certificate, tls_key, receipt or ())


def _serve(
    host: str, port: int, workers: int, certificate: Path | None, key: Path | None, receipts: Sequence[Path]
) -> None:
    import uvicorn

    from api.app import create_app
    from api.bootstrap import open_store, services
    from api.cli.tls import tls
    from ledger.settings import Settings
    from ledger.store.postgres_keeper import kept_running

    settings = Settings.load()
    service_logs(settings)
    _end_in_order()
    how = {**_server(host, port, settings.trusted_proxies), **tls(certificate, key)}
    address = f"{'http' if certificate is None else 'https'}://{host}:{port}/"
    _must_be_free(host, port)
    with open_store(settings) as store, kept_running(store.server):
        _notaries(store, receipts)  # a wrong key or receipt ends us here, and not the folding process again and again
        options = [word for path in receipts for word in ("--receipt", str(path.absolute()))]
        if workers == 1:
            with store.ledger() as ledger:
                app = create_app(services(store, ledger))
                with _follower(*options):
                    say(address)
                    _run(app, how)
            return
        with store.ledger() as ledger:
            ledger.row_key()  # a wrong master key ends us here; a worker that ends is only started again
        with _follower(*options):
            say(address)
            uvicorn.run("api.cli.serve:worker", factory=True, workers=workers, **how)


def worker() -> Any:
    """The app of one worker process of several; its parts live as long as the process."""
    from contextlib import ExitStack

    from api.app import create_app
    from api.bootstrap import open_store, services
    from ledger.settings import Settings

    settings = Settings.load()
    service_logs(settings)
    stack = ExitStack()
    store = stack.enter_context(open_store(settings))
    ledger = stack.enter_context(store.ledger())
    app = create_app(services(store, ledger))
    app.state.parts = stack  # kept open by the app itself
    return app


def follow(
    data: Annotated[Path | None, typer.Option("--data", help="Data folder of an embedded server.")] = None,
    receipt: Receipts = None,
) -> None:
    """Fold until standard input ends: the other half of ``serve``."""
    from api.bootstrap import open_store, spools
    from ledger.intake.applying import Applying
    from ledger.reactors import REACTORS
    from ledger.reactors.matching import MatcherRunner
    from ledger.reactors.notary import Notaries
    from ledger.reactors.reactor import Reactors
    from ledger.reactors.timekeeper import Timekeeper
    from ledger.settings import Settings
    from projections import PROJECTIONS
    from projections.projectors import Projectors

    settings = Settings.load() if data is None else Settings.load(database_url=None, read_url=None, data=data)
    service_logs(settings)
    with open_store(settings) as store, store.ledger() as ledger, store.logs() as logs:
        projectors = Projectors(PROJECTIONS, store.database, logs)
        reactors = Reactors(REACTORS, store.database, ledger.log)
        notaries = Notaries(_notaries(store, receipt or ()))
        applying = Applying(ledger, spools(settings))
        ending = threading.Event()
        timekeeper = Timekeeper(
            store.database,
            ledger.log,
            ledger.profile,
            ledger.clock,
            ledger.casework,
            ledger.audits,
            ledger.admissions,
            ledger.forgetting,
            ledger.keeping,
            ledger.disposals.keep_new_certificates,
        )
        keeping = threading.Thread(target=timekeeper.keep_time, args=(ending,), name="timekeeper", daemon=True)
        matcher = MatcherRunner(ledger.matcher, store.database, ledger.log)
        matching = threading.Thread(target=_match, args=(matcher, ending), name="matcher", daemon=True)
        _keep_certificates(ledger)
        projectors.start()
        reactors.start()
        keeping.start()
        matching.start()
        notaries.start()
        applying.start()
        sys.stdin.buffer.read()
        ending.set()
        applying.stop()
        reactors.stop()
        notaries.stop()
        matching.join(10)
        keeping.join(10)
        projectors.stop()


def _keep_certificates(ledger: Ledger) -> None:
    """What was disposed of on another host, or just before a crash, has its certificate on this one too, and the folder
    is closed to others; what goes from now on elsewhere the timekeeper sees to."""
    import structlog

    try:
        ledger.disposals.keep_certificates()
    except LedgerError as error:  # the service goes on without: the timekeeper tries again
        log = structlog.get_logger(__name__)
        log.warning("certificates not kept outside the database", what=error.what, remedy=error.remedy)


def _notaries(store: Store, receipts: Sequence[Path]) -> list[Notary]:
    """The notary of each log; none where no key is set, which `sojourn doctor` tells. Raises Misconfigured."""
    from api.cli.witnessing import kept_notes

    notes = kept_notes(receipts)
    return [notary for log in ("ledger", "access") if (notary := store.notary(log, notes)) is not None]


def _match(matcher: MatcherRunner, ending: threading.Event) -> None:
    import structlog

    log, pause_s = structlog.get_logger(__name__), MATCHER_RESTART_SECONDS
    while not ending.is_set():
        try:
            matcher.follow(ending)
        except Exception:  # what folds goes on without it, and it is tried again: a passing fault passes
            log.exception("matcher stopped", position=matcher.position)
            ending.wait(pause_s)
            pause_s = min(pause_s * 2, MATCHER_RESTART_SECONDS_MAX)


def demo(
    port: Port = 8000,
    children: Annotated[
        int, typer.Option("--children", metavar="N", min=1, max=40_000, help="Children in each state.")
    ] = 2_000,
    serve_it: Annotated[bool, typer.Option("--serve/--no-serve", help="Serve when all is loaded.")] = True,
) -> None:
    """Load three states' invented children into a practice space of its own and serve it; then a second night."""
    from ledger.shared_counts import shared

    with shared():
        _demo(port, children, serve_it=serve_it)


def _demo(port: int, children: int, *, serve_it: bool) -> None:
    from api.app import create_app
    from api.bootstrap import data_folder, open_store, services
    from ledger.reactors.matching import MatcherRunner
    from ledger.settings import Settings
    from ledger.store.postgres_keeper import kept_running
    from projections import PROJECTIONS
    from projections.projectors import bring_to_head

    given = Settings.load()
    usual = data_folder(given)
    data = usual if given.data is not None else usual.with_name(f"{usual.name}-practice")
    settings = Settings.load(database_url=None, read_url=None, data=data)
    service_logs(settings)
    if serve_it:
        _must_be_free("127.0.0.1", port)
    started = time.perf_counter()
    with ExitStack() as stack:
        store = stack.enter_context(open_store(settings))
        ledger = stack.enter_context(store.ledger())
        _practice_only(store, ledger)
        if serve_it:
            stack.enter_context(kept_running(store.server))
            # It folds while we load, so that the first page comes sooner.
            stack.enter_context(_follower("--data", str(data)))
        second = _load_first_night(store, ledger, children)
        if not serve_it:
            _submit(ledger, second)
            MatcherRunner(ledger.matcher, store.database, ledger.log).run(ledger.log.head())
        bring_to_head(PROJECTIONS, store.database, ledger.logs, timeout_s=None)
        reader, sender = _tokens(store)
        say(f"\nLoaded in {time.perf_counter() - started:.1f} s. This is practice space: every child is invented.\n")
        say(f"  Pages          http://127.0.0.1:{port}/")
        say(f"  Read a student curl -H 'Authorization: Bearer {reader}' http://127.0.0.1:{port}/v1/students/ID")
        say(f"  Send for OR    token {sender}")
        say(f"  Command line   export SOJOURN_DATA={data}; .venv/bin/sojourn student ID\n")
        if serve_it:
            _end_in_order()
            app = create_app(services(store, ledger))
            with _loading(store, second, port):
                _run(app, _server("127.0.0.1", port))


def _practice_only(store: Store, ledger: Ledger) -> None:
    """Mark an empty ledger as practice space. Raises Misconfigured for one that holds something else."""
    from api.bootstrap import PRACTICE_FILE

    assert store.server is not None
    if store.practice:
        return
    if ledger.log.head():
        raise Misconfigured(
            f"{store.server.data} holds a ledger that is no practice space; invented children do not belong there.",
            remedy="Unset SOJOURN_DATA, or set it to a folder that does not exist yet.",
        )
    (store.server.data / PRACTICE_FILE).touch()


def _load_first_night(store: Store, ledger: Ledger, children: int) -> list[Path]:
    """Make the files of both nights and submit the first ones. Returns the second night's, or none where other
    children were loaded before: what changes of those that are not there is no news."""
    from ledger.intake.sample import write_nights

    assert store.server is not None
    folder = store.server.data / "samples"
    folder.mkdir(exist_ok=True)
    states = ["OR", "CA", "TX"]
    first, second = write_nights(folder, states, children, 1, DEMO_DAY, nights=2, apart=DEMO_APART, years=1)
    return second if _submit(ledger, first, bars=True) else []


def _submit(
    ledger: Ledger, paths: list[Path], *, bars: bool = False, between: Callable[[], None] = lambda: None
) -> bool:
    """Submit a night's files; whether each of them is the one that is there now. between: called after each chunk."""
    from ledger.intake.submission import submit

    ours = True
    for path in paths:
        try:
            with progress(path.name) if bars else nullcontext(lambda _done, _total: between()) as bar:
                report = submit(ledger, path, "practice submitter", progress=bar)
        except SubmissionDateReused:
            say(f"{path.name}: other children were loaded before; they stay")
            ours = False
            continue
        except SubmissionLate:
            say(f"{path.name}: a later file was loaded before; this one is left out")
            ours = False
            continue
        say(f"{path.name}: {report.rows:,} rows, {report.events:,} events, {report.refused:,} refused")
    return ours


class _Ended(Exception):
    """The demo ends; what was applied of a file stays, and the next demo goes on with it."""


@contextmanager
def _loading(store: Store, paths: list[Path], port: int) -> Iterator[None]:
    """While the block runs, and once the pages answer, submit the second night's files beside it."""
    ending = threading.Event()

    def go_on() -> None:
        if ending.is_set():
            raise _Ended

    def load() -> None:
        while not _answers("127.0.0.1", port):
            if ending.wait(0.1):
                return
        try:
            with store.ledger() as ledger:
                _submit(ledger, paths, between=go_on)
        except _Ended:
            return
        except LedgerError as e:
            say(f"The second night is not loaded: {e.what}\n  {e.remedy}")
            return
        say("The second night is in: some of the children have moved.")

    loader = threading.Thread(target=load, name="second night", daemon=True)
    if paths:
        loader.start()
    try:
        yield
    finally:
        ending.set()
        if paths:
            loader.join(30)


def _answers(host: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


def _tokens(store: Store) -> tuple[str, str]:
    """A reader's and a submitter's token; new ones each time, since a secret is shown once."""
    from api.bootstrap import actor
    from ledger.store.database import Role
    from ledger.store.tokens import create

    by = actor(store.settings)
    stamp = store.ids.next().hex()[-8:]
    with store.database.connect(Role.WRITER) as conn:
        return (
            create(conn, name=f"practice registrar {stamp}", role="secondary_user", by=by),
            create(conn, name=f"practice submitter {stamp}", role="state_batch_submitter", state="OR", by=by),
        )


@contextmanager
def _follower(*options: str) -> Iterator[None]:
    """The folding process, started again if it ends; it ends with us, since its standard input does."""
    import structlog

    log = structlog.get_logger(__name__)
    ending = threading.Event()
    running: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        # A session of its own: the terminal's interrupt is for us, who then end it. -P: no module of the folder we
        # happen to be in takes the place of ours.
        child = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-P", "-m", "api.cli", "follow", *options], stdin=subprocess.PIPE, start_new_session=True
        )
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


def _run(app: FastAPI, how: dict[str, Any]) -> None:
    """Answer until told to stop. how: what uvicorn is told."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, **how))
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        raise StoreUnavailable("The service did not start.", remedy="What it logged above says why.")


def _server(host: str, port: int, trusted_proxies: str = "") -> dict[str, Any]:
    """What uvicorn is told. trusted_proxies: whose word on address and scheme of a request counts; else nobody's."""
    from api.connection import Connection

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
        "http": Connection,
        "ws": "none",
        # Said both ways: left out, uvicorn asks the environment, and trusts whoever is on this machine.
        "proxy_headers": bool(trusted_proxies),
        "forwarded_allow_ips": trusted_proxies,
    }


def _must_be_free(host: str, port: int) -> None:
    """Raises Misconfigured where nobody can listen: told before anything is loaded."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as e:
        taken = e.errno == errno.EADDRINUSE
        raise Misconfigured(
            f"Nobody can listen on {host}, port {port}: {'it is taken' if taken else e.strerror}.",
            remedy="Give another with --port, or end what listens there."
            if taken
            else "Give others, --host and --port.",
        ) from None


def _end_in_order() -> None:
    """Let SIGTERM unwind like an interrupt does, so that the server is stopped by its last user.

    uvicorn takes the signal while it serves, and raises it again when its answers are out.
    """

    def end(*_: object) -> None:
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
