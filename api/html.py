"""A few lines that make a page: everything put into one is escaped, whatever it is.

Invariant: text becomes markup only through ``Markup``, which this module alone makes. Pages load nothing from another
host; the one script that they may name is ``session.js`` of the console.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Final

from starlette.responses import Response

_PRACTICE: Final = {
    "en": "Practice space: every child here is invented.",
    "es": "Espacio de práctica: todos los niños que hay aquí son inventados.",
}
_SKIP: Final = {"en": "Skip to the content", "es": "Saltar al contenido"}


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def escaped(text: object) -> Markup:
    """HTML for any text; markup stays what it is."""
    return text if isinstance(text, Markup) else Markup(html.escape(str(text)))


def element(tag: str, *content: object, **attributes: str) -> Markup:
    """``<tag attribute="...">content</tag>``. ``class_`` is the attribute class."""
    given = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(value)}"' for name, value in attributes.items()
    )
    return Markup(f"<{tag}{given}>{''.join(escaped(part) for part in content)}</{tag}>")


def joined(parts: Iterable[object]) -> Markup:
    return Markup("".join(escaped(part) for part in parts))


def link(address: str, text: object) -> Markup:
    return element("a", text, href=address)


def page(
    title: str,
    *content: object,
    practice: bool,
    heading: str | None = None,
    status: int = 200,
    watched: bool = False,
) -> Response:
    """A whole page. heading: its first words, where they may not be its title, which a browser keeps. watched: whoever
    reads it has signed in, and is told before that ends."""
    before, after = page_around(title, practice=practice, heading=heading, watched=watched)
    text = f"{before}{joined(content)}{after}"
    return Response(text, status, {"Cache-Control": "private, no-cache"}, "text/html; charset=utf-8")


def page_around(
    title: str, *, practice: bool, heading: str | None = None, language: str = "en", watched: bool = False
) -> tuple[str, str]:
    """What stands before and behind the content of a page, which may be sent as it comes. language: en or es."""
    script = '<script src="/static/session.js" defer></script>' if watched else ""
    before = (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escaped(title)} · Sojourn</title>"
        f'<link rel="stylesheet" href="/static/console.css">{script}</head><body>'
        f'<a class="skip" href="#main">{_SKIP[language]}</a>'
        f"{element('p', _PRACTICE[language], class_='practice', role='note') if practice else ''}"
        f'<main id="main"><h1>{escaped(heading or title)}</h1>'
    )
    return before, "</main></body></html>"
