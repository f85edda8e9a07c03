"""Plans, acceptances and installments; a plan is active only with its acceptance."""

import sqlalchemy as sa
from alembic import op

revision = "0002_plans"
down_revision = "0001_users"


# Plans and acceptances name each other, installments and payments too. PostgreSQL is told when both tables stand;
# SQLite cannot add a foreign key later, but accepts one to a table that is still to come.
ACCEPTANCE = (
    "fk_plans_acceptance",
    ["merchant_id", "acceptance_id"],
    "acceptances",
    ["merchant_id", "plan_id"],
)
PAYMENT = ("fk_installments_payment", ["merchant_id", "payment_id"], "payments", ["merchant_id", "id"])


def inline_on_sqlite(key: tuple[str, list[str], str, list[str]]) -> list[sa.ForeignKeyConstraint]:
    name, columns, table, targets = key
    constraint = sa.ForeignKeyConstraint(columns, [f"{table}.{target}" for target in targets], name=name)
    return [constraint] if op.get_bind().dialect.name == "sqlite" else []


def upgrade() -> None:
    op.create_table(
        "plans",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.String(length=8), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("customer_email", sa.String(length=254), nullable=False),
        sa.Column("description", sa.String(length=200), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("num_installments", sa.BigInteger(), nullable=False),
        sa.Column("frequency", sa.String(length=10), nullable=False),
        sa.Column("start_date", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("acceptance_id", sa.Uuid(), nullable=True),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("terms_hash", sa.String(length=64), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("accepted_on", sa.Date(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(state IN ('active', 'completed', 'cancelled')) = (acceptance_id IS NOT NULL)",
            name="bound_only_by_acceptance",
        ),
        sa.CheckConstraint("frequency IN ('weekly', 'biweekly', 'monthly')", name="frequency"),
        sa.CheckConstraint(
            "state IN ('offered', 'active', 'completed', 'declined', 'revoked', 'expired', 'cancelled')",
            name="state",
        ),
        sa.CheckConstraint("(acceptance_id IS NULL) = (accepted_on IS NULL)", name="accepted_on"),
        sa.CheckConstraint("acceptance_id IS NULL OR acceptance_id = id", name="acceptance_of_this_plan"),
        sa.CheckConstraint("customer_id <> merchant_id", name="not_to_oneself"),
        sa.CheckConstraint(
            "num_installments BETWEEN 1 AND 60 AND num_installments <= total",
            name="num_installments",
        ),
        sa.CheckConstraint("total BETWEEN 1 AND 1000000000000", name="total"),
        sa.ForeignKeyConstraint(["customer_id"], ["users.id"], name="fk_plans_customer_id"),
        *inline_on_sqlite(ACCEPTANCE),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name="fk_plans_merchant_id"),
        sa.PrimaryKeyConstraint("merchant_id", "id", name="pk_plans"),
        sa.UniqueConstraint("merchant_id", "reference", name="uq_plans_merchant_id_reference"),
    )
    op.create_index("ix_plans_customer_id_id", "plans", ["customer_id", "id"])
    op.create_index("ix_plans_id", "plans", ["id"])
    op.create_index("ix_plans_merchant_id_state_id", "plans", ["merchant_id", "state", "id"])

    op.create_table(
        "acceptances",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("terms_hash", sa.String(length=64), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("user_agent", sa.String(length=400), nullable=False),
        sa.Column("how", sa.String(length=16), nullable=False),
        sa.CheckConstraint("how IN ('accepted', 'first payment')", name="how"),
        sa.CheckConstraint("customer_id <> merchant_id", name="not_by_the_merchant"),
        sa.ForeignKeyConstraint(["customer_id"], ["users.id"], name="fk_acceptances_customer_id"),
        sa.ForeignKeyConstraint(
            ["merchant_id", "plan_id"],
            ["plans.merchant_id", "plans.id"],
            name="fk_acceptances_merchant_id_plan_id",
        ),
        sa.PrimaryKeyConstraint("merchant_id", "plan_id", name="pk_acceptances"),
    )

    op.create_table(
        "installments",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("paid", sa.BigInteger(), nullable=False),
        sa.Column("cancelled", sa.BigInteger(), nullable=False),
        sa.Column("returned", sa.BigInteger(), nullable=False),
        sa.Column("late_on", sa.Date(), nullable=True),
        sa.Column("paid_on", sa.Date(), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "(paid > 0) = (paid_on IS NOT NULL) AND (paid > 0) = (paid_at IS NOT NULL)",
            name="paid_on",
        ),
        sa.CheckConstraint("amount > 0 AND number > 0", name="amount"),
        sa.CheckConstraint("paid + cancelled <= amount", name="not_paid_over"),
        sa.CheckConstraint("paid >= 0 AND cancelled >= 0 AND returned >= 0", name="not_negative"),
        sa.CheckConstraint("returned <= paid", name="not_returned_over"),
        *inline_on_sqlite(PAYMENT),
        sa.ForeignKeyConstraint(
            ["merchant_id", "plan_id"],
            ["plans.merchant_id", "plans.id"],
            name="fk_installments_merchant_id_plan_id",
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name="pk_installments"),
        sa.UniqueConstraint(
            "merchant_id", "plan_id", "number", name="uq_installments_merchant_id_plan_id_number"
        ),
    )
    op.create_index("ix_installments_id", "installments", ["id"])
    op.create_index(
        "ix_installments_owed",
        "installments",
        ["merchant_id", "due_on", "id"],
        postgresql_where=sa.text("paid + cancelled < amount"),
        sqlite_where=sa.text("paid + cancelled < amount"),
    )
    op.create_index(
        "ix_installments_payment",
        "installments",
        ["merchant_id", "payment_id"],
        postgresql_where=sa.text("payment_id IS NOT NULL"),
        sqlite_where=sa.text("payment_id IS NOT NULL"),
    )

    if op.get_bind().dialect.name != "sqlite":
        name, columns, table, targets = ACCEPTANCE
        op.create_foreign_key(name, "plans", table, columns, targets)


def downgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint("fk_plans_acceptance", "plans", type_="foreignkey")
    op.drop_table("installments")
    op.drop_table("acceptances")
    op.drop_table("plans")
