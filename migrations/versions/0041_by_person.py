"""What one person did, the emails to them and the shops that they buy from are found by an index."""

import sqlalchemy as sa
from alembic import op

revision = "0041_by_person"
down_revision = "0040_owners"


def upgrade() -> None:
    where = sa.text("actor_id IS NOT NULL")
    op.create_index(
        "ix_events_actor_id", "events", ["actor_id", "id"], postgresql_where=where, sqlite_where=where
    )
    op.create_index("ix_messages_user_id", "messages", ["user_id", "id"])
    op.create_index("ix_customers_user_id", "customers", ["user_id"])


def downgrade() -> None:
    op.drop_index("ix_customers_user_id", "customers")
    op.drop_index("ix_messages_user_id", "messages")
    op.drop_index("ix_events_actor_id", "events")
