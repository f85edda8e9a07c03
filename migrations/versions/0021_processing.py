"""A payment that has no answer yet holds installments by its allocations; installments no longer name it."""

import sqlalchemy as sa
from alembic import op

from migrations.rebuild import rebuild

revision = "0021_processing"
down_revision = "0020_rollups"

WITHOUT = "paid_at DATETIME, \n\tCONSTRAINT pk_installments"
WITH = "paid_at DATETIME, \n\tpayment_id CHAR(32), \n\tCONSTRAINT pk_installments"
KEY = (
    "CONSTRAINT fk_installments_payment FOREIGN KEY(merchant_id, payment_id) "
    "REFERENCES payments (merchant_id, id), \n\t"
)
NEXT_KEY = "CONSTRAINT fk_installments_merchant_id_plan_id"


def upgrade() -> None:
    op.drop_index("ix_installments_payment", table_name="installments")
    if op.get_bind().dialect.name == "sqlite":
        rebuild("installments", (WITH, WITHOUT), (KEY, ""))
    else:
        op.drop_constraint("fk_installments_payment", "installments", type_="foreignkey")
        op.drop_column("installments", "payment_id")


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        rebuild("installments", (WITHOUT, WITH), (NEXT_KEY, KEY + NEXT_KEY))
    else:
        op.add_column("installments", sa.Column("payment_id", sa.Uuid(), nullable=True))
        columns = ["merchant_id", "payment_id"]
        op.create_foreign_key(
            "fk_installments_payment", "installments", "payments", columns, ["merchant_id", "id"]
        )
    held = (
        "SELECT a.payment_id FROM allocations a JOIN payments m ON m.merchant_id = a.merchant_id "
        "AND m.id = a.payment_id AND m.state = 'processing' "
        "WHERE a.merchant_id = installments.merchant_id AND a.installment_id = installments.id"
    )
    op.execute(f"UPDATE installments SET payment_id = ({held}) WHERE EXISTS ({held})")
    where = sa.text("payment_id IS NOT NULL")
    op.create_index(
        "ix_installments_payment",
        "installments",
        ["merchant_id", "payment_id"],
        postgresql_where=where,
        sqlite_where=where,
    )
