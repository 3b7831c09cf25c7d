"""Every error as one JSON shape, RFC 9457, and the one table that says which status an error has.

Invariant: a problem never holds a child's value. Its words come from errors that are raised on purpose, and name
elements, rules and remedies; of what was sent only the header of a file is quoted. An error that nobody raised on
purpose is answered with the id of the request and nothing else.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any, Final, NamedTuple

import orjson
import psycopg
import pydantic
import structlog
from fastapi.exceptions import RequestValidationError
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.console.words import N_
from ledger import errors, telemetry
from ledger.store.database import translate

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 1

log = structlog.get_logger()


class Fault(NamedTuple):
    """One thing that is wrong with a request: where, what against which rule, and how to mend it."""

    pointer: str
    element: str | None
    rule: str | None
    message: str
    remedy: str = ""

    def as_json(self) -> dict[str, Any]:
        """The pointer "" is the whole body (RFC 6901)."""
        said = {key: value for key, value in self._asdict().items() if value}
        return {**said, "pointer": self.pointer}


class Unsent(errors.LedgerError):
    """Base of what is wrong with a request before the ledger hears of it. faults: each place that is wrong."""

    code = "bad-request"

    def __init__(self, what: str, *, remedy: str = "", faults: Sequence[Fault] = ()) -> None:
        super().__init__(what, remedy=remedy)
        self.faults = tuple(faults)


class Malformed(Unsent):
    code = "malformed-json"


class Invalid(Unsent):
    code = "invalid-request"


class RowRefused(Unsent):
    code = "row-refused"


class BodyTooLarge(Unsent):
    """close: the connection must end, since the body may have no end."""

    code = "body-too-large"
    close = False


class TooSlow(Unsent):
    """The connection ends, since what is left of the request may never come."""

    code = "request-too-slow"
    close = True


class UnsupportedMedia(Unsent):
    code = "unsupported-media-type"


class NotSignedIn(Unsent):
    code = "not-signed-in"


class ProviderUnavailable(errors.Unavailable):
    """The OpenID provider does not answer, or not in a form that can be used."""

    code = "provider-unavailable"


class CsrfRefused(Unsent):
    """A browser's request that another site may have made it send (``api.csrf``)."""

    code = "csrf-refused"


class TooOften(Unsent):
    """after_s: seconds until the same request would be taken."""

    code = "too-many-requests"

    def __init__(self, what: str, *, remedy: str = "", after_s: float = 1) -> None:
        super().__init__(what, remedy=remedy)
        self.after_s = max(1, math.ceil(after_s))


class NoSuchPath(Unsent):
    code = "no-such-path"


class MethodNotAllowed(Unsent):
    code = "method-not-allowed"


class Status(NamedTuple):
    status: int
    title: str


STATUSES: Final[Mapping[type[errors.LedgerError], Status]] = {
    errors.OtherState: Status(403, N_("Another state's record")),
    errors.UnknownState: Status(422, N_("No such state")),
    errors.Refused: Status(422, N_("Refused by a rule")),
    errors.NotFound: Status(404, N_("Not found")),
    errors.Gone: Status(410, N_("Destroyed, as a schedule says")),
    errors.Forbidden: Status(403, N_("Not allowed")),
    errors.Conflict: Status(409, N_("In conflict with another change")),
    errors.VersionMoved: Status(412, N_("No longer what was read")),
    errors.Unavailable: Status(503, N_("Not available just now")),
    errors.IntegrityBroken: Status(500, N_("The ledger has stopped itself")),
    errors.LedgerError: Status(500, N_("Internal error")),
    Unsent: Status(400, N_("Bad request")),
    Malformed: Status(400, N_("Not readable as JSON")),
    Invalid: Status(422, N_("Not in the shape that was asked for")),
    RowRefused: Status(422, N_("Refused by a rule")),
    BodyTooLarge: Status(413, N_("Body too large")),
    TooSlow: Status(408, N_("Too slow")),
    UnsupportedMedia: Status(415, N_("Unsupported media type")),
    NotSignedIn: Status(401, N_("Not signed in")),
    CsrfRefused: Status(403, N_("Not allowed")),
    TooOften: Status(429, N_("Too many requests")),
    NoSuchPath: Status(404, N_("No such path")),
    MethodNotAllowed: Status(405, N_("Method not allowed")),
}
"""Family of errors to status: the nearest class above an error decides. The only place that knows."""


def status_of(error: errors.LedgerError) -> Status:
    for family in type(error).__mro__:
        if family in STATUSES:
            return STATUSES[family]
    return STATUSES[errors.LedgerError]


def families() -> dict[str, tuple[Status, type[errors.LedgerError]]]:
    """Every problem type that there is, by the last part of its URI: for ``/problems/{code}`` and its docs."""
    found: dict[str, tuple[Status, type[errors.LedgerError]]] = {}
    waiting: list[type[errors.LedgerError]] = [errors.LedgerError]
    while waiting:
        kind = waiting.pop()
        waiting.extend(kind.__subclasses__())
        found.setdefault(kind.code, (next(STATUSES[k] for k in kind.__mro__ if k in STATUSES), kind))
    return found


def problem(error: errors.LedgerError, request_id: str | None, headers: Mapping[str, str] | None = None) -> Response:
    """The answer to an error that was raised on purpose."""
    status, title = status_of(error)
    telemetry.HTTP_PROBLEMS.labels(error.code).inc()
    body: dict[str, Any] = {
        "type": f"/problems/{error.code}",
        "title": title,
        "status": status,
        "detail": error.what,
    }
    if error.remedy:
        body["remedy"] = error.remedy
    if request_id is not None:
        body["request_id"] = request_id
    body.update(getattr(error, "members", None) or {})
    if faults := faults_of(error):
        body["errors"] = [fault.as_json() for fault in faults]
    sent = dict(headers or {})
    if error.replayed:
        sent["Idempotency-Replayed"] = "true"
    if status == 503 or isinstance(error, errors.StillRunning):
        sent.setdefault("Retry-After", str(RETRY_AFTER_S))
    if isinstance(error, TooOften):
        sent["Retry-After"] = str(error.after_s)  # RFC 6585 4, in seconds as RFC 9110 10.2.3 has it
    if isinstance(error, BodyTooLarge | TooSlow) and error.close:
        sent["Connection"] = "close"
    if status == 401:
        sent.setdefault("WWW-Authenticate", 'Bearer realm="sojourn"')
    return Response(orjson.dumps(body), status, sent, MEDIA_TYPE)


def faults_of(error: errors.LedgerError) -> tuple[Fault, ...]:
    """What is wrong, place by place, where an error knows."""
    if isinstance(error, Unsent):
        return error.faults
    if isinstance(error, errors.SubmissionRefused):
        # A file has rows, and no JSON to point into.
        parts = {"table": error.table, "row": error.row, "element": error.element}
        place = ",".join(f"{name}:{part}" for name, part in parts.items() if part is not None)
        return (Fault(place, error.element, error.rule, error.what, error.remedy),)
    if error.element is not None:
        rule = getattr(error, "rule", None)
        where = "query:" if isinstance(error, errors.NoSuchPoint) else "/"
        place = getattr(error, "place", None) or f"{where}{error.element}"
        return (Fault(place, error.element, rule, error.what, error.remedy),)
    return ()


def as_ours(error: Exception) -> errors.LedgerError | None:
    """Our error for one that a library raised, or None where it is a defect of ours."""
    match error:
        case errors.LedgerError():
            return error
        case RequestValidationError():
            return Invalid(
                "The request is not in the shape that was asked for.",
                remedy="See /openapi.json.",
                faults=[Fault(_parameter(e["loc"]), None, e["type"], _words(e)) for e in error.errors()],
            )
        case HTTPException():
            return _of_status(error)
        case PoolTimeout() | TooManyRequests() | PoolClosed():
            return errors.StoreUnavailable("No connection to the database came free in time.", remedy="Send it again.")
        case psycopg.Error():
            return translate(error)
        case _:
            return None


def _of_status(error: HTTPException) -> errors.LedgerError:
    match error.status_code:
        case 404:
            return NoSuchPath("Nothing is served under this path.", remedy="See /openapi.json.")
        case 405:
            return MethodNotAllowed("This path does not take this method.", remedy="See the header Allow.")
        case 413:
            return BodyTooLarge("The body is too large.")
        case 415:
            return UnsupportedMedia("This media type is not taken here.")
        case _:
            return Unsent("The request cannot be read.")


async def answer(request: Request, error: Exception) -> Response:
    """Exception handler of the app for every error, ours or not."""
    request_id: str | None = request.scope.get("sojourn.request_id")
    from api.console.refusals import refusal, wants_page  # which answer with the errors of this module
    from api.gone import or_gone

    ours = as_ours(error)
    if ours is not None and ours.asked_for is not None:
        try:
            ours = await or_gone(request.app.state.services.ledger, ours)
        except errors.LedgerError as failed:
            ours = failed
    if ours is None:
        # The message stays out of the log as well: a library may quote a value in it.
        log.error("defect", request=request_id, exc_info=error)
        ours = errors.LedgerError(
            "Something went wrong here that should not have.",
            remedy="Report it with the request's id. A mutation may have been done: send it again with the same key.",
        )
    elif status_of(ours).status >= 500:
        log.warning("unavailable", request=request_id, problem=ours.code, what=ours.what, remedy=ours.remedy)
    if wants_page(request):
        telemetry.HTTP_PROBLEMS.labels(ours.code).inc()
        return await refusal(request, ours, request_id)
    return problem(ours, request_id, _allowed(request) if isinstance(ours, MethodNotAllowed) else None)


def _allowed(request: Request) -> dict[str, str]:
    """The header Allow (RFC 9110, 15.5.6): every method of the path, which may be routes apart."""
    path = getattr(request.scope.get("route"), "path", None)
    routes = [route for route in request.app.routes if getattr(route, "path", None) == path]
    return {"Allow": ", ".join(sorted({method for route in routes for method in route.methods or ()}))}


def malformed(error: pydantic.ValidationError, known: Sequence[str]) -> errors.LedgerError:
    """What pydantic found wrong with a body, in our words and without what was sent.

    known: names of elements that the body may hold, to name the one that was likely meant.
    """
    found = error.errors(include_input=False, include_url=False)
    if found[0]["type"] == "json_invalid":
        reason = str(found[0].get("ctx", {}).get("error", ""))
        if reason.startswith("recursion"):
            return Malformed("The body is nested too deeply.", remedy="No body here is nested more than four deep.")
        where = reason.partition(" at line ")[2]
        return Malformed(
            f"The body is not JSON in UTF-8{f' (line {where})' if where else ''}.", remedy="Send JSON in UTF-8."
        )
    faults = [_body_fault(e, known) for e in found[:100]]
    return Invalid("The body is not in the shape that was asked for.", remedy="See /openapi.json.", faults=faults)


def _body_fault(e: Any, known: Sequence[str]) -> Fault:
    location: tuple[str | int, ...] = e["loc"]
    if e["type"] == "extra_forbidden":
        # The name is the client's own text and could be a value in the wrong place: only its place is told, and a
        # name of ours that is near it.
        near = difflib.get_close_matches(str(location[-1]), known, 1)
        remedy = f"Perhaps {near[0]} was meant." if near else "See /openapi.json for the names."
        return Fault(pointer(location[:-1]), None, "unknown-element", "A name here is not known.", remedy)
    # Where names are free, as among the elements of a correction, a name can be the client's own text as well.
    told = tuple(takewhile(lambda part: isinstance(part, int) or part in known, location))
    element = str(told[-1]) if told and isinstance(told[-1], str) else None
    return Fault(pointer(told), element, e["type"].replace("_", "-"), _words(e))


def _words(e: Any) -> str:
    """Pydantic's words for the kinds that quote no input; for all others, the kind."""
    if e["type"] in _PLAIN:
        return f"{e['msg']}."
    return f"{e['type'].replace('_', ' ').capitalize()}."


_PLAIN: Final = frozenset(
    {
        "missing",
        "string_type",
        "int_type",
        "int_parsing",
        "list_type",
        "dict_type",
        "model_type",
        "model_attributes_type",
        "greater_than",
        "greater_than_equal",
        "less_than",
        "less_than_equal",
        "string_too_long",
        "string_too_short",
        "too_long",
        "too_short",
        "string_pattern_mismatch",
        "literal_error",
    }
)


def pointer(location: Sequence[str | int]) -> str:
    """A JSON pointer (RFC 6901) to a place in the body."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in location)


def _parameter(location: Sequence[str | int]) -> str:
    """Where a parameter stands: ``query:limit``, or a pointer where it is in the body."""
    if location and location[0] == "body":
        return pointer(location[1:])
    return ":".join(str(part) for part in location)
