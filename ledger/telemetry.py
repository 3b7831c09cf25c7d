"""What operators see: every metric, declared once, and the shape of a log line.

Invariant: nothing about a child comes through here. Labels are names of routes, logs, read models and rules; a log
line holds ids of requests, counts and durations, and the places of a traceback without its values. This module knows
no route, no event and no database: others count into it.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any, TextIO

import orjson
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry(auto_describe=True)
"""Our own, so that what is exposed is what this file declares, and nothing that a library slips in."""

_FAST = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.012, 0.02, 0.03, 0.05, 0.08, 0.12, 0.25, 0.5, 1.0, 2.0, 5.0)
_SLOW = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)

HTTP_REQUEST_DURATION = Histogram(
    "http_request_duration_seconds",
    "Seconds from the first byte of a request to the last of its answer, by route template, method and status.",
    ("route", "method", "status"),
    buckets=_FAST,
    registry=REGISTRY,
)
HTTP_REQUESTS_RUNNING = Gauge(
    "http_running_requests", "Requests that have begun and are not answered yet.", registry=REGISTRY
)
HTTP_PROBLEMS = Counter(
    "http_problems_total", "Problems answered, by the stable last part of their type.", ("problem",), registry=REGISTRY
)
HTTP_REPLAYS = Counter(
    "http_replays_total",
    "Mutations answered again with their first answer, because the idempotency key came before.",
    registry=REGISTRY,
)
TOKEN_LOOKUPS = Counter(
    "token_lookups_total", "Tokens looked up, by result: cached, found, unknown.", ("result",), registry=REGISTRY
)
FEED_STREAMS_OPEN = Gauge("feed_open_streams", "Clients that follow the feed as server-sent events.", registry=REGISTRY)

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
LEDGER_HEAD = Gauge("ledger_head_position", "Last position of a log: ledger or access.", ("log",), registry=REGISTRY)

PROJECTION_POSITION = Gauge(
    "projection_position", "Position that a read model has reached in its log.", ("projection",), registry=REGISTRY
)
PROJECTION_LAG = Gauge(
    "projection_lag_events",
    "Events that a read model has not folded yet; not-a-number where that cannot be known.",
    ("projection",),
    registry=REGISTRY,
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
REACTOR_LAG = Gauge("reactor_lag_events", "Events that a reactor has not passed yet.", ("reactor",), registry=REGISTRY)


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
        cache_logger_on_first_use=True,
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
