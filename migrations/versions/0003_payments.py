"""Payments, refunds and the postings that are the books."""

import sqlalchemy as sa
from alembic import op

revision = "0003_payments"
down_revision = "0002_plans"


def upgrade() -> None:
    op.create_table(
        "payments",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("test_card", sa.String(length=24), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("outcome", sa.String(length=24), nullable=True),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_on", sa.Date(), nullable=True),
        sa.CheckConstraint("(state = 'processing') = (settled_at IS NULL)", name="settled_at"),
        sa.CheckConstraint("(state = 'succeeded') = (number IS NOT NULL)", name="number"),
        sa.CheckConstraint("state IN ('processing', 'succeeded', 'declined')", name="state"),
        sa.CheckConstraint("(settled_at IS NULL) = (settled_on IS NULL)", name="settled_on"),
        sa.CheckConstraint("amount > 0", name="amount"),
        sa.ForeignKeyConstraint(["customer_id"], ["users.id"], name="fk_payments_customer_id"),
        sa.ForeignKeyConstraint(
            ["merchant_id", "plan_id"],
            ["plans.merchant_id", "plans.id"],
            name="fk_payments_merchant_id_plan_id",
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name="pk_payments"),
        sa.UniqueConstraint(
            "merchant_id", "plan_id", "number", name="uq_payments_merchant_id_plan_id_number"
        ),
    )
    op.create_index("ix_payments_customer_id_id", "payments", ["customer_id", "id"])
    op.create_index("ix_payments_id", "payments", ["id"])
    op.create_index("ix_payments_merchant_id_settled_at", "payments", ["merchant_id", "settled_at"])
    op.create_index(
        "ix_payments_processing",
        "payments",
        ["merchant_id", "id"],
        postgresql_where=sa.text("state = 'processing'"),
        sqlite_where=sa.text("state = 'processing'"),
    )

    op.create_table(
        "refunds",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("cancelled", sa.BigInteger(), nullable=False),
        sa.Column("to_return", sa.BigInteger(), nullable=False),
        sa.Column("returned", sa.BigInteger(), nullable=False),
        sa.Column("split", sa.JSON(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('processing', 'succeeded', 'declined')", name="state"),
        sa.CheckConstraint("amount > 0 AND cancelled >= 0 AND to_return >= 0", name="amount"),
        sa.CheckConstraint("cancelled + to_return = amount", name="sum"),
        sa.CheckConstraint("returned BETWEEN 0 AND to_return", name="returned"),
        sa.CheckConstraint("state <> 'succeeded' OR returned = to_return", name="succeeded"),
        sa.CheckConstraint("(state = 'processing') = (settled_at IS NULL)", name="settled_at"),
        sa.ForeignKeyConstraint(
            ["merchant_id", "plan_id"],
            ["plans.merchant_id", "plans.id"],
            name="fk_refunds_merchant_id_plan_id",
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name="pk_refunds"),
    )
    op.create_index("ix_refunds_merchant_id_plan_id", "refunds", ["merchant_id", "plan_id"])
    op.create_index("ix_refunds_id", "refunds", ["id"])
    op.create_index(
        "ix_refunds_processing",
        "refunds",
        ["merchant_id", "id"],
        postgresql_where=sa.text("state = 'processing'"),
        sqlite_where=sa.text("state = 'processing'"),
    )

    op.create_table(
        "postings",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("installment_id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("refund_id", sa.Uuid(), nullable=True),
        sa.Column("debit", sa.String(length=12), nullable=False),
        sa.Column("credit", sa.String(length=12), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("posted_on", sa.Date(), nullable=False),
        sa.CheckConstraint(
            "(debit <> 'cash' AND credit <> 'cash') OR payment_id IS NOT NULL OR refund_id IS NOT NULL",
            name="cash_names_its_cause",
        ),
        sa.CheckConstraint(
            "(debit = 'receivable' AND credit = 'sales') OR (debit = 'cash' AND credit = 'receivable')"
            " OR (debit = 'refunds' AND credit = 'receivable') OR (debit = 'refunds' AND credit = 'cash')",
            name="accounts",
        ),
        sa.CheckConstraint("amount > 0", name="amount"),
        sa.ForeignKeyConstraint(
            ["merchant_id", "installment_id"],
            ["installments.merchant_id", "installments.id"],
            name="fk_postings_merchant_id_installment_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "payment_id"],
            ["payments.merchant_id", "payments.id"],
            name="fk_postings_merchant_id_payment_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "refund_id"],
            ["refunds.merchant_id", "refunds.id"],
            name="fk_postings_merchant_id_refund_id",
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name="pk_postings"),
    )
    op.create_index("ix_postings_merchant_id_installment_id", "postings", ["merchant_id", "installment_id"])
    op.create_index("ix_postings_merchant_id_payment_id", "postings", ["merchant_id", "payment_id"])
    op.create_index("ix_postings_merchant_id_posted_on", "postings", ["merchant_id", "posted_on"])

    if op.get_bind().dialect.name != "sqlite":
        columns = ["merchant_id", "payment_id"]
        op.create_foreign_key(
            "fk_installments_payment", "installments", "payments", columns, ["merchant_id", "id"]
        )


def downgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint("fk_installments_payment", "installments", type_="foreignkey")
    op.drop_table("postings")
    op.drop_table("refunds")
    op.drop_table("payments")
