"""The schema of the API, OpenAPI 3.1, beside what FastAPI derives by itself.

The busy routes read their requests by hand (``Direct``), which FastAPI's documentation allows when the body's schema is
given along; this module gives it. Invariant: every route that can fail declares the one shape of problems.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import Response

from api.problems import MEDIA_TYPE
from api.rate_limit import FREE
from api.schemas.answers import Problem
from ledger.access import ACTIONS, PUBLIC
from ledger.mde import STATES

ACTION: Final = "x-sojourn-action"
"""The member of a route's schema that names what it does."""
_REF: Final = "#/components/schemas/{model}"
_PROBLEM: Final = {"$ref": _REF.format(model=Problem.__name__)}
_METHODS: Final = ("get", "put", "post", "delete")
GONE: Final[dict[int | str, dict[str, Any]]] = {
    410: {
        "description": "All that there was of the student was destroyed: when, by which schedule, and what proves it.",
        "content": {MEDIA_TYPE: {"schema": _PROBLEM}},
    }
}
"""``responses`` of a route that reads a student."""
_OPEN: Final = ("/livez", "/readyz", "/metrics")

IDEMPOTENCY_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key with the same body gives the first answer again. Kept 90 days.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}
STATE: Final = {
    "name": "state",
    "in": "path",
    "required": True,
    "description": "USPS code of the state that keeps the record.",
    "schema": {"type": "string", "enum": sorted(STATES)},
}
SSID: Final = {
    "name": "ssid",
    "in": "path",
    "required": True,
    "description": "State Student Identifier: the state's own id of the child.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 15},
    "example": "OR5540012",
}
STUDENT_ID: Final = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "Any student id ever issued: 12 digits, the last of them a check digit.",
    "schema": {"type": "string", "pattern": "^[0-9]{12}$"},
}
AT_LEAST: Final = {
    "name": "at_least",
    "in": "query",
    "required": False,
    "description": "Position that the answer must have reached; waits 2 s at most.",
    "schema": {"type": "integer", "minimum": 0, "maximum": 2**63 - 1},
}
AS_OF: Final = {
    "name": "as_of",
    "in": "query",
    "required": False,
    "description": "What was known then: a position of the ledger, or an instant, ISO 8601 with its offset.",
    "schema": {
        "type": "string",
        "pattern": r"^([0-9]{1,19}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,15}(Z|[+-][0-9]{2}:[0-9]{2}))$",
    },
    "example": "2025-09-02T18:00:00-07:00",
}
EFFECTIVE_ON: Final = {
    "name": "effective_on",
    "in": "query",
    "required": False,
    "description": "What was true on that day, by what was known: facts with a date from their date on, others always.",
    "schema": {"type": "string", "format": "date"},
}
POINT_FROM: Final = {**AS_OF, "name": "from", "required": True}
POINT_TO: Final = {**AS_OF, "name": "to", "description": "As `from`; the head of the ledger where it is not sent."}
PURPOSE: Final = {
    "name": "Purpose",
    "in": "header",
    "required": False,
    "description": "What it is read for: kept in the disclosure entry.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]([ -~]*[!-~])?$"},
}
IF_NONE_MATCH: Final = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "ETag of what the client holds. A 304 is a disclosure too.",
    "schema": {"type": "string", "pattern": "^[ -~]*$"},
}


CASE_ID: Final = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "Id of the case.",
    "schema": {"type": "string", "format": "uuid"},
}
UUID: Final = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "Id of the application, account or paper.",
    "schema": {"type": "string", "format": "uuid"},
}
GRANT: Final = {
    "name": "grant",
    "in": "path",
    "required": True,
    "description": "Number of the role in the account.",
    "schema": {"type": "string", "pattern": "^[0-9]{1,9}$"},
}
LIMIT: Final = {
    "name": "limit",
    "in": "query",
    "required": False,
    "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
}
CURSOR: Final = {
    "name": "cursor",
    "in": "query",
    "required": False,
    "description": "From the page before.",
    "schema": {"type": "string", "maxLength": 200},
}


def operation_id(route: APIRoute) -> str:
    """The function's name: what a generated client calls the operation."""
    return route.name


class Direct(APIRoute):
    """A route whose function reads the request itself: on the busy paths solving parameters costs more than answering.

    Its parameters and body are declared by ``operation``.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        return self.endpoint


def does(action: str) -> dict[str, Any]:
    """``openapi_extra`` of a route: what it does, by which it is decided who may (``ledger.access``)."""
    if action != PUBLIC and action not in ACTIONS:
        raise ValueError(f"there is no action {action}")
    return {ACTION: action}


def operation(
    action: str, parameters: Iterable[dict[str, Any]], body: type[BaseModel] | None = None, example: Any = None
) -> dict[str, Any]:
    """``openapi_extra`` of a direct route. action: what it does."""
    extra: dict[str, Any] = {**does(action), "parameters": list(parameters)}
    if body is not None:
        content: dict[str, Any] = {"schema": {"$ref": _REF.format(model=body.__name__)}}
        if example is not None:
            content["example"] = example
        extra["requestBody"] = {"required": True, "content": {"application/json": content}}
    return extra


def document(app: FastAPI, bodies: Iterable[type[BaseModel]], statuses: dict[str, Iterable[int]]) -> dict[str, Any]:
    """The whole schema. bodies: models that direct routes read. statuses: problems by method."""
    schema = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version="3.1.0",
        summary=app.summary,
        description=app.description,
        routes=app.routes,
        license_info=app.license_info,
        tags=app.openapi_tags,
    )
    _, definitions = models_json_schema(
        [*((body, "validation") for body in bodies), (Problem, "serialization")], ref_template=_REF
    )
    components = schema.setdefault("components", {})
    components.setdefault("schemas", {}).update(definitions["$defs"])
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "`sojourn token create` makes one."}
    }
    for path, item in schema["paths"].items():
        for method in _METHODS:
            if method in item:
                _finish(item[method], path, statuses[method])
    return schema


def _finish(declared: dict[str, Any], path: str, statuses: Iterable[int]) -> None:
    """Problems, the token, and none of FastAPI's own error shape, which this API never answers."""
    responses = declared["responses"]
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]
    if path in _OPEN:
        statuses = () if path in FREE else (429,)
    else:
        declared["security"] = [{"token": []}]
    for status in statuses:
        problem = {"description": _DESCRIPTIONS[status], "content": {MEDIA_TYPE: {"schema": _PROBLEM}}}
        if status in (429, 503):
            problem["headers"] = {"Retry-After": _RETRY_AFTER}
        responses.setdefault(str(status), problem)


_RETRY_AFTER: Final = {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}


_DESCRIPTIONS: Final = {
    400: "Not readable: a body that is not JSON, or headers that contradict each other.",
    401: "No token, or one that does not hold.",
    403: "Not allowed, or another state's record.",
    404: "Not there.",
    408: "The body did not come in time.",
    409: "Somebody else was faster; decide anew.",
    413: "Body over 10 MB.",
    415: "Not sent as a media type that is taken here.",
    422: "Refused by a rule; `errors` says where and why.",
    429: "Too many requests in a short time; `Retry-After` says when to go on.",
    500: "Our fault. Nothing about it is told but the request's id.",
    503: "Try again: the store is away, or a read model has not come so far.",
}
