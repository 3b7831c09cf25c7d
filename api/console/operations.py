"""How the service stands, as pictures with their numbers beside them, for who runs it.

Invariant: green stands only where something is known to be good; what cannot be found out says so. The page shows no
child, and no state's data but the names of files that wait.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from babel.dates import format_timedelta
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.console.formats import LOCALES
from api.console.pages import page
from api.console.visits import permitted
from api.console.words import N_
from api.openapi import Direct, does, operation_id
from api.operating import Model, Operating, operating

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)

EVERY_S: Final = 5
"""How often the page's script loads it anew."""
LATE_S: Final = 60.0
"""A read model whose oldest event is older than this is late; below it, it is at work."""
DISK_FREE_MIN: Final = 0.1
"""A disk with less of it free is near its end: a night of every state may not fit."""


@router.get("/operations", openapi_extra=does("operations.read"))
async def operations(request: Request) -> Response:
    """All of it, as it was found for this very answer."""
    here = await permitted(request)
    found = await operating(here.services)
    return page(
        here,
        "operations.html",
        found=found,
        wrong=sum(wrong is not None for wrong in found.checks.values()),
        checks=CHECKS,
        models={model.name: _model(model) for model in found.models},
        logs=LOG_NAMES,
        ages={model.name: _age(model.age_s, here.language) for model in found.models},
        waiting=_ages(found, here.language),
        tallest={head.name: max(head.hour.counts, default=0) if head.hour else 0 for head in found.heads},
        disk_low=found.disk is not None and found.disk[0] < DISK_FREE_MIN * found.disk[1],
        every=EVERY_S,
    )


# -- inside


def _model(model: Model) -> str:
    """What is known of a read model, by the worst of it: a key of the template's words."""
    if model.lag is None or model.runs is None:
        return "unknown"
    if not model.runs:
        return "stopped"
    if model.lag == 0:
        return "current"
    if model.age_s is None:
        return "unknown"
    return "late" if model.age_s > LATE_S else "behind"


def _age(seconds: float | None, language: str) -> str:
    return "" if seconds is None else format_timedelta(timedelta(seconds=seconds), locale=LOCALES[language])


def _ages(found: Operating, language: str) -> list[dict[str, Any]]:
    """Files that wait, and for how long."""
    if found.waiting is None:
        return []
    return [
        {"submission": submission, "since": at, "age": _age((found.at - at).total_seconds(), language)}
        for submission, at in found.waiting.oldest
    ]


CHECKS: Final[Mapping[str, tuple[str, str]]] = {
    "database": (N_("Database"), N_("PostgreSQL answers, and tells positions and heads.")),
    "read models": (N_("Read models"), N_("Each has tables where reads are answered from.")),
    "schema": (N_("Schema"), N_("It is the one that this process began with.")),
    "writer": (N_("Writer"), N_("This process can add to both logs.")),
    "announcements": (N_("News"), N_("This process hears at once what is added.")),
}
"""Check of ``/readyz`` to its name and what it means that it holds."""
LOG_NAMES: Final[Mapping[str, str]] = {"ledger": N_("Ledger"), "access": N_("Access log")}
