"""The pages' routes, for the app to put in."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from api.console import help as helping
from api.console import home, lists, practice, record, refusals

ROUTERS: Final[tuple[APIRouter, ...]] = (
    home.router,
    helping.router,
    practice.router,
    record.router,
    lists.router,
    refusals.router,
)
