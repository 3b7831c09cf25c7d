"""Papers of applications for access: some bytes of a kind, an application of an invented person, a paper that lies
with it."""

from __future__ import annotations

import random

from ledger.application import Ledger
from ledger.applications import AddAttachment
from ledger.events import Meta
from ledger.events.application import AttachmentAdded
from ledger.store.attachments import BEGINNINGS
from support.admitting import BY_HAND, DESK, LUIS, ROSA, applying

APPLICANT = ROSA
SUPERVISOR = LUIS
HELP_DESK = DESK
MARKER = b"Rosa Nunez signed this by hand. "
"""What the papers say, over and over."""


def paper(size: int, media_type: str = "application/pdf", seed: int = 0) -> bytes:
    """A file of a size that begins as its kind does. seed: another one has other bytes."""
    begun = BEGINNINGS[media_type]
    filled = begun + random.Random(seed).randbytes(32)[: max(size - len(begun), 0)]
    return (filled + MARKER * (size // len(MARKER) + 1))[:size]


def applied(ledger: Ledger, email: str = APPLICANT, *, role: str = "secondary_user", **place: str | None) -> str:
    """An application, as the help desk enters it; its uuid."""
    apply = applying(email, role, "exchange", **place)
    return str(ledger.admissions.apply(apply, BY_HAND).ids["application"])


def kept(
    ledger: Ledger,
    application: str,
    content: bytes,
    media_type: str = "application/pdf",
    pieces: int = 1 << 16,
    what: str = "signed-form",
) -> AttachmentAdded:
    """Store a paper, and have the application name it; the event. pieces: bytes that are written at once."""
    account = ledger.admissions.application(application).applied.account
    writer = ledger.attachments.begin(account, application, media_type)
    for place in range(0, len(content), pieces):
        writer.write(content[place : place + pieces])
    whole = writer.close()
    command = AddAttachment(
        by=HELP_DESK,
        attachment=whole.attachment,
        what=what,
        media_type=whole.media_type,
        size=whole.size,
        sha256=whole.sha256,
    )
    ledger.admissions.handle(application, command, Meta(actor=HELP_DESK))
    ledger.attachments.named(whole.attachment)
    return ledger.admissions.application(application).attachments[whole.attachment]
