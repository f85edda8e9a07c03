"""Triggers are given the names that they say: on a shard of Citus a table and its triggers are called otherwise."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0048_triggers_say_their_names"
down_revision = "0047_plan_templates"

# The name that each function takes from where it runs.
NAMES = {"refuse_change": "TG_TABLE_NAME", "refuse_frozen": "TG_NAME", "refuse_last_owner": "TG_NAME"}
COLUMNS = {"TG_TABLE_NAME": "relname", "TG_NAME": "tgname"}
GIVEN = "TG_ARGV[0]"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        return
    for function, name in NAMES.items():
        for table, trigger, said, definition in _triggers(function, COLUMNS[name]):
            _replace(table, trigger, definition, f"{function}()", f"{function}('{said}')")
        _rewrite(function, name, GIVEN)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        return
    for function, name in NAMES.items():
        _rewrite(function, GIVEN, name)
        for table, trigger, said, definition in _triggers(function, COLUMNS[name]):
            _replace(table, trigger, definition, f"{function}('{said}')", f"{function}()")


def _triggers(function: str, column: str) -> list[sa.Row]:
    """Table, trigger, what it says, and the statement that makes it."""
    return list(
        op.get_bind().execute(
            sa.text(
                f"SELECT relname, tgname, {column}, pg_get_triggerdef(t.oid) FROM pg_trigger t "
                "JOIN pg_class c ON c.oid = tgrelid JOIN pg_proc p ON p.oid = tgfoid "
                "WHERE proname = :function AND NOT tgisinternal ORDER BY 1, 2"
            ),
            {"function": function},
        )
    )


def _replace(table: str, trigger: str, definition: str, old: str, new: str) -> None:
    """Make the trigger anew with another call. Raises ``LookupError`` unless it has the old one."""
    if definition.count(old) != 1:
        raise LookupError(f"{trigger} does not call {old}")
    op.execute(f"DROP TRIGGER {trigger} ON {table}")
    op.execute(definition.replace(old, new))


def _rewrite(function: str, old: str, new: str) -> None:
    """Change where the function takes the name from; whatever else it does stays."""
    about = {"function": function}
    body = op.get_bind().scalar(sa.text("SELECT prosrc FROM pg_proc WHERE proname = :function"), about)
    if body.count(old) != 1:
        raise LookupError(f"{body.count(old)} places of {function} read {old}")
    op.execute(
        f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql "
        f"AS $${body.replace(old, new)}$$"
    )
