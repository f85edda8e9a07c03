"""Plans that a shop brings over from elsewhere: the files that were read, and their rows until each was sent."""

import sqlalchemy as sa
from alembic import op

from migrations.losing import refuse_if_any

revision = "0037_imports"
down_revision = "0036_passkeys"

LIVE = sa.text("state IN ('waiting', 'sent')")
WAITING = sa.text("state = 'waiting'")


def upgrade() -> None:
    op.create_table(
        "imports",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name="fk_imports_merchant_id"),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name="fk_imports_created_by"),
        sa.PrimaryKeyConstraint("merchant_id", "id", name="pk_imports"),
    )
    op.create_index("ix_imports_created_at", "imports", ["created_at"])
    op.create_table(
        "import_rows",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("cells", sa.JSON(), nullable=False),
        sa.Column("wanted", sa.JSON(), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.Column("faults", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "state IN ('faulty', 'repeated', 'ready', 'waiting', 'sent', 'refused')", name="state"
        ),
        sa.CheckConstraint("state = 'faulty' OR digest IS NOT NULL", name="digest"),
        sa.CheckConstraint("(state = 'sent') = (plan_id IS NOT NULL)", name="plan"),
        sa.ForeignKeyConstraint(
            ["merchant_id", "import_id"],
            ["imports.merchant_id", "imports.id"],
            name="fk_import_rows_merchant_id_import_id",
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id", "plan_id"],
            ["plans.merchant_id", "plans.id"],
            name="fk_import_rows_merchant_id_plan_id",
        ),
        sa.PrimaryKeyConstraint("merchant_id", "import_id", "number", name="pk_import_rows"),
    )
    op.create_index(
        "uq_import_rows_sent_once",
        "import_rows",
        ["merchant_id", "digest"],
        unique=True,
        postgresql_where=LIVE,
        sqlite_where=LIVE,
    )
    op.create_index(
        "ix_import_rows_waiting",
        "import_rows",
        ["merchant_id", "import_id", "number"],
        postgresql_where=WAITING,
        sqlite_where=WAITING,
    )


def downgrade() -> None:
    refuse_if_any(
        "import_rows WHERE state = 'waiting'",
        "There are rows of imports that wait to be sent, and the tables of before cannot hold them.",
    )
    op.drop_table("import_rows")
    op.drop_table("imports")
