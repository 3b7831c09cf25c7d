"""Bodies and answers of retention: schedules, holds, what is due, disposals. Ids, days and counts, and no child."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ledger.ids import student_id
from ledger.retention.disposal import ITEMS_MAX
from ledger.retention.holds import PLACED, REASON_MAX, RECORDS_MAX
from ledger.retention.schedules import AUTHORITY_MAX, COUNTED, TERMS_MAX
from ledger.retention.years import YEARS_MAX

_UUID = "01920f8e-0b5e-7cc3-98c4-dc0c0c07398f"

Uuid = Annotated[str, Field(pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
State = Annotated[str, Field(pattern="^[A-Z]{2}$", description="USPS code.")]
StudentId = Annotated[str, Field(pattern="^[0-9]{12}$", description="Any student id ever issued.")]
Reason = Annotated[str, Field(min_length=1, max_length=REASON_MAX, description="Why, for whoever reads it later.")]
RecordClass = Literal["education", "eligibility", "access"]
assert set(RecordClass.__args__) == set(COUNTED)
Kind = Literal["legal", "request"]
assert set(Kind.__args__) == set(PLACED)
SinceName = Literal["last-activity", "birth", "eligibility-end", "access-end"]
assert set(SinceName.__args__) == {since.value for counted in COUNTED.values() for since in counted}


def _strict(example: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [example]})


class AfterBody(BaseModel):
    """A time that is waited for: so many whole years since a day. Which days may be counted from depends on the class:
    `counted` of its floor names them."""

    model_config = _strict({"since": "last-activity", "years": 5})

    since: SinceName
    years: Annotated[int, Field(ge=1, le=YEARS_MAX)]


class ScheduleBody(BaseModel):
    """How long a class of record is kept from now on, in a state or, without one, in the nation. All times must be
    over; without any it is kept for good. authority: the rule, as certificates cite it."""

    model_config = _strict(
        {
            "record_class": "education",
            "state": "OR",
            "after": [{"since": "last-activity", "years": 5}, {"since": "birth", "years": 26}],
            "authority": "OAR 166-400-0060",
        }
    )

    record_class: RecordClass
    state: State | None = None
    after: Annotated[list[AfterBody], Field(max_length=TERMS_MAX)]
    authority: Annotated[str, Field(min_length=1, max_length=AUTHORITY_MAX)]


class HoldBody(BaseModel):
    """What is held: all records of students, records, an account, a state, or everything; one of these. until: last
    day; without it until somebody releases it. Nothing of a child belongs into the reason."""

    model_config = _strict({"kind": "legal", "students": [student_id(0)], "reason": "A court has asked for it."})

    kind: Kind
    students: Annotated[list[StudentId], Field(min_length=1, max_length=RECORDS_MAX)] | None = None
    records: Annotated[list[Uuid], Field(min_length=1, max_length=RECORDS_MAX)] | None = None
    account: Uuid | None = None
    state: State | None = None
    everything: Literal[True] | None = None
    reason: Reason
    until: Annotated[date, Field(description="ISO 8601.", strict=False)] | None = None


class HoldReasonBody(BaseModel):
    """Why."""

    model_config = _strict({"reason": "The case was settled."})

    reason: Reason


class DisposalBody(BaseModel):
    """What is proposed to be destroyed. subjects: uuids of records, or for `access` of accounts, as the list of what is
    due has them."""

    model_config = _strict({"record_class": "education", "subjects": [_UUID]})

    record_class: RecordClass
    subjects: Annotated[list[Uuid], Field(min_length=1, max_length=ITEMS_MAX)]


class MeantBody(BaseModel):
    """Which disposal is meant, by how many records or accounts it names; may be left out. Another number is refused."""

    model_config = _strict({"items": 1})

    items: Annotated[int, Field(ge=1, le=ITEMS_MAX)] | None = None


BODIES: tuple[type[BaseModel], ...] = (
    AfterBody,
    ScheduleBody,
    HoldBody,
    HoldReasonBody,
    DisposalBody,
    MeantBody,
)
"""Every body that a route here reads."""

NAMES = tuple({name for body in BODIES for name in body.model_fields})


# -- answers


class AfterAnswer(BaseModel):
    since: str
    years: int


class ScheduleAnswer(BaseModel):
    """name: as certificates call it. state: null for the nation."""

    name: str
    record_class: str
    state: str | None
    after: list[AfterAnswer]
    authority: str
    by: str


class FloorAnswer(BaseModel):
    """How long the law keeps a class whatever a schedule says. counted: from what a schedule's years may count."""

    record_class: str
    since: str
    years: int
    source: str
    counted: list[str]


class SchedulesAnswer(BaseModel):
    """Every schedule in effect. version: of all of them together, as the `ETag` has it."""

    version: int
    schedules: list[ScheduleAnswer]
    floors: list[FloorAnswer]


class ScheduleSetAnswer(BaseModel):
    """changed: false where it said what holds already."""

    version: int
    position: int
    changed: bool


class OverAnswer(BaseModel):
    """What is held; one of these. records: uuids, as they were when it was placed; each holds whoever is one student
    with it."""

    records: list[str] | None = None
    account: str | None = None
    state: str | None = None
    everything: bool | None = None


class HoldAnswer(BaseModel):
    """status: over where its last day is. reason, released_reason: null where their key is gone, and for whoever may
    neither place a hold nor approve a disposal."""

    hold: str
    kind: str
    status: Literal["standing", "over", "released"]
    over: OverAnswer
    until: str | None
    placed_by: str
    placed_at: datetime
    reason: str | None
    released_by: str | None
    released_at: datetime | None
    released_reason: str | None


class HoldsAnswer(BaseModel):
    """The last one placed first."""

    holds: list[HoldAnswer]


class DoneAnswer(BaseModel):
    """id: of the hold or disposal. status: what it is now."""

    id: str
    status: str


class KeyAnswer(BaseModel):
    """A key that goes. subject: whose, in the vault."""

    id: str
    subject: str
    key_class: str


class ScopeAnswer(BaseModel):
    """Exactly what goes of a record or account. student: records that are one student with it. events: class of key to
    how many events it seals. version: of its stream."""

    keys: list[KeyAnswer]
    events: dict[str, int]
    attachments: list[str]
    cases: list[str]
    student: list[str]
    version: int


class HeldByAnswer(BaseModel):
    """kind: legal, request or case. through: the closed case that would go with it, where that names another record
    which is held."""

    id: str
    kind: str
    until: str | None
    through: str | None = None


class ReleasedHoldAnswer(BaseModel):
    """A hold over some of it that another person released than had placed it, whenever that was."""

    hold: str
    kind: str
    placed_by: str
    released_by: str


class PresentAnswer(BaseModel):
    """A record or account as it is now. due: whether it may go today. schedule: by which. due_on, since, years, source:
    since when, what that waited for last, and the law that says so; null where a birth date or the end of eligibility
    would follow from them. kept: else why it does not fall due; since: the day that is not known. scope: null where it
    is gone already."""

    subject: str
    record_class: str
    state: str | None
    student_id: str | None
    due: bool
    due_on: date | None
    schedule: str | None
    since: str | None
    years: int | None
    source: str | None
    kept: str | None
    held_by: list[HeldByAnswer]
    scope: ScopeAnswer | None


class DueAnswer(BaseModel):
    """What is due today, what is held among it. A page may be short, or empty, and have another behind it."""

    due: list[PresentAnswer]
    cursor: str | None


class ObstacleAnswer(BaseModel):
    """What is in the way of one of them. problem: the code of the refusal. due_on: as in what is due, null where a day
    of the child would follow from it."""

    problem: str
    subject: str
    held_by: list[str] | None = None
    why: str | None = None
    due_on: date | None = None
    changed: list[str] | None = None


class DisposalPreviewAnswer(BaseModel):
    """What would go. rows: read model to how many of its rows name one of these, as it stands; they follow. bundles:
    exports of which one was a part, which stay with whoever has them. in_the_way: without any, it can be proposed.
    released: holds of others over some of it that were released."""

    record_class: str
    items: list[PresentAnswer]
    counts: dict[str, int]
    rows: dict[str, int]
    bundles: int
    in_the_way: list[ObstacleAnswer]
    released: list[ReleasedHoldAnswer]


class ItemAnswer(BaseModel):
    """One record or account of a disposal, as it was proposed."""

    subject: str
    state: str | None
    student_id: str | None
    schedule: str
    scope: ScopeAnswer


class DisposalAnswer(BaseModel):
    """reason: null for whoever may neither place a hold nor approve a disposal. in_the_way: of one that waits for
    another person; null of one that is closed, and in a list. released: holds of others over some of it that were
    released, for whoever is to approve it; null likewise. gone: subjects that another disposal had destroyed."""

    disposal: str
    status: Literal["proposed", "done", "refused", "withdrawn"]
    record_class: str
    proposed_by: str
    proposed_at: datetime
    closed_by: str | None
    closed_at: datetime | None
    reason: str | None
    counts: dict[str, int]
    gone: list[str]
    items: list[ItemAnswer]
    in_the_way: list[ObstacleAnswer] | None = None
    released: list[ReleasedHoldAnswer] | None = None


class DisposalsAnswer(BaseModel):
    """The last one proposed first."""

    disposals: list[DisposalAnswer]
    cursor: int | None


class LineAnswer(BaseModel):
    """position, event_id: of the event that says that it went; null where another disposal had destroyed it, and then
    without keys or counts."""

    subject: str
    record_class: str
    student_id: str | None
    schedule: str
    keys: list[str]
    events: dict[str, int]
    position: int | None
    event_id: str | None
    papers: int
    cases: int


class RuleAnswer(BaseModel):
    schedule: str
    record_class: str
    state: str | None
    after: list[str]
    authority: str
    position: int | None


class InclusionProof(BaseModel):
    """Of one event in the log that was signed (RFC 9162, 2.1.3); all in hexadecimal digits. entry: what the leaf is
    the hash of. ciphertext, key: its body, and the key that opens this body alone; null where one state's part
    does not open it."""

    position: int
    leaf: str
    path: list[str]
    entry: str
    ciphertext: str | None
    key: str | None


class CertificateAnswer(BaseModel):
    """What went by a disposal, and what proves it; for who reads of one state, of that alone: state names it then.
    checkpoint: null until one covers its last event. `sojourn verify` checks all of it without a database."""

    disposal: str
    proposed_by: str
    proposed_at: datetime
    approved_by: str
    approved_at: datetime
    rules: list[RuleAnswer]
    lines: list[LineAnswer]
    counts: dict[str, int]
    proposal: int
    approval: int
    proves: list[str]
    proves_not: list[str]
    format: str
    state: str | None
    backups_until: date | None
    checkpoint: str | None
    inclusions: list[InclusionProof]
