"""Run by alembic: opens one transaction in which all steps happen, or none."""

from alembic import context
from sqlalchemy import Connection, text

from mentorai.core.database import Database

# Any number will do, as long as every process of ours locks the same one.
MIGRATION_LOCK = 7_401_306_117


def run(connection: Connection, database: Database) -> None:
    if not database.is_sqlite:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
    context.configure(connection=connection, transactional_ddl=True, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


database = context.config.attributes["database"]
with database.write() as connection:
    run(connection, database)
