"""A ledger whose matcher has linked children of rare names in some month, and whose clock a test moves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from ledger.application import Ledger
from ledger.audit import APART, NEAR, RANDOM, Sizes
from ledger.auditing import Audits
from ledger.casework import Answered
from ledger.events import Event, Meta
from ledger.events.audit import AuditAsked, AuditDrawn, KeptApart, Stratum
from ledger.events.case import CaseOpened, Doubtful, Link
from ledger.events.linkage import RecordLinked
from ledger.matching.traits import Traits
from ledger.proposals import Proposals
from ledger.store.database import Database
from support.any_children import child
from support.casework import ANA, WHY, Hands
from support.matching_runs import MatchingRuns

JANUARY = datetime(2026, 1, 15, 12, tzinfo=UTC)
CLOCK = Meta(actor="timekeeper")
_FAMILIES = (
    ("Wilber Esteban", "Quintero/Medrano", "Yaretzi Noemí"),
    ("Anselmo Ulises", "Tzintzun/Xicale", "Brígida Inés"),
    ("Fausto Ramiro", "Cuautle/Tecpanécatl", "Zenaida Luz"),
    ("Hilario Próspero", "Huitzil/Popoca", "Crescencia Flor"),
    ("Ildefonso Saúl", "Chimalpopoca/Tlapale", "Nereida Sol"),
    ("Leocadio Bruno", "Xochihua/Tepoxtle", "Otilia Guadalupe"),
)


def boy(family: int, state: str = "TX") -> Traits:
    """The son of a family, told in full by whichever state."""
    return _told(family, _FAMILIES[family][0], "Male", state, f"{family}1")


def sister(family: int, state: str = "MI") -> Traits:
    """His twin, whom no policy takes for him."""
    return _told(family, _FAMILIES[family][2], "Female", state, f"{family}2")


def _told(family: int, given: str, sex: str, state: str, ssid: str) -> Traits:
    surnames = _FAMILIES[family][1]
    first, second = surnames.split("/")
    return child(
        f"{given}/{surnames}",
        f"2014-0{family + 1}-1{family}",
        state=state,
        state_student_id=ssid,
        sex=sex,
        male_parent_first_name="Eleuterio",
        male_parent_last_name=first,
        female_parent_first_name="Rosaura",
        female_parent_last_name=second,
        birth_city="Tlaxiaco",
        birth_state="Oaxaca",
        birth_country="MX",
    )


class Audited:
    """The ledger, its matcher, and its audits."""

    def __init__(self, database: Database, new_ledger: Callable[..., Ledger], sizes: Sizes | None = None) -> None:
        self.clock = Hands(JANUARY)
        self.ledger = new_ledger(database, clock=self.clock)
        self.matching = MatchingRuns(self.ledger)
        self.sizes = sizes or Sizes()

    def audits(self, proposals: Proposals | None = None) -> Audits:
        """As a process that starts now has them."""
        ledger = self.ledger
        return Audits(ledger.log, ledger.links, proposals or ledger.proposals, ledger.policies, self.sizes)

    def tells(self, *children: Traits) -> None:
        """States tell of these, and the matcher comes to the end of it."""
        self.matching.tells(*children)
        self.matching.runs()

    def links(self, *families: int) -> list[str]:
        """The boys of these families are told by two states, and linked; the act of each. They are written at once, in
        any order."""
        before = len(self.matching.links())
        self.tells(*(boy(family, state) for family in families for state in ("TX", "MI")))
        names = self.matching.names()
        made = {names[link.record.record].partition(" ")[2]: link.act for link in self.matching.links()[before:]}
        assert len(made) == len(families)
        return [made[f"{family}1"] for family in families]

    def at(self, *when: int) -> list[str]:
        """What an audit opens that looks at this instant."""
        self.clock.now = datetime(*when, tzinfo=UTC)
        return self.audits().look(self.clock(), CLOCK)

    def said(self, month: str) -> list[Event]:
        return [recorded.event for recorded in self.ledger.log.read_stream(f"audit/{month}")]

    def drawn(self, month: str) -> dict[str, Stratum]:
        """The strata of a month, by name."""
        drawn = self.said(month)[0]
        assert isinstance(drawn, AuditDrawn)
        assert [stratum.name for stratum in drawn.strata] == [RANDOM, NEAR, APART]
        return {stratum.name: stratum for stratum in drawn.strata}

    def asked(self, month: str) -> AuditAsked:
        asked = self.said(month)[-1]
        assert isinstance(asked, AuditAsked)
        return asked

    def opened(self) -> dict[str, CaseOpened]:
        """Every blind check that was ever opened, by its case."""
        return {
            recorded.stream.removeprefix("case/"): recorded.event
            for recorded in self.matching.recorded()
            if isinstance(recorded.event, CaseOpened) and recorded.event.kind == "blind-check"
        }

    def about(self, what: str | KeptApart) -> str:
        """The one case about a link, or about two records that were kept apart."""

        def is_about(opened: CaseOpened) -> bool:
            match opened.proposal:
                case Doubtful(act=act):
                    return act == what
                case Link() as link:
                    best = link.candidates[0].member.record
                    return isinstance(what, KeptApart) and (link.record.record, best) == (what.record, what.member)
                case _:
                    return False

        (case,) = (case for case, opened in self.opened().items() if is_about(opened))
        return case

    def answers(self, case: str, *, yes: bool) -> Answered:
        return self.ledger.casework.answer(case, WHY, ANA, None, yes=yes)

    def link(self, act: str) -> RecordLinked:
        (found,) = (link for link in self.matching.links() if link.act == act)
        return found
