"""Who may sign in and as what: the guards of accounts, addresses and identities."""

from __future__ import annotations

from alembic import op

from migrations import sql

revision = "0010_accounts"
down_revision = "0009_matching_unread"


def upgrade() -> None:
    """Tables and grants; one transaction, so a failure leaves nothing."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(sql("accounts"))
