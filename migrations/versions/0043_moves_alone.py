"""A shop may let its customers move the next due date once without asking, by up to two weeks."""

from alembic import op

revision = "0043_moves_alone"
down_revision = "0042_dates_from_acceptance"


def upgrade() -> None:
    # Declared with the column, which SQLite takes without copying the table.
    op.execute(
        "ALTER TABLE merchants ADD COLUMN move_days BIGINT DEFAULT 0 NOT NULL "
        "CONSTRAINT ck_merchants_move_days CHECK (move_days BETWEEN 0 AND 14)"
    )


def downgrade() -> None:
    op.drop_column("merchants", "move_days")
