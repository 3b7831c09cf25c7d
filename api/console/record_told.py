"""A consolidated record as a registrar reads it: first who, where now, until when eligible, and what to mind; then all
of it, thing by thing. Pure: sections as ``projections.consolidation`` makes them, and the day.

Invariant: what a section that is not shown would say is told by nothing else here: neither an alert nor a gap; that it
is not shown is said in one line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final, Literal, NamedTuple

from api.console.plainly import name_of
from api.console.record_pictures import Stop, TimeLine, place_to, stops, time_line
from api.console.record_rows import Entry, Row, Source, Ways, compared, row_of, sources_of
from api.console.words import N_
from ledger.eligibility import age_on
from projections.consolidation import SECTIONS

SECTION_NAMES: Final = {
    "core": N_("identity and schooling"),
    "contacts": N_("parents and how to reach them"),
    "health": N_("health and immunizations"),
    "provenance": N_("what was said earlier"),
}


class Alert(NamedTuple):
    """What to mind. text: English, the key of the Spanish. detail: as it was said, or in words. anchor: of the part of
    the page that tells more."""

    text: str
    kind: Literal["wrong", "careful", "quiet"] = "careful"
    detail: str = ""
    sources: tuple[Source, ...] = ()
    anchor: str = ""


class Eligible(NamedTuple):
    """yes: on the day that is asked for. until: the last day, ISO 8601; since: the first day without. by: what ends
    it."""

    yes: bool
    until: str = ""
    since: str = ""
    by: str = ""
    begins: str = ""


class Now(NamedTuple):
    """Where the child is: enrollments that have not ended, the latest first; without any, the last one that has. moved:
    a qualifying move after which nobody enrolled her: where to, and the row."""

    here: tuple[Row, ...]
    last: Row | None
    moved: Row | None
    moved_to: str = ""


class Told(NamedTuple):
    """A record to be shown. hidden: names of the sections that are not. who: what is said of the child herself, each
    with who says it. differs: of these, and of rows below, how many are said in several ways."""

    student_id: str
    day: date
    position: int
    retracted: bool
    name: str
    birth_date: str
    age: int | None
    sex: str
    eligible: Eligible
    now: Now
    alerts: tuple[Alert, ...]
    hidden: tuple[str, ...]
    who: tuple[Row, ...]
    who_differs: tuple[Ways, ...]
    schools: tuple[Row, ...]
    line: TimeLine | None
    credits: Mapping[str, Any] | None
    courses: tuple[Row, ...]
    tests: tuple[Row, ...]
    immunizations: tuple[Row, ...]
    health_flags: tuple[Row, ...]
    moves: tuple[Row, ...]
    stops: tuple[Stop, ...]
    ids: tuple[Row, ...]
    parents: tuple[Row, ...]
    records: tuple[Mapping[str, Any], ...]
    has_health: bool
    has_contacts: bool


def told_of(shown: Mapping[str, Any], day: date) -> Told:
    """What a page shows. shown: an answer of ``StudentView``, its sections as far as they may be seen."""
    core: Entry = shown.get("core") or {}
    contacts: Entry = shown.get("contacts") or {}
    health: Entry = shown.get("health") or {}
    schools = _rows("E", core.get("enrollments"))
    moves = _rows("Q", core.get("qualifying_moves"))
    who = _rows("D", core.get("demographics"))
    flags = _rows("E", health.get("indicators"))
    immunizations = _rows("I", health.get("immunizations"))
    lists = {letter: _rows(letter, core.get(key)) for letter, key in (("C", "courses"), ("A", "assessments"))}
    records: tuple[Mapping[str, Any], ...] = tuple(core.get("records", ()))
    now = _now(schools, moves)
    differs = tuple(_who_differs(core, who))
    rows_differing = sum(
        any(ways.element not in _EACH_HAS_ITS_OWN for ways in row.differs)
        for rows in (schools, moves, flags, immunizations, *lists.values())
        for row in rows
    )
    return Told(
        student_id=shown["student_id"],
        day=day,
        position=shown["position"],
        retracted=core.get("status") == "retracted",
        name=name_of(core),
        birth_date=core.get("birth_date", ""),
        age=_age(core.get("birth_date"), day),
        sex=core.get("sex", ""),
        eligible=_eligible(core.get("eligibility"), yes=shown["eligible_now"], day=day),
        now=now,
        alerts=tuple(_alerts(core, records, now, schools, flags, differs, rows_differing)),
        hidden=tuple(SECTION_NAMES[name] for name in SECTIONS if name not in shown),
        who=who,
        who_differs=differs,
        schools=schools,
        line=time_line(schools, day),
        credits=core.get("credits"),
        courses=lists["C"],
        tests=lists["A"],
        immunizations=immunizations,
        health_flags=flags,
        moves=moves,
        stops=tuple(stops(moves)),
        ids=_rows("K", core.get("alternate_ids")),
        parents=_rows("D", contacts.get("parents")),
        records=records,
        has_health="health" in shown,
        has_contacts="contacts" in shown,
    )


# -- inside

_EACH_HAS_ITS_OWN: Final = frozenset({"information_source"})
"""Each state learns of a vaccination in its own way: no difference that anybody has to mind."""
_BIRTH_PLACE: Final = ("birth_city", "birth_state", "birth_country")


def _rows(letter: str, entries: Sequence[Entry] | None) -> tuple[Row, ...]:
    return tuple(row_of(letter, entry) for entry in entries or ())


def _age(born: str | None, day: date) -> int | None:
    return None if born is None else age_on(day, date.fromisoformat(born))


def _eligible(interval: Entry | None, *, yes: bool, day: date) -> Eligible:
    if not interval or not interval.get("expires"):
        return Eligible(yes)
    until = date.fromisoformat(interval["expires"])
    begins: str = interval.get("begins") or ""
    if not yes and begins > day.isoformat():
        return Eligible(yes, until.isoformat(), begins=begins, by=interval["by"])
    since = "" if yes or until >= day else (until + timedelta(days=1)).isoformat()
    return Eligible(yes, until.isoformat(), since, interval["by"])


def _now(schools: Sequence[Row], moves: Sequence[Row]) -> Now:
    """Graduation ends an enrollment too: whoever has graduated is not there any more."""
    latest_first = sorted(schools, key=lambda row: row.get("enrollment_date"), reverse=True)
    here = [row for row in latest_first if not row.get("withdrawal_date") and not row.get("graduation_hse_indicator")]
    last = next((row for row in latest_first if row not in here), None)
    newest = latest_first[0].get("enrollment_date") if latest_first else ""
    move = max(moves, key=lambda row: row.get("qualifying_arrival_date"), default=None)
    moved = move if move is not None and move.get("qualifying_arrival_date") > newest else None
    return Now(tuple(here), last, moved, place_to(moved) if moved is not None else "")


def _who_differs(core: Entry, who: Sequence[Row]) -> list[Ways]:
    found = [compared("D", "name", [(name_of(row.entry), row.entry) for row in who], name_of(core))]
    found += [
        compared("D", key, [(row.get(key), row.entry) for row in who], core.get(key, ""))
        for key in ("birth_date", "sex", "multiple_birth_flag", *_BIRTH_PLACE)
    ]
    return [ways for ways in found if ways is not None]


def _alerts(
    core: Entry,
    records: Sequence[Mapping[str, Any]],
    now: Now,
    schools: Sequence[Row],
    flags: Sequence[Row],
    differs: Sequence[Ways],
    rows_differing: int,
) -> list[Alert]:
    """What hurts a child where it is overlooked stands first."""
    found: list[Alert] = []
    medical = _latest(flags, "med_alert_indicator")
    if medical is not None and medical.get("med_alert_indicator") != "None":
        found.append(Alert(N_("Medical alert"), "wrong", medical.value("med_alert_indicator").text, medical.sources))
    iep = _latest(flags, "iep_indicator")
    if iep is not None and iep.get("iep_indicator") == "Yes":
        found.append(Alert(N_("Special education: has an IEP"), sources=iep.sources))
    priority = _latest(schools, "pfs_flag")
    if priority is not None and priority.get("pfs_flag") == "Yes":
        found.append(Alert(N_("Priority for services"), sources=priority.sources))
    learner = _latest(schools, "lep_indicator_el")
    if learner is not None and learner.get("lep_indicator_el") == "Yes":
        found.append(Alert(N_("English learner"), "quiet", sources=learner.sources))
    continuing = _latest(schools, "continuation_of_services_reason")
    if continuing is not None and continuing in (now.here or (now.last,)):
        text = continuing.value("continuation_of_services_reason").text
        found.append(Alert(N_("Continuing services"), detail=text, sources=continuing.sources))
    if now.moved is not None and now.moved_to:
        found.append(Alert(N_("Moved, and not enrolled there yet"), detail=now.moved_to, anchor="moves"))
    if len(now.here) > 1:
        found.append(Alert(N_("Enrolled in more than one place"), detail=str(len(now.here)), anchor="schools"))
    twins = [row for row in _rows("D", core.get("demographics")) if row.get("multiple_birth_flag") == "Yes"]
    if twins:
        said = sources_of(source for row in twins for source in row.entry.get("sources", ()))
        found.append(Alert(N_("Multiple birth: a twin may have the same name and birth date"), sources=said))
    if differs:
        found.append(Alert(N_("States differ on who the child is"), anchor="who"))
    if rows_differing:
        found.append(Alert(N_("Differences between states in what follows"), "quiet", str(rows_differing)))
    retracted = [record["state"] for record in records if record["status"] == "retracted"]
    if retracted:
        found.append(Alert(N_("Record taken back by its state"), detail=", ".join(retracted)))
    return found


def _latest(rows: Sequence[Row], element: str) -> Row | None:
    """The row of the latest enrollment that says something of it."""
    saying = [row for row in rows if row.get(element)]
    return max(saying, key=lambda row: row.get("enrollment_date"), default=None)
