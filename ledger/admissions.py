"""Admission: from an application to an account with a role, and to its end, as the log has it.

Invariant: what an application comes to and what that makes of the account are one append, decided on the versions of
both streams; so of two authorities at once one is decided anew on what the other left. Every e-mail address has one
account for ever, whoever applies for it. Decides by ``ledger.applications`` and ``ledger.account_acts``; says nothing
of passwords.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from ledger import account_acts, accounts, applications
from ledger.accounts import Account
from ledger.applications import Application, Authority
from ledger.errors import AccountIsClosed, Conflict, EmailRetired, Forbidden, NotFound, Refused, StaleDecision
from ledger.events import Erased, Event, Meta
from ledger.events.account import AccountProposed
from ledger.events.application import AccessApplied
from ledger.jurisdiction import DEFAULT, Profile
from ledger.replay import RequestKey, kept_answer, raise_if_refused, refused_answer
from ledger.store import standings
from ledger.store.append import Answer, Append, Part
from ledger.store.log import Log
from ledger.store.standings import AccountStanding, Standing, hash_of, stands

ATTEMPTS_MAX: Final = 20
"""How often something is decided anew before its sender is told that others are faster."""


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a command. ids: of what it speaks of, and of what it made. position: of the last event written,
    or the log's head where nothing was."""

    ids: dict[str, object]
    position: int
    moved: bool = True
    replayed: bool = False


class _Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be written: events of either stream, and what is told of it."""

    account: str
    before: Account
    account_events: Sequence[Event] = ()
    application: str | None = None
    application_version: int = 0
    application_events: Sequence[Event] = ()
    ids: dict[str, object] = {}


class Admissions:
    """Applications and accounts at work. Safe for threads. profile: of a state. clock: now, UTC. new_id: 16 bytes.
    region_of: a state's district to the region that it lies in."""

    def __init__(
        self,
        log: Log,
        profile: Callable[[str], Profile],
        clock: Callable[[], datetime],
        new_id: Callable[[], bytes],
        region_of: Callable[[str, str], str | None] = lambda _state, _district: None,
    ) -> None:
        self._log = log
        self._profile = profile
        self._clock = clock
        self._new_id = new_id
        self._region_of = region_of
        self._watchers: list[Callable[[str], None]] = []
        self._hash_key: bytes | None = None

    def watch(self, told: Callable[[str], None]) -> None:
        """Be told, from any thread, of each account of which something was written here, once it is durable."""
        self._watchers.append(told)

    # -- reading

    def application(self, application: str) -> Application:
        """As it is now. Raises NotFound, StoreUnavailable; NotFound too where its papers are destroyed."""
        known = applications.fold(self._events(f"application/{_uuid(application)}", "application"))
        if known is None:
            raise _unknown("application")
        return known

    def account(self, account: str) -> Account:
        """As it is now; one that has only been applied for too. Raises NotFound, StoreUnavailable."""
        self.standing(account)
        return self._account(account)

    def standing(self, account: str) -> Standing:
        """As its guard has it. Raises NotFound, StoreUnavailable."""
        with self._log.connection() as conn:
            found = standings.of_account(conn, _uuid(account))
        if found is None:
            raise _unknown("account")
        return found

    def of_email(self, email: str) -> Standing | None:
        """The account of an address, also one that has only been applied for, or was deactivated."""
        with self._log.connection() as conn:
            return standings.of_email(conn, self.hash_of(email.strip().lower()))

    def of_identity(self, issuer: str, subject: str) -> Standing | None:
        """The account that signs in by an identity of a provider."""
        with self._log.connection() as conn:
            return standings.of_identity(conn, self.hash_of(issuer, subject))

    def families_waiting(self, account: str) -> dict[uuid.UUID, int]:
        """Grants to a family that no code was shown for yet: what their codes are of, to their numbers."""
        known = self._account(account)
        return {family_subject(account, n): n for n, one in known.families.items() if not one.taken}

    def due(self, day: date) -> list[str]:
        """Accounts of which time may have something to tell by a day."""
        with self._log.connection() as conn:
            return standings.to_look_at(conn, day)

    def today(self, state: str | None) -> date:
        """The day that it is in a state's own zone; of the nation, in the usual one."""
        zone = DEFAULT.time_zone if state is None else self._profile(state).time_zone
        return self._clock().astimezone(ZoneInfo(zone)).date()

    def hash_of(self, *parts: str) -> bytes:
        """Keyed hash by which an address or identity is found."""
        if self._hash_key is None:
            with self._log.connection() as conn:
                self._hash_key = standings.hash_key(conn, self._log.vault)
        return hash_of(self._hash_key, *parts)

    # -- applications

    def apply(self, command: applications.Apply, meta: Meta, request: RequestKey | None = None) -> Admitted:
        """Apply for access. The command's account is found, or made, by its e-mail address, whatever it names.

        Raises BadValue, OwnApplication, EmailRetired, and as every write.
        """
        application = str(uuid.UUID(bytes=self._new_id()))

        def take() -> _Turn:
            found = self.of_email(command.email)
            if found is not None and found.status == "deactivated":
                raise EmailRetired(
                    "The account of this address was deactivated, for good.", remedy="Apply under another address."
                )
            account = str(uuid.UUID(bytes=self._new_id())) if found is None else found.account
            events = applications.decide(replace(command, account=account), None)
            applied = events[0]
            assert isinstance(applied, AccessApplied)
            proposed = AccountProposed(
                application=application, email=applied.email, name=applied.name, asked=applied.asked
            )
            return _Turn(
                account=account,
                before=self._account(account) if found is not None else accounts.NEW,
                account_events=[proposed],
                application=application,
                application_events=events,
                ids={"application": application, "account": account},
            )

        return self._write(take, meta, request, status=201)

    def handle(
        self,
        application: str,
        command: applications.Command,
        meta: Meta,
        request: RequestKey | None = None,
        authority: Authority | None = None,
    ) -> Admitted:
        """Verify, refuse, withdraw, or add a paper. authority: whose area it must lie in, of who acts for an office.

        Raises NotFound, Forbidden, BadValue, OwnApplication, NotReady, ApplicationIsClosed, and as every write.
        """

        def take() -> _Turn:
            known = self.application(application)
            if authority is not None:
                applications.must_be_within(authority, known.applied)
            paper = {"attachment": command.attachment} if isinstance(command, applications.AddAttachment) else {}
            return _Turn(
                account=known.applied.account,
                before=self._account(known.applied.account),
                application=_uuid(application),
                application_version=known.version,
                application_events=applications.decide(command, known),
                ids={"application": application, "account": known.applied.account, **paper},
            )

        return self._write(take, meta, request)

    def approve(
        self, application: str, authority: Authority, meta: Meta, request: RequestKey | None = None
    ) -> Admitted:
        """Approve: in the same append the account is opened, if it was not, and has the role.

        Raises as ``handle``; AccountIsClosed.
        """

        def take() -> _Turn:
            known = self.application(application)
            applied = known.applied
            account = self._account(applied.account)
            given = account_acts.GrantRole(by=authority.name, role=applied.asked, application=_uuid(application))
            opened = account_acts.decide(
                account_acts.OpenAccount(
                    by=authority.name, email=applied.email, name=applied.name, application=_uuid(application)
                ),
                account,
            )
            granted = account_acts.decide(given, accounts.fold(opened, account))
            after = accounts.fold([*opened, *granted], account)
            number = next((n for n, role in after.roles.items() if role == applied.asked), after.last_grant)
            command = applications.Approve(
                by=authority.name,
                authority=authority,
                trained_on=account.trained_on,
                today=self.today(applied.asked.state),
                grant=number,
                district_lies_in=self._region_of(applied.asked.state, applied.asked.district)
                if applied.asked.state and applied.asked.district
                else None,
            )
            return _Turn(
                account=applied.account,
                before=account,
                account_events=[*opened, *granted],
                application=_uuid(application),
                application_version=known.version,
                application_events=applications.decide(command, known),
                ids={"application": application, "account": applied.account, "grant": number},
            )

        return self._write(take, meta, request)

    # -- accounts

    def act(
        self,
        account: str,
        command: account_acts.Command | Callable[[Account], account_acts.Command],
        meta: Meta,
        request: RequestKey | None = None,
        authority: Authority | None = None,
    ) -> Admitted:
        """Do something to an account. command: or what makes it of the account as it is. authority: who must be in
        charge of every role that it has; None where it is the account's own, or time's.

        Raises NotFound, Forbidden, BadValue, OwnApplication, AccountIsClosed, and as every write.
        """

        def take() -> _Turn:
            known = self.account(account)
            if authority is not None:
                must_be_in_charge(authority, known)
            said = command if isinstance(command, account_acts.Command) else command(known)
            events = account_acts.decide(said, known)
            numbers = [number for event in events if (number := getattr(event, "grant", None)) is not None]
            ids: dict[str, object] = {"account": account}
            if numbers:
                ids["grant"] = numbers[-1]
            return _Turn(account=_uuid(account), before=known, account_events=events, ids=ids)

        return self._write(take, meta, request)

    def open(
        self,
        email: str,
        name: str,
        commands: Sequence[account_acts.Command],
        meta: Meta,
        request: RequestKey | None = None,
    ) -> Admitted:
        """Open an account without an application, by an operator or for a family, and do the first things to it. Where
        there is one of that address it is taken. Raises as ``act``; EmailRetired."""
        # However it was typed: else one address would come to have two accounts.
        email = applications.address(email)

        def take() -> _Turn:
            found = self.of_email(email)
            if found is not None and found.status == "deactivated":
                raise EmailRetired(
                    "The account of this address was deactivated, for good.", remedy="Take another address."
                )
            if found is not None and found.status == "disabled":
                raise AccountIsClosed("The account is disabled.", remedy="Enable it first.")
            account = str(uuid.UUID(bytes=self._new_id())) if found is None else found.account
            before = accounts.NEW if found is None else self._account(account)
            after, events = before, list[Event]()
            opening = account_acts.OpenAccount(by=meta.actor, email=email, name=name, reason=meta.reason or "")
            for command in (opening, *commands):
                more = account_acts.decide(command, after)
                events += more
                after = accounts.fold(more, after)
            grant = after.last_grant
            return _Turn(
                account=account,
                before=before,
                account_events=events,
                ids={"account": account, "grant": grant},
            )

        return self._write(take, meta, request, status=201)

    def keep_time(self, account: str, meta: Meta) -> bool:
        """Tell what time has brought to an account; whether anything was. Raises StoreUnavailable."""
        return self.act(
            account,
            lambda known: account_acts.KeepTime(
                by=meta.actor,
                today=self.today(state_of(known)),
                days={one.state: self.today(one.state) for one in known.families.values()},
            ),
            meta,
        ).moved

    # -- inside

    def _write(
        self, take: Callable[[], _Turn], meta: Meta, request: RequestKey | None, *, status: int = 200
    ) -> Admitted:
        for _ in range(ATTEMPTS_MAX):
            try:
                turn = take()
            except (Refused, NotFound, Conflict, Forbidden) as refusal:
                answer = refused_answer(request, refusal)
                if answer is not None and not isinstance(refusal, Forbidden):
                    receipt = self._log.append(Append(parts=[], meta=meta, answer=answer))
                    if receipt.replayed and receipt.answer is not None:
                        return _again(receipt.answer, receipt.position)
                raise
            moved = bool(turn.account_events or turn.application_events)
            answer = kept_answer(request, status, {**turn.ids, "moved": moved})
            if not moved and answer is None:
                return Admitted(ids=turn.ids, position=self._log.head(), moved=False)
            try:
                receipt = self._log.append(
                    Append(
                        parts=_parts(turn),
                        meta=meta,
                        answer=answer,
                        # A guard is written with events of the account's own stream alone, whose version is checked:
                        # else it could bring back what somebody ended meanwhile.
                        accounts=[self._stands(turn)] if turn.account_events else [],
                    )
                )
            except StaleDecision:
                continue
            # Durable: the application, what it made of the account, and the guard that lets it in.
            for told in self._watchers:
                told(turn.account)
            if receipt.replayed and receipt.answer is not None:
                return _again(receipt.answer, receipt.position)
            return Admitted(ids=turn.ids, position=receipt.position, moved=moved)
        raise StaleDecision("Others were faster each time it was decided upon.", remedy="Send it again.")

    def _stands(self, turn: _Turn) -> AccountStanding:
        return stands(turn.account, accounts.fold(turn.account_events, turn.before), self.hash_of)

    def _account(self, account: str) -> Account:
        return accounts.fold(self._events(f"account/{_uuid(account)}", "account"))

    def _events(self, stream: str, what: str) -> list[Event]:
        events = [recorded.event for recorded in self._log.read_stream(stream)]
        if any(isinstance(event, Erased) for event in events):
            raise NotFound(
                f"The papers of this {what} are destroyed.", remedy="They were kept as long as they must be."
            )
        return events


def family_subject(account: str, grant: int) -> uuid.UUID:
    """What the code for a family's access is of: one grant of one account (RFC 9562, 5.5)."""
    return uuid.uuid5(uuid.UUID(account), f"family/{grant}")


def state_of(known: Account) -> str | None:
    """By whose zone an account's days are told: the state of its first role, else of the one that was applied for; None
    for the nation's."""
    first = next((role for _, role in sorted(known.roles.items())), known.proposed)
    return None if first is None else first.state


def must_be_in_charge(authority: Authority, known: Account, *, to_admit: bool = False) -> None:
    """Pass where each role of an account lies in an authority's area. to_admit: what is done only helps what was
    applied for on. Raises Forbidden."""
    if authority.state is None:
        return
    roles = list(known.roles.values())
    # What is applied for in somebody's name makes nobody the master of what a family was granted.
    if not roles and known.proposed and (to_admit or not known.families):
        roles = [known.proposed]
    if not roles:  # a family's: each school ends what it granted
        raise Forbidden("The account has no role in your area.", remedy="The school that granted it access ends that.")
    if any(applications.above(authority, role) is not None for role in roles):
        raise Forbidden("The account reaches beyond your area.", remedy="The next higher authority does this.")


def _parts(turn: _Turn) -> list[Part]:
    parts = []
    if turn.application_events:
        parts.append(
            Part(
                stream=f"application/{turn.application}",
                subject=turn.account,
                expected=turn.application_version,
                events=turn.application_events,
            )
        )
    if turn.account_events:
        parts.append(
            Part(
                stream=f"account/{turn.account}",
                subject=turn.account,
                expected=turn.before.version,
                events=turn.account_events,
            )
        )
    return parts


def _again(answer: Answer, position: int) -> Admitted:
    """The first answer to a key. Raises the refusal that it was."""
    raise_if_refused(answer)
    ids = dict(answer.ids)
    return Admitted(ids=ids, position=position, moved=bool(ids.pop("moved", True)), replayed=True)


def _uuid(given: str) -> str:
    try:
        return str(uuid.UUID(given))
    except ValueError:
        raise _unknown("account or application") from None


def _unknown(what: str) -> NotFound:
    return NotFound(f"There is no such {what}.", remedy="Compare its id with where it was read.")
