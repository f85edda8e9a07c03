"""People choose whether they are reminded before an installment is due."""

import sqlalchemy as sa
from alembic import op

revision = "0011_early_reminders"
down_revision = "0010_latest_runs"


def upgrade() -> None:
    stopped_at = sa.Column("early_reminders_stopped_at", sa.DateTime(timezone=True), nullable=True)
    op.add_column("users", stopped_at)


def downgrade() -> None:
    op.drop_column("users", "early_reminders_stopped_at")
