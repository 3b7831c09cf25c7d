"""Events of an application for access. Stream: ``application/<uuid7>``, sealed under the key of the account that it is
for, which is named when it is made: so the papers go when the account's key goes (34 CFR 200.85(f), three years)."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from ledger.events.base import Event, KeyClass


class AskedRole(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A role with what it is narrowed to; None where it is not. district: NCES id. organisation: on whose behalf."""

    role: str
    organisation: str
    state: str | None = None
    region: str | None = None
    district: str | None = None


class ApplicationEvent(Event, frozen=True, kw_only=True):
    """Whatever is said of an application goes with the account."""

    def key_class(self) -> KeyClass:
        return KeyClass.ACCESS


class AccessApplied(ApplicationEvent, frozen=True, kw_only=True):
    """Somebody applied. account: uuid, of the account that he has or would have. kind: ``exchange``,
    ``state-read-only`` (its disclaimer was accepted) or ``regional-administrator``. email, name, title, address, phone:
    of the applicant. asked: the role. supervisor, supervisor_email: who is to verify. entered_by: who sent it, where
    that is not the applicant. disclaimer: edition of what a read-only user accepted.
    """

    topic: ClassVar[str] = "access-applied.v1"

    account: str
    kind: str
    email: str
    name: str
    title: str
    address: str
    phone: str
    asked: AskedRole
    supervisor: str
    supervisor_email: str
    entered_by: str | None = None
    disclaimer: str | None = None


class AttachmentAdded(ApplicationEvent, frozen=True, kw_only=True):
    """A paper lies with it. attachment: uuid. what: ``signed-form``, ``certificate`` or ``other``. size: in bytes.
    sha256: of the paper, hexadecimal. by: who sent it."""

    topic: ClassVar[str] = "attachment-added.v1"

    attachment: str
    what: str
    media_type: str
    size: int
    sha256: str
    by: str


class ApplicationVerified(ApplicationEvent, frozen=True, kw_only=True):
    """The supervisor attests identity, need and level. by: the supervisor, by e-mail. identity: which document was
    seen, never its number. need: why access is needed. recorded_by: who entered what stands on the signed form, and
    form: that form; None where the supervisor signed in."""

    topic: ClassVar[str] = "application-verified.v1"

    by: str
    identity: str
    need: str
    recorded_by: str | None = None
    form: str | None = None


class ApplicationRefused(ApplicationEvent, frozen=True, kw_only=True):
    """by: the supervisor, or the authority. reason: his words, for the applicant."""

    topic: ClassVar[str] = "application-refused.v1"

    by: str
    reason: str


class ApplicationWithdrawn(ApplicationEvent, frozen=True, kw_only=True):
    """The applicant, or who entered it, took it back."""

    topic: ClassVar[str] = "application-withdrawn.v1"

    by: str


class ApplicationApproved(ApplicationEvent, frozen=True, kw_only=True):
    """The authority approved, and the account has the role from here on (``RoleGranted``, in the same append).

    trained_on: day of the training on which it rests. grant: number of the role in the account.
    """

    topic: ClassVar[str] = "application-approved.v1"

    by: str
    trained_on: str
    grant: int


EVENTS: tuple[type[Event], ...] = (
    AccessApplied,
    AttachmentAdded,
    ApplicationVerified,
    ApplicationRefused,
    ApplicationWithdrawn,
    ApplicationApproved,
)
