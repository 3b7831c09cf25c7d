"""A batch submitter sends a file and sees what became of it; an operator looks how the service stands."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from api.app import create_app
from api.services import Services
from ledger.intake.applying import Applying
from projections.projectors import Projectors
from support.files import NEXT_NIGHT, child, student, write
from support.serving import served

ID = "OR-20250902020000000"


@pytest.fixture
def address(services: Services, projectors: Projectors) -> Iterator[str]:
    """Of a practice space that applies what it is sent."""
    services.practice = True
    assert services.spools is not None
    applying = Applying(services.ledger, services.spools)
    applying.start()
    with served(create_app(services)) as address:
        yield address
    applying.stop()


@pytest.fixture
def faults(page: Page, address: str) -> Iterator[list[str]]:
    """What the console calls an error, and requests to anywhere else: none may be left at the end."""
    found: list[str] = []
    page.on("console", lambda said: found.append(said.text) if said.type == "error" else None)
    page.on("request", lambda asked: None if asked.url.startswith(address) else found.append(asked.url))
    yield found
    assert not found


def sit(page: Page, address: str, seat: str) -> None:
    page.goto(f"{address}/practice")
    page.locator(f'form[action="/practice/{seat}"] button').click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def must_be_open_to_all(page: Page, *paths: str) -> None:
    """Each page in both widths: nothing that axe calls serious, nothing wider than the screen."""
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for path in paths:
            page.goto(path)
            found = Axe().run(page).response["violations"]
            assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == [], (path, width)
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (path, width)


def a_file(folder: Path, night: str = "20250902020000000", state: str = "OR", wrong: int = 2) -> Path:
    rows = [
        student(
            number,
            child("E", "001", enrollment_date="20250623", enrollment_type="99" if number <= wrong else "03"),
            state=state,
        )
        for number in range(1, 6)
    ]
    return write(folder / f"{state}-{night}.txt", *rows, night=night, state=state)


def drop(page: Page, file: Path) -> None:
    held = page.evaluate_handle(
        "([name, text]) => { const held = new DataTransfer(); held.items.add(new File([text], name)); return held; }",
        [file.name, file.read_text(encoding="utf-8")],
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": held})


def test_a_submitter_drops_a_file_reads_the_refusals_and_takes_them_home(
    page: Page, address: str, faults: list[str], tmp_path: Path
) -> None:
    sit(page, address, "batch-submitter")
    page.get_by_role("link", name="Submissions").first.click()
    expect(page.get_by_text("No file of Oregon was ever applied here.")).to_be_visible()
    page.get_by_role("link", name="Send a file").click()
    drop(page, a_file(tmp_path))
    page.get_by_role("button", name="Send the file").press("Enter")
    expect(page.get_by_role("heading", name="File of Oregon for Sep 2, 2025")).to_be_visible()
    # Without being loaded again by hand: the page follows until the file is applied.
    expect(page.get_by_text("2 rows were refused; everything else is in the records.")).to_be_visible()
    expect(page.get_by_role("heading", name="Enrollment Type is not a code of its list.")).to_be_visible()
    expect(page.get_by_text("2 rows; in the file: 5, 9")).to_be_visible()
    with page.expect_download() as began:
        page.get_by_role("link", name="The refused rows").click()
    assert began.value.suggested_filename == f"{ID}-refused.csv"
    with began.value.path().open(encoding="utf-8", newline="") as sheet:
        assert [(row["row"], row["value"]) for row in csv.DictReader(sheet)] == [("5", "99"), ("9", "99")]
    page.get_by_role("link", name="All files of Oregon").click()
    expect(page.get_by_role("row").nth(1)).to_contain_text("Applied")
    must_be_open_to_all(page, f"{address}/submissions", f"{address}/submissions/new", f"{address}/submissions/{ID}")


def test_in_spanish_on_a_phone_a_refused_file_is_refused_in_spanish(page: Page, address: str, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(f"{address}/language/es?return_to=/practice")
    page.locator('form[action="/practice/batch-submitter"] button').click()
    page.goto(f"{address}/submissions/new")
    page.get_by_role("button", name="Enviar el archivo").click()
    assert page.evaluate("document.querySelector('#file:invalid') !== null"), "the browser asks for a file"
    page.set_input_files("#file", a_file(tmp_path, state="CA"))
    page.get_by_role("button", name="Enviar el archivo").click()
    expect(page.get_by_role("alert")).to_contain_text("El archivo es de otro estado, no del suyo.")
    empty = tmp_path / "empty.txt"
    empty.write_bytes(b"")
    page.set_input_files("#file", empty)
    page.get_by_role("button", name="Enviar el archivo").click()
    expect(page.get_by_role("alert")).to_contain_text("El archivo está vacío.")
    page.set_input_files("#file", a_file(tmp_path, NEXT_NIGHT, wrong=0))
    page.get_by_role("button", name="Enviar el archivo").click()
    expect(page.get_by_text("No se rechazó ninguna fila. No hay nada que hacer.")).to_be_visible()
    page.goto(f"{address}/submissions/new")
    page.set_input_files("#file", a_file(tmp_path))
    page.get_by_role("button", name="Enviar el archivo").click()
    expect(page.get_by_role("alert")).to_contain_text("Ya se aplicó un archivo posterior de su estado.")
    page.get_by_label("Es un archivo anterior").check()
    page.get_by_role("button", name="Enviar el archivo").click()
    expect(page.get_by_role("heading", name="Archivo de Oregón")).to_be_visible()
    expect(page.locator("#live").get_by_text("Aplicado", exact=True)).to_be_visible()


def test_without_scripts_files_are_read_and_the_command_is_named(browser: Browser, address: str) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        sit(page, address, "batch-submitter")
        page.goto(f"{address}/submissions")
        expect(page.get_by_text("No file has come yet.")).to_be_visible()
        page.goto(f"{address}/submissions/new")
        expect(page.get_by_text("sojourn submit FILE")).to_be_visible()
        expect(page.get_by_role("button", name="Send the file")).to_be_hidden()


def test_an_operator_sees_how_the_service_stands_and_the_page_keeps_up_until_it_is_paused(
    page: Page, address: str, faults: list[str]
) -> None:
    page.clock.install()
    sit(page, address, "operator")
    page.get_by_role("link", name="Operations").first.click()
    expect(page.get_by_text("Everything that is checked holds.")).to_be_visible()
    expect(page.get_by_role("row", name="students")).to_be_visible()
    with page.expect_response(f"{address}/operations"):
        page.clock.fast_forward(6_000)
    expect(page.get_by_role("heading", level=2)).to_have_count(6)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused: this page shows how it was.")).to_be_visible()
    page.get_by_role("button", name="Go on").click()
    with page.expect_response(f"{address}/operations"):
        page.clock.fast_forward(6_000)
    page.clock.fast_forward(700_000)
    expect(page.get_by_text("Paused: this page shows how it was.")).to_be_visible()
    must_be_open_to_all(page, f"{address}/operations")
    page.goto(f"{address}/language/es?return_to=/operations")
    expect(page.get_by_text("Todo lo que se comprueba se cumple.")).to_be_visible()
