"""Text that was UTF-8, was read as Windows-1252 and written again: ``JosÃ©`` for ``José``.

A value is mended only where the whole of it goes back: every character to the byte that it was read from, all bytes
together valid UTF-8, and that nothing but letters of names and their punctuation. Going forward again gives the same
value, so nothing is lost, and whoever mends keeps the value as sent beside it. A value that does not go back as a
whole stays as it is: the ``Ã`` of ``JOÃO`` is a letter. Ids, codes and dates are never mended. Pure.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from typing import Final

from ledger import mde

_TIMES_MAX: Final = 2
"""How often a value may have been read wrongly. A third time has not been seen."""


def mended(value: str) -> str | None:
    """The text that a value was before it was read in a wrong encoding, once or twice; None where it is none such."""
    if value.isascii() or _NOT_A_GRAVE.search(value):
        return None
    found, text = None, value
    for _ in range(_TIMES_MAX):
        before = _back(text)
        if before is None or before == text:
            break
        text = before
        if _PLAUSIBLE.fullmatch(text):
            found = text
    return found


def mended_fields(letter: str, fields: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """A row's fields, mended where they are text, and the values as they were, by element key.

    fields: in the order of the columns of this letter's table; there may be fewer or more.
    """
    whole, before = list(fields), {}
    for place, key in _TEXTS[letter]:
        if place >= len(whole):
            break
        text = mended(whole[place])
        if text is not None:
            before[key], whole[place] = whole[place], text
    return whole, before


def _back(text: str) -> str | None:
    """The text one reading earlier."""
    for read_as in _READ_AS:
        try:
            return codecs.charmap_encode(text, "strict", read_as)[0].decode()
        except UnicodeError:
            continue
    return None


def _windows_1252() -> dict[int, int]:
    """Character to byte as Windows itself has them: the five bytes without a character are read as controls."""
    read: dict[int, int] = {}
    for byte in range(256):
        try:
            read[ord(bytes((byte,)).decode("cp1252"))] = byte
        except UnicodeDecodeError:
            read[byte] = byte
    return read


_READ_AS: Final[tuple[dict[int, int], ...]] = (_windows_1252(), {byte: byte for byte in range(256)})
"""Latin-1 is what some systems read where they say Windows-1252: it turns the middle bytes into control characters,
which no name holds."""

# What a name, a place or a comment is made of: Latin letters (Vietnamese and Marshallese too), accents that stand
# apart behind their letter, the glottal stop of Mixtec and Hawaiian, and punctuation. Whatever else comes out came
# together by chance: "CAFÉ™" goes back to bytes that are a letter of phonetics.
_PLAUSIBLE: Final = re.compile(
    "(?:[\\t-\\r\\x20-\\x7e\\xa0-\\xd6\\xd8-\\xf6\\xf8-\\u017f\\u1e00-\\u1eff\\u02bb\\u02bc\\ua78b\\ua78c"
    "\\u2010-\\u2015\\u2018-\\u201e\\u2020-\\u2022\\u2026\\u2030\\u2039\\u203a\\u20ac\\u2122]"
    "|(?<=[^\\W\\d_])[\\u0300-\\u030c\\u0323\\u0327\\u0328\\u0331]+)*"
)

_NOT_A_GRAVE: Final = re.compile("[A-Z\\xc0-\\xd6\\xd8-\\xde]\\xc3\\xa0")
"""``IRMÃ`` and a no-break space behind it goes back to ``IRMà``, which nobody writes; it is left alone."""

_TEXTS: Final[dict[str, tuple[tuple[int, str], ...]]] = {
    letter: tuple(
        (element.number - 1, element.key)
        for element in table.elements
        if element.type == "text" and element.codes is None and letter not in "HSK"
    )
    for letter, table in mde.TABLES.items()
}
"""Place and key of the columns that hold text. H, S and K rows hold ids and codes only."""
