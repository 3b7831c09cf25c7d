"""The worklist and a case as pages: urgent first, two records beside each other, and an answer that leads on."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from api.console import worklist
from ledger.application import Ledger
from ledger.events.audit import KeptApart
from ledger.events.disclosure import SearchDisclosed
from ledger.store.database import Database
from support.casework import ANA, CA, OR, WHY, Work
from support.seats import Sits, text_of
from support.services import Clock
from support.signing_in import People

LUIS = "luis@ode.example.org"
CARLA = "carla@cde.example.org"


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
def near(work: Work) -> str:
    """A near match of Oregon's record and California's."""
    a, b = work.opened("OR", "7"), work.opened("CA", "8")
    return work.proposals.open_near_match(work.record(a), {work.record(b): 11.5}, ANA).case


def at_head(path: str, ledger: Ledger) -> str:
    return f"{path}{'&' if '?' in path else '?'}at_least={ledger.log.head()}"


def entries(ledger: Ledger) -> list[SearchDisclosed]:
    return [one.event for one in ledger.access.read(0, 100) if isinstance(one.event, SearchDisclosed)]


def test_open_cases_and_settled_ones_are_never_on_one_page(seated: Sits, work: Work, near: str, ledger: Ledger) -> None:
    c = work.opened("OR", "9")
    other = work.proposals.open_changed("different-child", work.record(c), 1, ANA).case
    work.cases.answer(other, WHY, ANA, OR, yes=True)
    ana = seated()
    opened, settled = (ana.page(at_head(path, ledger)) for path in ("/worklist", "/worklist/settled"))
    assert (near in opened, other in opened) == (True, False)
    assert (near in settled, other in settled) == (False, True)
    assert "Settled: yes" in settled


def test_what_nobody_waits_for_is_said_kindly(seated: Sits) -> None:
    assert "Nothing waits for your office. Thank you." in seated().page("/worklist")
    assert "Nothing has been settled yet." in seated().page("/worklist/settled")


def test_an_overdue_case_says_so_in_a_word(seated: Sits, near: str, ledger: Ledger, clock: Clock) -> None:
    ana = seated()
    assert "Overdue" not in ana.page(at_head("/worklist", ledger))
    clock.now += timedelta(days=40)
    assert "Overdue" in seated(LUIS).page(at_head("/worklist", ledger))


def test_a_case_shows_both_records_and_the_entry_says_that_facts_were_told(
    seated: Sits, work: Work, near: str, ledger: Ledger
) -> None:
    text = text_of(seated().page(at_head(f"/cases/{near}", ledger)))
    assert "Are these two records one child's?" in text
    assert text.index("OR 7") < text.index("CA 8")
    assert "Birth date" in text
    assert "Same" in text
    *_, last = entries(ledger)
    assert (last.view, last.fields) == ("case-facts", ["case_id"])
    assert sorted(last.records) == sorted(one.anchor.record for one in work.opened_as(near).records)


def test_of_a_check_that_is_judged_blind_the_page_names_no_student(seated: Sits, work: Work, ledger: Ledger) -> None:
    a, b = work.opened("OR", "7"), work.opened("CA", "8")
    pair = KeptApart(work.record(a), work.record(b), 2500)
    case = ledger.proposals.check_apart(pair, "sojourn-3", ANA).case
    page = seated().page(at_head(f"/cases/{case}", ledger))
    assert "Birth date" in page, "it is judged by what the two states say"
    assert not [word for word in (a, b, "2.5", "sojourn-3", "/students/") if word in page]
    assert "Other records concerned" not in page


def test_whoever_opens_a_case_is_at_it_and_the_next_one_is_told(seated: Sits, near: str, ledger: Ledger) -> None:
    path = at_head(f"/cases/{near}", ledger)
    ana, luis = seated(), seated(LUIS)
    assert 'id="answer"' in ana.page(path)
    page = luis.page(path)
    assert "ana@ode.example.org is at this case until" in page
    assert 'id="answer"' not in page
    assert "ana@ode.example.org is at it until" in luis.page(at_head("/worklist", ledger))
    refused = luis.sends(f"/cases/{near}/answer", answer="yes", words=WHY)
    assert refused.status_code == 409
    ana.does(f"/cases/{near}/release", key="of the form")
    assert 'id="answer"' in luis.page(path)


def test_an_auditor_reads_a_case_and_is_not_at_it(seated: Sits, near: str, ledger: Ledger) -> None:
    page = seated("audit@ed.example.org", "auditor", None).page(at_head(f"/cases/{near}", ledger))
    assert 'id="answer"' not in page
    assert ledger.casework.lease_of(near) is None


def test_an_answer_takes_effect_and_leads_to_the_next_case_which_says_what_it_came_to(
    seated: Sits, work: Work, near: str, ledger: Ledger
) -> None:
    c = work.opened("OR", "9")
    other = work.proposals.open_changed("different-child", work.record(c), 1, ANA).case
    ana = seated()
    ana.page(at_head("/worklist", ledger))
    there = ana.does(f"/cases/{near}/answer", answer="yes", **{"because-yes": WHY, "because-no": "no", "words": "Sí."})
    assert there.startswith(f"/cases/{other}?")
    act = work.closed_as(near).act
    page = ana.page(there)
    assert "Linked now" in page
    assert f'href="/acts/{act}/reversal"' in page
    assert f"“{WHY} Sí.”" in ana.page(f"/cases/{near}") or f"{WHY} Sí." in ana.page(f"/cases/{near}")
    last = ana.does(f"/cases/{other}/answer", answer="yes", words=WHY)
    assert last.startswith("/worklist?")


def test_the_same_form_sent_twice_answers_once(seated: Sits, work: Work, near: str) -> None:
    ana = seated()
    fields = {"answer": "yes", "words": WHY, "key": "a key of the form"}
    first, again = (ana.sends(f"/cases/{near}/answer", **fields) for _ in range(2))
    assert first.status_code == again.status_code == 303
    assert len(work.events(near)) == 3, "opened, answered, closed"


@pytest.mark.parametrize("fields", [{"answer": "yes"}, {"words": WHY}, {"answer": "maybe", "words": WHY}])
def test_an_answer_that_is_not_whole_is_refused_and_what_was_typed_is_kept(
    seated: Sits, work: Work, near: str, fields: dict[str, str]
) -> None:
    answer = seated().sends(f"/cases/{near}/answer", **fields)
    assert answer.status_code == 422
    assert ('role="alert"' in answer.text, WHY in answer.text) == (True, "words" in fields)
    assert len(work.events(near)) == 1


def test_what_somebody_wrote_is_text_and_never_markup(seated: Sits, near: str, work: Work, ledger: Ledger) -> None:
    hostile = "<script>alert(1)</script>"
    ana = seated()
    ana.does(f"/cases/{near}/answer", answer="no", words=hostile)
    page = ana.page(at_head(f"/cases/{near}", ledger))
    assert hostile in page, "as it was written, once the page's own escapes are read"
    assert f"<q>{hostile}</q>" in page
    raw = ana.sends(f"/cases/{near}/answer", answer="yes", words=hostile)
    assert hostile not in raw.text


def test_a_case_of_another_state_is_neither_read_nor_answered(seated: Sits, near: str, ledger: Ledger) -> None:
    tess = seated("tess@tea.example.org", state="TX")
    tess.page(at_head(f"/cases/{near}", ledger), status=422)
    assert tess.sends(f"/cases/{near}/answer", answer="yes", words=WHY).status_code == 422


def test_a_merge_waits_for_the_other_state_and_the_page_says_so_before_and_after(
    seated: Sits, work: Work, ledger: Ledger
) -> None:
    a, b = work.opened("OR", "7"), work.opened("CA", "8")
    case = ledger.proposals.propose_merge(a, b, a, WHY, ANA).case
    luis = seated(LUIS)
    assert "It still waits for:" in luis.page(at_head(f"/cases/{case}", ledger))
    page = luis.page(luis.does(f"/cases/{case}/answer", answer="yes", words=WHY))
    assert "it goes on to who has yet to answer" in page
    assert "CA, which has until" in page
    carla = seated(CARLA, state="CA")
    assert "Merged now" in carla.page(carla.does(f"/cases/{case}/answer", answer="yes", words=WHY))


def test_who_proposed_a_merge_is_told_that_another_person_must_answer(seated: Sits, work: Work, ledger: Ledger) -> None:
    a, b = work.opened("OR", "7"), work.opened("CA", "8")
    ana = seated()
    there = ana.does(f"/students/{a}/merge", other=b, master=a, because=WHY)
    case = there.rsplit("/", 1)[1]
    page = ana.page(at_head(f"/cases/{case}", ledger))
    assert "Another person must answer." in page
    assert 'id="answer"' not in page


def test_an_office_puts_a_case_before_another(seated: Sits, near: str, ledger: Ledger) -> None:
    ana = seated()
    page = ana.page(at_head(f"/cases/{near}", ledger))
    assert "Put it before another office" in page
    there = ana.does(f"/cases/{near}/assignment", office="state:", names="luis@ode.example.org, ")
    assert "luis@ode.example.org" in ana.page(there.replace("/worklist", f"/cases/{near}"))
    assert ana.sends(f"/cases/{near}/assignment", office="moon:").status_code == 422
    assert near not in ana.page(at_head("/worklist?mine=true", ledger))
    assert near in seated(LUIS).page(at_head("/worklist?mine=true", ledger))


def test_a_case_that_is_not_there_is_not_found_and_an_unknown_kind_is_refused(seated: Sits) -> None:
    ana = seated()
    ana.page("/cases/01920f8e-0b5e-7cc3-98c4-dc0c0c07398f", status=404)
    ana.page("/cases/none", status=404)
    ana.page("/worklist?kind=none", status=422)


def test_a_case_answered_by_california_is_told_to_oregon_as_settled(
    seated: Sits, work: Work, near: str, ledger: Ledger
) -> None:
    work.cases.answer(near, WHY, ANA, CA, yes=False)
    page = seated().page(at_head(f"/cases/{near}", ledger))
    assert "Settled: no" in page
    assert f'href="/not-same/{work.closed_as(near).act}"' in page


def test_a_page_behind_another_begins_where_that_ended_whatever_was_answered_meanwhile(
    seated: Sits, work: Work, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worklist, "PAGE", 2)
    records = [work.record(work.opened("OR", str(number))) for number in range(4)]
    cases = [work.proposals.open_changed("different-child", record, 1, ANA).case for record in records]
    ana = seated()
    first = ana.page(at_head("/worklist", ledger))
    assert [case in first for case in cases] == [True, True, False, False]
    behind = re.search(r'href="(\?cursor=[0-9.-]+)"', first)
    assert behind is not None
    for case in cases[:2]:
        work.cases.answer(case, WHY, ANA, OR, yes=True)
    second = ana.page(at_head(f"/worklist{behind[1]}", ledger))
    assert [case in second for case in cases] == [False, False, True, True]
    for wrong in ("2", "2026-02-30.2", "2026-03-01.-2", ".", "x.1", "." + "9" * 19):
        ana.page(f"/worklist?cursor={wrong}", status=422)
