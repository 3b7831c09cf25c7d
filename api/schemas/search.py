"""What a search is asked and what it answers. Asked in a body, since an address is kept in too many places.

Invariant: nothing is looked for that is not named here, and a value is text or a date, never a pattern.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ledger.ids import student_id
from projections.search import SHOWN_MAX

_Text = Annotated[str, Field(min_length=1, max_length=200)]
_STUDENT = student_id(0)


class SearchBody(BaseModel):
    """What is known of the child. Everything that is given must fit; one field at least beside the state."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"name": "Lupe de la Cruz García", "birth_date": "2012-03-14"}]},
    )

    name: _Text | None = Field(default=None, description="The whole name or a part of it, in any order.")
    first_name: _Text | None = Field(default=None, description="Given names; a nickname is understood.")
    last_name_1: _Text | None = Field(default=None, description="A surname, the paternal one if that is known.")
    last_name_2: _Text | None = Field(default=None, description="The other surname.")
    birth_date: date | None = Field(default=None, description="With day and month exchanged it is found too.")
    place: _Text | None = Field(
        default=None, description="City, state or country: of birth, of the school, or of a qualifying move."
    )
    student_id: _Text | None = Field(default=None, description="Any student id ever issued.")
    state: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = Field(
        default=None, description="USPS code of a state that keeps a record."
    )
    state_student_id: _Text | None = Field(default=None, description="The state's own id.")
    alternate_state_student_id: _Text | None = Field(default=None, description="Another id in the same state.")
    school: _Text | None = Field(default=None, description="Name, a part of the name, or NCES id.")
    district: _Text | None = Field(default=None, description="Name, a part of the name, or NCES id.")
    limit: Annotated[int, Field(ge=1, le=SHOWN_MAX)] = Field(default=SHOWN_MAX, description="Students at most.")


class FitAnswer(BaseModel):
    """Why a student was found."""

    field: str = Field(description="That was asked for; `last_names` stands for both surnames.")
    how: Literal["exact", "nickname", "sound", "other order", "part", "day and month exchanged"]


class HitAnswer(BaseModel):
    """A student that was found."""

    student_id: str
    states: list[str] = Field(description="States that keep an open record, that which fits best first.")
    names: list[str] = Field(description="As the states write them, the latest first.")
    birth_dates: list[str] = Field(description="As the states say, the latest first; usually one.")
    fits: list[FitAnswer]


class SearchAnswer(BaseModel):
    """Best first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "position": 7,
                    "students": [
                        {
                            "student_id": _STUDENT,
                            "states": ["OR"],
                            "names": ["Guadalupe Cruz García"],
                            "birth_dates": ["2012-03-14"],
                            "fits": [
                                {"field": "name", "how": "nickname"},
                                {"field": "birth_date", "how": "exact"},
                            ],
                        }
                    ],
                    "more": False,
                }
            ]
        }
    )

    position: int = Field(description="Position in the ledger that the answer reflects.")
    students: list[HitAnswer]
    more: bool = Field(description="Others fit as well; ask more narrowly.")
