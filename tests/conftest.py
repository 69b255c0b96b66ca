"""What every layer's tests begin with: an engine on a database of its own."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url

from mentorai.core.engine import Engine
from mentorai.core.mentors import Mentor
from mentorai.core.organizations import Organization
from mentorai.core.settings import Settings


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """The PostgreSQL server that tests may make databases in."""
    url = os.environ.get("TEST_POSTGRES_URL", "")
    if not url:
        pytest.skip("TEST_POSTGRES_URL names no PostgreSQL to try")
    return url


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """An empty database on that server, gone afterwards."""
    name = f"test_{uuid.uuid4().hex}"
    server = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    server.dispose()


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """Empty for SQLite in the data directory; TEST_ON=postgres runs the suite on PostgreSQL."""
    if os.environ.get("TEST_ON") != "postgres":
        return ""
    url: str = request.getfixturevalue("postgres_database")
    return url


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return Settings(data_dir=tmp_path, database_url=database_url, allow_loopback_platforms=True)


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
