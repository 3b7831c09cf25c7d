"""A case: one item of the worklist. State, evolve, decide, fold.

The invariant: whoever proposed something does not validate it, every state that is asked has a say, and an office has
to do with what lies with it or below it alone. What an answer then does to students is no part of this
(``ledger.casework``). Pure: the time, which offices there are, and what states have switched on are handed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace

from ledger.errors import (
    AlreadyAnswered,
    BadValue,
    CaseIsClosed,
    Forbidden,
    LogBroken,
    NotAsked,
    NotAssignable,
    NotFound,
    OwnProposal,
)
from ledger.events.base import Event
from ledger.events.case import (
    LEVELS,
    Asked,
    CaseAnswered,
    CaseAssigned,
    CaseClosed,
    CaseEscalated,
    CaseOpened,
    Changed,
    Concerned,
    Doubtful,
    Place,
    Proposal,
)
from ledger.persons import same_person

NEAR_MATCH = "near-match"
VALIDATE_NEAR_MATCH = "validate-near-match"
VALIDATE_MERGE = "validate-merge"
VALIDATE_SPLIT = "validate-split"
VALIDATE_REVERSAL = "validate-reversal"
RESIDUE = "residue"
DOUBTFUL_LINK = "doubtful-link"
DIFFERENT_CHILD = "different-child"
CORRECTION_COMES_BACK = "correction-comes-back"
BLIND_CHECK = "blind-check"

KINDS = (
    NEAR_MATCH,
    VALIDATE_NEAR_MATCH,
    VALIDATE_MERGE,
    VALIDATE_SPLIT,
    VALIDATE_REVERSAL,
    RESIDUE,
    DOUBTFUL_LINK,
    DIFFERENT_CHILD,
    CORRECTION_COMES_BACK,
    BLIND_CHECK,
)

VALIDATES = frozenset({VALIDATE_NEAR_MATCH, VALIDATE_MERGE, VALIDATE_SPLIT, VALIDATE_REVERSAL})
"""For another person than the one who proposed it, and for every state asked: one no settles it. Of the other kinds the
first answer does."""

HOLDS = frozenset({NEAR_MATCH, VALIDATE_NEAR_MATCH, VALIDATE_MERGE, VALIDATE_SPLIT})
"""Their records take data, and no second merge or split. A reversal is in effect at once, so it holds nothing; and a
blind check must not be told from what it holds."""

APPROVED_BY_TIME = frozenset({VALIDATE_MERGE, VALIDATE_SPLIT})
"""Taken at yes when the days of every state that has not answered are over, where all of them agreed to that."""

REASON_MAX = 2000
"""Characters of what a person writes."""

NAMES_MAX = 50
"""People to whom a case is assigned by name."""

_RANK = {level: rank for rank, level in enumerate(LEVELS)}


# -- state


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One state's part in a case. place, names: before whom it lies, nobody named being everybody there. step: which of
    ``asked.steps`` the time has come to. overdue: they are all over. answer: the state's, None until it is given."""

    asked: Asked
    place: Place
    names: tuple[str, ...] = ()
    step: int = 0
    overdue: bool = False
    answer: CaseAnswered | None = None


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A case as its events leave it. parts: by state asked. closed: how, None while it is open. version: events."""

    opened: CaseOpened
    parts: Mapping[str, Part]
    closed: CaseClosed | None = None
    version: int = 1

    @property
    def kind(self) -> str:
        """One of ``KINDS``."""
        return self.opened.kind

    @property
    def blind(self) -> bool:
        """Whether nobody may be told what the case proposes and what was found of it: he is to judge by the two records
        alone."""
        return judged_blind(self.opened) and self.closed is None

    @property
    def waits(self) -> CaseAnswered | None:
        """The answer that counts, where it has yet to take effect: of a blind check only, since any other case in which
        one answer counts is closed with it."""
        given = (part.answer for part in self.parts.values() if part.answer is not None)
        return next(given, None) if self.kind not in VALIDATES and self.closed is None else None

    def unanswered(self) -> dict[str, Part]:
        """The parts of the states that have yet to say something; none where the one answer that counts is given."""
        if self.waits is not None:
            return {}
        return {state: part for state, part in self.parts.items() if part.answer is None}


class Administrator(msgspec.Struct, frozen=True, kw_only=True):
    """Who settles. name: as signed in. place: the office for which; None for an operator, who acts for any state."""

    name: str
    place: Place | None = None


class OpenCase(msgspec.Struct, frozen=True, kw_only=True):
    """The fields are those of ``CaseOpened``."""

    kind: str
    records: Sequence[Concerned]
    proposal: Proposal
    asked: Sequence[Asked]
    proposed_by: str
    reason: str = ""
    blind: bool = False


class AssignCase(msgspec.Struct, frozen=True, kw_only=True):
    """Put a state's part before somebody else. there: whether there is such an office."""

    by: Administrator
    place: Place
    names: Sequence[str] = ()
    there: bool = True


class EscalateCase(msgspec.Struct, frozen=True, kw_only=True):
    """Let time pass. offices: state to the offices that there are, from that where its part lies up to the state's."""

    now: datetime
    offices: Mapping[str, Sequence[Place]]


class AnswerCase(msgspec.Struct, frozen=True, kw_only=True):
    """Say yes or no to what is proposed."""

    by: Administrator
    yes: bool
    reason: str


class CloseCase(msgspec.Struct, frozen=True, kw_only=True):
    """Take it off the worklist. The fields are those of ``CaseClosed``."""

    outcome: str
    code: str | None = None
    act: str | None = None
    next: str | None = None
    automatic: bool = False
    profiles: Mapping[str, int] = {}


Command = OpenCase | AssignCase | EscalateCase | AnswerCase | CloseCase


# -- evolve and fold


def evolve(case: Case | None, event: Event) -> Case:
    """The case after an event. Raises LogBroken for one that cannot follow."""
    if case is None:
        if not isinstance(event, CaseOpened):
            raise LogBroken(f"A case's stream begins with {event.topic}.")
        return Case(opened=event, parts={asked.state: Part(asked=asked, place=asked.place) for asked in event.asked})
    version = case.version + 1
    match event:
        case CaseAssigned():
            changed = {event.state: replace(case.parts[event.state], place=event.place, names=tuple(event.names))}
        case CaseEscalated():
            part = case.parts[event.state]
            step = len(part.asked.steps) - 1 if event.overdue else _step_of(part, event.place)
            moved = replace(part, place=event.place, names=(), step=step, overdue=event.overdue)
            changed = {event.state: moved}
        case CaseAnswered():
            changed = {state: replace(case.parts[state], answer=event) for state in event.states}
        case CaseClosed():
            return replace(case, closed=event, version=version)
        case _:
            raise LogBroken(f"A case's stream goes on with {event.topic}.")
    return replace(case, parts={**case.parts, **changed}, version=version)


def fold(events: Iterable[Event], case: Case | None = None) -> Case | None:
    """The case after events; None where there are none. Raises LogBroken."""
    for event in events:
        case = evolve(case, event)
    return case


def verdict(case: Case) -> bool | None:
    """What the answers come to; None while somebody has yet to answer."""
    answers = [part.answer.yes for part in case.parts.values() if part.answer is not None]
    if case.kind not in VALIDATES:
        return answers[0] if answers else None
    if not all(answers):
        return False
    return True if len(answers) == len(case.parts) else None


def judged_blind(opened: CaseOpened) -> bool:
    """Whether a case is judged by the two records that it names first, and by nothing else."""
    return opened.kind == BLIND_CHECK or opened.blind


def about_of(opened: CaseOpened) -> str | None:
    """What no other open case of this kind may be about: the act of a doubtful link or of a blind check, the record of
    a different child, so that several corrections of a record do not ask people the same twice. None for any other."""
    match opened.proposal:
        case Doubtful():
            return opened.proposal.act
        case Changed() if opened.kind == DIFFERENT_CHILD:
            return opened.records[0].anchor.record
    return None


def next_due(case: Case) -> datetime | None:
    """When time next moves the case; None where it never will."""
    waiting = [part for part in case.unanswered().values() if not part.overdue] if case.closed is None else []
    return min((part.asked.steps[part.step].due for part in waiting), default=None)


def approved_by_time(case: Case, agreed: Mapping[str, bool]) -> bool:
    """Whether the case is taken at yes now. agreed: state asked to whether it has switched that on."""
    return (
        case.closed is None
        and case.kind in APPROVED_BY_TIME
        and verdict(case) is not False
        and all(part.overdue for part in case.unanswered().values())
        and all(agreed[state] for state in case.parts)
    )


# -- decide


def decide(command: Command, case: Case | None) -> list[Event]:
    """The events of a command; none where it brings nothing.

    Raises NotFound, NotAsked, Forbidden, CaseIsClosed, BadValue (rule ``reason`` or ``names``), AlreadyAnswered,
    OwnProposal, NotAssignable.
    """
    if isinstance(command, OpenCase):
        return [_opened(command)]
    if case is None:
        raise NotFound("There is no such case.", remedy="See the worklist.")
    match command:
        case EscalateCase():
            return _escalated(command, case)
        case AssignCase():
            return _assigned(command, case)
        case AnswerCase():
            return [_answered(command, case)]
        case CloseCase():
            _must_be_open(case)
            said = {name: getattr(command, name) for name in CaseClosed.__struct_fields__}
            return [CaseClosed(**{**said, "profiles": dict(command.profiles)})]


def must_lie_with(place: Place | None, case: Case) -> None:
    """Pass where a part of the case lies with an office or below it: a district's where it lies there, a region's where
    it lies there or with one of its districts, a state's wherever it lies. Who does not pass neither reads the case,
    nor answers, leases or assigns it. place: None for whoever has to do with every state. Raises NotAsked, Forbidden.
    """
    if place is None:
        return
    part = case.parts.get(place.state)
    if part is None:
        raise _not_asked(place.state)
    # A district is enough: not every part that lies with one says in which region that is.
    lies_there = (
        part.place.district == place.district
        if place.district is not None
        else place.region in (None, part.place.region)
    )
    if not lies_there:
        raise Forbidden("The case lies with another office of the state.", remedy="Ask there.")


def answers_for(by: Administrator, case: Case) -> list[str]:
    """The states for which somebody may answer now.

    Raises NotAsked, Forbidden (it lies with another office), CaseIsClosed, OwnProposal, AlreadyAnswered.
    """
    must_lie_with(by.place, case)
    _must_be_open(case)
    if case.waits is not None:
        # Not what it waits for: that would tell whether the two are linked.
        raise AlreadyAnswered("Somebody has answered, and the first answer counts.", remedy="There is nothing to add.")
    if case.kind in VALIDATES and same_person(by.name, case.opened.proposed_by):
        raise OwnProposal("Whoever proposed this does not validate it.", remedy="Another person must answer.")
    if by.place is None:
        return sorted(case.unanswered())
    if case.parts[by.place.state].answer is not None:
        waiting = ", ".join(sorted(case.unanswered()))
        raise AlreadyAnswered(f"{by.place.state} has answered.", remedy=f"It waits for {waiting}.")
    return [by.place.state]


def reason_of(text: str) -> str:
    """A person's words as they are kept. Raises BadValue (rule ``reason``)."""
    words = text.strip()
    if not words or len(words) > REASON_MAX:
        raise BadValue(
            "A reason is wanted.",
            rule="reason",
            element="reason",
            place="/reason",
            remedy=f"Say why, in at most {REASON_MAX} characters: others will read it when they ask.",
        )
    return words


def _opened(command: OpenCase) -> CaseOpened:
    assert command.kind in KINDS, command.kind
    assert command.asked, "a case without anybody to ask is none"
    return CaseOpened(
        kind=command.kind,
        records=list(command.records),
        proposal=command.proposal,
        asked=list(command.asked),
        proposed_by=command.proposed_by,
        reason=command.reason,
        blind=command.blind,
    )


def _assigned(command: AssignCase, case: Case) -> list[Event]:
    by, place = command.by.place, command.place
    must_lie_with(by, case)
    _must_be_open(case)
    part = case.parts.get(place.state)
    if part is None:
        raise _not_asked(place.state)
    if by is not None and by.state != place.state:
        raise NotAsked(f"This is the part of {place.state}.", remedy=f"Somebody of {place.state} may assign it.")
    if not command.there:
        raise NotAssignable(f"{place.state} has no such office.", remedy="See the state's regions and districts.")
    if _RANK[place.level] > _RANK[part.place.level]:
        raise NotAssignable(
            f"It lies with the {part.place.level}; a case is assigned sideways or down.",
            remedy="Answer it, or leave it: when its days are over, it goes up by itself.",
        )
    names = [" ".join(name.split()) for name in command.names]
    # The read model keeps them as text, which holds no NUL.
    if not all(name and name.isprintable() for name in names) or len(names) > NAMES_MAX:
        raise BadValue(
            "The names cannot be followed.",
            rule="names",
            element="names",
            place="/names",
            remedy=f"Name up to {NAMES_MAX} people as they sign in, or nobody for everybody there.",
        )
    names = list(dict.fromkeys(names))
    if (place, tuple(names)) == (part.place, part.names):
        return []
    return [CaseAssigned(state=place.state, place=place, names=names)]


def _answered(command: AnswerCase, case: Case) -> CaseAnswered:
    by, states = command.by, answers_for(command.by, case)
    return CaseAnswered(states=states, yes=command.yes, by=by.name, reason=reason_of(command.reason), place=by.place)


def _escalated(command: EscalateCase, case: Case) -> list[Event]:
    """Nothing for a case that is closed: who looks at the clock may be late."""
    if case.closed is not None:
        return []
    events: list[Event] = []
    for state, part in sorted(case.unanswered().items()):
        steps = part.asked.steps
        if part.overdue or command.now < steps[part.step].due:
            continue
        later = [step for step in steps[part.step + 1 :] if command.now < step.due]
        level = later[0].level if later else LEVELS[-1]
        # An office that was given up meanwhile is passed over; the state's own stands last.
        place = next(p for p in command.offices[state] if _RANK[p.level] >= _RANK[level])
        left = [step for step in steps if _RANK[step.level] >= _RANK[place.level] and command.now < step.due]
        events.append(CaseEscalated(state=state, place=place, overdue=not left))
    return events


def _step_of(part: Part, place: Place) -> int:
    return next(number for number, s in enumerate(part.asked.steps) if _RANK[s.level] >= _RANK[place.level])


def _not_asked(state: str) -> NotAsked:
    return NotAsked(f"{state} is not asked in this case.", remedy="Only a state that holds a record concerned is.")


def _must_be_open(case: Case) -> None:
    closed = case.closed
    if closed is None:
        return
    if closed.outcome == "overtaken":
        how = f"overtaken ({closed.code})"
    else:
        how = "answered yes" if closed.outcome == "settled" else "answered no"
        how += ", when its days were over" if closed.automatic else ""
    raise CaseIsClosed(f"The case is closed: it was {how}.", remedy="There is nothing left to do in it.")
