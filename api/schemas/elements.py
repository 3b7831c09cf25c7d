"""Bodies that state facts, made mechanically from the tables of the national layout.

Invariant: a body's model checks the shape alone (an object, known names, text or null), and the schema says no more
than what is enforced: where a wrong value is left out with a warning, as in a file, the codes are listed and other
text stays allowed. What a value must be is ``ledger.intake.rules``' to say, for files and requests alike.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, create_model

from ledger.mde import CHILD_LETTERS, RECORD_IDS_MAX, TABLES, Element, Table

TEXT_MAX: Final = 4000
"""No element is longer than 1,000 characters; the rest is blanks that are trimmed."""
NOT_SENT: Final = frozenset({"student_record_id"})
"""Joins rows to their student inside one file; a body needs no such number."""
ROUTES: Final = {letter: TABLES[letter].key.replace("_", "-") for letter in CHILD_LETTERS}
"""Letter to the last part of its route."""

_EXAMPLES: Final[dict[str, dict[str, str]]] = {
    "S": {"state_student_identifier_type": "02"},
    "K": {"alternate_state_student_id": "MEP-1077", "alternate_state_student_id_type": "02"},
    "D": {
        "demographics_record_id": "001",
        "first_name": "Marisol",
        "last_name_1": "Quiñones",
        "last_name_2": "Abarca",
        "sex": "Female",
        "birth_date": "2013-05-09",
        "multiple_birth_flag": "No",
    },
    "Q": {
        "qualifying_arrival_date": "2025-04-18",
        "qualifying_move_from_city": "Madera",
        "qualifying_move_from_state": "CA",
        "qualifying_move_from_country": "USA",
        "qualifying_move_to_city": "Woodburn",
        "qualifying_move_to_state": "OR",
    },
    "E": {
        "enrollment_date": "2025-09-02",
        "enrollment_type": "01",
        "school_or_project_name": "Valor Middle School",
        "facility_state": "OR",
        "grade_level": "07",
    },
    "C": {"course_title": "Algebra I", "course_type": "00", "term_type": "0828", "grade_to_date": "B"},
    "A": {"assessment_title": "State English Language Proficiency", "assessment_type": "01", "score_results": "2"},
    "I": {"cvx_code": "115", "administration_date": "2024-08-16", "information_source": "01"},
}
"""Invented children, invented schools."""

_FORMATS: Final = {
    "date": "YYYY-MM-DD (YYYYMMDD is taken too)",
    "month": "YYYY-MM (MMYYYY is taken too)",
    "decimal": "a decimal number",
    "integer": "a whole number",
    "digits": "digits",
    "email": "an e-mail address",
}


class Strict(BaseModel):
    """Base of every body: no unknown names, no silent change of types."""

    model_config = ConfigDict(extra="forbid", strict=True)


def _said(element: Element) -> str:
    """What the schema says of an element, in words."""
    parts = [f"{element.name}."]
    if element.note:
        parts.append(f"{element.note[0].upper()}{element.note[1:]}.")
    if element.type in _FORMATS:
        parts.append(f"Form: {_FORMATS[element.type]}.")
    if isinstance(element.length, int) and element.type in ("text", "digits", "email"):
        parts.append(f"At most {element.length} characters.")
    if element.bounds:
        parts.append(f"{element.bounds[0]} to {element.bounds[1]}.")
    if element.on_bad == "element":
        parts.append("A wrong value is left out with a warning, and the rest stands.")
    return " ".join(parts)


def _schema(element: Element, *, required: bool) -> dict[str, Any]:
    """JSON Schema of one element. Codes of a forgiving element are listed beside plain text (an open list)."""
    text: dict[str, Any] = {"type": "string", "maxLength": TEXT_MAX}
    if required:
        text["minLength"] = 1
    if element.on_bad == "row" and isinstance(element.length, int) and element.type in ("text", "digits"):
        text["maxLength"] = element.length
    choices: list[dict[str, Any]] = [text]
    if element.codes is not None:
        listed = {"enum": list(element.codes)}
        choices = [listed] if element.on_bad == "row" else [listed, text]
    if not required:
        choices.append({"type": "null"})
    return choices[0] if len(choices) == 1 else {"anyOf": choices}


def _as_declared(required: list[str], schemas: dict[str, dict[str, Any]], example: dict[str, Any]) -> Any:
    def extra(schema: dict[str, Any]) -> None:
        for key, declared in schemas.items():
            field = schema["properties"][key]
            schema["properties"][key] = {**declared, "title": field["title"], "description": field["description"]}
        if required:
            schema["required"] = required
        schema["examples"] = [example]

    return extra


def _model(name: str, table: Table, elements: list[Element], *, some: bool = False) -> type[BaseModel]:
    """A model of some elements of a table. some: any of them will do, as in a correction; none is required."""
    # A state may number its rows or not: over HTTP the Record ID is an attribute that can stay away.
    required = [e.key for e in elements if e.required and e.key != table.record_id and not some]
    schemas = {e.key: _schema(e, required=e.key in required) for e in elements}
    keys = {e.key for e in elements}
    example = {key: value for key, value in _EXAMPLES.get(table.letter, {}).items() if key in keys}
    fields: dict[str, Any] = {
        e.key: (str | None, Field(default=None, max_length=TEXT_MAX, title=e.name, description=_said(e)))
        for e in elements
    }
    # create_model takes a base or a config, not both; a body of elements needs nothing of Strict but its config.
    return create_model(
        name,
        __doc__=f"{table.name.replace('_', ' ')} ({table.letter}): one row of the national layout.",
        __config__=ConfigDict(extra="forbid", strict=True, json_schema_extra=_as_declared(required, schemas, example)),
        **fields,
    )


def _named(letter: str, keys: tuple[str, ...]) -> list[Element]:
    return [TABLES[letter].by_key[key] for key in keys]


STUDENT: Final = _model("Student", TABLES["S"], [e for e in TABLES["S"].elements if e.key not in NOT_SENT], some=True)
"""The S row. The path says state and student; they may be said again here, and must then be the same."""

FACTS: Final[dict[str, type[BaseModel]]] = {
    letter: _model(TABLES[letter].name.title().replace("_", ""), TABLES[letter], list(TABLES[letter].elements))
    for letter in CHILD_LETTERS
}
"""Letter to the body that states one fact of that table."""

FactId = Annotated[int, Field(ge=1, le=2**31 - 1, description="The fact's id, as an earlier answer gave it.")]


class _OfEnrollment(Strict):
    """Names an enrollment: by its fact id, or by what makes it one enrollment and no other."""

    enrollment: FactId | None = Field(default=None, description="The enrollment's fact id.")
    enrollment_date: str | None = Field(default=None, max_length=TEXT_MAX)
    enrollment_type: str | None = Field(default=None, max_length=TEXT_MAX)
    school_or_project_name: str | None = Field(default=None, max_length=TEXT_MAX)
    school_identification_code: str | None = Field(default=None, max_length=TEXT_MAX)


class WithdrawalBody(_OfEnrollment):
    """The last verified day of an enrollment."""

    withdrawal_date: str = Field(min_length=1, max_length=TEXT_MAX, description="YYYY-MM-DD (YYYYMMDD is taken too).")

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"enrollment": 3, "withdrawal_date": "2025-06-13"},
                {"enrollment_date": "2025-04-21", "enrollment_type": "01", "withdrawal_date": "2025-06-13"},
            ]
        }
    )


class ResidencyBody(_OfEnrollment):
    """Another district of residence, told with an enrollment."""

    district_of_residence: str | None = Field(default=None, max_length=TEXT_MAX, description="NCES LEA id, 7 digits.")
    residency_date: str | None = Field(default=None, max_length=TEXT_MAX)
    residency_verification_date: str | None = Field(default=None, max_length=TEXT_MAX)

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"enrollment": 3, "district_of_residence": "4113770", "residency_date": "2025-09-01"}]
        }
    )


class CorrectionBody(Strict):
    """The state now says otherwise: the elements that change, and null for no value. Supersedes, never erases."""

    fact: FactId
    elements: dict[str, str | None] = Field(min_length=1, max_length=64)

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"fact": 1, "elements": {"last_name_2": "Abarca", "suffix": None}}]}
    )


class RetractionBody(Strict):
    """The state no longer says so. Retracting an enrollment retracts its withdrawal and residencies."""

    fact: FactId

    model_config = ConfigDict(json_schema_extra={"examples": [{"fact": 2}]})


def _student_body() -> type[BaseModel]:
    lists: dict[str, Any] = {
        TABLES[letter].key: (list[model], Field(default_factory=list, max_length=RECORD_IDS_MAX))
        for letter, model in FACTS.items()
    }
    example: dict[str, Any] = {"student": _EXAMPLES["S"]} | {
        TABLES[letter].key: [_EXAMPLES[letter]] for letter in "DQE"
    }
    return create_model(
        "StudentRows",
        __doc__="One student in the file's shape: the S row with its child rows. Rows not named are left as they are.",
        __config__=ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [example]}),
        student=(STUDENT, Field(default_factory=STUDENT)),
        **lists,
    )


STUDENT_ROWS: Final = _student_body()
"""Body of PUT /v1/records/{state}/{ssid}."""
