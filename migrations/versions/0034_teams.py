"""Shops invite people to act for them."""

import sqlalchemy as sa
from alembic import op

revision = "0034_teams"
down_revision = "0033_amendments"


def upgrade() -> None:
    op.create_table(
        "member_invitations",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("link_id", sa.Uuid(), nullable=False),
        sa.Column("invited_by", sa.Uuid(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("email = lower(email)", name="email_lower"),
        sa.CheckConstraint("role IN ('owner', 'manager', 'seller', 'bookkeeper')", name="role"),
        sa.CheckConstraint("expires_at > sent_at", name="expires_at"),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name="fk_member_invitations_merchant_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_member_invitations_user_id"),
        sa.ForeignKeyConstraint(["invited_by"], ["users.id"], name="fk_member_invitations_invited_by"),
        sa.PrimaryKeyConstraint("merchant_id", "user_id", name="pk_member_invitations"),
    )
    for column in ("link_id", "user_id"):
        op.create_index(f"ix_member_invitations_{column}", "member_invitations", [column])


def downgrade() -> None:
    op.drop_table("member_invitations")
