"""What ANALYZE copies of a wrapped key would outlive the key: it copies none."""

from __future__ import annotations

from alembic import op

from migrations import sql

revision = "0017_no_statistics_of_keys"
down_revision = "0016_retention"


def upgrade() -> None:
    """Columns without statistics, and without those that there were."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(sql("no_statistics_of_keys"))
