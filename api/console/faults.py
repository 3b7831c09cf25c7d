"""What is wrong with a form, field by field, in the reader's language.

Invariant: what a decider says is told as it says it; in Spanish where ``api.console.sentences`` has
it, else marked as English.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from markupsafe import Markup, escape

from api.console.sentences import BY_RULE, OTHERWISE
from api.console.words import LANGUAGES
from api.problems import faults_of
from ledger.errors import LedgerError


class Faults(dict[str, Markup]):
    """Field to what is wrong with it; of a field with which nothing is wrong, nothing. Of the form: under ``whole``."""

    def __missing__(self, _: str) -> str:
        return ""


NONE: Final = Faults()


def faults_told(
    error: LedgerError, language: str, whole: str = "whole", names: Mapping[str, str] | None = None
) -> Faults:
    """What an error says, by fields. whole: the field of what is said of none. names: of the form's fields, by the
    places that the error names, where these are others."""
    found = faults_of(error)
    told = Faults()
    for fault in found:
        place = (
            fault.pointer.lstrip("/").partition("/")[0] if fault.pointer.startswith("/") else fault.element
        ) or whole
        text = BY_RULE.get(fault.rule or "")
        said = in_words(text, language) if text else in_words(fault.message, language, fault.remedy)
        told.setdefault((names or {}).get(place, place), said)
    return told if found else Faults({whole: in_words(error.what, language, error.remedy or "")})


def in_words(text: str, language: str, *more: str) -> Markup:
    """A sentence, or several, in the reader's language, as far as there is Spanish for it."""
    return Markup(" ").join(_one(one, language) for one in (text, *more) if one)


def _one(text: str, language: str) -> Markup:
    english = OTHERWISE.get(text, text)
    said = LANGUAGES[language].gettext(english)
    return escape(said) if language == "en" or said != english else Markup('<span lang="en">{}</span>').format(said)
