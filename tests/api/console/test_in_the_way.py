"""What stops a disposal, and codes of retention, in the reader's words: each is said, in either language."""

from __future__ import annotations

from datetime import date

import pytest
from msgspec.structs import replace

from api.console.formats import day
from api.console.in_the_way import InTheWay, in_words
from api.console.retention_words import CLASSES, HOLDS, KEPT, SINCE, kept_because, reach_of, wait_of, waited
from api.console.words import LANGUAGES
from ledger.events.linkage import Anchor
from ledger.events.retention import Item, OverAccount, OverAll, OverRecords, OverState
from ledger.retention import obstacles
from ledger.retention.due import Due, Kept
from ledger.retention.holds import Holding
from ledger.retention.obstacles import Obstacle, Present
from ledger.retention.schedules import LAW, Schedules
from support.given_retention import ACCOUNT, HOLD, RECORD, found, present, scope

SPANISH = LANGUAGES["es"].gettext


def told(stops: list[Obstacle], one: Present, language: str = "en") -> InTheWay:
    [said] = in_words(stops, [one], LANGUAGES[language].gettext, lambda on: day(on, language))
    return said


def test_what_is_held_is_told_with_what_holds_it() -> None:
    hold = Holding(id=HOLD, kind="legal", by="ana@example.org")
    one = present(held=[hold])
    assert told([*obstacles.held([one])], one) == InTheWay(RECORD, "held by", [hold])


def test_what_is_not_due_says_from_when_on_it_is_unless_a_day_of_the_child_follows_from_that() -> None:
    one = present()
    assert isinstance(one.due, Due)
    later = replace(one, due=replace(one.due, on=date(2033, 6, 2)))
    birth = replace(one, due=replace(one.due, on=date(2033, 6, 2), since="birth"))
    assert told([*obstacles.not_due([birth])], birth).why == "not due yet"
    assert told([*obstacles.not_due([birth])], birth, "es").why == "todavía no vence"
    assert told([*obstacles.not_due([later])], later).why == "not due before Jun 2, 2033"
    assert told([*obstacles.not_due([later])], later, "es").why == "no vence antes del 2 jun 2033"


def test_what_no_schedule_lets_go_says_so() -> None:
    one = present(schedules=Schedules())
    assert told([*obstacles.not_due([one])], one).why == "no schedule speaks of it"


def test_what_is_gone_says_so() -> None:
    one = present(scope=None)
    assert told([*obstacles.gone([one])], one).why == "it is gone already"


def test_what_has_changed_says_in_what() -> None:
    one = present(what=found(version=10))
    assert isinstance(one.due, Due)
    item = Item(scope=scope(), schedule="education/OR/9")
    said = told([*obstacles.changed([(item, one)])], one)
    assert said.why == "no longer as it was proposed: what it says, its schedule"


@pytest.mark.parametrize("words", [CLASSES, HOLDS, KEPT, SINCE])
def test_every_code_has_spanish_of_its_own(words: dict[str, str]) -> None:
    assert not [english for english in words.values() if SPANISH(english) == english]


def test_a_day_that_nobody_knows_is_named() -> None:
    kept = Kept(record_class="education", subject=RECORD, why="unknown-day", since="birth")
    assert kept_because(kept, str) == "a day that its years are counted from is not known (the child was born)"


def test_what_a_certificate_says_of_a_schedule_is_said_as_the_schedule_is() -> None:
    assert [wait_of("3 years after access-end")] == waited(LAW)
    assert wait_of("1 year after birth").years == 1


def test_what_a_hold_is_over_is_told_apart() -> None:
    anchor = Anchor(record=RECORD, student_id="000000000010", opened=1)
    assert reach_of(OverRecords(records=[anchor])).records == [RECORD]
    assert [reach_of(over).of for over in (OverAccount(account=ACCOUNT), OverState(state="OR"), OverAll())] == [
        ACCOUNT,
        "OR",
        "",
    ]
