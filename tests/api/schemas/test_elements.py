"""The bodies that state facts say what the layout says, and no more than is enforced."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from api.schemas.elements import FACTS, STUDENT, STUDENT_ROWS
from ledger.intake.rules import check_row
from ledger.mde import CHILD_LETTERS, TABLES, Element

TODAY = date(2025, 9, 2)
ALL = [element for letter in CHILD_LETTERS for element in TABLES[letter].elements]


def schema_of(letter: str) -> dict[str, Any]:
    return FACTS[letter].model_json_schema()


@pytest.mark.parametrize("letter", CHILD_LETTERS)
def test_a_body_has_every_element_of_its_table_and_no_other(letter: str) -> None:
    schema = schema_of(letter)
    assert list(schema["properties"]) == [element.key for element in TABLES[letter].elements]
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("letter", CHILD_LETTERS)
def test_a_body_requires_what_the_layout_requires_but_the_record_id(letter: str) -> None:
    table = TABLES[letter]
    required = [element.key for element in table.elements if element.required and element.key != table.record_id]
    assert schema_of(letter)["required"] == required


@pytest.mark.parametrize("element", ALL, ids=lambda element: element.key)
def test_every_element_is_described(element: Element) -> None:
    told = schema_of(element.letter)["properties"][element.key]
    assert told["description"].startswith(element.name)
    assert told["title"] == element.name


@pytest.mark.parametrize("element", [e for e in ALL if e.codes], ids=lambda element: element.key)
def test_every_code_is_listed(element: Element) -> None:
    told = schema_of(element.letter)["properties"][element.key]
    [listed] = [choice["enum"] for choice in (told, *told.get("anyOf", ())) if "enum" in choice]
    assert listed == list(element.codes or ())


@pytest.mark.parametrize("letter", CHILD_LETTERS)
def test_the_example_fits_its_schema_and_its_rules(letter: str) -> None:
    schema = schema_of(letter)
    [example] = schema["examples"]
    Draft202012Validator(schema).validate(example)
    assert not check_row(letter, example, TODAY, record_id_required=False).refused


def test_the_student_s_example_fits() -> None:
    schema = STUDENT_ROWS.model_json_schema()
    [example] = schema["examples"]
    Draft202012Validator(schema).validate(example)


@pytest.mark.parametrize("element", [e for e in ALL if e.required], ids=lambda element: element.key)
def test_what_the_schema_forbids_the_rules_refuse(element: Element) -> None:
    """A client that trusts the schema alone, and one that trusts the answers alone, learn the same."""
    [example] = schema_of(element.letter)["examples"]
    validator = Draft202012Validator(schema_of(element.letter))
    for wrong in ("", "x" * 4001, "no such code"):
        body = {**example, element.key: wrong}
        if not validator.is_valid(body):
            assert check_row(element.letter, body, TODAY, record_id_required=False).refused, wrong


@pytest.mark.parametrize("element", [e for e in ALL if e.on_bad == "element"], ids=lambda element: element.key)
def test_what_a_file_only_warns_of_the_schema_allows(element: Element) -> None:
    [example] = schema_of(element.letter)["examples"]
    body = {**example, element.key: "§ nonsense §"}
    assert Draft202012Validator(schema_of(element.letter)).is_valid(body)
    assert not check_row(element.letter, body, TODAY, record_id_required=False).refused


def test_the_s_row_may_be_left_to_the_address() -> None:
    assert "required" not in STUDENT.model_json_schema()
    assert "student_record_id" not in STUDENT.model_json_schema()["properties"]
