"""The schema of ledger, guards, vault and tracking, as numbered plain-SQL revisions under Alembic.

Read models are not here: each projection owns its tables. ``upgrade`` is safe to run by several processes at once,
and again; ``check`` says whether this release and the database fit.
"""

from __future__ import annotations

import logging
from importlib import resources
from pathlib import Path

import psycopg

from ledger.errors import Misconfigured
from ledger.store.database import Database, Role, translated

_LOCK = 0x50_4A_4F_55
"""Advisory lock held while migrating, so that the second process waits and then finds nothing to do."""


def sql(name: str, **replace: str) -> bytes:
    """The text of ``migrations/sql/<name>.sql`` with ``{word}`` replaced."""
    text = resources.files(__name__).joinpath("sql", f"{name}.sql").read_text("utf-8")
    for word, value in replace.items():
        text = text.replace("{" + word + "}", value)
    return text.encode()


def upgrade(database: Database) -> bool:
    """Bring the schema up; True when the append-only event trigger stands too (it needs a superuser).

    Raises Misconfigured when the user of the URL may not make roles or a connection does not act as one, or the
    database is newer than this release.
    """
    with translated(), psycopg.connect(database.conninfo(name="sojourn migrate"), autocommit=True) as admin:
        admin.execute("select pg_advisory_lock(%s)", (_LOCK,))
        try:
            admin.execute(sql("roles"))
        except psycopg.errors.InsufficientPrivilege as e:
            raise Misconfigured(
                "The user of SOJOURN_DATABASE_URL may not make the five roles of Sojourn.",
                remedy="Migrate once as a user with CREATEROLE who owns the database.",
            ) from e
        database.check_roles()  # else the tables would come to belong to the user of the URL
        _refuse_newer(admin)
        _alembic_upgrade(database)
        row = admin.execute("select rolsuper from pg_roles where rolname = current_user").fetchone()
        if row and row[0]:
            with admin.transaction():
                admin.execute(sql("event_trigger"))
            return True
        return _has_event_trigger(admin)


def check(database: Database) -> None:
    """Raises Misconfigured unless the database has exactly this release's schema, and its roles can be taken on."""
    with translated(), psycopg.connect(database.conninfo(name="sojourn"), autocommit=True) as conn:
        applied = _applied(conn)
        if applied is None:
            raise Misconfigured("The database has no schema yet.", remedy="Run `sojourn migrate`.")
        _refuse_newer(conn)
        newest = _revisions()[-1]
        if applied != newest:
            raise Misconfigured(
                f"The database is at revision {applied}, this release needs {newest}.", remedy="Run `sojourn migrate`."
            )
    database.check_roles()


def _applied(conn: psycopg.Connection) -> str | None:
    row = conn.execute("select to_regclass('migrations.alembic_version')").fetchone()
    if row is None or row[0] is None:
        return None
    with conn.transaction(force_rollback=True):
        row = conn.execute("select version_num from migrations.alembic_version").fetchone()
    return None if row is None else row[0]


def _refuse_newer(conn: psycopg.Connection) -> None:
    applied = _applied(conn)
    if applied is not None and applied not in _revisions():
        raise Misconfigured(
            f"The database is at revision {applied}, which this release does not know: it is newer.",
            remedy="Install the release that migrated it, or a later one.",
        )


def _has_event_trigger(conn: psycopg.Connection) -> bool:
    row = conn.execute(
        "select count(*) from pg_event_trigger where evtname like 'sojourn_refuse_%' and evtenabled in ('O', 'A')"
    ).fetchone()
    return row is not None and row[0] == 3


def _revisions() -> list[str]:
    """Names of this release's revisions, oldest first: their files are numbered."""
    folder = Path(str(resources.files(__name__).joinpath("versions")))
    return sorted(path.stem for path in folder.glob("[0-9]*.py"))


def _alembic_upgrade(database: Database) -> None:
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config()
    config.set_main_option("script_location", str(resources.files(__name__)))
    config.set_main_option("path_separator", "os")
    conninfo = database.conninfo(Role.OWNER, name="sojourn migrate")
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(conninfo), poolclass=NullPool)
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
