"""What a request names: records as their states know them, acts and cases by their ids.

Invariant: a name that cannot be one is not found, as one that is not there is; it reaches no database, and is told
nowhere, since it may be anything that a client put there.
"""

from __future__ import annotations

import re
import uuid
from typing import Final

from ledger.application import Ledger
from ledger.errors import BadValue, NotFound
from ledger.mde import TABLES, canonical

ACT: Final = "^[0-9]{12}-[0-9]{1,9}$"
DECLARATION: Final = r"^[0-9]{12}-[0-9]{1,9}(\.[0-9]{1,4})?$"
_SSID: Final = TABLES["S"].by_key["state_student_identifier"]


def record_named(ledger: Ledger, state: str, ssid: str) -> str:
    """The uuid of a record; ssid in any form that a file may have. Raises NotFound, StoreUnavailable."""
    try:
        known = canonical(_SSID, ssid)
    except BadValue:
        known = None
    record = None if known is None else ledger.record_of(state, known)
    if record is None:
        raise NotFound("There is no such record.", remedy="Compare its state and id with where they were read.")
    return record


def act_named(given: str) -> str:
    """The id of an act, as it may be one. Raises NotFound."""
    return _fitting(ACT, given, "act")


def declaration_named(given: str) -> str:
    """The id of a declaration, as it may be one. Raises NotFound."""
    return _fitting(DECLARATION, given, "declaration")


def case_named(given: str) -> str:
    """The id of a case, as it may be one. Raises NotFound."""
    try:
        case = str(uuid.UUID(given))
    except ValueError:
        case = ""
    if case != given.lower():
        raise NotFound("There is no such case.", remedy="See the worklist.")
    return case


def _fitting(pattern: str, given: str, kind: str) -> str:
    if re.fullmatch(pattern, given, re.ASCII) is None:
        raise NotFound(f"There is no such {kind}.", remedy="See the history of either student: it has the ids.")
    return given
