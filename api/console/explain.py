"""Why somebody may, or may not: which rule decides, in words, and what would be needed.

Invariant: everybody asks about himself; about others whoever oversees them asks. It tells nothing of a child: it is
asked for a state, never for one child, whose state nobody learns so.
"""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.console.faults import NONE, Faults, in_words
from api.console.filled import Typed
from api.console.pages import page
from api.console.policy_words import ACTION_NAMES, SCOPE_NAMES
from api.console.visits import Visit, permitted
from api.console.words import N_
from api.explaining import of_account, told_of
from api.managing import must_be_readable
from api.openapi import Direct, does, operation_id
from api.principal import Principal, who
from ledger.access import ACTIONS, NOBODY, RULES, Rule, Subject, Who, decide
from ledger.errors import Forbidden, OtherState
from ledger.mde import STATES
from ledger.persons import same_person
from ledger.store.standings import Standing

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)

OWN, ANYBODY = "own", "any"
"""As the subject of a question: what is one's own, or was granted to oneself; nobody in particular."""


@router.get("/explain", openapi_extra=does("me.read"))
async def explain_page(request: Request) -> Response:
    """A rule by its id, in words; and the form of a question."""
    return _page(await permitted(request))


@router.post("/explain", openapi_extra=does("me.read"))
async def post_explain(request: Request) -> Response:
    """The answer to one. Changes nothing."""
    here = await permitted(request)
    action, about = here.said.get("action", ""), here.said.get("about", ANYBODY)
    wrong = Faults()
    if action not in ACTIONS:
        wrong["action"] = in_words(N_("Choose one of the list."), here.language)
    if about not in (ANYBODY, OWN) and about not in STATES:
        wrong["about"] = in_words(N_("Choose one of the list."), here.language)
    if wrong:
        return _page(here, wrong)
    principal, name = here.signed_in, here.said.get("who", "").strip()
    if not name or same_person(name, principal.name):
        subject = _subject(about, principal.name, principal.granted)
        told = told_of(decide(who(principal), action, subject)) | {"role": principal.role}
        return _page(here, told=told | {"action": action, "name": principal.name})
    admissions = here.services.ledger.admissions
    standing = await asyncio.to_thread(admissions.of_email, name) if here.may("account.read") else None
    if standing is None or not _readable(principal, standing):
        # In the same words: whether an address has an account elsewhere is nobody's to learn here.
        wrong["who"] = in_words(N_("There is no account of this address that you oversee."), here.language)
        return _page(here, wrong)
    granted = frozenset(record for one in standing.families.values() for record in one.records)
    subject = _subject(about, standing.email, granted)
    ledger, role = here.services.ledger, here.said.get("role", "").strip()
    told = await asyncio.to_thread(of_account, ledger, standing.email, role, action, subject)
    return _page(here, told=told | {"action": action, "name": standing.email})


def _readable(principal: Principal, standing: Standing) -> bool:
    try:
        must_be_readable(principal, standing)
    except (Forbidden, OtherState):
        return False
    return True


def _subject(about: str, name: str, granted: frozenset[str]) -> Subject:
    """What is asked about. Without a state: whether the role may at all."""
    if about == OWN:
        return Subject(records=sorted(granted), owners=(name,))
    return Subject(states=(about,), records=(), owners=()) if about != ANYBODY else NOBODY


def _page(here: Visit, wrong: Faults = NONE, told: dict[str, Any] | None = None) -> Response:
    named = here.request.query_params.get("rule", "") if told is None else told["rule"]
    rule: Rule | None = next((one for one in RULES if one.rule == named), None)
    return page(
        here,
        "explain.html",
        status=422 if wrong else 200,
        told=told,
        rule=rule,
        named=named,
        wrong=wrong,
        said=Typed(here.said),
        actions={action: ACTION_NAMES.get(action, words) for action, words in ACTIONS.items()},
        scopes=SCOPE_NAMES,
        states=sorted(STATES),
        others_may=None if told is None else _others(told),
        others=here.may("account.read"),
    )


def _others(told: dict[str, Any]) -> list[str] | None:
    """The roles that may do what a role may not at all; None where it was refused for another reason."""
    whole = decide(Who(told["role"]), told["action"])
    return None if whole.rule != "none" else sorted({one.role for one in RULES if one.action == told["action"]})
