"""Records are decided in an order that hangs on what they are called, and not on when they came."""

from __future__ import annotations

from alembic import op

from migrations import sql

revision = "0008_matching_in_turn"
down_revision = "0007_asked_once"


def upgrade() -> None:
    """Columns and index; one transaction, so a failure leaves nothing."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(sql("matching_in_turn"))
