"""The schema is right: it is valid, whole, and its examples fit. Whether it is held: ``test_hostile_requests``."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator
from starlette.testclient import TestClient

from api.app import BODIES
from api.schemas.elements import STUDENT_ROWS


@pytest.fixture
def schema(client: TestClient) -> dict[str, Any]:
    return client.get("/openapi.json").json()


def test_every_reference_resolves_and_every_body_has_an_example(schema: dict[str, Any]) -> None:
    known = schema["components"]["schemas"]
    for model in BODIES:
        [*examples] = known[model.__name__]["examples"]
        assert examples, model.__name__

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if "$ref" in node:
                assert node["$ref"].rpartition("/")[2] in known, node["$ref"]
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(schema)


def test_examples_fit_their_schemas(schema: dict[str, Any]) -> None:
    for name, model in schema["components"]["schemas"].items():
        for example in model.get("examples", ()):
            whole = {**model, "components": schema["components"]}
            errors = list(Draft202012Validator(whole).iter_errors(example))
            assert not errors, (name, errors)


def test_every_operation_has_a_name_a_summary_and_problems(schema: dict[str, Any]) -> None:
    names = []
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            names.append(operation["operationId"])
            assert operation["summary"], (path, method)
            if path.startswith("/v1"):
                assert operation["security"] == [{"token": []}]
                assert "application/problem+json" in operation["responses"]["401"]["content"]
            if method in ("post", "put"):
                assert "409" in operation["responses"]
    assert len(names) == len(set(names))


def test_no_error_shape_but_ours_is_declared(schema: dict[str, Any]) -> None:
    assert not [name for name in schema["components"]["schemas"] if "Validation" in name]


def test_a_put_s_example_is_taken_as_it_stands(oregon: TestClient) -> None:
    [example] = STUDENT_ROWS.model_json_schema()["examples"]
    answer = oregon.put("/v1/records/OR/OR1", json=example)
    assert answer.status_code == 201, answer.text
    assert {row["outcome"] for row in answer.json()["outcomes"]} == {"accepted"}
