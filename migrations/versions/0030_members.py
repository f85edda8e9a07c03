"""Shops have members; the user who opened a shop becomes its owner, and sessions act for it."""

import sqlalchemy as sa
from alembic import op

from migrations.rebuild import rebuild

revision = "0030_members"
down_revision = "0029_recoveries"

SAME = "user_id = id OR user_id IS NULL"
CHECK = f"CONSTRAINT ck_merchants_user CHECK ({SAME}), \n\t"
FIRST_CONSTRAINT = "CONSTRAINT pk_merchants"
# What of a plan may not be changed.
KEPT = (
    "merchant_id, id, reference, customer_id, customer_email, description, total, currency, num_installments, "
    "frequency, start_date, terms, terms_hash, last_day, created_at"
)
# Each with a key to what it names.
COLUMNS = [("sessions", "merchant_id", "merchants"), ("plans", "created_by", "users")]


def upgrade() -> None:
    op.create_table(
        "members",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("role IN ('owner', 'manager', 'seller', 'bookkeeper')", name="role"),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name="fk_members_merchant_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_members_user_id"),
        sa.PrimaryKeyConstraint("merchant_id", "user_id", name="pk_members"),
    )
    op.create_index("ix_members_user_id", "members", ["user_id"])
    op.execute(
        "INSERT INTO members (merchant_id, user_id, role, created_at) "
        "SELECT id, user_id, 'owner', created_at FROM merchants WHERE user_id IS NOT NULL"
    )
    if op.get_bind().dialect.name == "sqlite":
        rebuild("merchants", (CHECK, ""))
        for table, column, other in COLUMNS:
            key = f"{column} CHAR(32) CONSTRAINT fk_{table}_{column} REFERENCES {other} (id)"
            op.execute(f"ALTER TABLE {table} ADD COLUMN {key}")
    else:
        op.execute("ALTER TABLE merchants DROP CONSTRAINT ck_merchants_user")
        for table, column, other in COLUMNS:
            op.add_column(table, sa.Column(column, sa.Uuid(), nullable=True))
            op.create_foreign_key(f"fk_{table}_{column}", table, other, [column], ["id"])
    op.execute("UPDATE sessions SET merchant_id = user_id WHERE user_id IN (SELECT user_id FROM members)")
    op.execute("UPDATE plans SET created_by = merchant_id")
    _keep(f"{KEPT}, created_by")


def downgrade() -> None:
    """Goes back to one user a shop; stops where a shop has an id of its own, which the older tables cannot hold."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    _keep(KEPT)
    for table, column, _ in COLUMNS:
        if not sqlite:
            op.drop_constraint(f"fk_{table}_{column}", table, type_="foreignkey")
        op.drop_column(table, column)
    if sqlite:
        rebuild("merchants", (FIRST_CONSTRAINT, CHECK + FIRST_CONSTRAINT))
    else:
        op.create_check_constraint("user", "merchants", SAME)
    op.drop_table("members")


def _keep(columns: str) -> None:
    """Let the trigger refuse changes of these columns of a plan."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    name = "plans_keep_terms"
    op.execute(f"DROP TRIGGER {name}" + ("" if sqlite else " ON plans"))
    rest = f"BEGIN SELECT RAISE(ABORT, '{name}'); END" if sqlite else "EXECUTE FUNCTION refuse_frozen()"
    op.execute(f"CREATE TRIGGER {name} BEFORE UPDATE OF {columns} ON plans FOR EACH ROW {rest}")
