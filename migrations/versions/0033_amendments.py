"""Dates of accepted plans move by amendments alone.

Going back is refused while there are amendments: who agreed to which dates would be lost.
"""

import sqlalchemy as sa
from alembic import op

from migrations.losing import refuse_if_any
from migrations.rebuild import rebuild

revision = "0033_amendments"
down_revision = "0032_currency"

KEYS = "merchant_id, id, plan_id, number, amount"
AMENDED = (
    "CONSTRAINT fk_installments_amended FOREIGN KEY(merchant_id, amendment_id, id, due_on) "
    "REFERENCES amendment_lines (merchant_id, amendment_id, installment_id, due_on), \n\t"
)
COLUMN = "amendment_id CHAR(32), \n\t"
BEFORE_COLUMN, BEFORE_KEY = "late_on DATE, ", "CONSTRAINT fk_installments_merchant_id_plan_id FOREIGN KEY"

# Name, table, what may not be done, and when. Ids are in the order of time, so an older amendment is never used again.
REFUSED = [
    (
        "installments_keep_dates",
        "installments",
        "UPDATE OF due_on, amendment_id",
        "WHEN (NEW.amendment_id IS NULL OR NEW.amendment_id <= OLD.amendment_id)",
    ),
    ("installments_keep_terms", "installments", f"UPDATE OF {KEYS}", ""),
    (
        "amendments_keep_proposals",
        "amendments",
        "UPDATE OF merchant_id, id, plan_id, number, proposed_by, by_customer, reason, lines, terms, terms_hash, "
        "effect, proposed_at, last_day",
        "",
    ),
    ("amendments_stay_ended", "amendments", "UPDATE", "WHEN (OLD.state <> 'proposed')"),
    ("amendments_stay", "amendments", "DELETE", ""),
    ("amendment_lines_keep_dates", "amendment_lines", "UPDATE", ""),
    ("amendment_lines_stay", "amendment_lines", "DELETE", ""),
]


def upgrade() -> None:
    _create_amendments()
    _create_lines()
    _drop("installments_keep_terms", "installments")
    if op.get_bind().dialect.name == "sqlite":
        rebuild(
            "installments",
            (BEFORE_COLUMN, COLUMN + BEFORE_COLUMN),
            (BEFORE_KEY, AMENDED + BEFORE_KEY),
        )
    else:
        op.add_column("installments", sa.Column("amendment_id", sa.Uuid(), nullable=True))
        op.create_foreign_key(
            "fk_installments_amended",
            "installments",
            "amendment_lines",
            ["merchant_id", "amendment_id", "id", "due_on"],
            ["merchant_id", "amendment_id", "installment_id", "due_on"],
        )
    for trigger in REFUSED:
        _refuse(*trigger)


def _create_amendments() -> None:
    op.create_table(
        "amendments",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("by_customer", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("lines", sa.JSON(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("terms_hash", sa.String(length=64), nullable=False),
        sa.Column("effect", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.Column("user_agent", sa.String(length=400), nullable=True),
        sa.CheckConstraint("number > 0", name="number"),
        sa.CheckConstraint("effect IN ('better', 'worse')", name="effect"),
        sa.CheckConstraint(
            "state IN ('proposed', 'in_force', 'declined', 'withdrawn', 'expired')", name="state"
        ),
        sa.CheckConstraint("(state = 'proposed') = (ended_at IS NULL)", name="ended_at"),
        sa.CheckConstraint(
            "state <> 'in_force' OR effect = 'better' OR accepted_at IS NOT NULL",
            name="worse_only_by_acceptance",
        ),
        sa.CheckConstraint(
            "(accepted_at IS NULL) = (address IS NULL) AND (accepted_at IS NULL) = (user_agent IS NULL)",
            name="evidence",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "plan_id"],
            ["plans.merchant_id", "plans.id"],
            name="fk_amendments_merchant_id_plan_id",
        ),
        sa.ForeignKeyConstraint(["proposed_by"], ["users.id"], name="fk_amendments_proposed_by"),
        sa.PrimaryKeyConstraint("merchant_id", "id", name="pk_amendments"),
        sa.UniqueConstraint("merchant_id", "state", "id", name="uq_amendments_merchant_id_state_id"),
        sa.UniqueConstraint(
            "merchant_id", "plan_id", "number", name="uq_amendments_merchant_id_plan_id_number"
        ),
    )
    op.create_index("ix_amendments_id", "amendments", ["id"])
    is_open = sa.text("state = 'proposed'")
    op.create_index(
        "uq_amendments_one_open",
        "amendments",
        ["merchant_id", "plan_id"],
        unique=True,
        postgresql_where=is_open,
        sqlite_where=is_open,
    )


def _create_lines() -> None:
    op.create_table(
        "amendment_lines",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("amendment_id", sa.Uuid(), nullable=False),
        sa.Column("installment_id", sa.Uuid(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=10), server_default="in_force", nullable=False),
        sa.CheckConstraint("state = 'in_force'", name="state"),
        sa.ForeignKeyConstraint(
            ["merchant_id", "state", "amendment_id"],
            ["amendments.merchant_id", "amendments.state", "amendments.id"],
            name="fk_amendment_lines_merchant_id_state_amendment_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "installment_id"],
            ["installments.merchant_id", "installments.id"],
            name="fk_amendment_lines_merchant_id_installment_id",
        ),
        sa.PrimaryKeyConstraint("merchant_id", "amendment_id", "installment_id", name="pk_amendment_lines"),
        sa.UniqueConstraint(
            "merchant_id",
            "amendment_id",
            "installment_id",
            "due_on",
            name="uq_amendment_lines_dates",
        ),
    )


def downgrade() -> None:
    refuse_if_any(
        "amendments", "There are amendments, and the tables of before cannot hold who agreed to which dates."
    )
    for name, table, _, _ in REFUSED:
        _drop(name, table)
    if op.get_bind().dialect.name == "sqlite":
        rebuild("installments", (COLUMN, ""), (AMENDED, ""))
    else:
        op.drop_constraint("fk_installments_amended", "installments")
        op.drop_column("installments", "amendment_id")
    _refuse("installments_keep_terms", "installments", f"UPDATE OF {KEYS}, due_on", "")
    op.drop_table("amendment_lines")
    op.drop_table("amendments")


def _refuse(name: str, table: str, what: str, when: str) -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    rest = f"BEGIN SELECT RAISE(ABORT, '{name}'); END" if sqlite else "EXECUTE FUNCTION refuse_frozen()"
    op.execute(f"CREATE TRIGGER {name} BEFORE {what} ON {table} FOR EACH ROW {when} {rest}")


def _drop(name: str, table: str) -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    op.execute(f"DROP TRIGGER {name}" + ("" if sqlite else f" ON {table}"))
