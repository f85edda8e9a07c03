"""Runs the migrations as the owner of the tables, each in one transaction; offline scripts are not made."""

import logging
import time

from alembic import context
from flask import current_app
from sqlalchemy import Connection, make_url
from sqlalchemy.exc import OperationalError

from portal.extensions import db, owner_engine
from portal.models.distribution import SETTINGS
from portal.models.rights import grant, limit_own_role, missing_limits
from portal.models.search import is_described

log = logging.getLogger("portal.migrations")

# Who waits for a lock makes all others wait behind it, so a migration waits shortly and often.
# Set in each transaction: a setting of the connection would outlive it behind a pooler.
LIMITS = f"SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '500ms'; {SETTINGS}"
ATTEMPTS, PAUSE_SECONDS = 60, 1
LOCK_NOT_AVAILABLE = "55P03"


def run() -> None:
    engine = owner_engine()
    with engine.connect().execution_options(write=True) as connection:
        if connection.dialect.name == "sqlite":
            # Tables are rebuilt by some changes; their references are checked again before the commit.
            connection.connection.dbapi_connection.execute("PRAGMA foreign_keys = OFF")
        else:
            connection = connection.execution_options(at_begin=LIMITS)
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            render_as_batch=True,
            compare_type=True,
            include_name=is_described,
            transaction_per_migration=True,
        )
        migrate()
        if connection.dialect.name == "postgresql":
            care_for_the_portals_role(connection, engine.url.username)
            connection.commit()
        connection.detach()


def migrate() -> None:
    """Migrate; a migration that a lock kept out is rolled back and tried again, and those before it stay."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with context.begin_transaction():
                context.run_migrations()
            return
        except OperationalError as error:
            if getattr(error.orig, "pgcode", None) != LOCK_NOT_AVAILABLE or attempt == ATTEMPTS:
                raise
            log.warning("a migration waits for a lock", extra={"attempt": attempt})
            time.sleep(PAUSE_SECONDS)


def care_for_the_portals_role(connection: Connection, owner: str | None) -> None:
    """Its rights and its limits, or what a superuser has to do for them."""
    portal = make_url(current_app.config["SQLALCHEMY_DATABASE_URI"]).username
    if not portal or portal == owner:
        limit_own_role(connection)
        return
    grant(connection, portal)
    if missing := missing_limits(connection, portal):
        log.warning("the portal's role has no limits; a superuser sets them: %s", " ".join(missing))


run()
