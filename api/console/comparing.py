"""Two children's records beside each other: field by field what is the same, nearly the same, or different. Pure.

Invariant: what is said of a field is a function of the two values that stand beside it, and of nothing that a policy
or a person decided: so it may be told of a blind check too. How near two values are is the matcher's own comparison
(``ledger.matching.comparison``), in its own words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Any, Final, NamedTuple

from rapidfuzz.distance import OSA

from api.console.words import N_
from ledger.identity import NAMES, attendance
from ledger.matching.comparison import FIELDS, compared
from ledger.matching.explain import Language, word
from ledger.matching.names import folded
from ledger.matching.person import person
from ledger.matching.traits import Traits

Facts = Mapping[str, Any]
"""Of a record or a student: the sections core and contacts."""


class Sign(StrEnum):
    """How two values stand to each other. FITS: both may be true of one child. SILENT: it tells nothing."""

    SAME = "same"
    FITS = "fits"
    NEARLY = "nearly"
    UNCLEAR = "unclear"
    DIFFERS = "differs"
    ONLY = "only"
    SILENT = "silent"


class Piece(NamedTuple):
    """A part of a value. differs: the other value has no such word."""

    text: str
    differs: bool


class Row(NamedTuple):
    """A field. values: of the one and of the other, in lines, each in pieces. how: the words of the comparison, in the
    reader's language already; empty where the sign says it all. side: 0 or 1, which alone says it."""

    name: str
    values: tuple[Sequence[Sequence[Piece]], Sequence[Sequence[Piece]]]
    sign: Sign
    how: str = ""
    side: int | None = None


class Compared(NamedTuple):
    """Two records. rows: those that tell them apart. more: what else each says, which is only to be read."""

    rows: list[Row]
    more: list[Row]

    def count(self, *signs: Sign) -> int:
        return sum(row.sign in signs for row in self.rows)

    def names(self, *signs: Sign) -> list[str]:
        """Of the fields that have one of these signs."""
        return [row.name for row in self.rows if row.sign in signs]


class Speech(NamedTuple):
    """How the reader is spoken to. say: a marked text in her language. day: a date as ISO 8601 has it, as she reads
    one."""

    language: Language
    say: Callable[[str], str]
    day: Callable[[str], str]


def compare(left: Facts, right: Facts, speech: Speech) -> Compared:
    """Every field of two records. left, right: what is said of each."""
    sides = _told(left), _told(right)
    levels, _ = compared(*(person(_traits(side)) for side in sides))
    rows: list[Row] = []
    for name, field, values_of in _FIELDS:
        values = values_of(sides[0], speech), values_of(sides[1], speech)
        if not any(values):
            continue
        level = FIELDS[field][getattr(levels, field)] if field else ""
        rows.append(_row(name, field, level, values, speech))
    more = [
        Row(name, (_plain(values[0]), _plain(values[1])), Sign.SILENT)
        for name, values_of in _MORE
        if any(values := (values_of(sides[0], speech), values_of(sides[1], speech)))
    ]
    return Compared(rows, more)


class Line(NamedTuple):
    """A field of one record or student, in lines."""

    name: str
    values: list[str]


def sheet(facts: Facts, speech: Speech) -> list[Line]:
    """Every field that a record or a student has, to be read by itself."""
    said = _told(facts)
    every = (*((name, values_of) for name, _, values_of in _FIELDS), *_MORE)
    return [Line(name, values) for name, values_of in every if (values := values_of(said, speech))]


def sign_of(field: str, level: str) -> Sign:
    """What a level of a field comes to, at a glance."""
    if level in _SILENT:
        return Sign.SILENT
    if level in _SAME[field]:
        return Sign.FITS if field == "stays" else Sign.SAME
    if level in _UNCLEAR:
        return Sign.UNCLEAR
    return Sign.NEARLY if level in _NEARLY[field] else Sign.DIFFERS


# -- inside


def _row(
    name: str,
    field: str,
    level: str,
    values: tuple[list[str], list[str]],
    speech: Speech,
) -> Row:
    one, other = values
    if not one or not other:
        return Row(name, (_plain(one), _plain(other)), Sign.ONLY, side=0 if one else 1)
    if one == other:
        return Row(name, (_plain(one), _plain(other)), Sign.SAME)
    shown = _marked(one, other), _marked(other, one)
    flat = tuple(" ".join(folded(line) for line in side) for side in values)
    if flat[0] == flat[1]:
        return Row(name, shown, Sign.NEARLY, speech.say(N_("accents, capitals or hyphens")))
    if field == "stays":
        sign = sign_of(field, level)
        return Row(name, (_plain(one), _plain(other)), sign, word(f"{field}.{level}", speech.language))
    if not field:
        return Row(name, shown, Sign.DIFFERS)
    sign = sign_of(field, level)
    if sign is Sign.SILENT:  # the matcher reads nothing in it, and people may
        return Row(name, shown, Sign.DIFFERS)
    how = word(f"{field}.{level}", speech.language)
    if sign is Sign.NEARLY and field in ("given", "surnames") and OSA.distance(*flat, score_cutoff=1) == 1:
        how = speech.say(N_("one letter"))
    return Row(name, shown, sign, how)


def _marked(lines: Sequence[str], others: Sequence[str]) -> list[list[Piece]]:
    """Words that the other side has not, marked; two dates are taken whole."""
    there = {folded(word) for line in others for word in line.split()}
    return [[Piece(word, folded(word) not in there) for word in line.split()] for line in lines]


def _plain(lines: Sequence[str]) -> list[list[Piece]]:
    return [[Piece(line, differs=False)] for line in lines]


Values = Callable[[Mapping[str, Any], Speech], list[str]]
"""The lines of a field, of what a record says."""


def _told(facts: Facts) -> dict[str, Any]:
    """The sections of a record as one, and empty where nothing can be told of it."""
    core, contacts = facts.get("core") or {}, facts.get("contacts") or {}
    return {**core, **{name: value for name, value in contacts.items() if name not in core}}


def _traits(said: Mapping[str, Any]) -> Traits:
    born = said.get("birth_date")
    return Traits(
        state="",
        state_student_id="",
        birth_date=_day(born),
        multiple_birth=said.get("multiple_birth_flag", ""),
        attendances=tuple(
            attendance("", entry) for entry in said.get("enrollments", ()) if _day(entry.get("enrollment_date"))
        ),
        **{name: said.get(name, "") for name in NAMES},
    )


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(value) if value else None
    except ValueError:
        return None


def _of(*names: str) -> Values:
    """These elements in one line; nothing where none was sent."""

    def values_of(said: Mapping[str, Any], speech: Speech) -> list[str]:  # noqa: ARG001 - the shape of every field
        line = " ".join(said[name] for name in names if said.get(name))
        return [line] if line else []

    return values_of


def _coded(name: str) -> Values:
    """An element that has a few values."""
    return lambda said, speech: [speech.say(said[name])] if said.get(name) else []


def _born(said: Mapping[str, Any], speech: Speech) -> list[str]:
    return [speech.day(said["birth_date"])] if said.get("birth_date") else []


def _place(said: Mapping[str, Any], speech: Speech) -> list[str]:  # noqa: ARG001 - the shape of every field
    line = ", ".join(said[name] for name in ("birth_city", "birth_state", "birth_country") if said.get(name))
    return [line] if line else []


def _parents(said: Mapping[str, Any], speech: Speech) -> list[str]:  # noqa: ARG001 - the shape of every field
    lines = (
        " ".join(said[name] for name in (f"{which}_parent_first_name", f"{which}_parent_last_name") if said.get(name))
        for which in ("male", "female")
    )
    return [line for line in lines if line]


def _schools(said: Mapping[str, Any], speech: Speech) -> list[str]:
    lines: list[str] = []
    for entry in said.get("enrollments", ()):
        where = entry.get("school_or_project_name") or entry.get("school_district") or entry.get("facility_city") or ""
        place = ", ".join(part for part in (where, entry.get("facility_state")) if part)
        begins, ends = (speech.day(entry.get(name, "")) for name in ("enrollment_date", "withdrawal_date"))
        days = f"{begins} – {ends}" if ends else speech.say(N_("from {day}")).format(day=begins)
        lines.append(" · ".join(part for part in (days, place) if part))
    return lines


def _moves(said: Mapping[str, Any], speech: Speech) -> list[str]:
    lines: list[str] = []
    for entry in said.get("qualifying_moves", ()):
        ends = (
            ", ".join(
                entry[name]
                for name in (f"qualifying_move_{way}_city", f"qualifying_move_{way}_state")
                if entry.get(name)
            )
            for way in ("from", "to")
        )
        lines.append(
            f"{speech.day(entry.get('qualifying_arrival_date', ''))}: {' → '.join(end for end in ends if end)}"
        )
    return lines


def _courses(said: Mapping[str, Any], speech: Speech) -> list[str]:  # noqa: ARG001 - the shape of every field
    return [
        " ".join(str(entry[name]) for name in ("begin_academic_year", "course_title") if entry.get(name))
        for entry in said.get("courses", ())
    ]


def _assessments(said: Mapping[str, Any], speech: Speech) -> list[str]:
    return [
        f"{speech.day(entry.get('assessment_administration_date', ''))}: {entry.get('assessment_title', '')}"
        for entry in said.get("assessments", ())
    ]


VALUES: Final = (N_("Male"), N_("Female"), N_("Other"), N_("Yes"), N_("No"))
"""Of the elements that have a few."""

_FIELDS: Final[Sequence[tuple[str, str, Values]]] = (
    (N_("Given names"), "given", _of("first_name", "middle_name")),
    (N_("Surnames"), "surnames", _of("last_name_1", "last_name_2")),
    (N_("Suffix"), "", _of("suffix")),
    (N_("Birth date"), "birth", _born),
    (N_("Sex"), "sex", _coded("sex")),
    (N_("Multiple birth"), "flags", _coded("multiple_birth_flag")),
    (N_("Birthplace"), "place", _place),
    (N_("Parents or guardians"), "parents", _parents),
    (N_("Schools"), "stays", _schools),
)
"""Label, the matcher's field, and the values."""
_MORE: Final[Sequence[tuple[str, Values]]] = (
    (N_("Qualifying moves"), _moves),
    (N_("Courses"), _courses),
    (N_("Assessments"), _assessments),
)

_SILENT: Final = frozenset({"missing", "both blank", "yes and blank", "no and blank"})
_SAME: Final[Mapping[str, frozenset[str]]] = {
    "given": frozenset({"all equal, two or more", "one each, equal"}),
    "surnames": frozenset({"two equal in order", "one each, equal"}),
    "birth": frozenset({"same day", "same day, 1 January"}),
    "sex": frozenset({"same"}),
    "flags": frozenset({"yes and yes", "no and no"}),
    "parents": frozenset({"two the same", "one each, the same"}),
    "place": frozenset({"same city and state"}),
    "stays": frozenset({"one after the other, soon", "one after the other, later", "at once, same school"}),
}
_NEARLY: Final[Mapping[str, frozenset[str]]] = {
    "given": frozenset(
        {
            "equal with an initial",
            "variant",
            "near",
            "first only",
            "later only",
            "later only, after María or José",
            "part, with a variant or a fault",
        }
    ),
    "surnames": frozenset(
        {
            "two equal in another order or column",
            "two, one with a fault",
            "one each, with a fault",
            "first equal, second absent",
            "the only one equals the other's second",
            "one with a fault, second absent",
            "first equal, second an initial",
        }
    ),
    "birth": frozenset(
        {
            "day and month swapped",
            "one is 1 January of the same year",
            "digits of the day",
            "other month",
            "year off by 1, 2, 9 or 10",
            "one day off",
        }
    ),
    "sex": frozenset(),
    "flags": frozenset(),
    "parents": frozenset({"one of two the same", "with faults"}),
    "place": frozenset({"same city", "near city", "same state", "same country"}),
    "stays": frozenset(),
}
"""Field to its levels: each that is in neither differs."""
_UNCLEAR: Final = frozenset({"unclear", "at once, same state", "at once, states that touch"})
"""Two schools at once in one place are what a late withdrawal looks like."""

assert all(level in FIELDS[field] for levels in (_SAME, _NEARLY) for field in levels for level in levels[field])
