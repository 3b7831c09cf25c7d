"""What a third has held: through a closed case too, and told to both who are to agree once it was released."""

from __future__ import annotations

import pytest

from ledger.errors import UnderHold
from ledger.events.disclosure import DisclosureRefused
from ledger.events.retention import OverState
from support.casework import Hands, Work
from support.disposals import ANA, BEN, CLEO, LATER, ScannedLists, keep_for_years
from support.logs import append

WHY = "A court has asked for it."


@pytest.fixture
def due(work: Work, clock: Hands) -> Work:
    """A ledger twenty years on, when all that was said before is due; its lists are told from its logs."""
    work.ledger.disposals.look_in(ScannedLists(work.ledger))
    keep_for_years(work.ledger)
    clock.now = LATER
    return work


def opened(work: Work, clock: Hands, *names: str) -> list[str]:
    """Records of Oregon of long ago, by uuid."""
    now, clock.now = clock.now, LATER.replace(year=2025)
    made = [work.record(work.opened("OR", name)) for name in names]
    clock.now = now
    return made


def disposed(work: Work, *records: str) -> None:
    """Proposed by Ana, approved by Ben."""
    work.ledger.disposals.approve(work.ledger.disposals.propose("education", records, ANA).id, BEN)


def keys_of(work: Work, subject: str) -> set[str]:
    return {row[0] for row in work.query("select class from vault.keys where subject = %s", subject)}


def kept_apart(work: Work, clock: Hands) -> tuple[str, str, str]:
    """Two records of long ago of which it was asked whether they are one, and answered no; the case. The first is the
    one that the case names first."""
    now, clock.now = clock.now, LATER.replace(year=2025)
    left, right = work.opened("OR", "1"), work.opened("CA", "2")
    case = work.proposals.propose_merge(left, right, left, WHY, ANA).case
    work.cases.answer(case, WHY, BEN, None, yes=False)
    clock.now = now
    names = [one.anchor.record for one in work.opened_as(case).records]
    return names[0], names[1], case


@pytest.mark.parametrize("over", ["record", "joined", "state"])
def test_a_closed_case_does_not_go_while_another_record_that_it_names_is_held(
    due: Work, clock: Hands, over: str
) -> None:
    """It says why the two were kept apart: that goes with the first, and is what the hold over the second is for."""
    first, second, case = kept_apart(due, clock)
    keeping, disposals = due.ledger.keeping, due.ledger.disposals
    [before] = disposals.present("education", [first])
    assert before.scope is not None
    assert (before.held, before.scope.cases) == ((), [case])
    if over == "state":
        state = due.query("select state from ledger.records where record_id = %s", second)[0][0]
        hold = keeping.place("legal", OverState(state=state), WHY, CLEO).id
    elif over == "record":
        hold = keeping.place("legal", keeping.over_records([second]), WHY, CLEO).id
    else:
        third = due.opened("WA", "9")
        minted = due.query("select minted from ledger.records where record_id = %s", second)[0][0]
        due.merged(minted, third)
        hold = keeping.place("legal", keeping.over_records([due.record(third)]), WHY, CLEO).id
    [held] = disposals.present("education", [first])
    assert [(one.id, one.through) for one in held.held] == [(hold, case)]
    with pytest.raises(UnderHold) as refused:
        disposals.propose("education", [first], ANA)
    assert refused.value.members == {"items": [{"subject": first, "held_by": [f"legal {hold} through case {case}"]}]}
    keeping.release(hold, WHY, CLEO)
    disposed(due, first)
    assert keys_of(due, case) == set()


def test_a_hold_over_the_other_record_of_a_closed_case_stops_a_disposal_that_waits(due: Work, clock: Hands) -> None:
    first, second, case = kept_apart(due, clock)
    disposal = due.ledger.disposals.propose("education", [first], ANA).id
    due.ledger.keeping.place("legal", due.ledger.keeping.over_records([second]), WHY, CLEO)
    with pytest.raises(UnderHold):
        due.ledger.disposals.approve(disposal, BEN)
    assert keys_of(due, case) == {"case"}


def test_the_second_of_a_closed_case_goes_although_the_first_is_held(due: Work, clock: Hands) -> None:
    first, second, case = kept_apart(due, clock)
    due.ledger.keeping.place("legal", due.ledger.keeping.over_records([first]), WHY, CLEO)
    disposed(due, second)
    assert keys_of(due, case) == {"case"}
    [one] = due.ledger.disposals.present("education", [first])
    assert [held.through for held in one.held] == [None]


def test_whoever_is_to_agree_sees_which_holds_of_a_third_were_released_whenever_that_was(
    due: Work, clock: Hands
) -> None:
    [record] = opened(due, clock, "1")
    disposals, keeping = due.ledger.disposals, due.ledger.keeping
    over = keeping.over_records([record])
    keeping.release(keeping.place("legal", over, WHY, ANA).id, WHY, ANA)
    keeping.release(keeping.place("legal", OverState(state="CA"), WHY, CLEO).id, WHY, ANA)
    assert disposals.lifted(disposals.present("education", [record])) == []
    hold = keeping.place("legal", over, WHY, CLEO).id
    keeping.release(hold, WHY, ANA)
    disposals.propose("education", [record], ANA)
    [lifted] = disposals.lifted(disposals.present("education", [record]))
    assert (lifted.id, lifted.by, lifted.released_by) == (hold, CLEO.actor, ANA.actor)


def test_who_is_refused_a_record_does_not_keep_it_by_asking_again_and_again(due: Work, clock: Hands) -> None:
    [record] = opened(due, clock, "1")
    refused = DisclosureRefused(
        student_id="1",
        view="student",
        role="secondary_user",
        organisation="School",
        purpose="review",
        basis="34 CFR 99.31(a)(1)",
        rule="own-state",
    )
    append(due.ledger.access, f"disclosure/{record}", refused)
    disposal = due.ledger.disposals.propose("education", [record], ANA).id
    append(due.ledger.access, f"disclosure/{record}", refused)
    assert due.ledger.disposals.approve(disposal, BEN).status == "done"
    assert keys_of(due, record) == set()
