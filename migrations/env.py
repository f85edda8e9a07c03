"""Runs the migrations on the portal's own engine, each in one transaction; offline scripts are not made."""

from alembic import context

from portal.extensions import db


def run() -> None:
    with db.engine.connect().execution_options(write=True) as connection:
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
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.detach()


run()
