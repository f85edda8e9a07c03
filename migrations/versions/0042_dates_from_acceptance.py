"""A plan may have a deposit, and dates that follow the day of acceptance, which accepting sets once."""

import sqlalchemy as sa
from alembic import op

from migrations.losing import refuse_if_any

revision = "0042_dates_from_acceptance"
down_revision = "0041_by_person"

# What of a plan may not be changed.
KEPT = (
    "merchant_id, id, reference, customer_id, customer_email, description, total, currency, num_installments, "
    "frequency, start_date, terms, terms_hash, last_day, created_at, created_by"
)
# Of each new column its table, and the check that it brings.
DEPOSIT = (
    "deposit IS NULL OR (deposit > 0 AND num_installments <= total - deposit AND num_installments <= 59)"
)
FIRST_DUE = "first_due IN ('date', 'acceptance')"
AMENDED_ONLY = "NEW.amendment_id IS NULL OR NEW.amendment_id <= OLD.amendment_id"
# The dates of an offer are set once, by accepting; afterwards they move by amendments alone.
ONCE_THEN_AMENDED = (
    "NOT (NEW.due_fixed AND CASE WHEN OLD.due_fixed THEN NEW.amendment_id IS NOT NULL AND "
    "(OLD.amendment_id IS NULL OR NEW.amendment_id > OLD.amendment_id) ELSE NEW.amendment_id IS NULL END)"
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for column in (
            f"deposit BIGINT CONSTRAINT ck_plans_deposit CHECK ({DEPOSIT})",
            f"first_due VARCHAR(10) DEFAULT 'date' NOT NULL CONSTRAINT ck_plans_first_due CHECK ({FIRST_DUE})",
        ):
            op.execute(f"ALTER TABLE plans ADD COLUMN {column}")
    else:
        op.add_column("plans", sa.Column("deposit", sa.BigInteger(), nullable=True))
        op.add_column("plans", sa.Column("first_due", sa.String(10), server_default="date", nullable=False))
        op.create_check_constraint("deposit", "plans", DEPOSIT)
        op.create_check_constraint("first_due", "plans", FIRST_DUE)
    op.add_column(
        "installments", sa.Column("due_fixed", sa.Boolean(), server_default=sa.true(), nullable=False)
    )
    _refuse("plans_keep_terms", "plans", f"{KEPT}, deposit, first_due")
    _refuse("installments_keep_dates", "installments", "due_on, due_fixed, amendment_id", ONCE_THEN_AMENDED)


def downgrade() -> None:
    refuse_if_any(
        "plans WHERE deposit IS NOT NULL OR first_due <> 'date'",
        "There are plans with a deposit or with dates from the acceptance, which the tables of before cannot hold.",
    )
    _refuse("installments_keep_dates", "installments", "due_on, amendment_id", AMENDED_ONLY)
    _refuse("plans_keep_terms", "plans", KEPT)
    op.drop_column("installments", "due_fixed")
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint("first_due", "plans", type_="check")
        op.drop_constraint("deposit", "plans", type_="check")
    op.drop_column("plans", "first_due")
    op.drop_column("plans", "deposit")


def _refuse(name: str, table: str, columns: str, when: str = "") -> None:
    """Let the trigger refuse changes of these columns, perhaps only in some cases."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    op.execute(f"DROP TRIGGER {name}" + ("" if sqlite else f" ON {table}"))
    rest = f"BEGIN SELECT RAISE(ABORT, '{name}'); END" if sqlite else "EXECUTE FUNCTION refuse_frozen()"
    condition = f"WHEN ({when})" if when else ""
    op.execute(f"CREATE TRIGGER {name} BEFORE UPDATE OF {columns} ON {table} FOR EACH ROW {condition} {rest}")
