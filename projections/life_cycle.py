"""What each event of a student's trail is in the words of ISO/TS 21089 (Trusted end-to-end information flows): one of
the 27 record life-cycle events, by its code.

The one invariant: a topic has one code, whatever stands in the event, so that also one that can no longer be opened
keeps it. A reversal alone has the opposite of what it takes back. The standard speaks of entries of a record, so some
of this is our reading of it: ``docs/reference/audit-trail.md`` says which, and why. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from ledger.events.case import CaseAnswered, CaseAssigned, CaseClosed, CaseEscalated, CaseOpened
from ledger.events.linkage import (
    ActReversed,
    DeclarationWithdrawn,
    DeclaredNotSame,
    RecordLinked,
    RecordsSplit,
    StudentsMerged,
)
from ledger.events.record import (
    AlternateIdStated,
    AssessmentReported,
    CourseReported,
    DemographicsStated,
    Enrolled,
    FactCorrected,
    FactRetracted,
    ImmunizationReported,
    MoveQualified,
    RecordOpened,
    RecordReinstated,
    RecordRetracted,
    ResidencyChanged,
    Withdrawn,
)
from ledger.events.retention import KeyDestroyed


class LifeCycle(NamedTuple):
    """code: of the standard. ours: the standard has no event of just this kind, so the nearest one is named."""

    code: str
    ours: bool = False


ORIGINATE, AMEND, DEPRECATE, REACTIVATE = "originate", "amend", "deprecate", "reactivate"
LINK, UNLINK, MERGE, UNMERGE = "link", "unlink", "merge", "unmerge"
VERIFY, ATTEST, DESTROY = "verify", "attest", "destroy"

CODES: Final[Mapping[str, LifeCycle]] = {
    RecordOpened.topic: LifeCycle(ORIGINATE),
    DemographicsStated.topic: LifeCycle(ORIGINATE),
    AlternateIdStated.topic: LifeCycle(ORIGINATE),
    MoveQualified.topic: LifeCycle(ORIGINATE),
    Enrolled.topic: LifeCycle(ORIGINATE),
    Withdrawn.topic: LifeCycle(ORIGINATE),
    ResidencyChanged.topic: LifeCycle(ORIGINATE),
    CourseReported.topic: LifeCycle(ORIGINATE),
    AssessmentReported.topic: LifeCycle(ORIGINATE),
    ImmunizationReported.topic: LifeCycle(ORIGINATE),
    FactCorrected.topic: LifeCycle(AMEND),
    FactRetracted.topic: LifeCycle(DEPRECATE),
    RecordRetracted.topic: LifeCycle(DEPRECATE),
    RecordReinstated.topic: LifeCycle(REACTIVATE),
    RecordLinked.topic: LifeCycle(LINK),
    StudentsMerged.topic: LifeCycle(MERGE),
    RecordsSplit.topic: LifeCycle(UNLINK),
    # What stands here is said of a reversal whose act is not known; else it is the opposite of that.
    ActReversed.topic: LifeCycle(UNLINK),
    DeclaredNotSame.topic: LifeCycle(ATTEST, ours=True),
    DeclarationWithdrawn.topic: LifeCycle(DEPRECATE, ours=True),
    CaseOpened.topic: LifeCycle(VERIFY, ours=True),
    CaseAssigned.topic: LifeCycle(VERIFY, ours=True),
    CaseEscalated.topic: LifeCycle(VERIFY, ours=True),
    CaseAnswered.topic: LifeCycle(ATTEST),
    CaseClosed.topic: LifeCycle(VERIFY, ours=True),
    KeyDestroyed.topic: LifeCycle(DESTROY),
}
"""Topic to what it is, for every event that a trail tells."""

OPPOSITE: Final[Mapping[str, str]] = {LINK: UNLINK, UNLINK: LINK, MERGE: UNMERGE, UNMERGE: MERGE}
"""Code of an act to the code of what takes it back."""

NAMES: Final[Mapping[str, str]] = {
    ORIGINATE: "Originate/Retain",
    AMEND: "Amend (Update)",
    DEPRECATE: "Deprecate/Retract",
    REACTIVATE: "Re-Activate",
    LINK: "Link",
    UNLINK: "Unlink",
    MERGE: "Merge",
    UNMERGE: "Unmerge",
    VERIFY: "Verify",
    ATTEST: "Attest",
    DESTROY: "Destroy/Delete",
}
"""Code to the standard's name of it, without the words "record lifecycle event" that each has behind it."""
