"""Codes in words: those of the layout, in both languages, and what is unknown as it came."""

from __future__ import annotations

import csv

from api.console.codes import WORDS, vaccine, word
from api.words import element_name
from ledger.mde import TABLES, VACCINES
from support.sources import ROOT

ELEMENTS = {element.key: element for table in TABLES.values() for element in table.elements}
WITHOUT_WORDS = {
    "grade_level": {"PX"},
    "alternate_state_student_id_type": {"03"},
    "assessment_reporting_method": {"0144", "0490", "0493", "0499", "0500", "0503", "0512"},
}
"""Codes of which the layout tells no meaning."""


def test_every_code_of_an_element_that_has_words_has_them_but_those_without_a_meaning() -> None:
    for element, words in WORDS.items():
        if element in ELEMENTS and ELEMENTS[element].codes is not None:
            lacking = set(ELEMENTS[element].codes or ()) - set(words)
            assert lacking == WITHOUT_WORDS.get(element, set()), element
            assert set(words) <= set(ELEMENTS[element].codes or ()), element


def test_an_unknown_code_is_shown_as_it_came() -> None:
    assert word("grade_level", "ZZ") == "ZZ"
    assert word("course_type", "05") == "05"
    assert vaccine("999", "es") == ("999", "en")


def test_a_vaccine_has_a_spanish_name_or_its_english_one_marked_as_that() -> None:
    assert vaccine("21", "es") == ("Varicela", "es")
    assert vaccine("23", "es") == (VACCINES["23"], "en")
    rows = csv.DictReader((ROOT / "api" / "console" / "vaccines.csv").read_text("utf-8").splitlines())
    assert {row["code"] for row in rows} <= set(VACCINES)


def test_every_element_has_a_name_in_spanish() -> None:
    for letter, table in TABLES.items():
        for element in table.elements if letter != "H" else ():
            assert element_name(letter, element.key, "es") != element.key
            assert element_name(letter, element.key, "es") != element.name, element.key
    assert element_name("E", "unheard_of", "es") == "unheard_of"
