"""Schema changes, one file a step (alembic). No .ini file: the caller brings the database."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.config import Config

    from mentorai.core.database import Database


def upgrade(database: "Database", revision: str) -> None:
    """Bring `database` up to `revision`; one process at a time does it, others wait."""
    from alembic import command

    command.upgrade(_config(database), revision)


def downgrade(database: "Database", revision: str) -> None:
    """Take `database` back to `revision`."""
    from alembic import command

    command.downgrade(_config(database), revision)


def find_revisions(database: "Database") -> tuple[str | None, str | None]:
    """The revision the database is at (None: it has no tables yet), and the newest there is."""
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    with database.read() as connection:
        present = MigrationContext.configure(connection).get_current_revision()
    return present, ScriptDirectory.from_config(_config(database)).get_current_head()


def _config(database: "Database") -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["database"] = database
    return config
