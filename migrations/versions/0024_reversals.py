"""What a shop recorded can be reversed, which may make a plan active again; refunds say why they were made."""

import sqlalchemy as sa
from alembic import op

from migrations.losing import refuse_if_any

revision = "0024_reversals"
down_revision = "0023_recorded_payments"

ENDED = "OLD.state NOT IN ('offered', 'active') AND NEW.state <> OLD.state"
REOPENED = "NOT (OLD.state IN ('completed', 'cancelled', 'written_off') AND NEW.state = 'active')"


def upgrade() -> None:
    op.create_table(
        "reversals",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("reversed_by", sa.Uuid(), nullable=False),
        sa.Column("reversed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reversed_on", sa.Date(), nullable=False),
        sa.CheckConstraint("amount > 0", name="amount"),
        sa.CheckConstraint("reason <> ''", name="reason"),
        sa.ForeignKeyConstraint(
            ["merchant_id", "payment_id"],
            ["payments.merchant_id", "payments.id"],
            name="fk_reversals_merchant_id_payment_id",
        ),
        sa.ForeignKeyConstraint(["reversed_by"], ["users.id"], name="fk_reversals_reversed_by"),
        sa.PrimaryKeyConstraint("merchant_id", "payment_id", name="pk_reversals"),
    )
    op.add_column(
        "refunds",
        sa.Column("reason", sa.String(length=200), server_default=sa.text("''"), nullable=False),
    )
    _replace_stay_ended(f"{ENDED} AND {REOPENED}")
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER reversals_refuse_{verb.lower()} BEFORE {verb} ON reversals "
                "BEGIN SELECT RAISE(ABORT, 'reversals are append-only'); END"
            )
        return
    for verb, each in (("UPDATE", "ROW"), ("DELETE", "ROW"), ("TRUNCATE", "STATEMENT")):
        op.execute(
            f"CREATE TRIGGER reversals_refuse_{verb.lower()} BEFORE {verb} ON reversals "
            f"FOR EACH {each} EXECUTE FUNCTION refuse_change()"
        )


def _replace_stay_ended(when: str) -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    op.execute("DROP TRIGGER plans_stay_ended" + ("" if sqlite else " ON plans"))
    rest = (
        "BEGIN SELECT RAISE(ABORT, 'plans_stay_ended'); END" if sqlite else "EXECUTE FUNCTION refuse_frozen()"
    )
    op.execute(
        f"CREATE TRIGGER plans_stay_ended BEFORE UPDATE OF state ON plans FOR EACH ROW WHEN ({when}) {rest}"
    )


def downgrade() -> None:
    refuse_if_any("reversals", "There are reversals, and the tables of before cannot hold them.")
    refuse_if_any(
        "refunds WHERE reason <> ''",
        "There are refunds with a reason, and the tables of before cannot hold it.",
    )
    _replace_stay_ended(ENDED)
    op.drop_column("refunds", "reason")
    op.drop_table("reversals")
