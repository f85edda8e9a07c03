"""A shop's emails that could not be delivered are found without reading the others."""

import sqlalchemy as sa
from alembic import op

revision = "0014_undelivered"
down_revision = "0013_zones_of_plans"

FAILED = sa.text("state = 'failed'")


def upgrade() -> None:
    op.create_index(
        "ix_messages_failed",
        "messages",
        ["merchant_id", "created_at"],
        postgresql_where=FAILED,
        sqlite_where=FAILED,
    )


def downgrade() -> None:
    op.drop_index("ix_messages_failed", "messages")
