"""Payments say whether they recover what was written off; those until now do not."""

from alembic import op

from migrations.losing import refuse_if_any

revision = "0029_recoveries"
down_revision = "0028_not_for_me"


def upgrade() -> None:
    # Declared with the column, which SQLite takes without copying the table.
    op.execute(
        "ALTER TABLE payments ADD COLUMN recovery BOOLEAN DEFAULT false NOT NULL "
        "CONSTRAINT ck_payments_recovery CHECK (NOT recovery OR method <> 'provider')"
    )


def downgrade() -> None:
    refuse_if_any(
        "payments WHERE recovery",
        "There are recoveries, and the tables of before would take them for payments.",
    )
    op.drop_column("payments", "recovery")
