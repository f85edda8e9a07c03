"""All sums of the ledger: what is owed is computed by the database, and money names the installments it belongs to.

Going back stops at the first row that the older tables cannot hold: a payment of a part, a reversal, a write-off.
"""

from uuid import UUID

import sqlalchemy as sa
from alembic import op

from migrations.rebuild import rebuild

revision = "0019_ledger"
down_revision = "0018_sessions"

OWED = "amount - paid_before - paid + reversed - cancelled - written_off - moved"
SETTLED = "owed = 0 AND paid - reversed + paid_before > 0"
NEW_SUMS = ["reversed", "written_off", "recovered", "moved", "paid_before"]
GROWING = ["paid", "reversed", "returned", "cancelled", "written_off", "moved", "paid_before"]

# Table, name of the check, what it was, what it is.
CHECKS = [
    (
        "installments",
        "paid_on",
        "(paid > 0) = (paid_on IS NOT NULL) AND (paid > 0) = (paid_at IS NOT NULL)",
        f"({SETTLED}) = (paid_on IS NOT NULL) AND (paid_on IS NULL) = (paid_at IS NULL)",
    ),
    ("installments", "not_paid_over", "paid + cancelled <= amount", "owed >= 0"),
    (
        "installments",
        "not_negative",
        "paid >= 0 AND cancelled >= 0 AND returned >= 0",
        "paid >= 0 AND reversed >= 0 AND returned >= 0 AND cancelled >= 0 AND written_off >= 0"
        " AND recovered >= 0 AND moved >= 0 AND paid_before >= 0",
    ),
    ("installments", "not_returned_over", "returned <= paid", "returned + reversed <= paid"),
    (
        "plans",
        "bound_only_by_acceptance",
        "(state IN ('active', 'completed', 'cancelled')) = (acceptance_id IS NOT NULL)",
        "(state IN ('active', 'completed', 'cancelled', 'written_off')) = (acceptance_id IS NOT NULL)",
    ),
    (
        "plans",
        "state",
        "state IN ('offered', 'active', 'completed', 'declined', 'revoked', 'expired', 'cancelled')",
        "state IN ('offered', 'active', 'completed', 'declined', 'revoked', 'expired', 'cancelled', 'written_off')",
    ),
    (
        "postings",
        "accounts",
        "(debit = 'receivable' AND credit = 'sales') OR (debit = 'cash' AND credit = 'receivable')"
        " OR (debit = 'refunds' AND credit = 'receivable') OR (debit = 'refunds' AND credit = 'cash')",
        "(debit = 'receivable' AND credit = 'sales') OR (debit = 'cash' AND credit = 'receivable')"
        " OR (debit = 'receivable' AND credit = 'cash') OR (debit = 'refunds' AND credit = 'receivable')"
        " OR (debit = 'refunds' AND credit = 'cash') OR (debit = 'write_offs' AND credit = 'receivable')"
        " OR (debit = 'cash' AND credit = 'write_offs') OR (debit = 'write_offs' AND credit = 'cash')"
        " OR (debit = 'rescheduled' AND credit = 'receivable') OR (debit = 'receivable' AND credit = 'rescheduled')"
        " OR (debit = 'opening' AND credit = 'receivable')",
    ),
]
# Where the sums stand in SQLite's definition of the table.
OLD_COLUMNS = "paid BIGINT NOT NULL, \n\tcancelled BIGINT NOT NULL, \n\treturned BIGINT NOT NULL, \n\t"
NEW_COLUMNS = (
    "".join(
        f"{name} BIGINT DEFAULT 0 NOT NULL, \n\t" for name in ["paid", "cancelled", "returned", *NEW_SUMS]
    )
    + f"owed BIGINT GENERATED ALWAYS AS ({OWED}) VIRTUAL NOT NULL, \n\t"
)
RECOVERED = "CONSTRAINT ck_installments_not_recovered_over CHECK (recovered <= written_off), \n\t"
FIRST_CHECK = "CONSTRAINT ck_installments_paid_on"

# Name, table, what may not be done, and when.
REFUSED = [
    (
        "allocations_keep_amounts",
        "allocations",
        "UPDATE OF merchant_id, payment_id, installment_id, amount",
        "",
    ),
    (
        "allocations_only_grow",
        "allocations",
        "UPDATE OF reversed, returned",
        "WHEN (NEW.reversed < OLD.reversed OR NEW.returned < OLD.returned)",
    ),
    ("allocations_stay", "allocations", "DELETE", ""),
    ("refund_allocations_keep_amounts", "refund_allocations", "UPDATE", ""),
    ("refund_allocations_stay", "refund_allocations", "DELETE", ""),
]
STAY_ENDED = (
    "plans_stay_ended",
    "plans",
    "UPDATE OF state",
    "WHEN (OLD.state NOT IN ('offered', 'active') AND NEW.state <> OLD.state)",
)
STAY_SETTLED = ("refunds_stay_settled", "refunds", "UPDATE", "WHEN (OLD.state <> 'processing')")

REFUNDS = sa.table(
    "refunds", *(sa.column(name, sa.Uuid()) for name in ("merchant_id", "id")), sa.column("split", sa.JSON())
)
RETURNS = sa.table(
    "refund_allocations",
    *(sa.column(name, sa.Uuid()) for name in ("merchant_id", "refund_id", "payment_id", "installment_id")),
    sa.column("amount", sa.BigInteger()),
)
POSTINGS = sa.table(
    "postings",
    *(sa.column(name, sa.Uuid()) for name in ("merchant_id", "id", "refund_id", "installment_id")),
    *(sa.column(name, sa.String()) for name in ("debit", "credit")),
    sa.column("amount", sa.BigInteger()),
)
NUMBERED = {
    name: sa.table(
        name,
        *(sa.column(key, sa.Uuid()) for key in ("merchant_id", "id")),
        sa.column("number", sa.BigInteger()),
    )
    for name in ("payments", "installments")
}


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _change_on_sqlite()
    else:
        _change_on_postgresql()
    _replace_only_grow(GROWING)
    op.drop_index("ix_installments_owed", table_name="installments")
    _index_owed("owed > 0")
    _create_allocations()
    _fill_allocations()
    op.drop_column("refunds", "split")
    for trigger in REFUSED:
        _refuse(*trigger)


def _change_on_sqlite() -> None:
    checks: dict[str, list[tuple[str, str]]] = {}
    for table, name, old, new in CHECKS:
        before, after = (f"CONSTRAINT ck_{table}_{name} CHECK ({rule})" for rule in (old, new))
        checks.setdefault(table, []).append((before, after))
    columns = [(OLD_COLUMNS, NEW_COLUMNS), (FIRST_CHECK, RECOVERED + FIRST_CHECK)]
    rebuild("installments", *checks["installments"], *columns)
    rebuild("plans", *checks["plans"], ("state VARCHAR(10)", "state VARCHAR(16)"))
    rebuild("postings", *checks["postings"])


def _change_on_postgresql() -> None:
    _drop_checks()
    for name in ["paid", "cancelled", "returned"]:
        op.alter_column("installments", name, server_default=sa.text("0"))
    for name in NEW_SUMS:
        op.add_column(
            "installments", sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)
        )
    op.execute(
        f"ALTER TABLE installments ADD COLUMN owed BIGINT GENERATED ALWAYS AS ({OWED}) STORED NOT NULL"
    )
    _drop_trigger(*STAY_ENDED[:2])
    op.alter_column("plans", "state", type_=sa.String(length=16))
    _refuse(*STAY_ENDED)
    for table, name, _, rule in CHECKS:
        op.create_check_constraint(name, table, rule)
    op.create_check_constraint("not_recovered_over", "installments", "recovered <= written_off")


def _drop_checks() -> None:
    for table, name, _, _ in CHECKS:
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{name}")


def _create_allocations() -> None:
    op.create_table(
        "allocations",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("installment_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("reversed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("returned", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("amount > 0", name="amount"),
        sa.CheckConstraint("reversed >= 0 AND returned >= 0", name="not_negative"),
        sa.CheckConstraint("reversed + returned <= amount", name="not_returned_over"),
        sa.ForeignKeyConstraint(
            ["merchant_id", "payment_id"],
            ["payments.merchant_id", "payments.id"],
            name="fk_allocations_merchant_id_payment_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "installment_id"],
            ["installments.merchant_id", "installments.id"],
            name="fk_allocations_merchant_id_installment_id",
        ),
        sa.PrimaryKeyConstraint("merchant_id", "payment_id", "installment_id", name="pk_allocations"),
    )
    op.create_index(
        "ix_allocations_merchant_id_installment_id", "allocations", ["merchant_id", "installment_id"]
    )
    op.create_table(
        "refund_allocations",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("refund_id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("installment_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount > 0", name="amount"),
        sa.ForeignKeyConstraint(
            ["merchant_id", "refund_id"],
            ["refunds.merchant_id", "refunds.id"],
            name="fk_refund_allocations_merchant_id_refund_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "payment_id", "installment_id"],
            ["allocations.merchant_id", "allocations.payment_id", "allocations.installment_id"],
            name="fk_refund_allocations_merchant_id_payment_id_installment_id",
        ),
        sa.PrimaryKeyConstraint(
            "merchant_id", "refund_id", "payment_id", "installment_id", name="pk_refund_allocations"
        ),
    )


def _fill_allocations() -> None:
    """From the postings of payments that succeeded, the installments that wait for one, and the splits of refunds."""
    op.execute(
        "INSERT INTO allocations (merchant_id, payment_id, installment_id, amount, reversed, returned) "
        "SELECT merchant_id, payment_id, installment_id, SUM(CASE WHEN debit = 'cash' THEN amount ELSE 0 END), 0, "
        "SUM(CASE WHEN credit = 'cash' THEN amount ELSE 0 END) FROM postings "
        "WHERE payment_id IS NOT NULL GROUP BY merchant_id, payment_id, installment_id"
    )
    op.execute(
        "INSERT INTO allocations (merchant_id, payment_id, installment_id, amount, reversed, returned) "
        "SELECT merchant_id, payment_id, id, owed, 0, 0 FROM installments WHERE payment_id IS NOT NULL"
    )
    bind = op.get_bind()
    for merchant_id, refund_id, split in bind.execute(sa.select(REFUNDS)).all():
        key = {"merchant_id": merchant_id, "refund_id": refund_id}
        rows = [
            key | {"payment_id": UUID(payment), "installment_id": UUID(installment), "amount": amount}
            for payment, installment, amount in split["returned"]
        ]
        if rows:
            bind.execute(sa.insert(RETURNS), rows)


def _index_owed(condition: str) -> None:
    where = sa.text(condition)
    op.create_index(
        "ix_installments_owed",
        "installments",
        ["merchant_id", "due_on", "id"],
        postgresql_where=where,
        sqlite_where=where,
    )


def _replace_only_grow(names: list[str]) -> None:
    smaller = " OR ".join(f"NEW.{name} < OLD.{name}" for name in names)
    _drop_trigger("installments_only_grow", "installments")
    _refuse("installments_only_grow", "installments", f"UPDATE OF {', '.join(names)}", f"WHEN ({smaller})")


def _refuse(name: str, table: str, what: str, when: str) -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    rest = f"BEGIN SELECT RAISE(ABORT, '{name}'); END" if sqlite else "EXECUTE FUNCTION refuse_frozen()"
    op.execute(f"CREATE TRIGGER {name} BEFORE {what} ON {table} FOR EACH ROW {when} {rest}")


def _drop_trigger(name: str, table: str) -> None:
    op.execute(f"DROP TRIGGER {name}" + ("" if op.get_bind().dialect.name == "sqlite" else f" ON {table}"))


def downgrade() -> None:
    for name, table, _, _ in REFUSED:
        _drop_trigger(name, table)
    _fill_splits()
    op.drop_table("refund_allocations")
    op.drop_table("allocations")
    op.drop_index("ix_installments_owed", table_name="installments")
    _drop_trigger("installments_only_grow", "installments")
    if op.get_bind().dialect.name == "sqlite":
        _change_back_on_sqlite()
        _index_owed("amount > paid + cancelled")
    else:
        _change_back_on_postgresql()
        _index_owed("paid + cancelled < amount")
    names = ["paid", "cancelled", "returned"]
    smaller = " OR ".join(f"NEW.{name} < OLD.{name}" for name in names)
    _refuse("installments_only_grow", "installments", f"UPDATE OF {', '.join(names)}", f"WHEN ({smaller})")


def _fill_splits() -> None:
    """What refunds cancelled is in their postings, what they return in their allocations."""
    bind = op.get_bind()
    op.add_column("refunds", sa.Column("split", sa.JSON(), server_default="{}", nullable=False))
    _drop_trigger(*STAY_SETTLED[:2])
    splits: dict[tuple[UUID, UUID], dict[str, list[list[object]]]] = {
        (row.merchant_id, row.id): {"cancelled": [], "returned": []}
        for row in bind.execute(sa.select(REFUNDS))
    }
    cancelled = sa.select(POSTINGS).where(
        POSTINGS.c.refund_id.is_not(None), POSTINGS.c.debit == "refunds", POSTINGS.c.credit == "receivable"
    )
    for row in bind.execute(cancelled.order_by(POSTINGS.c.id)):
        part = [str(row.installment_id), row.amount]
        splits[row.merchant_id, row.refund_id]["cancelled"].append(part)
    payments, lines = NUMBERED["payments"], NUMBERED["installments"]
    returned = (
        sa.select(RETURNS)
        .join(
            payments,
            (payments.c.merchant_id == RETURNS.c.merchant_id) & (payments.c.id == RETURNS.c.payment_id),
        )
        .join(
            lines, (lines.c.merchant_id == RETURNS.c.merchant_id) & (lines.c.id == RETURNS.c.installment_id)
        )
        .order_by(payments.c.number.desc(), lines.c.number.desc())
    )
    for row in bind.execute(returned):
        part = [str(row.payment_id), str(row.installment_id), row.amount]
        splits[row.merchant_id, row.refund_id]["returned"].append(part)
    for (merchant_id, refund_id), split in splits.items():
        this = (REFUNDS.c.merchant_id == merchant_id) & (REFUNDS.c.id == refund_id)
        bind.execute(sa.update(REFUNDS).where(this).values(split=split))
    _refuse(*STAY_SETTLED)


def _change_back_on_sqlite() -> None:
    checks: dict[str, list[tuple[str, str]]] = {}
    for table, name, old, new in CHECKS:
        before, after = (f"CONSTRAINT ck_{table}_{name} CHECK ({rule})" for rule in (old, new))
        checks.setdefault(table, []).append((after, before))
    columns = [(RECOVERED, ""), (NEW_COLUMNS, OLD_COLUMNS)]
    rebuild("installments", *checks["installments"], *columns)
    rebuild("plans", *checks["plans"], ("state VARCHAR(16)", "state VARCHAR(10)"))
    rebuild("postings", *checks["postings"])


def _change_back_on_postgresql() -> None:
    _drop_checks()
    op.execute("ALTER TABLE installments DROP CONSTRAINT ck_installments_not_recovered_over")
    for name in ["owed", *NEW_SUMS]:
        op.drop_column("installments", name)
    for name in ["paid", "cancelled", "returned"]:
        op.alter_column("installments", name, server_default=None)
    _drop_trigger(*STAY_ENDED[:2])
    op.alter_column("plans", "state", type_=sa.String(length=10))
    _refuse(*STAY_ENDED)
    for table, name, rule, _ in CHECKS:
        op.create_check_constraint(name, table, rule)
