"""Requests of linkage that are sent again, sent wrongly, or name what is not there, from the design's pages alone."""

from __future__ import annotations

from typing import Any

import pytest

from support.town import WHY, Town, merging, splitting

# -- sent again


def test_the_same_request_under_its_key_is_done_once(town: Town) -> None:
    a, b = town.child("OR"), town.child("CA")
    key = {"Idempotency-Key": f"propose {a.id}"}
    first, again = (town.ask("primary OR", "POST", "/v1/merges", merging(a, b), headers=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert (first.json(), first.headers["Location"]) == (again.json(), again.headers["Location"])
    assert (first.headers.get("Idempotency-Replayed"), again.headers["Idempotency-Replayed"]) == (None, "true")
    other = town.no("primary OR", "POST", "/v1/merges", merging(b, a), headers=key)
    assert (other.status, other.code) == (422, "idempotency-key-reused")
    case = first.json()["case"]
    town.answers("admin OR", case)
    for path, body in (
        (f"/v1/cases/{case}/answer", {"answer": "yes", "reason": WHY}),
        (f"/v1/acts/{a.id}-1/reversal", {"reason": WHY}),
    ):
        key = {"Idempotency-Key": f"{path[:8]} {a.id}"}
        first, again = (town.ask("admin CA", "POST", path, body, headers=key) for _ in range(2))
        assert first.is_success, first.text
        assert (first.status_code, first.json()) == (again.status_code, again.json())
        assert again.headers["Idempotency-Replayed"] == "true"
        assert first.headers["Ledger-Position"] == again.headers["Ledger-Position"]
    assert town.ids(a, b) == [a.id, b.id]


def test_two_people_who_chose_the_same_key_are_two(town: Town) -> None:
    a, b = town.child("OR"), town.child("CA")
    path, body = f"/v1/cases/{town.proposes(a, b)}/answer", {"answer": "yes", "reason": WHY}
    headers = {"Idempotency-Key": f"both {a.id}"}
    told = [town.does(who, "POST", path, body, headers=headers) for who in ("admin OR", "admin CA")]
    assert [one["outcome"] for one in told] == [None, "settled"]


# -- what is sent wrongly


@pytest.mark.parametrize("reason", [None, "", " \t\n\u00a0\u3000", 7, ["x"], "x" * 2001])
def test_a_reason_is_words_and_not_too_many(town: Town, reason: Any) -> None:
    a, b = town.child("OR"), town.child("CA")
    c = town.child("OR")
    for path, body in (
        ("/v1/merges", merging(a, c)),
        ("/v1/not-same", {"left": a.id, "right": b.id}),
        (f"/v1/cases/{town.proposes(a, b)}/answer", {"answer": "yes"}),
    ):
        with town.nothing_written():
            said = town.no("admin OR", "POST", path, {**body, "reason": reason})
        assert said.status in (413, 422), (path, said)
        assert said.remedy, said


def test_a_reversal_wants_a_reason(town: Town) -> None:
    act = town.merged(town.child("OR"), town.child("CA"))
    for body in ({}, {"reason": None}, {"reason": " "}):
        with town.nothing_written():
            said = town.no("admin OR", "POST", f"/v1/acts/{act}/reversal", body)
        assert said.status == 422, said
        assert said.remedy, said


def test_a_reason_in_any_letters_is_kept_as_it_was_written(town: Town) -> None:
    a, b = town.child("OR"), town.child("CA")
    words = 'Ñandú & <b>señora</b> — 家族 \U0001f9d2 "quoted" \'n \\ % {x} $1'
    town.does("admin OR", "POST", "/v1/not-same", {"left": a.id, "right": b.id, "reason": words})
    events = town.read("auditor", f"/v1/students/{a.id}/history", limit=100)["history"]
    assert words in [event["reason"] for event in events]
    assert words in town.command.run("history", a.id).stdout


def test_a_body_with_more_or_less_than_is_asked_for_is_refused_with_the_place(town: Town) -> None:
    a, b = town.child("OR"), town.child("CA")
    act = town.merged(a, b)
    case = town.splits(a.id, [b])
    why = {"reason": WHY}
    for path, body in (
        ("/v1/merges", {**merging(a, b), "force": True}),
        ("/v1/merges", {"left": a.id, "right": b.id, **why}),
        ("/v1/merges", {**merging(a, b), "left": int(a.id)}),
        ("/v1/merges", [merging(a, b)]),
        ("/v1/splits", {"student_id": a.id, **why}),
        ("/v1/splits", {"student_id": a.id, "apart": [b.named], **why}),
        ("/v1/splits", {"student_id": a.id, "apart": [[{"state": "CA"}]], **why}),
        ("/v1/splits", {**splitting(a.id, [b]), "master": b.id}),
        ("/v1/not-same", {"left": a.id, **why}),
        (f"/v1/cases/{case}/answer", {"answer": "perhaps", **why}),
        (f"/v1/cases/{case}/answer", {"answer": True, **why}),
        (f"/v1/cases/{case}/answer", {"answer": "YES", **why}),
        (f"/v1/cases/{case}/answer", why),
        (f"/v1/cases/{case}/assignment", {"district": 7}),
        (f"/v1/acts/{act}/reversal", {**why, "dry_run": True}),
        (f"/v1/acts/{act}/reversal?dry_run=perhaps", why),
        (f"/v1/acts/{act}/reversal?dryrun=true", why),
    ):
        with town.nothing_written():
            said = town.no("admin OR", "POST", path, body)
        assert (said.status, said.code) == (422, "invalid-request"), (path, body, said)


@pytest.mark.parametrize("text", ["", "{", "null", "[]", '"x"', '{"reason": "\\ud800"}', "\xff", "[" * 10_000])
def test_a_body_that_is_no_object_is_refused(town: Town, text: str) -> None:
    a, b = town.child("OR"), town.child("OR")
    act = town.merged(a, b)
    headers = {"Content-Type": "application/json"}
    for path in ("/v1/merges", f"/v1/acts/{act}/reversal", f"/v1/not-same/{act}/withdrawal"):
        with town.nothing_written():
            said = town.no("admin OR", "POST", path, content=text.encode("latin-1"), headers=headers)
        assert said.status in (400, 422), (path, said)


@pytest.mark.parametrize(
    "odd",
    [
        "x",
        "-",
        "{id}",
        "{id}-",
        "{id}-0",
        "{id}-99",
        "{id}-01",
        "{id}-１",
        "{id}-1.1",
        "%00",
        "{id}-1%00",
        "'",
        "a" * 3000,
    ],
)
def test_an_act_that_there_is_not_is_not_found_whatever_it_is_called(town: Town, odd: str) -> None:
    a, b = town.child("OR"), town.child("OR")
    town.merged(a, b)
    act = odd.format(id=a.id)
    with town.nothing_written():
        for who, method, path, body in (
            ("admin OR", "GET", f"/v1/acts/{act}", None),
            ("admin OR", "POST", f"/v1/acts/{act}/reversal", {"reason": WHY}),
            ("admin OR", "POST", f"/v1/acts/{act}/reversal?dry_run=true", {}),
            ("admin OR", "POST", f"/v1/not-same/{act}/withdrawal", {"reason": WHY}),
            ("admin OR", "GET", f"/v1/cases/{act}", None),
            ("admin OR", "POST", f"/v1/cases/{act}/answer", {"answer": "yes", "reason": WHY}),
            ("admin OR", "PUT", f"/v1/cases/{act}/lease", {}),
        ):
            said = town.no(who, method, path, body)
            assert said.status == 404, (method, path, said)
        if "%" not in odd:
            assert len(town.told_no("reverse", "--dry-run", "--", act)) >= 2
