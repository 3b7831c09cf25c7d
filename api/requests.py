"""What the routes read from a request, each refused in the one shape where it is wrong.

Invariant: a body is read as JSON in UTF-8 by its model and by nothing else, so that what is taken is what the schema
says. Knows no ledger.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeVar

import orjson
import pydantic
from pydantic import BaseModel
from starlette.requests import ClientDisconnect, Request

from api.problems import Fault, Invalid, Unsent, UnsupportedMedia, malformed
from ledger.mde import TABLES

KEY_MAX: Final = 255
PURPOSE_MAX: Final = 200
POSITION_MAX: Final = 2**63 - 1
LIMIT_MAX: Final = 1000
"""Of what one page of a list holds."""
_NAMES: Final = tuple(
    {element.key for table in TABLES.values() for element in table.elements}
    | {table.key for table in TABLES.values()}
    | {"fact", "elements", "enrollment"}
)
"""Names that a body may hold, to guess the one that was meant."""

Model = TypeVar("Model", bound=BaseModel)


class Body(NamedTuple):
    """A body as it came."""

    raw: bytes

    def hash(self, key: bytes, method: str, path: str) -> bytes:
        """Keyed hash of method, path and the body in canonical form: names sorted, blanks between them gone.

        Keyed, because what is hashed is a child's data, and the hash is kept beside the idempotency key.
        """
        canonical = orjson.dumps(orjson.loads(self.raw), option=orjson.OPT_SORT_KEYS) if self.raw else b""
        digest = hashlib.blake2b(key=key, digest_size=32)
        for part in (method.encode(), path.encode(), canonical):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
        return digest.digest()

    def as_model(self, model: type[Model], names: Sequence[str] = _NAMES) -> Model:
        """names: that the body may hold, to guess the one that was meant. Raises Malformed, Invalid."""
        try:
            return model.__pydantic_validator__.validate_json(self.raw)
        except pydantic.ValidationError as error:
            raise malformed(error, names) from None


async def body_of(request: Request) -> Body:
    """The JSON body. Raises UnsupportedMedia, BodyTooLarge, Unsent where the client went away."""
    kind = request.headers.get("content-type", "")
    if kind != "application/json" and kind.partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMedia("The body is not sent as JSON.", remedy="Send `Content-Type: application/json`.")
    try:
        body = request.scope["sojourn.body"] = Body(await request.body())
    except ClientDisconnect:
        raise Unsent("The body broke off.", remedy="Send it again.") from None
    return body


def idempotency_key(request: Request) -> str | None:
    """The header's key, or None. Raises Invalid."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not (0 < len(key) <= KEY_MAX and _is_plain(key)):
        raise Invalid(
            "The idempotency key cannot be used.",
            remedy="Send a new UUID for each new request, and the same one when it is sent again.",
            faults=[_header_fault("Idempotency-Key", f"It is not 1 to {KEY_MAX} printable ASCII characters.")],
        )
    return key


def purpose_of(request: Request) -> str | None:
    """What the reader wants it for: the header, never the URL. None where it is not said. Raises Invalid."""
    purpose = request.headers.get("purpose")
    if purpose is None:
        return None
    purpose = purpose.strip()
    if not (0 < len(purpose) <= PURPOSE_MAX and _is_plain(purpose)):
        raise Invalid(
            "The purpose cannot be recorded.",
            remedy="Say in a few words what it is read for.",
            faults=[_header_fault("Purpose", f"It is not 1 to {PURPOSE_MAX} printable ASCII characters.")],
        )
    return purpose


def at_least_of(request: Request) -> int:
    """Position that the answer must have reached; 0 where none is asked for. Raises Invalid."""
    given = request.query_params.get("at_least")
    if given is None:
        return 0
    if not (given.isascii() and given.isdigit() and len(given) <= 19 and int(given) <= POSITION_MAX):
        raise Invalid(
            "The position cannot be used.",
            remedy="Send the Ledger-Position of the write that must be seen.",
            faults=[Fault("query:at_least", None, "position", "It is not a whole number from 0.")],
        )
    return int(given)


def truth_of(request: Request, name: str, *, usual: bool = False) -> bool:
    """A query parameter that is true or false. usual: where it is not sent. Raises Invalid."""
    given = request.query_params.getlist(name) or ["true" if usual else "false"]
    if given not in (["true"], ["false"]):
        raise Invalid(
            "The parameter cannot be used.",
            remedy="Send true or false, once.",
            faults=[Fault(f"query:{name}", None, "boolean", "It is not true or false.")],
        )
    return given == ["true"]


def refuse_others(request: Request, *names: str) -> None:
    """No query parameters but these: where one that is left out makes a thing real, a slip in its name must not pass.

    Raises Invalid.
    """
    if not set(request.query_params) <= set(names):
        raise Invalid(
            "A parameter here is not known.",
            remedy=f"This takes {', '.join(names)}.",
            faults=[Fault("query", None, "unknown-parameter", "A name here is not known.")],
        )


def page_of(request: Request) -> tuple[int, int | None]:
    """How many are asked for, and the cursor, where that is a whole number; None for the first page. Raises Invalid."""
    limit, cursor = request.query_params.get("limit", "100"), request.query_params.get("cursor")
    for name, given in (("limit", limit), ("cursor", cursor)):
        if given is not None and not (given.isascii() and given.isdigit() and len(given) <= 18):
            raise Invalid(
                "The page cannot be found.",
                remedy="Take the cursor from the page before.",
                faults=[Fault(f"query:{name}", None, "page", "It is no whole number.")],
            )
    if not 1 <= int(limit) <= LIMIT_MAX:
        raise Invalid(
            "The page is too large or too small.",
            remedy=f"Ask for 1 to {LIMIT_MAX}.",
            faults=[Fault("query:limit", None, "page", f"It is not 1 to {LIMIT_MAX}.")],
        )
    return int(limit), None if cursor is None else int(cursor)


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _header_fault(name: str, message: str) -> Fault:
    return Fault(f"header:{name}", None, "printable", message)
