"""Guards of holds and of what is gone; no key comes back for what was destroyed."""

from __future__ import annotations

from alembic import op

from migrations import sql

revision = "0016_retention"
down_revision = "0015_proofs"


def upgrade() -> None:
    """Tables, trigger and grants; one transaction, so a failure leaves nothing."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    for log in ("ledger", "access"):
        connection.execute(sql("disposals_of_a_log", log=log))
        connection.execute(sql("begin_append_after_disposals", log=log))
    connection.execute(sql("retention"))
