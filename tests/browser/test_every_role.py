"""Every role once, from its seat: what its first page offers leads to its work, and that can be begun."""

from __future__ import annotations

import re
from typing import NamedTuple

import httpx2
from playwright.sync_api import Browser, Page

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
    "user-administrator": Way(("Who has access", "Practice"), "Role"),
    "batch-submitter": Way(("Submissions", "Send a file"), "choose it"),
    "recruiter": Way(("Daily lists", "New since"), "New since"),
    "eligibility-reviewer": Way(("Daily lists", "Eligibility ends soon"), "Eligibility ends soon"),
    "government-user": Way(("State offices", "Texas"), "How records are kept"),
    "privacy-officer": Way(("Disclosures",), "Disclosures"),
    "second-privacy-officer": Way(("Retention", "Schedules"), "How long things are kept"),
    "auditor": Way(("Submissions",), "Oregon|OR"),
    "help-desk": Way(("Applications",), "Applications"),
    "operator": Way(("Operations",), "Read models"),
    "parent": Way(("My children",), "My children"),
}


def test_there_is_a_way_for_every_seat_and_a_seat_for_every_role() -> None:
    assert set(WAYS) == {seat.code for seat in SEATS}
    assert {seat.role for seat in SEATS} == set(ROLES)


def test_every_role_comes_from_its_first_page_to_its_work(browser: Browser, practice: httpx2.Client) -> None:
    address, wrong = str(practice.base_url).rstrip("/"), list[str]()
    for seat, way in WAYS.items():
        with browser.new_context(locale="en-US") as context:
            context.set_default_timeout(15_000)
            page = context.new_page()
            page.goto(f"{address}/practice")
            page.locator(f'form[action="/practice/{seat}"] button').click()
            page.wait_for_url(f"{address}/")
            missing = [name for name in way.names if not _follow(page, name)]
            if missing or not re.search(way.sees, page.locator("body").inner_text()):
                wrong.append(f"{seat}: {page.url.removeprefix(address)} {missing}")
    assert not wrong, "\n".join(wrong)


def _follow(page: Page, name: str) -> bool:
    """Follow the first link of that name in what the page holds; whether there is one."""
    main = page.get_by_role("main")
    links = main.locator(".ids a") if name == "Some student" else main.get_by_role("link", name=re.compile(name))
    if not links.count():
        return False
    links.first.click()
    page.wait_for_load_state()
    return True
