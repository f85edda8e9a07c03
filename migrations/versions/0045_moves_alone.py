"""A shop may let its customers move the next date once without asking; what moved and is owed has an index."""

import sqlalchemy as sa
from alembic import op

revision = "0045_moves_alone"
down_revision = "0044_mismatches"


def upgrade() -> None:
    # Declared with the column, which SQLite takes without copying the table.
    op.execute(
        "ALTER TABLE merchants ADD COLUMN move_days BIGINT DEFAULT 0 NOT NULL "
        "CONSTRAINT ck_merchants_move_days CHECK (move_days BETWEEN 0 AND 14)"
    )
    where = sa.text("amendment_id IS NOT NULL AND owed > 0")
    op.create_index(
        "ix_installments_amended",
        "installments",
        ["merchant_id", "due_on", "id"],
        postgresql_where=where,
        sqlite_where=where,
    )


def downgrade() -> None:
    op.drop_index("ix_installments_amended", table_name="installments")
    op.drop_column("merchants", "move_days")
