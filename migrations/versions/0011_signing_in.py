"""What signing in here rests on: passwords, second factors, sessions, one-time codes; and who made a token."""

from __future__ import annotations

from alembic import op

from migrations import sql

revision = "0011_signing_in"
down_revision = "0010_accounts"


def upgrade() -> None:
    """Tables, columns and an index; one transaction, so a failure leaves nothing."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(sql("signing_in"))
