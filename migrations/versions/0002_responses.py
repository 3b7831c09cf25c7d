"""Answers to the rows of a submission, kept sealed."""

from __future__ import annotations

from alembic import op

from migrations import sql

revision = "0002_responses"
down_revision = "0001_ledger_access_vault"


def upgrade() -> None:
    """Make the table; one transaction, so a failure leaves nothing."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(sql("responses"))
