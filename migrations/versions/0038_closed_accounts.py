"""People close their accounts; shops may require a second factor of their team."""

import sqlalchemy as sa
from alembic import op

from migrations.losing import refuse_if_any

revision = "0038_closed_accounts"
down_revision = "0037_imports"

CLOSED = "closed_at IS NULL OR (password_hash IS NULL AND deactivated_at IS NOT NULL)"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"ALTER TABLE users ADD COLUMN closed_at DATETIME CONSTRAINT ck_users_closed_at CHECK ({CLOSED})"
        )
    else:
        op.add_column("users", sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True))
        op.create_check_constraint("closed_at", "users", CLOSED)
    op.add_column(
        "merchants", sa.Column("second_factor_required_at", sa.DateTime(timezone=True), nullable=True)
    )


def downgrade() -> None:
    refuse_if_any(
        "users WHERE closed_at IS NOT NULL",
        "There are closed accounts, which could be opened again without it.",
    )
    op.drop_column("merchants", "second_factor_required_at")
    if op.get_bind().dialect.name == "sqlite":
        op.execute("ALTER TABLE users DROP COLUMN closed_at")
    else:
        op.drop_constraint("closed_at", "users", type_="check")
        op.drop_column("users", "closed_at")
