"""The audit trail narrowed and taken along: by time, kind, code, state, record and who; as CSV; with what each line
changed, what it answers, and where records were. Nothing durable is missing, and nothing of another child is in it.
"""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from starlette.testclient import TestClient

from ledger.application import Ledger
from ledger.events.audit import KeptApart
from ledger.events.disclosure import Disclosed
from ledger.store.database import Database
from projections import audit_trail
from projections.projectors import Projectors
from projections.rebuild import Rebuild
from support.bodies import ENROLLMENT, VALUES, student
from support.casework import ANA, BEN, CLEO, WHY, Work
from support.linking import merge, reverse

RECORD = "/v1/records/OR/1"


class Child:
    """A child of Oregon, and her trail as somebody reads it."""

    def __init__(self, client: TestClient, ssid: str = "1", state: str = "OR", **headers: str) -> None:
        answer = client.put(f"/v1/records/{state}/{ssid}", json=student(enrollments=[ENROLLMENT]), headers=headers)
        assert answer.status_code == 201, answer.text
        self.id: str = answer.json()["student_id"]
        self.client = client

    def told(self, headers: dict[str, str] | None = None, **query: Any) -> dict[str, Any]:
        query = {"limit": 1000, **query}
        answer = self.client.get(f"/v1/students/{self.id}/history", params=query, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def lines(self, **query: Any) -> list[dict[str, Any]]:
        return self.told(**query)["history"]

    def record(self) -> str:
        return next(one["record"] for one in self.told()["records"])


@pytest.fixture
def child(oregon: TestClient) -> Child:
    return Child(oregon)


@pytest.fixture
def other(oregon: TestClient, make_token: Any) -> Child:
    """Of California."""
    california = f"Bearer {make_token(state='CA', name='california nightly')}"
    return Child(oregon, "C1", "CA", Authorization=california)


def events(lines: list[dict[str, Any]]) -> list[str]:
    return [one["event"].partition(".")[0] for one in lines]


# -- what a line says


def test_a_correction_and_what_is_taken_back_say_what_was_before(child: Child) -> None:
    fact = next(one for one in child.lines() if one["event"].startswith("enrolled"))
    number = int(fact["words"].partition("fact ")[2].partition(")")[0])
    corrected = {"fact": number, "elements": {"grade_level": "08", "school_or_project_name": None}}
    assert child.client.post(f"{RECORD}/corrections", json=corrected).status_code == 201
    assert child.client.post(f"{RECORD}/retractions", json={"fact": number}).status_code == 201
    correction, retraction = child.lines()[-2:]
    assert fact["before"] is None
    assert fact["after"]["grade_level"] == "07"
    assert correction["before"] == {"grade_level": "07", "school_or_project_name": "Valor Middle School"}
    assert correction["after"] == {"grade_level": "08", "school_or_project_name": None}
    assert retraction["after"] is None
    until_then = fact["after"] | {"grade_level": "08"}
    del until_then["school_or_project_name"]
    assert retraction["before"] == until_then
    assert [one["code"] for one in (fact, correction, retraction)] == ["originate", "amend", "deprecate"]


def test_a_reversal_has_the_opposite_code_and_names_the_act_that_it_answers(
    child: Child, other: Child, ledger: Ledger
) -> None:
    act = merge(ledger, child.id, other.id).id
    undone = reverse(ledger, act).id
    redone = reverse(ledger, undone).id
    lines = {one["act"]: one for one in child.lines(kind="linkage")}
    assert [lines[one]["code"] for one in (act, undone, redone)] == ["merge", "unmerge", "merge"]
    assert [lines[one]["answers"]["act"] for one in (act, undone, redone)] == [None, act, undone]
    assert lines[f"{undone}.1"]["answers"]["act"] == undone
    assert {one["code"] for one in child.lines(code="unmerge")} == {"unmerge"}


def test_records_say_when_they_came_and_went(child: Child, other: Child, ledger: Ledger) -> None:
    came = merge(ledger, child.id, other.id).position
    one, two = child.told()["records"]
    assert [stay["student_id"] for stay in one["stays"]] == [child.id]
    first, second = two["stays"]
    assert (first["student_id"], first["went"]) == (other.id, second["came"])
    assert (second["student_id"], second["went"], second["went_at"]) == (child.id, None, None)
    assert second["came"] <= came
    assert other.told()["student_id"] == child.id, "by any id that was ever issued"
    assert other.lines() == child.lines()


# -- whose lines


def test_what_a_record_said_while_it_was_held_is_told_where_it_is_asked_for_and_nothing_after(
    child: Child, other: Child, ledger: Ledger, make_token: Any
) -> None:
    alone = [one for one in child.lines() if one["record"]]
    headers = {"Authorization": f"Bearer {make_token(state='CA')}"}
    merge_act = merge(ledger, child.id, other.id).id
    path = "/v1/records/CA/C1/immunizations"
    shot = {"cvx_code": "115", "administration_date": "2024-08-16", "information_source": "00"}
    joined = child.client.post(path, json=shot, headers=headers)
    assert joined.status_code == 201, joined.text
    reverse(ledger, merge_act)
    later = child.client.post(path, json=shot | {"administration_date": "2025-01-16"}, headers=headers)
    assert later.status_code == 201, later.text
    assert [one for one in child.lines() if one["record"]] == alone, "the reversal takes them out of the trail"
    entries = ledger.access.head()
    former = child.told(former=True)
    theirs = [one for one in former["history"] if one["state"] == "CA"]
    assert "immunization-reported" in events(theirs)
    assert max(one["position"] for one in theirs) < later.json()["position"]
    assert joined.json()["position"] in [one["position"] for one in theirs]
    [went] = [stay["went"] for kept in former["records"] for stay in kept["stays"] if stay["student_id"] == child.id][
        1:
    ]
    assert went > joined.json()["position"]
    shown = [entry.stream.partition("/")[2] for entry in ledger.access.read(entries, 100)]
    assert set(shown) == {kept["record"] for kept in former["records"]}, "each of them has its entry"
    assert len(shown) == 2


def test_lines_of_cases_are_told_and_their_words_to_those_who_may_read_cases(
    child: Child, other: Child, ledger: Ledger, make_token: Any
) -> None:
    work = Work(ledger)
    case = work.proposals.propose_merge(child.id, other.id, child.id, WHY, ANA).case
    assert events(child.lines(kind="case")) == ["case-opened"]
    work.cases.answer(case, "They are the same.", BEN, None, yes=True)
    told = child.lines(kind="case")
    assert events(told) == ["case-opened", "case-answered", "case-closed"]
    assert [one["answers"]["case"] for one in told] == [case] * 3
    assert [one["reason"] for one in told] == [WHY, "They are the same.", None]
    assert f"are {child.id} and {other.id} one child" in told[0]["words"]
    assert all(one["act"] is None and one["record"] is None for one in told)
    [merged] = child.lines(kind="students-merged")
    assert (merged["answers"]["case"], merged["reason"]) == (case, "They are the same.")
    assert told[2]["answers"]["act"] == merged["act"]
    counselor = {"Authorization": f"Bearer {make_token(role='secondary_user', state='TX')}"}
    seen = child.told(headers=counselor, kind="case")["history"]
    assert events(seen) == events(told)
    assert [one["reason"] for one in seen] == [None] * 3


def test_of_a_case_that_is_judged_blind_nothing_is_told_until_it_is_settled(child: Child, ledger: Ledger) -> None:
    work = Work(ledger)
    work.profile("OR", second_person=True)
    second = Child(child.client, "2")
    pair = KeptApart(work.record(child.id), work.record(second.id), -4_500)
    case = work.proposals.check_apart(pair, "of a test", CLEO).case
    assert child.lines(kind="case") == []
    answered = work.cases.answer(case, WHY, BEN, None, yes=True).after.closed
    assert answered is not None
    following = answered.next
    assert following is not None
    assert child.lines(kind="case") == [], "whoever validates it is to judge blind too"
    work.cases.answer(following, WHY, CLEO, None, yes=True)
    assert {one["answers"]["case"] for one in child.lines(kind="case")} == {case, following}


# -- narrowed


def test_every_filter_narrows_and_all_that_is_given_must_fit(child: Child, other: Child, ledger: Ledger) -> None:
    merge(ledger, child.id, other.id)
    every = child.lines()
    assert set(events(child.lines(kind="enrolled"))) == {"enrolled"}
    assert set(events(child.lines(kind="enrolled,students-merged"))) == {"enrolled", "students-merged"}
    assert child.lines(kind=["enrolled", "students-merged"]) == child.lines(kind="enrolled,students-merged")
    assert child.lines(kind="record") == [one for one in every if one["record"]]
    assert {one["state"] for one in child.lines(state="CA", kind="record")} == {"CA"}
    record = next(one["record"] for one in every if one["state"] == "OR")
    assert {one["record"] for one in child.lines(record=record, kind="record")} == {record}
    assert child.lines(state="CA", record=record) == []
    assert child.lines(code="merge,link") == child.lines(kind="students-merged")
    assert child.lines(kind="enrolled", code="amend") == []
    assert child.told(kind="enrolled")["total"] == len(child.lines(kind="enrolled"))


def test_instants_and_days_narrow_and_a_day_counts_to_its_end(child: Child) -> None:
    every = child.lines()
    at = every[0]["recorded_at"]
    day = at[:10]
    assert child.lines(since=day, until=day) == every
    assert child.lines(since=at) == every
    assert child.lines(until=at) == []
    assert child.lines(since="2100-01-01") == []
    assert child.lines(until="1999-12-31T23:00:00-05:00") == []


def test_who_did_it_is_asked_in_a_body_and_never_in_an_address(child: Child, ledger: Ledger, other: Child) -> None:
    merge(ledger, child.id, other.id)
    path = f"/v1/students/{child.id}/history"
    found = child.client.post(f"{path}/search", json={"actor": "california nightly", "order": "newest"})
    assert found.status_code == 200, found.text
    lines = found.json()["history"]
    assert {one["state"] for one in lines} == {"CA"}
    assert lines == [one for one in child.lines(order="newest") if one["actor"] == "california nightly"]
    assert child.client.post(f"{path}/search", json={}).json()["history"] == child.told(limit=100)["history"]
    both = child.client.post(f"{path}/search", json={"actor": "ana", "kind": ["linkage"], "former": True}).json()
    assert events(both["history"]) == ["students-merged"]


def test_newest_first_comes_in_pages_that_together_are_the_whole_turned_round(child: Child) -> None:
    pages: list[dict[str, Any]] = []
    page = child.told(order="newest", limit=2)
    pages += page["history"]
    while page["cursor"] is not None:
        page = child.told(order="newest", limit=2, cursor=page["cursor"])
        pages += page["history"]
    assert pages == child.lines()[::-1]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"kind": "nonsense"}, "kind"),
    ({"kind": "enrolled.v1"}, "kind"),
    ({"code": "view"}, "code"),
    ({"state": "ZZ"}, "state"),
    ({"record": "1"}, "record"),
    ({"since": "yesterday"}, "since"),
    ({"since": "2025-02-30"}, "since"),
    ({"until": "2025-09-02T18:00:00"}, "until"),
    ({"until": "9999-12-31"}, "until"),
    ({"since": "0001-01-01T00:00:00+23:59"}, "since"),
    ({"since": "٢٠٢٥-09-02"}, "since"),
    ({"since": ["2025-01-01", "2025-01-02"]}, "since"),
    ({"order": "up"}, "order"),
    ({"former": "1"}, "former"),
    ({"kind": ",".join(["enrolled"] * 100)}, "kind"),
]


def test_a_filter_that_cannot_be_is_refused_by_its_name(child: Child) -> None:
    for query, name in WRONG:
        answer = child.client.get(f"/v1/students/{child.id}/history", params=query)
        assert answer.status_code == 422, (query, answer.text)
        assert [fault["pointer"] for fault in answer.json()["errors"]] == [f"query:{name}"], query


def test_a_body_that_cannot_be_is_refused(child: Child) -> None:
    wrong: list[dict[str, Any]] = [{"actor": ""}, {"actor": 1}, {"kind": "record"}, {"since": "soon"}, {"nonsense": 1}]
    for body in wrong:
        assert child.client.post(f"/v1/students/{child.id}/history/search", json=body).status_code == 422, body


# -- taken along


def test_all_of_it_is_taken_along_as_csv_and_recorded_like_any_reading(child: Child, ledger: Ledger) -> None:
    entries = ledger.access.head()
    answer = child.client.get(
        f"/v1/students/{child.id}/history", params={"limit": 1, "kind": "record"}, headers={"Accept": "text/csv"}
    )
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="history.csv"'
    [entry] = ledger.access.read(entries, 10)
    assert isinstance(entry.event, Disclosed)
    assert (entry.event.view, entry.meta.actor) == ("history", "oregon nightly")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    lines = child.lines(kind="record")
    assert [row["position"] for row in rows] == [str(one["position"]) for one in lines]
    assert [row["words"] for row in rows] == [one["words"] for one in lines]
    assert all(value in answer.text for value in VALUES)


# -- what is durable is there; what was destroyed is not


def test_it_waits_for_what_is_durable_and_says_so_where_that_takes_too_long(
    child: Child, projectors: Projectors
) -> None:
    projectors.stop()
    answer = child.client.get(f"/v1/students/{child.id}/history")
    assert answer.status_code == 200
    enrolled = child.client.post(f"{RECORD}/enrollments", json=ENROLLMENT | {"enrollment_date": "2025-05-05"})
    assert enrolled.status_code == 201, enrolled.text
    answer = child.client.get(f"/v1/students/{child.id}/history")
    assert answer.status_code == 503
    assert answer.json()["type"] == "/problems/projection-behind"


def test_of_what_was_destroyed_place_instant_and_topic_are_left(
    child: Child, ledger: Ledger, database: Database
) -> None:
    before, record = child.lines(), child.record()
    with database.connect() as conn:
        conn.execute("delete from vault.keys where subject = %s and class = 'education'", (record,))
    ledger.vault.forget((record, "education"))
    Rebuild(audit_trail.PROJECTION, database, ledger.log).run()
    after = child.lines()
    names = ("position", "recorded_at", "event", "code")
    assert [[one[name] for name in names] for one in after] == [[one[name] for name in names] for one in before]
    for one in after:
        if one["event"].startswith("move-qualified"):
            continue  # under a key of its own
        assert "was destroyed" in one["words"]
        blank = {"actor", "reason", "before", "after", "state", "state_student_id", "submission", "source_row", "act"}
        assert {one[name] for name in blank} == {None}
    with database.connect() as conn:
        held = [
            str(row)
            for table in audit_trail.PROJECTION.keys
            for row in conn.execute(f"select t::text from audit_trail.{table} t".encode()).fetchall()
        ]
    assert len(held) >= len(before)
    for value in ("Marisol", "Valor Middle School", "2013-05-09"):
        for said in (value, value.encode().hex()):
            assert said not in "\n".join(held), value
