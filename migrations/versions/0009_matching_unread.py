"""Where another policy is published each record is read anew once, and not once for each time it said something."""

from __future__ import annotations

from alembic import op

from migrations import sql

revision = "0009_matching_unread"
down_revision = "0008_matching_in_turn"


def upgrade() -> None:
    """Table and column; one transaction, so a failure leaves nothing."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(sql("matching_unread"))
