"""Keys under which the matcher finds records have changed: it reads every record anew."""

from __future__ import annotations

from alembic import op

from migrations import sql

revision = "0018_keys_of_one_sex"
down_revision = "0017_no_statistics_of_keys"


def upgrade() -> None:
    """What stands under keys of before says so."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(sql("keys_of_one_sex"))
