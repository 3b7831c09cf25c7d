"""Whoever sits in whichever seat: every link on every page leads to a page, and every form to a route."""

from __future__ import annotations

import httpx2
from fastapi import FastAPI

from api.practice import SEATS
from support.console_walk import practice, practice_app, walk

__all__ = ["practice", "practice_app"]


def test_every_link_of_every_seat_leads_somewhere(practice: httpx2.Client, practice_app: FastAPI) -> None:
    walked = [walk(practice, practice_app, seat) for seat in SEATS]
    wrong = [fault for one in walked for fault in one.wrong]
    assert not wrong, "\n".join(wrong)
    assert "/students/{id}" in {template for one in walked for template in one.pages}
