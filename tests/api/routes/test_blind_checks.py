"""A blind check over HTTP: while it is open nothing tells whether its two records are linked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace
from starlette.testclient import TestClient

from ledger.access import Decision, Who, decide
from ledger.application import Ledger
from ledger.audit import APART
from ledger.errors import StoreUnavailable
from ledger.events import Meta
from ledger.events.disclosure import SearchDisclosed
from ledger.jurisdiction import SetProfile
from ledger.matching.shipped import shipped
from ledger.matching.traits import Attendance
from ledger.store.database import Database
from ledger.store.sequencer import Sequencer
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


def _rule() -> Decision:
    return decide(Who("state_data_administrator", "TX"), "case.read")


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
    linked, apart = (get(f"/{both[which]}").json() for which in ("linked", "apart"))
    for told in (linked, apart):
        for record in told["records"]:
            assert set(record.pop("facts")) == {"core", "contacts"} == set(_rule().sections)
    assert [(name, value) for name, value in everything(linked) if name not in own] == [
        (name, value) for name, value in everything(apart) if name not in own
    ]
    listed = [
        [(name, value) for name, value in everything(case) if name not in own | {"state_student_id_b"}]
        for case in get().json()["cases"]
    ]
    assert len(listed) == 2
    assert listed[0] == listed[1]


def test_an_open_check_tells_beside_each_other_what_each_state_says_of_the_child(
    get: Get, audited: Audited, act: str, both: dict[str, str]
) -> None:
    """So nobody has to look one of them up, and to see its student. Of two that are linked neither is told as the
    student is: each has its own facts."""
    texan, other = sorted(get(f"/{both['linked']}").json()["records"], key=lambda record: record["state"], reverse=True)
    assert (texan["state"], other["state"]) == ("TX", "MI")
    for record in (texan, other):
        core, contacts = record["facts"]["core"], record["facts"]["contacts"]
        assert (core["first_name"], core["last_name_1"], core["last_name_2"]) == (
            "Wilber Esteban",
            "Quintero",
            "Medrano",
        )
        assert (core["birth_date"], core["sex"]) == ("2014-01-10", "Male")
        assert (core["birth_city"], core["birth_state"], core["birth_country"]) == ("Tlaxiaco", "Oaxaca", "MX")
        assert (contacts["male_parent_first_name"], contacts["female_parent_first_name"]) == ("Eleuterio", "Rosaura")
        assert len(core["demographics"]) == 1, "of the other state's nothing is mixed in"
    brother, sister_of = sorted(
        get(f"/{both['apart']}").json()["records"], key=lambda record: record["state_student_id"]
    )
    assert [record["facts"]["core"]["first_name"] for record in (brother, sister_of)] == [
        "Wilber Esteban",
        "Yaretzi Noemí",
    ]


def test_what_a_state_enrolled_and_corrected_stands_with_its_record_and_the_ledgers_own_number_does_not(
    get: Get, audited: Audited, act: str, both: dict[str, str]
) -> None:
    """The number that a state sent back would name the student."""
    school = Attendance(begins=date(2025, 9, 2), state="TX", school="480000100001", grade="05")
    number = audited.matching.shown()["TX 01"]
    audited.tells(replace(boy(0), birth_city="Tlaxiaco de Oaxaca", attendances=(school,), sent_id=number))
    answer = get(f"/{both['linked']}")
    (texan,) = [record["facts"] for record in answer.json()["records"] if record["state"] == "TX"]
    assert texan["core"]["birth_city"] == "Tlaxiaco de Oaxaca"
    assert [one["enrollment_date"] for one in texan["core"]["enrollments"]] == ["2025-09-02"]
    assert number not in answer.text
    assert "sources" not in {name for name, _ in everything(texan)}


def test_a_check_that_another_person_validates_tells_him_the_facts_too_and_a_retracted_record_tells_none(
    get: Get, audited: Audited, both: dict[str, str]
) -> None:
    profile = SetProfile(state="TX", time_zone="America/Chicago", second_person_near_match=True)
    audited.ledger.set_jurisdiction("TX", profile, Meta(actor="office"))
    closed = audited.answers(both["apart"], yes=True).after.closed
    assert closed is not None
    given = [record["facts"]["core"]["first_name"] for record in get(f"/{closed.next}").json()["records"]]
    assert sorted(given) == ["Wilber Esteban", "Yaretzi Noemí"]
    audited.matching.retracts(sister(0))
    facts = {record["state_student_id"]: record["facts"] for record in get(f"/{closed.next}").json()["records"]}
    assert "first_name" not in facts["02"]["core"]
    assert facts["01"]["core"]["first_name"] == "Wilber Esteban"


def test_the_worklist_tells_no_weight_and_no_student_of_an_open_check(get: Get, audited: Audited, act: str) -> None:
    answer = get(kind="blind-check")
    for case in answer.json()["cases"]:
        assert (case["state_a"], case["state_b"]) == ("TX", "MI")
        assert {case[name] for name in ("score", "student_id_a", "student_id_b")} == {None}
    assert not [word for word in giveaways(audited, act) if word in answer.text]


def test_only_the_two_that_are_told_are_disclosed(get: Get, audited: Audited, both: dict[str, str]) -> None:
    told = get(f"/{both['apart']}").json()
    entries = [one.event for one in audited.ledger.access.read(0, 100) if isinstance(one.event, SearchDisclosed)]
    assert [set(entry.records) for entry in entries] == [{record["record"] for record in told["records"]}]
    assert [entry.view for entry in entries] == ["case-facts"], "that more than ids were told is on record"


def test_no_fact_of_a_check_leaves_before_its_entry_is_durable(
    get: Get, audited: Audited, both: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> Any:
        raise StoreUnavailable("PostgreSQL went away.", remedy="Wait.")

    monkeypatch.setattr(Sequencer, "submit_async", away)
    answer = get(f"/{both['apart']}")
    assert answer.status_code == 503
    assert "Quintero" not in answer.text


@pytest.mark.parametrize(("which", "yes"), [("linked", True), ("linked", False), ("apart", True), ("apart", False)])
def test_a_check_that_is_closed_tells_all(
    get: Get, audited: Audited, act: str, both: dict[str, str], which: str, *, yes: bool
) -> None:
    audited.answers(both[which], yes=yes)
    told = get(f"/{both[which]}").json()
    assert told["outcome"] == ("settled" if yes else "rejected")
    assert all(record["student_id"] and "facts" not in record for record in told["records"])
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
