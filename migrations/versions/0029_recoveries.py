"""Payments say whether they recover what was written off; those until now do not."""

from alembic import op

revision = "0029_recoveries"
down_revision = "0028_not_for_me"


def upgrade() -> None:
    # Declared with the column, which SQLite takes without copying the table.
    op.execute(
        "ALTER TABLE payments ADD COLUMN recovery BOOLEAN DEFAULT false NOT NULL "
        "CONSTRAINT ck_payments_recovery CHECK (NOT recovery OR method <> 'provider')"
    )


def downgrade() -> None:
    op.drop_column("payments", "recovery")
