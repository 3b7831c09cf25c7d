"""A state's files: history by night, one file with what was refused of it, and the page from which one is sent.

Invariant: these pages hold counts, codes and numbers of rows, and nothing of a child; the answers to the rows are
downloaded from the API, which discloses each piece. A file is sent to the API too, so that it passes the same checks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from fastapi import APIRouter, Request
from psycopg import AsyncConnection
from starlette.responses import Response

from api import progress
from api.console.navigation import FIGURES
from api.console.nights import SHOWN, Awaited, Picture, awaited, picture, silent
from api.console.pages import page
from api.console.visits import Visit, permitted
from api.console.words import LANGUAGES, N_
from api.findings import Findings, findings
from api.openapi import Direct, does, operation_id
from api.principal import decided, who
from api.problems import Fault, Invalid
from api.progress import INTERRUPTED
from api.reading import ask, at_least
from api.requests import at_least_of, page_of
from api.services import Services
from ledger import mde, rulebook
from ledger.access import Subject, decide
from ledger.errors import NotFound
from ledger.mde import STATES, TABLES
from ledger.rulebook import RULES
from projections import submissions, submissions_watch
from projections.as_of import AsOf
from projections.submissions import Cursor, Submission
from projections.submissions_watch import Files, Night

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)

RECENT: Final = timedelta(days=7)
COMMAND: Final = "sojourn submit FILE --response ANSWERS.csv"
"""Of whoever has no scripts."""
PASSING: Final = ("waiting", "applying")
"""Statuses that change by themselves."""


class StateNow(NamedTuple):
    """How one state stands. files: None where it never sent one that was received. night: that was last awaited."""

    state: str
    zone: str
    hour: int
    files: Files | None
    night: Awaited | None
    silent: bool
    last: datetime | None
    picture: Picture


@router.get("/submissions", openapi_extra=does("submission.read"))
async def history(request: Request) -> Response:
    """Of the reader's own state; who reads of every state chooses one, or sees how each stands. Raises Invalid,
    OtherState."""
    here = await permitted(request)
    services, several = here.services, _several(here)
    state = _chosen(here, several=several)
    limit, begun = page_of(request)
    after = None if begun is None else Cursor(begun)

    async def look() -> tuple[AsOf, list[Submission]]:
        return await ask(services.reads, lambda conn: submissions.page(conn, state, after, limit))

    _, rows = await at_least(services, submissions.PROJECTION.name, at_least_of(request), look)
    standing, known = await _standing(services, state)
    return page(
        here,
        "submissions/history.html",
        rows=await asyncio.to_thread(lambda: [progress.listed(services.ledger, row) for row in rows]),
        more=str(rows[-1].begun) if len(rows) == limit else None,
        older=after is not None,
        standing=standing,
        zones={one.state: one.zone for one in standing},
        state=state,
        states=sorted(known) if several else [],
        several=several,
        statuses=STATUSES,
        may_send=here.may("submission.send"),
    )


@router.get("/submissions/new", openapi_extra=does("submission.send"))
async def new(request: Request) -> Response:
    """Where a file is dropped: its script sends it to the API, and leads to its page."""
    here = await permitted(request)
    codes = [code for code, rule in RULES.items() if rule.level == "file"]
    refused = {
        (code, element): words
        for code in codes
        for element in ("", *_OF_THE_HEADER)
        if (words := _rule_words(code, element, here.language)) and ("{" in RULES[code].message) is bool(element)
    }
    state = here.signed_in.state
    return page(here, "submissions/new.html", state=state, refused=refused, problems=PROBLEMS, command=COMMAND)


@router.get("/submissions/{id}", openapi_extra=does("submission.read"))
async def one(request: Request) -> Response:
    """How far a file has come, and what was found in it. Raises NotFound, OtherState."""
    here = await permitted(request)
    services, submission = here.services, str(request.path_params["id"])
    state = submission[:2]
    decided(here.signed_in, "submission.read", Subject(states=(state,)))

    async def look() -> tuple[AsOf, Submission | None]:
        return await ask(services.reads, lambda conn: submissions.one(conn, submission))

    _, row = await at_least(services, submissions.PROJECTION.name, at_least_of(request), look)
    told = await asyncio.to_thread(progress.told, services.ledger, submission, row)
    if not told:
        raise NotFound("There is no such submission.", remedy="See /submissions.")
    passing = told["status"] in PASSING
    found: Findings | None = None
    if row is not None and not passing and told["status"] != "refused":
        found = await asyncio.to_thread(findings, services.ledger, submission, here.language)
    profile = (await asyncio.to_thread(services.ledger.profile, state)) if state in STATES else None
    return page(
        here,
        "submissions/one.html",
        told=told,
        passing=passing,
        problem=_problem(told, here.language),
        found=found,
        statuses=STATUSES,
        zone=profile.time_zone if profile else "UTC",
        kept_days=profile.response_days if profile else None,
        may_send=here.may("submission.send"),
    )


async def with_refusals(here: Visit) -> int | None:
    """Figure of the first page: files of the last seven days of which something was refused."""
    services, since = here.services, here.services.clock() - RECENT
    state = None if _several(here) else here.signed_in.state

    async def count(conn: AsyncConnection[Any]) -> int:
        return await submissions_watch.with_refusals(conn, state, since)

    return await ask(services.reads, count)


# -- inside


def _several(here: Visit) -> bool:
    """Whether he reads of every state."""
    return decide(who(here.signed_in), "submission.read").scope == "any"


def _chosen(here: Visit, *, several: bool) -> str | None:
    """The state that is asked for, else the reader's own; None for all of them. Raises Invalid, OtherState."""
    asked = here.request.query_params.get("state") or (None if several else here.signed_in.state)
    if asked is None:
        return None
    if asked not in STATES:
        fault = Fault("query:state", None, "state", "It is no state.")
        raise Invalid("The state is not known.", remedy="Choose one of the list.", faults=[fault])
    decided(here.signed_in, "submission.read", Subject(states=(asked,)))
    return asked


async def _standing(services: Services, state: str | None) -> tuple[Sequence[StateNow], Sequence[str]]:
    """How a state stands, or all that ever sent a file, the silent ones first; and the names of all these."""

    async def asked(conn: AsyncConnection[Any]) -> tuple[dict[str, Files], list[Night]]:
        return await submissions_watch.files(conn), await submissions_watch.nights(conn, state, SHOWN)

    files, nights = await ask(services.reads, asked)
    now = services.clock()
    wanted = [state] if state is not None else sorted(files)
    found = await asyncio.to_thread(lambda: [_now(services, one, files.get(one), nights, now) for one in wanted])
    return sorted(found, key=lambda one: (not one.silent, one.state)), list(files)


def _now(services: Services, state: str, files: Files | None, nights: Sequence[Night], now: datetime) -> StateNow:
    """Raises StoreUnavailable."""
    jurisdiction = services.ledger.jurisdiction(state)
    profile, night = jurisdiction.profile, awaited(jurisdiction, now)
    last = files.last.completed_at if files is not None and files.last is not None else None
    own = picture([one for one in nights if one.state == state])
    return StateNow(state, profile.time_zone, profile.expected_hour, files, night, silent(night, last), last, own)


class Said(NamedTuple):
    """What is wrong and its remedy, in a language that may be English where there is no other. row: where, unless the
    words say so."""

    what: str
    remedy: str
    language: str
    row: int | None = None


def _problem(told: Mapping[str, Any], language: str) -> Said | None:
    """Why the file that came last was not applied, in the reader's language where a rule refused it."""
    problem = told.get("problem") or {}
    if not problem and told["status"] != "refused":
        return None
    rule, what, remedy = problem.get("rule", told.get("rule")), problem.get("what", ""), problem.get("remedy", "")
    if language != "en" or not problem:
        words = _rule_words(rule, problem.get("element", ""), language) if rule in RULES else None
        if words is not None:
            return Said(*words, language, problem.get("row"))
    said = LANGUAGES[language].gettext
    return Said(said(what), said(remedy), language if said(what) != what else "en")


def _rule_words(code: str, element: str, language: str) -> tuple[str, str] | None:
    """Message and remedy of a rule of whole files; None where they name an element of the header that is not known.
    element: by its name or its key."""
    rule = RULES[code]
    if "{" not in rule.message + rule.remedy:
        return rulebook.words(code, language)
    key = _OF_THE_HEADER.get(element)
    return None if key is None else mde.words(code, "H", key, language)


_OF_THE_HEADER: Final = {
    called: element.key for element in TABLES["H"].elements for called in (element.name, element.key)
}
"""Name and key of each element of the header to its key."""

STATUSES: Final[Mapping[str, tuple[str, str]]] = {
    "waiting": (N_("Waits for its turn"), "careful"),
    "applying": (N_("Being applied"), "careful"),
    "completed": (N_("Applied"), "good"),
    "refused": (N_("Refused as a whole"), "wrong"),
    "failed": (N_("Failed: send it again"), "wrong"),
    INTERRUPTED: (N_("Interrupted: send it again"), "wrong"),
}
"""Status to its words, and the kind of badge."""

PROBLEMS: Final[Mapping[str, tuple[str, str]]] = {
    "other-state": (
        N_("The file is of another state than yours."),
        N_("A state sends only its own facts. Look at the first row of the file."),
    ),
    "submission-late": (
        N_("A later file of your state was applied already."),
        N_("Send the newest file. An older one may be sent as late: it adds what is missing and changes nothing."),
    ),
    "submission-date-reused": (
        N_("Another file of your state came under this Submission Date."),
        N_("Give the new file a Submission Date of its own."),
    ),
    "body-too-large": (N_("The file is too large."), N_("A file has at most 4 GB. Pack its tables as a zip.")),
    "not-signed-in": (N_("Your session has ended."), N_("Sign in again, and send the file again.")),
    "store-unavailable": (
        N_("The file could not be kept just now."),
        N_("Nothing of it was kept. Send it again in a few minutes."),
    ),
    "unsent": (
        N_("The connection broke before the file was there."),
        N_("Send it again: what came twice is taken once."),
    ),
}
"""Type of a problem that sending a file may meet, to its words; ``unsent`` where no answer came."""

OF_UPLOADS: Final = (
    N_("The host that had the file did not come back while answers are kept."),
    N_("Send it again."),
    N_("The host that had the file did not come back, and the submission was completed without it."),
    N_("If it is the same file there is nothing to do. If not, send it again with a Submission Date of its own."),
    N_("The file could not be read from this host's disk any more."),
    N_("Send it again; what was applied of it is then unchanged."),
)
"""What a file's row says of it in English (``ledger.intake.uploads``, ``ledger.intake.applying``)."""

FIGURES["/submissions"] = with_refusals
