"""Given a record and a question, the question's words are among the record's exactly where a plain reading says so."""

from __future__ import annotations

from datetime import date

import pytest

from ledger.events import Event
from ledger.events.record import (
    AlternateIdStated,
    DemographicsStated,
    Enrolled,
    FactCorrected,
    FactRetracted,
    MoveQualified,
    RecordRetracted,
    ResidencyChanged,
)
from projections.record_states import RecordStates
from projections.search_terms import (
    KEPT,
    EmptyField,
    Terms,
    Wanted,
    as_tsvector,
    less_said,
    question,
    terms_of,
    words_of,
)
from support.telling import Teller, opened, record_uuid

LUPE = {"first_name": "Guadalupe", "last_name_1": "de la Cruz", "last_name_2": "García", "birth_date": "2012-03-04"}


def found_by(*events: Event) -> Terms:
    """What finds a record after its opening and these events."""
    teller = Teller()
    teller.tell(f"record/{record_uuid(1)}", opened(1), *events)
    [record] = RecordStates(KEPT).hear(teller.log)
    return terms_of(record)


def terms(*events: Event) -> frozenset[str]:
    return found_by(*events).terms


def test_a_record_is_found_by_its_ids_and_its_state() -> None:
    alternate = AlternateIdStated(fact=1, elements={"alternate_state_student_id": "MEP-10 77"})
    shown = opened(1).student_id
    begins = {f"z {shown[:digits]}" for digits in (1, 2, 3)}
    assert terms(alternate) == {"r OR", f"i {shown}", *begins, "n or0000001", "a mep1077"}


def test_a_name_is_kept_by_its_words_by_their_sound_and_by_how_many_there_are() -> None:
    found = terms(DemographicsStated(fact=1, elements=LUPE))
    assert {"g guadalupe", "g#1", "s cruz", "s garcia", "s#2", "f~krus", "s~2arsia", "b 2012-03-04"} <= found


def test_each_two_sounds_of_a_name_are_kept_as_a_pair_and_again_where_the_name_is_short() -> None:
    long = terms(DemographicsStated(fact=1, elements={**LUPE, "middle_name": "Luz"}))
    assert {"y 2uadalupe krus", "y 2uadalupe lus", "y 2arsia krus"} <= long
    assert not any(term.startswith("x ") for term in long)
    short = {term for term in terms(DemographicsStated(fact=1, elements=LUPE)) if term.startswith("x ")}
    assert short == {"x 2uadalupe krus", "x 2arsia 2uadalupe"}, "a given name and a surname"


def test_a_name_of_a_place_or_school_is_kept_whole() -> None:
    found = found_by(
        Enrolled(
            fact=1,
            elements={
                "school_or_project_name": "Hood River Middle School",
                "school_identification_code": "410133700102",
                "facility_city": "Hood River",
                "facility_state": "OR",
            },
        )
    )
    assert found.names == {("c", "hood river middle school"), ("c", "410133700102"), ("p", "hood river or")}
    assert "'c river':4 'c middle':5 'c school':6 'p hood':8" in as_tsvector(found)


def test_every_word_of_a_place_school_or_district_is_said_also_where_it_is_corrected() -> None:
    stated = Enrolled(fact=1, elements={"facility_city": "Hood River", "school_district_id": "4101337"})
    corrected = FactCorrected(fact=1, letter="E", elements={"facility_city": ("Hood River", "Nyssa")})
    emptied = FactCorrected(fact=1, letter="E", elements={"facility_city": ("Nyssa", None)})
    moved = MoveQualified(
        fact=2, elements={"qualifying_move_from_city": "Yuma", "qualifying_arrival_date": "2020-01-02"}
    )
    named = DemographicsStated(fact=3, elements=LUPE)
    assert words_of([found_by(stated, moved, named)]) == {"p hood", "p river", "d 4101337", "p yuma"}
    assert words_of([found_by(stated, corrected, moved)]) == {"p nyssa", "d 4101337", "p yuma"}
    assert words_of([found_by(stated, corrected, emptied), found_by(moved)]) == {"d 4101337", "p yuma"}
    assert words_of([found_by(stated, moved, RecordRetracted())]) == set()


def test_of_these_records_words_may_go() -> None:
    elements = {"facility_city": "Hood River"}
    of_each: list[Event] = [
        FactCorrected(fact=1, letter="E", elements={"facility_city": ("Hood River", None)}),
        FactRetracted(fact=1, letter="E"),
        RecordRetracted(),
        FactCorrected(fact=1, letter="D", elements={"first_name": ("Lupe", "Guadalupe")}),
        Enrolled(fact=1, elements=elements),
    ]
    teller = Teller()
    for number, event in enumerate(of_each, start=1):
        teller.tell(f"record/{record_uuid(number)}", event)
    assert less_said(teller.log) == {record_uuid(number) for number in (1, 2, 3)}


def test_places_are_those_of_birth_of_moves_and_of_schools() -> None:
    found = found_by(
        DemographicsStated(fact=1, elements={"birth_city": "Oaxaca", "birth_country": "MEX"}),
        MoveQualified(fact=2, elements={"qualifying_move_from_city": "Yuma", "qualifying_move_to_city": "Nyssa"}),
    )
    assert found.names == {("p", "oaxaca mex"), ("p", "yuma"), ("p", "nyssa")}


def test_districts_are_those_of_the_school_and_of_residence() -> None:
    found = found_by(
        Enrolled(fact=1, elements={"school_district": "Hood River", "school_district_id": "4101337"}),
        ResidencyChanged(fact=2, enrollment=1, elements={"district_of_residence": "4101748"}),
    )
    assert found.names == {("d", "hood river"), ("d", "4101337"), ("d", "4101748")}


def test_what_was_corrected_or_retracted_finds_nobody_any_more() -> None:
    stated = DemographicsStated(fact=1, elements=LUPE)
    corrected = FactCorrected(fact=1, letter="D", elements={"first_name": ("Guadalupe", "Lupita")})
    assert "g guadalupe" not in terms(stated, corrected)
    assert "g lupita" in terms(stated, corrected)
    assert not any(term.startswith(("g", "s", "b")) for term in terms(stated, FactRetracted(fact=1, letter="D")))


def test_a_retracted_record_is_found_by_nothing() -> None:
    found = found_by(DemographicsStated(fact=1, elements={**LUPE, "birth_city": "Oaxaca"}), RecordRetracted())
    assert found == (frozenset(), frozenset(), 0)
    assert as_tsvector(found) == ""


def test_several_demographics_all_count() -> None:
    other = DemographicsStated(fact=2, elements={**LUPE, "first_name": "Lupita"})
    assert {"g guadalupe", "g lupita"} <= terms(DemographicsStated(fact=1, elements=LUPE), other)


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (Wanted(), ""),
        (Wanted(state="OR"), ""),
        (Wanted(name="?!"), "name"),
        (Wanted(first_name=" ", last_name_1="Cruz"), "first_name"),
        (Wanted(last_name_2="-"), "last_name_2"),
        (Wanted(name="Lupe", school="..."), "school"),
        (Wanted(student_id="-"), "student_id"),
    ],
)
def test_a_field_that_holds_nothing_to_look_for_is_named(wanted: Wanted, field: str) -> None:
    with pytest.raises(EmptyField) as caught:
        question(wanted)
    assert caught.value.field == field


def test_a_birth_date_is_exchanged_only_where_that_is_another_date() -> None:
    assert "2012-04-03" in question(Wanted(birth_date=date(2012, 3, 4))).query
    assert question(Wanted(birth_date=date(2012, 3, 14))).query.count("'b ") == 1
    assert question(Wanted(birth_date=date(2012, 3, 3))).query.count("'b ") == 1


def test_the_gains_of_a_part_add_up_to_its_best_weight() -> None:
    asked = question(Wanted(name="Pepe Reyes", birth_date=date(2012, 3, 4), school="Valor"))
    for part in range(len(asked.fields)):
        levels = [level for level in asked.levels if level.part == part]
        assert sum(level.gain for level in levels) == max(level.weight for level in levels)
