"""How far a submission has come, in words: what the log says of it, or what became of the file that came last for it.

Invariant: what is told is one state of one of the two, never a part of each. The read model may be behind the file's
own row, and its row may be of an earlier file of that date, which was refused. Knows no HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ledger import mde
from ledger.application import Ledger
from ledger.errors import NotFound
from ledger.intake import uploads
from ledger.intake.submission import is_left
from ledger.intake.uploads import Upload
from ledger.rulebook import RULES
from projections.submissions import Submission

INTERRUPTED: Final = "interrupted: send again"

_UNSHOWN: Final = frozenset({"begun", "content_hash"})
_OF_THE_LOG: Final = ("begun_at", "position")
"""What a file has only once an event tells of it."""


def listed(ledger: Ledger, row: Submission) -> dict[str, Any]:
    """A line of the list: only of one that may have been left more is asked. Raises StoreUnavailable."""
    return told(ledger, row.submission, row) if row.status == "applying" else _shown(row)


def told(ledger: Ledger, submission: str, row: Submission | None) -> dict[str, Any]:
    """The submission as it is known, and why the file that came last for it over HTTP was not applied; empty for none.

    row: as far as it is reflected. It is read before the rest, so that what has ended since is not taken for left.
    Raises StoreUnavailable.
    """
    upload = uploads.latest(ledger, submission)
    if upload is None:
        if row is None:
            return {}
        left = row.status == "applying" and is_left(ledger, submission)
        return _shown(row) | {"status": status_of(row, None, left=left)}
    left = row is not None and row.status == "applying" and is_left(ledger, submission)
    status = status_of(row, upload, left=left)
    # Also of a submission that is completed: another file of its date may have been taken while the first waited.
    return _of(row, upload, status) | {"status": status, "problem": upload.problem}


def unanswered(told: Mapping[str, Any]) -> NotFound:
    """Why a submission that is not completed has no answers to its rows, and what its sender does.

    told: by ``told``.
    """
    status = told.get("status")
    if status == "refused":
        problem, rule = told.get("problem") or {}, told["rule"]
        _, remedy = mde.words(rule) if rule in RULES else ("", "Send it again once it is mended.")
        return NotFound(
            f"The file was refused as a whole{f' by rule {rule}' * bool(rule)}, so no row of it has an answer."
            f" {problem.get('what', '')}".rstrip(),
            remedy=problem.get("remedy", remedy),
        )
    if status in ("failed", INTERRUPTED):
        return NotFound(
            "The submission has not come to its end, and does not go on by itself.",
            remedy="Send the file again: what was applied of it stays, and every row is answered.",
        )
    return NotFound("There are no answers of this submission yet.", remedy="Ask again once it is completed.")


def status_of(row: Submission | None, upload: Upload | None, *, left: bool) -> str:
    """How far a submission has come. row: as far as it is reflected. upload: the last file that came over HTTP.

    left: it was begun, and nobody is at it.
    """
    if row is not None and (row.status == "completed" or (row.status == "applying" and not left)):
        return row.status
    if upload is None:
        assert row is not None
        return INTERRUPTED if left else row.status
    if upload.waits is not None:
        return "waiting" if upload.waits else INTERRUPTED
    if upload.done:
        return "applying"  # it is at its end, and not yet reflected
    return INTERRUPTED if left and upload.status == "refused" else upload.status


def _of(row: Submission | None, upload: Upload, status: str) -> dict[str, Any]:
    """What the log says, unless that is of another file than the one whose status is told, or nothing yet."""
    rule = (upload.problem or {}).get("rule") if status == "refused" else None
    if row is not None and (row.status != "refused" or (status, rule) == ("refused", row.rule)):
        return _shown(row)
    day, time = upload.submission[3:11], upload.submission[11:]
    unbegun = Submission(
        submission=upload.submission,
        state=upload.state,
        submission_date=f"{day[:4]}-{day[4:6]}-{day[6:]}T{time[:2]}:{time[2:4]}:{time[4:6]}.{time[6:]}",
        status=status,
        rule=rule,
        actor=upload.actor,
        content_hash="",
        begun=0,
        begun_at=upload.received_at,
        position=0,
    )
    return _shown(unbegun) | dict.fromkeys(_OF_THE_LOG)


def _shown(row: Submission) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(row).items() if name not in _UNSHOWN}
