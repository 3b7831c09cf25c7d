"""A record as a PDF: readable, tagged, in the language that was asked for, and made without asking anybody."""

from __future__ import annotations

import re
import subprocess
import threading
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.console import paper
from ledger.application import Ledger
from ledger.errors import Misconfigured
from ledger.events.disclosure import Disclosed
from support.bodies import ENROLLMENT, student
from support.parts import need

PAGE = """<!doctype html><html lang="es"><head><title>T</title><link rel="stylesheet" href="/static/console.css">
<link rel="stylesheet" href="{other}"></head><body class="paper"><p>Peñalosa</p></body></html>"""


@pytest.fixture(autouse=True)
def _pango() -> None:
    need("pango")


def text_of(pdf: bytes, folder: Path) -> str:
    file = folder / "record.pdf"
    file.write_bytes(pdf)
    program = need("pdftotext")
    return subprocess.run([program, "-layout", file, "-"], capture_output=True, check=True).stdout.decode()


def inflated(pdf: bytes) -> bytes:
    """A PDF with what its streams hold."""
    found = [pdf]
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        with suppress(zlib.error):
            found.append(zlib.decompressobj().decompress(stream))
    return b"".join(found)


@pytest.fixture
def child(oregon: TestClient) -> dict[str, Any]:
    return oregon.put("/v1/records/OR/OR7", json=student(enrollments=[ENROLLMENT])).json()


def asked(client: TestClient, child: dict[str, Any], language: str) -> Any:
    return client.get(f"/students/{child['student_id']}/record.pdf?language={language}&at_least={child['position']}")


def test_it_is_the_record_in_the_language_that_was_asked_for(
    oregon: TestClient, child: dict[str, Any], ledger: Ledger, tmp_path: Path
) -> None:
    answer = asked(oregon, child, "es")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/pdf")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{child["student_id"]}.pdf"'
    assert answer.headers["Cache-Control"] == "private, no-store"
    text = " ".join(text_of(answer.content, tmp_path).split())
    for said in ("Marisol Quiñones Abarca", "Impreso por oregon nightly", "7.º grado", "Confidencial"):
        assert said in text, said
    assert re.search(r"\b2 ?/ ?2\b", text), "which page of how many"
    whole = inflated(answer.content)
    assert b"/Lang (es)" in whole
    assert b"/StructTreeRoot" in whole
    assert b"pdfuaid" in whole, "it says that it is PDF/UA"
    entries = ledger.access.read_stream(f"disclosure/{child['record_id']}")
    assert [one.event.view for one in entries if isinstance(one.event, Disclosed)] == ["student-pdf"]


def test_it_loads_our_own_files_and_asks_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "secret.css"
    secret.write_text("p::after { content: 'SECRET' }")
    asked_for: list[object] = []
    monkeypatch.setattr("socket.getaddrinfo", lambda *address, **_: asked_for.append(address))
    for other in (f"file://{secret}", "http://127.0.0.1:9/other.css", "https://sojourn.invalid/static/../secret.css"):
        text = text_of(paper.made(PAGE.format(other=other).encode()), tmp_path)
        assert "Peñalosa" in text
        assert "SECRET" not in text
    assert asked_for == []


def test_without_pango_nothing_is_disclosed_and_the_remedy_is_said(
    oregon: TestClient, child: dict[str, Any], ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking() -> None:
        raise Misconfigured("No Pango.", remedy="Print the page instead.")

    monkeypatch.setattr(paper, "_weasyprint", lacking)
    answer = asked(oregon, child, "en")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/misconfigured")
    assert ledger.access.read_stream(f"disclosure/{child['record_id']}") == []


def test_nobody_waits_for_ever_for_somebody_else_s_paper(
    oregon: TestClient, child: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()
    turn = paper._thread.submit(over.wait)
    monkeypatch.setattr(paper, "WAIT_S", 0.01)
    try:
        answer = asked(oregon, child, "en")
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")
    finally:
        over.set()
    assert turn.result()
