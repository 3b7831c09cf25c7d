"""What the matcher remembers of records, and what it has yet to decide."""

from __future__ import annotations

from alembic import op

from migrations import sql

revision = "0006_matching"
down_revision = "0005_not_same_at_once"


def upgrade() -> None:
    """Schema, tables, grants; one transaction, so a failure leaves nothing."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(sql("matching"))
