"""Days, instants, numbers and states as people read them, in the reader's language. Pure.

Invariant: nothing of what a state sent is changed: a day that cannot be read as one is shown as it came.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_skeleton, format_time, format_timedelta
from babel.numbers import format_decimal

from api.console.states import NAMES
from api.console.words import LANGUAGES

LOCALES: Final = {"en": Locale("en", "US"), "es": Locale("es", "US")}
"""As English and Spanish are written in the United States: months by name, so that no day is taken for a month."""


@lru_cache(maxsize=20_000)
def day(value: date | str | None, language: str, length: Literal["medium", "long"] = "medium") -> str:
    """``Sep 2, 2025``, ``2 sep 2025``; long, for families, ``September 2, 2025``, ``2 de septiembre de 2025``. Empty
    for None. value: a date, or one as ISO 8601 has it."""
    if value is None or value == "":
        return ""
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value)
        except ValueError:
            return str(value)
    return format_date(value, length, locale=LOCALES[language])


def month(value: str, language: str) -> str:
    """``Apr 2025``, ``abr 2025``. value: as ISO 8601 has it, ``2025-04``; what is no month is shown as it came."""
    try:
        first = date.fromisoformat(f"{value}-01")
    except ValueError:
        return value
    return format_skeleton("yMMM", first, locale=LOCALES[language])


def instant(value: datetime | str | None, language: str, zone: str = "UTC") -> str:
    """Day and time of day to the minute, with the name of the zone. value: with a zone, or as ISO 8601 has it."""
    if value is None or value == "":
        return ""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    local = value.astimezone(ZoneInfo(zone))
    at = format_time(local, "short", tzinfo=ZoneInfo(zone), locale=LOCALES[language])
    return f"{day(local.date(), language)}, {at} {local.tzname()}"


def clock(value: datetime | str, language: str, zone: str = "UTC") -> str:
    """The time of day alone, for what is over soon, with the name of the zone."""
    local = (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(ZoneInfo(zone))
    return f"{format_time(local, 'short', tzinfo=ZoneInfo(zone), locale=LOCALES[language])} {local.tzname()}"


def ago(value: datetime, now: datetime, language: str) -> str:
    """How long before now, in its largest unit: ``2 days ago``."""
    return format_timedelta(value - now, add_direction=True, locale=LOCALES[language])


def number(value: float, language: str) -> str:
    """With its thousands apart."""
    return format_decimal(value, locale=LOCALES[language])


def state(code: str | None, language: str) -> str:
    """Name of a state or territory by its USPS code: ``Oregon``, ``Oregón``. As it came where it names none; empty for
    None."""
    if code is None:
        return ""
    name = NAMES.get(code)
    return code if name is None else LANGUAGES[language].gettext(name)
