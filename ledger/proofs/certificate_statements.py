"""What follows from the events of a certificate of disposal: everything that it says, computed again, and compared.

Where an excerpt keeps the proposal shut, what would follow from it is untold: it is left as it stands.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from ledger.proofs.certificate_events import Said, entries_of
from ledger.proofs.certificate_words import CERTIFICATE_FORMAT, not_proven_of, proven_by
from ledger.proofs.doubt import Doubt, Malformed

PROPOSED, APPROVED = "disposal-proposed.v1", "disposal-approved.v1"
_DESTROYED, _SCHEDULE = "key-destroyed.v1", "schedule-set.v1"
_LAW: Final = {
    "record_class": "access",
    "after": [{"since": "access-end", "years": 3}],
    "authority": "34 CFR 200.85",
}
"""What counts for access papers where nobody has set a schedule: no event says it."""


class _Untold:
    """What cannot be told from the events that are open: whatever the certificate says of it is left as it is."""


_UNTOLD = _Untold()
_GONE_BEFORE: Final[dict[str, Any]] = {
    **dict.fromkeys(("subject", "record_class", "schedule", "student_id"), _UNTOLD),
    "keys": [],
    "events": {},
    "position": None,
    "event_id": None,
    "papers": 0,
    "cases": 0,
}
"""The line of what another disposal had destroyed before."""


def statements(told: Mapping[str, Any], events: Sequence[Said]) -> dict[str, Any]:
    """Everything that a certificate with these events says."""
    state = told.get("state")
    if not isinstance(state, str | None):
        raise Malformed("state is not of the form that it must have.")
    proposal, approval = _the_one(events, PROPOSED), _the_one(events, APPROVED)
    for one in events:
        # An excerpt says what is one state's, and the two that are of all states may stay shut.
        if one.event is None and (state is None or one not in (proposal, approval)):
            raise Doubt("The key of this event is not handed over.", position=one.position, event=one.event_id)
    disposal = proposal.stream.removeprefix("retention/")
    for one, version in ((proposal, 1), (approval, 2)):
        named = disposal if one.event is None else one.event["disposal"]
        if (one.stream, one.version, named) != (f"retention/{disposal}", version, disposal):
            raise Doubt("This event is another disposal's.", position=one.position, event=one.event_id)
    destroyed = [one for one in events if one.topic == _DESTROYED]
    lines = _lines(told, proposal, approval, destroyed, state)
    # What a line says that cannot be told is taken as it is: so are the rules and the sentences that follow.
    named = [_either("schedule", number, line, told) for number, line in enumerate(lines)]
    classes = {_either("record_class", number, line, told) for number, line in enumerate(lines)}
    return {
        "format": CERTIFICATE_FORMAT,
        "disposal": disposal,
        "proposed_by": _UNTOLD if proposal.event is None else proposal.event["by"],
        "proposed_at": _instant(proposal.at),
        "approved_by": _UNTOLD if approval.event is None else approval.event["by"],
        "approved_at": _instant(approval.at),
        "rules": _rules(named, [one for one in events if one.topic == _SCHEDULE]),
        "lines": lines,
        "counts": _counted(lines),
        "proposal": proposal.position,
        "approval": approval.position,
        "proves": proven_by(all_of_it=state is None),
        "proves_not": not_proven_of(classes),
        "state": state,
        "backups_until": _backups_until(approval),
        "checkpoint": told["checkpoint"],
        "inclusions": told["inclusions"],
    }


def _lines(
    told: Mapping[str, Any], proposal: Said, approval: Said, destroyed: Sequence[Said], state: str | None
) -> list[Any]:
    went = {_subject_in(one): one for one in destroyed}
    if len(went) != len(destroyed):
        raise Doubt("Of a record or account it is said twice that it went.")
    for subject, one in went.items():
        said = one.event or {}
        if (one.stream, said.get("disposal")) != (f"retention/{subject}", _name_of(proposal)):
            raise Doubt("What went there is no part of this disposal.", position=one.position, event=one.event_id)
        if state is not None and said.get("state") != state:
            raise Doubt("This is of another state.", position=one.position, event=one.event_id)
    if proposal.event is None:
        return _lines_without_proposal(told, list(went.values()))
    items = [item for item in proposal.event["items"] if state in (None, item["scope"].get("state"))]
    named = [item["scope"]["subject"] for item in items]
    strangers = [one for subject, one in went.items() if subject not in named]
    if strangers:
        raise Doubt("What went there was not proposed.", position=strangers[0].position)
    gone = None if approval.event is None else approval.event.get("gone", [])
    for subject in named:
        if gone is not None and (subject in went) == (subject in gone):
            raise Doubt(f"Of {subject} the approval and the events do not say the same.", position=approval.position)
    return [_line_of(item, went.get(item["scope"]["subject"])) for item in items]


def _lines_without_proposal(told: Mapping[str, Any], went: Sequence[Said]) -> list[Any]:
    """Of an excerpt: what went, in its order; what had gone before stands between and cannot be told."""
    rest, lines = iter(went), list[Any]()
    for one_told in entries_of("lines", told.get("lines")):
        if isinstance(one_told, dict) and one_told.get("position") is None:
            lines.append({**_GONE_BEFORE})
            continue
        one = next(rest, None)
        if one is None:
            raise Doubt("A line says that something went, and no event does.")
        lines.append(_line_of(None, one))
    if (left := next(rest, None)) is not None:
        raise Doubt("Something went of which no line speaks.", position=left.position, event=left.event_id)
    return lines


def _the_one(events: Sequence[Said], topic: str) -> Said:
    found = [one for one in events if one.topic == topic]
    strangers = [one for one in events if one.topic not in (PROPOSED, APPROVED, _DESTROYED, _SCHEDULE)]
    if len(found) != 1 or strangers:
        raise Doubt(
            f"A certificate has one {topic}, and no events but a disposal's.",
            position=strangers[0].position if strangers else None,
            found=f"{len(found)} of {topic}",
        )
    return found[0]


def _subject_in(one: Said) -> str:
    said = one.event or {}
    return said.get("record") or said.get("account") or ""


def _name_of(proposal: Said) -> str:
    return proposal.stream.removeprefix("retention/")


def _line_of(item: Mapping[str, Any] | None, went: Said | None) -> dict[str, Any]:
    """item: as it was proposed; None where that is shut. went: None where another disposal had destroyed it."""
    scope: Mapping[str, Any] = {} if item is None else item["scope"]
    if went is None:
        assert item is not None, "one of the two is there"
        return {
            **_GONE_BEFORE,
            "subject": scope["subject"],
            "record_class": scope["record_class"],
            "schedule": item["schedule"],
            "student_id": scope.get("student_id"),
        }
    said = went.event or {}
    if item is not None:
        for name, proposed, found in (
            ("keys", [key["id"] for key in scope["keys"]], said["key_ids"]),
            ("schedule", item["schedule"], said["schedule"]),
            ("record_class", scope["record_class"], said.get("record_class")),
            ("student_id", scope.get("student_id"), said.get("student_id")),
            ("state", scope.get("state"), said.get("state")),
            ("cases", scope.get("cases", []), said.get("cases", [])),
        ):
            if proposed != found:
                raise Doubt(f"Others went than were proposed: {name}.", position=went.position, event=went.event_id)
    return {
        "subject": _subject_in(went),
        "record_class": said.get("record_class"),
        "schedule": said["schedule"],
        "keys": said["key_ids"],
        "events": _UNTOLD if item is None else scope.get("events", {}),
        "student_id": said.get("student_id"),
        "position": went.position,
        "event_id": went.event_id,
        "papers": _UNTOLD if item is None else len(scope.get("attachments", [])),
        "cases": len(said.get("cases", [])),
    }


def _either(name: str, number: int, line: Mapping[str, Any], told: Mapping[str, Any]) -> Any:
    """What follows of a line, or what it says itself where nothing does."""
    return told["lines"][number][name] if line[name] is _UNTOLD else line[name]


def _rules(schedules: Iterable[str], events: Sequence[Said]) -> list[dict[str, Any]]:
    """Each schedule that is named, once, in the order in which it is; as it was set."""
    told: dict[str, tuple[int | None, Mapping[str, Any]]] = {"access/law": (None, _LAW)}
    for one in events:
        said = one.event or {}
        told[f"{said['record_class']}/{said.get('state') or 'nation'}/{said['number']}"] = (one.position, said)
    names = list(dict.fromkeys(schedules))
    missing = [name for name in names if name not in told]
    more = [name for name in told if name not in (*names, "access/law")]
    if missing or more or len(events) != len(told) - 1:
        raise Doubt(
            "The schedules that are proven are not those by which it went.",
            expected=", ".join(map(str, names)),
            found=", ".join(told),
        )
    return [
        {
            "schedule": name,
            "record_class": said["record_class"],
            "after": [
                f"{term['years']} {'year' if term['years'] == 1 else 'years'} after {term['since']}"
                for term in said["after"]
            ],
            "authority": said["authority"],
            "state": said.get("state"),
            "position": position,
        }
        for name in names
        for position, said in [told[name]]
    ]


def _counted(lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    went = [line for line in lines if line["position"] is not None]
    counts: Counter[str] = Counter({"records": 0, "accounts": 0})
    for line in went:
        counts["accounts" if line["record_class"] == "access" else "records"] += 1
    untold = any(line["events"] is _UNTOLD for line in went)
    return {
        **counts,
        "keys": sum(len(line["keys"]) for line in went),
        "events": _UNTOLD if untold else sum(sum(line["events"].values()) for line in went),
        "papers": _UNTOLD if untold else sum(line["papers"] for line in went),
        "cases": sum(line["cases"] for line in went),
    }


def _backups_until(approval: Said) -> object:
    if approval.event is None:
        return _UNTOLD
    days = approval.event.get("backup_days")
    return None if days is None else (approval.at + timedelta(days=days)).date().isoformat()


def _instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def must_say(where: str, told: object, expected: object) -> None:
    """Raises Doubt at the first field that says something else than follows from the events."""
    if expected is _UNTOLD:
        return
    if isinstance(expected, dict) and isinstance(told, dict):
        inside = f"{where}." if where else ""
        for name in (*told, *expected):
            if name not in expected:
                raise Malformed(f"{inside}{name} is in no certificate.")
            if name not in told:
                raise Malformed(f"{inside}{name} is missing.")
        for name, value in expected.items():
            must_say(f"{inside}{name}", told[name], value)
    elif isinstance(expected, list) and isinstance(told, list):
        if len(told) != len(expected):
            raise Doubt(f"{where} has another number of entries.", expected=str(len(expected)), found=str(len(told)))
        for number, value in enumerate(expected):
            must_say(f"{where}[{number}]", told[number], value)
    elif type(told) is not type(expected) or told != expected:
        # By their types too: in Python 1, 1.0 and true are equal.
        raise Doubt(f"{where} is not what the log says.", expected=_shortly(expected), found=_shortly(told))


def _shortly(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:200]}..."
