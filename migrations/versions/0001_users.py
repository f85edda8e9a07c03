"""Users, shops and the sign-ins that were tried; the portal itself is the first shop."""

import datetime
import uuid

import sqlalchemy as sa
from alembic import op

revision = "0001_users"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("username", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=True),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("session_version", sa.BigInteger(), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("test_card", sa.String(length=24), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deactivated_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("role IN ('merchant', 'customer', 'admin')", name="role"),
        sa.CheckConstraint("email = lower(email)", name="email_lower"),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("email", name="uq_users_email"),
    )
    op.create_index("uq_users_username", "users", [sa.text("lower(username)")], unique=True)
    op.create_index("ix_users_role", "users", ["role", "id"])

    op.create_table(
        "merchants",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("support_email", sa.String(length=254), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("user_id = id OR user_id IS NULL", name="user"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_merchants_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_merchants"),
    )

    # Messages and events that belong to no shop belong to this row, so that every tenant column can be NOT NULL.
    merchants = sa.table(
        "merchants",
        sa.column("id", sa.Uuid()),
        *(sa.column(name) for name in ("name", "support_email", "currency", "timezone")),
        sa.column("created_at", sa.DateTime(timezone=True)),
    )
    began = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    op.execute(
        merchants.insert().values(
            id=uuid.UUID(int=0),
            name="Tallystick",
            support_email="support@example.com",
            currency="USD",
            timezone="UTC",
            created_at=began,
        )
    )
    op.create_table(
        "login_attempts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_login_attempts"),
    )
    op.create_index("ix_login_attempts_account_at", "login_attempts", ["account", "at"])
    op.create_index("ix_login_attempts_address_at", "login_attempts", ["address", "at"])


def downgrade() -> None:
    op.drop_table("login_attempts")
    op.drop_table("merchants")
    op.drop_table("users")
