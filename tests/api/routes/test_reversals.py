"""Acts taken back over HTTP: shown beforehand, in effect at once, and who is to be told of it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from pydantic import BaseModel

from api.previews import SHOWN as SECTIONS
from api.schemas import linkage as schema
from ledger.application import Ledger
from ledger.errors import StoreUnavailable
from ledger.events.disclosure import SearchDisclosed
from ledger.store.database import Database
from projections.projectors import Projectors
from support.acting import WHY, Children, Office, merge
from support.bodies import ENROLLMENT
from support.casework import destroy


def test_a_reversal_is_in_effect_when_it_is_answered(office: Office, children: Children) -> None:
    act = office.merged(children.oregon, children.second, "ana")["act"]
    answer = office.ask("ana", "POST", f"/v1/acts/{act}/reversal", {"reason": "They are cousins."})
    assert answer.status_code == 201
    told = answer.json()
    assert answer.headers["Location"] == f"/v1/acts/{told['act']}"
    assert sorted(told["students"]) == sorted([children.oregon, children.second])
    position = int(answer.headers["Ledger-Position"])
    assert office.shown("amy", children.second, position)["student_id"] == children.second
    assert office.refused("ana", "POST", f"/v1/acts/{act}/reversal", {"reason": WHY}) == (422, "act-already-reversed")
    assert office.refused("ana", "POST", f"/v1/acts/{act}/reversal?dry_run=true", {}) == (422, "act-already-reversed")
    merging = merge(children.oregon, children.second)
    assert office.refused("pia", "POST", "/v1/merges", merging) == (422, "bound-by-not-same")


def test_another_validates_a_reversal_and_a_no_takes_it_back(office: Office, children: Children) -> None:
    act = office.merged(children.oregon, children.second, "ana")["act"]
    told = office.reverses("ana", act)
    [case] = told["cases"]
    no = {"answer": "no", "reason": WHY}
    assert office.refused("ana", "POST", f"/v1/cases/{case}/answer", no) == (422, "own-proposal")
    answered = office.answers("olga", case, "no")
    assert (answered["outcome"], answered["students"]) == ("rejected", [children.oregon])
    assert answered["act"] not in (None, act, told["act"])
    assert office.shown("amy", children.second, answered["position"])["student_id"] == children.oregon


def test_a_reason_is_kept_as_it_was_given(office: Office, children: Children) -> None:
    act = office.merged(children.oregon, children.second, "ana")["act"]
    reason = 'Él dijo "no": \u0000\u2028 <b>'
    office.does("ana", "POST", f"/v1/acts/{act}/reversal", {"reason": reason})
    told = office.does("amy", "GET", f"/v1/students/{children.second}/history")["history"]
    assert [one["reason"] for one in told if one["event"] == "act-reversed.v1"] == [reason]


def test_a_reversal_needs_a_reason(office: Office, children: Children) -> None:
    merged = office.merged(children.oregon, children.second, "ana")
    for body in ({}, {"reason": " "}):
        answer = office.ask("ana", "POST", f"/v1/acts/{merged['act']}/reversal", body)
        assert answer.status_code == 422
        assert [(one["pointer"], one["rule"]) for one in answer.json()["errors"]] == [("/reason", "reason")]
    assert office.shown("amy", children.second, merged["position"])["student_id"] == children.oregon


def test_a_dry_run_shows_both_states_of_the_children_and_writes_nothing_but_its_disclosure(
    office: Office, children: Children, ledger: Ledger
) -> None:
    alone = {
        one: {name: section for name, section in office.shown("amy", one).items() if name in SECTIONS}
        for one in children[:2]
    }
    act = office.merged(children.second, children.oregon, "ana")["act"]
    head, entries = ledger.log.head(), ledger.access.head()
    answer = office.ask("olga", "POST", f"/v1/acts/{act}/reversal?dry_run=true", {}, headers={"Purpose": "a doubt"})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "private, no-store"
    told = answer.json()
    assert told["act"] == act
    assert [one["student_id"] for one in told["now"]] == [children.second]
    assert sorted(one["student_id"] for one in told["then"]) == sorted(children[:2])
    assert told["declared"] == [{"left": [children.second], "right": [children.oregon]}]
    assert (told["residue"], told["joined_by"], told["recall"]) == ([], [], [])
    differs = {(one["student_id"], one["field"]): (one["now"], one["then"]) for one in told["differs"]}
    assert differs[children.oregon, "core.student_id"] == (children.second, children.oregon)
    assert [len(side) for side in differs[children.second, "core.enrollments"]] == [1, 0]
    assert (children.oregon, "core.enrollments") not in differs
    assert {one["student_id"]: {name: one[name] for name in SECTIONS} for one in told["then"]} == alone
    assert ledger.log.head() == head
    entry = ledger.access.read(entries, 1)[0]
    assert isinstance(entry.event, SearchDisclosed)
    assert (entry.meta.actor, entry.event.purpose, entry.event.view) == ("olga", "a doubt", "reversal-preview")
    assert len(entry.event.records) == 2


def test_a_dry_run_names_later_acts_that_rest_on_the_act_and_acts_that_still_join(
    office: Office, children: Children
) -> None:
    a, _, c, d = children
    first = office.merged(a, c, "ana", "carl")["act"]
    later = office.merged(a, d, "ana", "carl", "tess")["act"]
    told = office.previews("ana", first)
    assert told["residue"] == [later]
    assert office.reverses("ana", first)["cases"][1:] != [], "and each is put before people"


def test_a_dry_run_shows_what_is_left_where_a_record_was_destroyed(
    office: Office, children: Children, database: Database
) -> None:
    act = office.merged(children.oregon, children.second, "ana")["act"]
    destroy(database, children.second)
    told = office.previews("ana", act)
    assert [one["student_id"] for one in told["then"]] == [children.oregon]
    assert office.reverses("ana", act)["students"] == [children.oregon]


@pytest.mark.parametrize("word", ["1", "True", "yes", "", "true&dry_run=false"])
def test_a_dry_run_in_another_word_is_refused_and_reverses_nothing(
    office: Office, children: Children, word: str
) -> None:
    act = office.merged(children.oregon, children.second, "ana")["act"]
    path = f"/v1/acts/{act}/reversal?dry_run={word}"
    assert office.refused("ana", "POST", path, {"reason": WHY}) == (422, "invalid-request")
    assert office.previews("ana", act)["act"] == act


def test_the_recall_list_names_exactly_those_who_were_shown_the_joined_record(
    office: Office, children: Children
) -> None:
    a, b, c, _ = children
    office.shown("dan", a)
    merged = office.merged(a, c, "ana", "carl")
    for name, asked in (("amy", a), ("bea", c), ("amy", c)):
        office.shown(name, asked, merged["position"])
    office.does("cid", "POST", f"/v1/students/search?at_least={merged['position']}", {"first_name": "Marisol"})
    office.shown("dan", b)
    office.previews("carl", merged["act"])
    # What arrives meanwhile brings the preview past the act.
    office.does("CA nightly", "POST", "/v1/records/CA/CA1/enrollments", ENROLLMENT)
    office.previews("ana", merged["act"])
    told = office.reverses("ana", merged["act"])
    assert [(one["actor"], one["organisation"], one["times"]) for one in told["recall"]] == [
        ("amy", "OR", 2),
        ("bea", "CA", 1),
        ("cid", "TX", 1),
    ]
    amy = told["recall"][0]
    assert amy["role"] == "secondary_user"
    assert amy["purpose"] == "education-record-review"
    assert amy["basis"] == "34 CFR 99.31(a)(1)"
    assert amy["first"] < amy["last"]
    for one in (a, c):
        office.shown("dan", one, told["position"])
    again = office.previews("olga", told["act"])["recall"]
    assert [one["actor"] for one in again] == ["amy", "bea", "cid"], "nobody who read only after the reversal"


def test_a_reversal_that_is_durable_is_answered_though_its_recall_list_cannot_be_told(
    office: Office, children: Children, projectors: Projectors
) -> None:
    merged = office.merged(children.oregon, children.second, "ana")
    office.shown("dan", children.second, merged["position"])
    projectors.stop()
    office.shown("amy", children.second)
    told = office.reverses("ana", merged["act"])
    assert told["recall"] is None
    assert len(told["cases"]) == 1


def test_a_reversal_that_is_durable_is_answered_though_the_store_cannot_be_read_behind_it(
    office: Office, children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    act = office.merged(children.oregon, children.second, "ana")["act"]

    def gone(*_: object) -> None:
        raise StoreUnavailable("PostgreSQL cannot be reached.")

    monkeypatch.setattr("api.routes.acts.sides_of", gone)
    told = office.reverses("ana", act)
    assert (sorted(told["students"]), told["recall"]) == (sorted(children[:2]), None)


def test_every_answer_has_the_fields_of_its_schema(office: Office, children: Children) -> None:
    def fits(model: type[BaseModel], body: dict[str, Any]) -> dict[str, Any]:
        assert set(body) == set(model.model_fields)
        model.model_validate_json(orjson.dumps(body), strict=True)
        return body

    a, b, _, d = children
    case = fits(schema.ProposedAnswer, office.does("pia", "POST", "/v1/merges", merge(a, b)))["case"]
    fits(schema.LeaseAnswer, office.does("ana", "PUT", f"/v1/cases/{case}/lease", {}))
    settled = fits(schema.AnsweredAnswer, office.answers("ana", case))
    office.shown("amy", b, settled["position"])
    preview = fits(schema.PreviewAnswer, office.previews("ana", settled["act"]))
    assert len(preview["recall"]) == 1
    told = fits(schema.ReversedAnswer, office.reverses("ana", settled["act"]))
    fits(schema.ActAnswer, office.does("amy", "GET", f"/v1/acts/{told['act']}"))
    fits(schema.LinkedAnswer, office.does("ana", "POST", "/v1/not-same", {"left": a, "right": d, "reason": WHY}))
