"""Which cases are open, when they are due, and who is at one."""

from __future__ import annotations

from alembic import op

from migrations import sql

revision = "0004_cases"
down_revision = "0003_linkage"


def upgrade() -> None:
    """Make the guards; one transaction, so a failure leaves nothing."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(sql("cases"))
