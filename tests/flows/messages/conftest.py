"""The real tool and the sandbox LMS over loopback HTTP, and a student who worked there."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mentorai.core.engine import Engine
from mentorai.core.settings import Settings
from mentorai.lti.tool import Tool
from mentorai.plugins import lti_launch
from mentorai.plugins import sandbox as sandbox_plugin
from mentorai.web.app import create_app
from mentorai.web.commands.demo_course import register, seed
from tests.fakes.browserless import Browser
from tests.fakes.journeys import COURSE, MENTOR_ITEM, QUIZ_ITEM, ask, take_quiz
from tests.fakes.platforms import RunningSandbox, free_port, running_app, running_sandbox


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def sandbox(port: int) -> Iterator[RunningSandbox]:
    with running_sandbox(f"http://localhost:{port}") as sandbox:
        yield sandbox


@pytest.fixture
def engine(port: int, tmp_path: Path, sandbox: RunningSandbox) -> Iterator[Engine]:
    """The tool, registered at the sandbox and seeded as the demo seeds it."""
    settings = Settings(
        data_dir=tmp_path, public_url=f"http://localhost:{port}", allow_loopback_platforms=True
    )
    plugins = [("lti_launch", lti_launch), ("sandbox", sandbox_plugin)]
    engine = Engine.open(settings, plugins=plugins)
    register(engine, sandbox.description["platform"])
    for mentor in sandbox.description["mentors"]:
        seed(engine, mentor)
    with running_app(create_app(engine), port=port):
        yield engine
    engine.close()


@pytest.fixture
def browsers() -> Iterator[Callable[[], Browser]]:
    opened: list[Browser] = []

    def make() -> Browser:
        opened.append(Browser())
        return opened[-1]

    yield make
    for browser in opened:
        browser.__exit__()


@pytest.fixture
def registration_id(engine: Engine) -> str:
    return engine.room(Tool).registrations.list(engine.organizations.get().id)[0].id


@pytest.fixture
def maya(engine: Engine, sandbox: RunningSandbox, browsers: Callable[[], Browser]) -> Browser:
    """Maya, who asked a question and took the quiz; her score stands in the gradebook."""
    browser = browsers()
    ask(browser, browser.launch(sandbox.url, "maya", COURSE, MENTOR_ITEM))
    take_quiz(browser, browser.launch(sandbox.url, "maya", COURSE, QUIZ_ITEM))
    engine.outbox.deliver_due()
    assert len(sandbox.platform.scores) == 1
    return browser
