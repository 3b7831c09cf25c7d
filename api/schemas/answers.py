"""What the API answers, as the schema declares it. The routes write the JSON themselves: these are its description.

Invariant: an answer to a write holds ids, positions, outcomes and rules, and no value that was sent.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ledger.ids import student_id

_STUDENT = student_id(0)


class FindingAnswer(BaseModel):
    """Something that a rule said of a row."""

    rule: str
    level: str = Field(description="refused: the row, or the element where it may be left out; warned: it stands.")
    element: str | None = None
    message: str
    remedy: str


class OutcomeAnswer(BaseModel):
    """What became of one row. pointer: where it stands in the body."""

    pointer: str
    letter: str
    outcome: Literal["accepted", "unchanged", "refused"]
    fact: int | None = Field(default=None, description="Id of the fact within the record; 0 is the S row.")
    findings: list[FindingAnswer] = []


class WriteAnswer(BaseModel):
    """What a write did."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "record_id": "01920f8e-0b5e-7cc3-98c4-dc0c0c07398f",
                    "student_id": _STUDENT,
                    "position": 7,
                    "facts": [3],
                    "outcomes": [
                        {"pointer": "", "letter": "E", "outcome": "accepted", "fact": 3, "findings": []},
                    ],
                }
            ]
        }
    )

    record_id: str = Field(description="The record's UUID.")
    student_id: str = Field(description="The student that the record belongs to: read it at /v1/students/{id}.")
    position: int = Field(description="Position in the ledger; `at_least` of a read.")
    facts: list[int] = Field(description="Facts that the events speak of.")
    outcomes: list[OutcomeAnswer] = Field(description="Empty where the answer is a replay: ids are kept, rows are not.")


class FaultAnswer(BaseModel):
    """One thing that is wrong. pointer: a JSON pointer into the body, or `query:name`, `header:name`."""

    pointer: str
    element: str | None = None
    rule: str | None = None
    message: str
    remedy: str | None = None


class Problem(BaseModel):
    """RFC 9457. `type` is stable; it never holds what was sent of a child."""

    type: str = Field(description="URI reference of the kind of problem, such as /problems/stale-decision.")
    title: str
    status: int
    detail: str
    remedy: str | None = None
    request_id: str | None = None
    rule: str | None = Field(
        None, description="Of a refusal: the access rule that refused, `none` where no rule allows."
    )
    errors: list[FaultAnswer] | None = None


class StudentAnswer(BaseModel):
    """The consolidated record, in sections; a section is left out where the principal may not see it."""

    student_id: str
    position: int = Field(description="Position of the last event that changed it.")
    day: str = Field(description="The day for which it is said, YYYY-MM-DD.")
    eligible_now: bool = Field(description="Whether a qualifying move makes the child eligible on that day.")
    as_of: int | None = Field(None, description="Where a point was asked for: the last position that counts.")
    known_at: str | None = Field(None, description="When the event of that position was recorded.")
    effective_on: str | None = Field(None, description="The day for which dated facts were asked.")
    erased: int | None = Field(None, description="Events that cannot be opened any more, and are left out.")
    core: dict[str, Any] | None = None
    contacts: dict[str, Any] | None = None
    health: dict[str, Any] | None = None
    provenance: dict[str, Any] | None = None


class RecordAnswer(BaseModel):
    """A record that is linked to the student now, with the elements of its S row."""

    model_config = ConfigDict(extra="allow")

    record: str
    state: str
    state_student_id: str
    student_id: str = Field(description="The student that the record belongs to now.")
    minted: str = Field(description="The id that the record minted when it was opened: the one that it shows alone.")
    status: Literal["open", "retracted"]


class RecordsAnswer(BaseModel):
    """Earliest opened first. as_of and what follows: as of StudentAnswer."""

    student_id: str
    position: int
    as_of: int | None = None
    known_at: str | None = None
    effective_on: str | None = None
    erased: int | None = None
    records: list[RecordAnswer]


class DisclosureAnswer(BaseModel):
    """One showing of one record to one party, a refusal, or a party to whom an authority has passed it on: then actor,
    role and organisation are of the authority that says so."""

    position: int = Field(description="Position in the access log.")
    record: str
    recorded_at: str
    outcome: Literal["shown", "not-modified", "refused", "passed-on"]
    student_id: str | None = Field(description="The id that was asked for.")
    actor: str
    role: str
    organisation: str
    purpose: str
    basis: str
    view: str
    sections: list[str]
    rule: str | None
    request: str | None
    ledger_position: int | None
    own_state: str | None = Field(description="State that the role is narrowed to; null for one of every state.")
    recipient: str | None = Field(description="To whom it was passed on.")
    recipient_organisation: str | None
    disclosed_on: str | None = Field(description="The day on which it was passed on, YYYY-MM-DD.")
    fields: list[str] = Field(description="Of a search or a list: names of what was asked by, never what they held.")


class DisclosuresAnswer(BaseModel):
    """Newest first."""

    student_id: str
    disclosures: list[DisclosureAnswer]
    cursor: str | None = Field(description="For the next page; null at the end.")


class CloudEvent(BaseModel):
    """CloudEvents 1.0, structured. Ids, types and links only."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    subject: str = Field(description="The stream.")
    time: str
    datacontenttype: Literal["application/json"]
    data: dict[str, Any]


class EventPage(BaseModel):
    """A page of the feed, every position once and in order."""

    events: list[CloudEvent]
    after: int = Field(description="Position of the last event here: `after` of the next page.")
    head: int = Field(description="Last position of the ledger when the page was read.")
    next: str | None = Field(description="Link to the next page, or null at the head.")


class Health(BaseModel):
    """What was checked, and what does not hold."""

    status: Literal["ready", "not ready"]
    checks: dict[str, str] = Field(description="`ok`, or what is wrong and what mends it.")
    projections: dict[str, dict[str, int]] = Field(description="Position and lag in events of each read model.")


class SubmissionAnswer(BaseModel):
    """How far a submission has come. Counts are of rows; findings by rule and level."""

    model_config = ConfigDict(extra="allow")

    submission: str = Field(description="State and Submission Date.")
    state: str
    status: str = Field(
        description="waiting, applying, completed, refused, failed, or `interrupted: send again` where the host that"
        " took the file is gone, or the command that applied it has ended."
    )
    rule: str | None = Field(default=None, description="Why the whole file was refused.")
    problem: dict[str, Any] | None = Field(default=None, description="Why the file that came last was not applied.")
    students: int = 0
    students_done: int = 0
    rows: int = 0
    rows_done: int = 0
    accepted: int = 0
    unchanged: int = 0
    refused: int = 0
    warned: int = 0
    events: int = 0
    students_new: int = 0


class SubmissionsAnswer(BaseModel):
    """Submissions, newest first. next: cursor of the next page."""

    submissions: list[SubmissionAnswer]
    next: str | None = None
