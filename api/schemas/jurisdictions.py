"""What a state office sets of its own and what it reads of it, as the schema declares it.

Invariant: the shape is held here, and what a value must be by the decider alone (``ledger.jurisdiction``), so that a
value that nobody could follow is told by its rule and remedy, whoever sends it. Nothing here is of a child.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from ledger.jurisdiction import DAYS_MAX, DECLARED_MAX, DEFAULT, LEVEL_DAYS_MAX, TERM_KINDS, TERMS_MAX
from ledger.offices import CONTACT_ROLES, LEVELS, NAME_MAX, REGION_CODE
from ledger.rulebook import RULES

_Json = dict[str, Any]

_TERM: Final[_Json] = {"name": "Fall 2025", "kind": "regular", "begins": "2025-09-02", "ends": "2025-12-19"}
_SPRING: Final[_Json] = {
    "name": "Spring 2026",
    "kind": "regular",
    "begins": "2026-01-05",
    "ends": "2026-06-12",
}
_SUMMER: Final[_Json] = {"name": "Summer 2026", "kind": "summer", "begins": "2026-06-15", "ends": "2026-08-14"}
_PROFILE: Final[_Json] = {
    "time_zone": "America/Los_Angeles",
    "expected_hour": 4,
    "response_days": 45,
    "record_ids": "renumbered",
    "rule_levels": {"V12": "off"},
    "second_person_near_match": False,
    "automatic_approval": False,
    "escalation_days": [7, 7, 16],
}
_CALENDAR: Final[_Json] = {"subdivision": "OR", "closed": ["2025-11-28"], "open": ["2025-10-13"]}
_YEAR: Final[_Json] = {"school_year": 2025, "terms": [_TERM, _SPRING, _SUMMER]}
_REGION: Final[_Json] = {"name": "Willamette Valley", "ended": False}
_CONTACT: Final[_Json] = {
    "role": "data_administrator",
    "name": "Ana Ruiz",
    "email": "ana.ruiz@esd.example.org",
    "phone": "503-555-0101",
}
_KEPT: Final[_Json] = {**_CONTACT, "phone": "+15035550101"}
_DAY: Final[_Json] = {"format": "date", "examples": ["2025-11-28"]}


def _range(least: int, most: int) -> dict[str, Any]:
    return {"minimum": least, "maximum": most}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ProfileBody(_Body):
    """The profile, whole: what is left out falls back to the default."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PROFILE]})

    time_zone: str | None = Field(
        default=None,
        description="IANA name of the zone in which the state's days begin. Left out: the zone of most of its people.",
    )
    expected_hour: int = Field(
        default=DEFAULT.expected_hour,
        description="Hour of the state's day by which its file is awaited.",
        json_schema_extra=_range(0, 23),
    )
    response_days: int = Field(
        default=DEFAULT.response_days,
        description="Days for which the answers to a submission's rows are kept.",
        json_schema_extra=_range(1, DAYS_MAX),
    )
    record_ids: str = Field(
        default=DEFAULT.record_ids,
        description="Whether Record IDs keep their meaning from night to night.",
        json_schema_extra={"enum": ["renumbered", "stable"]},
    )
    rule_levels: Annotated[dict[str, str], Field(max_length=len(RULES))] = Field(
        default_factory=dict,
        description="Rule code to the level that the state gives it; `rules` of the answer says which may be set.",
        json_schema_extra={"additionalProperties": {"type": "string", "enum": ["refuse", "warn", "off"]}},
    )
    second_person_near_match: bool = Field(
        default=DEFAULT.second_person_near_match,
        description="A near match answered yes waits for another person.",
    )
    automatic_approval: bool = Field(
        default=DEFAULT.automatic_approval, description="The state agrees to approval at the end of escalation."
    )
    escalation_days: Annotated[list[int], Field(min_length=3, max_length=3)] = Field(
        default_factory=lambda: list(DEFAULT.escalation_days),
        description="Days that a case waits with the district, the region and the state.",
        json_schema_extra={"items": {"type": "integer", **_range(1, LEVEL_DAYS_MAX)}},
    )


class CalendarBody(_Body):
    """The working days, whole: the public holidays, and days that depart from them."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CALENDAR]})

    subdivision: str | None = Field(
        default=None,
        description="State whose public holidays hold beside the federal ones; null: those alone. Left out: its own.",
    )
    closed: Annotated[list[str], Field(max_length=DECLARED_MAX)] = Field(
        default_factory=list,
        description="Days that are no working days although the rule says so.",
        json_schema_extra={"items": {"type": "string", **_DAY}},
    )
    open: Annotated[list[str], Field(max_length=DECLARED_MAX)] = Field(
        default_factory=list,
        description="Days that are working days although the rule says otherwise.",
        json_schema_extra={"items": {"type": "string", **_DAY}},
    )


class TermBody(_Body):
    """One term. Both days are of the term."""

    model_config = ConfigDict(json_schema_extra={"examples": [_TERM]})

    name: str
    kind: str = Field(json_schema_extra={"enum": list(TERM_KINDS)})
    begins: str = Field(json_schema_extra=_DAY)
    ends: str = Field(json_schema_extra=_DAY)


class TermsBody(_Body):
    """The terms of one school year, whole: an empty list takes back what was set."""

    model_config = ConfigDict(json_schema_extra={"examples": [_YEAR]})

    school_year: int = Field(description="Year in which it begins.", json_schema_extra=_range(1900, 2199))
    district: str | None = Field(
        default=None,
        description="NCES id of the district whose terms they are. Left out: the state's, which hold where a district"
        " has set none for that year.",
        json_schema_extra={"examples": ["4113770"]},
    )
    terms: Annotated[list[TermBody], Field(max_length=TERMS_MAX)]


class RegionBody(_Body):
    """A region, by the code in the address."""

    model_config = ConfigDict(json_schema_extra={"examples": [_REGION]})

    name: str = Field(json_schema_extra={"minLength": 1, "maxLength": NAME_MAX})
    ended: bool = Field(
        default=False, description="There is no such region now. It must hold no district and no contact."
    )


class DistrictBody(_Body):
    """Where the district of the address lies."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"region": "R2"}]})

    region: str | None = Field(description="Code of a region of the state; null takes the district out of any.")


class PersonBody(_Body):
    """Whom to ask."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CONTACT]})

    role: str = Field(json_schema_extra={"enum": list(CONTACT_ROLES)})
    name: str = Field(json_schema_extra={"minLength": 1, "maxLength": NAME_MAX})
    email: str = Field(json_schema_extra={"format": "email"})
    phone: str | None = Field(
        default=None,
        description="With its area code, and an extension behind `x`; of another country with a plus and its code."
        " Answered as `+15035550101 x12`.",
    )


class ContactBody(_Body):
    """The contact of the place in the address, whole."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"contact": _CONTACT}]})

    contact: PersonBody | None = Field(description="Null takes back who was named.")


BODIES: Final = (ProfileBody, CalendarBody, TermsBody, RegionBody, DistrictBody, ContactBody)

NAMES: Final = tuple({name for body in (*BODIES, TermBody, PersonBody) for name in body.model_fields} | set(RULES))
"""Names that these bodies may hold, to guess the one that was meant."""


class PartAnswer(BaseModel):
    """The profile, or the calendar. values: as a PUT takes them. differs: names of those that are not the default."""

    set: bool = Field(description="Whether the state has ever set it; false: all of it is the default.")
    version: int = Field(description="Of the settings when it was last set; 0 where it never was.")
    values: dict[str, Any] = Field(description="What holds, as a PUT takes it.")
    defaults: dict[str, Any] = Field(description="What would hold had the state set nothing.")
    differs: list[str] = Field(description="Names of the values that are not the default.")


class TermsAnswer(BaseModel):
    """The terms of every school year, of the state first. There are none by default."""

    set: bool
    version: int
    values: list[TermsBody] = Field(description="What was set, each as a PUT takes it.")


class RegionAnswer(RegionBody):
    """A region of the state."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"region": "R2", **_REGION}]})

    region: str = Field(description="Its code.", json_schema_extra={"pattern": f"^{REGION_CODE}$"})


class RegionsAnswer(BaseModel):
    """Every region, by code, ended ones too."""

    set: bool
    version: int
    values: list[RegionAnswer]


class DistrictAnswer(BaseModel):
    """A district that was put into a region."""

    district: str = Field(description="NCES id.")
    region: str


class DistrictsAnswer(BaseModel):
    """Every district that lies in a region."""

    set: bool
    version: int
    values: list[DistrictAnswer]


class ContactAnswer(BaseModel):
    """Whom to ask at one level."""

    level: str = Field(json_schema_extra={"enum": list(LEVELS)})
    place: str | None = Field(
        default=None, description="The district's NCES id or the region's code; null for the state."
    )
    contact: PersonBody


class ContactsAnswer(BaseModel):
    """Every contact: of the districts, then the regions, then the state."""

    set: bool
    version: int
    values: list[ContactAnswer]


class AskedAnswer(BaseModel):
    """Who is to be asked for a district of a state, the nearest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "state": "OR",
                    "district": "4113770",
                    "position": 9,
                    "contacts": [
                        {"level": "region", "place": "R2", "contact": _KEPT},
                        {"level": "state", "place": None, "contact": _KEPT},
                    ],
                }
            ]
        }
    )

    state: str
    district: str | None
    position: int = Field(description="Position in the ledger of what the state set last; 0 before the first time.")
    contacts: list[ContactAnswer]


class RuleAnswer(BaseModel):
    """A rule whose level the state may set."""

    code: str
    default: Literal["refused", "warned", "off"] = Field(description="What it does where the state says nothing.")
    does: str = Field(description="The same, in words.")
    levels: list[str] = Field(description="Levels that may be set.")
    level: str | None = Field(description="The level that was set; null where the default holds.")


class JurisdictionAnswer(BaseModel):
    """How one state wants its records kept. Nothing in it is of a child."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "state": "OR",
                    "version": 5,
                    "position": 9,
                    "profile": {
                        "set": True,
                        "version": 1,
                        "values": _PROFILE,
                        "defaults": {**_PROFILE, "expected_hour": 6, "response_days": 30, "rule_levels": {}},
                        "differs": ["expected_hour", "response_days", "rule_levels"],
                    },
                    "calendar": {
                        "set": False,
                        "version": 0,
                        "values": {"subdivision": "OR", "closed": [], "open": []},
                        "defaults": {"subdivision": "OR", "closed": [], "open": []},
                        "differs": [],
                    },
                    "terms": {
                        "set": True,
                        "version": 2,
                        "values": [{"school_year": 2025, "district": None, "terms": [_TERM]}],
                    },
                    "regions": {"set": True, "version": 3, "values": [{"region": "R2", **_REGION}]},
                    "districts": {"set": True, "version": 4, "values": [{"district": "4113770", "region": "R2"}]},
                    "contacts": {
                        "set": True,
                        "version": 5,
                        "values": [{"level": "state", "place": None, "contact": _KEPT}],
                    },
                    "rules": [
                        {
                            "code": "V12",
                            "default": "warned",
                            "does": "warns",
                            "levels": ["refuse", "warn", "off"],
                            "level": "off",
                        }
                    ],
                }
            ]
        }
    )

    state: str
    version: int = Field(description="How often anything was set; 0 before the first time. The `ETag` stands for it.")
    position: int = Field(description="Position in the ledger of what was set last; 0 before the first time.")
    profile: PartAnswer
    calendar: PartAnswer
    terms: TermsAnswer
    regions: RegionsAnswer
    districts: DistrictsAnswer
    contacts: ContactsAnswer
    rules: list[RuleAnswer] = Field(description="Every rule whose level may be set.")


class SettingAnswer(BaseModel):
    """What became of a PUT."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"state": "OR", "part": "profile", "version": 3, "position": 12, "changed": True}]
        }
    )

    state: str
    part: Literal["profile", "calendar", "terms", "regions", "districts", "contacts"]
    version: int = Field(description="Of the state's settings after it.")
    position: int = Field(description="Position in the ledger; `at_least` of a read.")
    changed: bool = Field(description="False where it said what held already: nothing was appended.")
