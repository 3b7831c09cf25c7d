"""Letters that an encoding spoilt, brought back for comparing.

What a state sends may have been spoilt before it reached its own system, and is then no fault of the file: the value is
kept as sent, and only the comparing reads it mended. A letter that is lost (``?``, U+FFFD) becomes ``ANY``, which is
like every letter. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

ANY: Final = "ǂ"
"""Stands for one letter that nobody knows any more. Itself a letter, which no name of our alphabets has."""

_REMEMBERED_MAX: Final = 50_000

_LOST: Final = re.compile(r"(?<=\w)[?\ufffd]+|[?\ufffd]+(?=\w)")
_LATIN_READ_AS_850: Final = re.compile("[±¾·³Þ¶Ý┴╔═┌▄]|ß(?=[a-df-z])|(?<=[a-z])[ÚËÐ]|(?<=[A-Z])Ð")
"""What hardly any name has; ß ends a German word or stands before e, where no á does."""
_850_READ_AS_LATIN: Final = re.compile(r"[\x80-\x9f\xa1-\xa5‚¡¢£¤¥µ]|(?<=[A-Za-z])\xa0(?=[a-z])")
"""A hard blank between words is a blank, and for á only inside of one."""
_OTHER_SCRIPT: Final = re.compile("[^\\0-\u036f\u1e00-\u1eff\u2010-\u201f\ua78b\ua78c]")
"""What a name of our alphabets has not: two spoilt letters that stand together may be UTF-8 by chance (Ibß±ez)."""


@lru_cache(maxsize=_REMEMBERED_MAX)
def mended(text: str) -> str:
    """The text as it was before it was spoilt, as far as that can be told; lost letters are ``ANY``."""
    if not text.isascii():
        for spoils, back in _WAYS:
            if spoils(text) and (was := back(text)) is not None and was != text:
                text = was
                break
    return _LOST.sub(ANY, text) if "?" in text or "\ufffd" in text else text


def _utf8_read_as(encoding: str) -> Callable[[str], str | None]:
    def back(text: str) -> str | None:
        try:
            was = text.encode(encoding).decode("utf-8")
        except UnicodeError:
            return None
        return None if _OTHER_SCRIPT.search(was) else was

    return back


def _read_as(read: str, written: str) -> Callable[[str], str | None]:
    def back(text: str) -> str | None:
        try:
            was = text.encode(read).decode(written)
        except UnicodeError:
            return None
        return was if all(letter.isalpha() or letter in " -'.,`" for letter in was) else None

    return back


def _always(_: str) -> bool:
    return True


_WAYS: Final[tuple[tuple[Callable[[str], object], Callable[[str], str | None]], ...]] = (
    (_always, _utf8_read_as("cp1252")),
    (_always, _utf8_read_as("latin-1")),
    (_always, _utf8_read_as("cp850")),
    (_LATIN_READ_AS_850.search, _read_as("cp850", "cp1252")),
    (_850_READ_AS_LATIN.search, _read_as("cp1252", "cp850")),
    (_850_READ_AS_LATIN.search, _read_as("latin-1", "cp850")),
)
"""When to try, and how to go back: the first that gives letters. UTF-8 that was read as something else comes first,
since what is not UTF-8 hardly ever looks like it."""
