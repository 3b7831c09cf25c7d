"""One shape for every error, one table for every status, and never a value."""

from __future__ import annotations

from itertools import pairwise

import orjson
import psycopg
import pydantic
import pytest
from psycopg_pool import PoolTimeout
from starlette.exceptions import HTTPException

from api import problems
from api.problems import Fault, Invalid, Malformed, as_ours, families, malformed, problem, status_of
from api.schemas.elements import FACTS, STUDENT_ROWS, CorrectionBody
from ledger import errors

SECRET = "Marisol-Quiñones"


def test_every_error_that_is_raised_on_purpose_has_a_status() -> None:
    for code, (status, kind) in families().items():
        assert status == status_of(kind.__new__(kind)), code
        assert 400 <= status.status < 600


def test_codes_are_short_and_their_own() -> None:
    for code in families():
        assert code.islower()
        assert " " not in code
        assert len(code) < 40


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.AlreadyEnrolled("x"), 422),
        (errors.OtherState("x"), 403),
        (errors.NotOpen("x"), 404),
        (errors.StaleDecision("x"), 409),
        (errors.ProjectionBehind("x"), 503),
        (errors.OutcomeUnknown("x"), 503),
        (errors.LogBroken("x"), 500),
        (problems.BodyTooLarge("x"), 413),
        (problems.NotSignedIn("x"), 401),
    ],
)
def test_the_nearest_family_decides_the_status(error: errors.LedgerError, status: int) -> None:
    assert status_of(error).status == status


def test_the_table_has_no_family_that_its_parent_says_already() -> None:
    for kind in problems.STATUSES:
        above = [parent for parent in kind.__mro__[1:] if parent in problems.STATUSES]
        for child, parent in pairwise([kind, *above]):
            assert problems.STATUSES[child] != problems.STATUSES[parent]


def test_a_problem_says_what_where_and_how_to_mend_it() -> None:
    error = Invalid("Wrong.", remedy="Mend.", faults=[Fault("/a", "a", "code", "Not a code.", "Send one.")])
    answer = problem(error, "the-request")
    assert answer.media_type == "application/problem+json"
    assert orjson.loads(bytes(answer.body)) == {
        "type": "/problems/invalid-request",
        "title": "Not in the shape that was asked for",
        "status": 422,
        "detail": "Wrong.",
        "remedy": "Mend.",
        "request_id": "the-request",
        "errors": [{"pointer": "/a", "element": "a", "rule": "code", "message": "Not a code.", "remedy": "Send one."}],
    }


def test_an_error_of_one_element_points_to_it() -> None:
    bad = errors.BadValue("Not a day.", rule="malformed", element="birth_date", remedy="Send a day.")
    [fault] = orjson.loads(bytes(problem(bad, None).body))["errors"]
    assert fault["pointer"] == "/birth_date"
    assert fault["rule"] == "malformed"


def test_what_passes_says_when_to_come_back() -> None:
    assert problem(errors.StoreUnavailable("x"), None).headers["Retry-After"] == "1"
    assert "Retry-After" not in problem(errors.Refused("x"), None).headers


def test_who_is_not_signed_in_is_told_how() -> None:
    assert problem(problems.NotSignedIn("x"), None).headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (psycopg.OperationalError("connection refused"), "store-unavailable"),
        (psycopg.errors.DiskFull(), "store-unavailable"),
        (psycopg.errors.UndefinedTable(), "misconfigured"),
        (PoolTimeout(), "store-unavailable"),
        (HTTPException(404), "no-such-path"),
        (HTTPException(405), "method-not-allowed"),
        (HTTPException(413), "body-too-large"),
    ],
)
def test_errors_of_libraries_are_told_in_ours(error: Exception, code: str) -> None:
    ours = as_ours(error)
    assert ours is not None
    assert ours.code == code


def test_a_defect_has_no_words_of_its_own() -> None:
    assert as_ours(ValueError(SECRET)) is None
    assert as_ours(psycopg.errors.UniqueViolation(SECRET)) is None


def _refused(model: type[pydantic.BaseModel], body: str | bytes) -> errors.LedgerError:
    with pytest.raises(pydantic.ValidationError) as caught:
        model.model_validate_json(body)
    return malformed(caught.value, ["first_name", "last_name_1", "demographics", "elements"])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"first_name": "\xff"}',
        b'{"first_name": "\\ud800"}',
        b"[" * 100_000,
        b'{"first_name":' * 1000,
        b"\xef\xbb\xbf{}",
        b"{}{}",
    ],
)
def test_what_is_no_json_in_utf_8_is_malformed(body: bytes) -> None:
    error = _refused(FACTS["D"], body)
    assert isinstance(error, Malformed)
    assert status_of(error).status == 400


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ('{"first_name": 5}', "/first_name"),
        (f'{{"first_name": ["{SECRET}"]}}', "/first_name"),
        (f'{{"{SECRET}": "x"}}', ""),
        (f'"{SECRET}"', ""),
    ],
)
def test_a_body_in_another_shape_is_pointed_at_and_never_quoted(body: str, place: str) -> None:
    error = _refused(FACTS["D"], body)
    assert isinstance(error, Invalid)
    assert [fault.pointer for fault in error.faults] == [place]
    assert SECRET not in bytes(problem(error, None).body).decode()


def test_a_name_that_the_client_chose_is_not_quoted_either() -> None:
    error = _refused(CorrectionBody, f'{{"fact": 1, "elements": {{"{SECRET}": 5}}}}')
    assert isinstance(error, Invalid)
    assert [(fault.pointer, fault.element) for fault in error.faults] == [("/elements", "elements")]


def test_a_slip_of_the_pen_is_answered_with_the_name_that_was_meant() -> None:
    error = _refused(FACTS["D"], '{"frst_name": "x"}')
    assert isinstance(error, Invalid)
    assert error.faults[0].remedy == "Perhaps first_name was meant."


def test_places_in_lists_are_told() -> None:
    error = _refused(STUDENT_ROWS, '{"demographics": [{}, {"first_name": 5}]}')
    assert isinstance(error, Invalid)
    assert error.faults[0].pointer == "/demographics/1/first_name"


def test_a_thousand_faults_are_told_as_a_hundred() -> None:
    error = _refused(STUDENT_ROWS, '{{"demographics": [{}]}}'.format(",".join(['{"first_name": 5}'] * 900)))
    assert isinstance(error, Invalid)
    assert len(error.faults) == 100
