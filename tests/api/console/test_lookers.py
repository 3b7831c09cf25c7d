"""Who has looked, told by person: each once, with the newest and the oldest day and how often."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from api.console.lookers import DOES, WHY, lookers
from ledger.access import ROLES, RULES
from projections.disclosures import Disclosure

ZONE = "America/Los_Angeles"


def entry(position: int, **more: Any) -> Disclosure:
    said: dict[str, Any] = {
        "position": position,
        "record": "r1",
        "recorded_at": datetime(2025, 9, 2, 12, position, tzinfo=UTC),
        "outcome": "shown",
        "student_id": None,
        "actor": "rosa@example.org",
        "role": "secondary_user",
        "organisation": "Hood River School",
        "purpose": "education-record-review",
        "basis": "",
        "view": "student",
        "sections": [],
        "rule": None,
        "request": f"q{position}",
        "ledger_position": None,
        "own_state": None,
        "recipient": None,
        "recipient_organisation": None,
        "disclosed_on": None,
        "fields": [],
    }
    return Disclosure(**said | more)


def test_one_answer_that_showed_two_records_is_one_look() -> None:
    same = {"request": "q", "recorded_at": datetime(2025, 9, 2, tzinfo=UTC)}
    [told] = lookers([entry(2, record="r2", **same), entry(1, record="r1", **same)], ZONE)
    assert told.times == 1


def test_somebody_who_looks_again_is_told_once_with_first_and_last_day() -> None:
    entries = [
        entry(3, recorded_at=datetime(2025, 9, 3, 6, 59, tzinfo=UTC)),
        entry(2, actor="luis@example.org"),
        entry(1, outcome="not-modified", recorded_at=datetime(2025, 8, 1, 12, tzinfo=UTC)),
    ]
    rosa, luis = lookers(entries, ZONE)
    assert (rosa.name, rosa.times) == ("rosa@example.org", 2)
    assert (rosa.first, rosa.last) == (date(2025, 8, 1), date(2025, 9, 2)), "the day is the state's, not UTC's"
    assert luis.times == 1


def test_whom_a_copy_was_handed_and_who_was_refused_are_told_apart_from_who_looked() -> None:
    handed = entry(3, outcome="passed-on", recipient="Dr. Paz", recipient_organisation="Clinic", role="privacy_officer")
    told = lookers([handed, entry(2, outcome="refused", purpose=""), entry(1)], ZONE)
    assert [(one.kind, one.name) for one in told] == [
        ("passed-on", "Dr. Paz"),
        ("refused", "rosa@example.org"),
        ("looked", "rosa@example.org"),
    ]
    assert (told[0].organisation, told[0].does) == ("Clinic", "")


def test_somebodys_own_words_are_shown_as_written_and_the_familys_look_is_the_familys() -> None:
    own, family = lookers([entry(2, purpose="court case"), entry(1, role="parent", purpose="parent-inspection")], ZONE)
    assert (own.why, own.stated) == ("court case", True)
    assert (family.family, family.stated) == (True, False)


def test_every_role_that_sees_a_child_and_every_purpose_of_a_rule_has_plain_words() -> None:
    of_a_child = {rule.role for rule in RULES if rule.purpose}
    assert of_a_child - {"parent"} <= set(DOES)
    assert set(DOES) <= set(ROLES)
    assert {rule.purpose for rule in RULES} <= set(WHY)
