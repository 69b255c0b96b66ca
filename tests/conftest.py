"""What every layer's tests begin with: an engine on a database of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mentorai.core.engine import Engine
from mentorai.core.mentors import Mentor
from mentorai.core.organizations import Organization
from mentorai.core.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, allow_loopback_platforms=True)


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
