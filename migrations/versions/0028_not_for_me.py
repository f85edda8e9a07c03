"""Who is not the customer that a shop means can stop all its offers."""

import sqlalchemy as sa
from alembic import op

revision = "0028_not_for_me"
down_revision = "0027_addresses"


def upgrade() -> None:
    op.add_column("customers", sa.Column("offers_stopped_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("customers", "offers_stopped_at")
