"""A blind check over HTTP: while it is open nothing tells whether its two records are linked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from ledger.application import Ledger
from ledger.audit import APART
from ledger.events import Meta
from ledger.events.disclosure import SearchDisclosed
from ledger.jurisdiction import SetProfile
from ledger.matching.shipped import shipped
from ledger.store.database import Database
from support.audited import Audited, boy, sister
from support.casework import ANA, BEN, WHY

MakeToken = Callable[..., str]
Get = Callable[..., Any]


@pytest.fixture
def audited(database: Database, new_ledger: Callable[..., Ledger]) -> Audited:
    """One link and one pair kept apart of January are checked."""
    audited = Audited(database, new_ledger)
    audited.links(0)
    audited.tells(sister(0))
    assert len(audited.at(2026, 2, 1)) == 2
    return audited


@pytest.fixture
def act(audited: Audited) -> str:
    return audited.matching.links()[0].act


@pytest.fixture
def both(audited: Audited, act: str) -> dict[str, str]:
    """The two cases."""
    (pair,) = audited.drawn("2026-01")[APART].pairs
    return {"linked": audited.about(act), "apart": audited.about(pair)}


@pytest.fixture
def get(client: TestClient, audited: Audited, make_token: MakeToken) -> Get:
    token = make_token("state_data_administrator", "TX", name="office of Texas")

    def get(path: str = "", **params: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        return client.get(f"/v1/cases{path}", params={"at_least": audited.ledger.log.head(), **params}, headers=headers)

    return get


def everything(told: Any) -> Iterator[tuple[str, Any]]:
    """Every field of an answer, however deep, with its value."""
    if isinstance(told, dict):
        for name, value in told.items():
            yield name, value
            yield from everything(value)
    elif isinstance(told, list):
        for one in told:
            yield from everything(one)


def giveaways(audited: Audited, act: str) -> set[str]:
    """What would tell."""
    decision = audited.matching.links()[0].decision
    assert decision is not None
    (pair,) = audited.drawn("2026-01")[APART].pairs
    weights = [decision.weight, pair.weight]
    return {
        act,
        shipped().version,
        *audited.matching.minted().values(),
        *(str(weight) for weight in weights),
        *(str(weight / 1000) for weight in weights),
    }


@pytest.mark.parametrize("which", ["linked", "apart"])
def test_an_open_check_tells_its_two_records_and_nothing_of_what_became_of_them(
    get: Get, audited: Audited, act: str, both: dict[str, str], which: str
) -> None:
    answer = get(f"/{both[which]}")
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["kind"] == "blind-check"
    assert (told["proposal"], told["candidates"], told["reason"]) == ({}, [], "")
    assert [record["state_student_id"] for record in told["records"]] in (["01", "01"], ["01", "02"])
    assert len(told["records"]) == 2, "a third would say that two of them are one student's"
    assert {record["student_id"] for record in told["records"]} == {None}
    assert not [word for word in giveaways(audited, act) if word in answer.text]


def test_the_two_checks_differ_in_nothing_but_their_records_and_places(get: Get, both: dict[str, str]) -> None:
    """Nothing else can tell: neither who is asked, nor in which order the two are named."""
    own = {"case_id", "position", "opened_at", "record", "state_student_id", "records"}
    linked, apart = (
        [(name, value) for name, value in everything(get(f"/{both[which]}").json()) if name not in own]
        for which in ("linked", "apart")
    )
    assert linked == apart
    listed = [
        [(name, value) for name, value in everything(case) if name not in own | {"state_student_id_b"}]
        for case in get().json()["cases"]
    ]
    assert len(listed) == 2
    assert listed[0] == listed[1]


def test_the_worklist_tells_no_weight_and_no_student_of_an_open_check(get: Get, audited: Audited, act: str) -> None:
    answer = get(kind="blind-check")
    for case in answer.json()["cases"]:
        assert (case["state_a"], case["state_b"]) == ("TX", "MI")
        assert {case[name] for name in ("score", "student_id_a", "student_id_b")} == {None}
    assert not [word for word in giveaways(audited, act) if word in answer.text]


def test_only_the_two_that_are_told_are_disclosed(get: Get, audited: Audited, both: dict[str, str]) -> None:
    get(f"/{both['apart']}")
    entries = [one.event for one in audited.ledger.access.read(0, 100) if isinstance(one.event, SearchDisclosed)]
    assert [len(entry.records) for entry in entries] == [2]


@pytest.mark.parametrize(("which", "yes"), [("linked", True), ("linked", False), ("apart", True), ("apart", False)])
def test_a_check_that_is_closed_tells_all(
    get: Get, audited: Audited, act: str, both: dict[str, str], which: str, *, yes: bool
) -> None:
    audited.answers(both[which], yes=yes)
    told = get(f"/{both[which]}").json()
    assert told["outcome"] == ("settled" if yes else "rejected")
    assert all(record["student_id"] for record in told["records"])
    if which == "linked":
        assert told["proposal"]["act"] == act
    else:
        (pair,) = audited.drawn("2026-01")[APART].pairs
        assert told["proposal"] == {"record": pair.record, "policy": shipped().version}
        assert [candidate["score"] for candidate in told["candidates"]] == [pair.weight / 1000]
        assert len(told["records"]) == 3
    [listed] = get(kind="blind-check", open="false").json()["cases"]
    assert listed["student_id_a"]
    assert (listed["score"] is None) == (which == "linked")


def test_a_check_whose_answer_waits_for_another_case_stays_blind_and_waits_for_nobody(
    client: TestClient, make_token: MakeToken, get: Get, audited: Audited, act: str, both: dict[str, str]
) -> None:
    """Else whoever reads it learns what the one who answered did not know."""
    audited.links(1)
    shown = audited.matching.shown()
    other = audited.ledger.proposals.propose_merge(shown["TX 01"], shown["TX 11"], shown["TX 11"], WHY, BEN).case
    headers = {"Authorization": f"Bearer {make_token('state_data_administrator', 'MI', name='ana')}"}
    said = {"answer": "yes", "reason": WHY}
    answer = client.post(f"/v1/cases/{both['apart']}/answer", json=said, headers={**headers, "Idempotency-Key": "1"})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["outcome"], answer.json()["act"]) == (None, None)
    read = get(f"/{both['apart']}")
    told = read.json()
    assert (told["outcome"], told["due_on"], told["proposal"], told["candidates"]) == (None, None, {}, [])
    assert [part["answer"] and part["answer"]["answer"] for part in told["asked"]] == ["yes", None]
    assert not [word for word in (*giveaways(audited, act), other) if word in read.text]
    mine = {case["case_id"] for case in get(mine="true").json()["cases"]}
    assert mine == {both["linked"], other}


def test_whoever_validates_a_yes_judges_blind_as_the_first_did_until_he_has_answered(
    get: Get, audited: Audited, act: str, both: dict[str, str]
) -> None:
    """Neither the case that he answers nor the check from which it comes tells him what he is to find for himself."""
    profile = SetProfile(state="TX", time_zone="America/Chicago", second_person_near_match=True)
    audited.ledger.set_jurisdiction("TX", profile, Meta(actor="office"))
    follows = audited.answers(both["apart"], yes=True).after.closed
    assert follows is not None
    assert follows.next is not None
    check = get(f"/{both['apart']}")
    validation = get(f"/{follows.next}")
    assert (check.json()["outcome"], validation.json()["kind"]) == ("settled", "validate-near-match")
    assert (validation.json()["proposed_by"], validation.json()["reason"]) == ("ana", WHY)
    for answer in (check, validation):
        told = answer.json()
        assert (told["proposal"], told["candidates"]) == ({}, [])
        assert [record["student_id"] for record in told["records"]] == [None, None]
        assert not [word for word in giveaways(audited, act) if word in answer.text]
    assert check.json()["records"] == validation.json()["records"]
    for listed in (get(kind="validate-near-match"), get(open="false")):
        (case,) = listed.json()["cases"]
        assert {case[name] for name in ("score", "student_id_a", "student_id_b")} == {None}
        assert not [word for word in giveaways(audited, act) if word in listed.text]
    entries = [one.event for one in audited.ledger.access.read(0, 100) if isinstance(one.event, SearchDisclosed)]
    assert {len(entry.records) for entry in entries} == {2}
    audited.ledger.casework.answer(follows.next, WHY, BEN, None, yes=True)
    (pair,) = audited.drawn("2026-01")[APART].pairs
    for case in (both["apart"], follows.next):
        told = get(f"/{case}").json()
        assert [candidate["score"] for candidate in told["candidates"]] == [pair.weight / 1000]
        assert len(told["records"]) == 3
        assert all(record["student_id"] for record in told["records"])


def test_whoever_validates_a_yes_to_a_question_that_was_not_blind_is_told_all(
    get: Get, audited: Audited, both: dict[str, str]
) -> None:
    profile = SetProfile(state="TX", time_zone="America/Chicago", second_person_near_match=True)
    audited.ledger.set_jurisdiction("TX", profile, Meta(actor="office"))
    audited.matching.tells(boy(1))
    of = {name: record for record, name in audited.matching.names().items()}
    near = audited.ledger.proposals.open_near_match(of["TX 11"], {of["MI 02"]: 3.5}, ANA).case
    closed = audited.answers(near, yes=True).after.closed
    assert closed is not None
    told = get(f"/{closed.next}").json()
    assert [candidate["score"] for candidate in told["candidates"]] == [3.5]
    assert all(record["student_id"] for record in told["records"])


def test_checks_stand_behind_all_other_cases_and_pages_join_by_their_cursor(
    get: Get, audited: Audited, both: dict[str, str]
) -> None:
    audited.matching.tells(boy(1))
    record = next(record for record, name in audited.matching.names().items() if name == "TX 11")
    later = [audited.ledger.proposals.open_changed("correction-comes-back", record, 1, ANA).case for _ in range(2)]
    told: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = get(limit=1, **cursor).json()
        told += [case["case_id"] for case in page["cases"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert told[:2] == later
    assert sorted(told[2:]) == sorted(both.values())
    assert told == [case["case_id"] for case in get().json()["cases"]]
