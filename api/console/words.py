"""What the pages say, in English and in Spanish.

Invariant: English stands in the code and the templates, as the key; Spanish stands in ``words/es``, one catalogue (GNU
gettext, .po) for each group of pages. Read once, when this is imported. A test finds what has no Spanish, and what
stands in a page without being one of these words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from gettext import NullTranslations
from importlib import resources
from io import BytesIO
from typing import Final

from babel.messages.catalog import Message
from babel.messages.pofile import read_po


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for it
    """Mark a text that is said in the reader's language where it is shown, and is kept as it is until then."""
    return text


class _Spanish(NullTranslations):
    """A catalogue that is read as it stands, without a step that compiles it."""

    def __init__(self, one: Mapping[str, str], many: Mapping[tuple[str, str], tuple[str, str]]) -> None:
        super().__init__()
        self._one = one
        self._many = many

    def gettext(self, message: str) -> str:
        return self._one.get(message, message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        singular, plural = self._many.get((msgid1, msgid2), (msgid1, msgid2))
        return singular if n == 1 else plural


def catalogues() -> Iterator[tuple[str, list[Message]]]:
    """Name of each Spanish catalogue, and its messages."""
    for file in sorted(resources.files("api.console").joinpath("words", "es").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".po"):
            catalogue = read_po(BytesIO(file.read_bytes()), locale="es", abort_invalid=True)
            yield file.name, [message for message in catalogue if message.id]


def _spanish() -> NullTranslations:
    one: dict[str, str] = {}
    many: dict[tuple[str, str], tuple[str, str]] = {}
    for _, messages in catalogues():
        for message in messages:
            match message.id, message.string:
                case (str(english), str(spanish)) if spanish:
                    one[english] = spanish
                case ((str(single), str(several)), (str(singular), str(plural))):
                    many[single, several] = (singular, plural)
                case _:
                    pass  # not translated yet; a test finds it
    return _Spanish(one, many)


LANGUAGES: Final[Mapping[str, NullTranslations]] = {"en": NullTranslations(), "es": _spanish()}
"""Language, as ``api.language`` chooses it, to its words."""
