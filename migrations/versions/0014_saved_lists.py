"""Daily lists that people keep under names of their own."""

from __future__ import annotations

from alembic import op

from migrations import sql

revision = "0014_saved_lists"
down_revision = "0013_practice_sessions"


def upgrade() -> None:
    """A table and grants; one transaction, so a failure leaves nothing."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(sql("saved_lists"))
