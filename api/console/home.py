"""The first page: what waits for whoever looks, and what is loaded where this is practice space.

Invariant: it holds figures and ids, and shows no child. Outside practice space a browser that nobody has signed in with
is told nothing but that the service runs.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, NamedTuple

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.console.family import read_once
from api.console.navigation import FIGURES, Entry, items
from api.console.pages import KINDS, STATIC, page, seen_other
from api.console.visits import Visit, visit
from api.cookies import plain_cookie
from api.entering import path_to
from api.language import COOKIE, LANGUAGES
from api.openapi import Direct, does, operation_id
from api.problems import NoSuchPath
from api.reading import ask
from ledger.access import PUBLIC, Subject
from ledger.errors import Unavailable
from projections import students

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)

SAMPLES: Final = 40
FIGURES_S: Final = 2.0
"""How long the first page waits for a figure; without it the page is shown all the same."""
ANY_CHILD: Final = Subject((), ())
"""Of whom no state is known: only a rule that reaches everybody lets somebody read her."""
YEAR_S: Final = 31_536_000


class Card(NamedTuple):
    """An entry of the first page. figure: how much waits there; None where that is not told."""

    entry: Entry
    figure: int | None


class Loaded(NamedTuple):
    """What practice space holds. by_state: state, open and retracted records. samples: ids of students, for who may
    read any."""

    by_state: list[tuple[str, int, int]]
    samples: list[str]


@router.get("/", openapi_extra=does(PUBLIC))
async def home(request: Request) -> Response:
    """What waits for whoever has signed in; for others where to."""
    here = await visit(request)
    if here.session is not None and here.principal is None:
        return seen_other("/me")  # he has signed in, and there he learns why nothing else answers him
    entries = items(here)
    figures = await asyncio.gather(*(_figure(here, entry) for entry in entries))
    cards = [Card(entry, figure) for entry, figure in zip(entries, figures, strict=True)]
    loaded = await _loaded(here) if here.practice else None
    return page(here, "home.html", cards=cards, loaded=loaded, family=await read_once(here))


@router.get("/language/{language}", openapi_extra=does(PUBLIC))
async def choose_language(request: Request) -> Response:
    """Pages are in this language from now on, in this browser."""
    language = request.path_params["language"]
    if language not in LANGUAGES:
        raise NoSuchPath("There are no pages in this language.", remedy="Choose en or es.")
    answer = RedirectResponse(path_to(request.query_params.get("return_to")), 303, {"Cache-Control": "no-store"})
    answer.headers.append("Set-Cookie", plain_cookie(COOKIE, language, request.scope, max_age_s=YEAR_S))
    return answer


@router.get("/static/{name}", openapi_extra=does(PUBLIC))
async def static(request: Request) -> Response:
    """What a page loads beside itself. Its address changes with it, so it is kept for a year."""
    name: str = request.path_params["name"]
    if name not in STATIC:
        raise NoSuchPath("There is no such file.", remedy="Load the page again.")
    kind = KINDS[name.rpartition(".")[2]]
    headers = {"Cache-Control": f"public, max-age={YEAR_S}, immutable"}
    return Response(STATIC[name], headers=headers, media_type=kind)


@router.get("/favicon.ico", openapi_extra=does(PUBLIC))
async def icon(_: Request) -> Response:
    """What a browser asks for by itself, on pages that name no icon."""
    return Response(STATIC["icon.svg"], headers={"Cache-Control": "public, max-age=86400"}, media_type=KINDS["svg"])


async def _figure(here: Visit, entry: Entry) -> int | None:
    figure = FIGURES.get(entry.path)
    if figure is None:
        return None
    try:
        async with asyncio.timeout(FIGURES_S):
            return await figure(here)
    except (TimeoutError, Unavailable):
        return None


async def _loaded(here: Visit) -> Loaded:
    reads = here.services.reads
    counts: list[Any] = await ask(reads, students.counts)
    samples = await ask(reads, lambda connection: students.sample(connection, SAMPLES))
    if here.principal is not None and not here.may("student.read", ANY_CHILD):
        samples = []
    records = {(count.state, count.status): count.records for count in counts}
    by_state = [
        (state, records.get((state, "open"), 0), records.get((state, "retracted"), 0))
        for state in sorted({count.state for count in counts})
    ]
    return Loaded(by_state, list(samples))
