"""The console in a real browser, as its users have it before them: written from the issue and the pages alone.

One demo for the whole file. Each test has a window of its own and sits down in a seat.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, expect, sync_playwright

from support.parts import need
from support.practice_space import ENE, HTML, LEAP, LONG, NAMELESS, RTL, Practice, file_of, kid

PHONE: Final = {"width": 390, "height": 844}
NARROW: Final = {"width": 320, "height": 640}
Sits = Callable[..., Page]


@pytest.fixture(scope="module")
def browser(practice: Practice) -> Iterator[Browser]:
    """After the demo, so that it ends before it: while it runs this thread has an event loop."""
    chromium = need("chromium")
    with sync_playwright() as playwright:
        # As root, as in a container, Chromium starts without its sandbox only; it opens nothing but our own pages.
        found = playwright.chromium.launch(executable_path=str(chromium), args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def sits(browser: Browser, practice: Practice) -> Iterator[Sits]:
    """Opens windows of people in a seat. Nothing may be said on a console, and nothing asked of another host."""
    opened: list[BrowserContext] = []
    wrong: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        # That an answer was a refusal is said there by Chromium itself.
        if message.type in ("error", "warning") and "the server responded with a status of 4" not in message.text:
            wrong.append(message.text)

    def refuse(dialog: Dialog) -> None:
        wrong.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def sit(seat: str, path: str = "/", language: str = "en", **window: Any) -> Page:
        context = browser.new_context(locale=language, base_url=practice.address, **window)
        context.set_default_timeout(15_000)
        opened.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", heard)
        page.on("request", lambda asked: None if asked.url.startswith(practice.address) else wrong.append(asked.url))
        page.on("dialog", refuse)
        if seat:
            origin = {"Origin": practice.address}
            assert context.request.post(f"/practice/{seat}", headers=origin, max_redirects=0, form={}).status == 303
        page.goto(path)
        return page

    yield sit
    for context in opened:
        context.close()
    assert not wrong


def sideways(page: Page) -> int:
    """By how many pixels a page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


PAGES: Final = {
    "registrar": ("/find", "/students/{LEAP}", "/lists/children", "/students/{LEAP}/family"),
    "state-administrator": (
        "{case}",
        "/students/{LEAP}/merge?other={ENE}",
        "/students/{LONG}",
        "/students/{LEAP}/history",
        "/submissions",
        "{refused}",
    ),
    "user-administrator": ("/apply", "/accounts"),
    "operator": ("/operations",),
    "parent": ("/my-children", "{child}", "{child}/seen", "/nowhere"),
    "": ("/parents", "/sign-in"),
}
"""What is read closest: the tests of the browser look at each page."""


def addresses(page: Page, practice: Practice, seat: str) -> list[str]:
    """Of the pages of a seat, with ids put in."""
    filled = {"LEAP": practice.ids[LEAP], "ENE": practice.ids[ENE], "LONG": practice.ids[LONG]}
    filled["refused"] = f"/submissions/{practice.refused}"
    if seat == "parent":
        page.goto("/my-children")
        filled["child"] = page.locator('a[href^="/my-children/"]').first.get_attribute("href") or ""
    if seat == "state-administrator":
        page.goto("/worklist")
        filled["case"] = page.locator('a[href^="/cases/"]').last.get_attribute("href") or ""
    return [path.format(**filled) for path in PAGES[seat]]


def serious(page: Page, axe: Axe) -> list[tuple[str, str, str]]:
    found = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
    bad = [one for one in found if one["impact"] in ("serious", "critical")]
    return [(page.url, one["id"], one["nodes"][0]["html"][:160]) for one in bad]


@pytest.mark.parametrize("seat", PAGES)
def test_axe_finds_nothing_serious_at_a_desk_in_english_or_on_a_dark_phone_in_spanish(
    sits: Sits, practice: Practice, seat: str
) -> None:
    axe, found = Axe(), list[tuple[str, str, str]]()
    desk, phone = sits(seat), sits(seat, language="es", viewport=PHONE, color_scheme="dark")
    for n, path in enumerate(addresses(desk, practice, seat)):
        page = (desk, phone)[n % 2]
        page.goto(path)
        found += serious(page, axe)
    assert not found


@pytest.mark.parametrize("seat", PAGES)
def test_no_page_scrolls_sideways_in_a_window_of_320_pixels(sits: Sits, practice: Practice, seat: str) -> None:
    """WCAG 1.4.10; a table may, in itself."""
    page = sits(seat, language="es", viewport=NARROW)
    wide = []
    for path in addresses(page, practice, seat):
        page.goto(path)
        if sideways(page) > 0:
            wide.append((path, sideways(page)))
    assert not wide


@pytest.mark.parametrize("who", [HTML, LONG, RTL, NAMELESS])
def test_a_strange_name_breaks_no_page(sits: Sits, practice: Practice, who: str) -> None:
    student = practice.ids[who]
    page = sits("state-administrator", viewport=NARROW)
    for path in (f"/students/{student}", f"/students/{practice.ids[LEAP]}/merge?other={student}", "/lists/new"):
        page.goto(path)
        assert sideways(page) == 0, path
        expect(page.locator("main h1")).to_be_visible()
        assert page.locator("main img, main script").count() == 0


def test_a_child_is_found_and_opened_in_two_actions_by_keyboard(sits: Sits, practice: Practice) -> None:
    page = sits("registrar", "/find")
    page.keyboard.type("zacatelco 29/2/2012")
    page.keyboard.press("Enter")
    link = page.get_by_role("link", name="Yoloxóchitl Zacatelco Güereca")
    link.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/students/{practice.ids[LEAP]}"))
    expect(page.locator("h1")).to_have_text("Yoloxóchitl Zacatelco Güereca")


def test_what_was_searched_is_there_again_after_going_back(sits: Sits, practice: Practice) -> None:
    """A registrar opens the wrong sister first, and goes back for the other."""
    page = sits("registrar", "/find")
    page.keyboard.type("zacatelco")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Yoloxóchitl").click()
    expect(page.locator("h1")).to_have_text("Yoloxóchitl Zacatelco Güereca")
    page.go_back()
    expect(page.get_by_role("link", name="Yoloxóchitl")).to_be_visible()


def test_the_worklist_is_worked_by_keyboard_alone_one_key_a_case(sits: Sits) -> None:
    page = sits("state-administrator", "/worklist")
    waiting = page.locator('a[href^="/cases/"]').count()
    assert waiting >= 3
    for _ in range(100):
        page.keyboard.press("Tab")
        if page.evaluate("(document.activeElement.getAttribute('href') || '').startsWith('/cases/')"):
            break
    page.keyboard.press("Enter")
    expect(page.locator("#answer-heading")).to_be_visible()
    case = page.url
    page.wait_for_load_state()
    page.keyboard.press("n")
    expect(page.get_by_text("The next case follows")).to_be_visible()
    assert page.url.partition("?")[0] != case.partition("?")[0]
    page.go_back()
    page.wait_for_load_state()
    page.goto("/worklist")
    assert page.locator('a[href^="/cases/"]').count() == waiting - 1


def test_a_key_pressed_in_a_field_or_with_another_is_no_answer(sits: Sits) -> None:
    page = sits("state-administrator", "/worklist")
    page.locator('a[href^="/cases/"]').first.click()
    case = page.url
    page.locator("#words").fill("")
    page.locator("#words").press_sequentially("yny")
    page.locator("h1").click()
    page.keyboard.press("Control+y")
    page.keyboard.press("Alt+n")
    page.locator("#keys").uncheck()
    page.locator("h1").click()
    page.keyboard.press("n")
    page.wait_for_timeout(300)
    assert page.url == case
    page.goto(case)
    expect(page.locator("#answer-heading")).to_be_visible()


def test_a_button_pressed_twice_at_once_does_it_once(sits: Sits, practice: Practice) -> None:
    page = sits("state-administrator", f"/students/{practice.ids[HTML]}/merge?other={practice.ids[RTL]}")
    page.evaluate(
        "(() => { const all = [...document.querySelectorAll('main button')];"
        " const one = all.find(button => /Propose/.test(button.textContent)); one.click(); one.click() })()"
    )
    expect(page.locator("h1")).to_have_text("Proposed")
    page.goto("/worklist?kind=validate-merge")
    assert page.locator('a[href^="/cases/"]').count() == 1


def test_where_the_keyboard_is_is_seen_and_a_first_tab_leads_past_the_head(sits: Sits) -> None:
    for path in ("/", "/worklist", "/lists/children"):
        page = sits("state-administrator", path)
        page.evaluate("document.activeElement && document.activeElement.blur()")
        seen: list[bool] = []
        for step in range(14):
            page.keyboard.press("Tab")
            if step == 0:
                assert page.evaluate("document.activeElement.getAttribute('href')") == "#main" or path == "/", path
            seen.append(
                page.evaluate(
                    "(() => { const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect();"
                    " return (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2 || s.boxShadow !== 'none')"
                    " && r.width > 0 && r.height > 0 })()"
                )
            )
        assert all(seen), (path, seen)


def test_what_one_presses_on_a_phone_is_large_enough(sits: Sits) -> None:
    """WCAG 2.5.8: 24 pixels, but for links within a sentence."""
    page = sits("parent", "/my-children", language="es", viewport=PHONE, has_touch=True, is_mobile=True)
    page.locator('a[href^="/my-children/"]').first.click()
    small = page.evaluate(
        "[...document.querySelectorAll('a, button, summary, input, select')]"
        ".filter(e => { const r = e.getBoundingClientRect();"
        " return r.width > 0 && r.height < 24 && !e.closest('p:not(.doors):not(.actions), td, dd, .skip') })"
        ".map(e => e.outerHTML.slice(0, 90))"
    )
    assert not small
    assert page.locator("html").get_attribute("lang") == "es"
    assert sideways(page) == 0


def test_a_record_a_case_and_a_list_are_read_and_answered_with_scripts_off(sits: Sits, practice: Practice) -> None:
    page = sits("state-administrator", "/worklist", java_script_enabled=False)
    page.locator('a[href^="/cases/"]').first.click()
    expect(page.locator("#answer-heading")).to_be_visible()
    expect(page.locator("kbd").first).to_be_hidden()
    page.get_by_role("button", name="Give it back").click()
    expect(page.locator("h1")).to_be_visible()
    page.goto(f"/students/{practice.ids[ENE]}")
    expect(page.get_by_text("Where now")).to_be_visible()
    page.locator("summary").first.click()
    page.goto("/find")
    page.locator("#q").fill("nusta")
    page.locator("#q").press("Enter")
    expect(page.get_by_role("link", name="Ñusta")).to_be_visible()
    page.goto("/submissions/new")
    expect(page.get_by_text("needs scripts")).to_be_visible()
    expect(page.locator("#send")).to_be_hidden()
    page.goto("/apply")
    for form in page.locator("form:visible").all():
        if form.locator("input[type=file]").count():
            raise AssertionError("a form for a file that no script sends")


def test_a_file_is_chosen_sent_and_its_refusals_read(sits: Sits, tmp_path: Path) -> None:
    wrong = kid("7750001", "Ana", "Luz", "", "20130230")
    fine = kid("7750002", "Bea", "Luz", "", "20120229")
    file = tmp_path / "tonight.txt"
    file.write_bytes(file_of("OR", date(2025, 9, 17), wrong, fine))
    page = sits("batch-submitter", "/submissions/new")
    page.set_input_files("#file", file)
    page.locator("#go").click()
    page.wait_for_url(re.compile("/submissions/OR-20250917"))
    expect(page.locator("section.rule").first).to_be_visible()
    expect(page.get_by_text("Birth Date").first).to_be_visible()
    with page.expect_download() as waits:
        page.locator('a[href*="outcome=refused"]').click()
    assert waits.value.suggested_filename.endswith(".csv")
    assert "7750001" not in waits.value.suggested_filename


def test_a_file_that_is_none_is_refused_on_the_page_and_another_may_be_sent(sits: Sits, tmp_path: Path) -> None:
    empty, none = tmp_path / "empty.txt", tmp_path / "none.txt"
    empty.write_bytes(b"")
    none.write_text("not a file of this kind\n")
    context: list[str] = []
    for file in (empty, none):
        page = sits("batch-submitter", "/submissions/new", language="es")
        page.set_input_files("#file", file)
        with page.expect_response("**/v1/submissions*") as answer:
            page.locator("#go").click()
        assert 400 <= answer.value.status < 500
        expect(page.locator("#wrong")).not_to_be_empty()
        context.append(page.locator("#wrong").inner_text())
        expect(page.locator("#go")).to_be_enabled()
    assert not [text for text in context if re.search(r"\b(the|is|Send|file)\b", text)], context


def test_the_operators_page_follows_by_itself_and_stands_still_when_told(sits: Sits) -> None:
    page = sits("operator", "/operations")
    page.get_by_role("button", name="Pause updating").click()
    expect(page.get_by_text("Paused")).to_be_visible()
    page.get_by_role("button", name="Go on updating").click()
    expect(page.get_by_role("button", name="Pause updating")).to_be_visible()


def test_on_paper_there_is_no_navigation_and_nothing_is_folded_away(sits: Sits, practice: Practice) -> None:
    page = sits("state-administrator", f"/students/{practice.ids[LEAP]}/print?language=es")
    page.emulate_media(media="print")
    assert page.locator("nav:visible").count() == 0
    expect(page.get_by_text("Yoloxóchitl").first).to_be_visible()
    assert page.locator("html").get_attribute("lang") == "es"


def test_a_language_once_chosen_stays_whatever_the_browser_prefers(sits: Sits) -> None:
    page = sits("registrar", "/lists", language="en")
    page.get_by_role("link", name="Español").click()
    expect(page.locator("html")).to_have_attribute("lang", "es")
    assert page.url.endswith("/lists")
    page.goto("/find")
    expect(page.locator("html")).to_have_attribute("lang", "es")
    page.get_by_role("link", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert page.url.endswith("/find")
