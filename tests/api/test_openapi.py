"""The schema is right: it is valid, it is what is enforced, and nothing that fits it breaks the service."""

from __future__ import annotations

import copy
from typing import Any

import httpx2
import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck
from jsonschema_rs import Draft202012Validator
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from starlette.testclient import TestClient

from api.app import BODIES, create_app
from api.schemas.elements import STUDENT_ROWS
from api.services import Services
from projections.projectors import Projectors
from support.bodies import student
from support.serving import served

NOT_ASKED = [
    positive_data_acceptance,  # a state's rules go beyond any schema: 30 February is a string
    negative_data_rejection,  # a value that a file only warns of is taken here as well
]


SETTINGS = hypothesis.settings(
    max_examples=8,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large),
)


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


# The service's connection pool draws from ``random`` in threads of its own, also while a request is being made up.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
def test_nothing_that_is_sent_breaks_it(services: Services, projectors: Projectors, make_token) -> None:
    """Every operation, with data that fits its schema and data that does not: no 5xx, and only declared answers."""
    app = create_app(services)
    sends, sets, settles = (
        {"Authorization": f"Bearer {secret}"}
        for secret in (make_token(), make_token("operator", None), make_token("state_data_administrator"))
    )
    linkage = dict.fromkeys(("merges", "splits", "not-same", "acts", "cases", "policies"), settles)
    who = {"jurisdictions": sets, **linkage}
    with served(app) as base:
        httpx2.put(f"{base}/v1/records/OR/OR1", json=student(), headers=sends).raise_for_status()
        for found in schemathesis.openapi.from_dict(_without_waiting(app.openapi())).get_all_operations():
            assert isinstance(found, Ok), found
            asked = found.ok()
            _, _, family = f"{asked.path}//".split("/")[:3]
            _try(asked, base, who.get(family, sends))


def _without_waiting(schema: dict[str, Any]) -> dict[str, Any]:
    """A position that is not reached is a 503 after two seconds, on purpose (test_students.py)."""
    asked = copy.deepcopy(schema)
    for item in asked["paths"].values():
        for operation in item.values():
            operation["parameters"] = [p for p in operation.get("parameters", ()) if p["name"] != "at_least"]
    return asked


def _try(operation: Any, base: str, headers: dict[str, str]) -> None:
    @hypothesis.given(case=operation.as_strategy())
    @SETTINGS
    def ask(case: Any) -> None:
        case.call_and_validate(base_url=base, headers=headers, excluded_checks=NOT_ASKED)

    ask()
