"""The minimum data elements: every table and element of the national layout, and the canonical form of a value.

The layout is data (``mde.csv``, a copy of the national one, beside this module). Canonical means: outer blanks off,
Unicode NFC, dates ISO 8601, codes spelled as listed. It repairs the form and never the content; what would need a
guess is refused. ``canonical`` is on the path of every value of every file, so each element gets its checker once,
at import. Nothing here knows files, rows or what is required of a row: that is ``ledger.intake.rules``.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from importlib import resources
from typing import Final, Literal, NoReturn

from ledger import rulebook
from ledger.errors import BadValue
from ledger.wording import EXACT_DIGITS, form_of, limit_of

Checker = Callable[[str], str | None]
"""From a raw value to its canonical form; None for a blank. Raises BadValue."""

FIPS: Final = {
    pair[:2]: pair[3:]
    for line in (
        "AL=01 AK=02 AZ=04 AR=05 CA=06 CO=08 CT=09 DE=10 DC=11 FL=12 GA=13 HI=15 ID=16 IL=17 IN=18 IA=19 KS=20 KY=21",
        "LA=22 ME=23 MD=24 MA=25 MI=26 MN=27 MS=28 MO=29 MT=30 NE=31 NV=32 NH=33 NJ=34 NM=35 NY=36 NC=37 ND=38 OH=39",
        "OK=40 OR=41 PA=42 RI=44 SC=45 SD=46 TN=47 TX=48 UT=49 VT=50 VA=51 WA=53 WV=54 WI=55 WY=56 AS=60 FM=64 GU=66",
        "MH=68 MP=69 PW=70 PR=72 VI=78",
    )
    for pair in line.split()
}
"""State to the two digits that its NCES ids begin with."""
STATES: Final = frozenset(FIPS)
"""USPS codes: 50 states, the District, Puerto Rico, the territories, and the three freely associated states."""

EARLIEST_YEAR: Final = 1900
"""No date of a child's record is older; spreadsheets write their zero as a day of December 1899."""

LATEST_YEAR: Final = 2199

RECORD_IDS_MAX: Final = 999
"""Most rows of one student in one table: each has a Record ID of its own."""
STUDENTS_MAX: Final = 40_000
"""Most students of one file: the last Student Record ID that the layout allows."""
ROWS_OF_A_STUDENT_MAX: Final = 7 * RECORD_IDS_MAX
"""Most child rows of one student: as many as there are Record IDs, in each of seven tables."""
LOOSE_ROWS_MAX: Final = 10_000
"""Most rows of a file that belong to nobody. Each is refused by itself; more are a file of another kind."""

_MEMO_MAX: Final = 100_000


@dataclass(frozen=True, slots=True)
class Element:
    """One column of one table.

    number: column, from 1. key: the name in JSON and in stored events. type: text, code, integer, decimal, date,
    month, timestamp, digits or email. length: most characters; a decimal keeps the layout's ``total,behind the point``.
    on_bad: what a wrong value refuses (``row``, ``element`` or ``file``). codes: every value allowed, or None.
    bounds: least and greatest allowed, of integers and decimals. check: the checker behind :func:`canonical`.
    """

    letter: str
    number: int
    name: str
    key: str
    type: str
    length: int | str
    required: bool
    on_bad: Literal["row", "element", "file"]
    codes: tuple[str, ...] | None
    note: str
    bounds: tuple[str, str] | None = None
    check: Checker = field(repr=False, compare=False, default=lambda raw: raw)


@dataclass(frozen=True, slots=True)
class Table:
    """One kind of row. name: as in the layout, and of its file in a folder. key: of its list in JSON and its route.

    record_id: key of the element that numbers rows of this kind (the state's Record ID); None for the header.
    """

    letter: str
    name: str
    key: str
    elements: tuple[Element, ...]
    by_key: Mapping[str, Element] = field(repr=False)
    record_id: str | None = None


def canonical(element: Element, raw: str) -> str | None:
    """The canonical form of a value, or None where it is blank. Applying it again changes nothing.

    Raises BadValue with the rule that is broken (``malformed``, ``code``, ``range``, ``too-long``,
    ``control-character``) and the element's key. The message never holds the value.
    """
    return element.check(raw)


@lru_cache(maxsize=4096)
def words(rule: str, letter: str = "", key: str | None = None, language: str = "en") -> tuple[str, str]:
    """Message and remedy of a rule, said of one element of one table, in ``en`` or ``es``.

    An element that the table does not have is named by its key. Raises KeyError for an unknown rule.
    """
    table = TABLES.get(letter)
    element = table.by_key.get(key) if table is not None and key is not None else None
    if element is None:
        return rulebook.words(rule, language, element=key or "-", form="-", limit="-")
    return rulebook.words(
        rule, language, element=element.name, form=form_of(element, language), limit=limit_of(element, rule, language)
    )


class _Codes(dict[str, str]):
    """Listed values to themselves; what is missed is looked at more closely once, and refused or returned."""

    def __init__(self, listed: tuple[str, ...], letter: str, key: str, lenient_zeros: bool = False) -> None:
        super().__init__((code, code) for code in listed)
        self._folded = {code.casefold(): code for code in listed}
        self._letter = letter
        self._key = key
        if lenient_zeros:
            self.update((f"{int(code):0{width}d}", code) for code in listed for width in (1, 2, 3))

    def __missing__(self, raw: str) -> str | None:
        value = _trimmed(raw, self._letter, self._key)
        if value is None:
            return None
        if value in self:
            return self[value]
        found = self._folded.get(value.casefold())
        if found is None or not value.isascii():
            _refuse("code", self._letter, self._key)
        return found


class _Memo(dict[str, str | None]):
    """A checker that remembers what it accepted: dates, numbers and schools repeat. It holds values, not whose.

    at_most: how many.
    """

    def __init__(self, check: Checker, at_most: int = _MEMO_MAX) -> None:
        super().__init__()
        self._check = check
        self._at_most = at_most

    def __missing__(self, raw: str) -> str | None:
        value = self._check(raw)
        if len(self) < self._at_most:
            self[raw] = value
        return value


# NUL and the other controls, line and paragraph separators, marks that turn the reading direction, and code points
# that are no characters: none belongs in a name, and each can make a screen show something else than is stored.
_UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_OUTER_MARKS: Final = "\u200b\u2060\ufeff"
"""Blanks of no width, which str.strip leaves standing: they come with text pasted from a browser."""

_DATE: Final = re.compile(r"([0-9]{4})(-?)([0-9]{2})\2([0-9]{2})")
_MONTH: Final = re.compile(r"([0-9]{2})([0-9]{4})|([0-9]{4})-([0-9]{2})")
_STAMP: Final = re.compile(
    r"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{3})"
    r"|([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2}):([0-9]{2})\.([0-9]{3})"
)
_DIGITS: Final = re.compile(r"[0-9]+")
_DECIMAL: Final = re.compile(r"([0-9]*)(?:\.([0-9]*))?")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+")


def _refuse(rule: str, letter: str, key: str) -> NoReturn:
    message, remedy = words(rule, letter, key)
    raise BadValue(message, rule=rule, remedy=remedy, element=key)


def _trimmed(raw: str, letter: str, key: str) -> str | None:
    value = raw.strip()
    if value.isascii():
        if value and not value.isprintable():
            _refuse("control-character", letter, key)
        return value or None
    # Blanks come off again behind NFC and behind marks of no width, until none is left.
    value = unicodedata.normalize("NFC", value)
    while value != (value := value.strip().strip(_OUTER_MARKS)):
        pass
    if _UNPRINTABLE.search(value):
        _refuse("control-character", letter, key)
    return value or None


def _text(letter: str, key: str, length: int) -> Checker:
    def check(raw: str) -> str | None:
        # Most of what comes needs nothing done to it; asking that first takes a third of the time.
        if raw.isascii() and raw.isprintable() and 0 < len(raw) <= length and raw[0] != " " != raw[-1]:
            return raw
        value = _trimmed(raw, letter, key)
        if value is not None and len(value) > length:
            _refuse("too-long", letter, key)
        return value

    return check


def _email(letter: str, key: str, length: int) -> Checker:
    text = _text(letter, key, length)

    def check(raw: str) -> str | None:
        value = text(raw)
        if value is not None and not _EMAIL.fullmatch(value):
            _refuse("malformed", letter, key)
        return value

    return check


def _digits(letter: str, key: str, length: int) -> Checker:
    exact = EXACT_DIGITS.get(key)
    least = exact or 1

    def check(raw: str) -> str | None:
        if raw.isascii() and raw.isdigit() and least <= len(raw) <= (exact or length):
            return raw
        value = _trimmed(raw, letter, key)
        if value is None:
            return None
        if not _DIGITS.fullmatch(value) or (exact is not None and len(value) != exact):
            _refuse("malformed", letter, key)
        if len(value) > length:
            _refuse("too-long", letter, key)
        return value

    return check


def _integer(letter: str, key: str, length: int, bounds: tuple[str, str] | None) -> Checker:
    # "001..999" is written with its zeros, "0..1080" without: the lower bound shows the canonical width.
    width = len(bounds[0]) if bounds is not None else 1
    least, greatest = (int(bounds[0]), int(bounds[1])) if bounds is not None else (0, 10**length - 1)

    def check(raw: str) -> str | None:
        value = _trimmed(raw, letter, key)
        if value is None:
            return None
        if not _DIGITS.fullmatch(value):
            _refuse("malformed", letter, key)
        if len(value) > length:
            _refuse("too-long", letter, key)
        number = int(value)
        if not least <= number <= greatest:
            _refuse("range", letter, key)
        return f"{number:0{width}d}"

    return check


def _decimal(letter: str, key: str, length: str, bounds: tuple[str, str] | None) -> Checker:
    total, behind = (int(part) for part in length.split(","))

    def check(raw: str) -> str | None:
        value = _trimmed(raw, letter, key)
        if value is None:
            return None
        match = _DECIMAL.fullmatch(value)
        whole, fraction = (match[1], match[2] or "") if match else ("", "")
        if not (whole or fraction):
            _refuse("malformed", letter, key)
        fraction = fraction.rstrip("0")
        whole = whole.lstrip("0")
        if len(fraction) > behind:
            _refuse("malformed", letter, key)
        # The layout's decimals are not negative and begin at zero, so the digits before the point are the bound.
        if len(whole) > total - behind:
            _refuse("range", letter, key)
        return f"{whole or '0'}.{fraction:0<{behind}}"

    assert bounds is None or bounds == ("0", "9" * (total - behind) + "." + "9" * behind), bounds
    return check


def _day(year: str, month: str, day: str) -> str | None:
    try:
        found = date(int(year), int(month), int(day))
    except ValueError:
        return None
    return found.isoformat() if EARLIEST_YEAR <= found.year <= LATEST_YEAR else None


def _date(letter: str, key: str) -> Checker:
    def check(raw: str) -> str | None:
        value = _trimmed(raw, letter, key)
        if value is None:
            return None
        match = _DATE.fullmatch(value)
        day = _day(match[1], match[3], match[4]) if match else None
        if day is None:
            _refuse("malformed", letter, key)
        return day

    return check


def _month(letter: str, key: str) -> Checker:
    def check(raw: str) -> str | None:
        value = _trimmed(raw, letter, key)
        if value is None:
            return None
        match = _MONTH.fullmatch(value)
        day = _day(match[2] or match[3], match[1] or match[4], "01") if match else None
        if day is None:
            _refuse("malformed", letter, key)
        return day[:7]

    return check


def _timestamp(letter: str, key: str) -> Checker:
    def check(raw: str) -> str | None:
        value = _trimmed(raw, letter, key)
        if value is None:
            return None
        match = _STAMP.fullmatch(value)
        parts = [part for part in match.groups() if part is not None] if match else []
        day = _day(*parts[:3]) if match else None
        if day is None or parts[3] > "23" or parts[4] > "59" or parts[5] > "59":
            _refuse("malformed", letter, key)
        return f"{day}T{parts[3]}:{parts[4]}:{parts[5]}.{parts[6]}"

    return check


def _checker(
    letter: str,
    key: str,
    type_: str,
    length: int | str,
    codes: tuple[str, ...] | None,
    bounds: tuple[str, str] | None,
) -> Checker:
    if codes is not None:
        return _Codes(codes, letter, key, lenient_zeros=key == "cvx_code").__getitem__
    if isinstance(length, str):
        return _decimal(letter, key, length, bounds)
    if type_ == "integer":
        return _Memo(_integer(letter, key, length, bounds)).__getitem__
    if type_ == "date":
        return _Memo(_date(letter, key)).__getitem__
    if type_ == "month":
        return _Memo(_month(letter, key)).__getitem__
    if type_ == "timestamp":
        return _timestamp(letter, key)
    if type_ == "digits" or key in EXACT_DIGITS:
        digits = _digits(letter, key, length)
        return _Memo(digits, _NAMES_MAX).__getitem__ if letter in _OF_PLACES else digits
    if type_ == "email":
        return _email(letter, key, length)
    assert type_ == "text", f"mde.csv: {key} has the unknown type {type_}"
    text = _text(letter, key, length)
    if letter in _OF_PLACES and length <= _NAME_CHARACTERS_MAX:
        return _Memo(text, _NAMES_MAX).__getitem__
    return text


_OF_PLACES: Final = frozenset("QECA")
"""Letters whose texts name places, schools and courses, which repeat; those of the others are a child's own."""
_NAMES_MAX: Final = 5_000
_NAME_CHARACTERS_MAX: Final = 100


_TABLE_KEYS: Final = {
    "H": "header",
    "S": "student",
    "K": "alternate_ids",
    "D": "demographics",
    "Q": "qualifying_moves",
    "E": "enrollments",
    "C": "courses",
    "A": "assessments",
    "I": "immunizations",
}
_BOUNDS: Final = re.compile(r"([0-9.]+)\.\.([0-9.]+)")
_LISTED: Final = re.compile(r"[A-Za-z0-9]+(?:\|[A-Za-z0-9]+)*")


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = resources.files("ledger").joinpath(name).read_text(encoding="utf-8")
    yield from csv.DictReader(io.StringIO(text), strict=True)


VACCINES: Final[dict[str, str]] = {row["code"]: row["name"] for row in _rows("cvx.csv")}
"""CVX code of the CDC to our own short name for the vaccine."""

COUNTRIES: Final = tuple(sorted(code for row in _rows("countries.csv") for code in row.values()))
"""Country codes of ISO 3166-1, of two letters and of three."""


def _codes(text: str) -> tuple[str, ...] | None:
    if text == "USPS state code":
        return tuple(sorted(STATES))
    if text == "CDC CVX":
        return tuple(VACCINES)
    if text == "ISO 3166-1 alpha-2 or alpha-3":
        return COUNTRIES
    # Places of birth may come as names, NCES ids have a form and no list, and the interpretations of an assessment
    # hang on its type: those are no lists of one element.
    return tuple(text.split("|")) if _LISTED.fullmatch(text) else None


def _interpretations() -> tuple[frozenset[str], tuple[str, ...]]:
    (text,) = (row["codes"] for row in _rows("mde.csv") if row["element"] == "Assessment Interpretation")
    types, _, listed = text.removeprefix("types ").partition(": ")
    return frozenset(types.split()), tuple(listed.split("|"))


INTERPRETED_TYPES, INTERPRETATIONS = _interpretations()
"""Assessment Types whose interpretation comes from a list, and that list (V19)."""


def _element(row: dict[str, str]) -> Element:
    key = re.sub(r"[^a-z0-9]+", "_", row["element"].lower()).strip("_")
    length: int | str = int(row["length"]) if row["length"].isdigit() else row["length"]
    match = _BOUNDS.fullmatch(row["codes"])
    bounds = (match[1], match[2]) if match else None
    codes = None if bounds else _codes(row["codes"])
    on_bad = row["on_bad"]
    assert on_bad in ("row", "element", "file"), f"mde.csv: {key} has on_bad {on_bad}"
    return Element(
        letter=row["letter"],
        number=int(row["column"]),
        name=row["element"],
        key=key,
        type=row["type"],
        length=length,
        required=row["required"] == "yes",
        on_bad=on_bad,
        codes=codes,
        note=row["note"],
        bounds=bounds,
        check=_checker(row["letter"], key, row["type"], length, codes, bounds),
    )


def _load() -> dict[str, Table]:
    names: dict[str, str] = {}
    elements: dict[str, list[Element]] = {}
    for row in _rows("mde.csv"):
        names[row["letter"]] = row["table"]
        elements.setdefault(row["letter"], []).append(_element(row))
    tables: dict[str, Table] = {}
    for letter, name in names.items():
        columns = tuple(elements[letter])
        numbers = [column.number for column in columns]
        assert numbers == list(range(1, len(columns) + 1)), f"mde.csv: columns of {letter}"
        tables[letter] = Table(
            letter=letter,
            name=name,
            key=_TABLE_KEYS[letter],
            elements=columns,
            by_key={column.key: column for column in columns},
            record_id=None if letter == "H" else columns[0].key,
        )
    return tables


TABLES: Final[dict[str, Table]] = _load()
"""Letter to table, in the order of the layout."""

CHILD_LETTERS: Final = "KDQECAI"
"""Tables whose rows belong to a student's S row."""
