import importlib
import pkgutil
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import URL, inspect

import mentorai.core
import mentorai.lti
from mentorai.core.database import Database, metadata
from mentorai.core.engine import Engine
from mentorai.core.migrations import downgrade, find_revisions, versions
from mentorai.core.settings import Settings
from mentorai.lti.tool import Tool
from mentorai.lti.tool_keys import ToolKeys
from tests.conftest import made_database
from tests.fakes.filled import fill_installation

STEPS = sorted(path.stem[1:5] for path in Path(versions.__file__).parent.glob("r*.py"))
Step = Callable[[str], Engine]


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path / 'mentorai.sqlite3'}"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_database")
    database = Database(url)
    yield database
    database.close()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of an installation on SQLite with something in every table."""
    folder = tmp_path_factory.mktemp("filled")
    fill_installation(Settings(data_dir=folder, allow_loopback_platforms=True))
    return folder


@pytest.fixture(scope="module")
def filled_postgres(
    postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[URL, Path]]:
    """The same on PostgreSQL: the database, which may be copied, and the directory."""
    folder = tmp_path_factory.mktemp("filled_postgres")
    with made_database(postgres_url) as url:
        address = url.render_as_string(hide_password=False)
        fill_installation(
            Settings(data_dir=folder, database_url=address, allow_loopback_platforms=True)
        )
        yield url, folder


@pytest.fixture(params=["sqlite", "postgres"])
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """A copy of what was filled, on each kind of database."""
    folder, address = tmp_path / "installation", ""
    with ExitStack() as ends:
        if request.param == "sqlite":
            shutil.copytree(request.getfixturevalue("filled"), folder)
        else:
            source, kept = request.getfixturevalue("filled_postgres")
            shutil.copytree(kept, folder)
            server_url = request.getfixturevalue("postgres_url")
            copied = ends.enter_context(made_database(server_url, template=source.database))
            address = copied.render_as_string(hide_password=False)
        yield Settings(data_dir=folder, database_url=address, allow_loopback_platforms=True)


@pytest.fixture
def step_down_and_up(installation: Settings) -> Iterator[Step]:
    """Take a filled installation down to a revision and up again, and open what is there then."""
    with ExitStack() as ends:

        def step(revision: str) -> Engine:
            database = Database(installation.url_of_database)
            downgrade(database, revision)
            database.upgrade()
            database.close()
            engine = Engine.open(installation, plugins=[])
            ends.callback(engine.close)
            return engine

        yield step


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


@pytest.mark.parametrize("revision", ["base", *STEPS])
def test_steps_down_and_up_again_keep_what_was_there_before_them(
    step_down_and_up: Step, revision: str
) -> None:
    engine = step_down_and_up(revision)
    organization = engine.organizations.get()
    kept = [mentor.display_name for mentor in engine.mentors.list(organization.id)]
    assert kept == ([] if revision == "base" else ["Tidal Pools"])
    if revision == "base":
        engine.mentors.add(organization.id, "Tidal Pools")
    mentor = engine.mentors.list(organization.id)[0]
    found = engine.retrieval.search(mentor.id, "When do barnacles close?")
    assert len(found) == (0 if revision in ("base", "0001", "0002") else 1)


def test_no_deployment_launches_that_was_held_when_a_step_down_forgets_its_state(
    step_down_and_up: Step,
) -> None:
    engine = step_down_and_up("0006")
    kept = engine.room(Tool).registrations.list(engine.organizations.get().id)[0]
    assert kept.deployments == {"1": "active"}
    assert kept.deployment_policy == "reject"


def test_keys_survive_the_step_that_knows_their_life(database: Database, tmp_path: Path) -> None:
    """Of two keys that signed at once one goes on, and one that never signed is gone below."""
    url = database.url.render_as_string(hide_password=False)
    settings = Settings(data_dir=tmp_path, database_url=url)
    database.upgrade("0007")
    with database.write() as connection:
        for kid, day in (("old", "01"), ("new", "02")):
            connection.exec_driver_sql(
                "INSERT INTO tool_keys (kid, status, public_jwk, sealed_jwk, created_at) "
                f"VALUES ('{kid}', 'active', '{{}}', 'sealed', '2026-01-{day} 00:00:00')"
            )

    database.upgrade()

    keys = ToolKeys(database, settings).list()
    assert [(key.kid, key.status) for key in keys] == [("new", "active"), ("old", "retiring")]
    assert keys[0].activated_at == keys[0].created_at
    downgrade(database, "0007")
    with database.read() as connection:
        kept = connection.exec_driver_sql("SELECT kid FROM tool_keys ORDER BY kid").scalars().all()
    assert kept == ["new", "old"]


def test_key_works_after_the_step_that_numbers_keys(installation: Settings) -> None:
    engine = Engine.open(installation, plugins=[])
    organization_id = engine.organizations.get().id
    mentor = engine.mentors.list(organization_id)[0]
    issued = engine.keys.issue(
        organization_id,
        mentor.id,
        name="From before",
        scopes=["chat:write"],
        expires_at=None,
        author="test",
    )
    downgrade(engine.database, "0025")
    engine.close()

    engine = Engine.open(installation, plugins=[])

    assert engine.keys.check(issued.text, scope=None, address="").id == issued.key.id
    renewed = engine.keys.list(organization_id, mentor.id)
    assert issued.key.id in [key.id for key in renewed]
    engine.close()


def test_hosts_that_earlier_launches_named_are_kept(step_down_and_up: Step) -> None:
    engine = step_down_and_up("0010")
    (registration,) = engine.room(Tool).registrations.list(engine.organizations.get().id)
    engine.room(Tool).service_origins.check(registration, "https://school.example:8443/any")


def test_nobody_is_told_of_sessions_that_ran_out_before_anybody_was(
    step_down_and_up: Step,
) -> None:
    engine = step_down_and_up("0012")
    assert engine.sessions.end_expired() == []


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
