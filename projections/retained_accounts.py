"""When the access of an account ended, as the read model ``retention`` hears it: the tables ``accounts`` and
``applications`` of it.

The one invariant: access has ended where nothing is had and nothing is waited for; an account that is disabled for a
time has what it has (``ledger.retention.days.days_of_account``, which reckons it by all its events).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, LiteralString

import msgspec
import psycopg

from ledger.events import Recorded
from ledger.events.account import (
    AccountDeactivated,
    AccountEvent,
    FamilyAccessEnded,
    FamilyAccessGranted,
    RoleEnded,
    RoleGranted,
)
from ledger.events.application import (
    AccessApplied,
    ApplicationApproved,
    ApplicationEvent,
    ApplicationRefused,
    ApplicationWithdrawn,
)
from ledger.retention.places import place_named
from ledger.store.arrays import texts
from projections.gone import Gone
from projections.projection import statement


class Held(msgspec.Struct, array_like=True):
    """Of one account. states: of every role or grant that was given or asked for, as ``ledger.retention.places`` has
    them, the last one last; None among them for the nation's. grants: numbers of what is had.
    waiting: applications that nobody has decided. ended: when access last ended, or was denied. spoken: of it, last."""

    states: list[str | None]
    grants: list[int]
    waiting: list[str]
    deactivated: bool
    ended: datetime | None
    spoken: datetime

    @property
    def access_end(self) -> datetime | None:
        """None while access is had or waited for."""
        had = self.grants and not self.deactivated
        return None if had or self.waiting else self.ended or self.spoken


def fold(cursor: psycopg.Cursor[Any], schema: str, batch: Iterable[Recorded]) -> None:
    """Write each account that a batch speaks of, once."""
    heard = [one for one in batch if isinstance(one.event, AccountEvent | ApplicationEvent)]
    if not heard:
        return
    applied = {_name(one): one.event.account for one in heard if isinstance(one.event, AccessApplied)}
    if applied:
        cursor.executemany(statement(_APPLY, schema), list(applied.items()))
    others = sorted({_name(one) for one in heard if isinstance(one.event, ApplicationEvent)} - applied.keys())
    whose = dict(cursor.execute(statement(_WHOSE, schema), (texts(others),), prepare=False).fetchall()) | applied
    # Of an application that cannot be opened any more nobody knows whose it was.
    said = [(_name(one) if isinstance(one.event, AccountEvent) else whose.get(_name(one)), one) for one in heard]
    names = texts(sorted({name for name, _ in said if name is not None}))
    rows = cursor.execute(statement(_LOAD, schema), (names,), prepare=False, binary=True).fetchall()
    known: dict[str, Held] = {name: _decode(body) for name, body in rows}
    for name, one in said:
        if name is not None:
            known[name] = hear(known.get(name), one)
    cursor.executemany(
        statement(_WRITE, schema),
        [
            (name, [state for state in held.states if state], held.access_end, _encode(held))
            for name, held in known.items()
        ],
    )


def follow(cursor: psycopg.Cursor[Any], schema: str, gone: Gone) -> None:
    """Of accounts that went, nothing: their streams have one key."""
    for text in (_GONE, _GONE_APPLICATIONS):
        cursor.execute(statement(text, schema), (texts(sorted(gone.accounts)),), prepare=False)


def hear(held: Held | None, one: Recorded) -> Held:
    """An account after an event of it, or of an application for it."""
    event = one.event
    if held is None:
        held = Held([], [], [], False, None, one.recorded_at)
    held.spoken = one.recorded_at
    place = place_named(event)
    if place is not None:
        held.states = [*(state for state in held.states if state != place.state), place.state]
    if isinstance(event, RoleGranted | FamilyAccessGranted):
        held.grants.append(event.grant)
    elif isinstance(event, RoleEnded | FamilyAccessEnded):
        held.grants = [grant for grant in held.grants if grant != event.grant]
    elif isinstance(event, AccountDeactivated):
        held.deactivated = True
    elif isinstance(event, AccessApplied):
        held.waiting.append(_name(one))
    elif isinstance(event, ApplicationApproved | ApplicationRefused | ApplicationWithdrawn):
        held.waiting = [name for name in held.waiting if name != _name(one)]
    if isinstance(event, _ENDS):
        held.ended = one.recorded_at
    return held


def _name(one: Recorded) -> str:
    return one.stream.partition("/")[2]


_ENDS: Final = (RoleEnded, FamilyAccessEnded, AccountDeactivated, ApplicationRefused, ApplicationWithdrawn)
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Held).decode
_APPLY: LiteralString = "insert into {schema}.applications (application, account) values (%s, %s)"
_WHOSE: LiteralString = "select application, account from {schema}.applications where application = any(%s)"
_LOAD: LiteralString = "select account, body from {schema}.accounts where account = any(%s)"
_WRITE: LiteralString = (
    "insert into {schema}.accounts (account, states, access_end, body) values (%s, %s, %s, %s)"
    " on conflict (account) do update set states = excluded.states, access_end = excluded.access_end,"
    " body = excluded.body"
)
_GONE: LiteralString = "delete from {schema}.accounts where account = any(%s)"
_GONE_APPLICATIONS: LiteralString = "delete from {schema}.applications where account = any(%s)"
