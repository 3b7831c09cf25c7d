"""Who may do what: one table, one decision (``access.csv``).

Invariant: whoever has the table, who asked, what for, and what was known of whom it is about, comes to the same
decision. What no rule allows is refused. Every refusal names the rule that came nearest, and what would be needed.
Pure: the table is read once, when this is imported.

A rule is a line: role, action, scope, sections, purpose, basis. Scopes, from the widest on:

``any``          of every state
``state``        of the state that the role is narrowed to
``whole-state``  that, where the role is not narrowed to a part of it
``office``       of the office that the role is narrowed to; of every one, where it is not narrowed
``grant``        a child each of whose records was granted to this one person (34 CFR 99.10)
``own``          what is one's own: one's account, and what one applied for or is to verify as a supervisor
``host``         for who works on the service's own host, at the command line

A rule of the role ``*`` is everybody's who has signed in.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping
from enum import StrEnum
from importlib import resources
from typing import Final, Literal, NamedTuple

import msgspec

from ledger.persons import same_person

Scope = Literal["any", "state", "whole-state", "office", "grant", "own", "host"]

ACTIONS: Final[Mapping[str, str]] = {
    "student.search": "search for children",
    "student.read": "read a consolidated record",
    "student.records": "read which states keep a record of a child",
    "student.history": "read the history of a student",
    "student.disclosures": "read who was shown a child's records",
    "student.list": "list the ids of every record",
    "list.read": "read a daily list of children",
    "list.keep": "count daily lists and keep one's own",
    "disclosure.note": "note to whom records were passed on",
    "disclosure.search": "search who was shown what",
    "access.unusual": "read who reads unusually",
    "act.read": "read an act of linkage",
    "linkage.propose": "propose a merge or a split",
    "linkage.settle": "declare, withdraw or take back who is who",
    "linkage.preview": "see what taking an act back would come to",
    "case.read": "read the worklist",
    "case.settle": "answer, assign or hold a case",
    "record.send": "send facts",
    "submission.send": "send a state's file",
    "submission.read": "read how submissions went",
    "policy.read": "read matching policies",
    "jurisdiction.read": "read how a state wants its records kept",
    "jurisdiction.set": "set how a state wants its records kept",
    "region.set": "draw a state's regions",
    "contact.read": "read whom to ask",
    "feed.read": "read the feed of events",
    "proof.read": "read checkpoints, tiles and proofs",
    "proof.head": "read which event of a stream was its last",
    "proof.cosign": "cosign a checkpoint",
    "operations.read": "read how the service stands",
    "application.send": "apply for access",
    "application.read": "read an application for access",
    "application.verify": "verify an application for access",
    "application.decide": "approve or refuse an application for access",
    "attachment.send": "send a paper for an application",
    "attachment.read": "read a paper of an application",
    "training.record": "record a training",
    "account.read": "read accounts",
    "account.manage": "enable, disable, deactivate or reset an account",
    "account.open": "open an account without an application",
    "family.grant": "grant a family access to a child's records",
    "retention.read": "read schedules, holds and disposals",
    "schedule.set": "set how long records are kept",
    "hold.place": "place a hold",
    "hold.release": "release a hold",
    "disposal.propose": "propose a disposal",
    "disposal.approve": "approve or refuse a disposal",
    "me.read": "read one's own account",
    "me.set": "renew or change one's own account",
}
"""Everything that may be asked for, as words that follow "may not"."""

ALL: Final = ("*",)
"""As the sections of a rule: every one that a view has."""
PUBLIC: Final = "public"
"""The action of a route that answers whoever asks: health, the schema, and pages that tell nothing of anybody."""

EVERYBODY: Final = "*"
"""As the role of a rule: whoever has signed in, whatever his role."""
APPLICANT: Final = "applicant"
"""The role of who has signed in at the identity provider and has no account yet. It is given to nobody."""

ROLES: Final = (
    "secondary_user",
    "primary_user",
    "district_data_administrator",
    "regional_data_administrator",
    "state_data_administrator",
    "region_administrator",
    "user_administrator",
    "state_batch_submitter",
    "recruiter",
    "eligibility_reviewer",
    "government_user",
    "privacy_officer",
    "auditor",
    "help_desk",
    "operator",
    "parent",
)
"""Of ``interface``: what a principal is. What each may is in the table."""

LEVELS: Final[Mapping[str, tuple[str, ...]]] = {
    "district_data_administrator": ("state", "district"),
    "regional_data_administrator": ("state", "region"),
    "state_data_administrator": ("state",),
    "region_administrator": ("state",),
    "state_batch_submitter": ("state",),
    "recruiter": ("state",),
    "eligibility_reviewer": ("state",),
}
"""To what a role must be narrowed before any rule with a place holds for it."""


class Rule(msgspec.Struct, frozen=True):
    """A line of the table. sections: of a record, or ``*`` for all that a view has; none where no child is shown.
    purpose: recorded where the request names no other. basis: the legal ground of a disclosure."""

    rule: str
    role: str
    action: str
    scope: Scope
    sections: tuple[str, ...] = ()
    purpose: str = ""
    basis: str = ""


class Who(msgspec.Struct, frozen=True):
    """Who asks. state, region, district: what the role is narrowed to. granted: records' uuids. local: at the command
    line of the service's own host."""

    role: str
    state: str | None = None
    region: str | None = None
    district: str | None = None
    granted: frozenset[str] = frozenset()
    local: bool = False
    name: str = ""


class Subject(NamedTuple):
    """What it is about, as far as it is known when it is decided. states: that keep a record of the child, or the one
    that is acted for. records: the child's, by uuid. owners: whose it is, by name. None where that is not known, or is
    not about anybody: then the rule alone counts, and what is found is narrowed to its scope."""

    states: Collection[str] | None = None
    records: Collection[str] | None = None
    owners: Collection[str] | None = None


NOBODY: Final = Subject()


class Lack(StrEnum):
    """What a refusal wants for."""

    ROLE = "role"
    PLACE = "place"
    STATE = "state"
    GRANT = "grant"
    OWN = "own"


class Decision(NamedTuple):
    """rule: that decided, by its id; of a refusal the one that came nearest, ``none`` where there is none. lacks: None
    where it is allowed. why, remedy: of a refusal, in words, without anything of a child."""

    rule: str
    scope: Scope
    sections: tuple[str, ...] = ()
    purpose: str = ""
    basis: str = ""
    lacks: Lack | None = None
    why: str = ""
    remedy: str = ""

    @property
    def allowed(self) -> bool:
        return self.lacks is None


def decide(who: Who, action: str, subject: Subject = NOBODY, rules: Collection[Rule] | None = None) -> Decision:
    """Whether somebody may. rules: another table than the one in effect, to try it. Raises KeyError for an action that
    is none."""
    words = ACTIONS[action]
    if rules is None:
        known = (*_OF.get((who.role, action), ()), *_OF.get((EVERYBODY, action), ()))
    else:
        known = tuple(rule for rule in rules if rule.action == action and rule.role in {who.role, EVERYBODY})
    refused: Decision | None = None
    for rule in known:
        lack = _lack(rule, who, subject)
        if lack is None:
            return Decision(rule.rule, rule.scope, rule.sections, rule.purpose, rule.basis)
        refused = refused or Decision(rule.rule, rule.scope, lacks=lack[0], why=lack[1], remedy=lack[2])
    if refused is not None:
        return refused
    others = sorted({rule.role for rule in (RULES if rules is None else rules) if rule.action == action})
    may = ", ".join(name.replace("_", " ") for name in others)
    return Decision(
        "none",
        "any",
        lacks=Lack.ROLE,
        why=f"This role may not {words}.",
        remedy=f"It takes one of these roles: {may}." if may else "No role may.",
    )


# -- inside


def _lack(rule: Rule, who: Who, subject: Subject) -> tuple[Lack, str, str] | None:
    if rule.scope == "any":
        return None
    if rule.scope == "host":
        if who.local:
            return None
        return Lack.ROLE, f"Over HTTP this role may not {ACTIONS[rule.action]}.", "Use `sojourn` on the service's host."
    if rule.scope == "grant":
        # Each of them: what is linked with a granted record may be another child's, by mistake.
        if subject.records and who.granted.issuperset(subject.records):
            return None
        return Lack.GRANT, "These records were not granted to you.", "Ask the child's school for a grant."
    if rule.scope == "own":
        if subject.owners is None or any(same_person(who.name, owner) for owner in subject.owners):
            return None
        return Lack.OWN, "It is not yours.", f"It takes a role that may {ACTIONS[rule.action]} of others."
    for level in LEVELS.get(who.role, ()):
        if getattr(who, level) is None:
            return Lack.PLACE, f"The role is narrowed to no {level}.", "Ask for one that is: it acts for its own only."
    if who.state is None:
        if rule.scope == "office":  # a role that need not be narrowed, and is not
            return None
        return Lack.PLACE, "The role is narrowed to no state.", "Ask for one that is: it acts for its own only."
    if subject.states is not None and who.state not in subject.states:
        return Lack.STATE, "It is not your state's.", f"Who acts for a state may {ACTIONS[rule.action]} of that state."
    if rule.scope == "whole-state" and (who.region is not None or who.district is not None):
        return Lack.PLACE, "The role is narrowed to a part of the state.", "It takes one for the whole state."
    return None


def _read() -> tuple[Rule, ...]:
    text = resources.files("ledger").joinpath("access.csv").read_text("utf-8")
    lines = (line | {"sections": line["sections"].split()} for line in csv.DictReader(text.splitlines()))
    return tuple(msgspec.convert(line, Rule) for line in lines)


RULES: Final = _read()
_OF: Final[dict[tuple[str, str], tuple[Rule, ...]]] = {}
for _rule in RULES:
    _OF[_rule.role, _rule.action] = (*_OF.get((_rule.role, _rule.action), ()), _rule)
