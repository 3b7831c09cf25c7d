"""Alembic's environment: one transaction for all revisions, on the connection that the caller opened as the owner."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

connection = context.config.attributes["connection"]
# A migration waits for no one long: a stuck reader must not stop every writer behind the lock that we ask for.
connection.execute(text("set lock_timeout = '10s'"))
connection.execute(text("create schema if not exists migrations"))
connection.execute(text("grant usage on schema migrations to public"))
connection.commit()
context.configure(connection=connection, version_table_schema="migrations", transaction_per_migration=False)
with context.begin_transaction():
    context.run_migrations()
connection.execute(text("grant select on migrations.alembic_version to public"))
connection.commit()
