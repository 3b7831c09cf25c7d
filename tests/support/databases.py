"""Migrated databases on a server of the test's own, named as an operator names them: by URL and master key."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

import migrations
from ledger.store.database import Database
from ledger.store.embedded import EmbeddedServer

MASTER_KEY = bytes(range(32)).hex()

_TEMPLATE = "sojourn_template"
_numbers = itertools.count(1)


@contextmanager
def migrated_database(server: EmbeddedServer) -> Iterator[dict[str, str]]:
    """A fresh database for as long as the block runs: the settings that name it."""
    name = f"sojourn_fault_{next(_numbers)}"
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as admin:
        if admin.execute("select from pg_database where datname = %s", (_TEMPLATE,)).fetchone() is None:
            server.ensure_database(_TEMPLATE)
            migrations.upgrade(Database(server.conninfo(_TEMPLATE)))
        admin.execute(sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(_TEMPLATE)))
    with psycopg.connect(server.conninfo(name), autocommit=True) as admin:
        admin.execute(migrations.sql("roles"))  # a template's privileges on the database do not come along
    yield {"database_url": server.conninfo(name), "master_key": MASTER_KEY}
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
