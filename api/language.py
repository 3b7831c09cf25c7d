"""In which language somebody is told: English, or Spanish where the request prefers it."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

LANGUAGES: Final = ("en", "es")
COOKIE: Final = "sojourn-language"
"""What somebody has chosen on a page; it says nothing else of him."""


def language_of(request: Request, otherwise: str = "en") -> str:
    """As chosen on a page, else by Accept-Language (RFC 9110, 12.5.4). otherwise: where it names neither, or both
    alike."""
    chosen = request.cookies.get(COOKIE)
    if chosen in LANGUAGES:
        return chosen
    best, weight = otherwise, 0.0
    for part in request.headers.get("accept-language", "").split(","):
        tag, *parameters = (piece.strip().lower() for piece in part.split(";"))
        wanted = _weight(parameters)
        named = otherwise if tag == "*" else tag.partition("-")[0]
        if named in LANGUAGES and (wanted > weight or (wanted == weight > 0 and named == otherwise)):
            best, weight = named, wanted
    return best


def _weight(parameters: list[str]) -> float:
    """Of one language range; 0 where it cannot be read."""
    given = next((text[2:].strip() for text in parameters if text.startswith("q=")), "1")
    try:
        weight = float(given)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0
