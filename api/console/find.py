"""Finding a child: one box that takes whatever is known of her, and a field for each thing for who wants them.

Invariant: what is typed travels in a form and stands in no address. Who was found is shown as a list even where it is
one child: opening a record is a disclosure of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final, NamedTuple

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.console.asking import Asked, date_in, understood
from api.console.pages import page, rendered, seen_other
from api.console.states import NAMES, choices
from api.console.visits import Visit, permitted, visitor
from api.console.words import N_
from api.openapi import Direct, does, operation_id
from api.policy import action_of
from api.principal import who
from api.requests import at_least_of, purpose_of
from api.routes.search import SearchView, show_found, state_of
from api.services import Services
from ledger.access import decide
from ledger.mde import STATES
from projections.search import Fit
from projections.search_terms import EmptyField, Wanted

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)

SHOWN_MAX: Final = 20
"""Students on one page: whom more fit asks more narrowly."""
TEXT_MAX: Final = 200

BOX: Final = "q"
TEXTS: Final = (
    "first_name",
    "last_name_1",
    "last_name_2",
    "place",
    "school",
    "district",
    "state_student_id",
    "alternate_state_student_id",
)
"""Fields that are taken as they are typed, beside the box, the birth date and the state."""

HOW: Final = {
    "exact": N_("exact"),
    "nickname": N_("by nickname"),
    "sound": N_("by sound"),
    "other order": N_("in the other order"),
    "part": N_("in part"),
    "day and month exchanged": N_("day and month exchanged"),
}
FIELDS: Final = {
    "name": N_("name"),
    "first_name": N_("given names"),
    "last_names": N_("surnames"),
    "last_name_1": N_("surnames"),
    "last_name_2": N_("surnames"),
    "birth_date": N_("birth date"),
    "place": N_("place"),
    "state": N_("state"),
    "student_id": N_("student id"),
    "state_student_id": N_("state's own id"),
    "alternate_state_student_id": N_("other id in the state"),
    "school": N_("school"),
    "district": N_("district"),
}


class Wish(NamedTuple):
    """A form that was read. wanted: in turn, until one finds somebody. faults: field to what is wrong with it, in
    English, the key of the Spanish. student_id: where that was typed, the whole answer."""

    wanted: tuple[Wanted, ...]
    asked: Asked
    faults: Mapping[str, str]

    @property
    def student_id(self) -> str | None:
        return self.asked.student_id


@router.get("/find", openapi_extra=does("student.search"))
async def find_page(request: Request) -> Response:
    """The box, and the fields."""
    return page(await permitted(request), "find.html", **_form({}, {}))


@router.post("/find", openapi_extra=does("student.search"))
async def find(request: Request) -> Response:
    """Whom it finds; a student id leads to the record at once. A disclosure, whoever is found."""
    here = await visitor(request)
    principal = here.signed_in
    may = decide(who(principal), action_of(request)).allowed
    # Of whoever may not, nothing is read but that he asked: the view refuses him, and that has its entry.
    wish = wish_of(here.said) if may else Wish((Wanted(),), Asked(Wanted()), {})
    if wish.faults:
        return _again(here, wish.faults)
    if wish.student_id is not None:
        return seen_other(f"/students/{wish.student_id}")
    view = FindView(here, wish, state_of(principal), at_least_of(request))
    try:
        shown = await show_found(request, principal, purpose_of(request), view, wish.wanted[0].state)
    except EmptyField as empty:
        return _again(here, {empty.field if empty.field in here.said else BOX: _NOTHING})
    # Kept by the browser, as a record is: else going back from a record ends at an error. Signing out clears it.
    kept = {"Cache-Control": "private, no-cache", "Vary": "Cookie, Accept-Language"}
    return Response(shown.body, 200, kept, "text/html; charset=utf-8")


class FindView(SearchView):
    """Whom a search finds, as a page."""

    name = "search-page"

    def __init__(self, here: Visit, wish: Wish, state: str | None, position: int) -> None:
        services: Services = here.services
        super().__init__(services, wish.wanted, state, SHOWN_MAX, position)
        self._here = here
        self._wish = wish
        self._only = state

    def render(self) -> bytes:
        hits = self.found[1]
        return rendered(
            self._here,
            "find.html",
            hits=[(hit, fits_of(hit.fits)) for hit in hits.students],
            more=hits.more,
            only=self._only,
            asked=self._wish.wanted[0],
            other_id=self._wish.asked.other_id,
            slip=self._wish.asked.slip,
            unused=self._wish.asked.unused,
            **_form(self._here.said, {}),
        )


def wish_of(said: Mapping[str, str]) -> Wish:
    """What a form asks for: what stands in a field counts before what the box says. What is too long is not read."""
    too_long = N_("This is too long.")
    faults = {name: too_long for name in (BOX, "birth_date", *TEXTS) if len(said.get(name, "")) > TEXT_MAX}
    said = {name: text for name, text in said.items() if name not in faults}
    asked = understood(said.get(BOX, ""))
    given = {name: text for name in TEXTS if (text := said.get(name, "").strip())}
    born: date | None = None
    if text := said.get("birth_date", "").strip():
        born = date_in(text)
        if born is None:
            faults["birth_date"] = N_("This is no date. Write it like 3/2/2015 or 2 mar 2015.")
    state = said.get("state", "").strip()
    if state and state not in STATES:
        faults["state"] = N_("Choose a state from the list.")
    wanted = asked.wanted._replace(**given)
    wanted = wanted._replace(birth_date=born or wanted.birth_date, state=state or wanted.state)
    if asked.other_id is None or given.keys() & {"state_student_id", "alternate_state_student_id"}:
        every: tuple[Wanted, ...] = (wanted,)
    else:
        every = (
            wanted._replace(state_student_id=asked.other_id),
            wanted._replace(alternate_state_student_id=asked.other_id),
        )
    if asked.student_id is None and not faults and every[0]._replace(state=None) == Wanted():
        faults[BOX] = _UNREAD if asked.unused else _NOTHING
    return Wish(every, asked, faults)


def fits_of(fits: list[Fit]) -> list[tuple[str, str]]:
    """What fits and how, each once: field and way, in English, the key of the Spanish."""
    told = [(FIELDS.get(fit.field, fit.field), HOW.get(fit.how, fit.how)) for fit in fits if fit.field in FIELDS]
    return list(dict.fromkeys(told))


def _form(said: Mapping[str, str], faults: Mapping[str, str]) -> dict[str, Any]:
    opened = any(said.get(name) for name in ("birth_date", "state", *TEXTS)) or any(name != BOX for name in faults)
    return {
        "typed": said,
        "faults": faults,
        "opened": opened,
        "states": NAMES,
        "choices": choices,
        "text_max": TEXT_MAX,
    }


def _again(here: Visit, faults: Mapping[str, str]) -> Response:
    return page(here, "find.html", status=422, **_form(here.said, faults))


_UNREAD: Final = N_("This is no day of the calendar, and no id. Write a date like 3/2/2015 or 2 mar 2015.")
_NOTHING: Final = N_("There is nothing to look for yet. Give a name, a birth date or an id.")
