"""Which lines of an audit trail are asked for: in an address, a body, a form, or on the command line.

Invariant: one reading of it for all ways in. A day is a whole day of UTC, and counts as the last one too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple, NoReturn

from api.principal import Principal, who
from api.problems import Fault, Invalid
from api.schemas.history import INSTANT
from ledger.access import Lack, decide
from ledger.mde import STATES
from projections.life_cycle import NAMES
from projections.trails import KINDS, Wanted

ACTION: Final = "student.history"
FILTERS: Final = ("since", "until", "kind", "code", "state", "record", "former", "order")
"""What may stand in an address."""
_UUID: Final = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MANY_MAX: Final = 60
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


class Asked(NamedTuple):
    """newest: newest first."""

    wanted: Wanted = Wanted()
    newest: bool = False


def asked_of(given: Mapping[str, Sequence[str]], where: str = "query", actor: str | None = None) -> Asked:
    """given: name to what was sent under it, commas between several. where: it stands, for a fault. Raises Invalid."""

    def one(name: str) -> str | None:
        values = [value for value in given.get(name, ()) if value]
        if len(values) > 1:
            _refuse(where, name, "It is given twice.")
        return values[0] if values else None

    def many(name: str) -> list[str] | None:
        values = [part for value in given.get(name, ()) for part in value.split(",") if part]
        if len(values) > _MANY_MAX:
            _refuse(where, name, f"More than {_MANY_MAX} are given.")
        return values or None

    kinds, codes, states, records = (many(name) for name in ("kind", "code", "state", "record"))
    for name, values, known in (("kind", kinds, KINDS), ("code", codes, NAMES), ("state", states, STATES)):
        if not set(values or ()) <= set(known):
            _refuse(where, name, f"It is none of {', '.join(known)}.")
    if not all(_UUID.fullmatch(record) for record in records or ()):
        _refuse(where, "record", "It is no uuid of a record: the answer's `records` names them.")
    order, former = one("order") or "oldest", one("former") or "false"
    if order not in ("oldest", "newest"):
        _refuse(where, "order", "It is neither oldest nor newest.")
    if former not in ("true", "false"):
        _refuse(where, "former", "It is neither true nor false.")
    wanted = Wanted(
        since=_instant(where, "since", one("since")),
        until=_instant(where, "until", one("until")),
        topics=None if kinds is None else sorted({topic for kind in kinds for topic in KINDS[kind]}),
        codes=codes,
        actor=actor,
        records=records,
        states=states,
        former=former == "true",
    )
    return Asked(wanted, order == "newest")


def asked_by(principal: Principal, read: Callable[[], Asked]) -> Asked:
    """What somebody asks for. Of a role that reads no history it is not looked at: he is refused whatever he asks, and
    that has its entry. Raises Invalid."""
    return Asked() if decide(who(principal), ACTION).lacks is Lack.ROLE else read()


def from_body(body: Any) -> Asked:
    """body: ``HistoryBody``. Raises Invalid."""
    given = body.model_dump(exclude_none=True, exclude={"actor"})
    told = {name: value if isinstance(value, list) else [str(value)] for name, value in given.items()}
    told["former"] = ["true" if body.former else "false"]
    return asked_of(told, "", body.actor)


def _instant(where: str, name: str, given: str | None) -> datetime | None:
    if given is None:
        return None
    try:
        at = _read(given, whole_day=name == "until") if re.fullmatch(INSTANT, given, re.ASCII) else None
    except (ValueError, OverflowError):
        at = None
    if at is None or not _FIRST <= at <= _LAST:
        _refuse(where, name, "It is no day (YYYY-MM-DD) and no instant with its zone (2025-09-02T18:00:00Z).")
    return at


def _read(given: str, *, whole_day: bool) -> datetime:
    """Raises ValueError, OverflowError."""
    if len(given) > len("2025-09-02"):
        return datetime.fromisoformat(given).astimezone(UTC)
    day = datetime.combine(date.fromisoformat(given), datetime.min.time(), UTC)
    return day + timedelta(days=int(whole_day))


def _refuse(where: str, name: str, message: str) -> NoReturn:
    pointer = f"{where}:{name}" if where else f"/{name}"
    raise Invalid(
        "The history cannot be narrowed like that.",
        remedy="Leave it out to see every line.",
        faults=[Fault(pointer, None, "history-filter", message)],
    )
