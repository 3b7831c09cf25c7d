"""What the API answers about cases. A case names children by ids, one that is judged blind tells what their states say
of them, and either is a disclosure of them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ledger.ids import student_id

_A, _B = student_id(0), student_id(1)
_CASE = "01920f8e-0b5e-7cc3-98c4-dc0c0c07398f"
_RECORDS = ("01920f8e-0b5e-7cc3-98c4-dc0c0c073990", "01920f8e-0b5e-7cc3-98c4-dc0c0c073991")
_PART: dict[str, Any] = {
    "state": "OR",
    "level": "district",
    "region": "R2",
    "district": "4113770",
    "names": ["ana"],
    "due_on": "2025-11-10",
    "overdue": False,
    "answered": False,
}
_LISTED: dict[str, Any] = {
    "case_id": _CASE,
    "kind": "near-match",
    "state_a": "OR",
    "state_student_id_a": "OR5540012",
    "state_b": "TX",
    "state_student_id_b": "TX88",
    "score": 11.5,
    "opened_at": "2025-11-03T17:00:00Z",
    "due_on": "2025-11-10",
    "student_id_b": _B,
    "student_id_a": _A,
    "proposed_by": "matcher",
    "asked": [_PART],
    "outcome": None,
    "closed_at": None,
    "position": 81,
}
_NAMED: list[dict[str, Any]] = [
    {"record": _RECORDS[0], "state": "OR", "state_student_id": "OR5540012", "student_id": _A},
    {"record": _RECORDS[1], "state": "TX", "state_student_id": "TX88", "student_id": _B},
]
_WHOLE: dict[str, Any] = {
    "case_id": _CASE,
    "kind": "near-match",
    "opened_at": "2025-11-03T17:00:00Z",
    "due_on": "2025-11-10",
    "proposed_by": "matcher",
    "reason": "",
    "proposal": {"record": _RECORDS[0], "policy": "2"},
    "records": _NAMED,
    "candidates": [{**_NAMED[1], "score": 11.5}],
    "asked": [{**_PART, "steps": [{"level": "district", "due_on": "2025-11-10"}], "answer": None}],
    "outcome": None,
    "code": None,
    "act": None,
    "next": None,
    "automatic": False,
    "closed_at": None,
    "lease": {"holder": "ana", "until": "2025-11-04T16:20:00Z"},
    "position": 81,
}

Level = Literal["district", "region", "state"]
Outcome = Literal["settled", "rejected", "overtaken"]


class OfficeAnswer(BaseModel):
    """An office of a state."""

    state: str
    level: Level
    region: str | None = None
    district: str | None = Field(default=None, description="NCES id.")


class PartAnswer(OfficeAnswer):
    """A state that is asked: the office before which the case lies there now."""

    names: list[str] = Field(description="Who was named there; nobody named is everybody.")
    due_on: str = Field(description="Last day of the level that the time has come to.")
    overdue: bool = Field(description="The state's own days are over.")
    answered: bool


class ListedAnswer(BaseModel):
    """A case in a list. a, b: the two sides of the question; what a kind does not have is null."""

    case_id: str
    kind: str
    state_a: str | None = None
    state_student_id_a: str | None = None
    state_b: str | None = Field(default=None, description="Of the member with the best score, in a near match.")
    state_student_id_b: str | None = None
    score: float | None = Field(default=None, description="The best one of a near match, in bits.")
    opened_at: str
    due_on: str | None = Field(
        default=None, description="Of the part that is due first; null where nobody is waited for."
    )
    student_id_b: str | None = Field(default=None, description="The student that b is shown under now.")
    student_id_a: str | None = None
    proposed_by: str
    asked: list[PartAnswer]
    outcome: Outcome | None = None
    closed_at: str | None = None
    position: int = Field(description="Of its last event.")


class WorklistAnswer(BaseModel):
    """A page of cases. position: of the ledger, that it reflects. next: the cursor of the page behind it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"position": 90, "cases": [_LISTED], "next": None}]})

    position: int
    cases: list[ListedAnswer]
    next: str | None = None


class NamedAnswer(BaseModel):
    """A record that is concerned."""

    record: str
    state: str
    state_student_id: str | None = Field(
        default=None, description="Null where the record's opening cannot be opened any more."
    )
    student_id: str | None = Field(
        default=None,
        description="The student that the record belongs to now; null in a case that is judged blind and open.",
    )


class ToldAnswer(NamedAnswer):
    """A record that a case is about."""

    facts: dict[str, Any] | None = Field(
        default=None,
        description="Where it is judged blind: what the record's own state says of the child, in the shape of the"
        " sections `core` and `contacts` of a student, without a student id; null where it cannot be opened any more.",
    )


class CandidateAnswer(NamedAnswer):
    """A record that the one of a near match may be linked to."""

    score: float


class StepAnswer(BaseModel):
    """How long it lies with a level."""

    level: Level
    due_on: str


class SaidAnswer(BaseModel):
    """What a state said. place: the office for which; null for an operator."""

    answer: Literal["yes", "no"]
    by: str
    reason: str
    place: OfficeAnswer | None = None


class AskedAnswer(PartAnswer):
    """A state that is asked, with what it said."""

    steps: list[StepAnswer]
    answer: SaidAnswer | None = None


class HolderAnswer(BaseModel):
    """Who is at a case, until when."""

    holder: str
    until: str


class CaseAnswer(BaseModel):
    """A case with every word of it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_WHOLE]})

    case_id: str
    kind: str
    opened_at: str
    due_on: str | None = None
    proposed_by: str
    reason: str
    proposal: dict[str, Any] = Field(
        description="What is asked, by kind: the record and its policy, with the `levels` that it found by field and"
        " the `guards` that kept it from linking, in words; the students and the master of a merge; the groups of a"
        " split; the acts of a reversal or residue; the act of a doubtful link; the position of what looks wrong, or"
        " makes it doubtful. Empty in a case that is judged blind and open."
    )
    records: list[ToldAnswer]
    candidates: list[CandidateAnswer] = Field(description="Of a near match, best first.")
    asked: list[AskedAnswer]
    outcome: Outcome | None = None
    code: str | None = Field(default=None, description="What made the question moot, as an error's code.")
    act: str | None = None
    next: str | None = Field(default=None, description="The case that goes on from here.")
    automatic: bool = Field(description="Nobody answered in time, and every state asked has agreed to be taken at yes.")
    closed_at: str | None = None
    lease: HolderAnswer | None = None
    position: int = Field(description="Of its last event.")
