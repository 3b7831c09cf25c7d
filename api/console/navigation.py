"""What there is for whom: the entries of the navigation and of the first page, by what the policy lets somebody do.

Invariant: an entry leads to a page that answers whoever is shown it; where a page is for one role, its entry says so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from api.console.roles import NAMES
from api.console.visits import Visit
from api.console.waiting import waiting_cases
from api.console.words import N_


class Entry(NamedTuple):
    """action: that makes it somebody's. path: of the page. name: in the navigation. says: in one line on the first
    page. main: whether it stands in the navigation too. roles: whom alone it is for, of those that the policy lets;
    None: all of them."""

    action: str
    path: str
    name: str
    says: str
    main: bool = True
    roles: frozenset[str] | None = None


Figure = Callable[[Visit], Awaitable[int | None]]
"""How much waits behind an entry for whoever looks; None where that is not known in time."""

ENTRIES: Final = (
    Entry(
        "student.search",
        "/find",
        N_("Find"),
        N_("Find a child by name, birth date or id, and read her record."),
    ),
    Entry(
        "case.read",
        "/worklist",
        N_("Worklist"),
        N_("What people must decide about records, urgent first."),
    ),
    Entry(
        "list.keep",
        "/lists",
        N_("Daily lists"),
        N_("Eligibility that ends, priority, new; the number is of children who moved in and are not enrolled."),
    ),
    Entry(
        "submission.read",
        "/submissions",
        N_("Submissions"),
        N_("Your state's files, night by night; the number is of those of the last seven days with refusals."),
    ),
    Entry(
        "region.set",
        "/offices",
        N_("State office"),
        N_("How the state keeps its records, whom to ask there, and the map of its regions."),
        roles=frozenset({"region_administrator", "state_data_administrator"}),
    ),
    Entry(
        "jurisdiction.read",
        "/offices",
        N_("State offices"),
        N_("How each state keeps its records, and whom to ask there."),
        main=False,
        roles=frozenset(NAMES) - {"region_administrator", "state_data_administrator", "parent"},
    ),
    Entry(
        "operations.read",
        "/operations",
        N_("Operations"),
        N_("Whether everything holds, what is behind, and what waits."),
    ),
    Entry(
        "me.read",
        "/my-children",
        N_("My children"),
        N_("Your child's record in plain words, and who has seen it."),
        roles=frozenset({"parent"}),
    ),
    Entry(
        "account.read",
        "/applications",
        N_("Applications"),
        N_("Verify an application for access, decide one, enter one from paper."),
    ),
    Entry(
        "application.read",
        "/applications",
        N_("Applications"),
        N_("Apply for access, or verify what somebody applied for whom you supervise."),
        main=False,
        roles=frozenset(NAMES) - {"user_administrator", "privacy_officer", "auditor", "parent", "operator"},
    ),
    Entry(
        "account.read",
        "/accounts",
        N_("Who has access"),
        N_("Accounts of your area: as what, since when, and until when they hold."),
    ),
    Entry(
        "family.grant",
        "/families",
        N_("Families"),
        N_("Parents and guardians whom your school lets read their child's record."),
        main=False,
    ),
    Entry(
        "disclosure.search",
        "/disclosures",
        N_("Disclosures"),
        N_("What readers were shown, searched by who asked."),
    ),
    Entry(
        "access.unusual",
        "/unusual",
        N_("Unusual access"),
        N_("Who read many more children than usual, or children of elsewhere."),
    ),
    Entry(
        "retention.read",
        "/retention",
        N_("Retention"),
        N_("What is due to go, what is held, how long things are kept, and proof of what is gone."),
    ),
    Entry(
        "me.read",
        "/explain",
        N_("Why may I, or may I not"),
        N_("Which rule lets somebody do something, and what would be needed."),
        main=False,
    ),
    Entry(
        "me.read",
        "/help",
        N_("Help"),
        N_("What your role is for, and how its work is done."),
        main=False,
    ),
)
FIGURES: Final[dict[str, Figure]] = {"/worklist": waiting_cases}
"""Path of an entry to its figure."""


def items(visit: Visit) -> list[Entry]:
    """The entries of whoever looks, in order."""
    role = None if visit.principal is None else visit.principal.role
    return [one for one in ENTRIES if visit.may(one.action) and (one.roles is None or role in one.roles)]
