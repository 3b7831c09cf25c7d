"""Saying that two students are one, or that one is several, and taking it back, page by page."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from ledger.application import Ledger
from ledger.errors import StoreUnavailable
from ledger.events.disclosure import Disclosed, SearchDisclosed
from ledger.ids import student_id
from ledger.store.database import Database
from support.casework import WHY, Work
from support.seats import Sits
from support.services import Clock
from support.signing_in import People

NEVER = student_id(999_999)


@pytest.fixture
def ledger(database: Database, new_ledger: Callable[..., Ledger], clock: Clock) -> Ledger:
    """By the clock that whoever signs in goes by."""
    return new_ledger(database, clock)


@pytest.fixture
def seated(people: People) -> Sits:
    return Sits(people)


@pytest.fixture
def work(people: People) -> Work:
    return Work(people.ledger)


@pytest.fixture
def two(work: Work, ledger: Ledger) -> tuple[str, str]:
    """Students of Oregon and of California."""
    return work.opened("OR", "7"), work.opened("CA", "8")


@pytest.fixture
def merged(work: Work, two: tuple[str, str]) -> str:
    """The act that joined them."""
    return work.merged_act(*two)


def seen(ledger: Ledger) -> list[str]:
    """Views that were shown."""
    told = (one.event for one in ledger.access.read(0, 200))
    return [event.view for event in told if isinstance(event, Disclosed | SearchDisclosed)]


def at_head(path: str, ledger: Ledger) -> str:
    return f"{path}{'&' if '?' in path else '?'}at_least={ledger.log.head()}"


def test_two_students_stand_beside_each_other_and_both_are_disclosed(
    seated: Sits, two: tuple[str, str], work: Work, ledger: Ledger
) -> None:
    one, other = two
    ana = seated()
    ana.page(f"/students/{one}/merge")
    assert "student-pair" not in seen(ledger), "an id alone shows nobody"
    page = ana.page(at_head(f"/students/{one}/merge?other={other}", ledger))
    assert "Propose the merge" in page
    assert seen(ledger)[-1] == "student-pair"
    *_, last = (one.event for one in ledger.access.read(0, 200))
    assert isinstance(last, SearchDisclosed)
    assert sorted(last.records) == sorted(work.record(minted) for minted in two)


def test_who_proposes_is_told_what_happens_next_and_nobody_else_is(
    seated: Sits, two: tuple[str, str], ledger: Ledger
) -> None:
    pia = seated("pia@school.example.org", "primary_user")
    there = pia.does(f"/students/{two[0]}/merge", other=two[1], master=two[1], because=WHY)
    page = pia.page(there)
    assert "CA, which has until" in page
    assert "OR, which has until" in page
    assert 'href="/cases/' not in page, "a primary user reads no worklist"
    seated().page(there, status=404)


@pytest.mark.parametrize(("other", "status"), [("12", 422), (NEVER, 404)])
def test_an_id_that_is_none_is_said_beside_the_field(
    seated: Sits, two: tuple[str, str], other: str, status: int
) -> None:
    page = seated().page(f"/students/{two[0]}/merge?other={other}", status)
    assert 'aria-invalid="true"' in page
    assert f'value="{other}"' in page


def test_a_merge_that_is_refused_says_why_and_keeps_what_was_typed(
    seated: Sits, two: tuple[str, str], ledger: Ledger
) -> None:
    ana = seated()
    ana.does(f"/students/{two[0]}/merge", other=two[1], master=two[0], because=WHY)
    again = ana.sends(f"/students/{two[0]}/merge", other=two[1], master=two[0], because="", words="Otra vez.")
    assert again.status_code == 422
    assert "Otra vez." in again.text
    assert 'role="alert"' in again.text


def test_records_that_are_ticked_are_proposed_as_another_child_s(
    seated: Sits, two: tuple[str, str], merged: str, work: Work, ledger: Ledger
) -> None:
    pia = seated("pia@school.example.org", "primary_user")
    page = pia.page(at_head(f"/students/{two[0]}/split", ledger))
    assert seen(ledger)[-1] == "student-split"
    boxes = re.findall(r'name="(record-[0-9a-f-]{36})"', page)
    assert len(boxes) == 2
    assert pia.sends(f"/students/{two[0]}/split", because=WHY).status_code == 422
    there = pia.does(f"/students/{two[0]}/split", because=WHY, **{f"record-{work.record(two[1])}": "on"})
    assert work.opened_as(there.rsplit("/", 1)[1].partition("?")[0]).kind == "validate-split"


def test_an_act_is_told_by_ids_alone(seated: Sits, two: tuple[str, str], merged: str, ledger: Ledger) -> None:
    amy = seated("amy@school.example.org", "secondary_user")
    before = ledger.access.head()
    page = amy.page(f"/acts/{merged}")
    assert "Two students were merged." in page
    assert "In effect" in page
    assert f"/acts/{merged}/reversal" not in page, "who may not take it back is not led there"
    assert ledger.access.head() == before
    assert f'href="/acts/{merged}/reversal"' in seated().page(f"/acts/{merged}")


def test_a_reversal_is_looked_at_before_it_is_done_and_names_who_saw_the_joined_record(
    seated: Sits, two: tuple[str, str], merged: str, work: Work, ledger: Ledger
) -> None:
    ana, amy = seated(), seated("amy@school.example.org", "secondary_user")
    amy.page(at_head(f"/students/{two[0]}", ledger))
    head = ledger.log.head()
    page = ana.page(f"/acts/{merged}/reversal")
    assert ledger.log.head() == head, "looking writes nothing"
    assert page.count('class="then"') >= 2, "two children, as they would be"
    assert "amy@school.example.org" in page
    assert seen(ledger)[-1] == "reversal-preview"
    assert ana.sends(f"/acts/{merged}/reversal", because="").status_code == 422
    there = ana.does(f"/acts/{merged}/reversal", because="They are cousins.")
    done = ana.page(there)
    assert f"Act {merged} is taken back." in done
    assert "Reversal to validate" in done
    assert "amy@school.example.org" in done
    assert "Review of the education record" in done, "a purpose in words"
    assert seen(ledger)[-1] == "reversal-recall"
    last = list(ledger.access.read(0, 200))[-1]
    assert isinstance(last.event, SearchDisclosed)
    assert sorted(last.event.records) == sorted(work.record(minted) for minted in two)
    assert ana.page(there).count("reversal-recall") == 0, "who reads the list does not come into it"
    assert work.shown(*two) == list(two)
    page = ana.page(f"/acts/{merged}")
    assert "Taken back" in page
    assert ana.sends(f"/acts/{merged}/reversal", because="Again.").status_code == 422


def test_an_office_that_holds_no_record_neither_sees_nor_takes_back(seated: Sits, merged: str, ledger: Ledger) -> None:
    tess = seated("tess@tea.example.org", state="TX")
    head = ledger.log.head()
    tess.page(f"/acts/{merged}/reversal", status=422)
    assert tess.sends(f"/acts/{merged}/reversal", because=WHY).status_code == 422
    assert ledger.log.head() == head


def test_a_stranger_is_not_told_who_saw_the_joined_record(
    seated: Sits, two: tuple[str, str], merged: str, ledger: Ledger
) -> None:
    ana, amy = seated(), seated("amy@school.example.org", "secondary_user")
    amy.page(at_head(f"/students/{two[0]}", ledger))
    there = ana.does(f"/acts/{merged}/reversal", because=WHY)
    assert "amy@school.example.org" in ana.page(there)
    assert "amy@school.example.org" not in seated("tess@tea.example.org", state="TX").page(there)


def test_two_students_are_declared_not_the_same_and_that_is_withdrawn(
    seated: Sits, two: tuple[str, str], ledger: Ledger
) -> None:
    ana = seated()
    assert "Declare it" in ana.page(at_head(f"/students/{two[0]}/not-same?other={two[1]}", ledger))
    there = ana.does(f"/students/{two[0]}/not-same", other=two[1], because=WHY)
    page = ana.page(there)
    assert all(minted in page for minted in two)
    assert "In effect" in page
    ana.does(f"{there}/withdrawal", because=WHY)
    assert "Withdrawn" in ana.page(there)


def test_a_declaration_or_an_act_that_is_not_there_is_not_found(seated: Sits, merged: str, work: Work) -> None:
    ana = seated()
    for path in (
        f"/acts/{NEVER}-1",
        f"/not-same/{NEVER}-1",
        "/acts/none",
        "/not-same/none",
        f"/acts/{merged}/reversed",
    ):
        ana.page(path, status=404)


def test_proposing_twice_at_once_is_one_proposal(seated: Sits, two: tuple[str, str], work: Work) -> None:
    ana = seated()
    fields = {"other": two[1], "master": two[0], "because": WHY, "key": "one form"}
    first, again = (ana.does(f"/students/{two[0]}/merge", **fields) for _ in range(2))
    assert first == again
    assert len(work.open_cases()) == 1


def test_the_list_of_who_was_shown_is_not_told_where_that_cannot_be_recorded(
    seated: Sits, two: tuple[str, str], merged: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, amy = seated(), seated("amy@school.example.org", "secondary_user")
    amy.page(at_head(f"/students/{two[0]}", ledger))
    there = ana.does(f"/acts/{merged}/reversal", because="They are cousins.")

    def full(*_: object) -> None:
        raise StoreUnavailable("The disk is full.", remedy="Make room.")

    monkeypatch.setattr(ledger.access, "seal_cached", full)
    page = ana.page(there)
    assert f"Act {merged} is taken back." in page
    assert "amy@school.example.org" not in page
