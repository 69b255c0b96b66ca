"""One installation for all cases: `mentorai serve` as it is installed, and the stage in it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mentorai.core.engine import Engine
from mentorai.plugins.sandbox.certification.case import Case
from mentorai.plugins.sandbox.certification.instance import Instance, running_instance
from mentorai.plugins.sandbox.certification.report import PASSED, play
from mentorai.plugins.sandbox.certification.setting import staged
from mentorai.plugins.sandbox.certification.stage import Stage
from tests.conftest import made_database


@pytest.fixture(scope="session")
def instance(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Instance]:
    """A running installation; on PostgreSQL when the suite runs there."""
    folder: Path = tmp_path_factory.mktemp("certified")
    if os.environ.get("TEST_ON") != "postgres":
        with running_instance(folder) as instance:
            yield instance
        return
    with (
        made_database(request.getfixturevalue("postgres_url")) as url,
        running_instance(folder, url.render_as_string(hide_password=False)) as instance,
    ):
        yield instance


@pytest.fixture(scope="session")
def stage(instance: Instance) -> Iterator[Stage]:
    """A platform and a mentor in the installation."""
    engine = Engine.open(instance.settings)
    with staged(engine) as stage:
        yield stage
    engine.close()


def check(case: Case, stage: Stage) -> None:
    """Run one case as `mentorai certify` does."""
    outcome = play(case, stage)
    assert outcome.result == PASSED, outcome.seen
