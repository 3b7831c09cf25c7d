"""What operators see: every metric, declared once, and the shape of a log line.

Invariant: nothing about a child comes through here. Labels are names of routes, logs, states, read models and rules; a
log line holds ids of requests, counts and durations, and the places of a traceback without its values. This module
knows no route, no event and no database: others count into it.

A metric is counted where it happens, by whichever process of the service it happens in; or it is asked of the database
for each answer (``Asked``), where that knows better than any process: what other commands did, and what stood before
this process began.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TextIO

import orjson
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector

from ledger import shared_counts

# Before the first metric: where it is made decides into what it counts.
shared_counts.join()

REGISTRY = CollectorRegistry(auto_describe=True)
"""Our own, so that what is exposed is what this file declares, and nothing that a library slips in."""

_FAST = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.012, 0.02, 0.03, 0.05, 0.08, 0.12, 0.25, 0.5, 1.0, 2.0, 5.0)
_SLOW = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)

Samples = Mapping[tuple[str, ...], float]
"""Values of the labels, in their order, to the number."""


@dataclass(frozen=True)
class Asked:
    """A metric that no process counts: it is asked for each answer. kind: of the numbers, as Prometheus means it."""

    name: str
    documentation: str
    labels: tuple[str, ...] = ()
    kind: Literal["gauge", "counter"] = "gauge"

    def of(self, samples: Samples) -> Metric:
        """The metric with the numbers that were found. Without labels the key is ``()``."""
        family: GaugeMetricFamily | CounterMetricFamily
        if self.kind == "gauge":
            family = GaugeMetricFamily(self.name, self.documentation, labels=self.labels)
        else:
            family = CounterMetricFamily(self.name, self.documentation, labels=self.labels)
        for values, number in samples.items():
            family.add_metric(values, number)
        return family


BUILD = Asked("sojourn_build_info", "Always 1, with the release that answers and its Python.", ("version", "python"))

HTTP_REQUEST_DURATION = Histogram(
    "http_request_duration_seconds",
    "Seconds from the first byte of a request to the last of its answer, by route template, method and status.",
    ("route", "method", "status"),
    buckets=_FAST,
    registry=REGISTRY,
)
HTTP_REQUESTS_RUNNING = Gauge(
    "http_running_requests",
    "Requests that have begun and are not answered yet.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
HTTP_PROBLEMS = Counter(
    "http_problems_total", "Problems answered, by the stable last part of their type.", ("problem",), registry=REGISTRY
)
HTTP_REPLAYS = Counter(
    "http_replays_total",
    "Mutations answered again with their first answer, because the idempotency key came before.",
    registry=REGISTRY,
)
HTTP_RATE_REFUSALS = Counter(
    "http_rate_refusals_total",
    "Requests refused because too many came, by whose they were: caller, address, tries (of secrets, by address).",
    ("kind",),
    registry=REGISTRY,
)
TOKEN_LOOKUPS = Counter(
    "token_lookups_total", "Tokens looked up, by result: cached, found, unknown.", ("result",), registry=REGISTRY
)
SIGN_IN_REFUSALS = Counter(
    "sign_in_refusals_total",
    "Tokens and sign-ins of the OpenID provider that were refused, by reason.",
    ("reason",),
    registry=REGISTRY,
)
PROVIDER_FETCHES = Counter(
    "openid_provider_fetches_total",
    "Requests to the OpenID provider, by what was asked for (discovery, keys, token) and result: ok, refused, failed.",
    ("document", "result"),
    registry=REGISTRY,
)
SESSION_LOOKUPS = Counter(
    "session_lookups_total", "Sessions looked up, by result: cached, found, unknown.", ("result",), registry=REGISTRY
)
SIGN_IN_TRIES = Counter(
    "sign_in_tries_total",
    "Passwords and second factors that somebody tried, by what was asked, password or code, and result: passed,"
    " refused, locked.",
    ("asked", "result"),
    registry=REGISTRY,
)
ONE_TIME_CODES = Counter(
    "one_time_codes_total",
    "One-time codes that somebody gave, by result: taken, refused.",
    ("result",),
    registry=REGISTRY,
)
FEED_STREAMS_OPEN = Gauge(
    "feed_open_streams",
    "Clients that follow the feed as server-sent events.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)

DISCLOSURES = Counter(
    "disclosures_total",
    "Records shown, each with a durable entry in the access log, by view and role.",
    ("view", "role"),
    registry=REGISTRY,
)
DISCLOSURE_WAIT = Histogram(
    "disclosure_wait_seconds",
    "Seconds that an answer waited until its disclosure entry was durable.",
    buckets=_FAST,
    registry=REGISTRY,
)
DISCLOSURE_FAILURES = Counter(
    "disclosure_failures_total",
    "Answers withheld because their disclosure entry could not be made durable.",
    registry=REGISTRY,
)
UNUSUAL_READERS = Asked(
    "access_unusual_readers",
    "Readers whose day, in UTC, is unusual so far, by why: volume, ten times their usual; elsewhere, children of whom"
    " their state keeps no record.",
    ("why",),
)
LOAD_BATCH = Histogram(
    "load_batch_records",
    "Records read for decisions by one query, because their commands came together.",
    buckets=_COUNTS,
    registry=REGISTRY,
)
READ_BATCH = Histogram(
    "read_batch_students",
    "Students read by one query, because their requests came together.",
    buckets=_COUNTS,
    registry=REGISTRY,
)

APPEND_SECONDS = Histogram(
    "ledger_append_duration_seconds",
    "Seconds that one group commit took, from its lock until it was durable, by log.",
    ("log",),
    buckets=_FAST,
    registry=REGISTRY,
)
GROUP_APPENDS = Histogram(
    "ledger_group_appends", "Appends that one group commit held, by log.", ("log",), buckets=_COUNTS, registry=REGISTRY
)
APPENDED_EVENTS = Counter(
    "ledger_appended_events_total", "Events that this process made durable, by log.", ("log",), registry=REGISTRY
)
STOPPED_WRITERS = Gauge(
    "ledger_stopped_writers",
    "Processes whose writer takes no more appends, because the log is not what it must be or it ended by a defect.",
    ("log",),
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
LEDGER_HEAD = Asked("ledger_head_position", "Last position of a log: ledger or access.", ("log",))
VAULT_KEYS = Counter(
    "vault_keys_total",
    "Keys wanted to seal or to open with, by where they were found: memory, vault.",
    ("found",),
    registry=REGISTRY,
)
POOL_WAIT = Histogram(
    "database_pool_wait_seconds",
    "Seconds that a caller waited for a connection to PostgreSQL, by pool: api, or the log that it belongs to.",
    ("pool",),
    buckets=_FAST,
    registry=REGISTRY,
)
EMBEDDED_RESTARTS = Counter(
    "embedded_server_restarts_total",
    "Times that the embedded PostgreSQL ended by itself and was started again.",
    registry=REGISTRY,
)
DISK_FREE = Asked(
    "data_folder_free_bytes", "Room left, for a user who is not root, on the disk of this host's data folder."
)
DISK_SIZE = Asked("data_folder_disk_bytes", "Room in all on the disk of this host's data folder.")

SUBMISSIONS_RECEIVED = Asked(
    "submissions_received_total",
    "Files whose totals held and that were received, one for each state and date, by state.",
    ("state",),
    "counter",
)
SUBMISSIONS_COMPLETED = Asked(
    "submissions_completed_total", "Files of which every student was applied, by state.", ("state",), "counter"
)
SUBMISSIONS_REFUSED = Asked(
    "submissions_refused_files",
    "Dates whose file was refused whole and for which no other was received yet, by state and rule.",
    ("state", "rule"),
)
LAST_REFUSED = Asked(
    "submission_last_refused_timestamp_seconds",
    "When the latest of these files was refused, by state and rule, Unix time.",
    ("state", "rule"),
)
SUBMISSION_ROWS = Asked(
    "submission_rows_total",
    "Rows answered, by state and outcome: accepted, unchanged, refused.",
    ("state", "outcome"),
    "counter",
)
LAST_COMPLETED = Asked(
    "submission_last_completed_timestamp_seconds", "When a state's file was last completed, Unix time.", ("state",)
)
LAST_DURATION = Asked(
    "submission_last_duration_seconds",
    "Seconds from received to completed, of the file of a state that was completed last.",
    ("state",),
)
LAST_ROWS = Asked(
    "submission_last_rows",
    "Rows of the file of a state that was completed last, by outcome: accepted, unchanged, refused.",
    ("state", "outcome"),
)
LAST_FINDINGS = Asked(
    "submission_last_findings",
    "What was found in the file of a state that was completed last, by rule and level: refused, warned.",
    ("state", "rule", "level"),
)
LAST_DATE = Asked(
    "submission_last_date_timestamp_seconds",
    "Latest Submission Date that a state's received files bear, on the state's own clock, Unix time.",
    ("state",),
)
DUE = Asked(
    "submission_due_timestamp_seconds",
    "When the nightly file of a state that has sent before was last awaited, by its profile's hour, Unix time.",
    ("state",),
)
RUNNING_ROWS = Asked(
    "submission_running_rows", "Rows in all of the file of a state that is being applied now.", ("state",)
)
RUNNING_ROWS_DONE = Asked(
    "submission_running_done_rows", "Rows done of the file of a state that is being applied now.", ("state",)
)
OLDEST_WAITING = Asked(
    "submission_oldest_waiting_seconds",
    "Age of the oldest file of a state that came over HTTP and waits to be applied, 0 where there is none.",
    ("state",),
)
CHUNK_DURATION = Histogram(
    "intake_chunk_duration_seconds",
    "Seconds from one durable chunk of a file to the next, in the service's own processes.",
    buckets=_SLOW,
    registry=REGISTRY,
)

PROJECTION_POSITION = Asked(
    "projection_position", "Position that a read model has reached in its log.", ("projection",)
)
PROJECTION_LAG = Asked(
    "projection_lag_events",
    "Events that a read model has not folded yet; not-a-number where that cannot be known.",
    ("projection",),
)
PROJECTION_LAG_AGE = Asked(
    "projection_lag_seconds",
    "Age of the oldest event that a read model has not folded yet, 0 where there is none.",
    ("projection",),
)
PROJECTION_BATCH_DURATION = Histogram(
    "projection_batch_duration_seconds",
    "Seconds to fold one batch and move the position, in one transaction, by read model.",
    ("projection",),
    buckets=_SLOW,
    registry=REGISTRY,
)
PROJECTION_BATCH_EVENTS = Histogram(
    "projection_batch_events",
    "Events that one batch held, by read model.",
    ("projection",),
    buckets=_COUNTS,
    registry=REGISTRY,
)
REACTOR_LAG = Asked("reactor_lag_events", "Events that a reactor has not passed yet.", ("reactor",))
UNDECIDED = Asked(
    "matching_undecided_records", "Records that the matcher has yet to decide, or to read anew for another policy.", ()
)
RETENTION_WAITING = Asked("retention_waiting_disposals", "Disposals that wait for another person to approve them.")
RETENTION_OLDEST = Asked(
    "retention_oldest_waiting_seconds", "Age of the disposal that has waited longest for another person, 0 without one."
)
RETENTION_CLOSED = Asked(
    "retention_disposals_total",
    "Disposals that were closed, by what became of them: done, refused, withdrawn.",
    ("result",),
    kind="counter",
)
RETENTION_HOLDS = Asked("retention_standing_holds", "Holds that hold today, by kind: legal, request.", ("kind",))
CHECKPOINT_SIZE = Asked("checkpoint_size_events", "Events that the last signed checkpoint of a log covers.", ("log",))
CHECKPOINT_LAG = Asked("checkpoint_lag_events", "Events of a log that no signed checkpoint covers yet.", ("log",))
CHECKPOINT_TIME = Asked(
    "checkpoint_timestamp_seconds", "When the last checkpoint of a log was signed, Unix time.", ("log",)
)
NOTARY_REFUSING = Gauge(
    "refusing_notaries",
    "Processes whose notary signs nothing, because the log, a key or a file is not what it must be, by log.",
    ("log",),
    registry=REGISTRY,
    multiprocess_mode="livesum",
)


# Told as 0 from the start: these are rare, and a rate of what has no sample yet misses the first.
for _result in ("cached", "found", "unknown"):
    SESSION_LOOKUPS.labels(_result)
for _result in ("passed", "refused", "locked"):
    for _asked in ("password", "code"):
        SIGN_IN_TRIES.labels(_asked, _result)
for _result in ("taken", "refused"):
    ONE_TIME_CODES.labels(_result)
for _kind in ("caller", "address", "tries"):
    HTTP_RATE_REFUSALS.labels(_kind)
for _document in ("discovery", "keys", "token"):
    for _result in ("ok", "refused", "failed"):
        PROVIDER_FETCHES.labels(_document, _result)


class Declared(NamedTuple):
    """One metric as the outside sees it. kind: counter, gauge, histogram. name: with the ending of a counter."""

    name: str
    kind: str
    labels: tuple[str, ...]
    documentation: str


def declared() -> Iterator[Declared]:
    """Every metric of this file, in its order."""
    for metric in globals().values():
        if isinstance(metric, Asked):
            yield Declared(metric.name, metric.kind, metric.labels, metric.documentation)
        elif isinstance(metric, MetricWrapperBase):
            kind = str(metric._type)  # noqa: SLF001 - the library tells a metric's kind only with its samples
            name = f"{metric._name}_total" if kind == "counter" else metric._name  # noqa: SLF001
            yield Declared(name, kind, tuple(metric._labelnames), metric._documentation)  # noqa: SLF001


def exposition(asked: Iterable[Metric]) -> bytes:
    """What was counted by all processes of the service, and what was asked, in Prometheus' text format."""
    return generate_latest(_Scrape(tuple(asked)))


class _Scrape(Collector):
    """All that one answer tells."""

    def __init__(self, asked: tuple[Metric, ...]) -> None:
        self._asked = asked

    def collect(self) -> Iterator[Metric]:
        yield from self._asked
        yield from shared_counts.source(REGISTRY).collect()


def places(error: BaseException) -> list[str]:
    """Where an error came from, as ``file:line function``, innermost last.

    Never its message: PostgreSQL and validators like to quote the value that they stumbled over.
    """
    return [
        f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)[-12:]
    ]


def _without_message(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """An exception in a log line is its class and the places it went through (see ``places``)."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        event["error"] = type(error).__qualname__
        event["places"] = places(error)
    return event


class _ForeignLines(logging.Handler):
    """Lines of libraries that log through ``logging``: level, name and text of the format, never its arguments,
    since a library may put a URL or a statement there."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        extra = {"exc_info": error} if error is not None else {}
        structlog.get_logger().log(record.levelno, "library", logger=record.name, template=str(record.msg), **extra)


def configure_logs(*, lines: bool = True, level: int = logging.INFO, to: TextIO | None = None) -> None:
    """Set up structlog for this process: JSON lines on stderr, or coloured talk where ``lines`` is false.

    Uvicorn's own access lines are switched off: they hold paths.
    """
    stream = to or sys.stderr
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_message,
    ]
    if lines:
        renderer: Any = structlog.processors.JSONRenderer(serializer=_dumps)
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=stream.isatty())
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        # A logger kept from its first use keeps the level of that hour; lines are few, and a fresh one is cheap.
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_ForeignLines()]
    root.setLevel(max(level, logging.WARNING))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = name != "uvicorn.access"


def _dumps(value: Any, **_: Any) -> str:
    return orjson.dumps(value, default=str).decode()
