"""People choose whether they are reminded before an installment is due."""

import sqlalchemy as sa
from alembic import op

revision = "0011_early_reminders"
down_revision = "0010_latest_runs"


def upgrade() -> None:
    op.add_column(
        "users", sa.Column("early_reminders", sa.Boolean(), server_default=sa.true(), nullable=False)
    )


def downgrade() -> None:
    op.drop_column("users", "early_reminders")
