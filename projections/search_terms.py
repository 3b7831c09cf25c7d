"""What a record can be found by, as words of an index; and a question, as a query over these words.

The one invariant: a record that was sent with what is asked for is found, however its state writes names: what the
question forgives is forgiven in the record in the same way, by the same functions (``ledger.matching.names``). Pure.

A word's first letters say what it is: ``g jose`` is a given name, ``g~jose`` how it sounds, ``g#2`` that a record has
two. Nicknames are in the question alone, so that a better table of them asks for no rebuild. Words of places, schools
and districts are kept as what is left of the name from each word on: so any part of a name finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import lru_cache
from itertools import accumulate, combinations
from typing import Any, Final, NamedTuple

from ledger.events.record import Elements
from ledger.matching.names import folded, other_words, sound, words
from projections.record_states import RecordState

KEPT: Final = {
    "D": (
        "first_name",
        "middle_name",
        "last_name_1",
        "last_name_2",
        "suffix",
        "birth_date",
        "birth_city",
        "birth_state",
        "birth_country",
    ),
    "K": ("alternate_state_student_id",),
    "Q": (
        "qualifying_move_from_city",
        "qualifying_move_from_state",
        "qualifying_move_from_country",
        "qualifying_move_to_city",
        "qualifying_move_to_state",
    ),
    "E": (
        "school_or_project_name",
        "school_identification_code",
        "facility_name",
        "facility_city",
        "facility_state",
        "school_district_id",
        "school_district",
    ),
    "R": ("district_of_residence",),
}
"""Kind of fact to the elements that a record is found by, or shown with when it is found."""

PLACES: Final = {
    "D": (KEPT["D"][-3:],),
    "Q": (KEPT["Q"][:3], KEPT["Q"][3:]),
    "E": (("facility_city", "facility_state"),),
}
"""Kind of fact to the elements of each place that it tells, from the narrow to the wide."""

_NAMED: Final = {
    "E": {
        "c": ("school_or_project_name", "facility_name", "school_identification_code"),
        "d": ("school_district", "school_district_id"),
    },
    "R": {"d": ("district_of_residence",)},
}
"""Kind of fact to the names and ids of schools and districts in it."""

TERM_CHARACTERS_MAX: Final = 120
"""Of a term; PostgreSQL takes 2,046 bytes, and folding can make one letter eighteen."""
TERMS_CHARACTERS_MAX: Final = 200_000
"""Of all terms of a record; PostgreSQL takes a megabyte less a byte."""
_WIDE: Final = frozenset("cdp")
"""First letters of the terms that name schools, districts and places."""

WORDS_MAX: Final = 6
"""Words of a name that are looked for: more only make it narrower."""


class Terms(NamedTuple):
    """What a record is found by. breadth: how many words its name has, of several names the shortest."""

    terms: frozenset[str]
    breadth: int


# -- of a record


def terms_of(record: RecordState) -> Terms:
    """Nothing, of a record that was retracted."""
    if record.retracted:
        return Terms(frozenset(), 0)
    # The id that is shown finds every record of the student: the one that minted it may be retracted, or gone.
    ids = {f"i {record.minted}", f"i {record.student_id}"}
    found = {f"r {record.state}", *ids, f"n {_as_id(record.state_student_id)}"}
    breadths: list[int] = []
    for fact in record.facts.values():
        said = fact.elements
        if fact.kind == "D":
            breadths.append(_take_demographics(found, said))
        elif fact.kind == "K":
            found.update([f"a {_as_id(value)}" for value in said.values()])
        else:
            found.update(_terms_of_fact(fact.kind, *map(said.get, KEPT[fact.kind])))
    return Terms(frozenset(found), min(breadths, default=0))


def _take_demographics(found: set[str], said: Elements) -> int:
    given = given_names(said)
    family = surnames(said)
    found.update(_name_terms("g", given), _name_terms("s", family))
    if family:
        found.add(f"f~{sound(family[0])}")
    if "birth_date" in said:
        found.add(f"b {said['birth_date']}")
    found.update(_place("D", said))
    return len(given) + len(family)


def given_names(said: Elements) -> tuple[str, ...]:
    """The words of a child's given names."""
    return words(f"{said.get('first_name', '')} {said.get('middle_name', '')}")


def surnames(said: Elements) -> tuple[str, ...]:
    """The words of both surnames, the paternal one first."""
    return words(f"{said.get('last_name_1', '')} {said.get('last_name_2', '')}")


@lru_cache(maxsize=20_000)
def _terms_of_fact(kind: str, *values: str | None) -> frozenset[str]:
    """Of an enrollment, a residency or a move, by its kept elements. Many children share a school, and a move."""
    said = {element: value for element, value in zip(KEPT[kind], values, strict=True) if value is not None}
    found = set(_place(kind, said))
    for term, elements in _NAMED.get(kind, {}).items():
        found.update(part for element in elements if element in said for part in _parts(term, said[element]))
    return frozenset(found)


def _place(kind: str, said: Elements) -> list[str]:
    return [
        part
        for place in PLACES.get(kind, ())
        for part in _parts("p", " ".join([said[element] for element in place if element in said]))
    ]


@lru_cache(maxsize=20_000)
def _name_terms(kind: str, name: tuple[str, ...]) -> tuple[str, ...]:
    return (f"{kind}#{len(name)}", *(f"{kind} {word}" for word in name), *(f"{kind}~{sound(word)}" for word in name))


@lru_cache(maxsize=20_000)
def _parts(kind: str, name: str) -> tuple[str, ...]:
    """What is left of a name from each of its words on."""
    parts = folded(name).split()
    return tuple(f"{kind} {' '.join(parts[first:])}" for first in range(len(parts)))


def _as_id(text: str) -> str:
    """Capitals, blanks and signs between do not matter in an id."""
    return folded(text).replace(" ", "")


# -- of a question


class Wanted(NamedTuple):
    """What is looked for; all of it must fit. name: the whole name, in any order. last_name_1, last_name_2: in either
    order. place: where the child was born, goes to school, came from or went. state: that keeps a record. school,
    district: name, a part of it, or NCES id."""

    name: str | None = None
    first_name: str | None = None
    last_name_1: str | None = None
    last_name_2: str | None = None
    birth_date: date | None = None
    place: str | None = None
    student_id: str | None = None
    state: str | None = None
    state_student_id: str | None = None
    alternate_state_student_id: str | None = None
    school: str | None = None
    district: str | None = None


class Level(NamedTuple):
    """How well one part of a question may fit: this well, or better. part: its number, from 0. weight: what it is
    worth, by which the way is known too. gain: by how much that is more than the next level below, so that the gains of
    all levels that fit add up to the weight. query: a ``tsquery``."""

    part: int
    weight: int
    gain: int
    query: str


class Question(NamedTuple):
    """fields: of each part, what was asked. query: a ``tsquery`` that every record fits which is found."""

    fields: list[str]
    levels: list[Level]
    query: str


EXACT, NICKNAME, SOUND, FIRST = 8, 6, 4, 1
"""Weights. FIRST: the first surname is the record's first; a part of its own, ``order``."""

ORDER: Final = "order"
LAST_NAMES: Final = "last_names"
_MISSING_MAX: Final = 2


class EmptyField(Exception):
    """A field was given in which there is nothing to look for. field: its name."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


def question(wanted: Wanted) -> Question:
    """The question, as it is asked. Raises EmptyField, also where a state is all that is given (``field`` is empty)."""
    if wanted._replace(state=None) == Wanted():
        raise EmptyField("")
    asking = _Asking()
    if wanted.name is not None:
        asking.whole_name(_words("name", wanted.name))
    if wanted.first_name is not None:
        asking.given_names(_words("first_name", wanted.first_name))
    if wanted.last_name_1 is not None or wanted.last_name_2 is not None:
        both = f"{wanted.last_name_1 or ''} {wanted.last_name_2 or ''}"
        asking.surnames(_words("last_name_1" if wanted.last_name_1 is not None else "last_name_2", both))
    if wanted.birth_date is not None:
        asking.birth_date(wanted.birth_date)
    for field, kind in (("student_id", "i"), ("state_student_id", "n"), ("alternate_state_student_id", "a")):
        if (text := getattr(wanted, field)) is not None:
            asking.must(field, EXACT, _quoted(f"{kind} {_nonempty(field, _as_id(text))}"))
    if wanted.state is not None:
        asking.must("state", 0, _quoted(f"r {wanted.state}"))
    for field, kind in (("place", "p"), ("school", "c"), ("district", "d")):
        if (text := getattr(wanted, field)) is not None:
            asking.must(field, SOUND, _beginning(kind, _nonempty(field, folded(text))))
    return Question(asking.fields, asking.levels, _all(asking.required))


class _Asking:
    """A question as it is put together, field by field."""

    def __init__(self) -> None:
        self.fields: list[str] = []
        self.levels: list[Level] = []
        self.required: list[str] = []

    def must(self, field: str, weight: int, query: str) -> None:
        """A field that fits in one way or not at all."""
        self._part(field, [(weight, query)])
        self.required.append(query)

    def given_names(self, names: Sequence[str]) -> None:
        """Some may be missing in a record that has no others instead."""
        self._part_of_each("first_name", names, _given)
        self.required.append(_enough([_any(q for _, q in _given(name)) for name in names], "g"))

    def surnames(self, names: Sequence[str]) -> None:
        """As ``given_names``; in any order, which counts."""
        self._part_of_each(LAST_NAMES, names, _surname)
        self._part(ORDER, [(FIRST, _quoted(f"f~{sound(names[0])}"))])
        self.required.append(_enough([_any(q for _, q in _surname(name)) for name in names], "s"))

    def whole_name(self, names: Sequence[str]) -> None:
        """Nobody knows which words are given names. Of three words or more one may be missing in a record that has one
        given name alone or one surname alone, of four two where it has one of each; a given name and a surname must
        be there."""
        self._part_of_each("name", names, _either)
        each = [_any(q for _, q in _either(name)) for name in names]
        ways = [_all(each)]
        one_given, one_surname = _quoted("g#1"), _quoted("s#1")
        both = [
            _any(q for name in names for _, q in _given(name)),
            _any(q for name in names for _, q in _surname(name)),
        ]
        if len(names) >= 3:
            ways.append(_all([_subsets(each, len(names) - 1), _any([one_given, one_surname]), *both]))
        if len(names) >= 4:
            ways.append(_all([_subsets(each, len(names) - 2), one_given, one_surname, *both]))
        self.required.append(_any(ways))

    def birth_date(self, born: date) -> None:
        """With day and month exchanged too, where that is a date."""
        ways = [(EXACT, _quoted(f"b {born.isoformat()}"))]
        if born.day <= 12 and born.day != born.month:
            ways.append((SOUND, _quoted(f"b {born.replace(month=born.day, day=born.month).isoformat()}")))
        self._part("birth_date", ways)
        self.required.append(_any(query for _, query in ways))

    def _part_of_each(self, field: str, names: Iterable[str], ways: Callable[[str], list[tuple[int, str]]]) -> None:
        for name in names:
            self._part(field, ways(name))

    def _part(self, field: str, ways: Sequence[tuple[int, str]]) -> None:
        """ways: the best first."""
        below = [*(weight for weight, _ in ways[1:]), 0]
        for number, (weight, _) in enumerate(ways):
            query = _any(way for _, way in ways[: number + 1])
            self.levels.append(Level(len(self.fields), weight, weight - below[number], query))
        self.fields.append(field)


def _given(name: str) -> list[tuple[int, str]]:
    others = sorted(other_words(name))
    nicknames = [(NICKNAME, _any(_quoted(f"g {other}") for other in others))] if others else []
    return [(EXACT, _quoted(f"g {name}")), *nicknames, (SOUND, _quoted(f"g~{sound(name)}"))]


def _surname(name: str) -> list[tuple[int, str]]:
    return [(EXACT, _quoted(f"s {name}")), (SOUND, _quoted(f"s~{sound(name)}"))]


def _either(name: str) -> list[tuple[int, str]]:
    family = dict(_surname(name))
    return [(weight, _any([query, family[weight]] if weight in family else [query])) for weight, query in _given(name)]


def _enough(each: Sequence[str], kind: str) -> str:
    """All of them, or as many as the record has."""
    count = len(each)
    fewest = max(1, count - _MISSING_MAX)
    fewer = [_all([_subsets(each, k), _quoted(f"{kind}#{k}")]) for k in range(fewest, count)]
    return _any([_all(each), *fewer])


def _subsets(each: Sequence[str], size: int) -> str:
    return _any(_all(chosen) for chosen in combinations(each, size))


def _beginning(kind: str, text: str) -> str:
    """What begins with these words; of the last one the beginning is enough, where it has three letters."""
    whole = f"{kind} {text}"
    if len(text.rpartition(" ")[2]) >= 3:
        return f"{_quoted(whole)}:*"
    return _any([_quoted(whole), f"{_quoted(f'{whole} ')}:*"])


def _words(field: str, name: str) -> list[str]:
    return list(dict.fromkeys(_nonempty(field, words(name))))[:WORDS_MAX]


def _nonempty(field: str, found: Any) -> Any:
    if not found:
        raise EmptyField(field)
    return found


def _all(queries: Iterable[str]) -> str:
    return f"({' & '.join(queries)})"


def _any(queries: Iterable[str]) -> str:
    return f"({' | '.join(queries)})"


def _quoted(term: str) -> str:
    """A term holds letters, digits, blanks and ``~#-`` (``folded``): nothing that a ``tsquery`` would read."""
    return f"'{term[:TERM_CHARACTERS_MAX]}'"


def as_tsvector(terms: Iterable[str]) -> str:
    """Terms as PostgreSQL reads a ``tsvector``; cut where it would refuse them.

    A long term is cut, in a question alike. Of more terms than it takes, those that name a child stay before those
    that name schools, districts and places, of which a child has been at a few hundred then.
    """
    found = [term[:TERM_CHARACTERS_MAX] for term in terms]
    if sum(map(len, found)) > TERMS_CHARACTERS_MAX:
        found.sort(key=lambda term: (term[0] in _WIDE, term))
        ends = accumulate(map(len, found))
        found = [term for term, end in zip(found, ends, strict=True) if end <= TERMS_CHARACTERS_MAX]
    return f"'{quote}'" if (quote := "' '".join(found)) else ""
