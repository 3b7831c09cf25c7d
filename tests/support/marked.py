"""Values that stand in nothing else: whose they are, and under which of its keys they went into the log."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

import msgspec

from ledger.events import Event
from ledger.events.record import FactCorrected, FactStated, RecordOpened

WORDS: Final = frozenset(
    {
        "first_name",
        "last_name_1",
        "male_parent_first_name",
        "alternate_state_student_id",
        "qualifying_move_to_city",
        "course_title",
        "assessment_title",
    }
)
"""Elements of a record that are marked by a word; a date is another date then. Codes are left as they are."""
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
_FIRST_DAY: Final = date(1790, 1, 1)
_dates: dict[tuple[str, str, str], str] = {}


def mark_of(subject: str, key_class: str) -> str:
    """A word of letters alone, as a search takes it for one. subject: a uuid."""
    letters = "".join(chr(ord("a") + int(digit, 16)) for digit in subject.replace("-", ""))
    return f"z{key_class[:2]}{letters}z"


def dates_of(subject: str, key_class: str) -> list[str]:
    """The days that stand for days of a subject, and for no other's."""
    return [day for (of, name, _), day in _dates.items() if (of, name) == (subject, key_class)]


def marking(subject: str, key_class: str) -> Callable[[str, str], str]:
    """What an element's value is to be, by its name: the same wherever the subject says the same."""
    mark = mark_of(subject, key_class)

    def value_of(name: str, value: str) -> str:
        if _DATE.fullmatch(value):
            return _dates.setdefault((subject, key_class, value), str(_FIRST_DAY + timedelta(days=len(_dates))))
        return f"{value} {mark}" if name in WORDS else value

    return value_of


def marked(event: Event, record: str) -> Event:
    """An event of a record, where each of its words and days says whose it is."""
    key_class = event.key_class().value
    mark, value_of = mark_of(record, key_class), marking(record, key_class)
    if isinstance(event, FactStated):
        said = {name: value_of(name, value) for name, value in event.elements.items()}
        return msgspec.structs.replace(event, elements=said)
    if isinstance(event, FactCorrected):
        both = {
            name: tuple(None if value is None else value_of(name, value) for value in pair)
            for name, pair in event.elements.items()
        }
        return msgspec.structs.replace(event, elements=both)
    if isinstance(event, RecordOpened):
        return msgspec.structs.replace(event, state_student_id=f"{event.state_student_id}{mark}")
    return event
