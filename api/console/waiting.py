"""Which cases wait for whoever looks, and how many: for the worklist, for what comes after an answer, and for the
figure on the first page. Tells nothing of a case."""

from __future__ import annotations

from api.console.visits import Visit
from api.offices import office_of
from api.reading import ask
from ledger.events.case import Place
from projections import worklist
from projections.worklist import Wanted


async def waiting_cases(here: Visit) -> int:
    """How many; for somebody who has no office, how many are open at all."""
    return await ask(here.services.reads, lambda conn: worklist.waiting(conn, wanted_by(here)))


def wanted_by(here: Visit) -> Wanted:
    """The open cases that wait for whoever looks: nobody else was named, his state has yet to answer, and he may."""
    principal = here.signed_in
    office = office_of(principal)
    return Wanted() if office is None else lying_with(office)._replace(name=principal.name)


def lying_with(office: Place | None) -> Wanted:
    """The open cases that lie with an office or below it; None: with any."""
    if office is None:
        return Wanted()
    # A district is enough: not every part that lies with one says in which region that is.
    return Wanted(office.state, office.region if office.district is None else None, office.district)
