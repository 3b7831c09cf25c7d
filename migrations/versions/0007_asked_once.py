"""No two open cases ask the same of one act, or of one record."""

from __future__ import annotations

from alembic import op

from migrations import sql

revision = "0007_asked_once"
down_revision = "0006_matching"


def upgrade() -> None:
    """Column and index; one transaction, so a failure leaves nothing."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(sql("asked_once"))
