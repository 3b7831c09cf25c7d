"""What acts of linkage do and what their reversals leave, written from the design's pages alone.

Every test makes children of its own in three states, acts through HTTP or the command line, and compares with what was
shown before, or with children to whom nothing happened.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.bodies import CHILD, ENROLLMENT, MOVE
from support.town import WHY, Child, Town, merging, splitting

COURSE = {
    "course_title": "Algebra I",
    "begin_academic_year": "2024",
    "end_academic_year": "2025",
    "course_section": "01",
    "term_type": "0827",
    "credits_granted": "0.50",
    "final_grade": "B",
}
SECTIONS = ("core", "contacts", "health")


def told(town: Town, *children: Child) -> list[dict[str, Any]]:
    """What is shown of students, without what an act may move: their positions and the words' own times."""
    return [{name: one[name] for name in SECTIONS} for one in (town.shown(child.id) for child in children)]


def history(town: Town, student_id: str) -> list[dict[str, Any]]:
    return town.read("auditor", f"/v1/students/{student_id}/history", limit=1000)["history"]


def searched(town: Town, **asked: str) -> list[str]:
    found = town.does("auditor", "POST", "/v1/students/search", asked, params={"at_least": town.service.head()})
    return [hit["student_id"] for hit in found["students"]]


def joined_again_is(town: Town, left: Child, right: Child) -> str:
    """The problem that a merge of the two is refused with."""
    return town.no(f"primary {left.state}", "POST", "/v1/merges", merging(left, right)).code


# -- ids


def test_every_way_of_reading_takes_the_id_that_is_not_shown_any_more(town: Town) -> None:
    a, b = town.child("OR"), town.child("CA")
    town.merged(a, b)
    by_shown, by_retired = town.shown(a.id), town.shown(b.id)
    assert by_shown["core"] == by_retired["core"]
    assert by_retired["student_id"] == a.id
    for trail in ("records", "history"):
        assert (
            town.read("auditor", f"/v1/students/{a.id}/{trail}")[trail]
            == town.read("auditor", f"/v1/students/{b.id}/{trail}")[trail]
        ), trail
    assert town.read("auditor", f"/v1/students/{b.id}/disclosures")["disclosures"]
    assert town.command.json("student", b.id)["student_id"] == a.id
    assert town.command.json("history", b.id) == town.command.json("history", a.id)
    listed = {row["state_student_id"]: row["student_id"] for row in town.command.json("students")}
    assert (listed[a.ssid], listed[b.ssid]) == (a.id, a.id)


def test_the_records_that_are_shown_as_joined_tell_which_id_each_minted(town: Town) -> None:
    a, b = town.child("OR"), town.child("CA")
    town.merged(b, a)
    records = town.read("auditor", f"/v1/students/{a.id}/records")["records"]
    assert {(one["state"], one["state_student_id"], one["minted"]) for one in records} == {
        ("OR", a.ssid, a.id),
        ("CA", b.ssid, b.id),
    }


def test_the_master_is_the_one_that_was_named_and_not_the_one_on_the_left(town: Town) -> None:
    a, b = town.child("OR"), town.child("CA")
    town.settled(town.proposes(a, b, master=b.id))
    assert town.ids(a, b) == [b.id, b.id]


# -- reversal


def test_what_came_between_a_merge_and_its_reversal_stays_with_the_record_it_came_for(town: Town) -> None:
    def live(one: Child) -> None:
        """The same life for each: a fact that stays, one that is corrected, one that is taken back."""
        town.fact(one, "courses", COURSE)
        [grade] = town.fact(one, "enrollments", {**ENROLLMENT, "enrollment_date": "2025-05-02"})["outcomes"]
        town.fact(one, "corrections", {"fact": grade["fact"], "elements": {"grade_level": "08"}})
        [gone] = town.fact(one, "enrollments", {**ENROLLMENT, "enrollment_date": "2025-05-09"})["outcomes"]
        town.fact(one, "retractions", {"fact": gone["fact"]})

    a, b = town.child("OR", enrollments=[ENROLLMENT]), town.child("CA", demographics=[{**CHILD, "first_name": "Mar"}])
    c, d = town.child("OR", enrollments=[ENROLLMENT]), town.child("CA", demographics=[{**CHILD, "first_name": "Mar"}])
    act = town.merged(a, b)
    for one in (a, b, c, d):
        live(one)
    town.reverses(act)
    assert town.ids(a, b) == [a.id, b.id]
    assert _nameless(town, a, b) == _nameless(town, c, d)


def _nameless(town: Town, *children: Child) -> list[Any]:
    """What is shown, with ids and instants away: comparable between one child and another."""
    found = []
    for child, shown in zip(children, told(town, *children), strict=True):
        [record] = shown["core"]["records"]
        text = json.dumps(shown)
        for own in (child.id, child.ssid, record["record"]):
            text = text.replace(own, "-")
        found.append(json.loads(text, object_hook=lambda held: {k: v for k, v in held.items() if k != "recorded_at"}))
    return found


def test_an_undo_can_be_undone_and_that_too_and_every_id_is_back_each_time(town: Town) -> None:
    a, b = town.child("OR"), town.child("CA")
    apart = told(town, a, b)
    act = town.merged(a, b)
    joined = told(town, a)
    for _ in range(2):
        act = town.reverses(act)["act"]
        assert town.ids(a, b) == [a.id, b.id]
        assert told(town, a, b) == apart
        assert joined_again_is(town, a, b) == "bound-by-not-same"
        act = town.reverses(act, "admin CA")["act"]
        assert town.ids(a, b) == [a.id, a.id]
        assert told(town, a) == joined
    for one in (a, b):
        assert sum(event["event"].startswith("act-reversed") for event in history(town, one.id)) == 4


def test_a_merge_that_was_brought_back_can_be_taken_back_by_its_own_id(town: Town) -> None:
    a, b = town.child("OR"), town.child("CA")
    act = town.merged(a, b)
    town.reverses(town.reverses(act)["act"])
    town.reverses(act)
    assert town.ids(a, b) == [a.id, b.id]


def test_a_split_that_is_taken_back_leaves_the_student_as_it_was(town: Town) -> None:
    a, b, c = town.child("OR"), town.child("CA"), town.child("TX")
    town.merged(a, b)
    town.merged(a, c)
    before = told(town, a)
    act = town.parted(a.id, [b, c])
    now = town.ids(a, b, c)
    assert now[0] == a.id
    assert now[1] == now[2] != a.id
    assert joined_again_is(town, a, b) in ("bound-by-not-same", "retired-id")
    town.reverses(act)
    assert town.ids(a, b, c) == [a.id] * 3
    assert told(town, a) == before
    town.parted(a.id, [b])  # the declarations went with the split


def test_a_split_into_three_gives_each_child_its_id(town: Town) -> None:
    a, b, c = town.child("OR"), town.child("CA"), town.child("TX")
    town.merged(a, b)
    town.merged(a, c)
    town.parted(a.id, [b], [c])
    assert town.ids(a, b, c) == [a.id, b.id, c.id]
    assert [joined_again_is(town, *pair) for pair in ((a, b), (a, c), (b, c))] == ["bound-by-not-same"] * 3


def test_a_split_of_what_a_merge_joined_and_then_the_merges_reversal(town: Town) -> None:
    a, b = town.child("OR"), town.child("CA")
    apart = told(town, a, b)
    merge = town.merged(a, b)
    split = town.parted(a.id, [b])
    town.reverses(merge)
    assert told(town, a, b) == apart
    town.reverses(split)
    assert told(town, a, b) == apart, "the merge that the split had cut is reversed"


def test_the_middle_of_a_chain_of_merges_is_taken_back(town: Town) -> None:
    a, b, c, d = town.child("OR"), town.child("CA"), town.child("TX"), town.child("OR")
    town.merged(c, d)
    before = told(town, c)
    middle = town.merged(b, c)
    town.merged(a, b)
    assert town.ids(a, b, c, d) == [a.id] * 4
    preview = town.previews(middle)
    assert sorted(one["student_id"] for one in preview["then"]) == sorted([a.id, c.id])
    town.reverses(middle)
    assert town.ids(a, b, c, d) == [a.id, a.id, c.id, c.id]
    assert told(town, c) == before
    assert joined_again_is(town, a, c) == "bound-by-not-same", "two of the four were parted"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_each_link_of_a_chain_in_each_order_leaves_three_children(town: Town, order: tuple[int, int]) -> None:
    a, b, c = town.child("OR"), town.child("CA"), town.child("TX")
    apart = told(town, a, b, c)
    acts = [town.merged(b, c), town.merged(a, b)]
    for n in order:
        town.reverses(acts[n], "admin CA")
    assert told(town, a, b, c) == apart


# -- never the same


def test_a_pair_declared_different_is_merged_only_once_that_is_withdrawn(town: Town) -> None:
    a, b = town.child("OR"), town.child("CA")
    pair = {"left": a.id, "right": b.id, "reason": WHY}
    declared = town.does("admin OR", "POST", "/v1/not-same", pair)["id"]
    said = town.no("primary OR", "POST", "/v1/merges", merging(a, b))
    assert (said.status, said.code) == (422, "bound-by-not-same")
    assert declared in said.detail + said.remedy, said
    assert said.remedy
    again = town.does("admin CA", "POST", "/v1/not-same", {**pair, "left": b.id, "right": a.id})
    assert not again["id"], "all of it was declared before"
    town.does("admin CA", "POST", f"/v1/not-same/{declared}/withdrawal", {"reason": WHY})
    assert town.ids(a, b) == [a.id, b.id]
    town.merged(a, b)
    assert town.ids(a, b) == [a.id, a.id]


def test_a_third_cannot_bring_together_what_was_declared_different(town: Town) -> None:
    a, b, c = town.child("OR"), town.child("CA"), town.child("TX")
    town.does("admin OR", "POST", "/v1/not-same", {"left": a.id, "right": b.id, "reason": WHY})
    town.merged(a, c)
    assert joined_again_is(town, a, b) == "bound-by-not-same"
    assert town.no("primary CA", "POST", "/v1/merges", merging(b, a)).code == "bound-by-not-same"


def test_a_withdrawal_is_taken_once_and_a_reversal_is_no_declaration(town: Town) -> None:
    a, b = town.child("OR"), town.child("CA")
    declared = town.does("admin OR", "POST", "/v1/not-same", {"left": a.id, "right": b.id, "reason": WHY})["id"]
    path = f"/v1/not-same/{declared}/withdrawal"
    town.does("admin OR", "POST", path, {"reason": WHY})
    with town.nothing_written():
        assert town.does("admin OR", "POST", path, {"reason": WHY})["students"] == []
    other = town.no("admin OR", "POST", f"/v1/acts/{declared}/reversal", {"reason": WHY})
    assert other.status in (404, 422), other
    act = town.merged(a, b)
    assert town.no("admin OR", "POST", f"/v1/not-same/{act}/withdrawal", {"reason": WHY}).status in (404, 422)


def test_what_a_reversal_declared_is_withdrawn_by_a_person_too(town: Town) -> None:
    a, b = town.child("OR"), town.child("CA")
    undone = town.reverses(town.merged(a, b))
    town.settled(undone["cases"][0])
    events = [one for one in history(town, a.id) if one["event"].startswith("declared-not-same")]
    [declared] = [one["act"] for one in events]
    town.does("admin OR", "POST", f"/v1/not-same/{declared}/withdrawal", {"reason": WHY})
    town.merged(a, b)
    assert town.ids(a, b) == [a.id, a.id]


def test_a_reversal_whose_declaration_a_person_withdrew_can_still_be_taken_back(town: Town) -> None:
    a, b = town.child("OR"), town.child("CA")
    merge = town.merged(a, b)
    undone = town.reverses(merge)["act"]
    [declared] = [one["act"] for one in history(town, a.id) if one["event"].startswith("declared-not-same")]
    town.does("admin OR", "POST", f"/v1/not-same/{declared}/withdrawal", {"reason": WHY})
    second = town.merged(a, b)
    town.reverses(undone)
    assert town.ids(a, b) == [a.id, a.id]
    assert merge in json.dumps(town.previews(second)["joined_by"])
    town.reverses(second)
    assert town.ids(a, b) == [a.id, a.id], "the first merge holds again"
    town.reverses(merge)
    assert town.ids(a, b) == [a.id, b.id]


def test_what_would_join_a_declared_pair_through_a_third_is_not_brought_back(town: Town) -> None:
    a, b, c = town.child("OR"), town.child("CA"), town.child("TX")
    town.merged(a, b)
    split = town.parted(a.id, [b])
    town.merged(b, c)
    town.does("admin OR", "POST", "/v1/not-same", {"left": a.id, "right": b.id, "reason": WHY})
    for query in ("?dry_run=true", ""):
        said = town.no("admin OR", "POST", f"/v1/acts/{split}/reversal{query}", {"reason": WHY})
        assert (said.status, said.code) == (422, "bound-by-not-same"), query
    assert town.ids(a, b, c) == [a.id, b.id, b.id]


# -- residue, recall, preview


def test_an_act_that_rested_on_the_merge_is_put_before_people(town: Town) -> None:
    a, b, c = town.child("OR"), town.child("CA"), town.child("TX")
    merge = town.merged(a, b)
    later = town.merged(a, c)
    preview = town.previews(merge)
    assert later in json.dumps(preview["residue"])
    undone = town.reverses(merge)
    kinds = {town.case(case)["kind"]: case for case in undone["cases"]}
    assert kinds.keys() == {"validate-reversal", "residue"}
    assert undone["cases"][0] == kinds["validate-reversal"]
    assert town.ids(a, b, c) == [a.id, b.id, a.id], "the act stays on its anchor records"
    answered = town.answers("second TX", kinds["residue"], "no")
    assert town.ids(a, b, c) == [a.id, b.id, c.id]
    assert town.case(answered["next"])["kind"] == "validate-reversal"


def test_a_residue_that_stands_changes_nothing(town: Town) -> None:
    a, b, c = town.child("OR"), town.child("CA"), town.child("TX")
    merge = town.merged(a, b)
    town.merged(a, c)
    cases = town.reverses(merge)["cases"]
    [residue] = [case for case in cases if town.case(case)["kind"] == "residue"]
    before = town.ids(a, b, c)
    assert town.answers("second OR", residue)["outcome"] == "settled"
    assert town.ids(a, b, c) == before == [a.id, b.id, a.id]


def test_the_recall_list_is_of_those_who_were_shown_the_joined_record_while_it_held(town: Town) -> None:
    a, b, c = town.child("OR"), town.child("CA", demographics=[{**CHILD, "last_name_1": "Ñandú"}]), town.child("TX")
    town.shown(a.id, "reader OR")
    town.shown(b.id, "reader CA")
    act = town.merged(a, b)
    town.shown(b.id, "reader TX")
    etag = town.ask("reader TX", "GET", f"/v1/students/{a.id}").headers["ETag"]
    assert town.ask("reader TX", "GET", f"/v1/students/{a.id}", headers={"If-None-Match": etag}).status_code == 304
    town.shown(c.id, "reader OR")
    town.does("reader CA", "POST", "/v1/students/search", {"state_student_id": b.ssid})
    preview = {one["actor"]: one["times"] for one in town.previews(act)["recall"]}
    undone = town.reverses(act)
    town.shown(a.id, "reader OR")
    recall = {one["actor"]: one["times"] for one in undone["recall"]}
    assert recall["reader TX"] == 3, recall
    assert recall["reader CA"] == 1, recall
    assert "reader OR" not in recall, recall
    assert preview.items() <= recall.items()


def test_a_preview_changes_nothing_and_shows_what_the_reversal_then_does(town: Town) -> None:
    a, b = town.child("OR", enrollments=[ENROLLMENT]), town.child("CA", courses=[COURSE])
    act = town.merged(a, b)
    before, joined = town.service.head(), told(town, a)
    key = {"Idempotency-Key": f"preview {act}"}
    path = f"/v1/acts/{act}/reversal"
    again, preview = (
        town.does("admin OR", "POST", f"{path}?dry_run=true", {"reason": WHY}, headers=key) for _ in range(2)
    )
    assert again["then"] == preview["then"]
    assert town.service.head() == before
    assert told(town, a) == joined
    assert town.does("auditor", "GET", f"/v1/acts/{act}")["holds"] is True
    # the same key, for what is no preview: nothing was kept for it
    done = town.ask("admin OR", "POST", path, {"reason": WHY}, headers=key)
    assert done.status_code == 201, done.text
    then = {one["student_id"]: {name: one[name] for name in SECTIONS} for one in preview["then"]}
    assert [then[a.id], then[b.id]] == told(town, a, b)
    assert [one["student_id"] for one in preview["now"]] == [a.id]
    assert preview["declared"] == [{"left": [a.id], "right": [b.id]}]


# -- what is shown


def test_one_thing_that_two_states_say_is_shown_and_counted_once_with_both_sources(town: Town) -> None:
    a, b = town.child("OR", courses=[COURSE]), town.child("CA", courses=[{**COURSE, "final_grade": "A"}])
    assert [town.shown(one.id)["core"]["credits"]["earned"] for one in (a, b)] == ["0.50", "0.50"]
    act = town.merged(a, b)
    core = town.shown(a.id)["core"]
    [course], [move] = core["courses"], core["qualifying_moves"]
    assert [{one["state"] for one in shown["sources"]} for shown in (course, move)] == [{"OR", "CA"}] * 2
    assert core["credits"]["earned"] == "0.50"
    assert {one["state"]: one.get("differs") for one in course["sources"]} in (
        {"OR": {"final_grade": "B"}, "CA": None},
        {"OR": {"final_grade": "B"}, "CA": {}},
    )
    town.reverses(act)
    for one, state, grade in ((a, "OR", "B"), (b, "CA", "A")):
        [course] = town.shown(one.id)["core"]["courses"]
        assert ([source["state"] for source in course["sources"]], course["final_grade"]) == ([state], grade)


def test_eligibility_is_the_students_while_it_is_one_and_each_records_own_after(town: Town) -> None:
    late = {**MOVE, "qualifying_arrival_date": "2025-06-20"}
    a, b = town.child("OR"), town.child("CA", qualifying_moves=[late])
    own = [town.shown(one.id)["core"]["eligibility"] for one in (a, b)]
    act = town.merged(a, b)
    both = town.shown(a.id)["core"]["eligibility"]
    assert both == own[1], "the one that lasts longest"
    town.reverses(act)
    assert [town.shown(one.id)["core"]["eligibility"] for one in (a, b)] == own


def test_search_finds_one_student_by_what_either_state_says_and_two_after_the_reversal(town: Town) -> None:
    a = town.child("OR", demographics=[{**CHILD, "first_name": "Xóchitl", "last_name_1": "Citlalcóatl"}])
    b = town.child("CA", demographics=[{**CHILD, "first_name": "Xochi", "last_name_1": "Citlalcoatl"}])
    assert set(searched(town, last_name_1="Citlalcoatl")) == {a.id, b.id}
    act = town.merged(b, a)
    assert searched(town, last_name_1="Citlalcoatl") == [b.id]
    assert searched(town, state_student_id=a.ssid) == [b.id]
    assert searched(town, first_name="Xóchitl", last_name_1="Citlalcóatl") == [b.id]
    town.reverses(act)
    assert set(searched(town, last_name_1="Citlalcoatl")) == {a.id, b.id}
    assert searched(town, state_student_id=a.ssid) == [a.id]


def test_a_history_tells_acts_in_words_with_who_why_and_their_ids(town: Town) -> None:
    a, b = town.child("OR"), town.child("CA")
    act = town.merged(a, b)
    undone = town.reverses(act)["act"]
    for one in (a, b):
        acts = [event for event in history(town, one.id) if event["act"] in (act, undone)]
        assert [event["act"] for event in acts] == [act, undone]
        assert (acts[0]["reason"], acts[1]["reason"]) == (WHY, "Son primas.")
        assert acts[1]["actor"] == "admin OR"
        text = town.command.run("history", one.id).stdout
        for words in (act, undone, a.id, b.id, WHY, "Son primas.", "admin OR"):
            assert words in text, words
        positions = [event["position"] for event in history(town, one.id)]
        assert positions == sorted(positions)
    told_of = town.does("admin TX", "GET", f"/v1/acts/{act}")
    assert (told_of["holds"], undone in json.dumps(told_of)) == (False, True)


def test_the_nightly_rows_again_join_nobody_and_change_nothing(town: Town) -> None:
    a, b = town.child("OR"), town.child("CA")
    town.reverses(town.merged(a, b))
    before = town.service.head(), told(town, a, b)
    for one in (a, b):
        town.child(one.state, one.ssid)
    assert (town.service.head(), told(town, a, b)) == before


# -- the command line


def test_on_the_command_line_a_merge_a_split_and_a_reversal_are_each_three_actions(town: Town) -> None:
    a, b = town.child("OR"), town.child("CA", "CA:1 ñ")
    ana, ben = ("--as", "ana"), ("--as", "ben")
    why = ("--reason", WHY)
    case = town.command.json("merge", a.id, b.id, "--master", a.id, *why, *ana)["case"]
    rows = town.command.run("worklist", "--csv").stdout.splitlines()
    head = "case_id,kind,state_a,state_student_id_a,state_b,state_student_id_b,score,opened_at,due_on,student_id_b"
    assert rows[0] == head
    [row] = [row for row in rows if row.startswith(case)]
    assert row.startswith(f"{case},validate-merge,OR,{a.ssid},CA,{b.ssid},,")
    assert row.endswith(f",{b.id}")
    assert town.command.json("answer", case, "yes", *why, *ben)["outcome"] == "settled"
    case = town.command.json("split", a.id, "--records", f"CA:{b.ssid}", *why, *ana)["case"]
    act = town.command.json("answer", case, "yes", *why, *ben)["act"]
    assert town.ids(a, b) == [a.id, b.id]
    assert "Then" in town.command.run("reverse", act, "--dry-run", *ana).stdout
    undone = town.command.json("reverse", act, *why, *ana)
    assert town.ids(a, b) == [a.id, a.id]
    [case] = undone["cases"]
    assert town.command.json("answer", case, "no", *why, *ben)["outcome"] == "rejected"
    assert town.ids(a, b) == [a.id, b.id]
    assert case not in town.command.run("worklist", "--csv").stdout


def test_a_body_that_is_right_names_records_by_what_their_states_call_them(town: Town) -> None:
    a, b = town.child("OR"), town.child("CA", "ñ,'\";--")
    town.merged(a, b)
    case = town.does("primary OR", "POST", "/v1/splits", splitting(a.id, [b]))["case"]
    assert {one["state_student_id"] for one in town.case(case)["records"]} == {a.ssid, b.ssid}
    town.settled(case)
    assert town.ids(a, b) == [a.id, b.id]


def test_no_log_and_no_feed_tells_what_people_wrote_or_who_the_children_are(town: Town) -> None:
    a = town.child("OR", demographics=[{**CHILD, "first_name": "Ixtlilxóchitl"}])
    b = town.child("CA", "SECRETSSID")
    town.reverses(town.merged(a, b))
    town.previews(f"{a.id}-2")
    searched(town, first_name="Ixtlilxóchitl")
    feed = json.dumps(town.service.events(0), ensure_ascii=False)
    log = town.service.log.read_text()
    for value in ("Ixtlilx", "Núñez", "primas", "SECRETSSID"):
        assert value not in feed, value
        assert value not in log, value
