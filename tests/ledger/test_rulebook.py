"""The rulebook's words."""

from __future__ import annotations

import string

import pytest

from ledger.rulebook import RULES, Rule, words


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_says_what_and_how_to_mend_it_in_both_languages(rule: Rule) -> None:
    assert rule.level in ("file", "refused", "warned")
    for text in (rule.message, rule.remedy, rule.message_es, rule.remedy_es):
        assert text.endswith(".")
        assert {name for _, name, _, _ in string.Formatter().parse(text) if name} <= {"element", "form", "limit"}
    assert rule.message != rule.message_es


def test_words_are_filled_in_and_an_unknown_rule_is_an_error() -> None:
    assert words("missing", element="First Name")[0] == "First Name is missing."
    assert words("missing", "es", element="First Name")[0] == "Falta First Name."
    with pytest.raises(KeyError):
        words("no-such-rule")
