"""A case from its proposal to the reversal of what it brought, as a process does it that may be killed at any point."""

from __future__ import annotations

from ledger.replay import RequestKey
from support.casework import ANA, BEN, CA, CLEO, OR, WHY, Work
from support.service_processes import Pipe, Store

COMMITS = 6
"""Two records, the proposal, two answers, the reversal."""


def key(name: str) -> RequestKey:
    return RequestKey(scope="test", key=name, body_hash=name.encode())


def settle(pipe: Pipe, store: Store) -> None:
    """All of it, each request under its key, so that it can be begun again."""
    with store.ledger() as ledger:
        work = Work(ledger)
        a, b = work.opened("OR", "1", "4113770"), work.opened("CA", "2")
        case = work.proposals.propose_merge(a, b, a, WHY, ANA, key("propose")).case
        pipe.say(case)
        work.cases.answer(case, WHY, BEN, OR, key("first"), yes=True)
        done = work.cases.answer(case, WHY, CLEO, CA, key("second"), yes=True)
        assert done.after.closed is not None
        assert done.after.closed.act is not None
        back = work.reversals.reverse(done.after.closed.act, WHY, CLEO, CA, key("reverse"))
        pipe.say(back.cases)
