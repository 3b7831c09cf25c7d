"""A family's access on a real database: who may grant it, for which records, until when, and by which code."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from ledger.account_acts import Deactivate, TakeFamily
from ledger.accounts import Family, a_year_after, records_on
from ledger.admissions import Admitted, family_subject
from ledger.application import Ledger
from ledger.errors import BadValue, EmailRetired, Forbidden, LedgerError, NotFound, OwnApplication
from ledger.events import Meta
from ledger.family_access import FamilyAsked, Official
from ledger.record import PlaceStudent
from ledger.store.database import Database
from support.admitting import LUIS, NATION, OREGON
from support.casework import Hands, Work, key
from support.gone import destroy
from support.rows import demographics, enrollment, move, student

TODAY = date(2025, 10, 2)
"""In Oregon, by the clock that the test moves."""
LONGEST = a_year_after(TODAY)
HOOD, OTHER, FRESNO = "4113770", "4100009", "0614550"
EVE = "eve@home.example.org"
CHILD = "2012-03-04"


def official(name: str = LUIS, state: str | None = "OR", district: str | None = HOOD) -> Official:
    return Official(name=name, state=state, district=district, organisation="Hood River School")


def placed(work: Work, state: str = "OR", ssid: str = "1", district: str = HOOD, born: str = CHILD) -> str:
    """A record of its own, or more of one; the student id that it minted."""
    rows = student(demographics(None, birth_date=born), move(None), enrollment(None, school_district_id=district))
    command = PlaceStudent(
        state=state,
        state_student_id=ssid,
        student=replace(rows, state=state, state_student_id=ssid),
        new_student_id="",
    )
    return work.ledger.execute(command, Meta(actor=f"{state} batch")).student_id


def asking(child: str, **more: Any) -> FamilyAsked:
    said = {"email": EVE, "name": "Eve Núñez", "relation": "parent", "identification": "passport", **more}
    return FamilyAsked(student_id=child, **said)


def granted(work: Work, child: str, by: Official | None = None, ledger: Ledger | None = None, **more: Any) -> Admitted:
    by = by or official()
    meta = Meta(actor=by.name, reason="The papers were seen.")
    return (ledger or work.ledger).family_access.grant(asking(child, **more), by, meta)


def ended(work: Work, done: Admitted, by: Official, why: str = "withdrawn") -> Admitted:
    meta = Meta(actor=by.name, reason="As the parent asked.")
    return work.ledger.family_access.end(str(done.ids["account"]), grant_of(done), why, by, meta)


def grant_of(done: Admitted) -> int:
    number = done.ids["grant"]
    assert isinstance(number, int)
    return number


def family(work: Work, done: Admitted) -> Family:
    return work.ledger.admissions.account(str(done.ids["account"])).families[grant_of(done)]


# -- who grants


def test_an_official_of_the_childs_district_grants_and_it_holds_once_the_code_is_shown(work: Work) -> None:
    child = placed(work)
    done = granted(work, child)
    account, record = str(done.ids["account"]), work.record(child)
    given = family(work, done)
    assert (given.records, given.student_id, given.relation) == ([record], child, "parent")
    assert (given.organisation, given.state, given.until) == ("Hood River School", "OR", LONGEST)
    assert not given.taken
    admissions = work.ledger.admissions
    assert records_on(admissions.account(account), TODAY) == frozenset()
    assert admissions.standing(account).families == {}, "the guard lets nobody in before"
    assert admissions.act(account, TakeFamily(by=EVE, grant=grant_of(done)), Meta(actor=EVE)).moved
    assert records_on(admissions.account(account), TODAY) == {record}
    held = admissions.standing(account).families[grant_of(done)]
    assert (held.records, held.until, held.state) == ([record], LONGEST, "OR")


@pytest.mark.parametrize(
    "by",
    [
        official(district=OTHER),
        official(state="CA", district=HOOD),
        official(state="CA", district=FRESNO),
        official(district=None),
        official(state=None, district=None),
        official(state=None, district=HOOD),
        official(district=""),
    ],
)
def test_nobody_else_grants_nor_ends_it_and_nothing_is_written(work: Work, by: Official) -> None:
    child = placed(work)
    done = granted(work, child)
    head = work.ledger.log.head()
    with pytest.raises(Forbidden):
        granted(work, child, by, email="other@home.example.org")
    with pytest.raises(Forbidden):
        ended(work, done, by)
    assert work.ledger.log.head() == head
    assert work.ledger.admissions.of_email("other@home.example.org") is None


def test_of_a_student_of_two_states_each_ones_district_grants_by_its_own_record(work: Work) -> None:
    child, second = placed(work), placed(work, "CA", "2", FRESNO)
    work.linked(child, second)
    hers = official("carla@fresno.example.org", "CA", FRESNO)
    assert family(work, granted(work, child, hers)).state == "CA"
    assert family(work, granted(work, second)).state == "OR", "by any id that the student was ever shown by"
    with pytest.raises(Forbidden):
        granted(work, child, official(district=FRESNO))


@pytest.mark.parametrize("shown", [0, 1], ids=["the one that went", "the other"])
def test_of_a_child_whose_own_record_went_what_is_left_is_granted_by_any_id(work: Work, shown: int) -> None:
    ids = placed(work, "CA", "2", FRESNO), placed(work)
    work.merged(ids[shown], ids[1 - shown])
    left = work.record(ids[1])
    destroy(work.ledger, work.record(ids[0]))
    for number, child in enumerate(ids):
        known = family(work, granted(work, child, email=f"eve{number}@home.example.org"))
        assert list(known.records) == [left]
        assert work.ledger.family_access.subject_of(child) == (["OR"], [left])


def test_whoever_moved_to_another_district_is_that_ones_child(work: Work) -> None:
    child = placed(work)
    done = granted(work, child)
    rows = student(enrollment("002", school_district_id=OTHER, enrollment_date="2025-09-01"))
    command = PlaceStudent(
        state="OR", state_student_id="1", student=replace(rows, state="OR", state_student_id="1"), new_student_id=""
    )
    work.ledger.execute(command, Meta(actor="OR batch"))
    with pytest.raises(Forbidden):
        ended(work, done, official())
    assert ended(work, done, official("olga@other.example.org", district=OTHER)).moved


def test_no_official_grants_himself_his_own_childs_records_so(work: Work) -> None:
    child = placed(work)
    for email in (LUIS, LUIS.upper()):
        with pytest.raises(OwnApplication):
            granted(work, child, email=email)
    assert work.ledger.admissions.of_email(LUIS) is None


def test_an_address_that_was_deactivated_is_granted_nothing(work: Work) -> None:
    child = placed(work)
    account = str(granted(work, child).ids["account"])
    work.ledger.admissions.act(account, Deactivate(by=NATION.name, reason="left"), Meta(actor=NATION.name))
    with pytest.raises(EmailRetired):
        granted(work, child, email=EVE.upper())


# -- which records


def test_a_grant_names_records_and_what_is_linked_later_is_not_granted_with_them(work: Work) -> None:
    child, second, third = placed(work), placed(work, "CA", "2", FRESNO), placed(work, "TX", "3", "4800001")
    work.linked(child, second)
    whole = granted(work, child)
    named = granted(work, child, records=[("CA", "2"), ("CA", "2")])
    both = sorted([work.record(child), work.record(second)])
    assert family(work, whole).records == both
    assert family(work, named).records == [work.record(second)]
    work.linked(third, child)
    assert family(work, whole).records == both


@pytest.mark.parametrize("record", [("TX", "3"), ("OR", "2"), ("CA", "1"), ("", "")])
def test_a_record_of_another_student_or_of_none_is_not_granted(work: Work, record: tuple[str, str]) -> None:
    child = placed(work)
    placed(work, "TX", "3", HOOD)
    head = work.ledger.log.head()
    with pytest.raises(NotFound):
        granted(work, child, records=[("OR", "1"), record])
    assert work.ledger.log.head() == head


@pytest.mark.parametrize("child", ["100000000009", "", "' or 1=1 --"])
def test_a_student_whom_nobody_knows_is_not_found(work: Work, child: str) -> None:
    with pytest.raises(NotFound):
        granted(work, child)


# -- until when


@pytest.mark.parametrize(
    ("born", "until"),
    [
        ([CHILD, "2007-12-25"], date(2025, 12, 24)),
        (["2007-12-25", CHILD], date(2025, 12, 24)),
        (["2008-02-29"], date(2026, 2, 27)),
        (["2008-03-01", "2008-02-29"], date(2026, 2, 27)),
        (["2007-10-03"], TODAY),
    ],
)
def test_it_ends_before_the_eighteenth_birthday_by_the_earliest_that_any_record_tells(
    work: Work, born: list[str], until: date
) -> None:
    child = placed(work, born=born[0])
    for n, day in enumerate(born[1:], 2):
        work.linked(placed(work, "CA", str(n), FRESNO, born=day), child)
    given = family(work, granted(work, child, records=[("OR", "1")]))
    assert (given.until, given.ends_by) == (until, "eighteenth-birthday"), "by a record that is not granted too"


def test_the_records_of_who_is_eighteen_by_any_of_them_are_granted_to_no_parent(work: Work) -> None:
    child = placed(work)
    work.linked(placed(work, "CA", "2", FRESNO, born="2007-10-02"), child)
    for relation in ("parent", "guardian"):
        with pytest.raises(BadValue, match="eighteen"):
            granted(work, child, relation=relation)
    assert family(work, granted(work, child, relation="student")).until == LONGEST


def test_an_eligible_student_is_granted_his_own_and_nobody_younger(work: Work) -> None:
    grown, younger = placed(work, born="2007-10-02"), placed(work, ssid="2", born="2007-10-03")
    given = family(work, granted(work, grown, relation="student"))
    assert (given.relation, given.until, given.ends_by) == ("student", LONGEST, "date")
    with pytest.raises(BadValue, match="not eighteen"):
        granted(work, younger, relation="student")


def test_a_court_order_sets_the_last_day_and_ends_a_grant_before_it(work: Work) -> None:
    child, day = placed(work), TODAY + timedelta(days=40)
    done = granted(work, child, until=day, court_order=True)
    assert (family(work, done).until, family(work, done).ends_by) == (day, "court-order")
    assert ended(work, done, official("olga@school.example.org"), "court-order").moved
    with pytest.raises(NotFound):
        ended(work, done, official(), "court-order")


def test_the_day_is_the_schools_own(work: Work, clock: Hands) -> None:
    child = placed(work, "GU", "1", HOOD)
    with pytest.raises(BadValue, match="over"):
        granted(work, child, official(state="GU"), until=clock.now.date() - timedelta(days=1))
    clock.now = clock.now.replace(hour=13)  # on Guam it is eleven at night
    assert family(work, granted(work, child, official(state="GU"), until=clock.now.date())).until == TODAY
    clock.now = clock.now.replace(hour=15)  # and here the next day
    with pytest.raises(BadValue, match="over"):
        granted(work, child, official(state="GU"), until=TODAY)


# -- by which code


def test_what_waits_for_its_code_is_told_by_what_the_code_is_of_until_it_is_taken(work: Work) -> None:
    child, admissions = placed(work), work.ledger.admissions
    first, second = granted(work, child), granted(work, child, relation="guardian")
    account = str(first.ids["account"])
    assert admissions.families_waiting(account) == {family_subject(account, 1): 1, family_subject(account, 2): 2}
    admissions.act(account, TakeFamily(by=EVE, grant=1), Meta(actor=EVE))
    assert admissions.families_waiting(account) == {family_subject(account, 2): 2}
    ended(work, second, official())
    assert admissions.families_waiting(account) == {}
    with pytest.raises(NotFound):
        admissions.act(account, TakeFamily(by=EVE, grant=2), Meta(actor=EVE))


def test_a_code_is_of_one_grant_of_one_account() -> None:
    accounts = [str(uuid.UUID(int=n)) for n in range(3)]
    subjects = [family_subject(account, grant) for account in accounts for grant in (1, 2, 11)]
    assert len(set(subjects)) == 9
    assert family_subject(accounts[0].upper(), 1) == subjects[0]


# -- again, and at once


def test_the_same_key_grants_once(work: Work) -> None:
    child, meta = placed(work), Meta(actor=LUIS, reason="Seen.")
    first, again = (work.ledger.family_access.grant(asking(child), official(), meta, key("a")) for _ in range(2))
    assert (again.ids, again.replayed) == (first.ids, True)
    assert len(work.ledger.admissions.families_waiting(str(first.ids["account"]))) == 1


def test_two_officials_who_grant_to_one_parent_at_once_open_one_account_with_two_grants(
    work: Work, database: Database, new_ledger: Callable[..., Ledger], clock: Hands
) -> None:
    child, together = placed(work), threading.Barrier(2)
    two = [new_ledger(database, clock=clock) for _ in range(2)]

    def grant(number: int, email: str) -> Admitted | LedgerError:
        together.wait(30)
        try:
            by = official(f"official{number}@school.example.org")
            return granted(work, child, by, two[number], email=email.upper() if number else email)
        except LedgerError as error:
            return error

    for turn in range(6):
        with ThreadPoolExecutor(2) as threads:
            said = list(threads.map(grant, range(2), [f"eve{turn}@home.example.org"] * 2))
        done = [one for one in said if isinstance(one, Admitted)]
        assert len(done) == 2, said
        assert len({one.ids["account"] for one in done}) == 1
        assert {one.ids["grant"] for one in done} == {1, 2}
        known = work.ledger.admissions.account(str(done[0].ids["account"]))
        assert sorted(known.families) == [1, 2]


# -- whose account it is


def test_an_account_without_a_role_is_in_no_narrowed_authoritys_charge(work: Work) -> None:
    account = str(granted(work, placed(work)).ids["account"])
    for authority in (OREGON, replace(OREGON, region="7")):
        with pytest.raises(Forbidden, match="school"):
            close(work, account, authority)
    assert close(work, account, NATION).moved


def close(work: Work, account: str, authority: Any) -> Admitted:
    command = Deactivate(by=authority.name, reason="left")
    return work.ledger.admissions.act(account, command, Meta(actor=authority.name), authority=authority)
