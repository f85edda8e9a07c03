"""Sums of installments and postings by day, counted once from what is there, and indexes by which rows are paged."""

import sqlalchemy as sa
from alembic import op

revision = "0007_tallies"
down_revision = "0006_frozen_terms"

SUMS = ["scheduled", "owed", "owed_count", "paid_count", "judged_count", "on_time_count"]

ACCEPTED = (
    "FROM installments i JOIN plans p ON p.merchant_id = i.merchant_id AND p.id = i.plan_id "
    "WHERE p.acceptance_id IS NOT NULL"
)
JUDGED = (
    "COUNT(CASE WHEN i.cancelled < i.amount AND i.due_on >= p.accepted_on THEN 1 END), "
    "COUNT(CASE WHEN i.paid > 0 AND i.paid + i.cancelled = i.amount AND i.paid_on <= i.due_on "
    "AND i.due_on >= p.accepted_on THEN 1 END)"
)
MONTH = {
    "sqlite": "strftime('%Y-%m-01', p.accepted_on)",
    "postgresql": "CAST(date_trunc('month', p.accepted_on) AS date)",
}


def upgrade() -> None:
    table("tally_changes", ["id"], ["posted_on", "due_on", "cohort_on"], ["revenue", *SUMS])
    table("due_tallies", ["due_on"], [], SUMS)
    table("posted_tallies", ["posted_on"], [], ["revenue", "owed"])
    table("cohort_tallies", ["cohort_on", "due_on"], [], ["judged_count", "on_time_count"])
    op.create_index("ix_installments_merchant_id_due_on_id", "installments", ["merchant_id", "due_on", "id"])
    op.create_index(
        "ix_installments_marked_late",
        "installments",
        ["merchant_id", "due_on"],
        postgresql_where=sa.text("late_on IS NOT NULL"),
        sqlite_where=sa.text("late_on IS NOT NULL"),
    )
    index_what_is_owed("amount > paid + cancelled")
    op.create_index("ix_postings_merchant_id_posted_on_id", "postings", ["merchant_id", "posted_on", "id"])
    op.drop_index("ix_postings_merchant_id_posted_on", table_name="postings")
    count()


def index_what_is_owed(condition: str) -> None:
    """SQLite turns a query's comparison round until a column is on its left, and not an index's: it never used this."""
    if op.get_bind().dialect.name == "sqlite":
        name, columns = "ix_installments_owed", ["merchant_id", "due_on", "id"]
        op.drop_index(name, table_name="installments")
        op.create_index(name, "installments", columns, sqlite_where=sa.text(condition))


def table(name: str, keys: list[str], days: list[str], sums: list[str]) -> None:
    kinds = {"id": sa.Uuid()}
    op.create_table(
        name,
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        *(sa.Column(day, kinds.get(day, sa.Date()), nullable=False) for day in [*keys, *days]),
        *(sa.Column(column, sa.BigInteger(), nullable=False) for column in sums),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=f"fk_{name}_merchant_id"),
        sa.PrimaryKeyConstraint("merchant_id", *keys, name=f"pk_{name}"),
    )


def count() -> None:
    """What has happened before there were sums."""
    month = MONTH[op.get_bind().dialect.name]
    op.execute(
        f"INSERT INTO due_tallies (merchant_id, due_on, {', '.join(SUMS)}) "
        "SELECT i.merchant_id, i.due_on, SUM(i.amount - i.cancelled), SUM(i.amount - i.paid - i.cancelled), "
        "COUNT(CASE WHEN i.paid + i.cancelled < i.amount THEN 1 END), "
        "COUNT(CASE WHEN i.paid > 0 AND i.paid + i.cancelled = i.amount THEN 1 END), "
        f"{JUDGED} {ACCEPTED} GROUP BY i.merchant_id, i.due_on"
    )
    op.execute(
        "INSERT INTO posted_tallies (merchant_id, posted_on, revenue, owed) SELECT merchant_id, posted_on, "
        "SUM(CASE WHEN debit = 'cash' THEN amount WHEN credit = 'cash' THEN -amount ELSE 0 END), "
        "SUM(CASE WHEN debit = 'receivable' THEN amount WHEN credit = 'receivable' THEN -amount ELSE 0 END) "
        "FROM postings GROUP BY merchant_id, posted_on"
    )
    op.execute(
        "INSERT INTO cohort_tallies (merchant_id, cohort_on, due_on, judged_count, on_time_count) "
        f"SELECT i.merchant_id, {month}, i.due_on, {JUDGED} {ACCEPTED} GROUP BY i.merchant_id, {month}, i.due_on"
    )


def downgrade() -> None:
    op.create_index("ix_postings_merchant_id_posted_on", "postings", ["merchant_id", "posted_on"])
    op.drop_index("ix_postings_merchant_id_posted_on_id", table_name="postings")
    index_what_is_owed("paid + cancelled < amount")
    op.drop_index("ix_installments_marked_late", table_name="installments")
    op.drop_index("ix_installments_merchant_id_due_on_id", table_name="installments")
    for name in ("cohort_tallies", "posted_tallies", "due_tallies", "tally_changes"):
        op.drop_table(name)
