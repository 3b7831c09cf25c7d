"""What an answer says of changes: between which points, what differs, and by which events."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class PointAnswer(BaseModel):
    """One of the two points."""

    position: int = Field(description="Of the last event that counts.")
    recorded_at: str = Field(description="When that event was recorded.")
    student_id: str | None = Field(description="That the id showed then; null where it had not been minted.")
    erased: int = Field(description="Events that cannot be opened any more, and are left out.")


class CauseAnswer(BaseModel):
    """An event behind a difference."""

    position: int
    recorded_at: str
    stream: str
    event: str = Field(description="Topic, such as `fact-corrected.v1`.")
    act: str | None = Field(description="Id of an act of linkage.")
    record: str | None
    record_name: str | None = Field(description="Its state, and the state's own id.")
    submission: str | None = Field(description="The file that said so.")
    row: int | None = Field(description="Row of the file.")
    actor: str | None = Field(description="Null for whoever may not read the history.")
    reason: str | None = Field(description="In the words of the person who decided it; null as `actor`.")


class DifferenceAnswer(BaseModel):
    """One field that differs."""

    section: str = Field(description="core, contacts or health; `student` for who she is.")
    field: str
    record: str | None
    fact: int | None
    element: str | None = Field(description="Null where the whole field, or entry, came or went.")
    from_: Any = Field(alias="from")
    to: Any
    events: list[CauseAnswer]


class ChangesAnswer(BaseModel):
    """What differs between two points, in the order of the sections."""

    model_config = ConfigDict(populate_by_name=True)

    student_id: str
    from_: PointAnswer = Field(alias="from")
    to: PointAnswer
    sections: list[str] = Field(description="That were compared: those that the reader may see.")
    differences: list[DifferenceAnswer]
