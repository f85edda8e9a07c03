"""The sums by day also hold what was written off and recovered; nothing was before, so that they begin with nothing."""

import sqlalchemy as sa
from alembic import op

revision = "0025_losses"
down_revision = "0024_reversals"

TABLES = ("metric_deltas", "posted_rollups")
SUMS = ("written_off", "recovered")


def upgrade() -> None:
    for table in TABLES:
        for name in SUMS:
            column = sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)
            op.add_column(table, column)


def downgrade() -> None:
    for table in TABLES:
        for name in SUMS:
            op.drop_column(table, name)
