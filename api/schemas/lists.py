"""What is asked of a daily list, in an address or saved, and what is answered. An answer tells of children; what is
asked is of districts, schools and days alone, so it may stand in an address."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ledger.ids import student_id
from ledger.mde import TABLES
from projections.lists import DAYS_MAX, LISTS

NAME_MAX: Final = 60
GRADES: Final = TABLES["E"].by_key["grade_level"].codes or ()
_DAY: Final = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ID = "01920f8e-0b5e-7cc3-98c4-dc0c0c07398f"
_SAVED: dict[str, Any] = {"name": "Ending soon, Woodburn", "list": "ending", "parameters": {"days": 60}}
_CHILD: dict[str, Any] = {
    "student_id": student_id(0),
    "state_student_id": "OR5540012",
    "first_name": "Inés",
    "middle_name": "María",
    "last_name_1": "Reyes",
    "last_name_2": "Núñez",
    "suffix": "II",
    "birth_date": "2012-03-14",
    "grade_level": "07",
    "enrollment_type": "01",
    "school_identification_code": "411377000102",
    "school_or_project_name": "Valor Middle School",
    "school_district_id": "4113770",
    "enrollment_date": "2025-04-21",
    "withdrawal_date": "2025-06-13",
    "priority_for_services": True,
    "district_of_residence": "4110820",
    "resident_since": "2025-07-01",
    "qualifying_arrival_date": "2025-04-18",
    "moved_to_city": "Woodburn",
    "moved_to_state": "OR",
    "eligible_from": "2025-04-18",
    "eligible_until": "2028-04-17",
    "days_left": 958,
    "opened_at": "2025-04-22T09:12:44Z",
    "unenrolled_since": "2025-07-01",
    "elsewhere": "WA",
    "elsewhere_since": "2025-06-20",
    "record": _ID,
}


def _written(given: Any) -> Any:
    """Pydantic takes a number for a day too, which the schema does not."""
    if isinstance(given, str) and not _DAY.fullmatch(given):
        raise ValueError("no day")
    return given


class ListParameters(BaseModel):
    """What is asked of a list."""

    model_config = ConfigDict(extra="forbid", strict=True)

    state: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = Field(
        default=None, description="Whose records; the own state where the role has one."
    )
    district: Annotated[str, Field(pattern="^[0-9]{7}$")] | None = Field(
        default=None, description="NCES id of a district; the own one where the role has one."
    )
    school: Annotated[str, Field(pattern="^[0-9]{12}$")] | None = Field(
        default=None, description="NCES id of the school of the latest enrollment."
    )
    grade: Annotated[str, Field(pattern=f"^({'|'.join(GRADES)})$")] | None = Field(
        default=None, description="Grade Level of the latest enrollment."
    )
    days: Annotated[int, Field(ge=1, le=DAYS_MAX)] | None = Field(
        default=None, description="Of `ending`: within how many days. 30 if it is not named."
    )
    since: Annotated[date, BeforeValidator(_written), Field(strict=False)] | None = Field(
        default=None, description="Of `new`: from which day on. Seven days ago if it is not named."
    )


PARAMETERS: Final = tuple(ListParameters.model_fields)
ListName = Literal["children", "ending", "priority", "out-of-school", "new", "not-enrolled"]
assert ListName.__args__ == tuple(one.name for one in LISTS)


class SavedListBody(BaseModel):
    """A list to be kept: under a name of one's own, in which no child should stand."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [_SAVED]})

    name: Annotated[str, Field(min_length=1, max_length=NAME_MAX)] = Field(
        description="One's own words for it. Where one of this name is kept already, this takes its place."
    )
    list: ListName
    parameters: ListParameters = ListParameters()


BODIES: Final = (SavedListBody,)
NAMES: Final = (*SavedListBody.model_fields, *PARAMETERS)
"""That a body may hold."""


class SavedListAnswer(BaseModel):
    """A list that somebody keeps."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"id": _ID, **_SAVED, "href": "/v1/lists/ending?days=60", "saved_at": "2025-09-02T18:00:00Z"}]
        }
    )

    id: str
    name: str
    list: str
    parameters: dict[str, str | int]
    href: str = Field(description="Where the list is read.")
    saved_at: str


class SavedListsAnswer(BaseModel):
    """All of one's own, by name."""

    saved: list[SavedListAnswer]


class OfficeAnswer(BaseModel):
    """Whose children are told of. district: of this one alone; region: of its districts."""

    state: str
    region: str | None
    district: str | None


class CountedAnswer(BaseModel):
    """children: how many are in the list, 10,000 at most; more: there are others."""

    children: int
    more: bool


class EndingCountAnswer(CountedAnswer):
    days: int


class DescribedAnswer(BaseModel):
    """A list. counted: null where no state is named. within: of `ending`, counted for 30, 60 and 90 days."""

    name: str
    means: str
    rule: str = Field(description="Where it comes from in the law, and which rules of the record it rests on.")
    parameters: list[str]
    counted: CountedAnswer | None
    within: list[EndingCountAnswer]


class ListsAnswer(BaseModel):
    """Which lists there are. Counts are of nobody: they leave no entry."""

    day: str | None = Field(description="For which it is counted: today in the office's state.")
    position: int | None
    office: OfficeAnswer | None
    lists: list[DescribedAnswer]


class ChildAnswer(BaseModel):
    """A child in a list, by a record of the state that is asked for. Names are those that were said last."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CHILD]})

    student_id: str
    state_student_id: str
    first_name: str | None
    middle_name: str | None
    last_name_1: str | None
    last_name_2: str | None
    suffix: str | None
    birth_date: str | None
    grade_level: str | None
    enrollment_type: str | None
    school_identification_code: str | None
    school_or_project_name: str | None
    school_district_id: str | None
    enrollment_date: str | None
    withdrawal_date: str | None
    priority_for_services: bool | None
    district_of_residence: str | None
    resident_since: str | None
    qualifying_arrival_date: str | None
    moved_to_city: str | None
    moved_to_state: str | None
    eligible_from: str | None
    eligible_until: str | None
    days_left: int | None = Field(description="Of eligibility after today; 0 on its last day, null without any today.")
    opened_at: str
    unenrolled_since: str | None = Field(description="When she came, if this record tells of no enrollment since.")
    elsewhere: str | None = Field(
        description="Another state, whose record tells of an open enrollment as late or later."
    )
    elsewhere_since: str | None
    record: str


COLUMNS: Final = tuple(ChildAnswer.model_fields)
"""Of a row, in JSON and in CSV."""


class ListAnswer(BaseModel):
    """A page of a list."""

    list: str
    day: str = Field(description="For which it holds: of all pages, that of the first.")
    position: int
    office: OfficeAnswer
    children: list[ChildAnswer]
    next: str | None = Field(description="Cursor of the page behind this one; null where there is none.")
