"""What the ways in are built from. The composition root makes one; routes find it on the app.

Invariant: nothing here knows a request. Whoever builds ``Services`` opens and closes the ledger; the app opens and
closes the pools and the watcher, which belong to its event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from psycopg_pool import AsyncConnectionPool
from starlette.requests import Request

from api.announcements import Announcements
from api.oidc import OpenId
from api.rate_limit import Limits
from api.standings import Standings
from ledger.application import Ledger
from ledger.intake.uploads import Spools
from ledger.proofs.note import Verifier
from ledger.store.credentials import Credentials
from ledger.store.sessions import Sessions
from ledger.store.tokens import Tokens


class Check(NamedTuple):
    """One thing that must hold for this process to serve. find: returns what is wrong and its remedy, or None.

    May block (it is run in a thread) and may raise; either way the check fails with the reason.
    """

    name: str
    find: Callable[[], str | None]


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True, kw_only=True)
class Services:
    """Parts of the service, each made by the composition root.

    ledger: open. reads: connections as the reader, to the primary or a replica. feed: connections as the projector,
    to the primary; the clear columns of the events, positions and heads are read with it. tokens: over a pool of the
    writer. pools: every pool that the app opens when it starts and closes when it stops (reads, feed, the tokens').
    announcements: watcher of what is announced. body_key: 32 bytes, derived from the master key, that hash the bodies
    of requests: a plain digest of a child's data could be guessed. practice: this is practice space, with invented
    children. organisation: whose service it is, for disclosures. checks: what /readyz asks beside the database and
    the read models. sessions, standings, credentials: of people who sign in here. support: whom people ask, in words.
    openid: the identity provider, where one is named. csrf_key: 32 bytes, of the tokens in forms. spools: where files
    that come are kept until they are applied; None where none are taken.
    witnesses: keys of those who may cosign checkpoints.
    limits: how often somebody may ask; None: as often as he likes. clock: now, UTC.
    """

    ledger: Ledger
    reads: AsyncConnectionPool
    feed: AsyncConnectionPool
    tokens: Tokens
    pools: Sequence[AsyncConnectionPool]
    announcements: Announcements
    body_key: bytes
    organisation: str
    sessions: Sessions
    standings: Standings
    credentials: Credentials
    csrf_key: bytes
    openid: OpenId | None = None
    support: str = ""
    practice: bool = False
    checks: Sequence[Check] = ()
    spools: Spools | None = None
    limits: Limits | None = None
    witnesses: Sequence[Verifier] = ()
    clock: Callable[[], datetime] = _now


def services_of(request: Request) -> Services:
    """The parts that the app of this request was made from."""
    return request.app.state.services
