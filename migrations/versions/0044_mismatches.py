"""An index by which the admin's overview finds reports of other amounts than their payments."""

import sqlalchemy as sa
from alembic import op

revision = "0044_mismatches"
down_revision = "0043_providers"

MISMATCHES = sa.text("result = 'mismatch'")


def upgrade() -> None:
    op.create_index(
        "ix_provider_events_mismatches",
        "provider_events",
        ["merchant_id", "received_at"],
        postgresql_where=MISMATCHES,
        sqlite_where=MISMATCHES,
    )


def downgrade() -> None:
    op.drop_index("ix_provider_events_mismatches", table_name="provider_events")
