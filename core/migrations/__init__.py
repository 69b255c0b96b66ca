"""Schema changes, one file a step (alembic). No .ini file: the caller brings the database."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.config import Config

    from mentorai.core.database import Database

NEWEST = "head"


def upgrade(database: "Database", revision: str) -> None:
    """Bring `database` up to `revision`; one process at a time does it, others wait."""
    from alembic import command

    # Most starts find nothing to do, and a look at one row says so.
    if revision == NEWEST and _find_present(database) == _find_newest():
        return
    command.upgrade(_config(database), revision)


def downgrade(database: "Database", revision: str) -> None:
    """Take `database` back to `revision`."""
    from alembic import command

    command.downgrade(_config(database), revision)


def find_revisions(database: "Database") -> tuple[str | None, str | None]:
    """The revision the database is at (None: it has no tables yet), and the newest there is."""
    return _find_present(database), _find_newest()


def _find_present(database: "Database") -> str | None:
    from alembic.migration import MigrationContext

    with database.read() as connection:
        return MigrationContext.configure(connection).get_current_revision()


@cache
def _find_newest() -> str | None:
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_make_config()).get_current_head()


def _config(database: "Database") -> "Config":
    config = _make_config()
    config.attributes["database"] = database
    return config


def _make_config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config
