"""Consents to be charged without a click, and the attempts to do so. Going back stops at the first consent."""

import sqlalchemy as sa
from alembic import op

from migrations.losing import refuse_if_any

revision = "0046_mandates"
down_revision = "0045_moves_alone"

IN_FORCE = sa.text("revoked_at IS NULL")
UNSAVED = sa.text("saved_at IS NULL AND revoked_at IS NULL")
GIVEN = "merchant_id, id, plan_id, customer_id, text, text_hash, given_at, address, user_agent, provider"
# Name, table, what is refused, and when; ``revoked`` ones stay so.
REFUSED = [
    ("mandates_keep_consent", "mandates", f"UPDATE OF {GIVEN}", ""),
    ("mandates_stay_revoked", "mandates", "UPDATE", "WHEN (OLD.revoked_at IS NOT NULL)"),
    ("mandates_stay", "mandates", "DELETE", ""),
    ("attempts_keep", "attempts", "UPDATE", ""),
    ("attempts_stay", "attempts", "DELETE", ""),
]


def upgrade() -> None:
    _create_mandates()
    _create_attempts()
    sqlite = op.get_bind().dialect.name == "sqlite"
    for name, table, what, when in REFUSED:
        rest = f"BEGIN SELECT RAISE(ABORT, '{name}'); END" if sqlite else "EXECUTE FUNCTION refuse_frozen()"
        op.execute(f"CREATE TRIGGER {name} BEFORE {what} ON {table} FOR EACH ROW {when} {rest}")


def _create_mandates() -> None:
    op.create_table(
        "mandates",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("text_hash", sa.String(length=64), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("user_agent", sa.String(length=400), nullable=False),
        sa.Column("provider", sa.String(length=16), nullable=False),
        sa.Column("page", sa.String(length=255), nullable=True),
        sa.Column("provider_customer", sa.String(length=255), nullable=True),
        sa.Column("provider_reference", sa.String(length=255), nullable=True),
        sa.Column("brand", sa.String(length=24), nullable=True),
        sa.Column("last_four", sa.String(length=4), nullable=True),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("text <> ''", name="text"),
        sa.CheckConstraint("customer_id <> merchant_id", name="not_by_the_merchant"),
        sa.CheckConstraint("provider IN ('simulator', 'stripe_test', 'stripe')", name="provider"),
        sa.CheckConstraint("(saved_at IS NULL) = (brand IS NULL)", name="brand"),
        sa.CheckConstraint("(saved_at IS NULL) = (last_four IS NULL)", name="last_four"),
        sa.CheckConstraint(
            "(saved_at IS NULL OR provider = 'simulator') = (provider_reference IS NULL)",
            name="provider_reference",
        ),
        sa.CheckConstraint(
            "(provider_reference IS NULL) = (provider_customer IS NULL)", name="provider_customer"
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "plan_id"],
            ["plans.merchant_id", "plans.id"],
            name="fk_mandates_merchant_id_plan_id",
        ),
        sa.ForeignKeyConstraint(["customer_id"], ["users.id"], name="fk_mandates_customer_id"),
        sa.PrimaryKeyConstraint("merchant_id", "id", name="pk_mandates"),
    )
    for name, columns, unique, where in (
        ("uq_mandates_in_force", ["merchant_id", "plan_id"], True, IN_FORCE),
        ("ix_mandates_unsaved", ["merchant_id", "id"], False, UNSAVED),
        ("ix_mandates_id", ["id"], False, None),
        ("ix_mandates_customer_id_id", ["customer_id", "id"], False, None),
    ):
        op.create_index(name, "mandates", columns, unique=unique, postgresql_where=where, sqlite_where=where)


def _create_attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("installment_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("mandate_id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("made_on", sa.Date(), nullable=False),
        sa.CheckConstraint("number BETWEEN 1 AND 4", name="number"),
        *(
            sa.ForeignKeyConstraint(
                ["merchant_id", f"{one}_id"],
                [f"{one}s.merchant_id", f"{one}s.id"],
                name=f"fk_attempts_merchant_id_{one}_id",
            )
            for one in ("installment", "plan", "mandate", "payment")
        ),
        sa.PrimaryKeyConstraint("merchant_id", "installment_id", "number", name="pk_attempts"),
        sa.UniqueConstraint("merchant_id", "payment_id", name="uq_attempts_merchant_id_payment_id"),
        sa.UniqueConstraint(
            "merchant_id", "plan_id", "made_on", name="uq_attempts_merchant_id_plan_id_made_on"
        ),
    )


def downgrade() -> None:
    refuse_if_any("mandates", "There are consents to be charged automatically, and they would be lost.")
    op.drop_table("attempts")
    op.drop_table("mandates")
