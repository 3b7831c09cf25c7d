"""Forms of pages, read as a browser sends them.

Invariant: a form is small, is read as ``application/x-www-form-urlencoded`` in UTF-8 and as nothing else, and a field
that comes twice is refused: nobody can mean both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from api.problems import Invalid, Unsent, UnsupportedMedia

FORM_BYTES_MAX: Final = 16_384
KIND: Final = "application/x-www-form-urlencoded"
"""As which a browser sends one."""


async def form_of(request: Request) -> Mapping[str, str]:
    """The fields of a form. Raises UnsupportedMedia, Invalid, Unsent, BodyTooLarge."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != KIND:
        raise UnsupportedMedia("This takes a form.", remedy=f"Send `Content-Type: {KIND}`.")
    try:
        raw = await request.body()
    except ClientDisconnect:
        raise Unsent("The form broke off.", remedy="Send it again.") from None
    unreadable = Invalid("The form cannot be read.", remedy="Load the page again, and send it from there.")
    if len(raw) > FORM_BYTES_MAX:
        raise unreadable
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, strict_parsing=bool(raw), errors="strict")
    except ValueError:
        raise unreadable from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Invalid("A field of the form comes twice.", remedy="Load the page again, and send it from there.")
    return fields
