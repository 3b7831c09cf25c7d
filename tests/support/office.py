"""An office at work on the children of one example, told by a tape of numbers: cases are opened, assigned, answered,
left to time and taken back through the product itself. What is refused leaves nothing.
"""

from __future__ import annotations

from contextlib import suppress

from hypothesis import strategies as st

from ledger.errors import Conflict, Forbidden, NotFound, Refused
from ledger.events import Meta
from ledger.events.audit import KeptApart
from ledger.events.case import Place
from ledger.links import Seeds
from support.casework import ANA, BEN, CLEO, WHY, Work
from support.linkage_tapes import act
from support.worlds import World

Step = tuple[int, int, int]
MATCHER = Meta(actor="matcher")
PLACES = (
    Place(state="OR", region="R2", district="4113770"),
    Place(state="OR", region="R3"),
    Place(state="OR"),
    Place(state="CA"),
)
CHILDREN = (("OR", "4113770"), ("CA", None), ("OR", "4100009"), ("TX", None))
TAPES = st.lists(st.tuples(st.integers(0, 15), st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=16)


class Office:
    """People at work in a world, on children of one example. What is refused leaves nothing."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._example = world.next_example()
        self.work = Work(world.ledgers[0])
        self.minted: list[str] = []
        self.cases: list[str] = []
        self.acts: list[str] = []

    def do(self, step: Step) -> None:
        """One step of a tape."""
        while len(self.minted) < 2:
            self._open_record()
        with suppress(Refused, Conflict, NotFound, Forbidden):
            self._do(*step)

    def _open_record(self) -> None:
        number = len(self.minted)
        state, district = CHILDREN[number % len(CHILDREN)]
        self.minted.append(self.work.opened(state, f"W{self._example}{number}", district))

    def _do(self, kind: int, one: int, other: int) -> None:
        work = self.work
        left, right = (self.minted[n % len(self.minted)] for n in (one, other))
        records = [work.record(minted) for minted in (left, right)]
        case = self.cases[-1 - one % len(self.cases)] if self.cases else ""
        match kind:
            case 0:
                self._open_record()
            case 1 | 2:
                students = work.ledger.links.reach(Seeds(students=[right])).students()
                scored = {a.record: 3.0 + n for n, a in enumerate(students.members[students.student_of[records[1]]])}
                self.cases.append(work.proposals.open_near_match(records[0], scored, MATCHER).case)
            case 3 | 4:
                a, b = work.shown(left, right)
                self.cases.append(work.proposals.propose_merge(a, b, a, WHY, ANA).case)
            case 5:
                [shown] = work.shown(left)
                self.cases.append(work.proposals.propose_split(shown, [[records[0]]], WHY, ANA).case)
            case 6:
                self.cases.append(work.proposals.open_changed("different-child", records[0], 1, MATCHER).case)
            case 14:
                self.cases.append(work.proposals.open_doubtful(self.acts[-1] if self.acts else "", 1, MATCHER).case)
            case 15:
                pair = KeptApart(records[0], records[1], -4_500)
                self.cases.append(work.proposals.check_apart(pair, "of a test", MATCHER).case)
            case 7:
                place = PLACES[other % len(PLACES)]
                work.cases.assign(case, place, BEN, None, ["Ben", "cleo"][: other % 3])
            case 8 | 9:
                by = BEN if kind == 8 else CLEO
                answered = work.cases.answer(case, WHY, by, None, yes=True).after.closed
                if answered is not None:
                    self.acts += [answered.act] if answered.act else []
                    self.cases += [answered.next] if answered.next else []
            case 10:
                # A no comes from a state's own office, which may answer wherever its part lies.
                work.cases.answer(case, WHY, BEN, PLACES[-1 - other % len(PLACES)], yes=other < 4)
            case 11:
                self._world.clocks[0].step(86_400 * 5 * (1 + other))
                for name in self.cases:
                    work.cases.escalate(name, MATCHER)
            case 12:
                reversed_ = work.reversals.reverse(self.acts[-1] if self.acts else "", WHY, ANA, None)
                self.acts.append(reversed_.act)
                self.cases += reversed_.cases
            case _:
                act(work.ledger, self.minted, ((2 * one + other) % 10, one, other))
