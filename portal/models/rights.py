"""What the portal's own PostgreSQL role may do with each table, and its limits; ``db upgrade`` grants exactly this."""

from __future__ import annotations

from sqlalchemy import Connection, inspect, text

READ = "SELECT"
ADD = "SELECT, INSERT"
CHANGE = "SELECT, INSERT, UPDATE"
REMOVE = "SELECT, INSERT, UPDATE, DELETE"

# Every table that is not named may be read, added to and changed.
RIGHTS = {
    "alembic_version": READ,
    "acceptances": ADD,
    "amendment_lines": ADD,
    "attempts": ADD,
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
    "plan_templates": REMOVE,
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


# As deploy/postgres-roles.sh sets them: no request waits longer. They belong to the role, not to the connection, since
# a pooler lends that to one client after the other.
LIMITS = {
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "60s",
    "timezone": "UTC",
}


def limit_own_role(connection: Connection) -> None:
    """Give the role that is connected the limits in this database; any role may do this to itself."""
    database = connection.dialect.identifier_preparer.quote(
        str(connection.scalar(text("SELECT current_database()")))
    )
    for name, value in LIMITS.items():
        connection.exec_driver_sql(f"ALTER ROLE CURRENT_USER IN DATABASE {database} SET {name} = '{value}'")


def missing_limits(connection: Connection, role: str) -> list[str]:
    """The statements that a superuser runs, since ``role`` was made without these limits; their values are free."""
    settings = connection.scalars(
        text(
            "SELECT unnest(setconfig) FROM pg_db_role_setting WHERE setrole = "
            "(SELECT oid FROM pg_roles WHERE rolname = :role) AND setdatabase IN "
            "(0, (SELECT oid FROM pg_database WHERE datname = current_database()))"
        ),
        {"role": role},
    )
    given = {setting.partition("=")[0].lower() for setting in settings}
    quoted = connection.dialect.identifier_preparer.quote(role)
    return [
        f"ALTER ROLE {quoted} SET {name} = '{value}';" for name, value in LIMITS.items() if name not in given
    ]
