"""Metrics are said in words and units; log lines hold places and never what a library quotes."""

from __future__ import annotations

import io
import logging

import orjson
import psycopg
import structlog

from ledger import telemetry
from support.sources import python_files

UNITS = (
    "_seconds",
    "_total",
    "_requests",
    "_streams",
    "_students",
    "_position",
    "_events",
    "_appends",
    "_rows",
    "_records",
    "_bytes",
    "_files",
    "_findings",
    "_info",
    "_writers",
    "_readers",
    "_notaries",
    "_disposals",
    "_holds",
)
SECRET = "Marisol"


def read(stream: io.StringIO) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in stream.getvalue().splitlines()]


def test_every_metric_has_a_sentence_and_a_unit() -> None:
    for metric in telemetry.declared():
        assert metric.name.endswith(UNITS), metric.name
        assert metric.documentation.endswith("."), metric.name
        assert len(metric.documentation.split()) > 4, metric.name


def test_no_label_could_hold_more_than_a_code_a_state_or_a_name_of_ours() -> None:
    known = {"route", "method", "status", "problem", "result", "view", "role", "log", "projection", "reactor", "found"}
    known |= {
        "asked",
        "document",
        "kind",
        "reason",
        "why",
        "pool",
        "state",
        "rule",
        "outcome",
        "level",
        "version",
        "python",
    }
    assert {label for metric in telemetry.declared() for label in metric.labels} <= known


def test_every_metric_is_written_somewhere() -> None:
    sources = "\n".join(file.read_text() for file in python_files() if file.name != "telemetry.py")
    declared = [name for name in vars(telemetry) if name.isupper() and not name.startswith("_") and name != "REGISTRY"]
    assert not [name for name in declared if name not in sources]


def test_an_exception_is_told_by_its_class_and_places(lines: io.StringIO) -> None:
    try:
        raise psycopg.errors.UniqueViolation(f"Key (name)=({SECRET}) already exists.")
    except psycopg.Error:
        structlog.get_logger().exception("broke")
    [line] = read(lines)
    assert line["error"] == "UniqueViolation"
    assert str(line["places"]).count("test_an_exception_is_told_by_its_class_and_places") == 1
    assert SECRET not in lines.getvalue()


def test_lines_of_libraries_lose_their_arguments(lines: io.StringIO) -> None:
    logging.getLogger("some.library").warning("error connecting in %r: %s", "pool-1", SECRET)
    [line] = read(lines)
    assert line["template"] == "error connecting in %r: %s"
    assert SECRET not in lines.getvalue()


def test_uvicorn_tells_no_path(lines: io.StringIO) -> None:
    logging.getLogger("uvicorn.access").warning("GET /v1/students/310890258979")
    assert lines.getvalue() == ""
