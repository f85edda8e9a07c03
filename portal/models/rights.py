"""What the portal's own PostgreSQL role may do with each table; ``db upgrade`` grants exactly this to it."""

from __future__ import annotations

from sqlalchemy import Connection, inspect

READ = "SELECT"
ADD = "SELECT, INSERT"
CHANGE = "SELECT, INSERT, UPDATE"
REMOVE = "SELECT, INSERT, UPDATE, DELETE"

# Every table that is not named may be read, added to and changed.
RIGHTS = {
    "alembic_version": READ,
    "acceptances": ADD,
    "amendment_lines": ADD,
    "reminders": ADD,
    "events": ADD,
    "postings": ADD,
    "refund_allocations": ADD,
    "reversals": ADD,
    # Rows that are rolled up, or kept for a while only.
    "event_origins": REMOVE,
    "idempotency_keys": REMOVE,
    "import_rows": REMOVE,
    "imports": REMOVE,
    "job_runs": REMOVE,
    "login_attempts": REMOVE,
    "members": REMOVE,
    "metric_deltas": REMOVE,
    "passkeys": REMOVE,
    "recovery_codes": REMOVE,
    "second_factors": REMOVE,
    "sessions": REMOVE,
    "used_challenges": REMOVE,
    "user_tokens": REMOVE,
}


def grant(connection: Connection, role: str) -> None:
    """Give ``role`` its rights on every table there is, and take what else it had. Run by the owner of the tables."""
    quote = connection.dialect.identifier_preparer.quote
    connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA public TO {quote(role)}")
    for table in inspect(connection).get_table_names():
        connection.exec_driver_sql(f"REVOKE ALL ON {quote(table)} FROM {quote(role)}")
        connection.exec_driver_sql(f"GRANT {RIGHTS.get(table, CHANGE)} ON {quote(table)} TO {quote(role)}")
