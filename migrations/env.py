"""Runs the migrations as the owner of the tables, each in one transaction; offline scripts are not made."""

from alembic import context
from flask import current_app
from sqlalchemy import make_url

from portal.extensions import db, owner_engine
from portal.models.rights import grant
from portal.models.search import is_described


def run() -> None:
    engine = owner_engine()
    with engine.connect().execution_options(write=True) as connection:
        if connection.dialect.name == "sqlite":
            # Tables are rebuilt by some changes; their references are checked again before the commit.
            connection.connection.dbapi_connection.execute("PRAGMA foreign_keys = OFF")
        else:
            connection.exec_driver_sql("SET statement_timeout = 0")
            connection.commit()
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            render_as_batch=True,
            compare_type=True,
            include_name=is_described,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        portal = make_url(current_app.config["SQLALCHEMY_DATABASE_URI"]).username
        if portal and portal != engine.url.username:
            grant(connection, portal)
            connection.commit()
        connection.detach()


run()
