"""Linkage over HTTP: who may propose and settle, what takes effect when, and what is told of it."""

from __future__ import annotations

import io
from typing import Any

import pytest
from prometheus_client import generate_latest

from ledger.access import ROLES, RULES
from ledger.application import Ledger
from ledger.events.disclosure import DisclosureRefused
from ledger.ids import student_id
from ledger.links import Seeds
from support.acting import WHY, Children, Office, merge, split
from support.bodies import VALUES

CASE = "01920f8e-0b5e-7cc3-98c4-dc0c0c07398f"
NEVER = student_id(999_999)
NARROWED = {"region": "R2", "district": "4113770"}


# -- who may


def _roles(action: str) -> set[str]:
    return {rule.role for rule in RULES if rule.action == action and rule.scope != "host"}


def test_no_role_but_those_proposes(office: Office, children: Children, ledger: Ledger) -> None:
    before = ledger.log.head()
    for role in set(ROLES) - _roles("linkage.propose"):
        office.gives(role, role, "OR", **NARROWED)
        said = office.refused(role, "POST", "/v1/merges", merge(children.oregon, children.second))
        assert said == (403, "forbidden"), role
        assert office.refused(role, "POST", "/v1/splits", split(children.oregon, [("OR", "OR1")])) == said
    assert ledger.log.head() == before


def test_no_role_but_a_data_administrator_settles(office: Office, children: Children, ledger: Ledger) -> None:
    case = office.proposes(children.oregon, children.second)
    before, shown = ledger.log.head(), ledger.access.head()
    why = {"reason": WHY}
    others = set(ROLES) - _roles("linkage.settle")
    for role in others:
        office.gives(role, role, "OR", **NARROWED)
        for method, path, body in (
            ("POST", f"/v1/cases/{case}/answer", {"answer": "yes", **why}),
            ("POST", f"/v1/cases/{case}/assignment", {}),
            ("PUT", f"/v1/cases/{case}/lease", {}),
            ("DELETE", f"/v1/cases/{case}/lease", None),
            ("POST", "/v1/not-same", {"left": children.oregon, "right": children.texas, **why}),
            ("POST", f"/v1/not-same/{children.oregon}-1/withdrawal", why),
            ("POST", f"/v1/acts/{children.oregon}-1/reversal", why),
            ("POST", f"/v1/acts/{children.oregon}-1/reversal?dry_run=true", {}),
        ):
            looks = path.endswith("dry_run=true") and role in _roles("linkage.preview")
            said = (404, "not-found") if looks else (403, "forbidden")
            assert office.refused(role, method, path, body) == said, (role, method, path)
    assert ledger.log.head() == before
    previews = [recorded.event for recorded in ledger.access.read(shown, 100)]
    assert all(isinstance(event, DisclosureRefused) and event.view == "reversal-preview" for event in previews)
    assert len(previews) == len(others - _roles("linkage.preview")), "each that asked to see one and may not"


@pytest.mark.parametrize(
    ("role", "state", "narrowed"),
    [
        ("state_data_administrator", None, {}),
        ("regional_data_administrator", "OR", {}),
        ("district_data_administrator", "OR", {"region": "R2"}),
    ],
)
def test_an_administrator_of_no_office_settles_nothing(
    office: Office, children: Children, role: str, state: str | None, narrowed: dict[str, str]
) -> None:
    office.gives("lost", role, state, **narrowed)
    body = {"left": children.oregon, "right": children.second, "reason": WHY}
    assert office.refused("lost", "POST", "/v1/not-same", body) == (403, "forbidden")


def test_a_state_that_holds_no_record_settles_nothing(office: Office, children: Children, ledger: Ledger) -> None:
    case = office.proposes(children.oregon, children.california)
    yes = {"answer": "yes", "reason": WHY}
    assert office.refused("tess", "POST", f"/v1/cases/{case}/answer", yes) == (422, "not-asked")
    office.answers("olga", case)
    act = office.answers("carl", case)["act"]
    assert office.refused("tess", "POST", f"/v1/acts/{act}/reversal", {"reason": WHY}) == (422, "not-asked")
    assert office.refused("tess", "POST", f"/v1/acts/{act}/reversal?dry_run=true", {}) == (422, "not-asked")
    [*_, entry] = ledger.access.read(0, 100)
    assert isinstance(entry.event, DisclosureRefused), "who asked what it would come to is recorded"
    assert (entry.event.view, entry.event.rule, entry.meta.actor) == ("reversal-preview", "SA-10", "tess")
    apart = {"left": children.oregon, "right": children.second, "reason": WHY}
    assert office.refused("tess", "POST", "/v1/not-same", apart) == (422, "not-asked")
    declared = office.does("ana", "POST", "/v1/not-same", apart)["id"]
    said = office.refused("tess", "POST", f"/v1/not-same/{declared}/withdrawal", {"reason": WHY})
    assert said == (422, "not-asked")


# -- merges and splits


def test_a_merge_takes_effect_when_another_has_validated_it(office: Office, children: Children, ledger: Ledger) -> None:
    answer = office.ask("pia", "POST", "/v1/merges", merge(children.oregon, children.second))
    assert answer.status_code == 201
    case = answer.json()["case"]
    assert answer.headers["Location"] == f"/v1/cases/{case}"
    assert int(answer.headers["Ledger-Position"]) == answer.json()["position"] == ledger.log.head()
    assert office.shown("amy", children.second, ledger.log.head() - 1)["student_id"] == children.second

    done = office.ask("ana", "POST", f"/v1/cases/{case}/answer", {"answer": "yes", "reason": WHY})
    told = done.json()
    assert (told["outcome"], told["code"], told["students"]) == ("settled", None, [children.oregon])
    assert told["act"].startswith(f"{children.oregon}-")
    position = int(done.headers["Ledger-Position"])
    by_either = [office.shown("amy", one, position) for one in (children.oregon, children.second)]
    assert by_either[0] == by_either[1]
    assert by_either[0]["student_id"] == children.oregon


def test_the_master_that_was_chosen_is_shown(office: Office, children: Children) -> None:
    body = merge(children.oregon, children.second, children.second)
    case = office.does("pia", "POST", "/v1/merges", body)["case"]
    assert office.answers("ana", case)["students"] == [children.second]


def test_every_state_that_holds_a_record_must_say_yes(office: Office, children: Children) -> None:
    case = office.proposes(children.oregon, children.california)
    first = office.answers("ana", case)
    assert (first["outcome"], first["act"], first["students"]) == (None, None, [])
    assert office.shown("amy", children.california)["student_id"] == children.california
    yes = {"answer": "yes", "reason": WHY}
    assert office.refused("olga", "POST", f"/v1/cases/{case}/answer", yes) == (422, "already-answered")
    last = office.answers("carl", case)
    assert (last["outcome"], last["students"]) == ("settled", [children.oregon])
    assert office.refused("olga", "POST", f"/v1/cases/{case}/answer", yes) == (422, "case-closed")


def test_one_no_settles_it(office: Office, children: Children) -> None:
    case = office.proposes(children.oregon, children.california)
    office.answers("ana", case)
    last = office.answers("carl", case, "no")
    assert (last["outcome"], last["act"]) == ("rejected", None)
    assert office.shown("amy", children.california)["student_id"] == children.california


def test_whoever_proposed_it_does_not_validate_it(office: Office, children: Children) -> None:
    case = office.proposes(children.oregon, children.second, "ana")
    yes = {"answer": "yes", "reason": WHY}
    assert office.refused("ana", "POST", f"/v1/cases/{case}/answer", yes) == (422, "own-proposal")
    assert office.answers("olga", case)["outcome"] == "settled"


def test_a_split_parts_as_many_as_are_named_and_leaves_the_rest_together(office: Office, children: Children) -> None:
    everybody = ("ana", "carl", "tess")
    office.merged(children.oregon, children.california, "ana", "carl")
    office.merged(children.oregon, children.texas, *everybody)
    office.merged(children.oregon, children.second, *everybody)
    body = split(children.oregon, [("CA", " CA1 ")], [("TX", "TX1")])
    case = office.does("pia", "POST", "/v1/splits", body)["case"]
    *_, last = [office.answers(name, case) for name in everybody]
    assert last["outcome"] == "settled"
    shown = {
        name: office.shown("amy", getattr(children, name), last["position"])["student_id"] for name in children._fields
    }
    assert shown["oregon"] == shown["second"] == children.oregon
    assert len(set(shown.values())) == 3


def test_what_cannot_be_proposed_is_refused_by_its_name(office: Office, children: Children) -> None:
    a, b, c, d = children
    office.merged(a, b, "ana")

    def refused(body: dict[str, Any], path: str = "/v1/merges") -> str:
        status, code = office.refused("pia", "POST", path, body)
        return f"{status} {code}"

    assert refused(merge(a, a)) == "422 same-student"
    assert refused(merge(b, c)) == "422 retired-id"
    assert refused(merge(a, NEVER)) == "404 not-found"
    assert refused(merge(a, c, d)) == "422 not-of-student"
    assert refused(split(a, [("OR", "OR1"), ("OR", "OR2")]), "/v1/splits") == "422 not-of-student"
    assert refused(split(a, [("CA", "CA1")]), "/v1/splits") == "422 not-of-student"
    assert refused(split(a, [("OR", "OR1")], [("OR", "OR1")]), "/v1/splits") == "422 not-of-student"
    assert refused(split(a, [("OR", "nobody")]), "/v1/splits") == "404 not-found"
    assert refused(split(a, [("OR", "OR\u00001")]), "/v1/splits") == "404 not-found"
    assert refused(split(b, [("OR", "OR2")]), "/v1/splits") == "422 retired-id"
    case = office.proposes(a, c)
    assert refused(merge(a, d)) == "422 under-case"
    assert office.answers("carl", case, "no")["outcome"] == "rejected"
    office.does("ana", "POST", "/v1/not-same", {"left": a, "right": d, "reason": WHY})
    assert refused(merge(a, d)) == "422 bound-by-not-same"


# -- not the same


def test_a_declaration_forbids_until_it_is_withdrawn(office: Office, children: Children, ledger: Ledger) -> None:
    body = {"left": children.oregon, "right": children.second, "reason": WHY}
    answer = office.ask("ana", "POST", "/v1/not-same", body)
    assert answer.status_code == 201
    told = answer.json()
    assert int(answer.headers["Ledger-Position"]) == told["position"]
    assert office.does("ana", "POST", "/v1/not-same", body)["id"] == "", "it is declared already"
    path = f"/v1/not-same/{told['id']}/withdrawal"
    withdrawn = office.does("olga", "POST", path, {"reason": "They are one after all."})
    assert withdrawn["id"] == told["id"]
    head = ledger.log.head()
    assert office.does("olga", "POST", path, {"reason": "Again."})["position"] == head
    assert ledger.log.head() == head, "nothing is left to withdraw"
    assert office.proposes(children.oregon, children.second)
    told = office.does("amy", "GET", f"/v1/students/{children.second}/history")["history"]
    assert [(one["event"], one["act"]) for one in told if one["act"]] == [
        ("declared-not-same.v1", withdrawn["id"]),
        ("declaration-withdrawn.v1", withdrawn["id"]),
    ]
    missing = f"/v1/not-same/{children.texas}-7/withdrawal"
    assert office.refused("tess", "POST", missing, {"reason": WHY}) == (404, "not-found")
    one = {"left": children.oregon, "right": children.oregon, "reason": WHY}
    assert office.refused("ana", "POST", "/v1/not-same", one) == (422, "same-student")


# -- acts


def test_an_act_is_told_by_its_id_without_a_showing(office: Office, children: Children, ledger: Ledger) -> None:
    a, _, c, _ = children
    settled = office.merged(a, c, "ana", "carl")
    entries = ledger.access.head()
    told = office.does("pia", "GET", f"/v1/acts/{settled['act']}")
    assert told.pop("recorded_at").endswith("Z")
    assert told == {
        "act": settled["act"],
        "event": "students-merged.v1",
        "position": ledger.links.reach(Seeds(students=[a])).linkage.acts[settled["act"]][0],
        "actor": "carl",
        "case": settled["case"],
        "parts": [[a], [c]],
        "masters": [a],
        "reverses": None,
        "holds": True,
        "reversed_by": None,
        "declarations": [],
    }
    undone = office.ask("ana", "POST", f"/v1/acts/{settled['act']}/reversal", {"reason": "They are cousins."})
    reversal = office.does("pia", "GET", undone.headers["Location"])
    assert (reversal["reverses"], reversal["holds"], reversal["parts"]) == (settled["act"], True, [])
    assert reversal["declarations"] == [f"{reversal['act']}.1"]
    told = office.does("pia", "GET", f"/v1/acts/{settled['act']}")
    assert (told["holds"], told["reversed_by"]) == (False, reversal["act"])
    assert ledger.access.head() == entries
    for wrong in (f"{a}-77", "nonsense"):
        assert office.refused("pia", "GET", f"/v1/acts/{wrong}") == (404, "not-found")


def test_a_split_is_told_by_its_parts(office: Office, children: Children) -> None:
    office.merged(children.oregon, children.second, "ana")
    case = office.does("pia", "POST", "/v1/splits", split(children.oregon, [("OR", "OR2")]))["case"]
    told = office.does("pia", "GET", f"/v1/acts/{office.answers('ana', case)['act']}")
    assert sorted(told["parts"]) == sorted([[children.oregon], [children.second]])
    assert sorted(told["masters"]) == sorted([children.oregon, children.second])
    assert told["declarations"] == [f"{told['act']}.1"]


# -- again


def test_a_request_with_its_key_is_done_once(office: Office, children: Children, ledger: Ledger) -> None:
    a, b, _, d = children
    keys = iter(range(100))

    def again(name: str, path: str, body: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
        key = {"Idempotency-Key": f"key-{next(keys)}"}
        first = office.ask(name, "POST", path, body, headers=key)
        assert first.is_success, first.text
        head = ledger.log.head()
        second = office.ask(name, "POST", path, body, headers=key)
        assert second.headers["Idempotency-Replayed"] == "true"
        assert (second.status_code, second.json()) == (first.status_code, first.json())
        assert second.headers["Ledger-Position"] == first.headers["Ledger-Position"]
        assert "Idempotency-Replayed" not in first.headers
        said = office.refused(name, "POST", path, other, headers=key)
        assert said == (422, "idempotency-key-reused")
        assert ledger.log.head() == head
        return first.json()

    why, other = {"reason": WHY}, {"reason": "Another one."}
    case = again("pia", "/v1/merges", merge(a, b), merge(a, d))["case"]
    again("ana", f"/v1/cases/{case}/assignment", {"names": ["olga"]}, {"names": []})
    act = again("ana", f"/v1/cases/{case}/answer", {"answer": "yes", **why}, {"answer": "no", **why})["act"]
    again("pia", "/v1/splits", split(a, [("OR", "OR2")]), split(a, [("OR", "OR1")]))
    again("ana", f"/v1/acts/{act}/reversal", why, other)
    declared = again("ana", "/v1/not-same", {"left": a, "right": d, **why}, {"left": b, "right": d, **why})["id"]
    again("ana", f"/v1/not-same/{declared}/withdrawal", why, other)


def test_a_refusal_is_the_answer_to_its_key(office: Office, children: Children) -> None:
    key = {"Idempotency-Key": "once"}
    case = office.proposes(children.oregon, children.second, "ana")
    said = [
        office.ask("ana", "POST", f"/v1/cases/{case}/answer", {"answer": "yes", "reason": WHY}, headers=key)
        for _ in range(2)
    ]
    assert [one.status_code for one in said] == [422, 422]
    assert "Idempotency-Replayed" not in said[0].headers
    assert said[1].headers["Idempotency-Replayed"] == "true"
    assert said[0].json()["type"] == said[1].json()["type"] == "/problems/own-proposal"


# -- what is wrong with a request


@pytest.mark.parametrize(
    ("path", "body", "pointers"),
    [
        ("/v1/merges", {}, {"/left", "/right", "/master", "/reason"}),
        ("/v1/merges", {**merge(NEVER, NEVER), "master": "12"}, {"/master"}),
        ("/v1/merges", {**merge(NEVER, NEVER), "why": "x"}, {""}),
        ("/v1/merges", {**merge(NEVER, NEVER), "reason": "x" * 2001}, {"/reason"}),
        ("/v1/splits", {"student_id": NEVER, "apart": [], "reason": WHY}, {"/apart"}),
        ("/v1/splits", {"student_id": NEVER, "apart": [[]], "reason": WHY}, {"/apart/0"}),
        ("/v1/splits", split(NEVER, [("oregon", "1")]), {"/apart/0/0/state"}),
        ("/v1/not-same", {"left": NEVER, "right": 12, "reason": WHY}, {"/right"}),
        ("/v1/not-same/nonsense/withdrawal", {"reason": ""}, {"/reason"}),
        (f"/v1/cases/{CASE}/answer", {"answer": "perhaps", "reason": WHY}, {"/answer"}),
        (f"/v1/cases/{CASE}/assignment", {"district": "12"}, {"/district"}),
        (f"/v1/cases/{CASE}/assignment", {"names": ["x"] * 51}, {"/names"}),
    ],
)
def test_a_body_in_another_shape_is_refused_with_its_places(
    office: Office, path: str, body: dict[str, Any], pointers: set[str]
) -> None:
    answer = office.ask("ana", "POST", path, body)
    assert answer.status_code == 422, answer.text
    assert {one["pointer"] for one in answer.json()["errors"]} == pointers


@pytest.mark.parametrize(
    "wrong", ["nonsense", "123456789012-1", "%00", "-", f"{NEVER}-1", f"{NEVER}-99999999999999999999"]
)
def test_an_id_that_is_none_is_not_found(office: Office, wrong: str) -> None:
    why = {"reason": WHY}
    for path, body in (
        (f"/v1/acts/{wrong}/reversal", why),
        (f"/v1/acts/{wrong}/reversal?dry_run=true", {}),
        (f"/v1/not-same/{wrong}/withdrawal", why),
        (f"/v1/cases/{wrong}/answer", {"answer": "yes", **why}),
        (f"/v1/cases/{wrong}/assignment", {}),
    ):
        assert office.refused("ana", "POST", path, body) == (404, "not-found"), path
    assert office.refused("ana", "PUT", f"/v1/cases/{wrong}/lease", {}) == (404, "not-found")
    assert office.refused("ana", "DELETE", f"/v1/cases/{wrong}/lease") == (404, "not-found")


def test_nothing_of_a_child_and_no_reason_stands_in_a_log_or_metric(
    office: Office, children: Children, lines: io.StringIO
) -> None:
    act = office.merged(children.oregon, children.second, "ana")["act"]
    assert "Marisol" in str(office.previews("ana", act))
    office.reverses("ana", act)
    office.refused("pia", "POST", "/v1/splits", split(children.oregon, [("OR", "Marisol")]))
    office.refused("ana", "POST", "/v1/acts/Marisol/reversal", {"reason": "Marisol"})
    office.refused("ana", "POST", "/v1/merges", {"Marisol": "Marisol"})
    assert "/v1/acts/{id}/reversal" in lines.getvalue()
    told = lines.getvalue() + generate_latest().decode()
    found = [value for value in (*VALUES, WHY, "cousins", *children, "OR1") if value in told]
    assert not found
