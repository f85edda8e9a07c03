"""Usernames are compared by a column that Python folded: SQLite folds ASCII alone."""

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0015_username_keys"
down_revision = "0014_undelivered"

users = sa.table(
    "users",
    sa.column("id", sa.Uuid()),
    *(sa.column(name, sa.String()) for name in ("email", "username", "username_key")),
    sa.column("created_at", sa.DateTime(timezone=True)),
)


def upgrade() -> None:
    # SQLite adds no column without a default that is NOT NULL; it is never used.
    op.add_column("users", sa.Column("username_key", sa.String(254), nullable=False, server_default=""))
    _fill(op.get_bind())
    op.drop_index("uq_users_username", "users")
    op.create_index("uq_users_username_key", "users", ["username_key"], unique=True)
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("users", "username_key", server_default=None)


def _fill(connection: sa.Connection) -> None:
    """Of names that are the same now the oldest account keeps it; the others sign in with their email address."""
    taken: set[str] = set()
    changed = []
    rows = connection.execute(sa.select(users).order_by(users.c.created_at, users.c.id)).all()
    for row in rows:
        key = _fold(row.username)
        twin = key in taken or len(key) > 254
        taken.add(key)
        name = row.email if twin else row.username
        changed.append({"of": row.id, "name": name, "key": row.email if twin else key})
    if changed:
        update = users.update().where(users.c.id == sa.bindparam("of"))
        connection.execute(
            update.values(username=sa.bindparam("name"), username_key=sa.bindparam("key")), changed
        )


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def downgrade() -> None:
    op.drop_index("uq_users_username_key", "users")
    op.create_index("uq_users_username", "users", [sa.text("lower(username)")], unique=True)
    op.drop_column("users", "username_key")
