"""Addresses are verified by links; an acceptance keeps whether its customer's address was. Nobody's is so far."""

import sqlalchemy as sa
from alembic import op

revision = "0027_addresses"
down_revision = "0026_account_numbers"


def upgrade() -> None:
    op.add_column("users", sa.Column("email_verified_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "acceptances",
        sa.Column("address_verified", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "user_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("purpose IN ('verify_email', 'change_email', 'undo_email')", name="purpose"),
        sa.CheckConstraint("email = lower(email)", name="email_lower"),
        sa.CheckConstraint("expires_at > created_at", name="expires_at"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_user_tokens_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_user_tokens"),
    )
    op.create_index("ix_user_tokens_user_id", "user_tokens", ["user_id"])
    op.create_index("ix_user_tokens_expires_at", "user_tokens", ["expires_at"])


def downgrade() -> None:
    op.drop_table("user_tokens")
    op.drop_column("acceptances", "address_verified")
    op.drop_column("users", "email_verified_at")
