"""The application: routes, errors, the edge, and what lives as long as the event loop.

Invariant: everything it needs is in ``Services``; it reads no setting and opens no database of its own accord.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from importlib.metadata import version
from typing import Any, Final

import orjson
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from api import problems
from api.console import routers as console
from api.edge import Edge
from api.openapi import Direct, document, does
from api.rate_limit import RateLimit
from api.routes import (
    accounts,
    acts,
    admitted,
    applications,
    attachments,
    cases,
    contacts,
    diff,
    disclosures,
    disposals,
    events,
    families,
    health,
    history,
    jurisdictions,
    lists,
    me,
    policies,
    proofs,
    records,
    reports,
    retention,
    saved_lists,
    search,
    students,
    submissions,
    worklist,
)
from api.schemas import admission, linkage
from api.schemas import disclosures as accounted
from api.schemas import history as trail
from api.schemas import jurisdictions as office
from api.schemas import lists as daily
from api.schemas import retention as kept
from api.schemas.elements import (
    FACTS,
    STUDENT_ROWS,
    CorrectionBody,
    ResidencyBody,
    RetractionBody,
    WithdrawalBody,
)
from api.schemas.search import SearchBody
from api.sending import Profiles
from api.services import Services
from api.shortcut import Shortcut
from ledger.access import PUBLIC
from ledger.errors import LedgerError

BODIES: Final = (
    STUDENT_ROWS,
    *FACTS.values(),
    WithdrawalBody,
    ResidencyBody,
    CorrectionBody,
    RetractionBody,
    SearchBody,
    *accounted.BODIES,
    *trail.BODIES,
    *office.BODIES,
    *linkage.BODIES,
    *admission.BODIES,
    *daily.BODIES,
    *kept.BODIES,
)
_WRITES: Final = (400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 500, 503)
STATUSES: Final = {
    "get": (400, 401, 403, 404, 422, 429, 500, 503),
    "put": _WRITES,
    "post": _WRITES,
    "delete": (400, 401, 403, 404, 409, 422, 429, 500, 503),
}
"""Problems that a method may answer."""

log = structlog.get_logger()

_TAGS: Final = [
    {"name": "students", "description": "The consolidated record. Every answer is a disclosure, recorded first."},
    {"name": "lists", "description": "An office's children from day to day, and lists that people keep."},
    {"name": "disclosures", "description": "Who was shown what, by who asked; onward recipients; who reads unusually."},
    {"name": "records", "description": "What a state sends, by the rules of its file."},
    {"name": "submissions", "description": "A state's whole file, and the answer to each of its rows."},
    {"name": "linkage", "description": "Which records are one student: proposed, validated, taken back."},
    {"name": "worklist", "description": "What a person must settle: answer it, assign it, be at it."},
    {"name": "state office", "description": "How a state wants its records kept, and whom to ask there."},
    {"name": "access", "description": "Applications, accounts and trainings: who may sign in, and as what."},
    {"name": "papers", "description": "Signed forms and certificates of applications for access, sealed."},
    {"name": "retention", "description": "How long what is kept, what is held, and disposals with their certificates."},
    {"name": "proofs", "description": "Checkpoints, tiles and proofs of both logs: hashes, and nothing of any child."},
    {"name": "feed", "description": "Every event, once and in order: ids, types and links."},
    {"name": "operations", "description": "Health and metrics."},
]


def create_app(services: Services) -> FastAPI:
    """The ASGI application over these services. Serve it in one event loop."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            for pool in services.pools:
                # Without waiting: a database that is away is told by /readyz and by each answer, not by a failed start.
                await pool.open(wait=False)
                stack.push_async_callback(pool.close)
            stack.callback(services.credentials.close)
            if services.openid is not None:
                stack.push_async_callback(services.openid.aclose)
            await stack.enter_async_context(services.announcements.listening())
            stack.enter_context(_quiet(asyncio.get_running_loop()))
            yield

    app = FastAPI(
        title="Sojourn",
        summary="A record ledger for children who move.",
        description="States send what they know of a child; whoever may, reads one consolidated record.",
        version=version("sojourn"),
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_tags=_TAGS,
        lifespan=lifespan,
        docs_url=None,  # FastAPI's own page loads its parts from another host
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        middleware=[Middleware(Edge)],
        # A span or a metric of FastAPI's would carry paths, which hold ids of children; the edge counts templates.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.services = services
    app.state.students = students.looks_over(services)
    services.ledger.admissions.watch(services.standings.forget)
    app.state.profiles = Profiles(services.ledger)
    for kind in (LedgerError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, problems.answer)
    # In the order in which requests come most often: the router tries one after the other.
    for router in (
        students.router,
        history.router,
        diff.router,
        acts.router,
        cases.router,
        worklist.router,
        records.router,
        search.router,
        saved_lists.router,
        lists.router,
        submissions.router,
        attachments.router,
        events.router,
        jurisdictions.router,
        contacts.router,
        applications.router,
        admitted.router,
        accounts.router,
        me.router,
        families.router,
        policies.router,
        disclosures.router,
        reports.router,
        proofs.router,
        retention.router,
        disposals.router,
        health.router,
        *console.ROUTERS,
    ):
        app.router.routes.extend(router.routes)
    schema = _Schema(app)
    app.openapi = schema.read
    app.router.routes.append(
        Direct("/openapi.json", schema.answer, include_in_schema=False, openapi_extra=does(PUBLIC))
    )
    # Within the edge, which counts, logs and turns errors into answers for whatever lies inside.
    if services.limits is not None:
        app.user_middleware.append(Middleware(RateLimit, limits=services.limits))
    app.user_middleware.append(Middleware(Shortcut, routes=app.router.routes))
    return app


@contextlib.contextmanager
def _quiet(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Log what the event loop has to say of an error that nobody waited for, without its words.

    Its own handler writes the error, or the arguments of a callback, into the message, which a log takes as it is.
    """

    def tell(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        said = " ".join(str(context.get("message", "")).split()[:3])  # which kind of trouble; then values may begin
        log.error("event-loop", said=said, exc_info=context.get("exception"))

    before = loop.get_exception_handler()
    loop.set_exception_handler(tell)
    try:
        yield
    finally:
        loop.set_exception_handler(before)


class _Schema:
    """The app's OpenAPI document, made when somebody first asks for it."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._made: dict[str, Any] | None = None

    def read(self) -> dict[str, Any]:
        if self._made is None:
            self._made = document(self._app, BODIES, STATUSES)
        return self._made

    async def answer(self, _: Request) -> Response:
        return Response(orjson.dumps(self.read()), media_type="application/json")
