"""The rulebook's words."""

from __future__ import annotations

import re
import string

import pytest

from ledger import mde
from ledger.rule import ANY, NOTICE
from ledger.rulebook import RULES, Rule, words

WITHOUT_ACCENT = re.compile(
    r"\b(inscripcion|codigo|numeros?|anos?|dias?|envie|pais|tambien|estan|mas|caracter|evaluacion|graduacion|ultimo|"
    r"digitos|lineas?|unico|todavia|asi|seccion|informacion|correccion|eleccion|direccion|ningun)\b"
)
"""Words that are written with an accent or a tilde, as they must not be."""
ENGLISH = re.compile(r"\b(the|of|or|and|such|as|send|is|not|with)\b", re.IGNORECASE)


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_says_what_and_how_to_mend_it_in_both_languages(rule: Rule) -> None:
    for text in (rule.message, rule.remedy, rule.message_es, rule.remedy_es):
        assert text.endswith(".")
        assert text[0].isupper() or text.startswith(("{", "."))
        assert "  " not in text
        assert fields(text) <= {"element", "form", "limit"}
    assert rule.message != rule.message_es
    assert fields(rule.message) == fields(rule.message_es)
    assert fields(rule.remedy) == fields(rule.remedy_es)
    assert rule.source


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_the_spanish_of_a_rule_is_spanish(rule: Rule) -> None:
    for text in (rule.message_es, rule.remedy_es):
        assert not WITHOUT_ACCENT.search(text.lower()), text
        assert not ENGLISH.search(re.sub(r"[A-Z]\w+( [A-Z]\w*)+|\w+\.csv", "", text)), text


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_state_may_change_what_a_rule_does_with_its_rows_and_never_with_a_file(rule: Rule) -> None:
    assert rule.level in ("file", "refused", "warned", "off")
    assert rule.levels in ((), ANY, NOTICE)
    if rule.level == "file":
        assert rule.levels == ()
    if rule.level == "refused":
        assert rule.levels != NOTICE
    if rule.level == "off":
        assert rule.levels == ANY, "somebody must be able to ask for it"


def test_the_rules_of_the_requirements_are_all_there() -> None:
    of_rows = {f"V{n}" for n in (1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 14, 15, 16, 17, 18, 19, 20, 21)}
    assert {code for code in RULES if re.fullmatch(r"V\d+", code)} == of_rows | {"V22", "V24"}
    assert {code for code in of_rows if RULES[code].levels == ANY} == of_rows
    assert RULES["V22"].levels == RULES["V24"].levels == RULES["C1"].levels == ()


@pytest.mark.parametrize("element", [e for t in mde.TABLES.values() for e in t.elements], ids=lambda e: e.key)
def test_what_is_said_of_an_element_is_said_in_the_readers_language(element: mde.Element) -> None:
    for rule in ("missing", "malformed", "code", "range", "too-long", "future", "V10", "V14", "V18", "V19", "V21"):
        spanish = mde.words(rule, element.letter, element.key, "es")
        for text in spanish:
            # The name of an element is that of the layout, in any language.
            assert not ENGLISH.search(text.replace(element.name, "")), text
            assert "{" not in text
        assert spanish != mde.words(rule, element.letter, element.key)


def test_words_are_filled_in_and_an_unknown_rule_is_an_error() -> None:
    assert words("missing", element="First Name")[0] == "First Name is missing."
    assert words("missing", "es", element="First Name")[0] == "Falta First Name."
    with pytest.raises(KeyError):
        words("no-such-rule")
