"""When a person chose the language: what their calendar shows changed then."""

import sqlalchemy as sa
from alembic import op

revision = "0016_languages_chosen"
down_revision = "0015_username_keys"


def upgrade() -> None:
    op.add_column("users", sa.Column("language_chosen_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("users", "language_chosen_at")
