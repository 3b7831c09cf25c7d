"""Acts of linkage to read, and to take back: what that would come to, then the reason, then what was done.

Invariant: an act is told by ids alone; what a reversal would come to shows children, through the view of the API
(``PreviewView``), so that it is disclosed alike. What is taken back is in effect when the next page is shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import psycopg
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.acts import act_told
from api.console import formats
from api.console.comparing import Line, Speech, sheet
from api.console.outcomes import Waits, waits_of
from api.console.pages import page, seen_other
from api.console.questions import LEVELS, QUESTIONS, Question
from api.console.visits import Visit, permitted, visitor
from api.console.words import LANGUAGES, N_
from api.edge import request_id_of
from api.named import act_named, case_named, declaration_named
from api.offices import office_for, office_of
from api.openapi import Direct, does, operation_id
from api.previews import recall_told
from api.problems import status_of
from api.requests import purpose_of
from api.routes.acts import PreviewView, recall_of, sides_by
from api.services import Services
from api.show import FoundMany, show_many
from ledger.application import Ledger
from ledger.cases import REASON_MAX, Case
from ledger.errors import Conflict, LedgerError, NotAsked, NotFound, ProjectionBehind, Refused, StoreUnavailable
from ledger.events.case import Place, Residue, Reversal
from ledger.events.linkage import DeclaredNotSame
from ledger.linkage import live_declarations
from ledger.links import Seeds
from projections import disclosures
from projections.disclosures import Told

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)

ACTS: Final[Mapping[str, str]] = {
    "record-linked.v1": N_("A record was linked to a student."),
    "students-merged.v1": N_("Two students were merged."),
    "records-split.v1": N_("The records of a student were split."),
    "act-reversed.v1": N_("An act was taken back."),
}
"""Topic of an act to what it did."""
REASONS: Final = (
    N_("They are two children: the records were joined by mistake."),
    N_("The family or the school confirmed that they are two children."),
    N_("It was done by mistake."),
)

WITHDRAWN: Final = (
    N_("The family or the school confirmed that they are one child."),
    N_("It was done by mistake."),
)


class Column(NamedTuple):
    """A child in a preview. then: as it would be, else as it is."""

    student: str
    then: bool
    states: Sequence[str]


class Shown(NamedTuple):
    """A field of a preview: of each column its lines, and whether that differs from what holds now."""

    name: str
    cells: Sequence[tuple[Sequence[str], bool]]


class Declaration(NamedTuple):
    """left, right: ids that their records minted. holds: whether it still binds."""

    id: str
    left: Sequence[str]
    right: Sequence[str]
    actor: str
    recorded_at: str
    by: str | None
    holds: bool


class RecallView:
    """To whom the records that a reversal parted were shown as one child's. place: the office that asks."""

    action = "linkage.preview"
    name = disclosures.RECALLED
    fields: Sequence[str] = ("act",)

    def __init__(self, services: Services, act: str, place: Place | None) -> None:
        self._services = services
        self._act = act
        self._place = place
        self._told: Sequence[Told] = ()

    async def read(self) -> FoundMany:
        """Raises as ``Reversals.preview``, but for NotAsked; ProjectionBehind, StoreUnavailable."""
        ledger = self._services.ledger
        try:
            # Whether the office has to do with it.
            await asyncio.to_thread(ledger.reversals.preview, self._act, self._place)
        except NotAsked as refused:
            return FoundMany((), 0, refused)
        sides, position = await asyncio.to_thread(lambda: (sides_by(ledger, self._act), ledger.log.head()))
        self._told = await recall_of(self._services, sides)
        return FoundMany(() if sides is None else (*sides.left, *sides.right), position)

    def told(self) -> list[dict[str, Any]]:
        """The list, once the entry is durable."""
        return recall_told(self._told)

    def render(self) -> bytes:
        return b""


@router.get("/acts/{id}", openapi_extra=does("act.read"))
async def act_page(request: Request) -> Response:
    """What an act joined or parted, by whom, when, and whether it holds: ids alone."""
    here = await permitted(request)
    told = await asyncio.to_thread(act_told, here.services.ledger, act_named(request.path_params["id"]))
    return page(
        here,
        "linkage/act.html",
        act=told,
        what=ACTS[told["event"]],
        zone=here.zone,
        may_settle=here.may("linkage.settle"),
        may_read_cases=here.may("case.read"),
        stranger=told["holds"] and here.may("linkage.settle") and await _is_stranger(here, told["act"]),
    )


async def _is_stranger(here: Visit, act: str) -> bool:
    """Whether the reader's office has nothing to do with an act: no state of his holds a record concerned."""
    try:
        await asyncio.to_thread(here.services.ledger.reversals.preview, act, office_for(here.signed_in))
    except NotAsked:
        return True
    except (Refused, Conflict):
        return False  # the next page says why it cannot be taken back
    return False


@router.get("/acts/{id}/reversal", openapi_extra=does("linkage.preview"))
async def reversal_page(request: Request) -> Response:
    """The children as they are and as they would be, and a form to go on."""
    return await _preview(await visitor(request), act_named(request.path_params["id"]))


@router.post("/acts/{id}/reversal", openapi_extra=does("linkage.settle"))
async def reverse_page(request: Request) -> Response:
    """Taken back, at once; another person is asked to validate that."""
    here, act = await permitted(request), act_named(request.path_params["id"])
    reversals, place = here.services.ledger.reversals, office_for(here.signed_in)
    reason = reason_of(here.said)
    try:
        done = await here.did(lambda meta, key: reversals.reverse(act, reason, meta, place, key))
    except (Refused, Conflict) as error:
        return await _preview(here, act, error)
    return seen_other(f"/acts/{done.act}/reversed?cases={'.'.join(done.cases)}&at_least={done.position}")


@router.get("/acts/{id}/reversed", openapi_extra=does("linkage.settle"))
async def reversed_page(request: Request) -> Response:
    """What taking it back has come to: the cases that it opened, and to whom the joined record was shown."""
    here, act = await permitted(request), act_named(request.path_params["id"])
    services, place = here.services, office_for(here.signed_in)
    told = await asyncio.to_thread(act_told, services.ledger, act)
    if told["reverses"] is None:
        raise NotFound("This act takes nothing back.", remedy="See the act itself.")
    recall = None
    view = RecallView(services, act, place)
    # What was taken back is durable: whatever becomes of the list, the page says that it is done.
    try:
        await show_many(
            here.signed_in,
            purpose_of(request),
            view,
            access=services.ledger.access,
            request_id=request_id_of(request),
        )
        recall = view.told()
    except (Refused, ProjectionBehind, StoreUnavailable, psycopg.Error):
        pass
    names = [name for name in request.query_params.get("cases", "").split(".") if name]
    cases = await asyncio.to_thread(_opened, services.ledger, act, [case_named(name) for name in names])
    return page(here, "linkage/reversed.html", act=told, cases=cases, levels=LEVELS, recall=recall, zone=here.zone)


@router.get("/not-same/{id}", openapi_extra=does("linkage.settle"))
async def declaration_page(request: Request) -> Response:
    """A declaration that records are not the same child, by ids alone, and a form that takes it back."""
    here = await permitted(request)
    return await _declaration(here, declaration_named(request.path_params["id"]))


@router.post("/not-same/{id}/withdrawal", openapi_extra=does("linkage.settle"))
async def withdrawal_page(request: Request) -> Response:
    """It binds no more. Nothing is joined by that."""
    here, declaration = await permitted(request), declaration_named(request.path_params["id"])
    reversals, place = here.services.ledger.reversals, office_for(here.signed_in)
    reason = reason_of(here.said)
    try:
        await here.did(lambda meta, key: reversals.withdraw(declaration, reason, meta, place, key))
    except (Refused, Conflict) as error:
        return await _declaration(here, declaration, error)
    return seen_other(f"/not-same/{declaration}")


def reason_of(said: Mapping[str, str], chosen: str = "because") -> str:
    """What was chosen and what was written beside it. chosen: its field. The ledger refuses none at all."""
    return " ".join(part for part in (said.get(chosen, "").strip(), said.get("words", "").strip()) if part)


# -- inside


async def _preview(here: Visit, act: str, wrong: LedgerError | None = None) -> Response:
    """wrong: why what the form asked for was not done."""
    services, principal, request = here.services, here.signed_in, here.request
    view = PreviewView(services.ledger, act, office_of(principal), lambda sides: recall_of(services, sides))
    await show_many(
        principal, purpose_of(request), view, access=services.ledger.access, request_id=request_id_of(request)
    )
    told = view.told()
    about = await asyncio.to_thread(act_told, services.ledger, act)
    columns, rows = _side_by_side(told, here.language)
    return page(
        here,
        "linkage/reversal.html",
        status=200 if wrong is None else status_of(wrong).status,
        act=about,
        what=ACTS[about["event"]],
        columns=columns,
        rows=rows,
        told=told,
        reasons=REASONS,
        reason_max=REASON_MAX,
        wrong=wrong,
        may_settle=here.may("linkage.settle"),
        zone=here.zone,
    )


def _side_by_side(told: Mapping[str, Any], language: str) -> tuple[list[Column], list[Shown]]:
    """Columns of a preview, first those of now; and each field that any of them has."""
    tongue = "es" if language == "es" else "en"
    speech = Speech(tongue, LANGUAGES[tongue].gettext, lambda value: formats.day(value, tongue))
    now, then = told["now"], told["then"]
    sheets = [sheet(student, speech) for student in (*now, *then)]
    held = {record["record"]: at for at, student in enumerate(now) for record in student["core"]["records"]}
    # Of a child that would be: where it is now, by any record of it.
    was = [*range(len(now)), *(held[student["core"]["records"][0]["record"]] for student in then)]
    rows: list[Shown] = []
    for name in dict.fromkeys(line.name for lines in sheets for line in lines):
        found: list[Sequence[str]] = [_lines(lines, name) for lines in sheets]
        rows.append(Shown(name, [(lines, lines != found[was[at]]) for at, lines in enumerate(found)]))
    columns = [
        Column(student["student_id"], at >= len(now), [record["state"] for record in student["core"]["records"]])
        for at, student in enumerate((*now, *then))
    ]
    return columns, rows


def _lines(lines: Sequence[Line], name: str) -> Sequence[str]:
    return next((line.values for line in lines if line.name == name), ())


def _opened(ledger: Ledger, act: str, cases: Sequence[str]) -> list[tuple[str, Question, Sequence[Waits]]]:
    """Of these cases those that a reversal opened: id, kind, and whom each waits for."""
    known = [(case, ledger.casework.case(case)) for case in cases]
    return [(case, QUESTIONS[one.kind], waits_of(one)) for case, one in known if _is_of(one, act)]


def _is_of(case: Case, act: str) -> bool:
    match case.opened.proposal:
        case Reversal() as reversal:
            return reversal.act == act
        case Residue() as residue:
            return residue.reversal == act
        case _:
            return False


async def _declaration(here: Visit, declaration: str, wrong: LedgerError | None = None) -> Response:
    found = await asyncio.to_thread(_declared, here.services.ledger, declaration)
    return page(
        here,
        "linkage/declaration.html",
        status=200 if wrong is None else status_of(wrong).status,
        declaration=found,
        reasons=WITHDRAWN,
        reason_max=REASON_MAX,
        wrong=wrong,
        zone=here.zone,
    )


def _declared(ledger: Ledger, declaration: str) -> Declaration:
    """Raises NotFound, StoreUnavailable."""
    stream = f"linkage/{declaration.partition('-')[0]}"
    for recorded in ledger.log.read_streams([stream]):
        event = recorded.event
        if isinstance(event, DeclaredNotSame) and event.declaration == declaration:
            live = live_declarations(ledger.links.reach(Seeds(acts=[declaration])).linkage)
            return Declaration(
                id=declaration,
                left=[anchor.student_id for anchor in event.left],
                right=[anchor.student_id for anchor in event.right],
                actor=recorded.meta.actor,
                recorded_at=recorded.recorded_at.isoformat(),
                by=event.by,
                holds=any(one.declaration == declaration for one in live),
            )
    raise NotFound("There is no such declaration.", remedy="See the history of either student: it has the ids.")
