"""What the design's pages promise of HTTP and of reading, tried from outside by somebody who saw no source."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import schemathesis
from prometheus_client.parser import text_string_to_metric_families

from support.house import ACTOR, CHILD, House, Service, check_digit

pytestmark = pytest.mark.database

SECTIONS = {"core", "contacts", "health", "provenance"}
ENROLLED = {
    "enrollment_date": "2025-09-01",
    "enrollment_type": "01",
    "school_or_project_name": "Valor Middle School",
    "school_identification_code": "411377000999",
    "grade_level": "08",
}
FAR = 10**9


# -- the example, there and back


def test_the_example_file_is_accepted_whole(first_night):
    told = dict(first_night.told)
    assert set(told) == {
        "submission", "state", "rows", "accepted", "unchanged", "refused", "warned", "events", "students_new",
        "students_linked", "near_matches", "position", "seconds",
    }  # fmt: skip
    counts = {key: told[key] for key in ("state", "rows", "accepted", "unchanged", "refused", "warned")}
    assert counts == {"state": "OR", "rows": 11, "accepted": 11, "unchanged": 0, "refused": 0, "warned": 0}
    # S, D, Q, I and C, A are one event each; each E row has a withdrawal and a residency.
    assert (told["events"], told["students_new"], told["students_linked"], told["near_matches"]) == (15, 2, 0, 0)
    assert told["position"] >= 15
    assert told["seconds"] >= 0


def test_the_response_has_a_line_for_every_row_in_input_order(first_night):
    assert list(first_night.response[0]) == [
        "row", "letter", "student_record_id", "state_student_id", "outcome", "element", "value", "rule", "message",
        "remedy", "student_id",
    ]  # fmt: skip
    assert [(row["row"], row["letter"]) for row in first_night.response] == [
        (str(number), letter) for number, letter in enumerate("SDQEISDQECA", start=2)
    ]
    assert {row["outcome"] for row in first_night.response} == {"accepted"}


def test_the_same_file_again_gets_the_first_answer_and_appends_nothing(house: House, service: Service, first_night):
    before = service.head()
    told = house.told("submit", first_night.file)
    assert service.head() == before
    assert {**told, "seconds": 0} == {**first_night.told, "seconds": 0}


def test_a_student_id_is_twelve_digits_with_its_check_digit(ids):
    assert len(set(ids.values())) == 2
    for shown in ids.values():
        assert len(shown) == 12
        assert shown.isdecimal()
        assert shown[-1] == check_digit(shown[:-1])


def test_the_first_childs_record_says_what_the_file_said(house: House, service: Service, ids):
    core, contacts, health = (house.told("student", ids["OR5540012"])[part] for part in ("core", "contacts", "health"))
    assert (core["first_name"], core["last_name_1"], core["last_name_2"]) == ("María Guadalupe", "Reyes", "Ordóñez")
    assert core["birth_date"] == "2012-03-14"
    assert core["qualifying_moves"][0]["qualifying_arrival_date"] == "2025-04-18"
    first = core["enrollments"][0]
    assert first["school_or_project_name"] == "Valor Middle School"
    assert (first["withdrawal_date"], first["district_of_residence"]) == ("2025-06-13", "4113770")
    assert contacts["female_parent_first_name"] == "Inés"
    assert health["immunizations"][0]["cvx_code"] == "115"


def test_the_second_childs_record_says_what_the_file_said(house: House, service: Service, ids):
    core = house.told("student", ids["OR5540013"])["core"]
    assert (core["first_name"], core["middle_name"], core["last_name_2"]) == ("Wilber", "Isaí", "Ramírez")
    assert core["courses"][0]["course_title"] == "Algebra I"
    assert core["assessments"][0]["assessment_title"] == "State English Language Proficiency"
    assert core["qualifying_moves"][0]["qualifying_move_from_country"] in ("GTM", "GT")


def test_the_record_for_people_goes_to_stdout_in_words(house: House, service: Service, ids):
    done = house.command("student", ids["OR5540012"])
    assert "María Guadalupe" in done.stdout
    assert "Valor Middle School" in done.stdout
    assert "\x1b" not in done.stdout


def test_students_lists_every_record_as_csv(house: House, service: Service, ids):
    lines = house.command("students", "--csv").stdout.splitlines()
    assert lines[0] == "state,state_student_id,student_id"
    rows = list(csv.DictReader(lines))
    assert {"state": "OR", "state_student_id": "OR5540012", "student_id": ids["OR5540012"]} in rows
    assert len({(row["state"], row["state_student_id"]) for row in rows}) == len(rows)


def test_an_enrollment_over_http_is_seen_by_http_and_command_and_its_reading_disclosed(
    house: House, service: Service, ids
):
    student = ids["OR5540012"]
    written = service.post("OR5540012", "enrollments", ENROLLED, key="main-job")
    assert written.status_code == 201
    position = int(written.headers["Ledger-Position"])
    assert position == service.head()

    read = service.get(
        f"/v1/students/{student}", by="secondary_user", params={"at_least": position}, headers={"Purpose": "intake"}
    )
    schools = [row["enrollment_date"] for row in read.json()["core"]["enrollments"]]
    assert "2025-09-01" in schools
    assert "2025-09-01" in house.command("student", student).stdout

    seen = service.get(f"/v1/students/{student}/disclosures").json()["disclosures"]
    web = next(entry for entry in seen if entry["purpose"] == "intake")
    assert (web["actor"], web["role"]) == ("secondary_user", "secondary_user")
    assert web["basis"]
    assert set(web["sections"]) == SECTIONS
    assert any(entry["actor"] == ACTOR and entry["role"] == "operator" for entry in seen)


def test_as_overrides_who_acts_on_the_command_line(house: House, service: Service, ids):
    house.command("student", ids["OR5540013"], "--as", "someone-else")
    seen = service.get(f"/v1/students/{ids['OR5540013']}/disclosures").json()["disclosures"]
    assert "someone-else" in {entry["actor"] for entry in seen}


# -- PUT, DELETE and single facts


def test_put_opens_a_record_and_again_is_nothing(service: Service):
    before = service.head()
    first = service.put("PUT-1")
    assert first.status_code == 201
    assert int(first.headers["Ledger-Position"]) == service.head() == before + 4
    assert service.topics(before) == ["record-opened.v1", "demographics-stated.v1", "move-qualified.v1", "enrolled.v1"]
    again = service.put("PUT-1")
    assert again.status_code == 200
    assert again.json()["student_id"] == first.json()["student_id"]
    assert {row["outcome"] for row in again.json()["outcomes"]} == {"unchanged"}
    assert int(again.headers["Ledger-Position"]) >= before + 4
    assert service.head() == before + 4


def test_put_judges_rows_one_by_one(service: Service):
    wrong = {**CHILD["enrollments"][0], "enrollment_date": "2025-02-30"}
    answer = service.put("PUT-2", {**CHILD, "enrollments": [wrong, *CHILD["enrollments"]]})
    assert answer.status_code == 201
    refused, taken = (row for row in answer.json()["outcomes"] if row["letter"] == "E")
    assert (refused["outcome"], refused["pointer"]) == ("refused", "/enrollments/0")
    assert refused["findings"][0]["element"] == "enrollment_date"
    assert taken["outcome"] == "accepted"


def test_put_without_a_qualifying_move_is_refused(service: Service):
    before = service.head()
    answer = service.put("PUT-3", {"demographics": CHILD["demographics"]})
    assert problem(answer, 422)["errors"][0]["rule"] == "V9"
    assert service.head() == before


def test_put_for_one_state_with_anothers_reporting_state_code_is_refused(service: Service):
    before = service.head()
    problem(service.put("PUT-4", {**CHILD, "student": {"reporting_state_code": "TX"}}), 403, 422)
    assert service.head() == before


def test_a_record_that_was_taken_back_takes_no_fact_until_it_is_sent_again(service: Service):
    student = service.opened("DEL-1")
    before = service.head()
    taken_back = service.call("DELETE", "/v1/records/OR/DEL-1")
    assert taken_back.status_code == 200
    assert service.topics(before) == ["record-retracted.v1"]
    assert service.student(student)["core"]["status"] == "retracted"
    assert problem(service.post("DEL-1", "enrollments", ENROLLED), 422)["type"] == "/problems/record-retracted"

    reinstated = service.put("DEL-1")
    assert reinstated.json()["student_id"] == student
    assert "record-reinstated.v1" in service.topics(before)
    assert service.student(student)["core"]["enrollments"][0]["enrollment_date"] == "2025-04-21"


def test_deleting_twice_appends_once(service: Service):
    service.opened("DEL-2")
    assert service.call("DELETE", "/v1/records/OR/DEL-2").status_code == 200
    before = service.head()
    assert service.call("DELETE", "/v1/records/OR/DEL-2").status_code < 500
    assert service.head() == before


FACTS: list[tuple[str, dict[str, Any], str]] = [
    ("alternate-ids", {"alternate_state_student_id": "MEP-7"}, "alternate-id-stated.v1"),
    ("qualifying-moves", {"qualifying_arrival_date": "2025-06-01", "qualifying_move_from_country": "MEX"},
     "move-qualified.v1"),
    ("enrollments", ENROLLED, "enrolled.v1"),
    ("withdrawals", {"enrollment": 3, "withdrawal_date": "2025-06-13"}, "withdrawn.v1"),
    ("residency-changes", {"enrollment": 3, "district_of_residence": "4106510", "residency_date": "2025-05-02"},
     "residency-changed.v1"),
    ("courses", {"course_title": "Algebra I", "course_section": "02"}, "course-reported.v1"),
    ("assessments", {"assessment_title": "Reading", "assessment_type": "01"}, "assessment-reported.v1"),
    ("immunizations", {"cvx_code": "115", "administration_date": "2024-08-16"}, "immunization-reported.v1"),
    ("corrections", {"fact": 1, "elements": {"first_name": "Ximenita"}}, "fact-corrected.v1"),
    ("retractions", {"fact": 3}, "fact-retracted.v1"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "body", "topic"), FACTS, ids=[fact[0] for fact in FACTS])
def test_each_route_of_one_fact_states_it_and_again_is_nothing(service: Service, kind, body, topic):
    ssid = f"F-{kind[:10]}"
    service.opened(ssid)
    before = service.head()
    first = service.post(ssid, kind, body)
    assert first.status_code == 201, first.text
    assert service.topics(before) == [topic]
    assert int(first.headers["Ledger-Position"]) == before + 1
    service.post(ssid, kind, body)
    assert service.topics(before) == [topic]


def test_a_second_demographics_row_is_stated_or_corrects(service: Service):
    student = service.opened("F-demo")
    body = {**CHILD["demographics"][0], "first_name": "Jimena"}
    assert service.post("F-demo", "demographics", body).status_code == 201
    assert service.student(student)["core"]["first_name"] == "Jimena"


def test_a_correction_keeps_what_was_said_before_in_provenance(service: Service):
    student = service.opened("F-corr")
    service.post("F-corr", "corrections", {"fact": 1, "elements": {"first_name": "Jimena"}})
    shown = service.student(student)
    assert shown["core"]["first_name"] == "Jimena"
    words = next(fact["words"] for fact in shown["provenance"]["facts"] if fact["fact"] == 1)
    assert [word["act"] for word in words] == ["stated", "corrected"]


def test_a_retracted_enrollment_leaves_the_record_with_its_withdrawal(service: Service):
    student = service.opened("F-retr")
    service.post("F-retr", "withdrawals", {"enrollment": 3, "withdrawal_date": "2025-06-13"})
    service.post("F-retr", "retractions", {"fact": 3})
    assert service.student(student)["core"]["enrollments"] == []


def test_a_withdrawal_without_its_enrollment_is_refused(service: Service):
    service.opened("W-1")
    body = {"enrollment_date": "2019-02-20", "enrollment_type": "01", "withdrawal_date": "2020-01-01"}
    assert problem(service.post("W-1", "withdrawals", body), 422)["type"] == "/problems/not-enrolled"


def test_a_withdrawal_before_its_enrollment_is_refused_by_v10(service: Service):
    service.opened("W-2")
    answer = problem(service.post("W-2", "withdrawals", {"enrollment": 3, "withdrawal_date": "2025-04-20"}), 422)
    assert answer["errors"][0]["rule"] == "V10"
    assert answer["errors"][0]["element"] == "withdrawal_date"


def test_a_fact_for_a_record_that_was_never_opened_is_refused(service: Service):
    assert problem(service.post("NEVER", "enrollments", ENROLLED), 404)["type"] == "/problems/record-not-open"
    assert problem(service.call("DELETE", "/v1/records/OR/NEVER"), 404)["type"] == "/problems/record-not-open"


def test_a_state_cannot_write_into_another_states_record(service: Service):
    service.opened("OTHER-1")
    before = service.head()
    for method, path in (
        ("PUT", "/v1/records/OR/OTHER-1"),
        ("DELETE", "/v1/records/OR/OTHER-1"),
        ("POST", "/v1/records/OR/OTHER-1/enrollments"),
    ):
        rest: dict[str, Any] = {} if method == "DELETE" else {"json": CHILD if method == "PUT" else ENROLLED}
        assert problem(service.call(method, path, by="CA", **rest), 403, 422)["type"] == "/problems/other-state"
    assert service.head() == before


def test_an_unknown_state_is_refused(service: Service):
    answer = service.call("POST", "/v1/records/ZZ/X/enrollments", json=ENROLLED)
    assert problem(answer, 403, 404, 422)["type"] == "/problems/unknown-state"


def test_an_auditor_reads_and_writes_nothing(service: Service, ids):
    assert service.get(f"/v1/students/{ids['OR5540012']}").status_code == 200
    before = service.head()
    problem(service.put("AUD-1", by="auditor"), 403)
    assert service.head() == before


# -- idempotency keys


def test_a_key_sent_again_gets_the_first_answer_marked_as_replayed(service: Service):
    service.opened("K-1")
    before = service.head()
    first, again = (service.post("K-1", "enrollments", ENROLLED, key="k-1") for _ in range(2))
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.status_code == first.status_code == 201
    assert again.headers["Ledger-Position"] == first.headers["Ledger-Position"]
    for part in ("record_id", "student_id", "position", "facts"):
        assert again.json()[part] == first.json()[part]
    assert service.head() == before + 1


def test_a_key_with_another_body_is_refused_and_applies_nothing(service: Service):
    service.opened("K-2")
    service.post("K-2", "enrollments", ENROLLED, key="k-2")
    before = service.head()
    answer = problem(service.post("K-2", "enrollments", {**ENROLLED, "grade_level": "09"}, key="k-2"), 422)
    assert answer["type"] == "/problems/idempotency-key-reused"
    problem(service.post("K-2", "enrollments", {**ENROLLED, "enrollment_date": "2025-02-30"}, key="k-2"), 422)
    assert service.head() == before


def test_a_key_is_of_one_path_too(service: Service):
    service.opened("K-3")
    service.opened("K-3b")
    service.post("K-3", "enrollments", ENROLLED, key="k-3")
    before = service.head()
    problem(service.post("K-3b", "enrollments", ENROLLED, key="k-3"), 422)
    assert service.head() == before


def test_two_principals_may_use_the_same_key(service: Service):
    mine = service.put("K-4", key="k-4")
    theirs = service.call("PUT", "/v1/records/CA/K-4", by="CA", json=dict(CHILD), key="k-4")
    assert mine.status_code == theirs.status_code == 201
    assert mine.json()["student_id"] != theirs.json()["student_id"]


def test_a_refusal_with_a_key_is_answered_again(service: Service):
    service.opened("K-5")
    body = {"enrollment_date": "2019-02-20", "enrollment_type": "01", "withdrawal_date": "2020-01-01"}
    first, again = (service.post("K-5", "withdrawals", body, key="k-5") for _ in range(2))
    assert first.status_code == again.status_code == 422
    assert again.json()["type"] == first.json()["type"]
    assert again.headers["Idempotency-Replayed"] == "true"


def test_a_key_that_a_rule_refused_is_not_taken_for_another_body(service: Service):
    service.opened("K-9")
    before = service.head()
    problem(service.post("K-9", "enrollments", {**ENROLLED, "enrollment_date": "2025-02-30"}, key="k-9"), 422)
    problem(service.post("K-9", "enrollments", ENROLLED, key="k-9"), 422)
    assert service.head() == before


def test_put_and_delete_take_keys(service: Service):
    first, again = (service.put("K-6", key="k-6") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["Idempotency-Replayed"] == "true"
    gone, twice = (service.call("DELETE", "/v1/records/OR/K-6", key="k-6-d") for _ in range(2))
    assert (gone.status_code, twice.status_code) == (200, 200)
    assert twice.headers["Idempotency-Replayed"] == "true"


def test_twelve_at_once_with_one_key_state_one_fact(service: Service):
    service.opened("K-7")
    before = service.head()
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: service.post("K-7", "enrollments", ENROLLED, key="k-7"), range(12)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert {answer.headers["Ledger-Position"] for answer in answers if answer.status_code == 201} == {str(before + 1)}
    assert sum(answer.status_code == 201 and "Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    assert service.head() == before + 1


def test_a_key_that_is_too_long_is_refused(service: Service):
    service.opened("K-8")
    before = service.head()
    problem(service.post("K-8", "courses", {"course_title": "Art"}, key="k" * 5000), 400, 422, 431)
    assert service.head() == before


# -- reads


def test_reading_ahead_of_the_ledger_waits_two_seconds_and_names_the_position_reached(service: Service, ids):
    head = service.head()
    begun = time.monotonic()
    answer = service.get(f"/v1/students/{ids['OR5540012']}", params={"at_least": FAR})
    assert 1.5 < time.monotonic() - begun < 6
    told = problem(answer, 503)
    assert told["type"] == "/problems/projection-behind"
    assert told["position"] == head


def test_a_record_that_has_not_changed_is_304_and_that_is_disclosed(service: Service):
    student = service.opened("E-1")
    service.student(student)
    first = service.get(f"/v1/students/{student}")
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = service.get(f"/v1/students/{student}", headers={"If-None-Match": first.headers["ETag"], "Purpose": "etag"})
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["ETag"] == first.headers["ETag"]
    seen = service.get(f"/v1/students/{student}/disclosures").json()["disclosures"]
    assert [entry["outcome"] for entry in seen if entry["purpose"] == "etag"] == ["not-modified"]


def test_an_etag_changes_with_the_record(service: Service):
    student = service.opened("E-2")
    service.student(student)
    first = service.get(f"/v1/students/{student}")
    position = service.post("E-2", "courses", {"course_title": "Art"}).headers["Ledger-Position"]
    later = service.get(
        f"/v1/students/{student}", params={"at_least": position}, headers={"If-None-Match": first.headers["ETag"]}
    )
    assert later.status_code == 200
    assert later.headers["ETag"] != first.headers["ETag"]


def test_every_read_of_a_child_is_disclosed_once_and_newest_first(service: Service):
    student = service.opened("D-1")
    service.student(student)
    for number in range(5):
        service.get(f"/v1/students/{student}", headers={"Purpose": f"look {number}"})
        service.get(f"/v1/students/{student}/records", headers={"Purpose": f"look {number}"})
    path = f"/v1/students/{student}/disclosures"
    seen, cursor = [], None
    while True:
        page = service.get(path, params={"limit": 3, **({"cursor": cursor} if cursor else {})}).json()
        assert len(page["disclosures"]) <= 3
        seen += page["disclosures"]
        cursor = page["cursor"]
        if cursor is None:
            break
    looks = [entry["purpose"] for entry in seen if entry["purpose"].startswith("look")]
    assert looks == [f"look {number}" for number in (4, 4, 3, 3, 2, 2, 1, 1, 0, 0)]
    positions = [entry["position"] for entry in seen]
    assert positions == sorted(set(positions), reverse=True)


def test_a_student_says_of_which_records_it_is_made(service: Service, ids):
    answer = service.get(f"/v1/students/{ids['OR5540013']}/records").json()
    assert [(row["state"], row["state_student_id"]) for row in answer["records"]] == [("OR", "OR5540013")]


def test_an_id_that_was_never_issued_is_not_found(service: Service, ids):
    unissued = next(
        number + check_digit(number)
        for number in (f"{index:011}" for index in range(12_345_678_901, 12_345_678_999))
        if number + check_digit(number) not in ids.values()
    )
    assert problem(service.get(f"/v1/students/{unissued}"), 404)["type"] == "/problems/not-found"


@pytest.mark.parametrize("wrong", ["abc", "123456789012", "31089025897", "%F0%9F%91%A7", "a" * 3000])
def test_what_is_no_student_id_is_a_clear_problem(service: Service, wrong):
    problem(service.get(f"/v1/students/{wrong}"), 404, 414, 422)


@pytest.mark.parametrize(
    "query",
    ["at_least=-1", "at_least=x", f"at_least={10**30}"],
)
def test_a_wrong_position_in_a_query_is_a_clear_problem(service: Service, ids, query):
    problem(service.get(f"/v1/students/{ids['OR5540012']}?{query}"), 400, 422)


@pytest.mark.parametrize("query", ["limit=0", "limit=x", f"limit={10**30}", "cursor=%00", "cursor=nonsense"])
def test_a_wrong_page_of_disclosures_is_a_clear_problem(service: Service, ids, query):
    problem(service.get(f"/v1/students/{ids['OR5540012']}/disclosures?{query}"), 400, 422)


def test_without_a_token_or_with_a_wrong_one_nothing_is_answered(service: Service, ids):
    for headers in ({}, {"Authorization": "Bearer soj_nonsense"}, {"Authorization": "Basic b3I6b3I="}):
        for path in (f"/v1/students/{ids['OR5540012']}", "/v1/events"):
            answer = service.call("GET", path, by="", headers=headers)
            problem(answer, 401)
            assert "bearer" in answer.headers["WWW-Authenticate"].lower()


# -- the feed


def test_the_feeds_pages_hold_every_position_once_and_in_order(service: Service):
    head = service.head()
    for limit in (7, 1000):
        positions = [event["data"]["position"] for event in service.events(0, limit)]
        assert positions[:head] == list(range(1, head + 1))


def test_the_feed_is_cloudevents_and_names_nobody(service: Service, ids):
    service.opened("SECRET-77")
    events = service.events(0)
    assert len({event["id"] for event in events}) == len(events)
    for event in events:
        assert event["specversion"] == "1.0"
        assert event["type"].startswith("sojourn.")
        assert {"id", "source", "type", "time"} <= set(event)
    text = json.dumps(events, ensure_ascii=False)
    for personal in ("Reyes", "Wilber", "OR5540012", "SECRET-77", "Xicohtencatl", "2012-03-14"):
        assert personal not in text


def test_a_page_behind_the_head_is_empty(service: Service):
    page = service.get(f"/v1/events?after={FAR}").json()
    assert page["events"] == []
    assert page["next"] is None


@pytest.mark.parametrize("query", ["after=-1", "after=x", "limit=0", "limit=-5", f"after={10**30}"])
def test_a_wrong_page_of_the_feed_is_a_clear_problem(service: Service, query):
    problem(service.get(f"/v1/events?{query}"), 400, 422)


def test_server_sent_events_bring_every_position_once_while_writes_go_on(service: Service):
    service.opened("SSE-1")
    head = service.head()
    seen: list[int] = []
    headers = {"Authorization": f"Bearer {service.house.token('auditor')}", "Accept": "text/event-stream"}
    with (
        ThreadPoolExecutor(4) as pool,
        service.client.stream("GET", "/v1/events?after=0", headers=headers) as stream,
    ):
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        written = [
            pool.submit(service.post, "SSE-1", "courses", {"course_title": f"Course {number}"}) for number in range(20)
        ]
        for line in stream.iter_lines():
            if line.startswith("data:"):
                seen.append(json.loads(line.removeprefix("data:"))["data"]["position"])
            if seen and seen[-1] >= head + 20:
                break
        assert {future.result().status_code for future in written} == {201}
    assert seen == list(range(1, head + 21))


def test_a_stream_that_was_cut_goes_on_behind_the_last_event(service: Service):
    head = service.head()
    headers = {
        "Authorization": f"Bearer {service.house.token('auditor')}",
        "Accept": "text/event-stream",
        "Last-Event-ID": str(head - 3),
    }
    seen: list[int] = []
    with service.client.stream("GET", "/v1/events?after=0", headers=headers) as stream:
        for line in stream.iter_lines():
            if line.startswith("id:"):
                seen.append(int(line.removeprefix("id:")))
            if len(seen) == 3:
                break
    assert seen == [head - 2, head - 1, head]


# -- bodies that are not right


def test_fifty_megabytes_are_refused_and_the_service_goes_on(service: Service):
    service.opened("BIG-1")
    before = service.head()
    big = b'{"course_title": "' + b"a" * 50_000_000 + b'"}'

    def pieces():
        for start in range(0, len(big), 1 << 20):
            yield big[start : start + (1 << 20)]

    json_type = {"Content-Type": "application/json"}
    answer = service.call("POST", "/v1/records/OR/BIG-1/courses", content=big, headers=json_type)
    assert problem(answer, 413)["type"] == "/problems/body-too-large"
    answer = service.call("POST", "/v1/records/OR/BIG-1/courses", content=pieces(), headers=json_type)
    assert problem(answer, 413)["type"] == "/problems/body-too-large"
    assert service.head() == before


@pytest.mark.parametrize(
    "body",
    [
        b'{"course_title": "\xff\xfe"}',
        b"[" * 200_000,
        b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
        b"",
        b"{",
        b'{"course_title": "Art"} trailing',
        b'{"course_title": NaN}',
        b'{"course_title": "\\u0000"}',
        b'{"course_title": "\\ud800"}',
        b'{"course_title": "a\\nb"}',
        b'{"course_title": 5}',
        b'{"course_title": null}',
        b'{"course_title": "Art", "unknown": "x"}',
        b'{"course_title": "' + b"a" * 51 + b'"}',
        b"[]",
        b"null",
        b"{}",
    ],
    ids=range(17),
)
def test_a_wrong_body_is_a_clear_problem_and_nothing_is_stated(service: Service, body):
    service.put("BODY-1")
    before = service.head()
    answer = service.call(
        "POST", "/v1/records/OR/BODY-1/courses", content=body, headers={"Content-Type": "application/json"}
    )
    told = problem(answer, 400, 422)
    if answer.status_code == 422:
        assert told["errors"][0]["pointer"] is not None
    assert service.head() == before


def test_a_body_that_is_not_json_is_refused_by_its_type(service: Service):
    answer = service.call("POST", "/v1/records/OR/X/courses", content=b"a|b", headers={"Content-Type": "text/plain"})
    assert problem(answer, 415)["type"] == "/problems/unsupported-media-type"


def test_a_problem_never_repeats_what_was_sent(service: Service):
    service.opened("ECHO-1")
    body = {**ENROLLED, "enrollment_date": "Xochitl", "grade_level": "Yolotl", "Tonantzin": "x"}
    answer = service.post("ECHO-1", "enrollments", body)
    problem(answer, 422)
    for sent in ("Xochitl", "Yolotl", "Tonantzin", "ECHO-1"):
        assert sent not in answer.text


def test_a_state_student_id_that_is_too_long_is_refused(service: Service):
    problem(service.put("S" * 16), 404, 422)


def test_a_path_or_method_that_is_not_served_is_a_problem(service: Service, ids):
    problem(service.get("/v1/nothing"), 404)
    answer = service.call("PATCH", f"/v1/students/{ids['OR5540012']}")
    problem(answer, 405)
    assert "GET" in answer.headers["Allow"]


# -- operations


def test_livez_and_readyz_need_no_token_and_say_how_far_the_read_models_are(service: Service):
    assert service.call("GET", "/livez", by="").status_code == 200
    ready = service.call("GET", "/readyz", by="")
    assert ready.status_code == 200
    assert {"students", "disclosures"} <= set(ready.json()["projections"])


def test_metrics_are_prometheus_with_help_and_know_the_head(service: Service):
    head = service.head()
    answer = service.call("GET", "/metrics", by="")
    assert answer.headers["Content-Type"].startswith("text/plain")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert all(family.documentation for family in families.values())
    assert not [name for name in families if name.startswith(("python_", "process_"))]
    heads = {sample.labels["log"]: sample.value for sample in families["ledger_head_position"].samples}
    assert heads["ledger"] == head
    for personal in ("OR5540012", "Reyes"):
        assert personal not in answer.text


def test_openapi_is_valid_3_1_and_names_every_route_of_this_release(service: Service):
    answer = service.call("GET", "/openapi.json", by="")
    described = answer.json()
    assert described["openapi"].startswith("3.1")
    schemathesis.openapi.from_dict(described).validate()
    paths = described["paths"]
    assert set(paths["/v1/records/{state}/{ssid}"]) >= {"put", "delete"}
    for kind in (*(fact[0] for fact in FACTS), "demographics"):
        assert "post" in paths[f"/v1/records/{{state}}/{{ssid}}/{kind}"]
    assert {"/v1/students/{id}", "/v1/students/{id}/records", "/v1/students/{id}/disclosures", "/v1/events"} <= set(
        paths
    )
    ids = [operation["operationId"] for path in paths.values() for operation in path.values()]
    assert len(set(ids)) == len(ids)
    assert described["components"]["securitySchemes"]
    for path in (path for name, path in paths.items() if name.startswith("/v1/")):
        for operation in path.values():
            for status, response in operation["responses"].items():
                if status.startswith(("4", "5")):
                    assert list(response["content"]) == ["application/problem+json"], operation["operationId"]


def test_no_page_loads_anything_from_another_host(service: Service):
    for path in ("/", "/problems/unknown-state", "/static/console.css"):
        answer = service.call("GET", path, by="")
        assert answer.status_code == 200
        assert "//" not in answer.text.replace("http://127.0.0.1", "")


def test_a_thousand_idle_connections_do_not_keep_others_out(service: Service, ids):
    address = (service.client.base_url.host, service.client.base_url.port)
    with contextlib.ExitStack() as held:
        for _ in range(1000):
            held.enter_context(socket.create_connection(address, timeout=10))
        assert service.get(f"/v1/students/{ids['OR5540012']}").status_code == 200


def test_the_services_log_holds_nothing_of_a_child(service: Service, ids):
    service.get(f"/v1/students/{ids['OR5540012']}")
    service.get("/v1/students/search?name=Reyes")
    log = service.log.read_text()
    assert log
    for personal in ("Reyes", "Xicohtencatl", "OR5540012", "PUT-1", ids["OR5540012"], "2012-03-14"):
        assert personal not in log


def problem(answer: Any, *statuses: int) -> Any:
    """The body of a problem, after what RFC 9457 and the design ask of every one of them."""
    assert answer.status_code in statuses, (answer.status_code, answer.text[:500])
    assert answer.headers["Content-Type"].split(";")[0] == "application/problem+json"
    told = answer.json()
    assert told["type"].startswith("/problems/")
    assert told["status"] == answer.status_code
    assert told["title"]
    assert told["detail"]
    assert "Traceback" not in answer.text
    return told


def test_every_problems_type_has_a_page(service: Service):
    for code in ("unknown-state", "projection-behind", "idempotency-key-reused", "row-refused"):
        page = service.call("GET", f"/problems/{code}", by="")
        assert page.status_code == 200
        assert io.StringIO(page.text).readline().lower().startswith("<!doctype html>")
