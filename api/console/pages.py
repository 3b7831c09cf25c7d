"""A page: a template, who looks, and what it tells, made into an answer.

Invariant: whatever is put into a template is escaped; a name that a template uses and nobody gave is an error; and no
page may be kept by anything between us and the reader, nor be told in a language that she did not choose.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from gettext import NullTranslations
from importlib import resources
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from api import accounting
from api.console import formats
from api.console.faults import in_words
from api.console.navigation import items
from api.console.roles import NAMES
from api.console.visits import KEY, Visit
from api.console.words import LANGUAGES
from api.csrf import FIELD

_FOLDER: Final = resources.files("api.console").joinpath("static")
KINDS: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
STATIC: Final[Mapping[str, bytes]] = {
    file.name: file.read_bytes() for file in _FOLDER.iterdir() if file.name.rpartition(".")[2] in KINDS
}
"""What a page loads beside itself, by name."""
_STAMPS: Final = {name: hashlib.sha256(content).hexdigest()[:12] for name, content in STATIC.items()}
RELEASE: Final = hashlib.sha256(
    b"".join(
        file.read_bytes()
        for file in sorted(Path(str(resources.files("api"))).rglob("*"))
        if file.suffix in (".html", ".po", ".py", ".csv", ".css", ".js")
    )
).hexdigest()[:12]
"""Another one as soon as a page may look otherwise for the same facts."""


def address_of(name: str) -> str:
    """Of a file that pages load: another one as soon as the file is another. Raises KeyError."""
    return f"/static/{name}?{_STAMPS[name]}"


def page(
    visit: Visit, template: str, /, *, status: int = 200, headers: Mapping[str, str] | None = None, **told: Any
) -> Response:
    """A template's page. headers: beside, or in the place of, those that every page has."""
    kept = {"Cache-Control": "private, no-store", "Vary": "Cookie, Accept-Language"}
    return Response(rendered(visit, template, **told), status, kept | dict(headers or {}), "text/html; charset=utf-8")


def rendered(visit: Visit, template: str, /, **told: Any) -> bytes:
    """A template's page as bytes, for a view that renders once its entry is durable (``api.show``)."""
    return "".join(_of(visit.language, template).generate(**around(visit), **told)).encode()


def around(visit: Visit) -> dict[str, Any]:
    """What every page is told of its visit."""
    return {
        "visit": visit,
        "navigation": items(visit),
        "support": visit.services.support,
        "csrf": FIELD,
        "key": KEY,
    }


def seen_other(path: str) -> Response:
    """Where a form leads to once it is done, so that loading the page again does nothing again."""
    return RedirectResponse(path, 303, {"Cache-Control": "no-store"})


# -- inside


def _environment(language: str) -> Environment:
    made = Environment(
        loader=PackageLoader("api.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    words = LANGUAGES[language]
    made.install_gettext_translations(words, newstyle=True)  # type: ignore[attr-defined]
    made.globals |= {"language": language, "static": address_of, "Markup": Markup}

    def in_language(filter_: Callable[..., str]) -> Callable[..., str]:
        return lambda value, *more: filter_(value, language, *more)

    made.filters |= {
        "day": in_language(formats.day),
        "month": in_language(formats.month),
        "instant": in_language(formats.instant),
        "clock": in_language(formats.clock),
        "number": in_language(formats.number),
        "state": in_language(formats.state),
        "said": words.gettext,
        "pair": lambda value: (value, value),
        "told": lambda text: in_words(text, language),
        "options": lambda some: _options(some, words),
        "coded": lambda code, kind: accounting.told(kind, code, language),
        "role_name": lambda role: words.gettext(NAMES.get(role, role)),
    }
    return made


def _options(some: Mapping[str, str] | Iterable[Any], words: NullTranslations) -> list[tuple[str, str]]:
    """For ``parts.choice``: codes with their words, which are marked; or codes alone, which are their own words."""
    if isinstance(some, Mapping):
        return [(code, words.gettext(text)) for code, text in some.items()]
    return [(one, one) if isinstance(one, str) else (str(one[0]), words.gettext(str(one[1]))) for one in some]


_ENVIRONMENTS: Final = {language: _environment(language) for language in LANGUAGES}


def _of(language: str, template: str) -> Template:
    return _ENVIRONMENTS[language].get_template(template)
