"""Who is whose student, and who is never the same child."""

from __future__ import annotations

from alembic import op

from migrations import sql

revision = "0003_linkage"
down_revision = "0002_submissions"


def upgrade() -> None:
    """Make the guards; one transaction, so a failure leaves nothing."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(sql("linkage"))
