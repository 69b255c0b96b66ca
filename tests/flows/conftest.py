"""A campus, and an instructor who places things in a course of it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mentorai.core.engine import Engine
from mentorai.core.jobs import run_worker
from mentorai.web.app import create_app
from tests.fakes.browserless import Browser
from tests.fakes.campus import Campus, running_campus
from tests.fakes.platforms import running_app
from tests.fakes.teacher import Teacher


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, seeded: Path) -> Iterator[Campus]:
    folder = tmp_path_factory.mktemp("campus")
    with running_campus(folder, seeded, with_worker=True) as campus:
        yield campus


@pytest.fixture
def campus(running: Campus) -> Iterator[Campus]:
    """The campus, as it was before anything was placed."""
    yield running
    running.clear()


@pytest.fixture
def teacher(campus: Campus) -> Iterator[Teacher]:
    with Browser() as browser:
        yield Teacher(campus, browser)


@pytest.fixture
def mentor_choice(campus: Campus) -> str:
    """How the picker's form names the first mentor."""
    return campus.mentor.id


@pytest.fixture
def quiz_choice(campus: Campus) -> str:
    """How the picker's form names the first quiz."""
    return f"{campus.mentor.id}/{campus.quiz_id('Quiz 1')}"


@pytest.fixture
def served(engine: Engine) -> Iterator[str]:
    """The toolkit over HTTP, its worker beside it."""
    stop = threading.Event()
    worker = threading.Thread(target=run_worker, args=(engine,), kwargs={"stop": stop})
    worker.start()
    with running_app(create_app(engine)) as address:
        yield address
    stop.set()
    worker.join()
