"""The pages' routes, for the app to put in."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from api.console import (
    acts,
    cases,
    children,
    disclosures,
    find,
    history,
    home,
    linking,
    lists,
    operations,
    parents,
    practice,
    record,
    refusals,
    submissions,
    worklist,
)
from api.console import help as helping

ROUTERS: Final[tuple[APIRouter, ...]] = (
    home.router,
    acts.router,
    cases.router,
    children.router,
    disclosures.router,
    find.router,
    helping.router,
    history.router,
    linking.router,
    lists.router,
    operations.router,
    parents.router,
    practice.router,
    record.router,
    refusals.router,
    submissions.router,
    worklist.router,
)
