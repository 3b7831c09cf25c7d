"""The read model ``search``: who is found by what, in which order, and why."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date
from typing import Any

import psycopg
import pytest

from ledger.application import Ledger
from ledger.events import Event
from ledger.events.record import (
    AlternateIdStated,
    DemographicsStated,
    Elements,
    Enrolled,
    FactCorrected,
    MoveQualified,
    RecordReinstated,
    RecordRetracted,
)
from ledger.store.database import Database, Role
from ledger.store.embedded import EmbeddedServer
from projections import search
from projections.as_of import AsOf
from projections.runner import BatchRunner
from projections.search import Fit, Hit
from projections.search_terms import Wanted
from support.logs import append, reading
from support.telling import opened, record_uuid
from support.worlds import World, world_on


def name(
    first: str, last_1: str, last_2: str | None = None, born: str = "2012-03-14", **more: str
) -> DemographicsStated:
    elements: Elements = {"first_name": first, "last_name_1": last_1, "birth_date": born, **more}
    if last_2 is not None:
        elements["last_name_2"] = last_2
    return DemographicsStated(fact=1, elements=elements)


VALOR = Enrolled(
    fact=2,
    elements={
        "school_or_project_name": "Valor Middle School",
        "school_identification_code": "411377000102",
        "facility_city": "Woodburn",
        "facility_state": "OR",
        "school_district": "Woodburn School District",
        "school_district_id": "4113770",
    },
)
OTHER_ID = AlternateIdStated(fact=2, elements={"alternate_state_student_id": "MEP-77"})
CHILDREN: dict[str, tuple[str, list[Event]]] = {
    "lupe": ("OR", [name("Guadalupe", "de la Cruz", "García", "2012-03-04", birth_city="Oaxaca"), VALOR]),
    "luis": ("TX", [name("José", "Hernández", middle_name="Luis", born="2010-07-21")]),
    "maria": ("CA", [name("María", "García", "López", "2011-12-05", middle_name="Fernanda")]),
    "mariana": ("OR", [name("MARIANA", "GARCIA", "PEREZ", "2011-12-05")]),
    "paco": ("OR", [name("Francisco", "Ximénez-Reyes", born="2009-01-15")]),
    "chuy": ("CA", [name("Jesús", "Reyes", "Ortiz"), OTHER_ID]),
    "peggy": ("TX", [name("Margaret", "O'Brien", born="2013-01-02")]),
    "moved": ("OR", [name("Itzel", "Pablo"), MoveQualified(fact=2, elements={"qualifying_move_from_city": "Yuma"})]),
    "gone": ("OR", [name("Guadalupe", "Cruz", "García", "2012-03-04"), RecordRetracted()]),
    "back": ("OR", [name("Itzamara", "Cruz"), RecordRetracted(), RecordReinstated(), name("Itzamara", "Cruz")]),
}
NUMBERS = {child: number for number, child in enumerate(CHILDREN, 1)}
IDS = {opened(number).student_id: child for child, number in NUMBERS.items()}


@pytest.fixture(scope="module")
def world(server: EmbeddedServer) -> Iterator[World]:
    """All the children, folded, each in a batch of her own."""
    with world_on(server) as world:
        for child, (state, events) in CHILDREN.items():
            stream = f"record/{record_uuid(NUMBERS[child])}"
            append(world.ledgers[0].log, stream, opened(NUMBERS[child], state), *events)
        world.project(5, search.PROJECTION)
        yield world


def ask(database: Database, wanted: Wanted, limit: int = 50) -> tuple[AsOf, search.Hits]:
    async def run() -> tuple[AsOf, search.Hits]:
        async with await psycopg.AsyncConnection.connect(database.conninfo(Role.READER), autocommit=True) as conn:
            return await search.search(conn, wanted, limit)

    return asyncio.run(run())


def found(world: World, **wanted: Any) -> list[str]:
    """The children that are found, best first."""
    _, hits = ask(world.database, Wanted(**wanted))
    return [IDS[hit.student_id] for hit in hits.students]


def hit(world: World, **wanted: Any) -> Hit:
    """The only one that is found."""
    _, hits = ask(world.database, Wanted(**wanted))
    [only] = hits.students
    return only


@pytest.mark.parametrize(
    ("wanted", "children"),
    [
        # names, in any order and any spelling
        ({"name": "Guadalupe de la Cruz García"}, ["lupe"]),
        ({"name": "GARCIA CRUZ GUADALUPE"}, ["lupe"]),
        ({"name": "guadalupe garcía-de la cruz"}, ["lupe"]),
        ({"name": "Lupe Delacruz"}, ["lupe"]),
        ({"name": "Lupita Garcia"}, ["lupe"]),
        ({"name": "Pepe Hernandez"}, ["luis"]),
        ({"name": "Jose Luis Hdez."}, ["luis"]),
        ({"name": "Paco Jimenez"}, ["paco"]),
        ({"name": "Chuy Reyes"}, ["chuy"]),
        ({"name": "Peggy OBrien"}, ["peggy"]),
        ({"name": "Xochitl"}, []),
        # a whole name of which a record has less
        ({"name": "José Luis Hernández Ibarra"}, ["luis"]),
        ({"name": "José Antonio Luis Hernández Ibarra"}, []),
        ({"name": "María García Pérez"}, []),
        # fields of their own
        ({"first_name": "Maria", "last_name_1": "Garcia"}, ["maria"]),
        ({"first_name": "Fernanda", "last_name_1": "Lopez", "last_name_2": "Garcia"}, ["maria"]),
        ({"last_name_1": "Garcia", "last_name_2": "Lopez"}, ["maria"]),
        ({"last_name_1": "Hernandez", "last_name_2": "Ibarra"}, ["luis"]),
        ({"last_name_1": "Garcia", "last_name_2": "Ibarra"}, []),
        ({"first_name": "José Luis Antonio", "last_name_1": "Hernandez"}, ["luis"]),
        ({"first_name": "Lopez"}, []),
        ({"last_name_1": "Ximenez"}, ["paco"]),
        # birth date
        ({"birth_date": date(2012, 3, 4)}, ["lupe"]),
        ({"birth_date": date(2012, 4, 3)}, ["lupe"]),
        ({"birth_date": date(2013, 2, 1)}, ["peggy"]),
        ({"birth_date": date(2009, 1, 16)}, []),
        # ids
        ({"student_id": opened(1).student_id}, ["lupe"]),
        ({"state_student_id": "or0000001"}, ["lupe"]),
        ({"state_student_id": "OR0000001", "state": "TX"}, []),
        ({"alternate_state_student_id": "mep 77"}, ["chuy"]),
        # place, school, district
        ({"place": "Oaxaca"}, ["lupe"]),
        ({"place": "woodburn, OR"}, ["lupe"]),
        ({"place": "Woodburn, CA"}, []),
        ({"place": "Yuma"}, ["moved"]),
        ({"school": "valor"}, ["lupe"]),
        ({"school": "Middle Sch"}, ["lupe"]),
        ({"school": "Valor School"}, []),
        ({"school": "iddle"}, []),
        ({"school": "411377000102"}, ["lupe"]),
        ({"district": "Woodburn"}, ["lupe"]),
        ({"district": "4113770"}, ["lupe"]),
        # all together
        ({"name": "Lupe Cruz", "birth_date": date(2012, 3, 4), "school": "Valor", "state": "OR"}, ["lupe"]),
        ({"name": "Lupe Cruz", "birth_date": date(2012, 3, 5)}, []),
        ({"name": "Lupe Cruz", "state": "CA"}, []),
        # retracted, and reinstated
        ({"student_id": opened(9).student_id}, []),
        ({"name": "Itzamara Cruz"}, ["back"]),
    ],
    ids=lambda value: " ".join(map(str, value.values())) if isinstance(value, dict) else "",
)
def test_who_is_found_by_what(world: World, wanted: dict[str, Any], children: list[str]) -> None:
    assert found(world, **wanted) == children


def test_a_nearer_name_comes_first(world: World) -> None:
    assert found(world, last_name_1="Reyes") == ["chuy", "paco"], "a first surname before a second"
    assert found(world, birth_date=date(2011, 12, 5), last_name_1="García") == ["mariana", "maria"], "no word too many"


def test_an_exact_birth_date_comes_before_an_exchanged_one(world: World) -> None:
    log = world.ledgers[0].log
    append(log, f"record/{record_uuid(50)}", opened(50), name("Otilia", "Santiz", born="2014-06-05"))
    append(log, f"record/{record_uuid(51)}", opened(51), name("Otilia", "Santiz", born="2014-05-06"))
    world.project(5, search.PROJECTION)
    _, hits = ask(world.database, Wanted(name="Otilia", birth_date=date(2014, 5, 6)))
    assert [hit.student_id for hit in hits.students] == [opened(51).student_id, opened(50).student_id]
    assert [hit.fits[-1].how for hit in hits.students] == ["exact", "day and month exchanged"]


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        ({"name": "Guadalupe Cruz"}, {"name": "exact"}),
        ({"name": "Lupe Cruz"}, {"name": "nickname"}),
        ({"name": "Lupe Cruss"}, {"name": "sound"}),
        ({"name": "José Luis Hernández Ibarra"}, {"name": "part"}),
        ({"first_name": "Chuy", "last_name_1": "Reyes"}, {"first_name": "nickname", "last_names": "exact"}),
        ({"last_name_1": "Lopez", "last_name_2": "Garcia"}, {"last_names": "other order"}),
        ({"last_name_1": "Hernandez", "last_name_2": "Ibarra"}, {"last_names": "part"}),
        ({"student_id": opened(1).student_id, "state": "OR"}, {"student_id": "exact", "state": "exact"}),
        ({"school": "valor", "place": "oaxaca"}, {"place": "part", "school": "part"}),
    ],
    ids=lambda value: " ".join(map(str, value.values())),
)
def test_it_is_told_why_a_student_was_found(world: World, wanted: dict[str, Any], fits: dict[str, str]) -> None:
    assert {fit.field: fit.how for fit in hit(world, **wanted).fits} == fits


def test_a_hit_tells_ids_states_names_and_birth_dates(world: World) -> None:
    assert hit(world, name="Maria Fernanda Garcia") == Hit(
        student_id=opened(3).student_id,
        records=[record_uuid(3)],
        states=["CA"],
        names=["María Fernanda García López"],
        birth_dates=["2011-12-05"],
        fits=[Fit("name", "exact")],
    )


def test_what_was_corrected_is_found_by_its_new_name_only(world: World) -> None:
    log, stream = world.ledgers[0].log, f"record/{record_uuid(60)}"
    append(log, stream, opened(60), name("Xenia", "Uc"))
    world.project(5, search.PROJECTION)
    assert len(ask(world.database, Wanted(name="Xenia"))[1].students) == 1
    append(log, stream, FactCorrected(fact=1, letter="D", elements={"first_name": ("Xenia", "Zoila")}))
    world.project(5, search.PROJECTION)
    assert ask(world.database, Wanted(name="Xenia"))[1].students == []
    [now] = ask(world.database, Wanted(name="Zoila"))[1].students
    assert now.names == ["Zoila Uc"]


def test_no_more_are_shown_than_asked_for_and_that_there_are_more_is_told(database: Database, ledger: Ledger) -> None:
    for number in range(1, 6):
        append(ledger.log, f"record/{record_uuid(number)}", opened(number), name("Ana", "Ruiz"))
    BatchRunner(search.PROJECTION, database, ledger.log).catch_up()
    reflected, hits = ask(database, Wanted(name="Ana Ruiz"), limit=3)
    assert (len(hits.students), hits.more) == (3, True)
    assert reflected == AsOf(10, search.PROJECTION.version)
    _, hits = ask(database, Wanted(name="Ana Ruiz"), limit=5)
    assert (len(hits.students), hits.more) == (5, False)
    assert [hit.student_id for hit in hits.students] == sorted(hit.student_id for hit in hits.students)


def test_all_open_records_of_a_student_are_shown_with_the_one_that_fits_best_first(
    database: Database, ledger: Ledger
) -> None:
    """As it will be once records are linked: the column says to whom a record belongs now."""
    append(ledger.log, f"record/{record_uuid(1)}", opened(1), name("Josefina", "Ruiz", "Mora"))
    append(ledger.log, f"record/{record_uuid(2)}", opened(2, "TX"), name("Pepita", "Ruiz"))
    append(ledger.log, f"record/{record_uuid(3)}", opened(3, "CA"), name("Josefina", "Ruiz"), RecordRetracted())
    BatchRunner(search.PROJECTION, database, ledger.log).catch_up()
    with database.connect() as admin:
        admin.execute("update search.records set student_id = %s", (opened(1).student_id,))
    _, hits = ask(database, Wanted(name="Pepita Ruiz"))
    [only] = hits.students
    assert only.states == ["TX", "OR"]
    assert only.records == [record_uuid(2), record_uuid(1)]
    assert only.names == ["Pepita Ruiz", "Josefina Ruiz Mora"]
    assert only.fits == [Fit("name", "exact")]


def test_columns_with_personal_data_have_no_statistics(world: World) -> None:
    with reading(world.database) as conn:
        rows = conn.execute(
            "select attname from pg_attribute where attrelid = 'search.records'::regclass and attstattarget = 0"
        ).fetchall()
    assert {row[0] for row in rows} == {"breadth", "terms", "body"}


LONG = "\ufdfa" * 100
"""A school name that the layout takes; folded, each of its letters becomes eighteen."""


def test_names_that_postgresql_would_refuse_stop_nothing(database: Database, ledger: Ledger) -> None:
    words = " ".join(f"Escuela{number}" for number in range(10))
    attended = [
        Enrolled(
            fact=number,
            elements={"school_or_project_name": f"{words} {number}", "facility_name": f"{number} {words}"},
        )
        for number in range(3, 1_500)
    ]
    long = Enrolled(fact=2, elements={"school_or_project_name": LONG})
    append(ledger.log, f"record/{record_uuid(1)}", opened(1), name("Ana", "Ruiz"), long)
    append(ledger.log, f"record/{record_uuid(2)}", opened(2), name("Eva", "Mora"), long, *attended)
    BatchRunner(search.PROJECTION, database, ledger.log).catch_up()
    assert [hit.names for hit in ask(database, Wanted(name="Eva Mora"))[1].students] == [["Eva Mora"]]
    assert [hit.names for hit in ask(database, Wanted(name="Ana", school=LONG))[1].students] == [["Ana Ruiz"]]
