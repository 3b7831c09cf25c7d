"""A data administrator's work in a real browser: an easy case by the keyboard alone, a merge that two people make and
one takes back, both languages, a telephone, and no script."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect

from api.app import create_app
from api.services import Services
from projections.projectors import Projectors
from support.casework import ANA, Work
from support.serving import served

Sit = Callable[..., Page]
PHONE = {"width": 390, "height": 844}
OREGON, SECOND, CALIFORNIA = "state-administrator", "second-state-administrator", "california-administrator"


@pytest.fixture
def address(services: Services, projectors: Projectors) -> Iterator[str]:
    """Of a practice space."""
    services.practice = True
    with served(create_app(services)) as address:
        yield address


@pytest.fixture
def sit(browser: Browser, address: str) -> Iterator[Sit]:
    """A tab of a browser of its own, with a seat taken. Whatever its console calls an error, and a request to any other
    host, fails the test."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error":
            wrong.append(message.text)

    def asked(request: Request) -> None:
        if not request.url.startswith(address):
            wrong.append(request.url)

    def sit(seat: str, **more: object) -> Page:
        context = browser.new_context(base_url=address, **more)  # type: ignore[arg-type]
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", heard)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", asked)
        page.goto("/practice")
        page.locator(f'form[action="/practice/{seat}"] button').click()
        expect(page.locator(".whoami")).to_contain_text(seat)
        return page

    yield sit
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def work(services: Services) -> Work:
    return Work(services.ledger)


def near_match(work: Work, number: int) -> str:
    a, b = work.opened("OR", f"OR{number}"), work.opened("CA", f"CA{number}")
    return work.proposals.open_near_match(work.record(a), {work.record(b): 11.5}, ANA).case


def no_barrier(page: Page) -> None:
    found = Axe().run(page)
    serious = [one["id"] for one in found.response["violations"] if one["impact"] in ("serious", "critical")]
    assert serious == [], found.generate_report()


def tabbed_to(page: Page, text: str) -> None:
    """Press Tab until the focus is on a link that says this."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if text in page.evaluate("document.activeElement.matches('a') ? document.activeElement.textContent : ''"):
            return
    pytest.fail(f"Tab never comes to: {text}")


def test_an_easy_case_is_answered_by_one_key_after_reading_without_a_mouse(sit: Sit, work: Work) -> None:
    first, second = near_match(work, 1), near_match(work, 2)
    page = sit(OREGON)
    page.goto(f"/worklist/settled?at_least={work.ledger.log.head()}")  # the read model has come so far
    tabbed_to(page, "Worklist")
    page.keyboard.press("Enter")
    expect(page.locator(".cases li")).to_have_count(2)
    tabbed_to(page, "Near match")
    page.keyboard.press("Enter")
    expect(page.get_by_role("table", name="The two records beside each other")).to_be_visible()
    page.wait_for_load_state()
    page.keyboard.press("y")
    expect(page.get_by_text("Linked now: the two records show as one child.")).to_be_visible()
    assert second in page.url, "the next case opens"
    assert work.closed_as(first).outcome == "settled"
    page.get_by_label("In your own words").press_sequentially("yn", delay=5)
    expect(page.get_by_label("In your own words")).to_have_value("yn")
    switch = page.get_by_label("Answer with one key")
    switch.press("Space")
    page.keyboard.press("n")
    expect(page.locator("kbd").first).to_be_hidden()
    assert second in work.open_cases(), "a key answers nothing where that is switched off"
    switch.press("Space")
    page.keyboard.press("n")
    expect(page.get_by_text("Nothing waits for your office. Thank you.")).to_be_visible()
    assert work.closed_as(second).outcome == "rejected"


def test_a_merge_takes_two_people_and_three_actions_to_take_it_back(sit: Sit, work: Work) -> None:
    one, other = work.opened("OR", "7"), work.opened("OR", "8")
    ana = sit(OREGON)
    ana.goto(f"/students/{one}/merge?at_least={work.ledger.log.head()}")
    ana.get_by_label("Id of the other student").fill(other)
    ana.get_by_role("button", name="Show both").click()
    ana.get_by_role("button", name="Propose the merge").click()
    expect(ana.get_by_text("It waits for:")).to_be_visible()
    luis = sit(SECOND)
    luis.goto(f"/worklist?at_least={work.ledger.log.head()}")
    luis.get_by_role("link", name="Merge to validate").click()
    luis.wait_for_load_state()  # a key means nothing before the page's script is there
    luis.keyboard.press("y")
    expect(luis.get_by_text("Merged now: the two students show as one.")).to_be_visible()
    assert work.shown(one, other) == [one, one]
    ana.goto(f"/worklist/settled?at_least={work.ledger.log.head()}")
    ana.get_by_role("link", name="Merge to validate").click()  # 1: the merge
    ana.get_by_role("link", name="Take the act back").click()  # 2: what that would come to
    expect(ana.get_by_role("heading", name="The children as they are, and as they would be")).to_be_visible()
    assert work.shown(one, other) == [one, one]
    ana.get_by_role("button", name="Take it back now").click()  # 3: done
    expect(ana.get_by_role("heading", name="Taken back")).to_be_visible()
    assert work.shown(one, other) == [one, other]
    expect(ana.get_by_role("link", name="Reversal to validate")).to_be_visible()


def test_pages_have_no_barrier_in_spanish_on_a_telephone(sit: Sit, work: Work) -> None:
    case = near_match(work, 1)
    one, other = work.opened("OR", "7"), work.opened("CA", "8")
    act = work.merged_act(one, other)
    at = work.ledger.log.head()
    page = sit(OREGON, locale="es-US", viewport=PHONE)
    for path, says in {
        f"/worklist?at_least={at}": "Lista de trabajo",
        f"/worklist/settled?at_least={at}": "Casos resueltos",
        f"/cases/{case}?at_least={at}": "¿Son estos dos expedientes",
        f"/students/{one}/merge?other={other}&at_least={at}": "¿Son estos dos estudiantes",
        f"/students/{one}/split?at_least={at}": "¿Son estos expedientes de varios menores?",
        f"/acts/{act}": "Dos estudiantes se fusionaron.",
        f"/acts/{act}/reversal": "¿Revertir esto?",
    }.items():
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_contain_text(says)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], (
            f"{path} is wider than the screen"
        )
        no_barrier(page)


def test_a_case_is_read_and_answered_without_a_script(sit: Sit, work: Work) -> None:
    case = near_match(work, 1)
    page = sit(CALIFORNIA, java_script_enabled=False)
    page.goto(f"/cases/{case}?at_least={work.ledger.log.head()}")
    expect(page.locator("kbd").first).to_be_hidden()
    page.get_by_role("button", name="No, two children").click()
    expect(page.get_by_text("Kept apart")).to_be_visible()
    assert work.closed_as(case).outcome == "rejected"
