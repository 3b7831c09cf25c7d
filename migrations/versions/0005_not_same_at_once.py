"""Declared pairs hold where two transactions are at it at once, and are found by their declaration."""

from __future__ import annotations

from alembic import op

from migrations import sql

revision = "0005_not_same_at_once"
down_revision = "0004_cases"


def upgrade() -> None:
    """Index and trigger; one transaction, so a failure leaves nothing."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(sql("not_same_at_once"))
