"""The sums behind the numbers get the names of the code, and count what was written off; counted anew from the rows."""

import sqlalchemy as sa
from alembic import op

revision = "0020_rollups"
down_revision = "0019_ledger"

NEW = {
    "metric_deltas": (
        ["id"],
        ["posted_on", "due_on", "cohort_on"],
        "revenue scheduled owed owed_count paid_count written_off_count rated_count on_time_count",
    ),
    "due_rollups": (
        ["due_on"],
        [],
        "scheduled owed owed_count paid_count written_off_count rated_count on_time_count",
    ),
    "posted_rollups": (["posted_on"], [], "revenue owed"),
    "cohort_rollups": (["cohort_on", "due_on"], [], "rated_count on_time_count"),
}
OLD_SUMS = "scheduled owed owed_count paid_count judged_count on_time_count"
OLD = {
    "tally_changes": (["id"], ["posted_on", "due_on", "cohort_on"], f"revenue {OLD_SUMS}"),
    "due_tallies": (["due_on"], [], OLD_SUMS),
    "posted_tallies": (["posted_on"], [], "revenue owed"),
    "cohort_tallies": (["cohort_on", "due_on"], [], "judged_count on_time_count"),
}

PAID = "i.owed = 0 AND i.paid - i.reversed + i.paid_before > 0 AND i.written_off = 0 AND i.moved = 0"
RATED = "i.cancelled < i.amount AND i.moved = 0 AND i.due_on >= p.accepted_on"


def net(account: str) -> str:
    return f"SUM(CASE WHEN debit = '{account}' THEN amount WHEN credit = '{account}' THEN -amount ELSE 0 END)"


# How each sum is counted, by its name in the tables before and after.
COUNTED = {
    "scheduled": "SUM(i.amount - i.cancelled - i.moved)",
    "owed": "SUM(i.owed)",
    "owed_count": "COUNT(CASE WHEN i.owed > 0 THEN 1 END)",
    "paid_count": f"COUNT(CASE WHEN {PAID} THEN 1 END)",
    "written_off_count": "COUNT(CASE WHEN i.owed = 0 AND i.written_off > 0 THEN 1 END)",
    "rated_count": f"COUNT(CASE WHEN {RATED} THEN 1 END)",
    "judged_count": f"COUNT(CASE WHEN {RATED} THEN 1 END)",
    "on_time_count": f"COUNT(CASE WHEN {RATED} AND {PAID} AND i.paid_on <= i.due_on THEN 1 END)",
}
MONTH = {
    "sqlite": "strftime('%Y-%m-01', p.accepted_on)",
    "postgresql": "CAST(date_trunc('month', p.accepted_on) AS date)",
}


def upgrade() -> None:
    replace(OLD, NEW)


def downgrade() -> None:
    replace(NEW, OLD)


def replace(
    old: dict[str, tuple[list[str], list[str], str]], new: dict[str, tuple[list[str], list[str], str]]
) -> None:
    for name in old:
        op.drop_table(name)
    for name, (keys, days, sums) in new.items():
        op.create_table(
            name,
            sa.Column("merchant_id", sa.Uuid(), nullable=False),
            *(
                sa.Column(day, sa.Uuid() if day == "id" else sa.Date(), nullable=False)
                for day in [*keys, *days]
            ),
            *(sa.Column(column, sa.BigInteger(), nullable=False) for column in sums.split()),
            sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=f"fk_{name}_merchant_id"),
            sa.PrimaryKeyConstraint("merchant_id", *keys, name=f"pk_{name}"),
        )
    _, due, posted, cohort = new
    count_installments(due, new[due][2].split(), [])
    op.execute(
        f"INSERT INTO {posted} (merchant_id, posted_on, revenue, owed) SELECT merchant_id, posted_on, "
        f"{net('cash')}, {net('receivable')} FROM postings GROUP BY merchant_id, posted_on"
    )
    count_installments(cohort, new[cohort][2].split(), ["cohort_on"])


def count_installments(table: str, sums: list[str], by: list[str]) -> None:
    """Insert the sums of installments of accepted plans by due date, and for cohorts by the month of acceptance."""
    months = [MONTH[op.get_bind().dialect.name]] if by else []
    keys = ", ".join(["i.merchant_id", *months, "i.due_on"])
    op.execute(
        f"INSERT INTO {table} ({', '.join(['merchant_id', *by, 'due_on', *sums])}) "
        f"SELECT {keys}, {', '.join(COUNTED[name] for name in sums)} "
        "FROM installments i JOIN plans p ON p.merchant_id = i.merchant_id AND p.id = i.plan_id "
        f"WHERE p.acceptance_id IS NOT NULL GROUP BY {keys}"
    )
