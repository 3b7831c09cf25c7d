"""What pages say is said in English and in Spanish: all of it is in the catalogues, and nothing else is."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from babel.messages.extract import extract_from_dir
from jinja2 import Environment

from api.console.words import LANGUAGES, catalogues
from support.sources import ROOT

API = ROOT / "api"
CONSOLE = API / "console"
TEMPLATES = sorted((CONSOLE / "templates").rglob("*.html"))
PLACE = re.compile(r"%\((\w+)\)s|%[sd]|\{(\w*)\}")
LETTERS = re.compile(r"[^\W\d_]")
SAID_TO_PEOPLE = ("alt", "aria-label", "placeholder", "title")
NAMES = {
    "Sojourn",
    "· Sojourn",
    "Español",
    "English",
    "Para familias",
    "Read this page in English",
    "Leer esta página en español",
}
"""Of the system, and what is said in one language on the pages of the other, for whoever reads that one: the same in
both."""

Key = str | tuple[str, str]


def said() -> set[Key]:
    """Every text that code and templates mark."""
    found: set[Key] = set()
    keywords = {"N_": None, "_": None, "gettext": None, "ngettext": (1, 2)}
    methods = [("**.py", "python"), ("**.html", "jinja2")]
    for _, _, message, _, _ in extract_from_dir(str(API), methods, {"**.html": {"trimmed": "true"}}, keywords):
        found.add(message if isinstance(message, str) else (message[0], message[1]))
    return found


def known() -> list[tuple[str, Key, Any]]:
    return [
        (name, message.id if isinstance(message.id, str) else (message.id[0], message.id[1]), message.string or "")
        for name, messages in catalogues()
        for message in messages
    ]


def test_every_word_has_its_spanish_and_no_catalogue_says_what_no_page_does() -> None:
    there, translated = said(), {key for _, key, string in known() if string and all(string)}
    missing = "\n".join(f'msgid "{key}"\nmsgstr ""\n' for key in sorted(there - translated, key=str))
    assert not missing, f"no Spanish yet; put into a catalogue of api/console/words/es:\n{missing}"
    stale = sorted({key for _, key, _ in known()} - there, key=str)
    assert not stale, f"no page says this any more: {stale}"


def test_a_text_stands_in_one_catalogue_alone() -> None:
    twice = [key for key, times in Counter(key for _, key, _ in known()).items() if times > 1]
    assert not twice


def test_the_spanish_of_a_text_has_the_same_places_to_fill() -> None:
    for _, key, string in known():
        english = [key] if isinstance(key, str) else list(key)
        spanish = [string] if isinstance(string, str) else list(string)
        assert {p for one in spanish for p in PLACE.findall(one)} == {p for one in english for p in PLACE.findall(one)}


class _Text(HTMLParser):
    """What a template says outside of its expressions."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self._keep(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in SAID_TO_PEOPLE and value:
                self._keep(value)

    def _keep(self, text: str) -> None:
        if LETTERS.search(text) and text.strip() not in NAMES:
            self.found.append(text.strip())


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_says_nothing_outside_the_catalogues(template: Path) -> None:
    text = _Text()
    text.feed(_without_expressions(template.read_text()))
    assert not text.found, f"{template.name}: put this between _() or trans: {text.found}"


def test_words_outside_the_catalogues_would_be_found() -> None:
    text = _Text()
    text.feed(
        _without_expressions('<p>{{ _("Fine") }} and not</p><a title="neither">{% trans %}fine{% endtrans %}</a>')
    )
    assert text.found == ["and not", "neither"]


def test_a_text_without_spanish_is_said_in_english() -> None:
    assert LANGUAGES["es"].gettext("no page says this") == "no page says this"


def _without_expressions(source: str) -> str:
    kept: list[str] = []
    within = 0
    for _, kind, value in Environment(extensions=["jinja2.ext.i18n"]).lex(source):
        if kind == "name" and value in ("trans", "endtrans"):
            within = value == "trans"
        if kind == "data" and not within:
            kept.append(value)
    return "".join(kept)
