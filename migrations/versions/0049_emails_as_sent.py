"""The HTML of an email is kept as it was sent, beside its text."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0049_emails_as_sent"
down_revision = "0048_triggers_say_their_names"


def upgrade() -> None:
    op.add_column("messages", sa.Column("html", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("messages", "html")
