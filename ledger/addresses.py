"""Where a person in an office is reached: e-mail addresses and telephone numbers, in one form each.

Invariant: what is taken can be written to or dialled as it stands, and taking it again changes nothing. Careful rather
than complete: a rare address that is right by its standard (quoted, or beyond ASCII) is refused, as no program here
sends anything to find out.
"""

from __future__ import annotations

import re

EMAIL_MAX = 254
"""Characters of an address: what a mail's envelope holds (RFC 5321, 4.5.3.1.3)."""


def email(text: str) -> str | None:
    """The address, its domain in small letters; None where it is none (RFC 5321, 4.1.2, without quoted names)."""
    address = text.strip()
    found = _EMAIL.fullmatch(address) if len(address) <= EMAIL_MAX else None
    if found is None:
        return None
    return f"{found['name']}@{found['domain'].lower()}"


def phone(text: str) -> str | None:
    """The number as ``+15035550101`` (E.164), with `` x12`` for an extension; None where it is none.

    Without a plus it is one of the North American plan. With one it is any country's: Palau, Micronesia and the
    Marshall Islands have codes of their own.
    """
    found = _PHONE.fullmatch(text.strip())
    if found is None:
        return None
    digits = re.sub("[^0-9]", "", found["number"])
    if not found["plus"]:
        digits = digits if len(digits) == 11 else f"1{digits}"
        if not digits.startswith("1"):
            return None
    whole = _NORTH_AMERICA if digits.startswith("1") else _ELSEWHERE
    if whole.fullmatch(digits) is None:
        return None
    return f"+{digits} x{found['extension']}" if found["extension"] else f"+{digits}"


_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_EMAIL = re.compile(
    rf"(?P<name>(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*)@(?P<domain>(?:{_LABEL}\.)+(?=[A-Za-z]){_LABEL})"
)
_PHONE = re.compile(
    r"(?P<plus>\+?)(?P<number>\(?[0-9][0-9 ().-]{5,28}[0-9])(?:[ ,]{0,3}(?:x|ext\.?) ?(?P<extension>[0-9]{1,6}))?",
    re.IGNORECASE,
)
_NORTH_AMERICA = re.compile("1[2-9][0-9]{2}[2-9][0-9]{6}")
_ELSEWHERE = re.compile("[2-9][0-9]{7,14}")
