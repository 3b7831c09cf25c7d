"""Bodies and answers of linkage and of cases. Ids and words; what is shown of a child stands in a preview alone."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ledger.cases import NAMES_MAX, REASON_MAX
from ledger.casework import LEASE_MINUTES_MAX
from ledger.ids import student_id

_A, _B = student_id(0), student_id(1)
_CASE = "01920f8e-0b5e-7cc3-98c4-dc0c0c07398f"
_ACT = f"{_A}-1"

StudentId = Annotated[str, Field(pattern="^[0-9]{12}$", description="A student id, as it is shown now.")]
Reason = Annotated[str, Field(min_length=1, max_length=REASON_MAX, description="Why, for whoever reads it later.")]


def _strict(example: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [example]})


class MergeBody(BaseModel):
    """Two students are one. master: that one of the two whose id is shown from then on."""

    model_config = _strict({"left": _A, "right": _B, "master": _A, "reason": "The same mother."})

    left: StudentId
    right: StudentId
    master: StudentId
    reason: Reason


class RecordName(BaseModel):
    """A record, as its state names it."""

    model_config = _strict({"state": "TX", "state_student_id": "TX88"})

    state: Annotated[str, Field(pattern="^[A-Z]{2}$", description="USPS code.")]
    state_student_id: Annotated[str, Field(min_length=1, max_length=15)]


class SplitBody(BaseModel):
    """Some of a student's records are another child's, or several other children's."""

    model_config = _strict(
        {
            "student_id": _A,
            "apart": [[{"state": "TX", "state_student_id": "TX88"}]],
            "reason": "Another birth date on the certificate.",
        }
    )

    student_id: StudentId
    apart: Annotated[
        list[Annotated[list[RecordName], Field(min_length=1, max_length=500)]],
        Field(min_length=1, max_length=40, description="Each list is a child's; what is in none stays together."),
    ]
    reason: Reason


class NotSameBody(BaseModel):
    """No record of the one student is the child of any of the other."""

    model_config = _strict({"left": _A, "right": _B, "reason": "Twins."})

    left: StudentId
    right: StudentId
    reason: Reason


class ReasonBody(BaseModel):
    """Why."""

    model_config = _strict({"reason": "They are cousins."})

    reason: Reason


class ReversalBody(BaseModel):
    """Why; not needed for a dry run."""

    model_config = _strict({"reason": "They are cousins."})

    reason: Annotated[str, Field(max_length=REASON_MAX)] = ""


class AnswerBody(BaseModel):
    """An answer to a case."""

    model_config = _strict({"answer": "yes", "reason": "Both schools know her."})

    answer: Literal["yes", "no"]
    reason: Reason


class AssignmentBody(BaseModel):
    """Before whom a state's part of a case is put: one of its offices, sideways or down. Without region and district it
    is the state's own office. names: administrators there; nobody named is everybody."""

    model_config = _strict({"region": "R2", "names": ["ana"]})

    region: Annotated[str, Field(min_length=1, max_length=20)] | None = None
    district: Annotated[str, Field(pattern="^[0-9]{7}$")] | None = None
    names: Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=NAMES_MAX)] = []


class LeaseBody(BaseModel):
    """For how long somebody is at a case."""

    model_config = _strict({"minutes": 20})

    minutes: Annotated[int, Field(ge=1, le=LEASE_MINUTES_MAX)] = 15


BODIES: tuple[type[BaseModel], ...] = (
    MergeBody,
    RecordName,
    SplitBody,
    NotSameBody,
    ReasonBody,
    ReversalBody,
    AnswerBody,
    AssignmentBody,
    LeaseBody,
)
NAMES = tuple({name for body in BODIES for name in body.model_fields})
"""Names that a body may hold, to guess the one that was meant."""


class ProposedAnswer(BaseModel):
    """A case was opened: it waits for the states that hold a record."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"case": _CASE, "position": 81}]})

    case: str
    position: int


class LinkedAnswer(BaseModel):
    """What was written. id: of the act or declaration."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"id": f"{_A}-4", "students": [_A, _B], "position": 82}]})

    id: str
    students: list[str] = Field(description="That it left, by the ids that they show.")
    position: int


class ActAnswer(BaseModel):
    """An act of linkage, by ids alone."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "act": _ACT,
                    "event": "students-merged.v1",
                    "position": 82,
                    "recorded_at": "2025-11-03T10:20:00.000000Z",
                    "actor": "ana",
                    "case": _CASE,
                    "parts": [[_A], [_B]],
                    "masters": [_A],
                    "reverses": None,
                    "holds": True,
                    "reversed_by": None,
                    "declarations": [],
                }
            ]
        }
    )

    act: str
    event: Literal["record-linked.v1", "students-merged.v1", "records-split.v1", "act-reversed.v1"]
    position: int
    recorded_at: str
    actor: str
    case: str | None = Field(default=None, description="That it settled, or in which it is validated.")
    parts: list[list[str]] = Field(
        description="The two sides that it joined, or the parts of a split, by the ids that their records minted. A"
        " record that was destroyed since is left out."
    )
    masters: list[str] = Field(description="Ids that it chose to be shown.")
    reverses: str | None = None
    holds: bool = Field(description="False where it is taken back.")
    reversed_by: str | None = None
    declarations: list[str] = Field(description="Brought by it: records that are not to be joined again.")


class ToldAnswer(BaseModel):
    """Somebody to whom the joined record was shown."""

    actor: str
    role: str
    organisation: str
    purpose: str
    basis: str
    first: str
    last: str
    times: int


class ReversedAnswer(BaseModel):
    """An act was taken back. cases: opened with it, first the one in which another person validates it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"act": f"{_A}-2", "students": [_A, _B], "cases": [_CASE], "position": 83, "recall": []}]
        }
    )

    act: str
    students: list[str]
    cases: list[str]
    position: int
    recall: list[ToldAnswer] | None = Field(
        default=None,
        description="To whom the joined record was shown in between. Null where the read model cannot tell it yet:"
        " a dry run of reversing this act tells it.",
    )


class DifferenceAnswer(BaseModel):
    """A field of a student that would be another one."""

    student_id: str
    field: str = Field(description="Section and element, such as `core.enrollments`.")
    now: Any = None
    then: Any = None


class ApartAnswer(BaseModel):
    """Ids, by the records that minted them, that would be declared not to be the same child."""

    left: list[str]
    right: list[str]


class PreviewAnswer(BaseModel):
    """What a reversal would come to; nothing was written but the disclosure of what is shown here."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "act": _ACT,
                    "now": [],
                    "then": [],
                    "differs": [],
                    "declared": [{"left": [_A], "right": [_B]}],
                    "residue": [],
                    "joined_by": [],
                    "recall": [],
                }
            ]
        }
    )

    act: str
    now: list[dict[str, Any]] = Field(description="The students that it would change, as they are.")
    then: list[dict[str, Any]] = Field(description="And as they would be.")
    differs: list[DifferenceAnswer]
    declared: list[ApartAnswer]
    residue: list[str] = Field(description="Acts made because of it, which would be put before people.")
    joined_by: list[str] = Field(description="Acts that would still join records of the two sides.")
    recall: list[ToldAnswer]


class AnsweredAnswer(BaseModel):
    """A case as an answer has left it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "case": _CASE,
                    "outcome": "settled",
                    "code": None,
                    "act": _ACT,
                    "next": None,
                    "students": [_A],
                    "position": 84,
                }
            ]
        }
    )

    case: str
    outcome: Literal["settled", "rejected", "overtaken"] | None = Field(
        default=None, description="Null while it waits for other states that are asked; of a blind check, another case."
    )
    code: str | None = Field(default=None, description="What made the question moot, as an error's code.")
    act: str | None = None
    next: str | None = Field(default=None, description="The case that goes on from here.")
    students: list[str]
    position: int


class LeaseAnswer(BaseModel):
    """Who is at a case, until when."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"case": _CASE, "holder": "ana", "until": "2025-11-03T10:20:00Z"}]}
    )

    case: str
    holder: str
    until: str
