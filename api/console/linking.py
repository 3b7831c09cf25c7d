"""Saying that two students are one, that one is several, or that two are never one: what is proposed, and by whom it is
validated.

Invariant: a child is shown here by a view like any other (``student.read``), so that looking at two of them is a
disclosure of both; a merge or a split that is proposed changes nothing before another person has validated it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.console import formats
from api.console.acts import reason_of
from api.console.comparing import Compared, Facts, Line, Sign, Speech, compare, sheet
from api.console.outcomes import Waits, waits_of
from api.console.pages import page, rendered, seen_other
from api.console.questions import ALIKE, LEVELS, QUESTIONS, UNLIKE, Question
from api.console.visits import Visit, permitted
from api.console.words import LANGUAGES, N_
from api.edge import request_id_of
from api.named import case_named
from api.offices import office_for
from api.openapi import Direct, does, operation_id
from api.problems import status_of
from api.reading import ask, at_least
from api.requests import at_least_of, purpose_of
from api.routes.students import Reader, StudentView, show_student, student_id_of
from api.services import Services
from api.show import Found, FoundMany, show_many
from ledger.cases import REASON_MAX
from ledger.errors import BadValue, Conflict, LedgerError, NotFound, Refused
from ledger.ids import is_student_id
from ledger.persons import same_person
from projections import students
from projections.as_of import AsOf
from projections.students import StudentRow

router = APIRouter(include_in_schema=False, route_class=Direct, generate_unique_id_function=operation_id)

RECORD: Final = "record-"
"""Begins the name of a box that is ticked for a record."""


class Pair(NamedTuple):
    """Two students to be compared. ids: that they show now."""

    ids: tuple[str, str]
    states: tuple[Sequence[str], Sequence[str]]
    compared: Compared


class Ticked(NamedTuple):
    """A record that may be ticked as another child's."""

    record: str
    title: str
    lines: Sequence[Line]
    is_ticked: bool


class PairView:
    """Two students beside each other. asked: their ids."""

    action = "student.read"
    name = "student-pair"
    fields: Sequence[str] = ("student_id",)

    def __init__(self, services: Services, asked: tuple[str, str], position: int) -> None:
        self._services = services
        self._asked = asked
        self._position = position
        self._found: Sequence[StudentRow] = ()

    async def read(self) -> FoundMany:
        """Raises NotFound where one of the ids was never minted."""

        async def look() -> tuple[AsOf, dict[str, StudentRow]]:
            return await ask(self._services.reads, lambda conn: students.students(conn, self._asked))

        as_of, found = await at_least(self._services, students.PROJECTION.name, self._position, look)
        self._found = [found[one] for one in self._asked if one in found]
        records = [record for row in self._found for record in row.records]
        children = [row.student_id for row in self._found for _ in row.records]
        if len(self._found) < 2:
            nobody = NotFound("No student has this id.", remedy="Compare it with where it was read, or search.")
            return FoundMany((), as_of.position, nobody, reached=as_of.position)
        return FoundMany(records, as_of.position, children=children, reached=as_of.position)

    def told(self, speech: Speech) -> Pair:
        """The two, once the entry is durable."""
        one, other = self._found
        facts = _facts(one), _facts(other)
        return Pair(
            (one.student_id, other.student_id),
            (_states(facts[0]), _states(facts[1])),
            compare(*facts, speech),
        )

    def render(self) -> bytes:
        return b""


@router.get("/students/{id}/merge", openapi_extra=does("linkage.propose"))
async def merge_page(request: Request) -> Response:
    """Which other student is the same child; once that is said, both beside each other, and a form."""
    return await _pair(await permitted(request), "merge")


@router.post("/students/{id}/merge", openapi_extra=does("linkage.propose"))
async def propose_merge_page(request: Request) -> Response:
    """Proposed: another data administrator validates it."""
    here, left = await permitted(request), student_id_of(request)
    proposals, said = here.services.ledger.proposals, here.said
    right, master, reason = said.get("other", ""), said.get("master", ""), reason_of(said)
    try:
        _must_be_id(right)
        done = await here.did(lambda meta, key: proposals.propose_merge(left, right, master, reason, meta, key))
    except (Refused, Conflict) as error:
        return await _pair(here, "merge", error)
    return seen_other(f"/proposals/{done.case}?at_least={done.position}")


@router.get("/students/{id}/not-same", openapi_extra=does("linkage.settle"))
async def not_same_page(request: Request) -> Response:
    """Which other student is never the same child; once that is said, both beside each other, and a form."""
    return await _pair(await permitted(request), "not-same")


@router.post("/students/{id}/not-same", openapi_extra=does("linkage.settle"))
async def declare_page(request: Request) -> Response:
    """Declared: it binds every path from now on."""
    here, left = await permitted(request), student_id_of(request)
    reversals, place = here.services.ledger.reversals, office_for(here.signed_in)
    right, reason = here.said.get("other", ""), reason_of(here.said)
    try:
        _must_be_id(right)
        done = await here.did(lambda meta, key: reversals.declare_not_same(left, right, reason, meta, place, key))
    except (Refused, Conflict) as error:
        return await _pair(here, "not-same", error)
    return seen_other(f"/not-same/{done.id}")


@router.get("/students/{id}/split", openapi_extra=does("linkage.propose"))
async def split_page(request: Request) -> Response:
    """The student's records, to tick those that are another child's."""
    return await _split(await permitted(request))


@router.post("/students/{id}/split", openapi_extra=does("linkage.propose"))
async def propose_split_page(request: Request) -> Response:
    """Proposed: another data administrator validates it."""
    here, student = await permitted(request), student_id_of(request)
    proposals = here.services.ledger.proposals
    apart, reason = [name[len(RECORD) :] for name in here.said if name.startswith(RECORD)], reason_of(here.said)
    try:
        if not apart:
            raise BadValue(N_("Tick the records that are another child's."), rule="records", element="records")
        done = await here.did(lambda meta, key: proposals.propose_split(student, [apart], reason, meta, key))
    except (Refused, Conflict) as error:
        return await _split(here, error)
    return seen_other(f"/proposals/{done.case}?at_least={done.position}")


@router.get("/proposals/{id}", openapi_extra=does("linkage.propose"))
async def proposal_page(request: Request) -> Response:
    """What happens next with what the reader has proposed, by states and days; nothing of a child."""
    here = await permitted(request)
    case = case_named(request.path_params["id"])
    question, waits = await asyncio.to_thread(_proposed, here, case)
    return page(
        here,
        "linkage/proposed.html",
        case=case,
        position=at_least_of(request),
        question=question,
        waits=waits,
        levels=LEVELS,
        may_read_cases=here.may("case.read"),
    )


# -- inside


async def _pair(here: Visit, what: str, wrong: LedgerError | None = None) -> Response:
    """what: that is to be said of the two. wrong: why it was not done; what was typed is kept."""
    request, left = here.request, student_id_of(here.request)
    right = here.said.get("other", request.query_params.get("other", "")).replace(" ", "")
    fault = wrong
    if right and not wrong:
        try:
            _must_be_id(right)
        except BadValue as error:
            fault = error
    pair: Pair | None = None
    if is_student_id(right):
        view = PairView(here.services, (left, right), at_least_of(request))
        try:
            await show_many(
                here.signed_in,
                purpose_of(request),
                view,
                access=here.services.ledger.access,
                request_id=request_id_of(request),
            )
            pair = view.told(_speech(here))
        except NotFound as error:
            fault = wrong or error
    return page(
        here,
        "linkage/pair.html",
        status=200 if fault is None else status_of(fault).status,
        what=what,
        student=left,
        other=right,
        pair=pair,
        signs=Sign,
        fault=fault,
        reasons=ALIKE if what == "merge" else UNLIKE,
        reason_max=REASON_MAX,
    )


class _SplitView(StudentView):
    """A student's records, each with what its own state says."""

    name = "student-split"
    sections: Sequence[str] = ("core", "contacts")

    def __init__(self, reader: Reader, here: Visit, wrong: LedgerError | None) -> None:
        super().__init__(reader)
        self._here = here
        self._wrong = wrong
        self._alone: Mapping[str, Facts] = {}

    async def read(self, student_id: str) -> Found | None:
        found = await super().read(student_id)
        if found is not None:
            as_of, self._alone = await ask(
                self._here.services.reads, lambda conn: students.told_alone(conn, list(found.records))
            )
            return found._replace(reached=min(as_of.position, found.reached or 0))
        return found

    def render(self, sections: Sequence[str], day: date) -> bytes:  # noqa: ARG002 - the shape of every view
        row = self.row
        assert row is not None, "rendered before it was read"
        speech = _speech(self._here)
        core: Mapping[str, Any] = orjson.loads(row.sections["core"])
        return rendered(
            self._here,
            "linkage/split.html",
            student=row.student_id,
            records=[
                Ticked(
                    record["record"],
                    f"{record['state']} {record['state_student_id']}",
                    sheet(self._alone.get(record["record"], {}), speech),
                    f"{RECORD}{record['record']}" in self._here.said,
                )
                for record in core["records"]
            ],
            prefix=RECORD,
            fault=self._wrong,
            reasons=UNLIKE,
            reason_max=REASON_MAX,
        )


async def _split(here: Visit, wrong: LedgerError | None = None) -> Response:
    shown = await show_student(here.request, here.signed_in, lambda reader: _SplitView(reader, here, wrong))
    headers = {"Cache-Control": "private, no-store", "Vary": "Cookie, Accept-Language"}
    status = 200 if wrong is None else status_of(wrong).status
    if shown.body is None:
        return Response(status_code=304, headers=headers)
    return Response(shown.body, status, headers, "text/html; charset=utf-8")


def _proposed(here: Visit, case: str) -> tuple[Question, Sequence[Waits]]:
    """Raises NotFound, also for what somebody else has proposed."""
    known = here.services.ledger.casework.case(case)
    if not same_person(known.opened.proposed_by, here.signed_in.name):
        raise NotFound("There is no such proposal of yours.", remedy="See the worklist.")
    return QUESTIONS[known.kind], waits_of(known)


def _must_be_id(student: str) -> None:
    """Raises BadValue."""
    if not is_student_id(student):
        raise BadValue(
            N_("This is not a student id: it has 12 digits, the last of them a check digit."),
            rule="student-id",
            element="other",
        )


def _facts(row: StudentRow) -> Facts:
    return {name: orjson.loads(row.sections[name]) for name in ("core", "contacts")}


def _states(facts: Facts) -> Sequence[str]:
    return [record["state"] for record in facts["core"]["records"]]


def _speech(here: Visit) -> Speech:
    language = "es" if here.language == "es" else "en"
    return Speech(language, LANGUAGES[language].gettext, lambda value: formats.day(value, language))
