"""The real tool and the sandbox LMS over loopback HTTP, and a student who worked there."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mentorai.core.engine import Engine
from mentorai.lti.tool import Tool
from tests.fakes.browserless import Browser
from tests.fakes.campus import Campus, running_campus
from tests.fakes.journeys import COURSE, MENTOR_ITEM, QUIZ_ITEM, ask, take_quiz
from tests.fakes.platforms import RunningSandbox


@pytest.fixture
def campus(tmp_path: Path, seeded: Path) -> Iterator[Campus]:
    with running_campus(tmp_path, seeded) as campus:
        yield campus


@pytest.fixture
def sandbox(campus: Campus) -> RunningSandbox:
    return campus.sandbox


@pytest.fixture
def engine(campus: Campus) -> Engine:
    """The tool, registered at the sandbox and seeded as the demo seeds it."""
    return campus.engine


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
