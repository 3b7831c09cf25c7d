"""Reading a child as she was known then, over HTTP: what, to whom, how it is written down, and what is no point."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from ledger.application import Ledger
from ledger.events.disclosure import Disclosed, DisclosureRefused
from ledger.store.database import Database, Role
from support.acting import Children, Office
from support.bodies import ENROLLMENT, RECORD
from support.linking import merge, reverse, split
from support.services import Clock

LATER = {**ENROLLMENT, "enrollment_date": "2025-08-25", "school_or_project_name": "French Prairie Middle School"}


@pytest.fixture
def ledger(database: Database, new_ledger: Callable[..., Ledger], clock: Clock) -> Ledger:
    """A ledger whose instants a test sets."""
    return new_ledger(database, clock)


def read(client: TestClient, student_id: str, rest: str = "", **params: Any) -> Any:
    answer = client.get(f"/v1/students/{student_id}{rest}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def last_entry(ledger: Ledger) -> Any:
    return ledger.access.read(0, 1000)[-1].event


def schools(record: dict[str, Any]) -> list[str]:
    return [one["school_or_project_name"] for one in record["core"]["enrollments"]]


# -- what was known


def test_as_of_a_position_shows_what_was_known_there_and_nothing_later(
    oregon: TestClient, ledger: Ledger, child: str
) -> None:
    then = ledger.log.head()
    now = int(oregon.post(f"{RECORD}/enrollments", json=LATER).headers["Ledger-Position"])
    assert schools(read(oregon, child, as_of=then)) == [ENROLLMENT["school_or_project_name"]]
    assert len(schools(read(oregon, child, as_of=now))) == 2


def test_as_of_the_head_is_what_is_shown_now(oregon: TestClient, ledger: Ledger, child: str) -> None:
    head = ledger.log.head()
    now, then = read(oregon, child, at_least=head), read(oregon, child, as_of=head)
    assert (then.pop("as_of"), then.pop("effective_on"), then.pop("erased")) == (head, None, 0)
    assert datetime.fromisoformat(then.pop("known_at")) == ledger.log.read(head - 1, 1)[0].recorded_at
    assert then == now


def test_an_instant_counts_all_that_was_recorded_by_it(
    oregon: TestClient, ledger: Ledger, child: str, clock: Clock
) -> None:
    before, head = clock.now, ledger.log.head()
    clock.now += timedelta(hours=2)
    oregon.post(f"{RECORD}/enrollments", json=LATER)
    for instant in (before, before + timedelta(hours=1), clock.now - timedelta(microseconds=1)):
        assert read(oregon, child, as_of=instant.isoformat())["as_of"] == head
    assert read(oregon, child, as_of=clock.now.isoformat())["as_of"] > head
    in_oregon = before.astimezone(UTC).isoformat().replace("+00:00", "-00:00")
    assert read(oregon, child, as_of=in_oregon)["as_of"] == head


def test_a_plus_that_nobody_escaped_is_understood(oregon: TestClient, ledger: Ledger, child: str, clock: Clock) -> None:
    text = clock.now.isoformat()
    assert text.endswith("+00:00")
    answer = oregon.get(f"/v1/students/{child}?as_of={text}")
    assert answer.json()["as_of"] == ledger.log.head()


def test_the_day_is_the_day_of_then(oregon: TestClient, child: str, ledger: Ledger, clock: Clock) -> None:
    then, head = clock.now, ledger.log.head()
    clock.now += timedelta(days=365 * 4)
    told = read(oregon, child, as_of=then.isoformat())
    assert (told["day"], told["eligible_now"]) == ("2025-09-02", True)
    told = read(oregon, child, at_least=head)
    assert (told["day"], told["eligible_now"]) == ("2029-09-01", False)


# -- linkage


def test_through_a_merge_a_split_and_their_reversals(office: Office, ledger: Ledger, children: Children) -> None:
    a, b = children.oregon, children.california
    apart = ledger.log.head()
    joined = merge(ledger, a, b)
    parted = reverse(ledger, joined.id)
    again = reverse(ledger, parted.id)
    cut = split(ledger, [a], [b])

    def shown(asked: str, position: int) -> tuple[str, list[str]]:
        told = office.does("amy", "GET", f"/v1/students/{asked}?as_of={position}")
        return told["student_id"], [one["student_id"] for one in told["core"]["records"]]

    for position, is_one in ((apart, False), (joined, True), (parted, False), (again, True), (cut, False)):
        at = position if isinstance(position, int) else position.position
        assert shown(a, at) == ((a, [a, a]) if is_one else (a, [a]))
        assert shown(b, at) == ((a, [a, a]) if is_one else (b, [b]))


def test_the_records_of_then_are_those_that_were_linked_then(
    office: Office, ledger: Ledger, children: Children
) -> None:
    alone = ledger.log.head()
    act = merge(ledger, children.oregon, children.texas)
    reverse(ledger, act.id)
    told = office.does("amy", "GET", f"/v1/students/{children.texas}/records?as_of={act.position}")
    assert [one["state"] for one in told["records"]] == ["OR", "TX"]
    assert told["as_of"] == act.position
    told = office.does("amy", "GET", f"/v1/students/{children.texas}/records?as_of={alone}")
    assert [one["state"] for one in told["records"]] == ["TX"]


def test_a_record_that_was_retracted_since_is_shown_as_it_was(oregon: TestClient, ledger: Ledger, child: str) -> None:
    then = ledger.log.head()
    oregon.delete(RECORD)
    assert schools(read(oregon, child, as_of=then)) == [ENROLLMENT["school_or_project_name"]]
    gone = read(oregon, child, as_of=ledger.log.head())
    assert (gone["core"]["status"], schools(gone)) == ("retracted", [])


# -- what was true


def test_effective_on_counts_dated_facts_from_their_date_on(oregon: TestClient, ledger: Ledger, child: str) -> None:
    oregon.post(f"{RECORD}/enrollments", json=LATER)
    oregon.post(f"{RECORD}/withdrawals", json={"enrollment": 3, "withdrawal_date": "2025-06-13"})
    first = read(oregon, child, effective_on="2025-05-01")
    assert schools(first) == [ENROLLMENT["school_or_project_name"]]
    assert "withdrawal_date" not in first["core"]["enrollments"][0]
    assert (first["day"], first["effective_on"], first["eligible_now"]) == ("2025-05-01", "2025-05-01", True)
    second = read(oregon, child, effective_on="2025-06-13")
    assert second["core"]["enrollments"][0]["withdrawal_date"] == "2025-06-13"
    before = read(oregon, child, effective_on="2025-04-17")
    assert (schools(before), before["core"]["qualifying_moves"], before["eligible_now"]) == ([], [], False)
    assert before["core"]["first_name"] == "Marisol", "a fact without a date counts as it is known"


def test_both_times_at_once_ask_what_was_thought_then_of_a_day(oregon: TestClient, ledger: Ledger, child: str) -> None:
    then = ledger.log.head()
    oregon.post(f"{RECORD}/withdrawals", json={"enrollment": 3, "withdrawal_date": "2025-06-13"})
    told = read(oregon, child, as_of=then, effective_on="2025-08-01")
    assert "withdrawal_date" not in told["core"]["enrollments"][0]
    told = read(oregon, child, effective_on="2025-08-01")
    assert told["core"]["enrollments"][0]["withdrawal_date"] == "2025-06-13"


# -- destroyed


def destroy(database: Database, ledger: Ledger, key_class: str) -> None:
    with database.connect(Role.DISPOSER) as connection:
        rows = connection.execute("delete from vault.keys where class = %s returning subject", (key_class,)).fetchall()
    for (subject,) in rows:
        ledger.vault.forget((subject, key_class))


def test_what_was_destroyed_since_is_left_out_and_counted(
    oregon: TestClient, ledger: Ledger, database: Database, child: str
) -> None:
    head = ledger.log.head()
    destroy(database, ledger, "eligibility")
    told = read(oregon, child, as_of=head)
    assert (told["erased"], told["core"]["qualifying_moves"]) == (1, [])
    assert told["core"]["enrollments"]


def test_of_whom_nothing_is_left_that_is_said(
    oregon: TestClient, ledger: Ledger, database: Database, child: str
) -> None:
    head = ledger.log.head()
    destroy(database, ledger, "education")
    answer = oregon.get(f"/v1/students/{child}?as_of={head}")
    assert answer.status_code == 404
    assert "destroyed" in answer.json()["detail"]


# -- how it is written down


def test_the_entry_says_as_of_what(oregon: TestClient, ledger: Ledger, child: str) -> None:
    head = ledger.log.head()
    read(oregon, child, as_of=head, effective_on="2025-05-01")
    entry = last_entry(ledger)
    assert isinstance(entry, Disclosed)
    assert (entry.as_of, entry.effective_on, entry.position, entry.view) == (head, "2025-05-01", head, "student")
    read(oregon, child, at_least=head)
    entry = last_entry(ledger)
    assert (entry.as_of, entry.effective_on) == (None, None)


def test_every_record_of_then_has_its_entry(office: Office, ledger: Ledger, children: Children) -> None:
    act = merge(ledger, children.oregon, children.texas)
    reverse(ledger, act.id)
    before = ledger.access.head()
    office.does("amy", "GET", f"/v1/students/{children.texas}?as_of={act.position}")
    entries = ledger.access.read(before, 10)
    assert len({one.stream for one in entries}) == 2
    assert [one.event.states for one in entries if isinstance(one.event, Disclosed)] == [["OR", "TX"]] * 2


def test_what_the_reader_holds_is_not_sent_again_and_another_point_is_another_answer(
    oregon: TestClient, ledger: Ledger, child: str
) -> None:
    head, path = ledger.log.head(), f"/v1/students/{child}"
    first = oregon.get(path, params={"as_of": head})
    assert first.headers["Cache-Control"] == "private, no-cache"
    held = {"If-None-Match": first.headers["ETag"]}
    assert oregon.get(path, params={"as_of": head}, headers=held).status_code == 304
    assert last_entry(ledger).not_modified
    for other in ({"as_of": head - 1}, {"as_of": head, "effective_on": "2025-05-01"}, {"at_least": head}):
        assert oregon.get(path, params=other, headers=held).status_code == 200


# -- who may


def test_who_may_read_of_his_state_alone_may_not_read_of_another_then_either(
    office: Office, ledger: Ledger, children: Children
) -> None:
    office.gives("rita", "recruiter", "CA")
    alone = ledger.log.head()
    act = merge(ledger, children.oregon, children.california)
    path = f"/v1/students/{children.oregon}?as_of="
    assert office.ask("rita", "GET", f"{path}{act.position}").status_code == 200, "it is her state's too"
    assert office.refused("rita", "GET", f"{path}{alone}") == (403, "other-state")
    refused = last_entry(ledger)
    assert isinstance(refused, DisclosureRefused)
    # That an id had not been minted is told to nobody who may not read of its state.
    assert office.refused("rita", "GET", f"/v1/students/{children.texas}?as_of=1") == (403, "other-state")


@pytest.mark.parametrize("rest", ["?as_of={}", "/records?as_of={}", "/diff?from={}&to={}"])
def test_a_childs_record_that_was_hers_by_mistake_is_read_of_then_by_who_may_read_it_now(
    office: Office, ledger: Ledger, children: Children, rest: str
) -> None:
    office.gives("rita", "recruiter", "CA")
    alone = ledger.log.head()
    act = merge(ledger, children.oregon, children.california)
    parted = reverse(ledger, act.id)
    again = parted.position
    for asked in (children.oregon, children.california):
        path = f"/v1/students/{asked}" + rest.format(act.position, act.position)
        before = ledger.access.head()
        assert office.refused("rita", "GET", path) == (403, "other-state"), asked
        entries = ledger.access.read(before, 10)
        assert [one.event.topic for one in entries] == ["disclosure-refused.v1"] * 2, "one for each record of then"
        assert office.ask("amy", "GET", path).status_code == 200, "she may read every state's"
        told = last_entry(ledger)
        assert told.states == ["OR", "CA"], "that kept a record then"
    for point in (alone, again):
        path = f"/v1/students/{children.california}" + rest.format(point, point)
        assert office.ask("rita", "GET", path).status_code == 200, "her own child, before and after"


def test_of_a_child_who_is_joined_now_what_was_known_apart_is_read_by_who_kept_it_then(
    office: Office, ledger: Ledger, children: Children
) -> None:
    office.gives("rita", "recruiter", "CA")
    alone = ledger.log.head()
    act = merge(ledger, children.oregon, children.california)
    for asked in (children.oregon, children.california):
        assert office.ask("rita", "GET", f"/v1/students/{asked}?as_of={act.position}").status_code == 200
    assert office.ask("rita", "GET", f"/v1/students/{children.california}?as_of={alone}").status_code == 200


# -- what is no point


def test_an_id_that_was_not_minted_then_is_told_so_once_that_is_written_down(
    office: Office, ledger: Ledger, children: Children
) -> None:
    answer = office.ask("cid", "GET", f"/v1/students/{children.texas}?as_of=1")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")
    assert "not been minted" in answer.json()["detail"]
    entry = last_entry(ledger)
    assert (entry.student_id, entry.sections, entry.as_of, entry.states) == (children.texas, [], 1, ["TX"])


@pytest.mark.parametrize(
    "params",
    [
        {"as_of": "999999"},
        {"as_of": "0"},
        {"as_of": "9" * 30},
        {"as_of": "-1"},
        {"as_of": ""},
        {"as_of": "yesterday"},
        {"as_of": "2025-09-02"},
        {"as_of": "2025-09-02T18:00:00"},
        {"as_of": "2025-02-29T00:00:00Z"},
        {"as_of": "9999-12-31T23:59:59-23:59"},
        {"as_of": "0001-01-01T00:00:00+23:59"},
        {"as_of": "2024-01-01T00:00:00Z"},
        {"as_of": "٣"},
        {"effective_on": "2025-02-29"},
        {"effective_on": "2025-W01-1"},
        {"effective_on": "20250902"},
        {"effective_on": ""},
        {"as_of": ["1", "2"]},
    ],
)
def test_what_is_no_point_is_refused_with_a_remedy(oregon: TestClient, child: str, params: dict[str, Any]) -> None:
    for rest in ("", "/records"):
        answer = oregon.get(f"/v1/students/{child}{rest}", params=params)
        problem = answer.json()
        assert (answer.status_code, problem["type"]) == (422, "/problems/no-such-point"), answer.text
        assert problem["remedy"]
        assert problem["errors"][0]["pointer"] in {"query:as_of", "query:effective_on"}


def test_a_leap_day_is_a_day(oregon: TestClient, child: str) -> None:
    assert read(oregon, child, effective_on="2024-02-29")["core"]["enrollments"] == []


def test_an_instant_that_a_clock_set_back_has_passed_already_is_no_future(
    oregon: TestClient, ledger: Ledger, child: str, clock: Clock
) -> None:
    oregon.post(f"{RECORD}/enrollments", json=LATER)
    head, recorded = ledger.log.head(), clock.now
    clock.now -= timedelta(hours=1)
    assert read(oregon, child, as_of=recorded.isoformat())["as_of"] == head
    late = (recorded + timedelta(seconds=1)).isoformat()
    assert oregon.get(f"/v1/students/{child}", params={"as_of": late}).status_code == 422


def test_who_may_read_no_student_is_refused_before_he_is_told_of_the_point(
    office: Office, ledger: Ledger, children: Children
) -> None:
    office.gives("hal", "help_desk", None)
    for asked in ("?as_of=x", "/records?effective_on=x", "/diff", "/diff?from=x"):
        before = ledger.access.head()
        assert office.refused("hal", "GET", f"/v1/students/{children.oregon}{asked}") == (403, "forbidden")
        assert [one.event.topic for one in ledger.access.read(before, 5)] == ["disclosure-refused.v1"]
