"""Templates of plans that a shop saved. Going back stops at the first one."""

import sqlalchemy as sa
from alembic import op

from migrations.losing import refuse_if_any

revision = "0047_plan_templates"
down_revision = "0046_mandates"


def upgrade() -> None:
    op.create_table(
        "plan_templates",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("num_installments", sa.BigInteger(), nullable=False),
        sa.Column("frequency", sa.String(length=16), nullable=False),
        sa.Column("first_due", sa.String(length=10), nullable=False),
        sa.Column("day_of_month", sa.String(length=4), nullable=True),
        sa.Column("deposit", sa.BigInteger(), nullable=True),
        sa.Column("valid_days", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("name <> ''", name="name"),
        sa.CheckConstraint("num_installments BETWEEN 1 AND 60", name="num_installments"),
        sa.CheckConstraint("frequency IN ('weekly', 'biweekly', 'monthly')", name="frequency"),
        sa.CheckConstraint("first_due IN ('date', 'acceptance')", name="first_due"),
        sa.CheckConstraint(
            "day_of_month IS NULL OR frequency = 'monthly' AND first_due = 'date'", name="day_of_month"
        ),
        sa.CheckConstraint("deposit BETWEEN 1 AND 9999", name="deposit"),
        sa.CheckConstraint("valid_days BETWEEN 1 AND 60", name="valid_days"),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name="fk_plan_templates_merchant_id"),
        sa.PrimaryKeyConstraint("merchant_id", "id", name="pk_plan_templates"),
        sa.UniqueConstraint("merchant_id", "name", name="uq_plan_templates_merchant_id_name"),
    )


def downgrade() -> None:
    refuse_if_any("plan_templates", "There are templates of plans, which this step would lose.")
    op.drop_table("plan_templates")
