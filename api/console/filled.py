"""A form, as the body that a program would send: what a page asks for is checked by the very schema of the API.

Invariant: a field that was left empty was not said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import orjson
from pydantic import BaseModel

from api.requests import Body
from api.schemas.admission import NAMES

Model = TypeVar("Model", bound=BaseModel)


class Typed(dict[str, str]):
    """What was typed into a form, to be shown in it again; of a field that was not sent, nothing."""

    def __missing__(self, _: str) -> str:
        return ""


def filled(said: Mapping[str, str], model: type[Model], **more: object) -> Model:
    """more: in the place of what the form says; None: nothing. Raises Invalid."""
    given: dict[str, object] = {name: said[name].strip() for name in model.model_fields if said.get(name, "").strip()}
    body = {name: value for name, value in (given | more).items() if value is not None}
    return Body(orjson.dumps(body)).as_model(model, NAMES)


def number_in(said: Mapping[str, str], name: str) -> float | str | None:
    """A number of a form; as it came, where it is none; None where it was left empty."""
    text = said.get(name, "").strip()
    try:
        return float(text) if text else None
    except ValueError:
        return text
