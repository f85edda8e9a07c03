"""Passkeys, and the challenges that were answered."""

import sqlalchemy as sa
from alembic import op

from migrations.losing import refuse_if_any

revision = "0036_passkeys"
down_revision = "0035_plan_words"


def upgrade() -> None:
    op.create_table(
        "passkeys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("sign_count >= 0", name="sign_count"),
        sa.CheckConstraint("length(name) > 0", name="name"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_passkeys_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_passkeys"),
        sa.UniqueConstraint("credential_id", name="uq_passkeys_credential_id"),
    )
    op.create_index("ix_passkeys_user_id", "passkeys", ["user_id"])
    op.create_table(
        "used_challenges",
        sa.Column("challenge_hash", sa.String(length=64), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("challenge_hash", name="pk_used_challenges"),
    )
    op.create_index("ix_used_challenges_used_at", "used_challenges", ["used_at"])


def downgrade() -> None:
    """Stops where somebody signs in with a passkey: without it the password alone would."""
    refuse_if_any(
        "passkeys", "There are passkeys, and without them their owners would sign in by a password alone."
    )
    op.drop_table("used_challenges")
    op.drop_table("passkeys")
