"""Migrated databases for tests, copied from one that was migrated once; with or without the read models' tables."""

from __future__ import annotations

import atexit
import itertools
import os
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import LiteralString

import psycopg
from psycopg import sql

import migrations
from ledger.events import Recorded
from ledger.store.database import Database
from ledger.store.embedded import EmbeddedServer
from ledger.store.following import connected
from projections import PROJECTIONS
from projections.runner import BatchRunner

MASTER_KEY = bytes(range(32)).hex()

Template = Callable[[EmbeddedServer], str]
"""Gives the name of a database to copy, which it makes where there is none."""
_numbers = itertools.count(1)
_there: set[str] = set()
"""Templates that were found, by server and name: asked once each."""
LEFT_MAX = 2
_left: defaultdict[str, deque[str]] = defaultdict(deque)
"""Databases that nobody uses any more, by server."""
_administrators: dict[str, psycopg.Connection] = {}
"""A connection to each server, kept: a run makes thousands of databases, and connections cost as much as copies."""


def bare(server: EmbeddedServer) -> str:
    """A database that is migrated and holds nothing."""
    name = "sojourn_template"
    if not _is_there(server, name):
        server.ensure_database(name)
        migrations.upgrade(Database(server.conninfo(name), log_in=True))
    return name


def with_read_models(server: EmbeddedServer) -> str:
    """That, with the tables of every read model: making them takes a second, copying them none."""
    name = "sojourn_template_read"
    if not _is_there(server, name):
        _copy(server, bare(server), name)
        database = Database(server.conninfo(name), log_in=True)
        with connected(database, name) as conn:
            for projection in PROJECTIONS:
                BatchRunner(projection, database, _Empty()).prepare(conn)
    return name


@contextmanager
def copied(server: EmbeddedServer, template: Template = bare) -> Iterator[str]:
    """The name of a fresh database for as long as the block runs; it is dropped a little later, at the latest with its
    server. PostgreSQL waits a tenth of a second where it ends somebody's connections first, and those that the block
    had are about to end by themselves."""
    name = f"sojourn_{os.getpid()}_{next(_numbers)}"
    _copy(server, template(server), name)
    yield name
    left = _left[server.conninfo("postgres")]
    left.append(name)
    if len(left) > LEFT_MAX:
        _administer(server, sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(left.popleft())))


@contextmanager
def migrated_database(server: EmbeddedServer) -> Iterator[dict[str, str]]:
    """A fresh database for as long as the block runs, named as an operator names it: by URL and master key."""
    with copied(server) as name:
        yield {"database_url": server.conninfo(name), "master_key": MASTER_KEY}


class _Empty:
    """A log in which nothing has happened."""

    channel = "nothing"

    def read(self, after: int, limit: int) -> Sequence[Recorded]:
        return ()

    def read_left(self, streams: Sequence[str], upto: int) -> Sequence[Recorded]:
        return ()

    def head(self) -> int:
        return 0


def _copy(server: EmbeddedServer, template: str, name: str) -> None:
    copy = "create database {} template {} strategy file_copy"
    _administer(server, sql.SQL(copy).format(sql.Identifier(name), sql.Identifier(template)))
    # A copy has the tables and their grants, and not the grants on the database itself: here they are taken over.
    _administer(
        server,
        "update pg_catalog.pg_database set datacl = (select datacl from pg_catalog.pg_database where datname = %s)"
        " where datname = %s",
        (template, name),
    )


def _administer(server: EmbeddedServer, statement: LiteralString | sql.Composed, values: Sequence[str] = ()) -> None:
    """Run a statement as the server's administrator; anew where the server went since the last one."""
    conninfo = server.conninfo("postgres")
    kept = _administrators.get(conninfo)
    if kept is not None:
        try:
            kept.execute(statement, values)
        except psycopg.OperationalError:
            if not kept.closed:
                raise
        else:
            return
    admin = _administrators[conninfo] = psycopg.connect(conninfo, autocommit=True)
    admin.execute(statement, values)


@atexit.register
def _let_go() -> None:
    for admin in _administrators.values():
        admin.close()


def _is_there(server: EmbeddedServer, name: str) -> bool:
    if server.conninfo(name) not in _there:
        with psycopg.connect(server.conninfo("postgres"), autocommit=True) as admin:
            if admin.execute("select 1 from pg_database where datname = %s", (name,)).fetchone() is None:
                return False
        _there.add(server.conninfo(name))
    return True
