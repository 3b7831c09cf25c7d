"""Every role once, from its seat: what its first page offers leads to its work, and that can be begun."""

from __future__ import annotations

import re
from typing import NamedTuple

import httpx2
from playwright.sync_api import Browser, Page, expect

from api.practice import SEATS
from ledger.access import ROLES
from support.console_walk import practice, practice_app

__all__ = ["practice", "practice_app"]


class Way(NamedTuple):
    """names: of the links that are followed, from the first page on. sees: what stands on the page where they end."""

    names: tuple[str, ...]
    sees: str


WAYS = {
    "registrar": Way(("Daily lists", "Our children now", r"^[A-ZÁÉÍÓÚÑ][\w' .-]+ [A-Z][\w' .-]+$"), "Student id"),
    "counselor": Way(("Some student", "Same child as another: merge"), "other student"),
    "district-administrator": Way(("Worklist",), "Worklist"),
    "regional-administrator": Way(("Worklist",), "Worklist"),
    "state-administrator": Way(("Worklist", "Near match"), "Your answer"),
    "second-state-administrator": Way(("Submissions",), "Submissions"),
    "california-administrator": Way(("Worklist",), "Worklist"),
    "texas-administrator": Way(("Daily lists",), "Moved in, not enrolled"),
    "region-administrator": Way(("State office",), "Set the region"),
    "user-administrator": Way(
        ("Who has access", "auditor@practice.example.org|registrar@practice.example.org"), "Role"
    ),
    "batch-submitter": Way(("Submissions", "Send a file"), "Choose"),
    "recruiter": Way(("Daily lists", "New since"), "New since"),
    "eligibility-reviewer": Way(("Daily lists", "Eligibility ends soon"), "Eligibility ends soon"),
    "government-user": Way(("State offices", "Texas"), "How records are kept"),
    "privacy-officer": Way(("Disclosures",), "Disclosures"),
    "auditor": Way(("Submissions",), "Oregon|OR"),
    "help-desk": Way(("Applications",), "Applications"),
    "operator": Way(("Operations",), "Read models"),
    "parent": Way(("My children",), "My children"),
}


def test_there_is_a_way_for_every_seat_and_a_seat_for_every_role() -> None:
    assert set(WAYS) == {seat.code for seat in SEATS}
    assert {seat.role for seat in SEATS} == set(ROLES)


def test_every_role_comes_from_its_first_page_to_its_work(browser: Browser, practice: httpx2.Client) -> None:
    address = str(practice.base_url).rstrip("/")
    for seat, way in WAYS.items():
        with browser.new_context(locale="en-US") as context:
            context.set_default_timeout(15_000)
            page = context.new_page()
            page.goto(f"{address}/practice")
            page.locator(f'form[action="/practice/{seat}"] button').click()
            page.wait_for_url(f"{address}/")
            for name in way.names:
                _follow(page, name)
            expect(page.locator("body"), seat).to_contain_text(re.compile(way.sees))


def _follow(page: Page, name: str) -> None:
    """The first link of that name in what the page holds."""
    main = page.get_by_role("main")
    if name == "Some student":
        main.locator(".ids a").first.click()
    else:
        main.get_by_role("link", name=re.compile(name)).first.click()
    page.wait_for_load_state()
