"""Answers to the rows of a submission, kept sealed, and files that wait to be applied."""

from __future__ import annotations

from alembic import op

from migrations import sql

revision = "0002_submissions"
down_revision = "0001_ledger_access_vault"


def upgrade() -> None:
    """Make the tables; one transaction, so a failure leaves nothing."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    for name in ("responses", "uploads"):
        connection.execute(sql(name))
