"""The audit trail of a student: which lines are asked for, and a line as it is answered.

Invariant: what stands in an address may stand here too, and besides it the name of somebody who acted, which stands in
no address.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from projections.life_cycle import NAMES
from projections.trails import KINDS

Kind = Annotated[str, Field(pattern=f"^({'|'.join(KINDS)})$")]
Code = Annotated[str, Field(pattern=f"^({'|'.join(NAMES)})$")]
State = Annotated[str, Field(pattern="^[A-Z]{2}$")]
RecordId = Annotated[str, Field(pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
INSTANT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]{5,15}(Z|[+-][0-9]{2}:[0-9]{2}))?$"
When = Annotated[str, Field(pattern=INSTANT, max_length=40)]


class HistoryBody(BaseModel):
    """Which lines of the trail. All that is given must fit; nothing at all is every line."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"actor": "registrar@example.org", "since": "2025-09-01", "kind": ["record"]}]},
    )

    actor: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")] | None = Field(
        default=None, description="Who did it, by the name that he signs in with."
    )
    since: When | None = Field(
        default=None, description="Recorded at this instant or later, or from this day (UTC) on."
    )
    until: When | None = Field(default=None, description="Recorded before this instant, or up to this day's end (UTC).")
    kind: list[Kind] = Field(
        default=[], max_length=50, description="`record`, `linkage`, `case`, or an event without its version."
    )
    code: list[Code] = Field(default=[], max_length=20, description="Of ISO/TS 21089.")
    state: list[State] = Field(default=[], max_length=60, description="Whose records the lines are of.")
    record: list[RecordId] = Field(default=[], max_length=60, description="Records that the lines are of.")
    former: bool = Field(default=False, description="Also of records that the student held once, up to their going.")
    order: Literal["oldest", "newest"] = "oldest"


BODIES: tuple[type[BaseModel], ...] = (HistoryBody,)
FIELDS = tuple(HistoryBody.model_fields)
"""Names that a body may hold, to guess the one that was meant."""


class Answers(BaseModel):
    """What a line answers; null where it answers nothing of the kind."""

    case: str | None = Field(description="The case that it is said in, or that it settles or opens.")
    act: str | None = Field(description="The act of linkage that it takes back, comes with, or asks about.")
    cause: int | None = Field(description="Position of the event that the service itself answered by it.")
    decision: str | None = Field(description="The decision on a correction request that it carries out.")


class HappenedAnswer(BaseModel):
    """One event that touches the student. Of one that cannot be opened any more there are position, instant, event and
    code."""

    position: int
    recorded_at: str = Field(description="UTC, microseconds.")
    event: str = Field(description="Topic, such as `students-merged.v1`.")
    code: str = Field(description="Which event in the life of a record it is, by ISO/TS 21089.")
    act: str | None = Field(description="Id of the act or declaration of linkage; to be reversed or withdrawn by it.")
    record: str | None = Field(description="UUID of the record that the event is of.")
    state: str | None
    state_student_id: str | None
    actor: str | None
    submission: str | None = Field(description="The file that said so: read it at /v1/submissions/{id}.")
    source_row: int | None = Field(description="Row of that file.")
    reason: str | None = Field(description="In the words of the person who decided it.")
    before: dict[str, Any] | None = Field(description="Elements that it changed or took back, as they were.")
    after: dict[str, Any] | None = Field(description="Elements that it stated or changed, as they are since.")
    answers: Answers
    words: str


class StayAnswer(BaseModel):
    """Of which student a record was. went: null where it is there now."""

    student_id: str
    came: int = Field(description="Position of its opening, or of the act that brought it.")
    came_at: str | None
    went: int | None
    went_at: str | None


class KeptAnswer(BaseModel):
    """A record that the student holds, or held."""

    record: str
    state: str | None
    state_student_id: str | None
    minted: str
    stays: list[StayAnswer]


class HistoryAnswer(BaseModel):
    """Earliest first, or newest first where that is asked for. cursor: of the next page; null at the end."""

    student_id: str
    history: list[HappenedAnswer]
    cursor: str | None
    total: int = Field(description="Lines on all pages.")
    records: list[KeptAnswer] = Field(description="That the student holds; with `former` also those that it held.")
