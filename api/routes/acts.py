# ruff: noqa: FAST003 - a direct route reads its path by itself (api.openapi)
"""Linkage: merges and splits are proposed, acts are read and taken back, records are declared not to be the same child.

Invariant: what is proposed changes nothing that a reader sees; what is taken back is in effect when it is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import orjson
import psycopg
from fastapi import APIRouter, Request
from starlette.responses import Response

from api import named
from api.acting import KEYED, Asked, Did, act, acted
from api.acts import act_told
from api.edge import request_id_of
from api.named import act_named, declaration_named, record_named
from api.offices import office_for, office_of
from api.openapi import PURPOSE, Direct, operation, operation_id
from api.policy import permitted, signed_in
from api.previews import Preview, preview_of, recall_told, told
from api.reading import ask, at_least
from api.requests import purpose_of, refuse_others, truth_of
from api.schemas.linkage import (
    ActAnswer,
    LinkedAnswer,
    MergeBody,
    NotSameBody,
    PreviewAnswer,
    ProposedAnswer,
    ReasonBody,
    ReversalBody,
    ReversedAnswer,
    SplitBody,
)
from api.services import Services, services_of
from api.show import FoundMany, show_many
from ledger.application import Ledger
from ledger.errors import NotAsked, ProjectionBehind, StoreUnavailable
from ledger.events.case import Place
from ledger.links import Linked, Seeds
from ledger.proposals import Proposed
from ledger.sides import Sides, sides_of
from projections import disclosures
from projections.as_of import AsOf
from projections.disclosures import Told

router = APIRouter(prefix="/v1", tags=["linkage"], route_class=Direct, generate_unique_id_function=operation_id)

ACT: Final = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "Id of the act: see the history of either student.",
    "schema": {"type": "string", "pattern": named.ACT},
    "example": "482019283746-3",
}
_DECLARATION: Final = {
    **ACT,
    "description": "Id of the declaration: see the history of either student.",
    "schema": {"type": "string", "pattern": named.DECLARATION},
}
_DRY_RUN: Final = {
    "name": "dry_run",
    "in": "query",
    "required": False,
    "description": "Show what it would come to, and write nothing.",
    "schema": {"type": "boolean", "default": False},
}


@router.post(
    "/merges",
    summary="Propose that two students are one",
    status_code=201,
    responses=acted(ProposedAnswer, "Every state that holds a record is asked.", 201),
    openapi_extra=operation("linkage.propose", KEYED, MergeBody),
)
async def post_merge(request: Request) -> Response:
    """It takes effect when another data administrator validates it, and every state asked has said yes."""

    def do(asked: Asked[MergeBody]) -> Did:
        said = asked.said
        return _proposed(
            asked.ledger.proposals.propose_merge(said.left, said.right, said.master, said.reason, asked.meta, asked.key)
        )

    return await act(request, MergeBody, do)


@router.post(
    "/splits",
    summary="Propose that a student's records are several children's",
    status_code=201,
    responses=acted(ProposedAnswer, "Every state that holds a record is asked.", 201),
    openapi_extra=operation("linkage.propose", KEYED, SplitBody),
)
async def post_split(request: Request) -> Response:
    """As a merge: another data administrator validates it."""

    def do(asked: Asked[SplitBody]) -> Did:
        said = asked.said
        groups = [
            [record_named(asked.ledger, one.state, one.state_student_id) for one in group] for group in said.apart
        ]
        groups = _with_the_rest(asked.ledger, said.student_id, groups)
        return _proposed(
            asked.ledger.proposals.propose_split(said.student_id, groups, said.reason, asked.meta, asked.key)
        )

    return await act(request, SplitBody, do)


@router.post(
    "/not-same",
    summary="Declare that two students are never one",
    status_code=201,
    responses=acted(LinkedAnswer, "It binds every path from now on.", 201),
    openapi_extra=operation("linkage.settle", KEYED, NotSameBody),
)
async def post_not_same(request: Request) -> Response:
    """Of every record of the one and every record of the other, as they are now."""

    def do(asked: Asked[NotSameBody]) -> Did:
        said, place = asked.said, office_for(asked.principal)
        return _linked(
            asked.ledger.reversals.declare_not_same(said.left, said.right, said.reason, asked.meta, place, asked.key),
            status=201,
        )

    return await act(request, NotSameBody, do)


@router.post(
    "/not-same/{id}/withdrawal",
    summary="Take back a declaration",
    responses=acted(LinkedAnswer, "It binds no more."),
    openapi_extra=operation("linkage.settle", (_DECLARATION, *KEYED), ReasonBody),
)
async def withdraw_declaration(request: Request) -> Response:
    """Nothing is joined by it; it only no longer forbids."""

    def do(asked: Asked[ReasonBody]) -> Did:
        place, declaration = office_for(asked.principal), declaration_named(request.path_params["id"])
        return _linked(asked.ledger.reversals.withdraw(declaration, asked.said.reason, asked.meta, place, asked.key))

    return await act(request, ReasonBody, do)


@router.get(
    "/acts/{id}",
    summary="Read an act",
    responses={200: {"model": ActAnswer, "description": "What it named, by ids, and whether it holds."}},
    openapi_extra=operation("act.read", (ACT,)),
)
async def get_act(request: Request) -> Response:
    """Ids alone, so nothing is disclosed. Why it was done is told by the history of either student."""
    await permitted(request)
    body = await asyncio.to_thread(act_told, services_of(request).ledger, act_named(request.path_params["id"]))
    return Response(orjson.dumps(body), headers={"Cache-Control": "private, no-cache"}, media_type="application/json")


@router.post(
    "/acts/{id}/reversal",
    summary="Take an act back, or see what that would come to",
    status_code=201,
    responses={
        **acted(ReversedAnswer, "It is in effect; another person is asked to validate it.", 201),
        200: {"model": PreviewAnswer, "description": "With `dry_run`: shown, and the disclosure entry is durable."},
    },
    openapi_extra=operation("linkage.settle", (ACT, _DRY_RUN, PURPOSE, *KEYED), ReversalBody),
)
async def post_reversal(request: Request) -> Response:
    """Of a link, merge, split, or of a reversal. What came in between stays with the records that it came for."""
    await signed_in(request)  # before the parameters: whoever is nobody is told nothing of them
    refuse_others(request, "dry_run")
    if truth_of(request, "dry_run"):
        return await _preview(request)

    def do(asked: Asked[ReversalBody]) -> Did:
        done = asked.ledger.reversals.reverse(
            act_named(request.path_params["id"]), asked.said.reason, asked.meta, office_for(asked.principal), asked.key
        )
        body = {"act": done.act, "students": done.students, "cases": done.cases, "position": done.position}
        return Did(body, done.position, done.replayed, 201, f"/v1/acts/{done.act}")

    answer = await act(request, ReversalBody, do)
    body, services = orjson.loads(bytes(answer.body)), services_of(request)
    # Durable: whatever becomes of the list, the answer is that it is done.
    try:
        sides = await asyncio.to_thread(sides_by, services.ledger, body["act"])
        body["recall"] = recall_told(await recall_of(services, sides))
    except (ProjectionBehind, StoreUnavailable, psycopg.Error):
        body["recall"] = None
    headers = {name: value for name, value in answer.headers.items() if name not in ("content-length", "content-type")}
    return Response(orjson.dumps(body), answer.status_code, headers, "application/json")


class PreviewView:
    """The students that a reversal would change, as they are and as they would be. place: the office that asks, None
    for an operator. recall: to whom they were shown."""

    action = "linkage.preview"
    name = disclosures.PREVIEW
    fields: Sequence[str] = ("act",)

    def __init__(
        self,
        ledger: Ledger,
        act_id: str,
        place: Place | None,
        recall: Callable[[Sides | None], Awaitable[Sequence[Told]]],
    ) -> None:
        self._ledger = ledger
        self._place = place
        self._act = act_id
        self._recall = recall
        self._preview: Preview | None = None
        self._told: Sequence[Told] = ()

    async def read(self) -> FoundMany:
        """Raises as ``Reversals.preview``, but for NotAsked."""
        try:
            preview = self._preview = await asyncio.to_thread(preview_of, self._ledger, self._act, self._place)
        except NotAsked as refused:
            return FoundMany((), 0, refused)
        self._told = await self._recall(preview.sides)
        child_of = {record: student.student_id for student in preview.now for record in student.records}
        children = [child_of.get(record, record) for record in preview.records]
        return FoundMany(preview.records, preview.position, children=children)

    def told(self) -> dict[str, Any]:
        """What may be shown once the entry is durable."""
        assert self._preview is not None, "rendered before it was read"
        return told(self._preview, self._told)

    def render(self) -> bytes:
        return orjson.dumps(self.told())


async def _preview(request: Request) -> Response:
    principal = await signed_in(request)
    place = office_of(principal)
    services = services_of(request)
    shown = await show_many(
        principal,
        purpose_of(request),
        PreviewView(
            services.ledger, act_named(request.path_params["id"]), place, lambda sides: recall_of(services, sides)
        ),
        access=services.ledger.access,
        request_id=request_id_of(request),
    )
    return Response(shown.body, headers={"Cache-Control": "private, no-store"}, media_type="application/json")


async def recall_of(services: Services, sides: Sides | None) -> Sequence[Told]:
    """To whom the joined record was shown. Complete up to now: waits for the entries that are durable already."""
    if sides is None:
        return ()
    async with services.feed.connection() as connection:
        row = await (await connection.execute("select position from access.head")).fetchone()

    async def read() -> tuple[AsOf, list[Told]]:
        return await ask(
            services.reads,
            lambda conn: disclosures.recall(conn, sides.left, sides.right, sides.begun, sides.ended),
        )

    _, found = await at_least(services, disclosures.PROJECTION.name, row[0] if row else 0, read)
    return found


def sides_by(ledger: Ledger, act_id: str) -> Sides | None:
    """The two sides that an act joined, or that it parted again. Raises StoreUnavailable."""
    return sides_of(ledger.links.reach(Seeds(acts=[act_id])).linkage, act_id)


def _with_the_rest(ledger: Ledger, student: str, groups: list[list[str]]) -> list[list[str]]:
    """The groups, and before them the records of the student that are in none, where several were named."""
    if len(groups) == 1:
        return groups
    reach = ledger.links.reach(Seeds(students=[student]))
    named = {record for group in groups for record in group}
    members = reach.students().members.get(student, ())
    rest = [anchor.record for anchor in members if anchor.record not in named]
    return [rest, *groups] if rest else groups


def _proposed(proposed: Proposed) -> Did:
    body = {"case": proposed.case, "position": proposed.position}
    return Did(body, proposed.position, proposed.replayed, 201, f"/v1/cases/{proposed.case}")


def _linked(linked: Linked, status: int = 200) -> Did:
    body = {"id": linked.id, "students": linked.students, "position": linked.position}
    return Did(body, linked.position, linked.replayed, status)
