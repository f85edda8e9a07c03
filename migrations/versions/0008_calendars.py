"""A customer's private calendar address can be made, replaced and taken away."""

import sqlalchemy as sa
from alembic import op

revision = "0008_calendars"
down_revision = "0007_tallies"


def upgrade() -> None:
    op.add_column("users", sa.Column("calendar_key", sa.Uuid(), nullable=True))


def downgrade() -> None:
    op.drop_column("users", "calendar_key")
