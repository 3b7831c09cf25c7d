"""A child is found and her record is read: on a screen and a telephone, in Spanish, by keyboard, without scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx2
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect

from api.app import create_app
from api.services import Services
from ledger.ids import is_student_id
from ledger.store.database import Database, Role
from ledger.store.tokens import create
from projections.projectors import Projectors
from support.bodies import CHILD, ENROLLMENT, student
from support.serving import served

PHONE = {"width": 390, "height": 844}
PAGES = ("", "/history", "/history?kind=enrolled", "/disclosures", "/print?language=es")


@pytest.fixture
def address(services: Services, projectors: Projectors, database: Database) -> Iterator[str]:
    """Of a practice space in which Oregon keeps a child who is rich in everything."""
    services.practice = True
    with database.connect(Role.WRITER) as connection:
        token = create(connection, name="night", role="state_data_administrator", state="OR")
    body = student(
        enrollments=[{**ENROLLMENT, "med_alert_indicator": "Chronic", "withdrawal_date": "2025-06-10"}],
        courses=[
            {"course_title": "Algebra I", "subject_area_name": "Mathematics", "credits_granted": "0.50"},
            {"course_title": "Biology", "subject_area_name": "Science", "clock_hours": "40"},
        ],
        assessments=[{"assessment_title": "State Science", "assessment_administration_date": "2025-04"}],
        immunizations=[{"cvx_code": "21", "administration_date": "2014-05-09"}],
    )
    with served(create_app(services)) as found:
        with httpx2.Client(base_url=found, headers={"Authorization": f"Bearer {token}"}, timeout=30) as client:
            made = client.put("/v1/records/OR/OR7", json=body).raise_for_status().json()
            least = f"?at_least={made['position']}"
            client.post(f"/v1/students/search{least}", json={"name": "Marisol"}).raise_for_status()
            client.get(f"/v1/students/{made['student_id']}{least}").raise_for_status()
        yield found


@pytest.fixture
def watched(page: Page, address: str) -> Iterator[Page]:
    """A tab whose console says no error, and that asks no other host."""
    wrong: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error":
            wrong.append(message.text)

    def asked(request: Request) -> None:
        if not request.url.startswith(address):
            wrong.append(request.url)

    page.on("console", heard)
    page.on("request", asked)
    yield page
    assert wrong == []


def found_child(page: Page, address: str) -> str:
    page.goto(f"{address}/find")
    page.keyboard.type("marisol quinones 5/9/2013")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="One child fits")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Marisol Quiñones Abarca")
    return page.url


def test_finding_and_opening_a_record_takes_two_actions_and_its_pages_have_no_barrier(
    watched: Page, address: str
) -> None:
    """Type and Enter, and Enter on the first hit, which has the focus."""
    record = found_child(watched, address)
    assert is_student_id(record.rpartition("/")[2])
    expect(watched.get_by_text("Medical alert").first).to_be_visible()
    watched.get_by_text("More about it").first.click()
    for path in (f"{address}/find", *(f"{record}{page}" for page in (*PAGES, *LOOKING_BACK))):
        watched.goto(path)
        assert "Marisol" not in watched.title()
        watched.set_viewport_size({"width": 1280, "height": 900})
        serious(watched)
        watched.set_viewport_size(PHONE)  # type: ignore[arg-type]
        width = watched.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], path


def test_it_is_read_in_spanish_without_a_script_on_a_telephone(browser: Browser, address: str) -> None:
    context: BrowserContext
    with browser.new_context(java_script_enabled=False, locale="es-US", viewport=PHONE) as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(f"{address}/find")
        page.get_by_label("Nombre, fecha de nacimiento").fill("Quiñones 9 de mayo de 2013")
        page.get_by_role("button", name="Buscar").click()
        expect(page.get_by_role("heading", name="Coincide un estudiante")).to_be_visible()
        page.get_by_role("link", name=re.compile(CHILD["first_name"])).click()
        expect(page.get_by_text("Alerta médica").first).to_be_visible()
        page.get_by_text("Más detalles").first.click()
        expect(page.get_by_text("Tipo de inscripción").or_(page.get_by_text("Identificador"))).not_to_have_count(0)
        page.get_by_role("link", name="Historial").click()
        expect(page.get_by_text("se abrió; su identificador de estudiante es")).to_be_visible()


LOOKING_BACK = ("?as_of=3", "/print?language=en&as_of=3")


def test_a_pdf_is_kept_under_the_id_alone(watched: Page, address: str) -> None:
    record = found_child(watched, address)
    with watched.expect_download() as kept:
        watched.get_by_role("link", name="PDF").click()
    assert kept.value.suggested_filename == f"{record.rpartition('/')[2]}.pdf"


def serious(page: Page) -> None:
    """No barrier that a machine finds and calls serious or critical."""
    found = Axe().run(page)
    bad = [one for one in found.response["violations"] if one["impact"] in ("serious", "critical")]
    assert not bad, [(one["id"], [node["html"][:120] for node in one["nodes"]]) for one in bad]
