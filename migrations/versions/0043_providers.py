"""Payments say which provider took them and under which name; shops have keys, events and disputes of a provider.

Going back stops at the first payment of a real provider: the older tables cannot hold it.
"""

import sqlalchemy as sa
from alembic import op

from migrations.losing import refuse_if_any
from migrations.rebuild import rebuild

revision = "0043_providers"
down_revision = "0042_dates_from_acceptance"

CARD = "test_card VARCHAR(24)"
COLUMNS = [
    ("provider", sa.String(16), "VARCHAR(16)"),
    ("provider_reference", sa.String(255), "VARCHAR(255)"),
    ("expires_at", sa.DateTime(timezone=True), "DATETIME"),
    ("failure_code", sa.String(64), "VARCHAR(64)"),
]
WITH_COLUMNS = ", \n\t".join([CARD, *(f"{name} {kind}" for name, _, kind in COLUMNS)])
PROVIDERS = "provider IN ('simulator', 'stripe_test', 'stripe')"
KEPT_KEYS = "provider IN ('stripe_test', 'stripe')"
NEW_CHECKS = [("provider", PROVIDERS), ("provided", "(method = 'provider') = (provider IS NOT NULL)")]
NEW_CHECKS_SQL = "".join(f"CONSTRAINT ck_payments_{name} CHECK ({rule}), \n\t" for name, rule in NEW_CHECKS)
# Name, rule of before, rule from now on.
CHANGED_CHECKS = [
    (
        "state",
        "state IN ('processing', 'succeeded', 'declined')",
        "state IN ('processing', 'succeeded', 'declined', 'abandoned', 'returned')",
    ),
    (
        "card",
        "(method = 'provider') = (test_card IS NOT NULL)",
        "(provider IS NOT NULL AND provider = 'simulator') = (test_card IS NOT NULL)",
    ),
]
FIRST_CONSTRAINT = "CONSTRAINT pk_payments"
SETTLED = "OLD.state <> 'processing'"
UNLESS_RETURNED = f"{SETTLED} AND NOT (OLD.state IN ('abandoned', 'declined') AND NEW.state = 'returned')"
UNHANDLED = sa.text("handled_at IS NULL")


def upgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    op.execute(
        "ALTER TABLE merchants ADD COLUMN provider VARCHAR(16) DEFAULT 'simulator' NOT NULL "
        f"CONSTRAINT ck_merchants_provider CHECK ({PROVIDERS})"
    )
    _drop_settled_trigger(sqlite)
    if sqlite:
        # The rows get their provider before the rules about it.
        rebuild("payments", (CARD, WITH_COLUMNS))
    else:
        for name, kind, _ in COLUMNS:
            op.add_column("payments", sa.Column(name, kind, nullable=True))
    op.execute("UPDATE payments SET provider = 'simulator' WHERE method = 'provider'")
    if sqlite:
        rules = [(old, new) for _, old, new in CHANGED_CHECKS]
        rebuild("payments", *rules, (FIRST_CONSTRAINT, NEW_CHECKS_SQL + FIRST_CONSTRAINT))
        rebuild("reversals", ("reversed_by CHAR(32) NOT NULL", "reversed_by CHAR(32)"))
    else:
        for name, _, rule in CHANGED_CHECKS:
            op.drop_constraint(name, "payments", type_="check")
            op.create_check_constraint(name, "payments", rule)
        for name, rule in NEW_CHECKS:
            op.create_check_constraint(name, "payments", rule)
        op.alter_column("reversals", "reversed_by", nullable=True)
    _create_settled_trigger(sqlite, UNLESS_RETURNED)
    _create_keys()
    _create_events()
    _create_disputes()


def _drop_settled_trigger(sqlite: bool) -> None:
    op.execute("DROP TRIGGER payments_refuse_update" + ("" if sqlite else " ON payments"))


def _create_settled_trigger(sqlite: bool, when: str) -> None:
    rest = (
        "BEGIN SELECT RAISE(ABORT, 'payments are append-only'); END"
        if sqlite
        else "EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        f"CREATE TRIGGER payments_refuse_update BEFORE UPDATE ON payments FOR EACH ROW WHEN ({when}) {rest}"
    )


def _create_keys() -> None:
    op.create_table(
        "provider_keys",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.String(length=16), nullable=False),
        sa.Column("sealed_key", sa.String(length=1000), nullable=True),
        sa.Column("hint", sa.String(length=8), nullable=False),
        sa.Column("webhook_id", sa.String(length=255), nullable=True),
        sa.Column("webhook_secret", sa.String(length=1000), nullable=True),
        sa.Column("refused", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("added_by", sa.Uuid(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(KEPT_KEYS, name="provider"),
        sa.CheckConstraint("(sealed_key IS NULL) = (removed_at IS NOT NULL)", name="removed"),
        sa.CheckConstraint("refused >= 0", name="refused"),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name="fk_provider_keys_merchant_id"),
        sa.ForeignKeyConstraint(["added_by"], ["users.id"], name="fk_provider_keys_added_by"),
        sa.PrimaryKeyConstraint("merchant_id", "provider", name="pk_provider_keys"),
    )


def _create_events() -> None:
    op.create_table(
        "provider_events",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.String(length=16), nullable=False),
        sa.Column("event_id", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=255), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result", sa.String(length=16), nullable=True),
        sa.CheckConstraint(KEPT_KEYS, name="provider"),
        sa.CheckConstraint("result IN ('done', 'ignored', 'mismatch')", name="result"),
        sa.CheckConstraint("(handled_at IS NULL) = (result IS NULL)", name="handled_at"),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name="fk_provider_events_merchant_id"),
        sa.PrimaryKeyConstraint("merchant_id", "provider", "event_id", name="pk_provider_events"),
    )
    op.create_index(
        "ix_provider_events_unhandled",
        "provider_events",
        ["merchant_id", "received_at"],
        postgresql_where=UNHANDLED,
        sqlite_where=UNHANDLED,
    )


def _create_disputes() -> None:
    op.create_table(
        "disputes",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.String(length=255), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("amount > 0", name="amount"),
        sa.CheckConstraint("state IN ('open', 'won', 'lost')", name="state"),
        sa.CheckConstraint("(state = 'open') = (closed_at IS NULL)", name="closed_at"),
        sa.ForeignKeyConstraint(
            ["merchant_id", "payment_id"],
            ["payments.merchant_id", "payments.id"],
            name="fk_disputes_merchant_id_payment_id",
        ),
        sa.PrimaryKeyConstraint("merchant_id", "id", name="pk_disputes"),
        sa.UniqueConstraint("merchant_id", "reference", name="uq_disputes_merchant_id_reference"),
    )
    op.create_index("ix_disputes_merchant_id_payment_id", "disputes", ["merchant_id", "payment_id"])


def downgrade() -> None:
    refuse_if_any(
        "payments WHERE provider <> 'simulator' OR state IN ('abandoned', 'returned')",
        "There are payments of a real provider, and the tables of before cannot hold them.",
    )
    refuse_if_any("provider_keys", "A shop has a provider's key, and the tables of before cannot hold it.")
    op.drop_table("disputes")
    op.drop_table("provider_events")
    op.drop_table("provider_keys")
    sqlite = op.get_bind().dialect.name == "sqlite"
    _drop_settled_trigger(sqlite)
    if sqlite:
        rules = [(new, old) for _, old, new in CHANGED_CHECKS]
        rebuild("payments", *rules, (NEW_CHECKS_SQL, ""), (WITH_COLUMNS, CARD))
        rebuild("reversals", ("reversed_by CHAR(32)", "reversed_by CHAR(32) NOT NULL"))
    else:
        for name, _ in NEW_CHECKS:
            op.drop_constraint(name, "payments", type_="check")
        for name, rule, _ in CHANGED_CHECKS:
            op.drop_constraint(name, "payments", type_="check")
            op.create_check_constraint(name, "payments", rule)
        for name, _, _ in COLUMNS:
            op.drop_column("payments", name)
        op.alter_column("reversals", "reversed_by", nullable=False)
    _create_settled_trigger(sqlite, SETTLED)
    op.drop_column("merchants", "provider")
