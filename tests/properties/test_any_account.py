"""Whatever is said of accounts and applications, nobody lets himself in, and what is closed stays closed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger import account_acts, accounts, applications
from ledger.account_acts import (
    AcceptRules,
    Deactivate,
    Disable,
    Enable,
    EndFamily,
    EndRole,
    GrantRole,
    KeepTime,
    LinkIdentity,
    TakeFamily,
)
from ledger.accounts import RULES_EDITION, Account, looked_at_on, renew_on
from ledger.applications import Application, Approve, Authority, Refuse, Withdraw
from ledger.errors import LedgerError
from ledger.events import Event
from ledger.events.account import AccountDeactivated, RoleEnded, RoleGranted
from ledger.events.application import ApplicationVerified, AskedRole
from ledger.persons import person
from support.admitting import applying, family, paper, trained, verifying

Sized = Callable[..., settings]
DAY = date(2024, 2, 27)
PEOPLE = ("rosa@school.example.org", "luis@school.example.org", "ana@ode.example.org", "help desk")
WHY = "As it is."


@st.composite
def names(draw: st.DrawFn) -> str:
    """Somebody, as he or another might type it."""
    name = draw(st.sampled_from(PEOPLE))
    return draw(st.sampled_from([name, name.upper(), f" {name} ", name[:2] + "\u200b" + name[2:], "\ufeff" + name]))


EMAILS = st.sampled_from(PEOPLE[:3])
ROLES = st.sampled_from(["secondary_user", "user_administrator"])
DAYS = st.integers(-5, 800).map(lambda days: DAY + timedelta(days=days))
AREAS = st.sampled_from([(None, None), ("OR", None), ("OR", "7"), ("CA", None)])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("apply"), names(), EMAILS, EMAILS, ROLES, st.sampled_from([None, "7"])),
        st.tuples(st.just("paper"), names(), st.integers(0, 3)),
        st.tuples(st.just("verify"), names(), st.integers(0, 3), st.booleans()),
        st.tuples(st.just("approve"), names(), st.integers(0, 3), AREAS, DAYS),
        st.tuples(st.just("end"), names(), st.integers(0, 3), st.booleans()),
        st.tuples(st.just("act"), names(), EMAILS, st.integers(0, 11), DAYS),
    ),
    max_size=30,
)


class Admission:
    """Applications and accounts as the shell decides on them, without a store. said: each account's events."""

    def __init__(self) -> None:
        self.made: list[Application] = []
        self.said: dict[str, list[Event]] = {email: [] for email in PEOPLE[:3]}
        self.granted: list[tuple[str, int, Application, str]] = []

    def account(self, email: str) -> Account:
        return accounts.fold(self.said[email])

    def take(self, kind: str, by: str, *more: Any) -> None:
        if kind == "apply":
            email, supervisor, role, region = more
            apply = applying(email, role, state="OR", region=region)
            self.made.append(self._told(None, replace(apply, by=by, supervisor_email=supervisor)))
        elif kind == "act":
            email, which, day = more
            self.said[email] += account_acts.decide(_act(which, by, day), self.account(email))
        elif self.made:
            number, *rest = more
            at = number % len(self.made)
            if kind == "approve":
                self._approve(at, by, *rest)
            else:
                self.made[at] = self._told(self.made[at], _said(kind, by, *rest))

    def _told(self, known: Application | None, command: applications.Command) -> Application:
        after = applications.fold(applications.decide(command, known), known)
        assert after is not None
        return after

    def _approve(self, at: int, by: str, area: tuple[str | None, str | None], day: date) -> None:
        known = self.made[at]
        email, asked = known.applied.email, known.applied.asked
        before = self.account(email)
        opened = account_acts.decide(account_acts.OpenAccount(by=by, email=email, name="Rosa"), before)
        granted = account_acts.decide(GrantRole(by=by, role=asked), accounts.fold(opened, before))
        authority = Authority(name=by, state=area[0], region=area[1])
        number = before.last_grant + 1
        command = Approve(by=by, authority=authority, trained_on=before.trained_on, today=day, grant=number)
        self.made[at] = self._told(known, command)
        self.said[email] += [*opened, *granted]
        self.granted += [(email, one.grant, known, by) for one in granted if isinstance(one, RoleGranted)]


def _said(kind: str, by: str, flag: bool = False) -> applications.Command:
    if kind == "paper":
        return paper("07", by=by)
    if kind == "verify":
        return verifying(by, "07" if flag else None)
    return Refuse(by=by, reason=WHY) if flag else Withdraw(by=by)


def _act(which: int, by: str, day: date) -> account_acts.Command:
    role = AskedRole(role="primary_user", organisation="Hood River School", state="OR")
    return [
        trained(day, by=by),
        AcceptRules(by=by, edition=RULES_EDITION, on=day),
        LinkIdentity(by=by, issuer="i", subject="s"),
        EndRole(by=by, grant=1, reason=WHY),
        Disable(by=by, reason=WHY),
        Enable(by=by, reason=WHY),
        family(day, day + timedelta(days=9), by=by),
        EndFamily(by=by, grant=1, why="withdrawn", reason=WHY),
        KeepTime(by="timekeeper", today=day),
        GrantRole(by=by, role=role),
        Deactivate(by=by, reason=WHY),
        TakeFamily(by=by, grant=1),
    ][which]


def lived(steps: list[tuple[Any, ...]]) -> Admission:
    """What comes of commands in this order; those that are refused leave nothing."""
    admission = Admission()
    for step in steps:
        try:
            admission.take(*step)
        except LedgerError:
            continue
    return admission


def test_a_deactivated_account_has_no_role_and_nothing_follows(sized: Sized) -> None:
    seen = Counter[str]()

    @sized(400)
    @given(STEPS)
    def law(steps: list[tuple[Any, ...]]) -> None:
        for email, events in lived(steps).said.items():
            known = accounts.fold(events)
            closed = [n for n, event in enumerate(events) if isinstance(event, AccountDeactivated)]
            seen.update(type(event).__name__ for event in events)
            assert (known.status == "deactivated") == bool(closed), email
            if closed:
                assert closed == [len(events) - 1]
                assert (known.roles, known.families, looked_at_on(known)) == ({}, {}, None)
                given = {event.grant for event in events if isinstance(event, RoleGranted)}
                assert given == {event.grant for event in events if isinstance(event, RoleEnded)}

    law()
    assert seen["AccountDeactivated"], "some were deactivated"


def test_nobody_has_a_role_that_he_or_who_verified_for_him_approved(sized: Sized) -> None:
    seen = Counter[int]()

    @sized(600)
    @given(STEPS, EMAILS, EMAILS, st.tuples(names(), st.booleans()), st.tuples(names(), AREAS, DAYS))
    def law(
        steps: list[tuple[Any, ...]], email: str, supervisor: str, verified: tuple[Any, ...], approved: tuple[Any, ...]
    ) -> None:
        # Those that may come to something first, so that many do.
        begun = [
            ("apply", "help desk", email, supervisor, "secondary_user", None),
            ("paper", "help desk", 0),
            ("act", "help desk", email, 0, DAY),
            ("verify", verified[0], 0, verified[1]),
        ]
        admission = lived([*begun, *steps, ("approve", approved[0], 0, *approved[1:])])
        seen[len(admission.granted)] += 1
        for applicant, _, application, by in admission.granted:
            seen_by = application.verified
            assert isinstance(seen_by, ApplicationVerified)
            assert person(by) not in {person(name) for name in (applicant, seen_by.by, seen_by.recorded_by or "")}
        for whose, events in admission.said.items():
            for event in events:
                assert not isinstance(event, RoleGranted) or person(event.by) != person(whose)

    law()
    assert sum(n for times, n in seen.items() if times), "some were approved"


def test_time_is_told_on_the_first_day_that_it_looks_and_never_before(sized: Sized) -> None:
    @sized(400)
    @given(STEPS, st.integers(0, 400))
    def law(steps: list[tuple[Any, ...]], early: int) -> None:
        for known in (accounts.fold(events) for events in lived(steps).said.values()):
            day = looked_at_on(known)
            latest = date(2099, 1, 1) if day is None else day - timedelta(days=1 + early)
            assert account_acts.decide(KeepTime(by="timekeeper", today=latest), known) == []
            if day is not None:
                told = account_acts.decide(KeepTime(by="timekeeper", today=day), known)
                assert told
                after = accounts.fold(told, known)
                assert account_acts.decide(KeepTime(by="timekeeper", today=day), after) == []
                later = looked_at_on(after)
                assert later is None or later > day
            due = renew_on(known)
            assert due is None or known.trained_on is None or (due - known.trained_on).days <= 366

    law()


@pytest.mark.parametrize("name", PEOPLE)
def test_a_name_that_is_typed_otherwise_is_the_same_person(name: str) -> None:
    for typed in (name.upper(), f" {name} ", name[:2] + "\u200b" + name[2:], "\ufeff" + name):
        assert person(typed) == person(name)
