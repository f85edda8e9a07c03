"""Postings, acceptances, events and settled payments are never changed or removed: the database refuses."""

from alembic import op

revision = "0005_append_only"
down_revision = "0004_records"

# Table, what may not be done, and when: a payment may change until it is settled, the others never.
REFUSED = [
    ("postings", "UPDATE", ""),
    ("postings", "DELETE", ""),
    ("acceptances", "UPDATE", ""),
    ("acceptances", "DELETE", ""),
    ("events", "UPDATE", ""),
    ("events", "DELETE", ""),
    ("payments", "UPDATE", "WHEN (OLD.state <> 'processing')"),
    ("payments", "DELETE", ""),
]
TABLES = sorted({table for table, _, _ in REFUSED})


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table, verb, when in REFUSED:
            op.execute(
                f"CREATE TRIGGER {table}_refuse_{verb.lower()} BEFORE {verb} ON {table} {when} "
                f"BEGIN SELECT RAISE(ABORT, '{table} are append-only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION '% are append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation'; END $$"
    )
    for table, verb, when in REFUSED:
        op.execute(
            f"CREATE TRIGGER {table}_refuse_{verb.lower()} BEFORE {verb} ON {table} "
            f"FOR EACH ROW {when} EXECUTE FUNCTION refuse_change()"
        )
    for table in TABLES:
        op.execute(
            f"CREATE TRIGGER {table}_refuse_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    for table, verb, _ in REFUSED:
        op.execute(f"DROP TRIGGER {table}_refuse_{verb.lower()}" + ("" if sqlite else f" ON {table}"))
    if not sqlite:
        for table in TABLES:
            op.execute(f"DROP TRIGGER {table}_refuse_truncate ON {table}")
        op.execute("DROP FUNCTION refuse_change()")
