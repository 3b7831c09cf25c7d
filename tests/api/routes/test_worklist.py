"""The worklist over HTTP: who is told of which cases, what is told, and that it is recorded first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.schemas.worklist import AskedAnswer, CaseAnswer, ListedAnswer, PartAnswer
from ledger.application import Ledger
from ledger.events.disclosure import DisclosureRefused, SearchDisclosed
from support.casework import ANA, BEN, CA, OFFICES, OR, WHY, Work, destroy

MakeToken = Callable[..., str]
Get = Callable[..., Any]
ADMINISTRATORS = {
    "district": ("district_data_administrator", {"region": "R2", "district": "4113770"}),
    "region": ("regional_data_administrator", {"region": "R2"}),
    "state": ("state_data_administrator", {}),
}


@pytest.fixture
def work(ledger: Ledger) -> Work:
    return Work(ledger)


@pytest.fixture
def get(client: TestClient, ledger: Ledger, make_token: MakeToken) -> Get:
    """A reading as an office of Oregon, or with another token, at the head of the ledger."""
    tokens: dict[str, str] = {}

    def get(path: str = "", office: str = "state", token: str | None = None, **params: Any) -> Any:
        role, narrowed = ADMINISTRATORS[office]
        if token is None:
            if office not in tokens:
                tokens[office] = make_token(role, name=f"{office} of Oregon", **narrowed)
            token = tokens[office]
        headers = {"Authorization": f"Bearer {token}", **params.pop("headers", {})}
        return client.get(f"/v1/cases{path}", params={"at_least": ledger.log.head(), **params}, headers=headers)

    return get


def cases(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [case["case_id"] for case in answer.json()["cases"]]


def entries(ledger: Ledger) -> list[SearchDisclosed]:
    return [one.event for one in ledger.access.read(0, 100) if isinstance(one.event, SearchDisclosed)]


# -- the list


def test_a_near_match_is_listed_with_both_sides_and_before_whom_it_lies(get: Get, work: Work) -> None:
    a, b, c = work.opened("OR", "7", "4113770"), work.opened("CA", "8"), work.opened("TX", "9")
    work.merged(c, b)
    case = work.proposals.open_near_match(work.record(a), {work.record(b): 11.5, work.record(c): 4.0}, ANA).case
    body = get().json()
    [told] = body["cases"]
    assert body["position"] >= told["position"]
    assert body["next"] is None
    assert (told["case_id"], told["kind"], told["score"], told["outcome"]) == (case, "near-match", 11.5, None)
    assert [told[name] for name in ("state_a", "state_student_id_a", "student_id_a")] == ["OR", "7", a]
    assert [told[name] for name in ("state_b", "state_student_id_b", "student_id_b")] == ["CA", "8", c]
    places = {part["state"]: (part["level"], part["region"], part["district"]) for part in told["asked"]}
    assert places == {
        "CA": ("state", None, None),
        "OR": ("district", "R2", "4113770"),
        "TX": ("state", None, None),
    }
    assert told["due_on"] == min(part["due_on"] for part in told["asked"])
    assert set(told) == set(ListedAnswer.model_fields)
    assert all(set(part) == set(PartAnswer.model_fields) for part in told["asked"])


def test_an_office_is_told_what_lies_with_it_and_below_and_no_other_state_s(get: Get, work: Work) -> None:
    a, b = work.opened("OR", "7", "4113770"), work.opened("OR", "8", "4100009")
    c, d = work.opened("CA", "9"), work.opened("CA", "10")
    cases_of = [
        work.proposals.open_changed("different-child", work.record(minted), 1, ANA).case for minted in (a, b, c, d)
    ]
    assert cases(get(office="district")) == cases(get(office="region")) == cases_of[:1]
    assert cases(get()) == cases_of[:2]
    assert cases(get(district="4100009")) == cases_of[1:2]
    assert cases(get(region="R2")) == cases_of[:1]
    work.cases.assign(cases_of[1], OFFICES["4113770"][0], ANA, OR)
    assert cases(get(office="district")) == cases(get(office="region")) == cases_of[:2]


def test_an_auditor_is_told_of_every_state_unless_the_token_is_narrowed_to_one(
    get: Get, work: Work, make_token: MakeToken
) -> None:
    a, c = work.opened("OR", "7", "4113770"), work.opened("CA", "9")
    first, second = (
        work.proposals.open_changed("different-child", work.record(minted), 1, ANA).case for minted in (a, c)
    )
    of_all, of_one = make_token("auditor", None), make_token("auditor", "CA")
    assert cases(get(token=of_all)) == [first, second]
    assert cases(get(token=of_all, state="OR", region="R2")) == [first]
    assert cases(get(token=of_one)) == [second]
    assert get(token=of_one, state="OR").status_code == 403


def test_settled_cases_are_not_mixed_with_open_ones(get: Get, work: Work) -> None:
    a, b = work.opened("OR", "7"), work.opened("CA", "8")
    first = work.proposals.propose_merge(a, b, a, WHY, ANA).case
    second = work.proposals.open_changed("different-child", work.record(a), 1, ANA).case
    work.cases.answer(first, WHY, BEN, None, yes=True)
    assert cases(get()) == cases(get(open="true")) == [second]
    [closed] = get(open="false").json()["cases"]
    assert (closed["case_id"], closed["outcome"], closed["due_on"]) == (first, "settled", None)
    assert closed["closed_at"]
    assert cases(get(open="false", kind="different-child")) == []


def test_mine_is_what_waits_for_whoever_asks(get: Get, work: Work) -> None:
    a, b = work.opened("OR", "7"), work.opened("CA", "8")
    case = work.proposals.propose_merge(a, b, a, WHY, ANA).case
    assert cases(get(mine="true")) == [case]
    work.cases.assign(case, OR, ANA, OR, ["carla"])
    assert cases(get(mine="true")) == []
    work.cases.assign(case, OR, ANA, OR, ["carla", "State of  Oregon"])
    assert cases(get(mine="true")) == [case]
    work.cases.answer(case, WHY, BEN, OR, yes=True)
    assert cases(get(mine="true")) == []
    assert cases(get()) == [case]


def test_pages_join_by_their_cursor(get: Get, work: Work) -> None:
    record = work.record(work.opened("OR", "7"))
    there = [work.proposals.open_changed("correction-comes-back", record, 1, ANA).case for _ in range(5)]
    told: list[str] = []
    params: dict[str, Any] = {"limit": 2}
    while params.get("cursor", "") is not None:
        answer = get(**params)
        told += cases(answer)
        params["cursor"] = answer.json()["next"]
    assert told == there


def test_a_listing_is_recorded_with_every_record_concerned_and_the_names_of_the_filters(
    get: Get, work: Work, ledger: Ledger
) -> None:
    a, b, c = work.opened("OR", "7", "4113770"), work.opened("CA", "8"), work.opened("TX", "9")
    work.merged(b, c)
    work.proposals.propose_merge(a, b, a, WHY, ANA)
    get(region="R2", mine="true", headers={"Purpose": "to settle cases"})
    get(kind="near-match")
    first, second = entries(ledger)
    assert (first.view, first.fields, first.purpose) == ("worklist", ["region", "mine"], "to settle cases")
    assert set(first.records) == {work.record(minted) for minted in (a, b, c)}
    assert (second.fields, second.records) == (["kind"], [])


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"state": "CA"}, 403),
        ({"state": "XX"}, 422),
        ({"kind": "merge"}, 422),
        ({"region": "R 2"}, 422),
        ({"district": "411377\x00"}, 422),
        ({"open": "yes"}, 422),
        ({"mine": "1"}, 422),
        ({"limit": "0"}, 422),
        ({"cursor": "a"}, 422),
    ],
)
def test_what_cannot_be_asked_for_is_refused_before_anything_is_shown(
    get: Get, ledger: Ledger, params: dict[str, str], status: int
) -> None:
    assert get(**params).status_code == status
    assert entries(ledger) == []


def test_a_token_s_office_cannot_ask_for_another_one(get: Get) -> None:
    assert get(office="district", district="4100009").status_code == 403
    assert get(office="region", region="R3").status_code == 403
    assert get(office="district", region="R2").status_code == 200


@pytest.mark.parametrize(
    ("office", "params"),
    [("state", {"state": "CA"}), ("district", {"district": "4100009"}), ("region", {"region": "R3"})],
)
def test_a_filter_that_is_refused_has_its_entry_and_names_no_case(
    get: Get, work: Work, ledger: Ledger, office: str, params: dict[str, str]
) -> None:
    work.proposals.open_changed("different-child", work.record(work.opened("CA", "7")), 1, ANA)
    assert get(office=office, headers={"Purpose": "looking"}, **params).status_code == 403
    [recorded] = ledger.access.read(0, 100)
    assert recorded.stream.startswith("request/")
    assert recorded.meta.actor == f"{office} of Oregon"
    event = recorded.event
    assert isinstance(event, DisclosureRefused)
    assert (event.view, event.purpose, event.own_state) == ("worklist", "looking", "OR")
    assert event.rule.endswith("-11")


def test_an_auditor_names_the_state_of_a_region_and_nothing_waits_for_him(get: Get, make_token: MakeToken) -> None:
    auditor = make_token("auditor", None)
    for params in ({"region": "R2"}, {"mine": "true"}):
        assert get(token=auditor, **params).status_code == 422


@pytest.mark.parametrize("role", ["state_batch_submitter", "operator", "recruiter", "secondary_user"])
def test_who_settles_nothing_is_told_of_no_case(get: Get, work: Work, make_token: MakeToken, role: str) -> None:
    a = work.opened("OR", "7")
    case = work.proposals.open_changed("different-child", work.record(a), 1, ANA).case
    token = make_token(role)
    assert get(token=token).status_code == get(f"/{case}", token=token).status_code == 403


def test_who_asks_for_a_case_of_another_office_is_refused_and_that_is_recorded_of_each_record(
    get: Get, work: Work, make_token: MakeToken, ledger: Ledger
) -> None:
    a, b = work.opened("OR", "7"), work.opened("CA", "8")
    case = work.proposals.propose_merge(a, b, a, WHY, ANA).case
    before = ledger.access.head()
    texas = make_token("state_data_administrator", "TX", name="office of Texas")
    assert get(f"/{case}", token=texas).status_code == 422
    refused = ledger.access.read(before, 10)
    assert {recorded.stream for recorded in refused} == {f"disclosure/{work.record(minted)}" for minted in (a, b)}
    for recorded in refused:
        assert isinstance(recorded.event, DisclosureRefused)
        assert (recorded.event.view, recorded.event.rule, recorded.meta.actor) == ("case", "SA-11", "office of Texas")


# -- one case


def test_a_case_is_told_with_its_records_its_answers_and_who_is_at_it(get: Get, work: Work, ledger: Ledger) -> None:
    a, b = work.opened("OR", "7", "4113770"), work.opened("CA", "8")
    case = work.proposals.propose_merge(a, b, b, "One mother.", ANA).case
    work.cases.answer(case, "I know the family.", BEN, CA, yes=True)
    lease = work.cases.lease(case, "carla", OR, 20)
    told = get(f"/{case}", office="district").json()
    assert (told["kind"], told["proposed_by"], told["reason"]) == ("validate-merge", "ana", "One mother.")
    assert told["proposal"] == {"left": a, "right": b, "master": b}
    assert told["records"] == [
        {"record": work.record(minted), "state": state, "state_student_id": ssid, "student_id": minted}
        for minted, state, ssid in ((a, "OR", "7"), (b, "CA", "8"))
    ]
    california, oregon = told["asked"]
    assert california["answer"] == {
        "answer": "yes",
        "by": "ben",
        "reason": "I know the family.",
        "place": {"state": "CA", "level": "state", "region": None, "district": None},
    }
    assert (oregon["answer"], oregon["answered"]) == (None, False)
    assert [step["level"] for step in oregon["steps"]] == ["district", "region", "state"]
    assert told["lease"]["holder"] == lease.holder == "carla"
    assert set(told) == set(CaseAnswer.model_fields)
    assert set(oregon) == set(AskedAnswer.model_fields)
    CaseAnswer.model_validate(told)
    [entry] = entries(ledger)
    assert (entry.view, entry.fields) == ("case", ["case_id"])
    assert set(entry.records) == {work.record(a), work.record(b)}


def test_the_candidates_of_a_near_match_come_best_first_with_their_scores(get: Get, work: Work) -> None:
    a, b, c = work.opened("OR", "7"), work.opened("CA", "8"), work.opened("TX", "9")
    work.merged(b, c)
    case = work.proposals.open_near_match(work.record(a), {work.record(b): 4.0, work.record(c): 9.25}, ANA).case
    told = get(f"/{case}").json()
    assert [(one["state"], one["state_student_id"], one["student_id"], one["score"]) for one in told["candidates"]] == [
        ("TX", "9", b, 9.25),
        ("CA", "8", b, 4.0),
    ]
    assert told["proposal"] == {"record": work.record(a), "policy": None}


def test_of_every_kind_it_is_told_what_is_asked(get: Get, work: Work) -> None:
    a, b, c = work.opened("OR", "7"), work.opened("OR", "8"), work.opened("OR", "9")
    act = work.merged_act(a, b)
    later = work.merged_act(a, c)
    split = work.proposals.propose_split(a, [[work.record(c)]], WHY, ANA).case
    work.cases.answer(split, WHY, BEN, None, yes=False)
    undone = work.reversals.reverse(act, WHY, BEN, None)
    validate, *residues = undone.cases
    changed = work.proposals.open_changed("correction-comes-back", work.record(a), 3, ANA).case
    doubtful = work.proposals.open_doubtful(later, 4, ANA).case

    def proposal(case: str) -> Any:
        return get(f"/{case}").json()["proposal"]

    others = [work.record(minted) for minted in (a, b)]
    assert proposal(split) == {"groups": [[work.record(c)], others]}
    assert proposal(validate) == {"act": undone.act, "reverses": act}
    assert [proposal(residue) for residue in residues] == [{"act": later, "reversal": undone.act}]
    assert proposal(changed) == {"position": 3}
    assert proposal(doubtful) == {"act": later, "position": 4}


def test_how_a_case_ended_is_told(get: Get, work: Work) -> None:
    a, b = work.opened("OR", "7"), work.opened("CA", "8")
    case = work.proposals.propose_merge(a, b, a, WHY, ANA).case
    done = work.cases.answer(case, WHY, BEN, None, yes=True).after.closed
    assert done is not None
    told = get(f"/{case}").json()
    assert (told["outcome"], told["act"], told["automatic"], told["lease"]) == ("settled", done.act, False, None)
    assert told["asked"][0]["answer"]["place"] is None, "an operator answered"
    assert [named["student_id"] for named in told["records"]] == [a, a]


def test_what_the_reader_holds_is_current_until_something_is_said_or_a_record_moves(
    get: Get, work: Work, ledger: Ledger
) -> None:
    a, b, c = work.opened("OR", "7"), work.opened("CA", "8"), work.opened("TX", "9")
    case = work.proposals.open_changed("different-child", work.record(a), 1, ANA).case
    etag = get(f"/{case}").headers["ETag"]
    work.opened("TX", "10")

    def again() -> int:
        return get(f"/{case}", headers={"If-None-Match": etag}).status_code

    assert again() == 304
    assert len(entries(ledger)) == 2, "a 304 is disclosed too"
    act = work.merged_act(b, a)
    assert again() == 200
    work.reversals.reverse(act, WHY, BEN, None)
    assert again() == 304
    work.cases.lease(case, "carla", OR, 5)
    assert again() == 200
    assert work.record(c)


def test_a_case_is_named_as_it_names_itself(get: Get, work: Work) -> None:
    case = work.proposals.open_changed("different-child", work.record(work.opened("OR", "7")), 1, ANA).case
    assert get(f"/{case}").json()["case_id"] == get(f"/{case.upper()}").json()["case_id"] == case
    for wrong in (f"urn:uuid:{case}", f"{{{case}}}", case.replace("-", ""), "nothing"):
        assert get(f"/{wrong}").json()["type"] == "/problems/not-found", wrong


def test_only_the_office_that_a_case_lies_with_reads_it(
    get: Get, work: Work, make_token: MakeToken, ledger: Ledger
) -> None:
    a, b = work.opened("OR", "7", "4100009"), work.opened("CA", "8")
    case = work.proposals.open_changed("different-child", work.record(a), 1, ANA).case
    assert get(f"/{case}", office="district").json()["type"] == "/problems/forbidden"
    assert get(f"/{case}", office="region").json()["type"] == "/problems/forbidden"
    california = make_token("state_data_administrator", "CA")
    assert get(f"/{case}", token=california).json()["type"] == "/problems/not-asked"
    assert entries(ledger) == []
    assert get(f"/{case}").status_code == get(f"/{case}", token=make_token("auditor", None)).status_code == 200
    assert work.record(b)


@pytest.mark.parametrize("case", ["01990000-0000-7000-8000-000000000000", "1", "%00"])
def test_a_case_that_is_not_there_is_not_found(get: Get, ledger: Ledger, case: str) -> None:
    assert get(f"/{case}").status_code == 404
    assert entries(ledger) == []


def test_a_record_that_was_destroyed_meanwhile_leaves_the_case_to_be_read(get: Get, work: Work, ledger: Ledger) -> None:
    a, b = work.opened("OR", "7"), work.opened("CA", "8")
    case = work.proposals.propose_merge(a, b, a, WHY, ANA).case
    assert cases(get()) == [case]
    destroy(ledger.database, b)
    [told] = get().json()["cases"]
    assert told["student_id_b"] == b
