"""Who may do what, as a table to look at: written down beside the policy, so that a cell changes in both or in none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ledger.access import EVERYBODY, ROLES, Scope

SCOPES: Final[Mapping[str, Scope | None]] = {
    ".": None,
    "*": "any",
    "s": "state",
    "w": "whole-state",
    "o": "office",
    "g": "grant",
    "e": "own",
    "h": "host",
}
"""Sign in the table to scope of the rule; a dot where there is none."""

_COLUMNS: Final = "SU PU DA RA SA RG UA BS RC EL GU PO AU HD OP PA EV"
"""The roles, in the order of ``ledger.access.ROLES``, and everybody."""
_TABLE: Final = """
student.search        *  *  *  *  *  .  .  .  s  s  .  .  *  .  h  .  .
student.read          *  *  *  *  *  .  .  .  s  s  .  .  *  .  h  g  .
student.records       *  *  *  *  *  .  .  .  s  s  .  *  *  .  h  g  .
student.history       *  *  *  *  *  .  .  .  .  .  .  .  *  .  h  g  .
student.disclosures   *  *  *  *  *  .  .  .  .  .  .  *  *  .  h  g  .
student.list          .  .  .  .  .  .  .  .  .  .  .  .  .  .  h  .  .
list.read             s  s  o  o  o  .  .  .  s  s  .  .  o  .  .  .  .
list.keep             s  s  o  o  o  .  .  .  s  s  .  .  o  .  .  .  .
disclosure.note       .  s  s  s  s  .  .  .  .  .  .  o  .  .  .  .  .
disclosure.search     .  .  .  .  .  .  s  .  .  .  .  o  o  .  .  .  .
access.unusual        .  .  .  .  .  .  s  .  .  .  .  o  o  .  h  .  .
act.read              *  *  *  *  *  .  .  .  .  .  .  .  *  .  .  .  .
linkage.propose       .  *  *  *  *  .  .  .  .  .  .  .  .  .  .  .  .
linkage.settle        .  .  o  o  o  .  .  .  .  .  .  .  .  .  .  .  .
linkage.preview       .  .  o  o  o  .  .  .  .  .  .  .  o  .  h  .  .
case.read             .  .  o  o  o  .  .  .  .  .  .  .  o  .  h  .  .
case.settle           .  .  o  o  o  .  .  .  .  .  .  .  .  .  .  .  .
record.send           .  .  s  s  s  .  .  s  .  .  .  .  .  .  .  .  .
submission.send       .  .  s  s  s  .  .  s  .  .  .  .  .  .  .  .  .
submission.read       .  .  s  s  s  .  .  s  .  .  .  .  *  .  h  .  .
policy.read           .  .  *  *  *  *  .  .  .  .  *  .  *  .  *  .  .
jurisdiction.read     *  *  *  *  *  *  *  *  *  *  *  *  *  *  *  *  .
jurisdiction.set      .  .  .  .  w  .  .  .  .  .  .  .  .  .  *  .  .
region.set            .  .  .  .  w  w  .  .  .  .  .  .  .  .  *  .  .
contact.read          *  *  *  *  *  *  *  *  *  *  *  *  *  *  *  *  .
feed.read             *  *  *  *  *  .  .  *  .  .  .  .  *  .  *  .  .
proof.read            .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  *
proof.head            .  .  .  .  .  .  .  .  .  .  .  *  *  .  .  .  .
proof.cosign          .  .  .  .  *  .  .  *  .  .  .  .  .  .  .  .  .
operations.read       .  .  .  .  .  .  .  .  .  .  .  .  *  *  *  .  .
application.send      .  .  .  .  .  .  o  .  .  .  .  .  .  *  .  .  e
application.read      .  .  .  .  .  .  o  .  .  .  .  *  *  .  .  .  e
application.verify    .  .  .  .  .  .  o  .  .  .  .  .  .  .  .  .  e
application.decide    .  .  .  .  .  .  o  .  .  .  .  .  .  .  .  .  .
attachment.send       .  .  .  .  .  .  o  .  .  .  .  .  .  *  .  .  e
attachment.read       .  .  .  .  .  .  o  .  .  .  .  *  *  .  .  .  e
training.record       .  .  .  .  .  .  o  .  .  .  .  .  .  .  .  .  e
account.read          .  .  .  .  .  .  o  .  .  .  .  *  *  .  .  .  .
account.manage        .  .  .  .  .  .  o  .  .  .  .  .  .  .  .  .  .
account.open          .  .  .  .  .  .  .  .  .  .  .  .  .  .  h  .  .
family.grant          o  o  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .
retention.read        .  .  .  .  s  .  .  .  .  .  .  *  *  .  *  .  .
schedule.set          .  .  .  .  .  .  .  .  .  .  .  *  .  .  h  .  .
hold.place            .  .  .  .  .  .  .  .  .  .  .  *  .  .  h  .  .
hold.release          .  .  .  .  .  .  .  .  .  .  .  *  .  .  h  .  .
disposal.propose      .  .  .  .  .  .  o  .  .  .  .  *  .  .  h  .  .
disposal.approve      .  .  .  .  .  .  .  .  .  .  .  *  .  .  h  .  .
me.read               .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  *
me.set                .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  *
"""


def _read() -> dict[tuple[str, str], Scope | None]:
    columns = (*ROLES, EVERYBODY)
    assert len(_COLUMNS.split()) == len(columns)
    cells: dict[tuple[str, str], Scope | None] = {}
    for line in _TABLE.strip().splitlines():
        action, *signs = line.split()
        cells |= {(role, action): SCOPES[sign] for role, sign in zip(columns, signs, strict=True)}
    return cells


CELLS: Final = _read()
"""Role and action to the scope of what the role may; None where it may not."""
