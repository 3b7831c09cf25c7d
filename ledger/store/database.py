"""Where PostgreSQL is, and as which of the five roles a connection acts.

By URL, the one user of the URL acts as a role (``SET ROLE`` at connect); on the embedded server each role logs in as
itself over the socket. A connection is never opened without naming its role.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

import psycopg
from psycopg import errors as pg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ledger.errors import BoundByNotSame, LedgerError, Misconfigured, RecordDestroyed, StoreUnavailable


class Role(StrEnum):
    """Who may what: sealing.md's table, granted in the first migration and tested as each role."""

    OWNER = "sojourn_owner"
    WRITER = "sojourn_writer"
    PROJECTOR = "sojourn_projector"
    READER = "sojourn_reader"
    DISPOSER = "sojourn_disposer"


_LINK: Final = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
}
"""Where the URL does not say otherwise. A link that died silently is noticed in half a minute, by who listens on it and
by who has sent something; the system's own patience is a quarter of an hour to two hours."""


class Database:
    """One database of one PostgreSQL.

    admin: conninfo that made, or may migrate, the database. log_in: whether each role logs in as itself (embedded).
    """

    def __init__(self, admin: str, *, log_in: bool = False) -> None:
        self.admin = admin
        self._log_in = log_in

    def conninfo(self, role: Role | None = None, *, name: str = "sojourn") -> str:
        """A conninfo that acts as the role; None is the administrator of the URL."""
        return _conninfo(self.admin, self._log_in, role, name)

    def connect(
        self, role: Role | None = None, *, name: str = "sojourn", autocommit: bool = True
    ) -> psycopg.Connection:
        """A connection. Raises StoreUnavailable, Misconfigured."""
        with translated():
            return psycopg.connect(self.conninfo(role, name=name), autocommit=autocommit)

    def check_roles(self) -> None:
        """Raises Misconfigured where a connection acts as the user of the URL, who may do what no role may."""
        with self.connect(Role.READER) as conn:
            row = conn.execute("select current_user::text").fetchone()
        if row != (Role.READER.value,):
            raise Misconfigured(
                "What stands before PostgreSQL leaves out the startup parameter `options`, by which Sojourn takes on"
                " its roles.",
                remedy=_PAST_THE_POOLER,
            )


@lru_cache(256)
def _conninfo(admin: str, log_in: bool, role: Role | None, name: str) -> str:
    """Kept: a process asks for a few of them again and again, and each takes as long as a short statement."""
    given: dict[str, Any] = {**_LINK, "application_name": name, **conninfo_to_dict(admin)}
    # No statement of ours is worth compiling, and a search would be each time: its costs are guessed too high.
    given["options"] = f"{given.get('options') or ''} -c jit=off".strip()
    if role is not None and log_in:
        given["user"] = role.value
        given.pop("password", None)
    elif role is not None:
        given["options"] += f" -c role={role.value}"
    return make_conninfo("", **given)


_MIGRATE: Final = "Run `sojourn migrate`; where a later release has, restart what runs of this one as that release."
_PAST_THE_POOLER: Final = "Let SOJOURN_DATABASE_URL name PostgreSQL itself, not a pooler."
_REMEDIES: tuple[tuple[type[Exception], str, str], ...] = (
    (pg.DiskFull, "PostgreSQL has no room left on its disk; nothing was written.", "Make room, then send it again."),
    (pg.TooManyConnections, "PostgreSQL takes no more connections.", "Wait, or raise max_connections."),
    (
        pg.ReadOnlySqlTransaction,
        "PostgreSQL here is read-only (a replica).",
        "Point SOJOURN_DATABASE_URL at the primary.",
    ),
    (pg.AdminShutdown, "PostgreSQL is being shut down.", "Send it again when it is back."),
    (pg.CannotConnectNow, "PostgreSQL is starting or recovering.", "Send it again in a moment."),
    (pg.LockNotAvailable, "Another process holds the lock too long.", "Send it again."),
    (pg.IoError, "PostgreSQL met an error of its disk.", "See its log; then send it again with the same key."),
)


def translate(error: psycopg.Error) -> LedgerError | None:
    """Our error for one of psycopg's: unavailable, misconfigured, or None where it is a defect of ours."""
    for kind, what, remedy in _REMEDIES:
        if isinstance(error, kind):
            return StoreUnavailable(what, remedy=remedy)
    if isinstance(error, pg.IntegrityConstraintViolation) and error.diag.constraint_name == "not_same":
        return BoundByNotSame("Records of the two were declared not to be the same child.", remedy="See their history.")
    if isinstance(error, pg.IntegrityConstraintViolation) and error.diag.constraint_name == "nothing_is_gone":
        return RecordDestroyed("What this is about was destroyed.", remedy="Nothing more can be said of it.")
    if (error.sqlstate or "").startswith("54"):
        return None  # a limit of PostgreSQL's own: psycopg calls it operational, and it never ends by itself
    if isinstance(error, pg.InvalidCatalogName):
        return Misconfigured("The database of SOJOURN_DATABASE_URL does not exist.", remedy="Create it, then migrate.")
    if isinstance(error, pg.InvalidPassword | pg.InvalidAuthorizationSpecification):
        return Misconfigured("PostgreSQL refuses the user of SOJOURN_DATABASE_URL.", remedy="Check user and password.")
    if isinstance(error, pg.UndefinedTable | pg.InvalidSchemaName | pg.UndefinedColumn | pg.UndefinedFunction):
        return Misconfigured("The database has not the schema of this release.", remedy=_MIGRATE)
    if isinstance(error, pg.InsufficientPrivilege | pg.UndefinedObject):
        return Misconfigured(
            "The database refuses this role what it needs.", remedy="Run `sojourn migrate`, then `sojourn doctor`."
        )
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        text = str(error)
        if 'role "sojourn_' in text:
            return Misconfigured("The database has not the roles of Sojourn.", remedy="Run `sojourn migrate`.")
        if "does not exist" in text and "database" in text:
            return Misconfigured(
                "The database of SOJOURN_DATABASE_URL does not exist.", remedy="Create it, then migrate."
            )
        if "startup parameter" in text:
            return Misconfigured(
                "What stands before PostgreSQL refuses the startup parameter `options`, by which Sojourn takes on its"
                " roles.",
                remedy=_PAST_THE_POOLER,
            )
        if "authentication failed" in text:
            return Misconfigured(
                "PostgreSQL refuses the user of SOJOURN_DATABASE_URL.", remedy="Check user and password."
            )
        if "too many clients" in text or "remaining connection slots" in text:
            return StoreUnavailable("PostgreSQL takes no more connections.", remedy="Wait, or raise max_connections.")
        return StoreUnavailable(
            "PostgreSQL cannot be reached, or went away.",
            remedy="See that it runs; then send it again with the same key.",
        )
    return None


@contextmanager
def translated() -> Iterator[None]:
    """Turn psycopg's errors into ours; what has no translation is a defect and passes as it is."""
    try:
        yield
    except psycopg.Error as e:
        ours = translate(e)
        if ours is None:
            raise
        raise ours from e
