"""What is refused of linkage, and how cases are answered, written from the design's pages alone.

Whatever is refused says what is wrong and what to do, over HTTP and on the command line, and changes nothing.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from support.town import WHY, Child, Said, Town, merging, splitting

BECAUSE = ("--reason", WHY)


def refused(town: Town, who: str, path: str, body: Any) -> tuple[int, str]:
    """Status and type of a refusal that says what to do and writes nothing."""
    with town.nothing_written():
        said = town.no(who, "POST", path, body)
    assert said.remedy, said
    return said.status, said.code


def merge_refused(town: Town, left: Child | str, right: Child | str, master: str = "") -> Said:
    """A merge that is refused by HTTP and by the command line in the same words."""
    body = merging(left, right, master)
    with town.nothing_written():
        said = town.no("primary OR", "POST", "/v1/merges", body)
        lines = town.told_no("merge", body["left"], body["right"], "--master", body["master"], *BECAUSE)
    assert said.detail in "\n".join(lines)
    assert said.remedy, said
    assert said.remedy in "\n".join(lines)
    return said


# -- what cannot be proposed


def test_a_student_is_not_merged_with_itself(town: Town) -> None:
    a, b = town.child("OR"), town.child("CA")
    said = merge_refused(town, a, a)
    assert (said.status, said.code) == (422, "same-student")
    town.merged(a, b)
    assert merge_refused(town, a, b).code in ("same-student", "retired-id")


def test_a_retired_id_is_refused_and_the_one_that_is_shown_is_named(town: Town) -> None:
    a, b, c = town.child("OR"), town.child("CA"), town.child("TX")
    town.merged(a, b)
    said = merge_refused(town, c, b)
    assert (said.status, said.code) == (422, "retired-id")
    assert a.id in said.detail + said.remedy
    assert refused(town, "primary OR", "/v1/splits", splitting(b.id, [b])) == (422, "retired-id")


def test_an_id_that_was_never_issued_is_not_found_and_what_is_no_id_is_told_so(town: Town) -> None:
    a = town.child("OR")
    for odd in (
        "",
        " ",
        a.id[:-1],
        a.id[:-1] + str(9 - int(a.id[-1])),
        "٠" * 12,
        "x" * 12,
        "1" * 5000,
        a.id + "\u0000",
    ):
        with town.nothing_written():
            said = town.no("primary OR", "POST", "/v1/merges", merging(a, odd, a.id))
        assert said.status in (404, 422), odd
    unknown = next(f"00000000000{digit}" for digit in range(10) if _checks(f"00000000000{digit}"))
    said = merge_refused(town, a, unknown)
    assert (said.status, said.code) == (404, "not-found")


def _checks(number: str) -> bool:
    """ISO 7064 MOD 11,10, from the standard."""
    product = 10
    for digit in number[:-1]:
        product = ((product + int(digit)) % 10 or 10) * 2 % 11
    return (product + int(number[-1])) % 10 == 1


def test_a_master_outside_the_two_is_refused(town: Town) -> None:
    a, b, c = town.child("OR"), town.child("CA"), town.child("TX")
    said = merge_refused(town, a, b, master=c.id)
    assert (said.status, said.code) == (422, "not-of-student")


def test_a_record_under_a_case_is_proposed_for_nothing_else_and_takes_data(town: Town) -> None:
    a, b, c = town.child("OR"), town.child("CA"), town.child("TX")
    case = town.proposes(a, b)
    for said in (merge_refused(town, a, c), merge_refused(town, b, a)):
        assert (said.status, said.code) == (422, "under-case")
        assert case in said.detail
    town.fact(
        b, "enrollments", {"enrollment_date": "2025-04-21", "enrollment_type": "01", "school_or_project_name": "V"}
    )
    assert town.ids(a, b, c) == [a.id, b.id, c.id]
    town.settled(case, "no")
    town.merged(a, c)
    held = town.splits(a.id, [c])
    assert refused(town, "primary OR", "/v1/splits", splitting(a.id, [c])) == (422, "under-case")
    assert merge_refused(town, a, b).code == "under-case"
    town.settled(held, "no")
    assert town.ids(a, b, c) == [a.id, b.id, a.id]


def test_a_state_that_holds_no_record_concerned_settles_declares_and_takes_back_nothing(town: Town) -> None:
    a, b = town.child("OR"), town.child("CA")
    pair = {"left": a.id, "right": b.id, "reason": WHY}
    assert refused(town, "admin TX", "/v1/not-same", pair) == (422, "not-asked")
    case = town.proposes(a, b)
    yes = {"answer": "yes", "reason": WHY}
    assert refused(town, "admin TX", f"/v1/cases/{case}/answer", yes) == (422, "not-asked")
    with town.nothing_written():
        assert town.no("admin TX", "PUT", f"/v1/cases/{case}/lease", {}).code == "not-asked"
        assert town.no("admin TX", "GET", f"/v1/cases/{case}?at_least={town.service.head()}").status in (403, 404, 422)
    assert case not in json.dumps(town.read("admin TX", "/v1/cases", limit=200))
    assert case in json.dumps(town.read("admin CA", "/v1/cases", limit=200))
    act = town.settled(case)["act"]
    for query in ("", "?dry_run=true"):
        assert refused(town, "admin TX", f"/v1/acts/{act}/reversal{query}", {"reason": WHY}) == (422, "not-asked")
    undone = town.reverses(act)
    assert refused(town, "admin TX", f"/v1/acts/{undone['act']}/reversal", {"reason": WHY}) == (422, "not-asked")
    assert refused(town, "admin TX", f"/v1/cases/{undone['cases'][0]}/answer", yes) == (422, "not-asked")


@pytest.mark.parametrize(
    ("apart", "code"),
    [
        ("foreign", "not-of-student"),
        ("foreign among its own", "not-of-student"),
        ("all", "not-of-student"),
        ("all in parts", ""),
        ("twice", ""),
        ("in two parts", "not-of-student"),
        ("nobody's", "not-found"),
        ("no part", "invalid-request"),
        ("an empty part", "invalid-request"),
        ("no state", "not-found"),
    ],
)
def test_a_split_names_some_of_the_students_records_each_once(town: Town, apart: str, code: str) -> None:
    a, b, c = town.child("OR"), town.child("CA"), town.child("TX")
    town.merged(a, b)
    body = splitting(
        a.id,
        *{
            "foreign": [[c]],
            "foreign among its own": [[b, c]],
            "all": [[a, b]],
            "all in parts": [[a], [b]],
            "twice": [[b, b]],
            "in two parts": [[b], [b]],
            "nobody's": [[Child("CA", "nobody", "")]],
            "no part": [],
            "an empty part": [[]],
            "no state": [[Child("XX", b.ssid, "")]],
        }[apart],
    )
    answer = town.ask("primary OR", "POST", "/v1/splits", body)
    if not code:
        assert answer.status_code == 201, answer.text
        town.settled(answer.json()["case"])
        assert town.ids(a, b) == [a.id, b.id]
    else:
        assert answer.json()["type"] == f"/problems/{code}", answer.text
        assert town.ids(a, b) == [a.id, a.id]
        records = ",".join(f"{one['state']}:{one['state_student_id']}" for group in body["apart"] for one in group)
        if apart not in ("no part", "an empty part", "in two parts"):
            lines = town.told_no("split", a.id, "--records", records, *BECAUSE)
            assert len(lines) >= 2, lines


def test_an_act_is_taken_back_once_and_the_reversal_is_named(town: Town) -> None:
    a, b = town.child("OR"), town.child("CA")
    act = town.merged(a, b)
    undone = town.reverses(act)["act"]
    for query in ("", "?dry_run=true"):
        with town.nothing_written():
            said = town.no("admin CA", "POST", f"/v1/acts/{act}/reversal{query}", {"reason": WHY})
        assert (said.status, said.code) == (422, "act-already-reversed")
        assert undone in said.detail + said.remedy
    lines = town.told_no("reverse", act, *BECAUSE)
    assert undone in lines[0] + lines[1]


# -- two persons


@pytest.mark.parametrize("same", ["Inés", "INÉS", " inés ", "Ine\u0301s", "In\u200bés", "\uff29nés"])
def test_whoever_proposed_it_does_not_validate_it_however_the_name_is_written(town: Town, same: str) -> None:
    a, b = town.child("OR"), town.child("CA")
    case = town.command.json("merge", a.id, b.id, "--master", a.id, *BECAUSE, "--as", "Inés")["case"]
    with town.nothing_written():
        lines = town.told_no("answer", case, "yes", *BECAUSE, "--as", same)
    assert "proposed" in lines[0]
    assert town.ids(a, b) == [a.id, b.id]


def test_a_proposer_over_http_and_whoever_took_an_act_back_are_no_validators(town: Town) -> None:
    a, b = town.child("OR"), town.child("CA")
    case = town.proposes(a, b, who="admin OR")
    yes = {"answer": "yes", "reason": WHY}
    for answer in (yes, {**yes, "answer": "no"}):
        assert refused(town, "admin OR", f"/v1/cases/{case}/answer", answer) == (422, "own-proposal")
    assert town.answers("second OR", case)["outcome"] is None
    act = town.answers("admin CA", case)["act"]
    [case] = town.reverses(act, "admin CA")["cases"]
    assert refused(town, "admin CA", f"/v1/cases/{case}/answer", yes) == (422, "own-proposal")
    mine = town.read("admin CA", "/v1/cases", mine=True, limit=200)
    assert case not in json.dumps(mine)
    assert case in json.dumps(town.read("second CA", "/v1/cases", mine=True, limit=200))


def test_each_state_that_holds_a_record_is_asked_and_answers_once(town: Town) -> None:
    a, b, c = town.child("OR"), town.child("CA"), town.child("TX")
    town.merged(a, b)
    case = town.proposes(a, c)
    assert sorted(part["state"] for part in town.case(case)["asked"]) == ["CA", "OR", "TX"]
    yes = {"answer": "yes", "reason": WHY}
    assert town.answers("admin CA", case)["outcome"] is None
    assert refused(town, "second CA", f"/v1/cases/{case}/answer", yes) == (422, "already-answered")
    assert refused(town, "admin CA", f"/v1/cases/{case}/answer", {**yes, "answer": "no"}) == (422, "already-answered")
    assert town.answers("admin TX", case)["outcome"] is None
    assert town.ids(a, c) == [a.id, c.id]
    assert town.answers("admin OR", case)["outcome"] == "settled"
    assert town.ids(a, b, c) == [a.id] * 3
    said = town.no("second OR", "POST", f"/v1/cases/{case}/answer", yes)
    assert (said.status, said.code) == (422, "case-closed")
    assert "yes" in said.detail


def test_one_no_of_a_state_settles_it_and_it_may_be_proposed_again(town: Town) -> None:
    a, b = town.child("OR"), town.child("CA")
    case = town.proposes(a, b)
    assert town.answers("admin OR", case)["outcome"] is None
    told = town.answers("admin CA", case, "no")
    assert (told["outcome"], told["act"]) == ("rejected", None)
    assert town.ids(a, b) == [a.id, b.id]
    assert "no" in town.told_no("answer", case, "yes", *BECAUSE)[0]
    town.merged(a, b)


def test_an_operator_answers_for_the_states_that_have_yet_to(town: Town) -> None:
    a, b, c = town.child("OR"), town.child("CA"), town.child("TX")
    town.merged(a, b)
    case = town.proposes(a, c)
    town.answers("admin CA", case)
    told = town.command.json("answer", case, "yes", *BECAUSE, "--as", "olga")
    assert told["outcome"] == "settled"
    answers = {part["state"]: part["answer"] for part in town.case(case)["asked"]}
    assert "olga" not in json.dumps(answers["CA"])
    assert "olga" in json.dumps(answers["OR"])


# -- what came in between


def test_a_split_whose_merge_was_taken_back_meanwhile_is_overtaken(town: Town) -> None:
    a, b = town.child("OR"), town.child("CA")
    act = town.merged(a, b)
    case = town.splits(a.id, [b])
    town.reverses(act)
    told = town.settled(case) if town.case(case)["outcome"] is None else town.case(case)
    assert (told["outcome"], told["code"]) == ("overtaken", "not-of-student")
    assert town.ids(a, b) == [a.id, b.id]


def test_a_merge_of_a_pair_that_somebody_declared_different_meanwhile_is_overtaken(town: Town) -> None:
    a, b = town.child("OR"), town.child("CA")
    case = town.proposes(a, b)
    town.does("admin CA", "POST", "/v1/not-same", {"left": a.id, "right": b.id, "reason": WHY})
    told = town.settled(case)
    assert (told["outcome"], told["code"]) == ("overtaken", "bound-by-not-same")
    assert town.ids(a, b) == [a.id, b.id]


def test_a_merge_is_overtaken_where_a_state_holds_a_record_now_that_was_not_asked(town: Town) -> None:
    a, b, c = town.child("OR"), town.child("CA"), town.child("TX")
    undone = town.reverses(town.merged(b, c), "admin TX")["act"]
    case = town.proposes(a, b)
    assert sorted(part["state"] for part in town.case(case)["asked"]) == ["CA", "OR"]
    town.reverses(undone, "admin TX")
    assert town.ids(b, c) == [b.id, b.id]
    told = town.settled(case)
    assert (told["outcome"], told["code"]) == ("overtaken", "not-asked")
    assert town.ids(a, b, c) == [a.id, b.id, b.id]
    town.merged(a, b)


def test_a_reversal_that_is_not_validated_is_taken_back_unless_something_forbids_it(town: Town) -> None:
    a, b, c, d = town.child("OR"), town.child("CA"), town.child("OR"), town.child("CA")
    [case] = town.reverses(town.merged(a, b))["cases"]
    told = town.answers("second CA", case, "no")
    assert told["outcome"] == "rejected"
    assert told["act"]
    assert town.ids(a, b) == [a.id, a.id]

    [case] = town.reverses(town.merged(c, d))["cases"]
    declared = town.does("admin CA", "POST", "/v1/not-same", {"left": c.id, "right": d.id, "reason": WHY})["id"]
    assert declared, "what the reversal declared falls with it, and what a person said does not"
    told = town.answers("second CA", case, "no")
    assert (told["outcome"], told["code"]) == ("overtaken", "bound-by-not-same")
    assert town.ids(c, d) == [c.id, d.id]


def test_a_reversal_that_was_itself_taken_back_is_not_validated_any_more(town: Town) -> None:
    a, b = town.child("OR"), town.child("CA")
    undone = town.reverses(town.merged(a, b))
    town.reverses(undone["act"], "admin CA")
    [case] = undone["cases"]
    if (found := town.case(case))["outcome"] is None:
        found = town.answers("second CA", case, "no")
    assert (found["outcome"], found["code"]) == ("overtaken", "act-already-reversed")
    assert town.ids(a, b) == [a.id, a.id]


# -- two at once


def both(*asking: Any) -> list[Any]:
    """The answers to requests that are sent at the same time."""
    with ThreadPoolExecutor(len(asking)) as people:
        return [one.result() for one in [people.submit(ask) for ask in asking]]


def test_of_two_answers_at_once_one_counts(town: Town) -> None:
    for _ in range(3):
        a, b = town.child("OR"), town.child("OR")
        path = f"/v1/cases/{town.proposes(a, b)}/answer"
        yes, no = both(
            lambda path=path: town.ask("admin OR", "POST", path, {"answer": "yes", "reason": WHY}),
            lambda path=path: town.ask("second OR", "POST", path, {"answer": "no", "reason": WHY}),
        )
        assert sorted((yes.status_code, no.status_code)) == [200, 422]
        loser = yes if no.status_code == 200 else no
        assert loser.json()["type"] in ("/problems/case-closed", "/problems/already-answered")
        assert town.ids(b) == [a.id if yes.status_code == 200 else b.id]


def test_of_two_states_that_say_yes_at_once_the_second_settles_it_once(town: Town) -> None:
    a, b = town.child("OR"), town.child("CA")
    path = f"/v1/cases/{town.proposes(a, b)}/answer"
    body = {"answer": "yes", "reason": WHY}
    told = both(
        lambda: town.does("admin OR", "POST", path, body),
        lambda: town.does("admin CA", "POST", path, body),
    )
    assert sorted(one["outcome"] or "" for one in told) == ["", "settled"]
    assert town.ids(a, b) == [a.id, a.id]


def test_of_two_reversals_and_of_two_crossing_merges_at_once_one_is_done(town: Town) -> None:
    a, b = town.child("OR"), town.child("CA")
    merges = both(
        lambda: town.ask("primary OR", "POST", "/v1/merges", merging(a, b)),
        lambda: town.ask("primary CA", "POST", "/v1/merges", merging(b, a)),
    )
    assert sorted(one.status_code for one in merges) == [201, 422]
    [case] = [one.json()["case"] for one in merges if one.status_code == 201]
    act = town.settled(case)["act"]
    reversals = both(
        *(
            lambda who=who: town.ask(who, "POST", f"/v1/acts/{act}/reversal", {"reason": WHY})
            for who in ("admin OR", "admin CA")
        )
    )
    assert sorted(one.status_code for one in reversals) == [201, 422]
    assert town.ids(a, b) == [a.id, b.id]


def test_a_lease_keeps_others_out_until_it_is_given_back(town: Town) -> None:
    a, b = town.child("OR"), town.child("OR")
    case = town.proposes(a, b)
    lease, answer = f"/v1/cases/{case}/lease", f"/v1/cases/{case}/answer"
    town.does("admin OR", "PUT", lease, {"minutes": 5})
    town.does("admin OR", "PUT", lease, {"minutes": 120})
    assert "admin OR" in json.dumps(town.case(case)["lease"])
    for method, path, body in (("PUT", lease, {}), ("POST", answer, {"answer": "yes", "reason": WHY})):
        said = town.no("second OR", method, path, body)
        assert (said.status, said.code) == (409, "leased")
        assert "admin OR" in said.detail
    assert "admin OR" in "".join(town.told_no("answer", case, "yes", *BECAUSE, "--as", "ben"))
    assert town.ask("second OR", "DELETE", lease).status_code == 204
    assert town.no("second OR", "PUT", lease, {}).code == "leased", "nobody gives back what is another's"
    assert town.ask("admin OR", "DELETE", lease).status_code == 204
    town.does("second OR", "PUT", lease, {})
    assert town.answers("second OR", case)["outcome"] == "settled"
    assert town.no("second OR", "PUT", lease, {}).code == "case-closed"


def test_a_lease_is_for_those_alone_who_may_answer(town: Town) -> None:
    a, b = town.child("OR"), town.child("CA")
    case = town.proposes(a, b, who="admin OR")
    lease = f"/v1/cases/{case}/lease"
    town.answers("admin CA", case)
    for who, code in (("admin TX", "not-asked"), ("admin OR", "own-proposal"), ("second CA", "already-answered")):
        said = town.no(who, "PUT", lease, {})
        assert (said.status, said.code) == (422, code), who
        assert said.remedy
    assert town.case(case)["lease"] is None
    town.does("second OR", "PUT", lease, {})
    assert town.answers("second OR", case)["outcome"] == "settled"


@pytest.mark.parametrize("minutes", [0, -1, 121, 1.5, "15", None, True, 10**30])
def test_a_lease_is_for_one_to_120_whole_minutes(town: Town, minutes: Any) -> None:
    case = town.proposes(town.child("OR"), town.child("OR"))
    said = town.no("admin OR", "PUT", f"/v1/cases/{case}/lease", {"minutes": minutes})
    assert (said.status, said.code) == (422, "invalid-request")
