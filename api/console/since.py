"""What has changed in a record since it was known otherwise, as a page tells it: thing by thing, with who said so and
when, and by which row of the record it is marked. Pure.

Invariant: a difference is told once: what is said of the child as a whole, and again within the row that says it, is
told of the row's element alone; and nothing is told that the difference does not say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from api.console.record_rows import Entry, Row, Value, value_of
from api.console.words import N_

THINGS: Final[Mapping[str, str]] = {
    "demographics": N_("Who the child is"),
    "alternate_ids": N_("Another id"),
    "qualifying_moves": N_("Move"),
    "enrollments": N_("School"),
    "courses": N_("Course"),
    "assessments": N_("Test"),
    "immunizations": N_("Immunization"),
    "indicators": N_("Health"),
    "parents": N_("Parents and guardians"),
    "records": N_("Record of a state"),
    "eligibility": N_("Eligible for the migrant program"),
    "credits": N_("Credits"),
    "student_id": N_("Student id"),
    "status": N_("Record"),
}
"""Field to what it is about; any other is an element of the child's own."""
LETTERS: Final[Mapping[str, str]] = {
    "demographics": "D",
    "alternate_ids": "K",
    "qualifying_moves": "Q",
    "enrollments": "E",
    "courses": "C",
    "assessments": "A",
    "immunizations": "I",
    "indicators": "E",
    "parents": "D",
}
PARTS: Final[Mapping[str, str]] = {
    "begins": N_("first day"),
    "expires": N_("last day"),
    "by": N_("ended by"),
    "earned": N_("earned"),
    "in_progress": N_("in progress"),
    "clock_hours": N_("hours so far"),
    "said_by": N_("said by"),
    "status": N_("whether it is open"),
    "withdrawals": N_("last days, as each state says"),
    "residencies": N_("districts of residence"),
}
"""Parts of what is reckoned, and of a thing as a whole."""
_TITLES: Final[Mapping[str, tuple[str, ...]]] = {
    "D": ("first_name", "last_name_1", "last_name_2"),
    "K": ("alternate_state_student_id",),
    "Q": ("qualifying_arrival_date", "qualifying_move_to_city"),
    "E": ("enrollment_date", "school_or_project_name"),
    "C": ("course_title",),
    "A": ("assessment_title", "assessment_administration_date"),
    "I": ("cvx_code", "administration_date"),
}
"""Letter to the elements by which a thing is told from others."""
_SUBJECT: Final = ": "


class Cause(NamedTuple):
    """An event behind a change. day: ISO 8601, in the reader's zone. actor, reason: empty where he may not know."""

    position: int
    day: str
    actor: str
    reason: str
    submission: str


class Change(NamedTuple):
    """thing: English, the key of the Spanish. title: of which of several. letter, element: by which its name is told;
    part: instead, English. was, now: values, none where there was nothing."""

    thing: str
    title: tuple[Value, ...]
    letter: str
    element: str
    part: str
    was: tuple[Value, ...]
    now: tuple[Value, ...]
    causes: tuple[Cause, ...]


class Since(NamedTuple):
    """at: the instant as of which the record is shown. asked: the day by which it was asked for, ISO 8601; empty for a
    position. erased: events that are left out. marks: fact to what has changed of it."""

    at: datetime
    asked: str
    position: int
    effective_on: date | None
    erased: int
    changes: tuple[Change, ...]
    marks: Mapping[tuple[str, int], Sequence[Change]]

    def of(self, row: Row) -> list[Change]:
        """What has changed of a row since."""
        sources: Iterable[Entry] = row.entry.get("sources", ())
        named = {(source["record"], source["fact"]) for source in sources}
        return list(dict.fromkeys(change for name in named for change in self.marks.get(name, ())))


def changes_of(
    body: Mapping[str, Any], entries: Mapping[tuple[str, int], Entry]
) -> tuple[tuple[Change, ...], dict[tuple[str, int], list[Change]]]:
    """The changes of an answer (``api.changes``), and by fact those of rows. entries: fact to a row that speaks of it,
    at either point; events' instants are in the reader's zone already."""
    told: list[Change] = []
    marks: dict[tuple[str, int], list[Change]] = {}
    rows = {_key(one) for one in body["differences"] if one["fact"] is not None}
    for one in body["differences"]:
        if one["fact"] is None and _key(one) in rows:
            continue  # the row says it
        if one["field"] == "credits" and (_SUBJECT in one["element"] or one["element"] not in PARTS):
            continue  # of the whole, what is earned and under way
        change = _change(one, entries)
        told.append(change)
        if one["fact"]:
            marks.setdefault((one["record"], one["fact"]), []).append(change)
    return tuple(told), marks


def entries_in(*sides: Mapping[str, Mapping[str, Any]]) -> dict[tuple[str, int], Entry]:
    """Fact to the row that speaks of it; of several sides, the last that has it. sides: sections of a student."""
    return {
        (source["record"], source["fact"]): entry
        for sections in sides
        for section in sections.values()
        for field in LETTERS
        for entry in section.get(field, ())
        for source in entry["sources"]
    }


# -- inside


def _key(one: Mapping[str, Any]) -> tuple[str, str, str]:
    """What a difference says, whether of the child or of the row."""
    name = one["field"] if one["fact"] is None else one["element"]
    return str(name), repr(one["from"]), repr(one["to"])


def _change(one: Mapping[str, Any], entries: Mapping[tuple[str, int], Entry]) -> Change:
    field, element = one["field"], one["element"] or ""
    letter = LETTERS.get(field, "D")
    entry = entries.get((one["record"], one["fact"]), {}) if one["fact"] else {}
    part = PARTS.get(element.removeprefix("eligibility."), "")
    if element.startswith("eligibility."):
        part = part or element
    own = field not in THINGS
    return Change(
        thing=THINGS["demographics"] if own else THINGS[field],
        title=_title(letter, entry),
        letter=letter,
        element=field if own else "" if part else element,
        part=part,
        was=_values(letter, field if own else element, one["from"]),
        now=_values(letter, field if own else element, one["to"]),
        causes=tuple(_cause(event) for event in one["events"]),
    )


def _title(letter: str, entry: Entry) -> tuple[Value, ...]:
    return tuple(value_of(letter, name, entry[name]) for name in _TITLES[letter] if isinstance(entry.get(name), str))


def _values(letter: str, element: str, said: Any) -> tuple[Value, ...]:
    """said: text or a number; a thing as a whole; or several."""
    if said is None:
        return ()
    if isinstance(said, list):
        return tuple(value for one in said for value in _values(letter, element, one))
    if isinstance(said, dict):
        title = _title(letter, said)
        return title or tuple(Value(str(one)) for one in said.values() if isinstance(one, str))
    if element.endswith(("begins", "expires")):
        return (Value(str(said), "date"),)
    if element.removeprefix("eligibility.") == "by":
        return (value_of("D", "eligibility_by", str(said)),)
    return (value_of(letter, element, str(said)),)


def _cause(event: Mapping[str, Any]) -> Cause:
    return Cause(
        event["position"],
        event["recorded_at"][:10],
        event["actor"] or "",
        event["reason"] or "",
        event["submission"] or "",
    )
