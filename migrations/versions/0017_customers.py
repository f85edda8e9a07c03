"""Customers have an id of their own at each shop; shops can be suspended, and offers to new people are limited."""

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0017_customers"
down_revision = "0016_languages_chosen"


def upgrade() -> None:
    customers = op.create_table(
        "customers",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name="fk_customers_merchant_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_customers_user_id"),
        sa.PrimaryKeyConstraint("merchant_id", "id", name="pk_customers"),
        sa.UniqueConstraint("merchant_id", "user_id", name="uq_customers_merchant_id_user_id"),
    )
    plans = sa.table("plans", sa.column("merchant_id", sa.Uuid()), sa.column("customer_id", sa.Uuid()))
    plans.append_column(sa.column("created_at", sa.DateTime(timezone=True)))
    first = sa.select(plans.c.merchant_id, plans.c.customer_id, sa.func.min(plans.c.created_at)).group_by(
        plans.c.merchant_id, plans.c.customer_id
    )
    known = [
        {"merchant_id": merchant, "id": uuid4(), "user_id": user, "created_at": at}
        for merchant, user, at in op.get_bind().execute(first)
    ]
    op.bulk_insert(customers, known)
    op.create_index("ix_plans_merchant_id_created_at", "plans", ["merchant_id", "created_at"])
    op.add_column("merchants", sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=True))
    # Declared with the column, which SQLite takes without copying the table.
    op.execute(
        "ALTER TABLE merchants ADD COLUMN offers_per_day BIGINT DEFAULT 50 "
        "CONSTRAINT ck_merchants_offers_per_day CHECK (offers_per_day >= 0)"
    )
    op.execute(
        "UPDATE merchants SET suspended_at = "
        "(SELECT deactivated_at FROM users WHERE users.id = merchants.user_id) WHERE user_id IS NOT NULL"
    )


def downgrade() -> None:
    op.drop_column("merchants", "offers_per_day")
    op.drop_column("merchants", "suspended_at")
    op.drop_index("ix_plans_merchant_id_created_at", "plans")
    op.drop_table("customers")
