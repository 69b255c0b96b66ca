"""What every layer's tests begin with: an engine on a database of its own."""

import gc
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import URL, create_engine
from werkzeug.routing import Rule

from mentorai.core import admins
from mentorai.core.database import Database
from mentorai.core.engine import Engine
from mentorai.core.mentors import Mentor
from mentorai.core.organizations import Organization
from mentorai.core.scopes import PROVISIONING_SCOPES
from mentorai.core.settings import Settings

# TRUNCATE makes a new file for every table, which takes thirty times as long.
EMPTY = """
DO $$ DECLARE name text; BEGIN
  SET LOCAL session_replication_role = replica;
  FOR name IN SELECT tablename FROM pg_tables
      WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
    EXECUTE 'DELETE FROM public.' || quote_ident(name);
  END LOOP;
  FOR name IN SELECT sequencename FROM pg_sequences WHERE last_value IS NOT NULL LOOP
    EXECUTE 'ALTER SEQUENCE public.' || quote_ident(name) || ' RESTART';
  END LOOP;
END $$
"""


# What a fixture is called that gives the database which TEST_ON names.
ON_POSTGRES = {"database_url", "instance"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """TEST_ON=postgres takes only the tests that ask for the suite's database.

    All others do on PostgreSQL what they do without it: they need no database, or bring their
    own, on SQLite or on the server that TEST_POSTGRES_URL names.
    """
    if os.environ.get("TEST_ON") != "postgres":
        return
    taken, left = [], []
    for item in items:
        asks = ON_POSTGRES.intersection(getattr(item, "fixturenames", ()))
        (taken if asks else left).append(item)
    config.hook.pytest_deselected(items=left)
    items[:] = taken


def pytest_collection_finish() -> None:
    """What is here now stays to the end: the collector need not look at it again and again.

    An application lives for one test, and most of it is gone by the time of a rarer look.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.fixture(scope="session", autouse=True)
def _addresses_compiled_once() -> Iterator[None]:
    """Thousands of applications have the same addresses; werkzeug compiles each for each anew."""
    compile_builder = Rule._compile_builder
    compiled: dict[tuple[str, str, bool], Any] = {}

    def compile_once(rule: Rule, append_unknown: bool = True) -> Any:
        name = (rule.rule, repr(rule.defaults), append_unknown)
        if name not in compiled:
            compiled[name] = compile_builder(rule, append_unknown)
        return compiled[name]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", compile_once)
        yield


@pytest.fixture(scope="session", autouse=True)
def _passwords_hashed_quickly() -> Iterator[None]:
    """Hundreds of tests sign in with a password, which takes 64 MB each time, and long.

    tests/core/test_admins.py hashes them as it is done in real use.
    """
    with pytest.MonkeyPatch.context() as patch:
        quick = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
        patch.setattr(admins, "_hasher", lambda: quick)
        yield


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """The PostgreSQL server that tests may make databases in."""
    url = os.environ.get("TEST_POSTGRES_URL", "")
    if not url:
        pytest.skip("TEST_POSTGRES_URL names no PostgreSQL to try")
    return url


@contextmanager
def made_database(server_url: str, template: str | None = None) -> Iterator[URL]:
    """A database of its own on that server, gone afterwards; a copy of the one named, or empty."""
    name = f"test_{uuid.uuid4().hex}"
    server = create_engine(server_url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template or 'template1'}")
    yield server.url.set(database=name)
    with server.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    server.dispose()


@pytest.fixture
def redis_url(worker_id: str) -> Iterator[str]:
    """An empty database of the Redis that tests may use, of this test process alone."""
    server = os.environ.get("TEST_REDIS_URL", "")
    if not server:
        pytest.skip("TEST_REDIS_URL names no Redis to try")
    from redis import Redis

    number = 1 + int(worker_id.removeprefix("gw") if worker_id != "master" else 0)
    url = f"{server.rpartition('/')[0]}/{number}"
    redis = Redis.from_url(url)
    redis.flushdb()
    yield url
    redis.flushdb()
    redis.close()


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """An empty PostgreSQL database."""
    with made_database(postgres_url) as url:
        yield url.render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def shared_database(postgres_url: str) -> Iterator[Database]:
    """A PostgreSQL database with every table in place, one for each test process."""
    with made_database(postgres_url) as url:
        database = Database(url.render_as_string(hide_password=False))
        database.upgrade()
        yield database
        database.close()


@pytest.fixture
def emptied_database(shared_database: Database) -> Iterator[str]:
    """The shared database, emptied afterwards: far quicker than making one."""
    yield shared_database.url.render_as_string(hide_password=False)
    with shared_database.write() as connection:
        connection.exec_driver_sql(EMPTY)


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """Empty for SQLite in the data directory; TEST_ON=postgres runs the suite on PostgreSQL."""
    if os.environ.get("TEST_ON") != "postgres":
        return ""
    url: str = request.getfixturevalue("emptied_database")
    return url


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with every table in place: copying it is far quicker than a dozen steps."""
    path = tmp_path_factory.mktemp("tables") / "mentorai.sqlite3"
    database = Database(f"sqlite:///{path}")
    database.upgrade()
    database.close()
    return path


@pytest.fixture(scope="session")
def seeded(tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with the demo's mentors and quizzes in it, which take a second to make."""
    from tests.fakes.campus import seed_demo

    folder = tmp_path_factory.mktemp("seeded")
    shutil.copyfile(tables, folder / tables.name)
    seed_demo(folder)
    return folder / tables.name


@pytest.fixture
def data_dir(tmp_path: Path, tables: Path) -> Path:
    """The directory of an installation whose SQLite file has every table in place."""
    shutil.copyfile(tables, tmp_path / tables.name)
    return tmp_path


@pytest.fixture
def settings(data_dir: Path, database_url: str) -> Settings:
    return Settings(
        data_dir=data_dir,
        database_url=database_url,
        allow_loopback_platforms=True,
        key_calls_per_minute=0,
    )


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    engine = Engine.open(settings, plugins=[])
    yield engine
    engine.close()


@pytest.fixture
def organization(engine: Engine) -> Organization:
    return engine.organizations.get()


@pytest.fixture
def mentor(engine: Engine, organization: Organization) -> Mentor:
    return engine.mentors.add(organization.id, "Tidal Pools")


@pytest.fixture
def provisioning_key(engine: Engine, mentor: Mentor) -> str:
    """The text of a provisioning key with every scope that there is for one."""
    return engine.keys.issue(
        mentor.organization_id,
        None,
        kind="provisioning",
        name="Semester start",
        scopes=list(PROVISIONING_SCOPES),
        expires_at=None,
        author="it",
    ).text
