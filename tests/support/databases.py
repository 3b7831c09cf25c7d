"""Migrated databases for tests, copied from one that was migrated once; with or without the read models' tables."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

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
        with psycopg.connect(server.conninfo("postgres"), autocommit=True) as admin:
            admin.execute(sql.SQL("grant create on database {} to sojourn_projector").format(sql.Identifier(name)))
        database = Database(server.conninfo(name), log_in=True)
        with connected(database, name) as conn:
            for projection in PROJECTIONS:
                BatchRunner(projection, database, _Empty()).prepare(conn)
    return name


@contextmanager
def copied(server: EmbeddedServer, template: Template = bare) -> Iterator[str]:
    """The name of a fresh database for as long as the block runs."""
    name = f"sojourn_{os.getpid()}_{next(_numbers)}"
    _copy(server, template(server), name)
    yield name
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


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

    def head(self) -> int:
        return 0


def _copy(server: EmbeddedServer, template: str, name: str) -> None:
    copy = sql.SQL("create database {} template {} strategy file_copy")
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as admin:
        admin.execute(copy.format(sql.Identifier(name), sql.Identifier(template)))
    with psycopg.connect(server.conninfo(name), autocommit=True) as admin:
        # A copy of a database has its tables and their grants, and not the grants on the database itself.
        admin.execute(migrations.sql("roles"))


def _is_there(server: EmbeddedServer, name: str) -> bool:
    if server.conninfo(name) not in _there:
        with psycopg.connect(server.conninfo("postgres"), autocommit=True) as admin:
            if admin.execute("select 1 from pg_database where datname = %s", (name,)).fetchone() is None:
                return False
        _there.add(server.conninfo(name))
    return True
