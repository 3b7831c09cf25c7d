"""Ledger and access log, guards, vault and tracking."""

from __future__ import annotations

from alembic import op

from migrations import sql

revision = "0001_ledger_access_vault"
down_revision = None


def upgrade() -> None:
    """Make everything; one transaction, so a failure leaves nothing."""
    # Straight to psycopg: SQLAlchemy would read the percent signs of our functions as parameters.
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    for text in (
        sql("vault_and_tracking"),
        sql("event_log", log="ledger"),
        sql("event_log", log="access"),
        sql("guards"),
        sql("begin_append", log="ledger"),
        sql("begin_append", log="access"),
    ):
        connection.execute(text)
