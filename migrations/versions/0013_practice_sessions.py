"""Sessions that were begun by taking a seat of practice space."""

from __future__ import annotations

from alembic import op

from migrations import sql

revision = "0013_practice_sessions"
down_revision = "0012_attachments"


def upgrade() -> None:
    """A check that also lets their method; one transaction, so a failure leaves nothing."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(sql("practice_sessions"))
