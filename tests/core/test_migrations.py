import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import inspect

import mentorai.core
import mentorai.lti
from mentorai.core.database import Database, metadata
from mentorai.core.engine import Engine
from mentorai.core.migrations import downgrade, find_revisions


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'mentorai.sqlite3'}")
    yield database
    database.close()


def test_fresh_database_is_at_no_revision(database: Database) -> None:
    present, newest = find_revisions(database)

    assert present is None
    assert newest is not None


def test_upgrade_reaches_the_newest_revision(database: Database) -> None:
    database.upgrade()

    present, newest = find_revisions(database)
    assert present == newest


def test_upgrade_again_changes_nothing(database: Database) -> None:
    database.upgrade()
    before = _schema(database)

    database.upgrade()

    assert _schema(database) == before


def test_downgrade_takes_every_table_away(database: Database) -> None:
    database.upgrade()

    downgrade(database, "base")

    assert set(inspect(database.engine).get_table_names()) <= {"alembic_version"}


def test_tables_are_those_that_the_rooms_define(engine: Engine) -> None:
    """What migrations make and what the code expects are the same columns."""
    for package in (mentorai.core, mentorai.lti):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)

    made = inspect(engine.database.engine)
    for table in metadata.sorted_tables:
        if table.name not in made.get_table_names():
            pytest.fail(f"{table.name} is not made by any migration")
        columns = {column["name"]: column["nullable"] for column in made.get_columns(table.name)}
        assert columns == {column.name: column.nullable for column in table.columns}, table.name


def test_processes_starting_at_once_make_one_set_of_tables(tmp_path: Path) -> None:
    program = (
        "import sys; from mentorai.core.database import Database; Database(sys.argv[1]).upgrade()"
    )
    url = f"sqlite:///{tmp_path / 'mentorai.sqlite3'}"

    started = [
        subprocess.Popen([sys.executable, "-c", program, url], stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    ended = [process.communicate()[1] for process in started]

    assert [process.returncode for process in started] == [0, 0, 0], ended


def _schema(database: Database) -> list[tuple[str, list[str]]]:
    found = inspect(database.engine)
    return [
        (name, [column["name"] for column in found.get_columns(name)])
        for name in sorted(found.get_table_names())
    ]
