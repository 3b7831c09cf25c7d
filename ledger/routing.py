"""Before whom a case comes, and for how long: the offices of a state, from that of the child's district up.

Invariant: the days of a level are those of the state's own profile and calendar zone, reckoned once, when the case is
opened; to whom it is assigned meanwhile changes nothing in them. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from ledger.events.case import LEVELS, Asked, Place, Step
from ledger.facts import RecordState, held_rows
from ledger.jurisdiction import Jurisdiction, Profile, levels_of

LevelsOf = Callable[[str, str | None], Sequence[Place]]
"""State and a child's district (NCES id) to the offices that the state has for it, nearest first, the state's last."""


def offices_of(jurisdiction: Jurisdiction, state: str, district: str | None) -> list[Place]:
    """The offices of a state for a child's district, nearest first, as far as the state has set them up."""
    nearest, region, _ = levels_of(jurisdiction, district)
    places = [Place(state=state)]
    if region is not None:
        places.insert(0, Place(state=state, region=region))
    if nearest is not None:
        places.insert(0, Place(state=state, region=region, district=nearest))
    return places


def is_office(jurisdiction: Jurisdiction, place: Place) -> bool:
    """Whether a state has such an office: a district's in the region that it lies in, and in no other."""
    if place.district is not None:
        return offices_of(jurisdiction, place.state, place.district)[0] == place
    region = jurisdiction.offices.regions.get(place.region) if place.region is not None else None
    return place.region is None or (region is not None and not region.ended)


def state_alone(state: str, district: str | None) -> Sequence[Place]:  # noqa: ARG001 - the shape of ``LevelsOf``
    """Of a state that has set up no office below its own."""
    return (Place(state=state),)


def district_of(records: Iterable[RecordState]) -> str | None:
    """The district of the most recent enrollment, closed ones first, that names one.

    MSIX asks there first: a child who has left was known to the district that he left. A row names its district by
    itself or by the first seven digits of its school; where the child lives counts where it names none.
    """
    return district_told([row.elements for record in records for row in held_rows(record, letter="E").get("E", ())])


def district_told(rows: Sequence[Mapping[str, str]]) -> str | None:
    """The same, of the elements of enrollments."""
    closed_first = sorted(
        rows,
        key=lambda row: (
            "withdrawal_date" in row,
            row.get("withdrawal_date", ""),
            row.get("enrollment_date", ""),
            row.get("school_district_id", ""),
        ),
        reverse=True,
    )
    named = (
        row.get("school_district_id")
        or row.get("school_identification_code", "")[:7]
        or row.get("district_of_residence")
        for row in closed_first
    )
    return next((district for district in named if district), None)


def asked_of(state: str, places: Sequence[Place], profile: Profile, now: datetime) -> Asked:
    """How a state is asked from an instant on. places: as from ``LevelsOf``."""
    assert places, state
    assert places[-1].level == LEVELS[-1], state
    zone = ZoneInfo(profile.time_zone)
    day = now.astimezone(zone).date()
    steps = []
    for place in places:
        day += timedelta(days=profile.escalation_days[LEVELS.index(place.level)])
        ended = datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)
        steps.append(Step(level=place.level, due_on=day.isoformat(), due=ended))
    return Asked(state=state, place=places[0], steps=steps, profile=profile.version)
