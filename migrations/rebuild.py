"""How a migration changes a table that SQLite cannot alter: the table is made anew under its name, with all it had."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


def rebuild(table: str, *replacements: tuple[str, str]) -> None:
    """On SQLite, make the table again with parts of its definition replaced.

    Its rows keep the values of all columns that it had and has; its indexes and triggers stay.

    Raises ``LookupError`` if a part to be replaced is not there exactly once. Foreign keys are off while migrations
    run, and those of other tables go by the name of the table.
    """
    bind = op.get_bind()
    about = {"table": table}
    definition = bind.scalar(
        sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :table"), about
    )
    rest = bind.scalars(
        sa.text(
            "SELECT sql FROM sqlite_master WHERE type <> 'table' AND tbl_name = :table AND sql IS NOT NULL"
        ),
        about,
    ).all()
    for old, new in replacements:
        if definition.count(old) != 1:
            raise LookupError(f"{definition.count(old)} places of {table} read {old!r}")
        definition = definition.replace(old, new)
    _, _, body = definition.partition("(")
    op.execute(f"CREATE TABLE {table}_new ({body}")
    kept = ", ".join(sorted(_stored_columns(table) & _stored_columns(f"{table}_new")))
    op.execute(f"INSERT INTO {table}_new ({kept}) SELECT {kept} FROM {table}")
    op.execute(f"DROP TABLE {table}")
    op.execute(f"ALTER TABLE {table}_new RENAME TO {table}")
    for statement in rest:
        op.execute(statement)


def _stored_columns(table: str) -> set[str]:
    """Those that hold what was written; a generated column has ``hidden`` set."""
    rows = op.get_bind().execute(sa.text(f"PRAGMA table_xinfo({table})"))
    return {row.name for row in rows if not row.hidden}
