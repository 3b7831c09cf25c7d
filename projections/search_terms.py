"""What a record can be found by, as words of an index; and a question, as a query over these words.

The one invariant: a record that was sent with what is asked for is found, however its state writes names: what the
question forgives is forgiven in the record in the same way, by the same functions (``ledger.matching.names``). Pure.

A word's first letters say what it is: ``g jose`` is a given name, ``g~jose`` how it sounds, ``g#2`` that a record has
two. Nicknames are in the question alone, so that a better table of them asks for no rebuild. Words of places, schools
and districts are kept with their positions, so that any part of such a name finds it; and each word is kept once more
by itself, for all records together, so that a question may give its beginning alone (``words_of``). Which terms are
there only to spare the reading of others is said in ``search_tiers``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import lru_cache
from itertools import product
from typing import Any, Final, NamedTuple

from ledger.events import Event, Recorded
from ledger.events.record import Elements, FactCorrected, FactRetracted, RecordRetracted
from ledger.matching.names import folded, other_words, sound, words
from projections import search_tiers
from projections.record_states import RecordState
from projections.record_words import PREFIX
from projections.search_tiers import TERM_CHARACTERS_MAX, NamePart, Part, Tier, Way, all_of, any_of, heard, quoted

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

TERMS_CHARACTERS_MAX: Final = 200_000
"""Of all terms of a record; PostgreSQL takes a megabyte less a byte."""
PAIRED_MAX: Final = 24
"""Sounds of given names, and of surnames, of which each two are kept as a pair: of the names that were stated last. So
many are no child's: a record would need a dozen rows of demographics, each with other names. What is beyond is found by
one word, and not by two."""
WIDE: Final = "cdp"
"""First letters of the words that name schools, districts and places."""

WORDS_MAX: Final = 6
"""Words of a name that are looked for: more only make it narrower."""
WIDE_WORDS_MAX: Final = 16
"""As ``WORDS_MAX``, of a place, school or district."""

_WIDE_ELEMENTS: Final = frozenset(
    element
    for said in (*PLACES.values(), *(named.values() for named in _NAMED.values()))
    for part in said
    for element in part
)


class Terms(NamedTuple):
    """What a record is found by. names: of places, schools and districts, each behind its letter. breadth: how many
    words its name has, of several names the shortest."""

    terms: frozenset[str]
    names: frozenset[tuple[str, str]]
    breadth: int


# -- of a record


def terms_of(record: RecordState) -> Terms:
    """Nothing, of a record that was retracted."""
    if record.retracted:
        return Terms(frozenset(), frozenset(), 0)
    # The id that is shown finds every record of the student: the one that minted it may be retracted, or gone.
    ids = {f"i {record.minted}", f"i {record.student_id}", *search_tiers.beginnings(record.student_id)}
    found = {f"r {record.state}", *ids, f"n {_as_id(record.state_student_id)}"}
    names: set[tuple[str, str]] = set()
    called: dict[int, tuple[tuple[str, ...], tuple[str, ...]]] = {}
    for number, fact in record.facts.items():
        said = fact.elements
        if fact.kind == "D":
            called[number] = _take_demographics(found, names, said)
        elif fact.kind == "K":
            found.update([f"a {_as_id(value)}" for value in said.values()])
        else:
            names.update(_names_of_fact(fact.kind, *map(said.get, KEPT[fact.kind])))
    if called:
        last_first = [called[number] for number in sorted(called, reverse=True)]
        given, family = ([word for said in last_first for word in said[kind]] for kind in (0, 1))
        found.update(_pairs(given, family, ("g#1" in found) + ("s#1" in found)))
    breadth = min((len(given) + len(family) for given, family in called.values()), default=0)
    return Terms(frozenset(found), frozenset(names), breadth)


def _take_demographics(
    found: set[str], names: set[tuple[str, str]], said: Elements
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words of the child's given names, and of the surnames."""
    given = given_names(said)
    family = surnames(said)
    found.update(_name_terms("g", given), _name_terms("s", family))
    if family:
        found.add(f"f~{sound(family[0])}")
    if "birth_date" in said:
        found.add(f"b {said['birth_date']}")
    names.update(_places("D", said))
    return given, family


def _pairs(given: Sequence[str], family: Sequence[str], alone: int) -> set[str]:
    first, last = (list(dict.fromkeys(map(sound, names)))[:PAIRED_MAX] for names in (given, family))
    return search_tiers.pairs(first, last, alone)


def given_names(said: Elements) -> tuple[str, ...]:
    """The words of a child's given names."""
    return words(f"{said.get('first_name', '')} {said.get('middle_name', '')}")


def surnames(said: Elements) -> tuple[str, ...]:
    """The words of both surnames, the paternal one first."""
    return words(f"{said.get('last_name_1', '')} {said.get('last_name_2', '')}")


@lru_cache(maxsize=20_000)
def _names_of_fact(kind: str, *values: str | None) -> frozenset[tuple[str, str]]:
    """Of an enrollment, a residency or a move, by its kept elements. Many children share a school, and a move."""
    said = {element: value for element, value in zip(KEPT[kind], values, strict=True) if value is not None}
    named = [
        (letter, folded(said[element]))
        for letter, elements in _NAMED.get(kind, {}).items()
        for element in elements
        if element in said
    ]
    return frozenset([*_places(kind, said), *(name for name in named if name[1])])


def _places(kind: str, said: Elements) -> list[tuple[str, str]]:
    told = (folded(" ".join([said[element] for element in place if element in said])) for place in PLACES.get(kind, ()))
    return [("p", name) for name in told if name]


def words_of(found: Iterable[Terms]) -> set[str]:
    """Every word of a place, school or district that they hold, behind its letter."""
    return {word for terms in found for kind, name in terms.names for word in _wide_words(kind, name)}


def less_said(batch: Iterable[Recorded]) -> set[str]:
    """The records, by uuid, of which a word of a place, school or district may go by a batch."""
    return {recorded.stream[PREFIX:] for recorded in batch if _says_less(recorded.event)}


def _says_less(event: Event) -> bool:
    if isinstance(event, FactCorrected):
        return not _WIDE_ELEMENTS.isdisjoint(event.elements)
    return isinstance(event, FactRetracted | RecordRetracted)


@lru_cache(maxsize=20_000)
def _wide_words(kind: str, name: str) -> tuple[str, ...]:
    """name: folded."""
    return tuple(f"{kind} {word}"[:TERM_CHARACTERS_MAX] for word in name.split())


@lru_cache(maxsize=20_000)
def _name_terms(kind: str, name: tuple[str, ...]) -> tuple[str, ...]:
    return (f"{kind}#{len(name)}", *(f"{kind} {word}" for word in name), *(f"{kind}~{sound(word)}" for word in name))


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


class Beginning(NamedTuple):
    """A word of which the beginning was given. mark: stands in the steps for the words that begin so, as they are known
    when it is asked. low, high: between them these words sort."""

    mark: str
    low: str
    high: str


class Question(NamedTuple):
    """fields: of each part, what was asked. query: a ``tsquery`` that every record fits which is found. steps: in which
    it is put to the index, one after the other (``search_tiers``). beginnings: of words, one for each mark in these."""

    fields: list[str]
    levels: list[Level]
    query: str
    steps: list[Tier]
    beginnings: list[Beginning]


EXACT, NICKNAME, SOUND, FIRST = 8, 6, 4, 1
"""Weights. FIRST: the first surname is the record's first; a part of its own, ``order``."""

ORDER: Final = "order"
LAST_NAMES: Final = "last_names"


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
    ids = (("student_id", "i"), ("state_student_id", "n"), ("alternate_state_student_id", "a"))
    for field, kind in ids:
        if (text := getattr(wanted, field)) is not None:
            asking.must(field, EXACT, quoted(f"{kind} {_nonempty(field, _as_id(text))}"))
    if wanted.state is not None:
        asking.state(wanted.state)
    for field, kind in (("place", "p"), ("school", "c"), ("district", "d")):
        if (text := getattr(wanted, field)) is not None:
            asking.words_of(field, kind, _nonempty(field, folded(text)).split()[:WIDE_WORDS_MAX])
    return asking.question(wanted)


class _Asking:
    """A question as it is put together, field by field."""

    def __init__(self) -> None:
        self._fields: list[str] = []
        self._levels: list[Level] = []
        self._required: list[str] = []
        self._beginnings: list[Beginning] = []
        # For the index: the parts that must fit, and of each field the queries one of which finds what fits it.
        self._parts: list[Part] = []
        self._each: list[list[str]] = []
        self._first: list[NamePart] = []
        self._state: list[str] = []

    def question(self, wanted: Wanted) -> Question:
        query = all_of(self._required)
        names = sum(isinstance(part, NamePart) for part in self._parts)
        # Very many records are of one state, and few of them have two words of a name.
        each = [*self._each, *([self._state] if self._state and names <= 1 else [])]
        full = Tier([all_of(queries) for queries in product(*each)], query)
        steps = search_tiers.steps(search_tiers.tiers(self._parts, full), self._digits(wanted, names))
        return Question(self._fields, self._levels, query, steps, self._beginnings)

    def _digits(self, wanted: Wanted, words_of_names: int) -> Sequence[int] | None:
        """How the students are parted who may fit; None where few fit."""
        beside = wanted._replace(name=None, first_name=None, last_name_1=None, last_name_2=None) != Wanted()
        ids = (wanted.student_id, wanted.state_student_id, wanted.alternate_state_student_id)
        if any(ids) or (words_of_names > 1 and beside) or (words_of_names and wanted.birth_date is not None):
            return None
        return search_tiers.BEGINNINGS[-1:] if words_of_names > 1 else search_tiers.BEGINNINGS

    def must(self, field: str, weight: int, query: str, indexed: str | None = None) -> None:
        """A field that fits in one way or not at all. indexed: what is asked of the index for it, if not the same."""
        self._part(field, [(weight, query)])
        self._parts.append(Part([Way(0, query, indexed)]))
        self._require(query, [indexed or query])

    def state(self, code: str) -> None:
        """One that keeps the record."""
        query = quoted(f"r {code}")
        self._part("state", [(0, query)])
        self._parts.append(Part([Way(0, query)]))
        self._required.append(query)
        self._state = [query]

    def words_of(self, field: str, kind: str, names: Sequence[str]) -> None:
        """A part of a name; of the last word the beginning is enough, where it has three letters."""
        terms = [f"{kind} {word}"[:TERM_CHARACTERS_MAX] for word in names]
        each = list(map(quoted, terms))
        indexed = list(each)
        if len(names[-1]) >= 3:
            each[-1] += ":*"
            indexed[-1] = quoted(f"{kind}*")
            self._beginnings.append(Beginning(indexed[-1], terms[-1], terms[-1] + chr(0x10FFFF)))
        self.must(field, SOUND, f"({' <-> '.join(each)})", all_of(indexed))

    def given_names(self, names: Sequence[str]) -> None:
        """Some may be missing in a record that has no others instead."""
        self._first = self._parts_of("first_name", names, _given)
        query = search_tiers.enough([any_of(q for _, q in _given(name)) for name in names], "g")
        self._require(query, [query])

    def surnames(self, names: Sequence[str]) -> None:
        """As ``given_names``; in any order, which counts."""
        family = self._parts_of(LAST_NAMES, names, _surname, given_name=False)
        self._part(ORDER, [(FIRST, quoted(f"f~{sound(names[0])}"))])
        query = search_tiers.enough([any_of(q for _, q in _surname(name)) for name in names], "s")
        if not self._first:
            self._require(query, [query])
            return
        # A given name and a surname at least are there; where one of two is missing, the record has one alone.
        kind = "x" if max(len(self._first), len(names)) <= 2 else "y"
        pair = search_tiers.given_and_surname(kind, *([part.name for part in each] for each in (self._first, family)))
        [given] = self._each.pop()
        together = all_of(search_tiers.together([*self._first, *family], SOUND))
        self._require(query, [together, all_of(pair)] if pair else [all_of([given, query])])

    def whole_name(self, names: Sequence[str]) -> None:
        """Nobody knows which words are given names. Of three words or more one may be missing in a record that has one
        given name alone or one surname alone, of four two where it has one of each; a given name and a surname must
        be there."""
        parts = self._parts_of("name", names, _either)
        each = [any_of(q for _, q in _either(name)) for name in names]
        ways = [all_of(each)]
        one_given, one_surname = quoted("g#1"), quoted("s#1")
        both = [
            any_of(q for name in names for _, q in _given(name)),
            any_of(q for name in names for _, q in _surname(name)),
        ]
        if len(names) >= 3:
            ways.append(all_of([search_tiers.subsets(each, len(names) - 1), any_of([one_given, one_surname]), *both]))
        if len(names) >= 4:
            ways.append(all_of([search_tiers.subsets(each, len(names) - 2), one_given, one_surname, *both]))
        sounds = [part.name for part in parts]
        self._require(any_of(ways), search_tiers.whole_name(list(zip(sounds, each, strict=True))))

    def birth_date(self, born: date) -> None:
        """With day and month exchanged too, where that is a date."""
        ways = [(EXACT, quoted(f"b {born.isoformat()}"))]
        if born.day <= 12 and born.day != born.month:
            ways.append((SOUND, quoted(f"b {born.replace(month=born.day, day=born.month).isoformat()}")))
        self._parts.append(Part(self._part("birth_date", ways)))
        query = any_of(query for _, query in ways)
        self._require(query, [query])

    def _require(self, query: str, indexed: list[str]) -> None:
        self._required.append(query)
        self._each.append(indexed)

    def _parts_of(
        self, field: str, names: Iterable[str], ways: Callable[[str], list[tuple[int, str]]], *, given_name: bool = True
    ) -> list[NamePart]:
        found = [NamePart(self._part(field, ways(name)), heard(name, given_name=given_name)) for name in names]
        self._parts += found
        return found

    def _part(self, field: str, ways: Sequence[tuple[int, str]]) -> list[Way]:
        """ways: the best first. As each of them or a better one."""
        below = [*(weight for weight, _ in ways[1:]), 0]
        found: list[Way] = []
        for number, (weight, _) in enumerate(ways):
            query = any_of(way for _, way in ways[: number + 1])
            self._levels.append(Level(len(self._fields), weight, weight - below[number], query))
            found.append(Way(ways[0][0] - weight, query))
        self._fields.append(field)
        return found


def _given(name: str) -> list[tuple[int, str]]:
    others = sorted(other_words(name))
    nicknames = [(NICKNAME, any_of(quoted(f"g {other}") for other in others))] if others else []
    return [(EXACT, quoted(f"g {name}")), *nicknames, (SOUND, quoted(f"g~{sound(name)}"))]


def _surname(name: str) -> list[tuple[int, str]]:
    return [(EXACT, quoted(f"s {name}")), (SOUND, quoted(f"s~{sound(name)}"))]


def _either(name: str) -> list[tuple[int, str]]:
    family = dict(_surname(name))
    return [
        (weight, any_of([query, family[weight]] if weight in family else [query])) for weight, query in _given(name)
    ]


def _words(field: str, name: str) -> list[str]:
    return list(dict.fromkeys(_nonempty(field, words(name))))[:WORDS_MAX]


def _nonempty(field: str, found: Any) -> Any:
    if not found:
        raise EmptyField(field)
    return found


# -- as PostgreSQL reads it


def as_tsvector(found: Terms) -> str:
    """Terms as PostgreSQL reads a ``tsvector``; cut where it would refuse them.

    A long term is cut, in a question alike. Of more terms than it takes, those that name a child stay before those
    that name schools, districts and places, of which a child has been at a few hundred then. One word lies between two
    such names, so that none goes on in the next.
    """
    terms = [f"'{term[:TERM_CHARACTERS_MAX]}'" for term in found.terms]
    length = sum(map(len, terms)) + len(terms)
    if length > TERMS_CHARACTERS_MAX:
        terms.sort()
    at: dict[str, list[int]] = {}
    position = 0
    for kind, name in sorted(found.names):
        for word in name.split():
            position += 1
            at.setdefault(f"{kind} {word}"[:TERM_CHARACTERS_MAX], []).append(position)
        position += 1
    terms += [f"'{word}':{','.join(map(str, positions))}" for word, positions in at.items()]
    kept: list[str] = []
    length = 0
    for term in terms:
        length += len(term) + 1
        if length > TERMS_CHARACTERS_MAX:
            break
        kept.append(term)
    return " ".join(kept)
