"""The pages' routes, for the app to put in."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from api.console import (
    accounts,
    acts,
    applications,
    cases,
    children,
    disclosures,
    disposals,
    explain,
    families,
    find,
    first_sign_in,
    history,
    holds,
    home,
    linking,
    lists,
    me,
    offices,
    operations,
    oversight,
    parents,
    practice,
    record,
    refusals,
    retention,
    schedules,
    sign_in,
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
    offices.router,
    operations.router,
    parents.router,
    practice.router,
    record.router,
    refusals.router,
    submissions.router,
    worklist.router,
    sign_in.router,
    first_sign_in.router,
    me.router,
    applications.router,
    accounts.router,
    families.router,
    oversight.router,
    retention.router,
    schedules.router,
    holds.router,
    disposals.router,
    explain.router,
)
