"""Records: what a state sends, one student or one fact at a time, by the same rules as its file.

Invariant: a request is decided once. It goes body, rules, command, sequencer; what is answered is durable. A value
that a rule refuses never reaches the ledger, and is named by its place and its rule, never quoted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson
from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from api.openapi import IDEMPOTENCY_KEY, SSID, STATE, Direct, operation, operation_id
from api.problems import Fault, Invalid, RowRefused, pointer
from api.requests import Body, body_of
from api.schemas.answers import WriteAnswer
from api.schemas.elements import (
    FACTS,
    ROUTES,
    STUDENT_ROWS,
    CorrectionBody,
    ResidencyBody,
    RetractionBody,
    WithdrawalBody,
)
from api.sending import ELEMENTS, Sender, execute, keeps_refusals, sender_of
from ledger import telemetry
from ledger.application import Done
from ledger.errors import BadValue
from ledger.facts import RESIDENCY, Row, StudentRows
from ledger.intake.rules import Finding
from ledger.intake.student import finding
from ledger.mde import CHILD_LETTERS, TABLES, canonical
from ledger.record import (
    ChangeResidency,
    Command,
    CorrectFact,
    EnrollmentKey,
    Outcome,
    PlaceFact,
    PlaceStudent,
    RetractFact,
    RetractRecord,
    Withdraw,
)

router = APIRouter(
    prefix="/v1/records/{state}/{ssid}", tags=["records"], route_class=Direct, generate_unique_id_function=operation_id
)

ANY_ACTION: Final = frozenset({"known-record", "unknown-record"})
"""Warnings of an action code that the body did not give: a PUT means "as follows" either way."""


_HEADERS: Final = {
    "Ledger-Position": {"description": "Position of the write.", "schema": {"type": "integer"}},
    "Idempotency-Replayed": {
        "description": "`true` where this is the first answer again.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}


def answer(done: Done, outcomes: Sequence[dict[str, Any]], status: int | None = None) -> Response:
    """The write's answer. outcomes: as JSON, each with its place in the body."""
    headers = {"Ledger-Position": str(done.position)}
    if done.replayed:
        headers["Idempotency-Replayed"] = "true"
        telemetry.HTTP_REPLAYS.inc()
    body = {
        "record_id": done.record_id,
        "student_id": done.student_id,
        "position": done.position,
        "facts": done.facts,
        "outcomes": outcomes,
    }
    return Response(orjson.dumps(body), status or done.status, headers, "application/json")


def _outcome(place: str, outcome: Outcome, first: Sequence[Finding] = ()) -> dict[str, Any]:
    """first: findings of the row by itself, before it met its record."""
    return {
        "pointer": place,
        "letter": outcome.letter,
        "outcome": outcome.outcome,
        "fact": outcome.fact,
        "findings": [_finding(found) for found in (*first, *outcome.findings)],
    }


def _finding(found: Finding) -> dict[str, Any]:
    return {
        "rule": found.rule,
        "level": found.level,
        "element": found.element,
        "message": found.message,
        "remedy": found.remedy,
    }


def _faults(place: str, findings: Sequence[Finding]) -> list[Fault]:
    """Findings that refuse, with the place of each in the body."""
    return [
        Fault(f"{place}/{f.element}" if f.element else place, f.element, f.rule, f.message, f.remedy)
        for f in findings
        if f.level == "refused"
    ]


def _row_refused(faults: Sequence[Fault]) -> RowRefused:
    return RowRefused("A rule refuses what was sent.", remedy="Mend what `errors` names.", faults=faults)


def _values(model: BaseModel) -> dict[str, str | None]:
    """The elements of a body that have a value."""
    return {key: value for key, value in model.__dict__.items() if value}


# -- one student, in the file's shape


@router.put(
    "",
    summary="Send one student in the file's shape",
    responses={
        200: {
            "model": WriteAnswer,
            "description": "Done; refused rows, if any, are named in `outcomes`.",
            "headers": _HEADERS,
        },
        201: {"model": WriteAnswer, "description": "Done, and the record was opened.", "headers": _HEADERS},
    },
    openapi_extra=operation("record.send", (STATE, SSID, IDEMPOTENCY_KEY), STUDENT_ROWS),
    status_code=200,
)
@keeps_refusals
async def put_student(request: Request) -> Response:
    """The S row with its child rows, as in a file: rows are refused one by one, rows not named are left as they are."""
    sender = await sender_of(request)
    body = await body_of(request)
    sent = body.as_model(STUDENT_ROWS)
    student, findings = _student_row(sender, sent.__dict__["student"])
    rows: list[Row] = []
    places: list[tuple[str, Sequence[Finding]]] = []
    refused: list[tuple[int, dict[str, Any]]] = []
    number = 0
    for letter in CHILD_LETTERS:
        for index, model in enumerate(sent.__dict__[TABLES[letter].key]):
            place = f"/{TABLES[letter].key}/{index}"
            checked = sender.check(letter, _values(model))
            if checked.refused:
                outcome = Outcome(letter=letter, outcome="refused", findings=checked.findings)
                refused.append((number, _outcome(place, outcome)))
            else:
                rows.append(Row(letter, checked.elements, checked.record_id, raw=checked.raw))
                places.append((place, checked.findings))
            number += 1
    action = student.get("action_code", "U")
    elements = {key: value for key, value in student.items() if key not in _KEYS_OF_RECORD}
    command = PlaceStudent(
        state=sender.state,
        state_student_id=sender.ssid,
        student=StudentRows(sender.state, sender.ssid, action, elements, rows),
        new_student_id="",
        today=sender.day,
    )
    done = await execute(request, sender, command, body)
    if done.replayed:
        return _student_again(done)
    first, *others = done.outcomes
    if first.outcome == "refused":
        raise _row_refused([*_faults("/student", first.findings), *_refusals(places, others)])
    if "action_code" not in sent.__dict__["student"].model_fields_set:
        first.findings = [found for found in first.findings if found.rule not in ANY_ACTION]
    told = [_outcome(place, outcome, own) for (place, own), outcome in zip(places, others, strict=True)]
    for index, outcome in refused:
        told.insert(index, outcome)
    return answer(done, [_outcome("/student", first, findings), *told])


def _student_again(done: Done) -> Response:
    """The first answer to a PUT, from what is kept of it: ids and status, no rows. Raises RowRefused."""
    if done.status >= 400 or not done.record_id:
        error = _row_refused(_faults("/student", [finding("V9", "S", level="refused")]))
        error.replayed = True
        raise error
    return answer(done, [])


_KEYS_OF_RECORD: Final = frozenset({"reporting_state_code", "state_student_identifier", "action_code"})


def _student_row(sender: Sender, model: BaseModel) -> tuple[dict[str, str], list[Finding]]:
    """The S row's elements, canonical. Raises RowRefused, Invalid where the body names another record than the path."""
    given = _values(model)
    named = {"reporting_state_code": sender.state, "state_student_identifier": sender.ssid}
    checked = sender.check("S", {"action_code": "U", **named, **given})
    if checked.refused:
        raise _row_refused(_faults("/student", checked.findings))
    other = [key for key, value in named.items() if checked.elements[key] != value]
    if other:
        raise Invalid(
            "The body names another record than the address.",
            remedy="Leave the two ids out of the body, or let them be those of the address.",
            faults=[Fault(f"/student/{key}", key, "address", "It is not that of the address.") for key in other],
        )
    if checked.elements["action_code"] == "D":
        raise Invalid(
            "A PUT does not retract.",
            remedy="Send DELETE to the same address.",
            faults=[Fault("/student/action_code", "action_code", "action", "Only I and U mean: as follows.")],
        )
    return checked.elements, checked.findings


def _refusals(places: Sequence[tuple[str, Sequence[Finding]]], outcomes: Sequence[Outcome]) -> list[Fault]:
    return [
        fault
        for (place, _), outcome in zip(places, outcomes, strict=True)
        for fault in _faults(place, outcome.findings)
    ]


@router.delete(
    "",
    summary="Take a record back",
    responses={200: {"model": WriteAnswer, "description": "Retracted; again is nothing.", "headers": _HEADERS}},
    openapi_extra=operation("record.send", (STATE, SSID, IDEMPOTENCY_KEY)),
)
async def retract_record(request: Request) -> Response:
    """It leaves search, matching and counts, and keeps its history. A later PUT or file reinstates it."""
    sender = await sender_of(request)
    done = await execute(request, sender, RetractRecord(state=sender.state, state_student_id=sender.ssid), None)
    return answer(done, [_outcome("", outcome) for outcome in done.outcomes], 200)


# -- one fact


_FACT_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"model": WriteAnswer, "description": "Known already: nothing was appended.", "headers": _HEADERS},
    201: {"model": WriteAnswer, "description": "Recorded.", "headers": _HEADERS},
}


async def _place(request: Request, letter: str) -> Response:
    sender = await sender_of(request)
    body = await body_of(request)
    checked = sender.check(letter, _values(body.as_model(FACTS[letter])))
    if checked.refused:
        raise _row_refused(_faults("", checked.findings))
    row = Row(letter, checked.elements, checked.record_id, raw=checked.raw)
    command = PlaceFact(state=sender.state, state_student_id=sender.ssid, row=row, today=sender.day)
    done = await execute(request, sender, command, body)
    return answer(done, [_outcome("", outcome, checked.findings) for outcome in done.outcomes])


def _declare(letter: str) -> None:
    """One route per table of the layout: they differ in nothing but the letter."""
    table = TABLES[letter]

    @keeps_refusals
    async def post_fact(request: Request) -> Response:
        return await _place(request, letter)

    post_fact.__doc__ = f"One {table.name.replace('_', ' ')} row, by the rules of a file, on an open record."
    router.post(
        f"/{ROUTES[letter]}",
        name=f"post_{table.key}",
        summary=f"State one fact: {table.name.replace('_', ' ')}",
        responses=_FACT_ANSWERS,
        status_code=201,
        openapi_extra=operation("record.send", (STATE, SSID, IDEMPOTENCY_KEY), FACTS[letter]),
    )(post_fact)


# Enrollments first: routes are tried in order, and this one is the busiest.
for _letter in sorted(CHILD_LETTERS, key=lambda letter: letter != "E"):
    _declare(_letter)


@router.post(
    "/withdrawals",
    summary="Withdraw the child from an enrollment",
    responses=_FACT_ANSWERS,
    status_code=201,
    openapi_extra=operation("record.send", (STATE, SSID, IDEMPOTENCY_KEY), WithdrawalBody),
)
@keeps_refusals
async def post_withdrawal(request: Request) -> Response:
    """The last verified day of attendance. Names the enrollment by its fact id, or by date, type and school."""
    sender = await sender_of(request)
    body = await body_of(request)
    sent = body.as_model(WithdrawalBody)
    command = Withdraw(
        state=sender.state,
        state_student_id=sender.ssid,
        enrollment=_enrollment(sent),
        withdrawal_date=_required("withdrawal_date", sent.withdrawal_date),
        today=sender.day,
    )
    return await _one(request, sender, command, body)


@router.post(
    "/residency-changes",
    summary="Tell of another district of residence",
    responses=_FACT_ANSWERS,
    status_code=201,
    openapi_extra=operation("record.send", (STATE, SSID, IDEMPOTENCY_KEY), ResidencyBody),
)
@keeps_refusals
async def post_residency_change(request: Request) -> Response:
    """Whole, as told with an enrollment: an element left out has no value."""
    sender = await sender_of(request)
    body = await body_of(request)
    sent = body.as_model(ResidencyBody)
    said = {key: _value(key, getattr(sent, key)) for key in RESIDENCY}
    command = ChangeResidency(
        state=sender.state,
        state_student_id=sender.ssid,
        enrollment=_enrollment(sent),
        elements={key: value for key, value in said.items() if value is not None},
        today=sender.day,
    )
    return await _one(request, sender, command, body)


@router.post(
    "/corrections",
    summary="Correct one fact",
    responses=_FACT_ANSWERS,
    status_code=201,
    openapi_extra=operation("record.send", (STATE, SSID, IDEMPOTENCY_KEY), CorrectionBody),
)
@keeps_refusals
async def post_correction(request: Request) -> Response:
    """The elements that change, and null for no value. What was said before stays in the history."""
    sender = await sender_of(request)
    body = await body_of(request)
    sent = body.as_model(CorrectionBody)
    unknown = [key for key in sent.elements if key not in ELEMENTS]
    if unknown:
        raise Invalid(
            "A name here is no element of the layout.",
            remedy="See /openapi.json for the names.",
            faults=[Fault("/elements", None, "unknown-element", "A name here is not known.") for _ in unknown],
        )
    command = CorrectFact(
        state=sender.state,
        state_student_id=sender.ssid,
        fact=sent.fact,
        elements={key: _value(key, value, "/elements") for key, value in sent.elements.items()},
        today=sender.day,
    )
    return await _one(request, sender, command, body)


@router.post(
    "/retractions",
    summary="Take one fact back",
    responses=_FACT_ANSWERS,
    status_code=201,
    openapi_extra=operation("record.send", (STATE, SSID, IDEMPOTENCY_KEY), RetractionBody),
)
@keeps_refusals
async def post_retraction(request: Request) -> Response:
    """The fact stays in the history. An enrollment takes its withdrawal and residencies along."""
    sender = await sender_of(request)
    body = await body_of(request)
    sent = body.as_model(RetractionBody)
    command = RetractFact(state=sender.state, state_student_id=sender.ssid, fact=sent.fact)
    return await _one(request, sender, command, body)


async def _one(request: Request, sender: Sender, command: Command, body: Body) -> Response:
    done = await execute(request, sender, command, body)
    return answer(done, [_outcome("", outcome) for outcome in done.outcomes])


def _value(key: str, raw: str | None, place: str = "") -> str | None:
    """The canonical value of one element. Raises RowRefused."""
    if raw is None:
        return None
    try:
        return canonical(ELEMENTS[key], raw)
    except BadValue as error:
        fault = Fault(place + pointer([key]), key, error.rule, error.what, error.remedy)
    raise _row_refused([fault])


def _required(key: str, raw: str) -> str:
    value = _value(key, raw)
    if value is None:
        raise _row_refused([Fault(f"/{key}", key, "missing", f"{ELEMENTS[key].name} is blank.", "Send it.")])
    return value


def _enrollment(sent: WithdrawalBody | ResidencyBody) -> int | EnrollmentKey:
    """The enrollment that a body names. Raises Invalid where it names none, or names it in two ways."""
    by_key = (
        sent.enrollment_date or sent.enrollment_type or sent.school_or_project_name or sent.school_identification_code
    )
    if (sent.enrollment is None) == (by_key is None):
        raise Invalid(
            "The body must name one enrollment.",
            remedy="Send its fact id as `enrollment`, or its enrollment_date, enrollment_type and school.",
            faults=[
                Fault("/enrollment", None, "missing", "Neither the fact id nor the key of an enrollment is there.")
            ],
        )
    if sent.enrollment is not None:
        return sent.enrollment
    return EnrollmentKey(
        enrollment_date=_required("enrollment_date", sent.enrollment_date or ""),
        enrollment_type=_value("enrollment_type", sent.enrollment_type),
        school=_value("school_identification_code", sent.school_identification_code)
        or _value("school_or_project_name", sent.school_or_project_name),
    )
