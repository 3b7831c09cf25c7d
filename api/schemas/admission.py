"""Bodies and answers of access: applications, accounts, trainings, and one's own account. Officials, and no child."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ledger.accounts import RULES_EDITION
from ledger.applications import DISCLAIMER_EDITION, KINDS, WORDS_MAX
from ledger.offices import REGION_CODE

_UUID = "01920f8e-0b5e-7cc3-98c4-dc0c0c07398f"

Uuid = Annotated[str, Field(pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Words = Annotated[str, Field(min_length=1, max_length=WORDS_MAX)]
Email = Annotated[str, Field(min_length=3, max_length=254, description="An e-mail address.")]
State = Annotated[str, Field(pattern="^[A-Z]{2}$", description="USPS code.")]
Region = Annotated[str, Field(pattern=f"^{REGION_CODE}$", description="Code of a region.")]
District = Annotated[str, Field(pattern="^[0-9]{7}$", description="NCES id of a district.")]
Day = Annotated[date, Field(description="ISO 8601.", strict=False)]
Reason = Annotated[str, Field(min_length=1, max_length=WORDS_MAX, description="Why, for whoever reads it later.")]
Kind = Literal["exchange", "state-read-only", "regional-administrator"]
assert set(Kind.__args__) == set(KINDS)


def _strict(example: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [example]})


_APPLICATION: dict[str, Any] = {
    "kind": "exchange",
    "email": "rosa@school.example.org",
    "name": "Rosa Núñez",
    "title": "Registrar",
    "address": "1 School Road, Hood River, OR 97031",
    "phone": "503-555-0101",
    "role": "secondary_user",
    "organisation": "Hood River School",
    "state": "OR",
    "district": "4106740",
    "supervisor": "Luis Ortega",
    "supervisor_email": "luis@school.example.org",
}


class ApplicationBody(BaseModel):
    """Who asks for what, and who is to verify it. disclaimer: edition that a read-only user of a state accepts."""

    model_config = _strict(_APPLICATION)

    kind: Kind
    email: Email
    name: Words
    title: Words
    address: Words
    phone: Annotated[str, Field(min_length=7, max_length=40)]
    role: Annotated[str, Field(pattern="^[a-z_]{1,40}$", description="One of the roles.")]
    organisation: Words
    state: State | None = None
    region: Region | None = None
    district: District | None = None
    supervisor: Words
    supervisor_email: Email
    disclaimer: Annotated[str | None, Field(max_length=20, description=f"Now {DISCLAIMER_EDITION}.")] = None


class VerificationBody(BaseModel):
    """What the supervisor attests. identity: which document was seen, not its number. form: the attachment that he
    signed, where somebody else records it."""

    model_config = _strict({"identity": "driver's licence", "need": "Enrols children who move."})

    identity: Words
    need: Words
    form: Uuid | None = None


class RefusalBody(BaseModel):
    """Why not, for the applicant."""

    model_config = _strict({"reason": "The role is wider than the need."})

    reason: Reason


class NothingBody(BaseModel):
    """Nothing more is to be said."""

    model_config = _strict({})


class AdmittedAnswer(BaseModel):
    """What it speaks of, and what came of it. grant: number of the role. moved: whether anything was written."""

    application: Uuid | None = None
    account: Uuid
    grant: int | None = None
    moved: bool


class RoleTold(BaseModel):
    """A role with its place. grant: its number in the account; null where it is only asked for."""

    grant: int | None
    role: str
    organisation: str
    state: State | None
    region: str | None
    district: str | None


class ApplicationAnswer(BaseModel):
    """An application as it is now. attachments: uuids of its papers."""

    id: Uuid
    account: Uuid
    kind: Kind
    status: Literal["applied", "verified", "approved", "refused", "withdrawn"]
    email: str
    name: str
    title: str
    address: str
    phone: str
    asked: RoleTold
    supervisor: str
    supervisor_email: str
    entered_by: str | None
    verified_by: str | None
    decided_by: str | None
    reason: str | None
    attachments: list[Uuid]


class FamilyTold(BaseModel):
    """What a family may read. until: last day."""

    grant: int
    student_id: str
    relation: Literal["parent", "guardian", "student"]
    until: date
    ends_by: Literal["date", "court-order", "eighteenth-birthday"]


class AccountAnswer(BaseModel):
    """An account as it is now. renew_on: last day that its roles hold; null before training and rules."""

    id: Uuid
    email: str
    name: str
    status: Literal["applied", "active", "disabled", "deactivated"]
    roles: list[RoleTold]
    families: list[FamilyTold]
    trained_on: date | None
    rules_on: date | None
    renew_on: date | None


class AccountReasonBody(BaseModel):
    """Why."""

    model_config = _strict({"reason": "Works elsewhere now."})

    reason: Reason


class TrainingBody(BaseModel):
    """A training that was completed. certificate: an attachment; needed where one records one's own."""

    model_config = _strict(
        {"account": _UUID, "course": "Security and privacy awareness", "completed_on": "2025-09-01", "hours": 3.0}
    )

    account: Uuid
    course: Words
    completed_on: Day
    hours: Annotated[float | None, Field(gt=0, le=100)] = None
    certificate: Uuid | None = None


class RulesBody(BaseModel):
    """The rules of behaviour were read, and are accepted. edition: of what was read."""

    model_config = _strict({"edition": RULES_EDITION})

    edition: Annotated[str, Field(min_length=1, max_length=20)]


class CodeAnswer(BaseModel):
    """A code, told this once, to be given by hand. ends_at: until when it opens the account, UTC."""

    account: Uuid
    code: str
    ends_at: datetime


class RecordsNamed(BaseModel):
    """A record, as its state names it."""

    model_config = _strict({"state": "OR", "state_student_id": "OR1001"})

    state: State
    state_student_id: Annotated[str, Field(min_length=1, max_length=15)]


class FamilyGrantBody(BaseModel):
    """Whom a child's school lets read what. identification: which document was seen, not its number. until: the last
    day; absent: as long as it may last. records: those that are meant; absent: every record of the student now."""

    model_config = _strict(
        {
            "student_id": "482019283746",
            "email": "familia@example.org",
            "name": "María López",
            "relation": "parent",
            "identification": "consular identification card",
            "until": "2026-06-30",
        }
    )

    student_id: Annotated[str, Field(pattern="^[0-9]{12}$", description="Any id that the student was ever shown by.")]
    email: Email
    name: Words
    relation: Literal["parent", "guardian", "student"]
    identification: Words
    until: Day | None = None
    court_order: Annotated[bool, Field(description="Whether a court has set that day.")] = False
    records: Annotated[list[RecordsNamed], Field(max_length=100)] = []


class FamilyGrantAnswer(BaseModel):
    """What was granted, and until which last day: a year at most, and not beyond the eighteenth birthday. code: told
    once, to be given by hand; null where this is the first answer again."""

    account: Uuid
    grant: int
    moved: bool
    until: date
    ends_by: Literal["date", "court-order", "eighteenth-birthday"]
    code: str | None
    code_ends_at: datetime | None


class FamilyEndBody(BaseModel):
    """Why it ends before its day."""

    model_config = _strict({"why": "court-order", "reason": "Order of 3 March."})

    why: Literal["court-order", "withdrawn"]
    reason: Reason


class FamilyCodeBody(BaseModel):
    """The code that the school gave."""

    model_config = _strict({"code": "K7QF-2M9T-XW4R-PV3C-9D2E"})

    code: Annotated[str, Field(min_length=1, max_length=100)]


class SessionTold(BaseModel):
    """How long whoever signed in here stays signed in, UTC. csrf: to be sent as ``Sojourn-CSRF`` with what changes
    something."""

    ends_at: datetime
    idle_ends_at: datetime
    csrf: str


class ApplicationPage(BaseModel):
    """Applications of an area, newest first. cursor: of the next page; null on the last one."""

    position: int
    applications: list[ApplicationAnswer]
    cursor: str | None


class AccountPage(BaseModel):
    """Accounts of an area, newest first. cursor: of the next page; null on the last one."""

    position: int
    accounts: list[AccountAnswer]
    cursor: str | None


class MeAnswer(BaseModel):
    """Who asks, as this service knows him. account: null for a machine's token. role: under which he acts now; roles:
    all that he has, chosen by the header ``Sojourn-Role``. renewal: what keeps him from everything else, if anything:
    ``training`` or ``rules``. rules: the edition that holds. session: null for who sends a token."""

    name: str
    account: Uuid | None
    role: str
    state: State | None
    region: str | None
    district: str | None
    organisation: str
    roles: list[RoleTold]
    families: list[FamilyTold]
    renew_on: date | None
    renewal: Literal["training", "rules"] | None
    rules: str
    session: SessionTold | None


BODIES = (
    ApplicationBody,
    VerificationBody,
    RefusalBody,
    NothingBody,
    AccountReasonBody,
    TrainingBody,
    RulesBody,
    FamilyGrantBody,
    FamilyEndBody,
    FamilyCodeBody,
)
NAMES = tuple({name for body in BODIES for name in body.model_fields})
"""Names that these bodies may hold, to guess the one that was meant."""
