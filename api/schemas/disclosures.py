"""Bodies and answers about disclosures: a search among them, a note of whom records were passed on to, and who reads
unusually. Asked in a body, since the name of an official stands in no address either.

Invariant: of a child there are ids and nothing else.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.schemas.answers import DisclosureAnswer
from ledger.access import ROLES
from ledger.ids import student_id

_STUDENT = student_id(0)
_RECORD = "01920f8e-0b5e-7cc3-98c4-dc0c0c07398f"

Words = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""A line of text."""


def _strict(example: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [example]})


class DisclosureSearchBody(BaseModel):
    """Which entries are looked for. All that is given must fit; nothing at all is every entry."""

    model_config = _strict({"actor": "registrar@example.org", "since": "2025-09-01T00:00:00Z"})

    actor: Words | None = Field(default=None, description="Who asked, by the name that he signs in with.")
    role: Annotated[str, Field(pattern=f"^({'|'.join(ROLES)})$")] | None = Field(
        default=None, description="In which role he asked."
    )
    organisation: Words | None = Field(default=None, description="On whose behalf.")
    state: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = Field(
        default=None, description="That his role is narrowed to: a USPS code."
    )
    outcome: Literal["shown", "not-modified", "refused", "passed-on"] | None = None
    since: AwareDatetime | None = Field(default=None, description="Recorded at this instant or later.")
    until: AwareDatetime | None = Field(default=None, description="Recorded before this instant.")


class DisclosureSearchAnswer(BaseModel):
    """Newest first, of whichever children."""

    disclosures: list[DisclosureAnswer]
    cursor: str | None = Field(description="For the next page; null at the end.")


class RedisclosureBody(BaseModel):
    """To whom an authority has passed a student's records on (34 CFR 99.32(b))."""

    model_config = _strict(
        {
            "recipient": "Records office",
            "organisation": "Woodburn School District",
            "basis": "34 CFR 99.31(a)(2)",
            "purpose": "Enrollment in the school that she moves to.",
            "sections": ["core", "health"],
            "disclosed_on": "2025-09-01",
        }
    )

    recipient: Words = Field(description="The party that received them.")
    organisation: Words = Field(description="Of which organisation the party is.")
    basis: Words = Field(description="The legal ground, or the party's legitimate interest.")
    purpose: Words
    sections: Annotated[
        list[Literal["core", "contacts", "health", "provenance"]],
        Field(min_length=1, max_length=4, description="What was passed on, by sections of the consolidated record."),
    ]
    disclosed_on: date = Field(description="The day, not later than today.")


BODIES: tuple[type[BaseModel], ...] = (DisclosureSearchBody, RedisclosureBody)
NAMES = tuple({name for body in BODIES for name in body.model_fields})
"""Names that a body may hold, to guess the one that was meant."""


class RedisclosureAnswer(BaseModel):
    """It stands in the accounting of the student."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"student_id": _STUDENT, "records": [_RECORD], "position": 12}]}
    )

    student_id: str = Field(description="The id that it was noted for.")
    records: list[str] = Field(description="Records of the student, each with an entry.")
    position: int = Field(description="Position in the access log.")


class ReaderAnswer(BaseModel):
    """A reader's day that is unusual."""

    day: str = Field(description="In UTC, YYYY-MM-DD.")
    actor: str
    own_state: str | None = Field(description="That the role is narrowed to; null for one of every state.")
    role: str
    organisation: str
    children: int = Field(description="Shown on the day, each counted once.")
    usual: float = Field(description="Children a day: the median of her last 30 days before with any reads.")
    days: int = Field(description="From how many days that is taken.")
    elsewhere: int = Field(description="Children whose record was opened, and of whom the own state keeps none.")
    why: list[Literal["volume", "elsewhere"]]


class UnusualAnswer(BaseModel):
    """Who reads unusually on a day, most children first."""

    day: str
    position: int = Field(description="Position in the access log that is reflected.")
    readers: list[ReaderAnswer]
