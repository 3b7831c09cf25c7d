"""A search shows what a reading of every record that fits would show, as far as the bound lets it read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import date
from random import Random
from typing import NamedTuple

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.events.record import DemographicsStated, Elements, Enrolled
from ledger.ids import student_id
from ledger.matching.names import words
from ledger.store.database import Database, Role
from ledger.store.embedded import EmbeddedServer
from projections import search, search_tiers
from projections.record_states import RecordStates, encode
from projections.runner import BatchRunner
from projections.search_terms import KEPT, ORDER, Wanted, as_tsvector, question, terms_of, words_of
from support.telling import Teller, opened, record_uuid
from support.worlds import World, world_on

GIVEN = ("José", "Pepe", "Luis", "María", "Mari", "Guadalupe", "Lupe", "Lourdes", "Cruz")
SURNAMES = ("García", "Garsia", "López", "Lopes", "de la Cruz", "Reyes", "Hernández")
CITIES = ("Woodburn", "Wood Village", "Hood River", "Los Ángeles", "Santa Rosa", "Santa Rosalía")
DATES = (date(2012, 3, 4), date(2012, 4, 3), date(2012, 3, 5))
STUDENTS = 700
EVERYONE = 5_000


def fill(database: Database) -> None:
    """Students of one to three records with names of a few words; the names collide as they do among a million."""
    chance = Random(7)
    teller = Teller()
    owners: list[str] = []
    for number in range(1, STUDENTS + 1):
        for _ in range(chance.choice((1, 1, 2, 3))):
            owners.append(student_id(number))
            stated = [
                DemographicsStated(fact=fact, elements=_said(chance)) for fact in range(1, chance.choice((2, 2, 2, 3)))
            ]
            city = chance.choice(CITIES)
            school = Enrolled(fact=9, elements={"facility_city": city, "school_or_project_name": f"{city} School"})
            teller.tell(f"record/{record_uuid(len(owners))}", opened(len(owners)), *stated, school)
    records = RecordStates(KEPT).hear(teller.log)
    for record, owner in zip(records, owners, strict=True):
        record.student_id = owner
    found = [terms_of(record) for record in records]
    with database.connect() as admin:
        admin.execute(
            "insert into search.records select r, s, 'open', b, t::tsvector, body"
            " from unnest(%s::text[], %s::text[], %s::smallint[], %s::text[], %s::bytea[]) as n (r, s, b, t, body)",
            (
                [record.record for record in records],
                [record.student_id for record in records],
                [terms.breadth for terms in found],
                [as_tsvector(terms) for terms in found],
                [encode(record) for record in records],
            ),
        )
        admin.execute("insert into search.words select unnest(%s::text[])", (sorted(words_of(found)),))


def _said(chance: Random) -> Elements:
    said = {
        "first_name": " ".join(chance.sample(GIVEN, chance.choice((1, 1, 2)))),
        "last_name_1": chance.choice(SURNAMES),
        "birth_date": chance.choice(DATES).isoformat(),
    }
    return said | ({"last_name_2": chance.choice(SURNAMES)} if chance.random() < 0.6 else {})


@pytest.fixture(scope="module")
def world(server: EmbeddedServer) -> Iterator[World]:
    with world_on(server) as world:
        with world.database.connect(Role.PROJECTOR) as conn:
            BatchRunner(search.PROJECTION, world.database, world.ledgers[0].log).prepare(conn)
        fill(world.database)
        yield world


def ask(database: Database, wanted: Wanted, limit: int) -> search.Hits:
    async def run() -> search.Hits:
        async with await psycopg.AsyncConnection.connect(database.conninfo(Role.READER), autocommit=True) as conn:
            return (await search.search(conn, wanted, limit))[1]

    return asyncio.run(run())


class Fitting(NamedTuple):
    """A student that fits, by the record that fits best. place: in the order of the answer. lost: of the best weight
    that any record could have, but for the order of surnames."""

    place: tuple[int, int, str]
    lost: int

    @property
    def student(self) -> str:
        return self.place[2]


def all_that_fit(database: Database, wanted: Wanted) -> list[Fitting]:
    """By reading every record, in the order of the answer."""
    asked = question(wanted)
    order = asked.fields.index(ORDER) if ORDER in asked.fields else -1
    levels = [level for level in asked.levels if level.part != order]
    best = sum(level.gain for level in levels)
    with database.connect(Role.READER) as conn:
        rows = conn.execute(
            "select student_id, breadth, (select array_agg(n) from unnest(%s::text[]::tsquery[]) with ordinality"
            " as l (query, n) where terms @@ query) from search.records where (terms || '') @@ %s::tsquery",
            ([level.query for level in asked.levels], asked.query),
        ).fetchall()
    found: dict[str, Fitting] = {}
    for student, breadth, fitting in rows:
        fits = [asked.levels[number - 1] for number in fitting or ()]
        score = sum(level.gain for level in fits)
        lost = best - sum(level.gain for level in fits if level.part != order)
        mine = Fitting((-score, breadth, student), lost)
        found[student] = min(mine, found.get(student, mine))
    return sorted(found.values())


def walked(fitting: Sequence[Fitting], wanted: Wanted, limit: int) -> tuple[list[str], bool]:
    """Whom the page on the search says to be shown, of all that fit, and whether there are more."""
    names = (wanted.name or "", wanted.first_name or "", f"{wanted.last_name_1 or ''} {wanted.last_name_2 or ''}")
    words_of_names = sum(len(set(words(text))) for text in names)
    beside = wanted.birth_date or wanted.place or wanted.school or wanted.state
    if (words_of_names and wanted.birth_date) or (words_of_names > 1 and beside):
        return [f.student for f in fitting[:limit]], len(fitting) > limit
    for lost in (0, search_tiers.NEAR, 1_000):
        for digits in (1, 0) if words_of_names > 1 else (3, 2, 1, 0):
            known = [f for f in fitting if _is_known(f, lost, digits)]
            if len(known) > limit:
                return [f.student for f in known[:limit]], True
    return [f.student for f in fitting], False


def _is_known(one: Fitting, lost: int, digits: int) -> bool:
    """The tiers before this one were read whole."""
    before = {0: -1, search_tiers.NEAR: 0}.get(lost, search_tiers.NEAR)
    return one.lost <= before or (one.lost <= lost and one.student.startswith("0" * digits))


def some(pool: Sequence[str], most: int) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(pool), min_size=1, max_size=most).map(" ".join)


@st.composite
def questions(draw: st.DrawFn) -> Wanted:
    wanted = Wanted(
        name=draw(st.none() | some([*GIVEN, *SURNAMES], 6)),
        first_name=draw(st.none() | some(GIVEN, 3)),
        last_name_1=draw(st.none() | some(SURNAMES, 1)),
        last_name_2=draw(st.none() | some(SURNAMES, 2)),
        birth_date=draw(st.none() | st.sampled_from(DATES)),
        place=draw(st.none() | st.sampled_from([*CITIES, "woo", "Santa Ros", "riv", "angel"])),
        school=draw(st.none() | st.sampled_from(["sch", "Wood Village School", "Rosa School", "rosa"])),
        state=draw(st.none() | st.just("OR")),
    )
    kept = draw(st.sets(st.sampled_from(Wanted._fields), min_size=1, max_size=4))
    wanted = Wanted(**{field: value for field, value in wanted._asdict().items() if field in kept})
    return wanted if wanted._replace(state=None) != Wanted() else Wanted(name=draw(some([*GIVEN, *SURNAMES], 6)))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(questions(), st.sampled_from((1, 3, 10, 50, EVERYONE)))
def test_what_is_shown_is_what_reading_everything_would_show_as_far_as_the_bound_goes(
    world: World, wanted: Wanted, limit: int
) -> None:
    fitting = all_that_fit(world.database, wanted)
    hits = ask(world.database, wanted, limit)
    assert ([hit.student_id for hit in hits.students], hits.more) == walked(fitting, wanted, limit)
    assert hits.more == (len(fitting) > limit)


def test_a_student_who_fits_better_is_never_left_out_for_one_of_a_later_tier(world: World) -> None:
    """The bound is reached among those who fit by sound, after all who fit exactly."""
    wanted = Wanted(name="José Luis García")
    fitting = all_that_fit(world.database, wanted)
    exact = [one.student for one in fitting if one.lost == 0]
    assert 0 < len(exact) < len(fitting), "the students are drawn so that it does not come true by itself"
    hits = ask(world.database, wanted, len(exact))
    assert [hit.student_id for hit in hits.students] == exact
    assert hits.more


def test_an_id_is_looked_for_in_one_step() -> None:
    assert len(question(Wanted(state_student_id="1", name="José García")).steps) == 1
    assert len(question(Wanted(name="José García")).steps) == 3 * 2
    assert len(question(Wanted(last_name_1="García", state="OR")).steps) == 3 * 4


def test_words_that_are_common_in_places_are_not_read_for_their_beginning(world: World) -> None:
    """No step asks the index for what begins so: it would read every record of all these words each time."""
    for wanted in (Wanted(place="san"), Wanted(school="Wood Vill", name="José"), Wanted(district="unif", place="ore")):
        assert not any(":*" in query for step in question(wanted).steps for query in step.queries)
    assert len(ask(world.database, Wanted(place="woo"), EVERYONE).students) > len(
        ask(world.database, Wanted(place="woodburn"), EVERYONE).students
    )


def test_a_record_of_many_names_is_kept_with_few_pairs() -> None:
    teller = Teller()
    called = [f"{fact:05b}".replace("0", "ta").replace("1", "po") for fact in range(1, 32)]
    names = [
        DemographicsStated(fact=fact, elements={"first_name": name, "last_name_1": f"Mu{name}"})
        for fact, name in enumerate(called, 1)
    ]
    teller.tell(f"record/{record_uuid(1)}", opened(1), *names)
    [record] = RecordStates(KEPT).hear(teller.log)
    pairs = [term for term in terms_of(record).terms if term.startswith("y ")]
    assert len(pairs) == 48 * 47 / 2
    assert f"y mu{called[-1]} {called[-1]}" in pairs, "the last name is among them"
    assert not [term for term in pairs if called[0] in term.split()], "the first is not"
    assert f"g~{called[0]}" in terms_of(record).terms, "which one word finds all the same"
