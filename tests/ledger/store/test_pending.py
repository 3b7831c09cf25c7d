"""What open cases are about, as it is looked at under the log's lock for the appends of one group."""

from __future__ import annotations

import uuid

from ledger.errors import StaleDecision
from ledger.store import pending
from ledger.store.append import CaseStanding
from support.casework import ANA, Work


def standing(about: str | None, case: str = "", *, kind: str = "different-child", closed: bool = False) -> CaseStanding:
    return CaseStanding(case=case or str(uuid.uuid4()), kind=kind, about=about, closed=closed)


def asked(work: Work, *standings: CaseStanding) -> pending.Asked:
    with work.ledger.log.connection() as conn:
        return pending.Asked(conn, standings)


def test_of_two_appends_of_one_group_about_the_same_the_second_is_left_out(work: Work) -> None:
    first, second, elsewhere, any_other = standing("a"), standing("a"), standing("b"), standing(None)
    open_now = asked(work, first, second, elsewhere, any_other)
    assert open_now.refusal([first]) is None
    # As long as the first is not written, it is in nobody's way.
    assert open_now.refusal([second]) is None
    open_now.note([first, any_other])
    assert isinstance(open_now.refusal([second]), StaleDecision)
    assert open_now.refusal([first]) is None, "its own case may go on"
    assert open_now.refusal([elsewhere]) is None
    assert open_now.refusal([standing("a", kind="doubtful-link")]) is None, "another kind asks something else"
    assert open_now.refusal([any_other, standing(None)]) is None
    open_now.note([standing("a", first.case, closed=True)])
    assert open_now.refusal([second]) is None


def test_an_append_is_left_out_where_a_case_that_is_open_is_about_the_same(work: Work, three: tuple[str, ...]) -> None:
    record, other = work.record(three[0]), work.record(three[1])
    case = work.proposals.open_changed("different-child", record, 3, ANA).case
    again, elsewhere = standing(record), standing(other)
    open_now = asked(work, again, elsewhere)
    assert isinstance(open_now.refusal([elsewhere, again]), StaleDecision)
    assert open_now.refusal([elsewhere]) is None
    assert open_now.refusal([standing(record, case, closed=True)]) is None
