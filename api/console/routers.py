"""The pages' routes, for the app to put in."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from api.console import help as helping
from api.console import (
    home,
    lists,
    operations,
    practice,
    record,
    refusals,
    submissions,
)

ROUTERS: Final[tuple[APIRouter, ...]] = (
    home.router,
    helping.router,
    lists.router,
    operations.router,
    practice.router,
    record.router,
    refusals.router,
    submissions.router,
)
