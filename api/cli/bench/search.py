"""search: a child is looked for as people look for one, among all the students of a ledger.

Invariant: the questions are those of children who are there, each with one fault of those that a search forgives; and
questions that fit very many, which ask for nothing that it might skip. All go through the search of the product, one
after the other, and none is asked twice in a run.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Generator, Iterable, Iterator, Sequence
from statistics import quantiles
from typing import Final, NamedTuple

import psycopg

from api.bootstrap import open_store
from api.cli.bench import crowd
from api.cli.bench.ground import Ground
from api.cli.bench.report import Goal, Row, Run, Size
from api.cli.talk import say
from ledger.matching.names import other_words, sound, words
from ledger.matching.traits import Traits
from ledger.settings import Settings
from ledger.store.database import Database, Role
from projections import search
from projections.projectors import bring_to_head
from projections.search_terms import Wanted

STUDENTS = 100_000
ASKED_FOR = 300
"""Children who are asked for, each in every way that can be."""
SEED = 301
FIRST = 10
"""A child counts as found among so many."""
CATCH_UP_S = 7_200


class Asked(NamedTuple):
    """kind: of the question. child: state and state student id of the child who is meant; None where nobody is."""

    kind: str
    wanted: Wanted
    child: tuple[str, str] | None


def measure(ground: Ground, size: Size) -> Generator[Run, None, None]:
    """Each run asks the same questions. ``p50_ms`` and ``p99_ms`` over all, and of each kind with its name before.
    found: share of the questions with a whole name, or a name and a birth date, whose child is among the first ten."""
    students = size.students or size.of(STUDENTS, 40)
    settings = ground.new_store()
    sample = Sample(students, size.of(ASKED_FOR, 20))
    _settle(settings, students, sample)
    asked = questions(sample.drawn)
    assert settings.database_url is not None
    database = Database(settings.database_url)
    while True:
        ground.settle()
        yield asyncio.run(ask(database, asked, students))


class Sample:
    """Children who are noted on the way into the ledger, spread evenly. drawn: one record of each."""

    def __init__(self, students: int, count: int) -> None:
        self.drawn: list[Traits] = []
        self._every = max(1, students // count)

    def noting(self, children: Iterable[crowd.Child]) -> Iterator[crowd.Child]:
        """The same children."""
        for child in children:
            if child.number % self._every == 0 and child.there:
                self.drawn.append(child.there[-1])
            yield child


def _settle(settings: Settings, students: int, sample: Sample) -> None:
    started = time.perf_counter()
    with open_store(settings) as store, store.ledger() as ledger, store.logs() as logs:
        crowd.settle(ledger, sample.noting(crowd.children(students, 0, SEED)))
        bring_to_head([search.PROJECTION], store.database, logs, timeout_s=CATCH_UP_S)
        with store.database.connect() as conn:
            # As PostgreSQL does by itself, in time: what a search reads is not among what was written this minute.
            conn.execute("vacuum analyze")
    say(f"search: {students:,} students are there after {time.perf_counter() - started:.0f} s")


# -- questions

_MEANT: Final = ("swapped_surnames", "nickname", "no_accents", "by_ear", "swapped_date")
"""Kinds that tell a whole name, or a name and a birth date."""
_BY_EAR: Final = (("z", "s"), ("s", "z"), ("v", "b"), ("b", "v"), ("h", ""), ("y", "ll"), ("ll", "y"), ("c", "k"))


def questions(drawn: Sequence[Traits]) -> list[Asked]:
    """Of each child every question that can be asked for it, and beside them those for everybody."""
    found: list[Asked] = []
    for traits in drawn:
        child = (traits.state, traits.state_student_id)
        found += [Asked(kind, wanted, child) for kind, wanted in _of(traits)]
    given = _common(word for traits in drawn for word in words(traits.first_name))
    family = _common(word for traits in drawn for word in words(traits.last_name_1))
    for number in range(len(given)):
        six = [*(given * 2)[number : number + 3], *(family * 2)[number : number + 3]]
        found.append(Asked("six_common_words", Wanted(name=" ".join(dict.fromkeys(six))), None))
        found.append(Asked("common_given_name", Wanted(name=given[number]), None))
    found += [
        Asked("place", Wanted(place=place), None) for place in sorted({t.birth_country or t.state for t in drawn})
    ]
    schools = {(t.state, stay.school) for t in drawn for stay in t.attendances[:1] if stay.school}
    found += [Asked("school", Wanted(state=state, school=school), None) for state, school in sorted(schools)]
    return list(dict.fromkeys(found))


def _of(traits: Traits) -> Iterator[tuple[str, Wanted]]:
    first, one, other = traits.first_name, traits.last_name_1, traits.last_name_2
    born = traits.birth_date
    given, family = words(first), words(one)
    if not given or not family:
        return
    yield "common_name", Wanted(last_name_1=one)
    yield "no_accents", Wanted(name=" ".join([*words(f"{first} {traits.middle_name} {one} {other}")]).upper())
    if other:
        yield "swapped_surnames", Wanted(first_name=first, last_name_1=other, last_name_2=one)
    if others := sorted(other_words(given[0])):
        yield "nickname", Wanted(name=f"{others[len(one) % len(others)]} {one} {other}".strip(), birth_date=born)
    if heard := _by_ear(family[0]):
        yield "by_ear", Wanted(first_name=first, last_name_1=heard, birth_date=born)
    if born is not None:
        yield "common_name_date", Wanted(last_name_1=one, birth_date=born)
        if born.day <= 12 and born.day != born.month:
            exchanged = born.replace(month=born.day, day=born.month)
            yield "swapped_date", Wanted(first_name=first, last_name_1=one, birth_date=exchanged)
    if place := traits.birth_city or traits.birth_state or traits.birth_country or traits.state:
        yield "place_name", Wanted(name=f"{given[0]} {family[0]}", place=place)


def _by_ear(word: str) -> str | None:
    """The word, written otherwise, as somebody writes who hears it."""
    for letter, instead in _BY_EAR:
        written = word.replace(letter, instead, 1)
        if written != word and sound(written) == sound(word):
            return written
    return None


def _common(found: Iterable[str]) -> list[str]:
    return [word for word, _ in Counter(found).most_common(6)]


# -- asking


async def ask(database: Database, asked: Sequence[Asked], students: int) -> Run:
    """Ask them all, one after the other."""
    seconds: defaultdict[str, list[float]] = defaultdict(list)
    meant = there = 0
    async with await psycopg.AsyncConnection.connect(database.conninfo(Role.READER), autocommit=True) as conn:
        for one in asked:
            started = time.perf_counter()
            _, hits = await search.search(conn, one.wanted)
            seconds[one.kind].append(time.perf_counter() - started)
            if one.kind in _MEANT and one.child is not None:
                meant += 1
                there += await _student(conn, one.child) in [hit.student_id for hit in hits.students[:FIRST]]
    every = [took for of_kind in seconds.values() for took in of_kind]
    of_kinds = {
        f"{kind}_{name}": _percentile(took, which)
        for kind, took in sorted(seconds.items())
        for name, which in (("p50_ms", 50), ("p99_ms", 99))
    }
    return Run(
        rate=len(every) / sum(every),
        against={},
        more={
            "p50_ms": _percentile(every, 50),
            "p99_ms": _percentile(every, 99),
            "max_ms": max(every) * 1000,
            **of_kinds,
            "found": there / meant if meant else 1.0,
            "questions": len(every),
            "students": students,
        },
    )


async def _student(conn: psycopg.AsyncConnection[object], child: tuple[str, str]) -> str | None:
    """The id that is shown for a child."""
    state, ssid = child
    _, hits = await search.search(conn, Wanted(state=state, state_student_id=ssid))
    return hits.students[0].student_id if hits.students else None


def _percentile(seconds: Sequence[float], which: int) -> float:
    if len(seconds) == 1:
        return seconds[0] * 1000
    return quantiles(seconds, n=100, method="inclusive")[which - 1] * 1000


ROW = Row(
    id="search",
    work="a child looked for by what is known of her",
    unit="questions/s",
    goals=(
        Goal(of="p99_ms", must=50, stretch=20, at_most=True),
        Goal(of="found", must=0.98, stretch=0.995),
    ),
    measure=measure,
)
