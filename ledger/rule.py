"""What a rule is: its code, what it does, who may change that, and its words in English and Spanish.

The rules themselves stand in ``ledger.rulebook`` and ``ledger.rulebook_rows``. Words never hold a value: it may be a
child's. ``{element}``, ``{form}`` and ``{limit}`` are filled in by whoever tells them.
"""

from __future__ import annotations

import msgspec

ANY = ("refuse", "warn", "off")
"""Levels that a state's profile may give to a rule about what is said of a child."""

NOTICE = ("warn", "off")
"""Levels of a rule that only tells: there is nothing to refuse."""


DOES = {
    "file": "refuses the file",
    "refused": "refuses the row, or leaves the element out with a warning",
    "warned": "warns",
    "off": "nothing, unless a state asks for it",
}
"""What a rule does where its level alone tells it."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule.

    code: permanent, as stored in findings; V1 to V30 and C1 are those of the requirements. level: what it does where
    neither the layout nor a state's profile says otherwise: ``file`` refuses the whole file, ``refused`` refuses the
    row or leaves the element out, ``warned`` only says so, ``off`` waits for a state to ask for it. levels: what a
    state's profile may make of it; none where it cannot be changed. does: its effect, in words, where the level alone
    does not tell. source: law or page that it rests on. message, remedy: English. message_es, remedy_es: Spanish.
    """

    code: str
    level: str
    message: str
    remedy: str
    message_es: str
    remedy_es: str
    levels: tuple[str, ...] = ()
    does: str = ""
    source: str = "file layout"


def make_rule(
    code: str,
    level: str,
    message: str,
    remedy: str,
    message_es: str,
    remedy_es: str,
    *,
    levels: tuple[str, ...] = (),
    does: str = "",
    source: str = "file layout",
) -> Rule:
    """A rule, its words in the order in which they are read."""
    return Rule(
        code=code,
        level=level,
        message=message,
        remedy=remedy,
        message_es=message_es,
        remedy_es=remedy_es,
        levels=levels,
        does=does,
        source=source,
    )
