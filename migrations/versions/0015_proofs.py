"""Tiles, head pages, checkpoints and cosignatures of both logs."""

from __future__ import annotations

from alembic import op

from migrations import sql

revision = "0015_proofs"
down_revision = "0014_saved_lists"


def upgrade() -> None:
    """Tables and grants; one transaction, so a failure leaves nothing."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(sql("proofs"))
