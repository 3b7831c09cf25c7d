"""How the form of an element, and the limit of its values, are said in English and Spanish.

Filled into the words of a rule: "Send *a day of the calendar as YYYYMMDD*". Knows what an element is like, not which
elements there are.
"""

from __future__ import annotations

from typing import Final, Protocol

EXACT_DIGITS: Final = {
    "msix_identification_number": 12,
    "school_identification_code": 12,
    "school_district_id": 7,
    "district_of_residence": 7,
}
"""Identifiers of a fixed length, by element key. NCES: 7 digits name a local agency, 12 a school; a shorter one names
nothing."""

_LISTED_AT_MOST: Final = 30
"""A longer list of codes is named, not written out."""


class Described(Protocol):
    """What is asked of an element; fields as in ``ledger.mde.Element``."""

    @property
    def key(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def length(self) -> int | str: ...
    @property
    def codes(self) -> tuple[str, ...] | None: ...
    @property
    def bounds(self) -> tuple[str, str] | None: ...


def form_of(element: Described, language: str) -> str:
    """What a value of the element looks like, in ``en`` or ``es``."""
    spanish = language == "es"
    exact = EXACT_DIGITS.get(element.key)
    if exact is not None:
        return f"{exact} dígitos" if spanish else f"{exact} digits"
    if element.type == "decimal":
        behind = str(element.length).rpartition(",")[2]
        return (
            f"un número con punto decimal y hasta {behind} decimales"
            if spanish
            else f"a number with a decimal point and at most {behind} decimals"
        )
    return _FORMS[element.type][spanish]


def limit_of(element: Described, rule: str, language: str) -> str:
    """What a value of the element may be at most, or one of, where the rule is broken; in ``en`` or ``es``."""
    spanish = language == "es"
    if rule == "too-long":
        return f"{element.length} caracteres" if spanish else f"{element.length} characters"
    if element.bounds is not None:
        least, greatest = element.bounds
        return f"un número de {least} a {greatest}" if spanish else f"a number from {least} to {greatest}"
    if element.codes is None:
        return form_of(element, language)
    if len(element.codes) <= _LISTED_AT_MOST:
        return f"{', '.join(element.codes[:-1])} {'o' if spanish else 'or'} {element.codes[-1]}"
    return _LISTS.get(element.key, _STATES)[spanish]


_FORMS: Final = {
    "date": ("a day of the calendar as YYYYMMDD, not before 1900", "un día del calendario como AAAAMMDD, desde 1900"),
    "month": ("a month as MMYYYY", "un mes como MMAAAA"),
    "timestamp": ("a date and time as YYYYMMDDhhmmssSSS", "una fecha con hora como AAAAMMDDhhmmssSSS"),
    "integer": ("a whole number in the digits 0 to 9", "un número entero con los dígitos del 0 al 9"),
    "digits": ("digits 0 to 9 only", "una serie de dígitos del 0 al 9"),
    "email": ("an e-mail address", "una dirección de correo electrónico"),
    "code": ("a code of its list", "un código de su lista"),
    "text": ("plain text", "texto sin formato"),
}
_STATES: Final = (
    "the two-letter USPS code of a state or territory, such as TX",
    "la abreviatura postal (USPS) de un estado o territorio, de dos letras, como TX",
)
_LISTS: Final = {
    "cvx_code": ("a CVX code of the CDC", "un código CVX de los CDC"),
    "qualifying_move_from_country": (
        "a country code of ISO 3166-1, such as MEX or MX",
        "un código de país de ISO 3166-1, como MEX o MX",
    ),
}
