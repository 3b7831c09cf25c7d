"""Everything that people have answered about pairs which a policy has weighed, read from the log.

An answer is what was said last of a question: where another person validated it, and said no to that, the contrary.
Nothing of a child is read but ids. Reads the whole log, twice.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

import msgspec

from ledger.audit import APART
from ledger.calibration import Answer, Links, claimed
from ledger.cases import BLIND_CHECK, NEAR_MATCH, VALIDATES
from ledger.events import Recorded
from ledger.events.audit import AuditDrawn
from ledger.events.case import CaseAnswered, CaseClosed, CaseOpened, Doubtful, Link
from ledger.events.linkage import ActReversed, RecordsSplit
from ledger.linkage import fold, live_acts
from ledger.policy_links import policy_links, said
from ledger.store.log import Log

_SAID = tuple(event.topic for event in (CaseOpened, CaseAnswered, CaseClosed, AuditDrawn, ActReversed, RecordsSplit))


class Answered(msgspec.Struct, frozen=True):
    """answers: in the order of the log. links: by policy. drawn: how many, by policy and stratum."""

    answers: list[Answer]
    links: dict[str, Links]
    drawn: dict[tuple[str, str], int]


def answered(log: Log) -> Answered:
    """What was answered, linked and drawn so far. Raises StoreUnavailable, LogBroken."""
    head, heard = log.head(), _Said()
    for recorded in said(log, _SAID, 0, head):
        heard.hear(recorded)
    weighed: dict[str, _Weighed] = {}
    links: defaultdict[str, Links] = defaultdict(Links)
    undone, wanted = heard.undone(), {*heard.stratum_of, *(question.act for question in heard.questions.values())}
    for link, decision in policy_links(log, 0, head):
        of = links[decision.policy]
        of.made += 1
        of.wrong += claimed(-decision.weight)
        of.undone += link.act in undone
        if link.act in wanted:
            pair = frozenset((link.record.record, link.member.record))
            weighed[link.act] = _Weighed(pair, decision.policy, decision.weight)
    return Answered(heard.answers(weighed), dict(links), heard.drawn(weighed))


# -- inside


class _Weighed(msgspec.Struct, frozen=True):
    pair: frozenset[str]
    policy: str
    weight: int
    guarded: bool = False


class _Question(msgspec.Struct):
    """A case whose answer tells of a pair. act: the link that it checks, which says the rest. yes: what was said
    first."""

    order: int
    blind: bool
    act: str | None = None
    about: _Weighed | None = None
    yes: bool | None = None
    next: str | None = None


class _Said:
    """What the log says of questions, samples and what was taken back."""

    def __init__(self) -> None:
        self.questions: dict[str, _Question] = {}
        self.stratum_of: dict[str, str] = {}
        self._apart: Counter[str] = Counter()
        self._validating: set[str] = set()
        self._refused: set[str] = set()
        self._acts: list[tuple[int, ActReversed | RecordsSplit]] = []

    def hear(self, recorded: Recorded) -> None:
        """One more event, in the order of the log."""
        case, event = recorded.stream.partition("/")[2], recorded.event
        match event:
            case CaseOpened():
                self._open(case, event, recorded.position)
            case CaseAnswered() if case in self._validating and not event.yes:
                self._refused.add(case)
            case CaseAnswered() if case in self.questions:
                self.questions[case].yes = event.yes
                self.questions[case].order = recorded.position
            case CaseClosed() if case in self.questions:
                self.questions[case].next = event.next
            case AuditDrawn():
                for stratum in event.strata:
                    self.stratum_of |= dict.fromkeys(stratum.acts, stratum.name)
                    self._apart[event.policy] += len(stratum.pairs)
            case ActReversed() | RecordsSplit():
                self._acts.append((recorded.position, event))
            case _:
                pass

    def _open(self, case: str, opened: CaseOpened, position: int) -> None:
        proposal, blind = opened.proposal, opened.kind == BLIND_CHECK
        if opened.kind in VALIDATES:
            self._validating.add(case)
        elif blind and isinstance(proposal, Doubtful):
            self.questions[case] = _Question(position, blind, act=proposal.act)
        elif isinstance(proposal, Link) and (blind or opened.kind == NEAR_MATCH):
            best, found = proposal.candidates[0], proposal.decision
            pair = frozenset((proposal.record.record, best.member.record))
            if found is not None:
                about = _Weighed(pair, found.policy, found.weight, bool(found.guards))
            elif blind and proposal.policy is not None:
                about = _Weighed(pair, proposal.policy, round(best.score * 1000))
            else:
                return  # somebody asked it who weighs nothing
            self.questions[case] = _Question(position, blind, about=about)

    def undone(self) -> set[str]:
        """Acts that were taken back, or cut by a split, and do not stand again."""
        linkage = fold(self._acts)
        live = live_acts(linkage)
        found: set[str] = set()
        for _, act in linkage.acts.values():
            if act.act in live:
                if isinstance(act, ActReversed):
                    found.add(act.reverses)
                elif isinstance(act, RecordsSplit):
                    found.update(cut.edge for cut in act.cuts)
        return found

    def answers(self, weighed: dict[str, _Weighed]) -> list[Answer]:
        """What was said last of each question that was answered."""
        return list(self._answers(weighed))

    def _answers(self, weighed: dict[str, _Weighed]) -> Iterator[Answer]:
        for question in self.questions.values():
            about = question.about if question.act is None else weighed.get(question.act)
            if about is None or question.yes is None:
                continue
            yes = question.yes != (question.next in self._refused)
            stratum = None
            if question.blind:
                stratum = APART if question.act is None else self.stratum_of.get(question.act)
            yield Answer(about.pair, about.policy, about.weight, yes, question.order, stratum, about.guarded)

    def drawn(self, weighed: dict[str, _Weighed]) -> dict[tuple[str, str], int]:
        """How many were drawn, by policy and stratum."""
        drawn: Counter[tuple[str, str]] = Counter()
        for act, stratum in self.stratum_of.items():
            if act in weighed:
                drawn[weighed[act].policy, stratum] += 1
        for policy, pairs in self._apart.items():
            if pairs:
                drawn[policy, APART] += pairs
        return dict(drawn)
