"""Requests that schemathesis makes up from the schema, sent to the app in this process, and what is answered.

An answer is judged by every check that schemathesis has of an answer by itself, and by what this service promises: no
credential, no answer; never too many requests, which is another test's.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import hypothesis
import requests
import schemathesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.generation.modes import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from api.openapi import ACTION
from ledger.access import PUBLIC

BASE: Final = "http://testserver"
CHECKS: Final = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
"""Not asked: whether all that fits is taken, since a state's rules go beyond any schema (30 February is a string); nor
whether all that does not fit is refused, since a value that a file only warns of is taken here as well."""
ANSWERED_WITHOUT: Final = 503
"""The one status of our own fault that is promised: the store is away, or a read model behind."""


Known = Mapping[tuple[str, str], Sequence[str]]
"""Ids that are there, by the family of the path and the name in the path or the body."""


class Wrong(NamedTuple):
    """One answer that should not have been. told: what is wrong with it, with the line that asks again."""

    operation: str
    role: str | None
    status: int
    told: str


class Hostile:
    """Sends what is made up, as each of these roles by turns. secrets: role to its token; nobody has none.

    Each asks first what the schema itself shows, of what is known to be there, so that things are done as well as
    refused. known: stands in every other request after that. seed: the same one makes up the same requests.
    as_each: what is made up is sent as each role, one after the other, which is quicker than to make up as much anew.
    """

    def __init__(
        self,
        client: TestClient,
        secrets: Mapping[str | None, str | None],
        known: Known,
        *,
        seed: int,
        as_each: bool = False,
    ) -> None:
        self.asked: Counter[tuple[str, str | None]] = Counter()
        self.statuses: Counter[int] = Counter()
        self.wrong: list[Wrong] = []
        self._client = client
        self._secrets = list(secrets.items())
        self._known = known
        self._seed = seed
        self._turn = 0
        self._as_each = as_each

    def ask(self, cases: int) -> None:
        """Ask every operation equally often, with data that fits and with data that does not, this often at least; and
        where all is sent as each role, as each this often."""
        # What takes away comes last, so that the others find something there.
        operations = sorted(_operations(self._client), key=lambda one: one.method.lower() == "delete")
        each = -(-cases // len(operations))
        for operation in operations:
            for _ in self._secrets:
                self._send(_as_shown(operation), as_shown=True)
        for operation in operations:
            self._ask_one(operation, -(-each // 2), GenerationMode.POSITIVE)
            self._ask_one(operation, -(-each // 2), _other_mode(operation))

    def told(self) -> str:
        """The first of what was wrong, to be asked again."""
        first = "\n\n".join(f"{one.operation} as {one.role}: {one.status}\n{one.told}" for one in self.wrong[:5])
        return f"{len(self.wrong)} answers are wrong, with seed {self._seed}; the first:\n\n{first}"

    def _ask_one(self, operation: Any, cases: int, mode: GenerationMode) -> None:
        # The number makes every example another one also where an operation takes nothing that could differ.
        @hypothesis.seed(self._seed)
        @hypothesis.settings(
            max_examples=cases,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=(HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large),
        )
        @hypothesis.given(case=operation.as_strategy(generation_mode=mode), number=st.integers())
        def send(case: Any, number: int) -> None:
            for _ in self._secrets if self._as_each else (None,):
                self._send(case)

        send()

    def _send(self, case: Any, *, as_shown: bool = False) -> None:
        self._turn += 1
        role, secret = self._secrets[self._turn % len(self._secrets)]
        if as_shown:
            self._name_what_is_there(case, 0)
        elif self._turn // len(self._secrets) % 2:
            self._name_what_is_there(case, self._turn)
        operation = case.operation
        headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
        prepared: Any = requests.Request(**case.as_transport_kwargs(BASE)).prepare()
        prepared.headers.pop("Authorization", None)  # what is made up of it is another test's
        prepared.headers.update(headers)
        answer = self._client.request(
            prepared.method,
            prepared.url,
            content=prepared.body,
            headers=[(_wire(name), _wire(value)) for name, value in prepared.headers.items()],
            follow_redirects=False,
        )
        self.asked[operation.label, role] += 1
        self.statuses[answer.status_code] += 1
        told = self._judged(case, answer, headers)
        if told:
            self.wrong.append(Wrong(operation.label, role, answer.status_code, told))

    def _name_what_is_there(self, case: Any, number: int) -> None:
        family = f"{case.path}//".split("/")[2]
        for values in (case.path_parameters, case.body):
            for name in list(values) if isinstance(values, dict) else ():
                there = self._known.get((family, name))
                if there:
                    values[name] = there[number % len(there)]

    def _judged(self, case: Any, answer: Any, headers: dict[str, str]) -> str:
        """What is wrong with an answer; nothing where it is as it should be."""
        public = case.operation.definition.raw.get(ACTION) == PUBLIC
        said = []
        if answer.status_code >= 500 and answer.status_code != ANSWERED_WITHOUT:
            said.append("our fault")
        if answer.status_code == 429:
            said.append("too many requests")
        if not headers and not public and answer.status_code != 401:
            said.append("answered without a credential")
        if headers and answer.status_code == 401:
            said.append("a token that holds is refused")
        if "x-request-id" not in answer.headers:
            said.append("no request id")
        try:
            case.validate_response(answer, checks=CHECKS, headers=headers)
        except FailureGroup as found:
            said.append(str(found))
        if not said:
            return ""
        return "\n".join([*said, case.as_curl_command(headers), answer.text[:300]])


def _wire(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1", "replace")


def _operations(client: TestClient) -> Iterator[Any]:
    schema: Any = client.app.openapi()  # type: ignore[attr-defined]
    for found in schemathesis.openapi.from_dict(_without_waiting(schema)).get_all_operations():
        assert isinstance(found, Ok), found
        yield found.ok()


def _as_shown(operation: Any) -> Any:
    """The request that the schema itself shows: its examples, of the path and of the body."""
    declared = operation.definition.raw
    content = declared.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    model = operation.schema.raw_schema["components"]["schemas"].get(name, {})
    body = content.get("example") or next(iter(model.get("examples", ())), None)
    return operation.Case(
        path_parameters={
            one["name"]: one.get("example", "none") for one in declared["parameters"] if one["in"] == "path"
        },
        **({} if body is None else {"body": copy.deepcopy(body), "media_type": "application/json"}),
    )


def _other_mode(operation: Any) -> GenerationMode:
    """Where nothing is taken, nothing can be wrong with it."""
    takes = operation.body or operation.path_parameters or operation.query or operation.headers
    return GenerationMode.NEGATIVE if takes else GenerationMode.POSITIVE


def _without_waiting(schema: dict[str, Any]) -> dict[str, Any]:
    """A position that is not reached is a 503 after two seconds, on purpose (test_students.py)."""
    asked = copy.deepcopy(schema)
    for item in asked["paths"].values():
        for operation in item.values():
            operation["parameters"] = [p for p in operation.get("parameters", ()) if p["name"] != "at_least"]
    return asked
