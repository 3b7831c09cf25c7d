"""`sojourn demo` as its visitors meet it: seats of /practice, pages read by their text, and a few children of our own.

Nothing of the product is imported. The children of the demo are whoever it makes up; those whom a test asks for by
name are sent here, in a third night's file of Oregon and California.
"""

from __future__ import annotations

import html
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from html.parser import HTMLParser
from typing import Any, Final

import httpx2

from support.house import House, Service
from support.outsider import COURSE, SHOT, Child, header, row
from support.servers import reachable_tmp

SEATS: Final = (
    "registrar",
    "counselor",
    "district-administrator",
    "regional-administrator",
    "state-administrator",
    "second-state-administrator",
    "california-administrator",
    "texas-administrator",
    "region-administrator",
    "user-administrator",
    "batch-submitter",
    "recruiter",
    "eligibility-reviewer",
    "government-user",
    "privacy-officer",
    "second-privacy-officer",
    "auditor",
    "help-desk",
    "operator",
    "parent",
)
_CLIENT: Final = httpx2.Client(timeout=30)
"""Connections that everybody shares; cookies are each sitter's own."""

THIRD_NIGHT: Final = date(2025, 9, 15)
DISTRICT: Final = "4101337"

SCRIPT: Final = ("<script>alert(1)</script>", '"><img src=x onerror=alert(2)>', "{{7*7}}")
LEAP, ENE, HTML, LONG, RTL, FORMULA, NAMELESS, NEAR = (f"773000{n}" for n in range(1, 9))
"""Ids in Oregon of the children whom tests ask for by name."""
LONG_NAME: Final = (
    "Maximiliana" * 4,
    "Wolfeschlegelsteinhausenbergerdorffwelchevoraltern",
    "Ordóñez-Ibarra de la Santísima",
)
NAMES: Final = {
    LEAP: ("Yoloxóchitl", "Zacatelco", "Güereca", "20120229"),
    ENE: ("Ñusta Citlali", "O'Brien-Peña", "D'Ángelo", "20130405"),
    HTML: (*SCRIPT, "20130509"),
    LONG: (*LONG_NAME, "20130511"),
    RTL: ("محمد", "הכהן", "", "20130510"),
    FORMULA: ("=SUM(1+1)", "+Tonatzin", "@Huamantla", "20130513"),
}
"""Given name, two surnames and birth date of the children of Oregon's third night, by their ids there."""
TOLD: Final = ("Yoloxóchitl", "Zacatelco", "Güereca", "Ñusta", "Tonatzin", "Huamantla", "Wolfeschlegel", "Temoltzin")
"""Words that no child of the demo has, and that no log, metric or address may have."""


def kid(ssid: str, first: str, last: str, last_2: str, born: str, **named: str) -> Child:
    """One with a school in the district of the practice seats."""
    rows = [
        row("D", first=first, last=last, last_2=last_2, born=born, sex="Female", phone="5035550142", **named),
        row("Q", on="20250418", from_city="Madera", from_state="CA", to_city="Woodburn", to_state="OR"),
        row("E", on="20250421", type="01", school="Valor <b>School</b>", district_id=DISTRICT, grade="06"),
        COURSE,
        SHOT,
    ]
    return Child(ssid, rows)


def twin_of(ssid: str, first: str, last: str, born: str, mother: str) -> Child:
    """A record that comes near another one, and not near enough: another mother."""
    rows = [
        row("D", first=first, last=last, born=born, sex="Female", mother=mother, mother_last="Temoltzin"),
        row("Q", on="20250418", from_city="Yuma", from_state="AZ"),
        row("E", on="20250421", type="01", school="Valor", grade="06"),
    ]
    return Child(ssid, rows)


def file_of(state: str, on: date, *children: Child) -> bytes:
    lines = [line for n, one in enumerate(children, 1) for line in one.lines(state, n)]
    return "\n".join([header(state, on, len(children), len(lines)), *lines, ""]).encode()


class Sitter:
    """Whoever sits in a seat, with a browser that runs no scripts. seat: empty for somebody who has not signed in."""

    def __init__(self, address: str, seat: str = "", language: str = "en") -> None:
        self.address = address
        self.language = language
        self.cookies: dict[str, str] = {}
        self._csrf = ""
        if seat:
            taken = self.posts(f"/practice/{seat}")
            assert taken.status_code == 303, taken.text

    def ask(self, method: str, path: str, **rest: Any) -> httpx2.Response:
        headers = {"Origin": self.address, "Accept": "text/html", "Accept-Language": self.language}
        headers |= rest.pop("headers", {})
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = _CLIENT.request(method, self.address + path, headers=headers, **rest)
        _CLIENT.cookies.clear()
        for said in answer.headers.get_list("set-cookie"):
            name, _, value = said.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    def get(self, path: str, **rest: Any) -> httpx2.Response:
        return self.ask("GET", path, **rest)

    def posts(self, path: str, **fields: str) -> httpx2.Response:
        return self.ask("POST", path, data=fields)

    def page(self, path: str, status: int = 200) -> str:
        answer = self.get(path)
        assert answer.status_code == status, (path, answer.status_code, said(answer.text))
        return answer.text

    def csrf(self) -> str:
        """The token of the session, as any form has it."""
        if not self._csrf:
            (self._csrf,) = set(re.findall(r'name="csrf" value="([^"]+)"', self.page("/me")))
        return self._csrf

    def fills(self, page: str, action: str = "", /, **typed: str) -> httpx2.Response:
        """Send a form of a page as it stands there but for what is typed. action: empty for the page's own."""
        action = action or page.partition("?")[0]
        for form in Forms(self.page(page)).forms:
            if form["action"] == action and form["method"] == "post":
                return self.posts(action, **(form["fields"] | typed))
        raise AssertionError(f"{page} has no form that is sent to {action}")

    def finds(self, q: str, **fields: str) -> httpx2.Response:
        return self.posts("/find", csrf=self.csrf(), q=q, **fields)

    def sends(self, file: bytes) -> httpx2.Response:
        """A state's file, as the page's script sends it."""
        headers = {"Content-Type": "text/plain", "Sojourn-CSRF": self.csrf(), "Accept": "application/json"}
        return self.ask("POST", "/v1/submissions", content=file, headers=headers)

    def accounting(self, student: str) -> list[Any]:
        """Entries of a child, newest first."""
        answer = self.get(f"/v1/students/{student}/disclosures?limit=200", headers={"Accept": "application/json"})
        assert answer.status_code == 200, answer.text
        return answer.json()["disclosures"]


VOID: Final = frozenset({"br", "col", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})


class Forms(HTMLParser):
    """Forms of a page with what they would send untouched: hidden fields, checked choices, first options."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[dict[str, Any]] = []
        self._select = ""
        self._text = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            fields: dict[str, str] = {}
            method = (given.get("method") or "get").lower()
            self.forms.append({"action": given.get("action") or "", "method": method, "fields": fields})
        if not self.forms:
            return
        fields, name = self.forms[-1]["fields"], given.get("name") or ""
        kind = given.get("type")
        if tag == "input" and name and (kind not in ("checkbox", "radio", "file") or "checked" in given):
            fields[name] = given.get("value") or ""
        self._select = name if tag == "select" else self._select
        if tag == "option" and self._select and ("selected" in given or self._select not in fields):
            fields[self._select] = given.get("value") or ""
            self._text = "value" not in given

    def handle_data(self, data: str) -> None:
        if self._text and data.strip():
            self.forms[-1]["fields"][self._select] = data.strip()
            self._text = False


@dataclass
class Text(HTMLParser):
    """What a page says, piece by piece, each with the language that it is marked as; attributes that are read too."""

    page: str
    pieces: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[tuple[str, str]] = []
        self.feed(self.page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        language = given.get("lang") or (self._open[-1][1] if self._open else "")
        spoken = ("aria-label", "title", "placeholder", "alt", "data-l")
        self.pieces += [(language, text) for name in spoken if (text := given.get(name))]
        if tag not in VOID:
            self._open.append((tag, language))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """What closes itself encloses nothing."""

    def handle_endtag(self, tag: str) -> None:
        while self._open and tag not in VOID and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if data.strip() and not any(tag in ("script", "style", "code") for tag, _ in self._open):
            self.pieces.append((self._open[-1][1] if self._open else "", " ".join(data.split())))


def said(page: str) -> str:
    """The words of a page's own part, without its head and foot."""
    part = page[page.find("<main") :].partition("</main>")[0] if "<main" in page else page
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", part)))


def students_in(page: str) -> list[str]:
    """Ids that links of a page lead to, once each, in order."""
    return list(dict.fromkeys(re.findall(r'href="/students/(\d{12})"', page)))


@dataclass
class Practice:
    """ids: student ids of the children sent here, by their ids in the state. refused: the file with a refused row."""

    service: Service
    address: str
    ids: dict[str, str] = field(default_factory=dict)
    refused: str = ""

    def sits(self, seat: str, language: str = "en") -> Sitter:
        return Sitter(self.address, seat, language)

    def log(self) -> str:
        return self.service.log.read_text()


@contextmanager
def open_practice(children: int = 60) -> Iterator[Practice]:
    """A demo with both of its nights, and the children of this page on top."""
    with reachable_tmp() as folder:
        house = House(folder / "d", SOJOURN_RATE_TRIES="0")
        with house.serving("demo", "--children", str(children), log="demo.log") as service:
            practice = Practice(service, str(service.client.base_url).rstrip("/"))
            auditor = practice.sits("auditor")
            _until(lambda: _second(auditor))
            _send_the_third_night(practice)
            yield practice


def _second(auditor: Sitter) -> bool:
    """Whether the second night of every state is in."""
    return all(auditor.page(f"/submissions?state={state}").count(">Applied<") == 2 for state in ("OR", "CA", "TX"))


def _send_the_third_night(practice: Practice) -> None:
    submitter = practice.sits("batch-submitter")
    californian = practice.sits("california-administrator")
    own = [kid(ssid, *names) for ssid, names in NAMES.items()]
    # A direction mark in a name is refused, so that of this child there is no name at all.
    nameless = kid(NAMELESS, "\u202eolleH", "Temoltzin", "", "20130514")
    near = twin_of(NEAR, "Ehecatzin", "Temoltzin", "20130606", "Luz")
    other = twin_of(NEAR, "Ehecatzin", "Temoltzin", "20130606", "Karina")
    for sitter, state, kids in ((submitter, "OR", [*own, nameless, near]), (californian, "CA", [other])):
        answer = sitter.sends(file_of(state, THIRD_NIGHT, *kids))
        assert answer.status_code == 202, answer.text
        name = answer.json()["submission"]
        _until(lambda who=sitter, to=name: ">Applied<" in who.page(f"/submissions/{to}"))
        practice.refused = practice.refused or name
    listed = practice.sits("state-administrator")
    _until(lambda: NEAR in listed.page("/lists/new"))
    page = listed.page("/lists/new")
    for ssid in (*NAMES, NAMELESS, NEAR):
        (practice.ids[ssid],) = set(
            re.findall(rf'/students/(\d+)"[^<]*>[^<]*</a><br><span class="quiet">{ssid}<', page)
        )


def _until(holds: Any, seconds: float = 60) -> None:
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, "it does not come about"
        time.sleep(0.2)
