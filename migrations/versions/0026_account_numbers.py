"""A shop names the accounts of its own bookkeeping, for the journal."""

import sqlalchemy as sa
from alembic import op

revision = "0026_account_numbers"
down_revision = "0025_losses"


def upgrade() -> None:
    column = sa.Column("account_numbers", sa.JSON(), server_default=sa.text("'{}'"), nullable=False)
    op.add_column("merchants", column)


def downgrade() -> None:
    op.drop_column("merchants", "account_numbers")
