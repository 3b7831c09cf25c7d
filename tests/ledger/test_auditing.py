"""The audit of a month on the real store: drawn once, asked once whatever breaks off, and answered as other cases."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from ledger import auditing
from ledger.application import Ledger
from ledger.audit import APART, NEAR, RANDOM, Sizes
from ledger.case_store import CaseStore
from ledger.errors import StaleDecision, StoreUnavailable
from ledger.events import Meta
from ledger.events.audit import AuditAsked, AuditDrawn, KeptApart
from ledger.events.case import CaseOpened, Doubtful, Link
from ledger.matching.shipped import shipped
from ledger.proposals import Proposals, Proposed
from ledger.reactors.timekeeper import ACTOR, Timekeeper
from ledger.replay import RequestKey
from ledger.store import match_index
from ledger.store.append import Append, Receipt
from ledger.store.database import Database, Role
from support.audited import CLOCK, Audited, boy, sister
from support.casework import BEN, WHY, destroy

FEBRUARY = (2026, 2, 1)
NewLedger = Callable[..., Ledger]


@pytest.fixture
def audited(database: Database, new_ledger: NewLedger) -> Audited:
    return Audited(database, new_ledger)


# -- the draw


def test_links_of_the_month_that_stand_are_drawn_and_put_before_people_with_pairs_kept_apart(
    audited: Audited,
) -> None:
    acts = audited.links(0, 1, 2)
    audited.tells(*(sister(family) for family in (0, 1, 2)))
    opened = audited.at(*FEBRUARY)
    drawn = audited.drawn("2026-01")
    assert sorted(drawn[RANDOM].acts) == sorted(acts)
    assert (drawn[RANDOM].wanted, drawn[RANDOM].there) == (200, 3)
    assert (drawn[NEAR].there, drawn[NEAR].acts) == (0, [])
    assert (drawn[APART].there, len(drawn[APART].pairs)) == (3, 3)
    names = audited.matching.names()
    for pair in drawn[APART].pairs:
        assert pair.weight < -4_000
        assert {names[pair.record][-2:], names[pair.member][-2:]} in ({"01", "02"}, {"11", "12"}, {"21", "22"})
    assert sorted(opened) == sorted(audited.opened())
    assert len(opened) == 6
    assert (audited.asked("2026-01").asked, audited.asked("2026-01").moot) == (6, 0)
    for act in acts:
        proposal = audited.opened()[audited.about(act)].proposal
        assert isinstance(proposal, Doubtful)
        assert proposal.position == audited.ledger.log.read_stream("audit/2026-01")[0].position
    for pair in drawn[APART].pairs:
        proposal = audited.opened()[audited.about(pair)].proposal
        assert isinstance(proposal, Link)
        assert (proposal.policy, proposal.candidates[0].score) == (shipped().version, pair.weight / 1000)


def test_nothing_is_drawn_while_the_month_lasts_and_the_next_day_it_is_once(audited: Audited) -> None:
    audited.links(0)
    assert audited.at(2026, 1, 31, 23, 59, 59) == []
    assert audited.said("2026-01") == []
    assert len(audited.at(*FEBRUARY)) == 1
    head = audited.ledger.log.head()
    assert audited.at(2026, 2, 28, 23) == []
    assert audited.ledger.log.head() == head


def test_months_in_which_nobody_looked_are_drawn_when_somebody_does_each_with_its_own(audited: Audited) -> None:
    january = audited.links(0)
    audited.clock.now = datetime(2026, 3, 31, 23, 59, tzinfo=UTC)
    march = audited.links(1)
    audited.clock.now = datetime(2026, 4, 1, tzinfo=UTC)
    april = audited.links(2)
    audited.at(2026, 4, 20)
    assert [audited.drawn(month)[RANDOM].acts for month in ("2026-01", "2026-02", "2026-03")] == [january, [], march]
    assert audited.said("2026-04") == []
    audited.at(2026, 5, 1)
    assert audited.drawn("2026-04")[RANDOM].acts == april


def test_the_twenty_ninth_of_february_is_of_its_month(audited: Audited) -> None:
    audited.clock.now = datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC)
    acts = audited.links(0)
    assert audited.at(2028, 2, 29, 23, 59, 59) == []
    audited.at(2028, 3, 1)
    assert audited.drawn("2028-02")[RANDOM].acts == acts


def test_of_a_month_without_links_nothing_is_asked_and_that_is_said(audited: Audited) -> None:
    audited.tells(boy(0), sister(0))
    assert audited.at(*FEBRUARY) == []
    assert all(not (stratum.acts or stratum.pairs) for stratum in audited.drawn("2026-01").values())
    assert audited.asked("2026-01").asked == 0


def test_a_ledger_that_never_decided_by_a_policy_is_never_audited(audited: Audited) -> None:
    audited.matching.tells(boy(0))
    assert audited.at(2027, 1, 1) == []
    assert audited.said("2026-01") == []


def test_what_was_taken_back_is_not_drawn_and_what_stands_again_is(audited: Audited) -> None:
    gone, again, stands = audited.links(0, 1, 2)
    audited.matching.reverses(gone)
    audited.matching.reverses(audited.matching.reverses(again))
    audited.at(*FEBRUARY)
    assert sorted(audited.drawn("2026-01")[RANDOM].acts) == sorted([again, stands])
    assert audited.drawn("2026-01")[RANDOM].there == 2


def test_what_a_split_has_cut_is_not_drawn(audited: Audited) -> None:
    act, stands = audited.links(0, 1)
    link, shown = audited.link(act), audited.matching.shown()
    groups = [[link.record.record], [link.member.record]]
    case = audited.ledger.proposals.propose_split(shown["TX 01"], groups, WHY, BEN).case
    audited.answers(case, yes=True)
    audited.at(*FEBRUARY)
    assert audited.drawn("2026-01")[RANDOM].acts == [stands]


def test_what_people_have_linked_themselves_is_not_drawn(audited: Audited) -> None:
    audited.tells(boy(0), sister(0))
    shown = audited.matching.shown()
    case = audited.ledger.proposals.propose_merge(shown["TX 01"], shown["MI 02"], shown["TX 01"], WHY, BEN).case
    audited.answers(case, yes=True)
    audited.at(*FEBRUARY)
    assert audited.drawn("2026-01")[RANDOM].there == 0


def test_a_stratum_of_nought_is_off(database: Database, new_ledger: NewLedger) -> None:
    audited = Audited(database, new_ledger, Sizes(random=0, near=1, apart=0))
    audited.links(0, 1, 2)
    audited.tells(sister(0))
    assert len(audited.at(*FEBRUARY)) == 1
    drawn = audited.drawn("2026-01")
    assert [len(drawn[name].acts) + len(drawn[name].pairs) for name in (RANDOM, NEAR, APART)] == [0, 1, 0]
    over = {link.act: link.decision.weight for link in audited.matching.links() if link.decision is not None}
    assert over[drawn[NEAR].acts[0]] == min(over.values())


def test_a_pair_is_drawn_once_though_it_is_there_the_next_month(audited: Audited) -> None:
    audited.links(0)
    audited.tells(sister(0))
    audited.at(*FEBRUARY)
    assert len(audited.drawn("2026-01")[APART].pairs) == 1
    audited.links(1)
    audited.at(2026, 3, 1)
    assert len(audited.drawn("2026-02")[RANDOM].acts) == 1
    assert audited.drawn("2026-02")[APART].there == 0


def test_nothing_that_was_declared_apart_or_is_held_by_a_case_is_drawn(audited: Audited) -> None:
    audited.links(0, 1, 2)
    audited.tells(*(sister(family) for family in (0, 1, 2)))
    audited.matching.declares("MI 02", "TX 01")
    shown = audited.matching.shown()
    audited.ledger.proposals.propose_merge(shown["TX 11"], shown["TX 21"], shown["TX 11"], WHY, BEN)
    audited.at(*FEBRUARY)
    assert (audited.drawn("2026-01")[APART].there, len(audited.drawn("2026-01")[RANDOM].acts)) == (0, 3)


def test_nothing_is_drawn_before_the_matcher_stands_by_the_policy_in_effect(audited: Audited) -> None:
    audited.links(0)
    audited.ledger.policies.publish(shipped().version, Meta(actor="ana"))
    assert audited.at(*FEBRUARY) == []
    assert audited.said("2026-01") == []
    audited.matching.runs()
    assert len(audited.at(*FEBRUARY)) == 1


def test_nothing_is_drawn_while_records_are_yet_to_be_read_anew(audited: Audited, database: Database) -> None:
    """The tables are of the policy in effect already, and of the records that they hold none would be drawn."""
    audited.links(0)
    audited.tells(sister(0))
    published = audited.ledger.policies.publish(shipped().version, Meta(actor="ana"))
    with database.connect(Role.WRITER) as conn:
        match_index.begin_again(conn, published.position, published.position)
        assert match_index.made_with(conn) == published.position
    assert audited.at(*FEBRUARY) == []
    assert audited.said("2026-01") == []
    audited.matching.runs()
    audited.at(*FEBRUARY)
    assert len(audited.drawn("2026-01")[APART].pairs) == 1


# -- in portions


def test_what_is_drawn_is_the_same_in_whichever_portions_and_no_portion_is_larger(
    audited: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The likeliest pairs of all, of which some are found in the first portion and some in the last."""
    audited.links(0, 1, 2)
    audited.tells(*(sister(family) for family in (0, 1, 2)))
    audited.sizes = Sizes(apart=2)
    portions: list[int] = []
    near = match_index.near

    def counted(conn: Any, records: Sequence[str]) -> dict[str, set[str]]:
        portions.append(len(records))
        return near(conn, records)

    monkeypatch.setattr(match_index, "near", counted)
    monkeypatch.setattr(auditing, "RECORDS_TOGETHER", 2)
    audited.at(*FEBRUARY)
    in_portions = audited.drawn("2026-01")[APART]
    assert portions == [2, 2, 2, 2, 1]
    assert (in_portions.there, len(in_portions.pairs)) == (3, 2)
    forgotten = audited.ledger.log.read_stream

    def as_if_never_drawn(stream: str, after: int = 0) -> Any:
        return [] if stream == "audit/2026-01" else forgotten(stream, after)

    drawn: list[AuditDrawn] = []

    def kept(what: Append) -> Receipt:
        drawn.extend(event for part in what.parts for event in part.events if isinstance(event, AuditDrawn))
        raise StoreUnavailable("PostgreSQL went away.", remedy="Wait.")

    monkeypatch.setattr(audited.ledger.log, "read_stream", as_if_never_drawn)
    monkeypatch.setattr(audited.ledger.log, "append", kept)
    monkeypatch.setattr(auditing, "RECORDS_TOGETHER", 1_000)
    with pytest.raises(StoreUnavailable):
        audited.at(*FEBRUARY)
    assert portions[-1] == 9
    assert drawn[0].strata[2] == in_portions


def test_whoever_is_told_to_stop_between_two_portions_draws_nothing_and_the_next_look_does(
    audited: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    audited.links(0, 1)
    audited.tells(sister(0), sister(1))
    stop = threading.Event()
    portions = 0
    near = match_index.near

    def stopped_meanwhile(conn: Any, records: Sequence[str]) -> dict[str, set[str]]:
        nonlocal portions
        portions += 1
        if portions == 2:
            stop.set()
        return near(conn, records)

    monkeypatch.setattr(match_index, "near", stopped_meanwhile)
    monkeypatch.setattr(auditing, "RECORDS_TOGETHER", 1)
    audited.clock.now = datetime(*FEBRUARY, tzinfo=UTC)
    ledger = audited.ledger
    keeper = Timekeeper(
        ledger.database,
        ledger.log,
        ledger.profile,
        ledger.clock,
        ledger.casework,
        ledger.audits,
        ledger.admissions,
        ledger.forgetting,
        ledger.keeping,
    )
    keeper.keep_time(stop)
    assert portions == 2
    assert audited.said("2026-01") == []
    assert len(keeper.look()) == 4
    assert len(audited.drawn("2026-01")[APART].pairs) == 2


def test_whoever_is_told_to_stop_between_two_cases_has_the_rest_asked_at_the_next_look(audited: Audited) -> None:
    audited.links(0, 1)
    audited.clock.now = datetime(*FEBRUARY, tzinfo=UTC)
    stop = threading.Event()

    class Stopping(Breaking):
        def _is_there(self) -> None:
            stop.set()

    assert len(audited.audits(Stopping(audited.ledger, 0)).look(audited.clock(), CLOCK, stop)) == 1
    assert (len(audited.opened()), len(audited.said("2026-01"))) == (1, 1)
    assert len(audited.at(2026, 2, 2)) == 2
    assert (len(audited.opened()), audited.asked("2026-01").asked) == (2, 2)


def test_nothing_is_drawn_where_another_policy_was_published_between_two_portions(
    audited: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The matcher begins anew with it: of the records of the portions behind, nobody would be near to any."""
    audited.links(0, 1)
    audited.tells(sister(0), sister(1))
    near = match_index.near

    def begun_anew(conn: Any, records: Sequence[str]) -> dict[str, set[str]]:
        monkeypatch.setattr(match_index, "near", near)
        found = near(conn, records)
        published = audited.ledger.policies.publish(shipped().version, Meta(actor="ana"))
        with audited.ledger.database.connect(Role.WRITER) as writer:
            match_index.begin_again(writer, published.position, published.position)
        return found

    monkeypatch.setattr(match_index, "near", begun_anew)
    monkeypatch.setattr(auditing, "RECORDS_TOGETHER", 1)
    assert audited.at(*FEBRUARY) == []
    assert audited.said("2026-01") == []
    audited.matching.runs()
    audited.at(*FEBRUARY)
    assert len(audited.drawn("2026-01")[APART].pairs) == 2


# -- once


class Breaking(Proposals):
    """The store's own, that is away after so many cases."""

    def __init__(self, ledger: Ledger, left: int) -> None:
        super().__init__(ledger.links, CaseStore(ledger.log, ledger.profile, ledger.ids, ledger.clock))
        self._left = left

    def check_link(self, act: str, position: int, meta: Meta, request: RequestKey | None = None) -> Proposed:
        self._is_there()
        return super().check_link(act, position, meta, request)

    def check_apart(self, pair: KeptApart, policy: str, meta: Meta, request: RequestKey | None = None) -> Proposed:
        self._is_there()
        return super().check_apart(pair, policy, meta, request)

    def _is_there(self) -> None:
        if not self._left:
            raise StoreUnavailable("PostgreSQL went away.", remedy="Wait.")
        self._left -= 1


@pytest.mark.parametrize("durable", [0, 1, 3, 5, 6])
def test_an_audit_that_broke_off_between_two_cases_is_gone_on_with_and_asks_each_once(
    audited: Audited, durable: int
) -> None:
    acts = audited.links(0, 1, 2)
    audited.tells(*(sister(family) for family in (0, 1, 2)))
    audited.clock.now = datetime(*FEBRUARY, tzinfo=UTC)
    breaking = audited.audits(Breaking(audited.ledger, durable))
    if durable < 6:
        with pytest.raises(StoreUnavailable):
            breaking.look(audited.clock(), CLOCK)
        assert len(audited.said("2026-01")) == 1
    else:
        breaking.look(audited.clock(), CLOCK)
    drawn = audited.said("2026-01")[0]
    assert len(audited.opened()) == durable
    # A link that came and a pair that moved meanwhile change nothing of what was drawn.
    audited.links(3)
    opened = audited.at(2026, 2, 3)
    assert audited.said("2026-01")[0] == drawn
    assert len(opened) == (6 if durable < 6 else 0), "those that were durable are found by their keys"
    assert len(audited.opened()) == 6
    for act in acts:
        assert audited.about(act)
    assert audited.asked("2026-01").asked == 6


def test_an_audit_that_broke_off_behind_its_last_case_asks_nothing_again(
    audited: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    audited.links(0, 1)
    append = audited.ledger.log.append

    def until_asked(what: Append) -> Receipt:
        if any(isinstance(event, AuditAsked) for part in what.parts for event in part.events):
            raise StoreUnavailable("PostgreSQL went away.", remedy="Wait.")
        return append(what)

    monkeypatch.setattr(audited.ledger.log, "append", until_asked)
    with pytest.raises(StoreUnavailable):
        audited.at(*FEBRUARY)
    monkeypatch.undo()
    before = audited.opened()
    assert len(before) == 2
    assert sorted(audited.at(2026, 2, 2)) == sorted(before)
    assert audited.opened() == before
    assert audited.asked("2026-01").asked == 2


def test_what_is_no_question_any_more_when_it_is_gone_on_with_is_left_out(audited: Audited) -> None:
    first, second = audited.links(0, 1)
    audited.clock.now = datetime(*FEBRUARY, tzinfo=UTC)
    with pytest.raises(StoreUnavailable):
        audited.audits(Breaking(audited.ledger, 0)).look(audited.clock(), CLOCK)
    audited.matching.reverses(first)
    audited.at(2026, 2, 2)
    assert (audited.asked("2026-01").asked, audited.asked("2026-01").moot) == (1, 1)
    assert list(audited.opened()) == [audited.about(second)]


def test_of_two_who_draw_at_once_one_is_refused(audited: Audited, monkeypatch: pytest.MonkeyPatch) -> None:
    audited.links(0)
    other = audited.audits()
    read = audited.ledger.log.read_stream

    def overtaken(stream: str, after: int = 0) -> Any:
        """What one sees who looked just before the other drew."""
        monkeypatch.setattr(audited.ledger.log, "read_stream", read)
        found = read(stream, after)
        audited.at(*FEBRUARY)
        return found

    monkeypatch.setattr(audited.ledger.log, "read_stream", overtaken)
    with pytest.raises(StaleDecision):
        other.look(datetime(*FEBRUARY, tzinfo=UTC), CLOCK)
    assert len(audited.said("2026-01")) == 2
    assert len(audited.opened()) == 1


def test_the_timekeeper_draws_and_forgets_no_key_before_what_broke_off_is_asked(audited: Audited) -> None:
    """Answers to keys are kept for 90 days; a service that was away for longer must not ask anything twice."""
    audited.links(0, 1)
    audited.clock.now = datetime(*FEBRUARY, tzinfo=UTC)
    with pytest.raises(StoreUnavailable):
        audited.audits(Breaking(audited.ledger, 1)).look(audited.clock(), CLOCK)
    ledger = audited.ledger
    audited.clock.now = datetime(2027, 1, 15, tzinfo=UTC)
    keeper = Timekeeper(
        ledger.database,
        ledger.log,
        ledger.profile,
        ledger.clock,
        ledger.casework,
        ledger.audits,
        ledger.admissions,
        ledger.forgetting,
        ledger.keeping,
    )
    told = keeper.look()
    assert set(audited.opened()) <= set(told)
    assert len(audited.opened()) == 2
    assert keeper.look() == []
    opened = [one for one in audited.matching.recorded() if isinstance(one.event, AuditDrawn | CaseOpened)]
    assert {one.meta.actor for one in opened} == {ACTOR}
    with ledger.database.connect(Role.WRITER) as conn:
        kept = conn.execute("select count(*) from ledger.answers where scope = 'audit'").fetchone()
    assert kept == (1,), "that of the case of a year ago is gone by now"


def test_what_keeps_an_audit_keeps_nothing_else(audited: Audited, monkeypatch: pytest.MonkeyPatch) -> None:
    audited.links(0)
    case = audited.ledger.proposals.open_changed(
        "correction-comes-back", audited.link(audited.links(1)[0]).record.record, 1, BEN
    ).case
    ledger = audited.ledger

    def others_are_faster(*_: object) -> list[str]:
        raise StaleDecision("Others were faster.", remedy="Try again.")

    monkeypatch.setattr(ledger.audits, "look", others_are_faster)
    audited.clock.now = datetime(2026, 4, 1, tzinfo=UTC)
    keeper = Timekeeper(
        ledger.database,
        ledger.log,
        ledger.profile,
        ledger.clock,
        ledger.casework,
        ledger.audits,
        ledger.admissions,
        ledger.forgetting,
        ledger.keeping,
    )
    assert keeper.look() == [case]


def test_a_record_that_is_gone_before_it_is_asked_about_is_left_out(audited: Audited, database: Database) -> None:
    audited.links(0, 1)
    audited.clock.now = datetime(*FEBRUARY, tzinfo=UTC)
    with pytest.raises(StoreUnavailable):
        audited.audits(Breaking(audited.ledger, 0)).look(audited.clock(), CLOCK)
    destroy(database, audited.matching.minted()["MI 01"])
    audited.at(2026, 2, 2)
    assert (audited.asked("2026-01").asked, audited.asked("2026-01").moot) == (1, 1)
