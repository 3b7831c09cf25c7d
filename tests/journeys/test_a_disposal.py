"""A disposal from outside: schedule, due, preview, hold, refusal, release, approval, certificate, and what is left.

Two of Oregon's records are old enough; one of them is one student with California's. Ana and Ben dispose of both, over
HTTP and on the command line, beside a running service.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from support.command_line import CommandLine
from support.house import check_digit
from support.outsider import Office, open_office

BEN = ("--as", "ben@example.org")
OFFICER = "privacy_officer"
BORN, ARRIVED, EXPIRED = "2000-05-09", "2010-04-18", "2013-04-17"
AUTHORITY = "OAR 166-400-0060"
NEVER = "99999999999"
"""Begins an id that nobody was given."""
PROMPT_S = 60.0


class Story(NamedTuple):
    """What everybody was answered, in order."""

    students: dict[str, str]
    due: list[dict[str, Any]]
    preview: dict[str, Any]
    alone: Any
    under_hold: Any
    before: dict[str, Any]
    approved: Any
    again: Any
    certificate: dict[str, Any]
    verified: str
    checked: Any
    altered: Any
    gone: dict[str, Any]
    of_nobody: dict[str, Any]
    left: dict[str, Any]
    refused: Any
    searched: list[str]
    afterwards: list[dict[str, Any]]
    sent_again: str
    line: str


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    with open_office() as office:
        yield _told(office)


def test_what_is_due_is_oregons_and_what_was_sent_of_late_is_not(story: Story) -> None:
    assert {(one["state"], one["record_class"]) for one in story.due} == {("OR", "education"), ("OR", "eligibility")}
    assert {one["student_id"] for one in story.due} == {story.students["OR ana"], story.students["OR solo"]}


def test_the_preview_counts_exactly_what_goes_and_writes_nothing(story: Story) -> None:
    assert story.preview["in_the_way"] == []
    assert story.preview["counts"]["records"] == 2
    assert {name: story.preview["counts"][name] for name in ("keys", "cases")} == {"keys": 5, "cases": 1}
    assert story.before["head"] == story.before["head_before_preview"]


def test_whoever_proposed_it_does_not_approve_it(story: Story) -> None:
    assert (story.alone.status_code, story.alone.json()["type"]) == (422, "/problems/own-proposal")


def test_a_hold_over_california_s_record_holds_oregon_s_of_the_same_student(story: Story) -> None:
    assert story.under_hold.returncode == 1
    assert "hold" in story.under_hold.stderr


def test_once_it_is_released_another_person_approves_and_it_is_gone(story: Story) -> None:
    assert story.approved["status"] == "done"
    assert story.again["position"] >= story.approved["position"]


def test_the_certificate_names_both_and_its_proofs_lead_to_what_was_signed(story: Story) -> None:
    told = story.certificate
    assert (told["proposed_by"], told["approved_by"]) == (f"{OFFICER} ", "ben@example.org")
    assert told["counts"]["records"] == 2
    assert {line["student_id"] for line in told["lines"]} == {story.students["OR ana"], story.students["OR solo"]}
    assert [rule["authority"] for rule in told["rules"]] == [AUTHORITY]
    assert told["checkpoint"]
    positions = {told["proposal"], told["approval"], *(one["position"] for one in (*told["lines"], *told["rules"]))}
    assert {one["position"] for one in told["inclusions"]} == positions


def test_whoever_is_handed_the_certificate_checks_every_word_of_it_without_the_database(story: Story) -> None:
    checked = story.checked
    assert (checked["holds"], checked["wrong"]) == (True, None)
    assert any("2 records" in line and "approved by ben@example.org" in line for line in checked["proven"])


def test_with_another_name_in_it_the_certificate_is_wrong_and_the_name_is_named(story: Story) -> None:
    assert story.altered["wrong"]["what"] == "approved_by is not what the log says."
    assert story.altered["wrong"]["expected"] == '"ben@example.org"'


def test_the_store_verifies_as_before(story: Story) -> None:
    assert story.verified


def test_a_student_whose_last_record_is_gone_is_answered_410_with_what_proves_it(story: Story) -> None:
    assert story.gone["status"] == 410
    assert story.gone["type"] == "/problems/gone"
    assert story.gone["student_id"] == story.students["OR solo"]
    assert story.gone["authority"] == AUTHORITY
    assert story.gone["disposal"] == story.certificate["disposal"]
    assert story.gone["destroyed_on"]


def test_an_id_that_never_was_is_not_found_as_before(story: Story) -> None:
    assert story.of_nobody["status"] == 404


def test_the_student_keeps_california_s_record(story: Story) -> None:
    assert [record["state"] for record in story.left["core"]["records"]] == ["CA"]


def test_whoever_may_not_read_learns_nothing_of_who_was_here(story: Story) -> None:
    assert story.refused.status_code == 403


def test_nobody_is_found_who_is_gone(story: Story) -> None:
    assert story.students["OR solo"] not in story.searched


def test_nothing_more_is_due(story: Story) -> None:
    assert story.afterwards == []


def test_the_child_sent_again_is_another_student(story: Story) -> None:
    assert story.sent_again not in story.students.values()


def test_the_command_line_says_too_that_it_is_gone(story: Story) -> None:
    assert "destroyed, as a schedule says" in story.line


# -- the story


def _told(office: Office) -> Story:
    students = _sent(office)
    _merged(office, students["OR ana"], students["CA anna"])
    for record_class, since, years in (("education", "birth", 20), ("eligibility", "eligibility-end", 3)):
        said = {
            "record_class": record_class,
            "state": "OR",
            "after": [{"since": since, "years": years}],
            "authority": AUTHORITY,
        }
        assert _ask(office, "PUT", "/v1/retention/schedules", said).status_code == 200
    due = office.command.json("retention", "due")
    subjects = [one["subject"] for one in due if one["record_class"] == "education"]
    going = {"record_class": "education", "subjects": subjects}
    head = office.service.head()
    preview = _ask(office, "POST", "/v1/retention/disposals?dry_run=true", going).json()
    before = {"head_before_preview": head, "head": office.service.head()}
    proposed = _ask(office, "POST", "/v1/retention/disposals", going)
    assert proposed.status_code == 201, proposed.text
    disposal = proposed.json()["id"]
    alone = _ask(office, "POST", f"/v1/retention/disposals/{disposal}/approval", {})
    hold = office.command.json("hold", "place", "--records", students["CA anna"], "--reason", "A court asks.")["hold"]
    under_hold = office.command.run("retention", "dispose", "--approve", disposal, "--yes", *BEN, code=1)
    office.command.run("hold", "release", hold, "--reason", "Settled.")
    approved = office.command.json("retention", "dispose", "--approve", disposal, "--yes", *BEN)
    again = office.command.json("retention", "dispose", "--approve", disposal, "--yes", *BEN)
    certificate = _certified(office, disposal)
    checked, altered = _checked(office, certificate)
    verified = office.command.run("verify").stdout + " "
    solo, nobody = students["OR solo"], f"{NEVER}{check_digit(NEVER)}"
    return Story(
        students=students,
        due=due,
        preview=preview,
        alone=alone,
        under_hold=under_hold,
        before=before,
        approved=approved,
        again=again,
        certificate=certificate,
        verified=verified,
        checked=checked,
        altered=altered,
        gone=_reads(office, solo).json(),
        of_nobody=_reads(office, nobody).json(),
        left=_reads(office, students["OR ana"]).json(),
        refused=office.service.get(f"/v1/students/{solo}", by="parent"),
        searched=_searched(office),
        afterwards=office.command.json("retention", "due"),
        sent_again=_sent_again(office),
        line=office.command.run("student", solo, code=1).stderr,
    )


def _body(first: str, born: str, arrived: str, expires: str | None) -> dict[str, Any]:
    move = {
        "qualifying_moves_record_id": "001",
        "qualifying_arrival_date": arrived,
        "qualifying_move_from_city": "Madera",
    }
    move |= {"qualifying_move_from_state": "CA"} | ({"eligibility_expiration_date": expires} if expires else {})
    named = {"demographics_record_id": "001", "first_name": first, "last_name_1": "Luz", "birth_date": born}
    return {"student": {"state_student_identifier_type": "01"}, "demographics": [named], "qualifying_moves": [move]}


def _put(office: Office, state: str, ssid: str, body: dict[str, Any]) -> str:
    """A record that its state sends, and nobody is shown: else it would have to be kept for five years."""
    made = office.service.call("PUT", f"/v1/records/{state}/{ssid}", by=state, json=body)
    assert made.status_code == 201, made.text
    return made.json()["student_id"]


def _sent(office: Office) -> dict[str, str]:
    """Two who have come of age and whose eligibility has long ended, one of them in California too; and a child."""
    old = {"born": BORN, "arrived": ARRIVED, "expires": EXPIRED}
    return {
        "OR ana": _put(office, "OR", "ana", _body("Ana", **old)),
        "OR solo": _put(office, "OR", "solo", _body("Sol", **old)),
        "OR young": _put(office, "OR", "young", _body("Inés", "2013-05-09", "2025-04-18", None)),
        "CA anna": _put(office, "CA", "anna", _body("Anna", **old)),
    }


def _sent_again(office: Office) -> str:
    return _put(office, "OR", "solo", _body("Sol", BORN, ARRIVED, EXPIRED))


def _merged(office: Office, left: str, right: str) -> None:
    case = office.command.json("merge", left, right, "--master", left, "--reason", "The same mother.")["case"]
    office.command.run("answer", case, "yes", "--reason", "I asked both schools.", *BEN)


def _certified(office: Office, disposal: str) -> dict[str, Any]:
    """With its proofs, once the notary has signed behind it."""
    until = time.monotonic() + PROMPT_S
    while True:
        told = office.service.get(f"/v1/retention/disposals/{disposal}/certificate", by=OFFICER).json()
        if told["checkpoint"] or time.monotonic() > until:
            return told
        time.sleep(0.2)


def _checked(office: Office, certificate: dict[str, Any]) -> tuple[Any, Any]:
    """The verdicts on it, and on one that names another approver: on a machine that has nothing but the file."""
    key = office.command.run("checkpoint", "--key").stdout.strip()
    stranger = CommandLine(folder=office.folder, data=office.folder / "nothing-here")
    verdicts = list[Any]()
    for name, code in ((certificate["approved_by"], 0), ("cleo@example.org", 1)):
        kept = office.folder / f"certificate-{code}.json"
        kept.write_text(json.dumps({**certificate, "approved_by": name}))
        verdicts.append(stranger.json("verify", kept, "--key", key, code=code))
    assert not (office.folder / "nothing-here").exists()
    return verdicts[0], verdicts[1]


def _reads(office: Office, student: str) -> Any:
    return office.service.get(f"/v1/students/{student}", params={"at_least": office.service.head()})


def _searched(office: Office) -> list[str]:
    answer = office.service.call("POST", "/v1/students/search", by="auditor", json={"last_name_1": "Luz"})
    assert answer.status_code == 200, answer.text
    return [one["student_id"] for one in answer.json()["students"]]


def _ask(office: Office, method: str, path: str, body: Any) -> Any:
    return office.service.call(method, path, by=OFFICER, json=body)
