"""All that still opens with the keys that are there: what whoever holds the master key can read of both logs and of the
answers to files, beside what stands in rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import msgspec
from psycopg.rows import tuple_row

from ledger.application import Ledger
from ledger.events import Event, Sealed
from ledger.events.submission import FindingsRecorded
from ledger.intake import answers
from ledger.intake.submission import stream_of


def found_in_what_opens(ledger: Ledger, words: Collection[str]) -> list[str]:
    """Where one of these words stands, each place with the first such word."""
    wanted = sorted({word.lower() for word in words})
    found: list[str] = []
    for place, text in _opened(ledger):
        which = next((word for word in wanted if word in text.lower()), None)
        if which is not None:
            found.append(f"{place}: {which}")
    return found


def _opened(ledger: Ledger) -> Iterator[tuple[str, str]]:
    for log in ledger.logs.values():
        for one in log.read(0, 1_000_000):
            yield one.stream, msgspec.json.encode(one).decode()
            with log.connection() as conn:
                for name, sealed in _fields(one.event).items():
                    yield f"{one.stream} {name}", log.open_field(conn, one, name, sealed) or ""
    with ledger.log.connection() as conn:
        rows = conn.cursor(row_factory=tuple_row).execute("select distinct submission from ledger.responses").fetchall()
    for (submission,) in rows:
        for answer in answers.read(ledger.log, stream_of(submission), submission):
            yield f"answers of {submission}", msgspec.json.encode(answer).decode()


def _fields(event: Event) -> Mapping[str, Sealed]:
    if isinstance(event, FindingsRecorded):
        values = {str(at): finding.value for at, finding in enumerate(event.findings)}
    else:
        values = {name: getattr(event, name) for name in event.__struct_fields__}
    return {name: value for name, value in values.items() if isinstance(value, Sealed)}
