"""What somebody typed into one box, understood: an id, a date, a state, and a name out of the rest. Pure.

Invariant: every word that was typed is either understood as something, and that is said, or named as left out; nothing
is dropped in silence. What is wrong about it costs a second look at the page, and no child: a date with day and month
exchanged is found all the same, and whoever reads sees how her words were taken.

A date is read as the United States write it (month first), unless its first number can be no month; also by a month's
name in English or Spanish, and as ISO 8601 has it. A state's name that is a person's too (Georgia, Virginia) and a
code that is a word (DE, LA) are one only behind a comma or ``in``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Final, NamedTuple

from api.console.states import CODES
from ledger.ids import is_student_id
from ledger.matching.names import folded
from ledger.mde import STATES
from projections.search_terms import Wanted


class Asked(NamedTuple):
    """How a text was understood. student_id: that is one, and so asks for nobody else. other_id: a state's own id, or
    another id in the same state. unused: words that could not be taken. slip: that all the numbers together have the
    length of a student id, and a check digit that says that one of them is wrong."""

    wanted: Wanted
    student_id: str | None = None
    other_id: str | None = None
    unused: tuple[str, ...] = ()
    slip: bool = False


def understood(text: str) -> Asked:
    """What a text asks for."""
    rest, born = _taken_date(text)
    words = list(_words(rest))
    state = _named_state(words)
    name: list[str] = []
    ids: list[str] = []
    unused: list[str] = []
    numbers: list[str] = []
    for word in words:
        if state is None and word.is_state():
            state = word.plain.upper()
        elif word.text in _NOISE:
            continue
        elif any(sign.isdigit() for sign in word.plain):
            (unused if _NO_ID.fullmatch(word.plain) else ids).append(word.plain)
            numbers.append(word.plain)
        else:
            name.append(word.plain)
    wanted = Wanted(name=" ".join(name) or None, birth_date=born, state=state)
    # Whatever looks like a year alone is counted too: it may be a group of a student id that was pasted with blanks.
    joined = "".join(numbers)
    digits = "".join(sign for sign in joined if sign.isdigit())
    long_enough = re.fullmatch(r"[0-9.-]+", joined) is not None and len(digits) == 12
    if long_enough and is_student_id(digits):
        return Asked(wanted, student_id=digits)
    return Asked(wanted, other_id=ids[0] if ids else None, unused=(*unused, *ids[1:]), slip=long_enough)


def date_in(text: str) -> date | None:
    """The date that a text is, and nothing beside it; None where it is none."""
    rest, born = _taken_date(text)
    return born if born is not None and not [word for word in _words(rest) if word.text not in _NOISE] else None


# -- inside


class _Word(NamedTuple):
    """text: folded. plain: as it was typed, without signs around it. marked: behind a comma or ``in``."""

    text: str
    plain: str
    marked: bool

    def is_state(self) -> bool:
        """Whether it is a state's code: in capitals, or marked; one that is a word too must be both."""
        code = self.plain.upper()
        if code not in STATES:
            return False
        if code in _WORDS_TOO:
            return self.marked and self.plain.isupper()
        return self.marked or self.plain.isupper()


def _words(text: str) -> Iterator[_Word]:
    marked = False
    for piece in re.findall(r"[^\s,;]+|[,;]", text):
        if piece in ",;":
            marked = True
            continue
        plain = piece.strip(".:()[]\"'’#")
        if plain:
            yield _Word(folded(plain), plain, marked)
            marked = folded(plain) in _BEFORE_A_PLACE


def _named_state(words: list[_Word]) -> str | None:
    """The state whose name stands among the words; these are taken out."""
    for length in (3, 2, 1):
        for at in range(len(words) - length + 1):
            several = words[at : at + length]
            code = CODES.get(" ".join(word.text for word in several))
            if code is not None and (several[0].marked or (code not in _PEOPLE_TOO and len(words) > length)):
                del words[at : at + length]
                return code
    return None


def _taken_date(text: str) -> tuple[str, date | None]:
    """The first date of a text, and what is left without it."""
    for pattern, order in _FORMS:
        for match in pattern.finditer(text):
            found = _day(match, order)
            if found is not None:
                return f"{text[: match.start()]} {text[match.end() :]}", found
    return text, None


def _day(match: re.Match[str], order: str) -> date | None:
    numbers = {kind: match[place] for place, kind in enumerate(order, 1)}
    month = _month(numbers["m"])
    day, year = int(numbers["d"]), int(numbers["y"])
    if month is not None and month > 12 >= day and numbers["m"].isdigit() and order == "mdy":
        month, day = day, month
    if len(numbers["y"]) == 2:
        year += 2000 if year <= _LAST_OF_2000 else 1900
    if month is None or not _EARLIEST <= year <= _LATEST:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _month(text: str) -> int | None:
    if text.isdigit():
        return int(text)
    wanted = folded(text)
    return next(
        (
            number
            for number, names in enumerate(_MONTHS, 1)
            if len(wanted) >= 3 and any(name.startswith(wanted) for name in names)
        ),
        None,
    )


_MONTHS: Final = (
    ("january", "enero"),
    ("february", "febrero"),
    ("march", "marzo"),
    ("april", "abril"),
    ("may", "mayo"),
    ("june", "junio"),
    ("july", "julio"),
    ("august", "agosto"),
    ("september", "septiembre", "setiembre"),
    ("october", "octubre"),
    ("november", "noviembre"),
    ("december", "diciembre"),
)
_EARLIEST, _LATEST = 1900, 2100
_LAST_OF_2000: Final = 40
"""Of a year in two digits: 15 is 2015, 98 is 1998."""
_NAMED: Final = r"([^\W\d_]{3,12})\.?"
_GAP: Final = r"[ -]+"
"""Nothing that may be a blank follows one, so that each text is read in one way alone, and in linear time."""
_FORMS: Final = tuple(
    (re.compile(rf"(?<![\w/.-]){form}(?![\w/-]|\.\d)", re.IGNORECASE), order)
    for form, order in (
        (r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})", "ymd"),
        (r"((?:19|20)\d\d)(\d\d)(\d\d)", "ymd"),
        (r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d{2})", "mdy"),
        (rf"(\d{{1,2}})(?:st|nd|rd|th|º|°)?{_GAP}(?:(?:de|of) +)?{_NAMED}{_GAP}(?:del? +)?(\d{{4}})", "dmy"),
        (rf"{_NAMED} +(\d{{1,2}})(?:st|nd|rd|th|º|°)?,? +(?:del? +)?(\d{{4}})", "mdy"),
    )
)
_NO_ID: Final = re.compile(r".*/.*|(19|20)\d\d")
"""What is meant as a date and is none, such as the 29th of February of a common year, or a year alone."""
_BEFORE_A_PLACE: Final = frozenset({"in", "en"})
_NOISE: Final = frozenset({"born", "dob", "on", "in", "en", "nacido", "nacida", "nac", "nacio", "fecha", "id", "el"})
"""Words between the things that are asked for; none is a name by itself."""
_WORDS_TOO: Final = frozenset({"AL", "DE", "LA", "ME", "MA", "PA", "IN", "ID", "HI", "VI"})
"""Codes of states that are words of a name or of a sentence as well."""
_PEOPLE_TOO: Final = frozenset({"CO", "DE", "FL", "GA", "IN", "MD", "MT", "NV", "VA", "VT", "WA"})
"""States whose names are given names or surnames as well."""
