"""Papers of applications for access: who they are of, and their sealed parts."""

from __future__ import annotations

from alembic import op

from migrations import sql

revision = "0012_attachments"
down_revision = "0011_signing_in"


def upgrade() -> None:
    """Tables and grants; one transaction, so a failure leaves nothing."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(sql("attachments"))
