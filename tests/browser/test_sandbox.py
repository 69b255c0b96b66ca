"""The sandbox in a real browser: pages everyone can use, and a frame that obeys its tool alone."""

from collections.abc import Iterator
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route

from tests.fakes.platforms import RunningSandbox, running_app, running_sandbox
from tests.fakes.toy_tool import ToyTool

COURSE = "/as/{}/courses/tidal-pools"
PAGES = {
    "people": "/",
    "courses": "/as/maya/",
    "it": "/as/ines/",
    "tool": "/as/ines/tool/",
    "course": COURSE.format("ruth") + "/?added=1",
    "item": COURSE.format("maya") + "/items/shore-quiz/",
    "gradebook": COURSE.format("ruth") + "/grades/",
    "grades": COURSE.format("maya") + "/grades/",
    "members": COURSE.format("ruth") + "/people/",
    "refused": COURSE.format("nobody") + "/",
    "control": "/control/",
    "teacher": "/control/courses/tidal-pools/?done=lock",
    "tool by hand": "/as/ines/tool/new/",
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    tool = ToyTool()
    with running_app(tool.app) as tool_url, running_sandbox(tool_url) as sandbox:
        tool.description = sandbox.description
        sandbox.faults.add("members", "status", status=429, retry_after=2)
        yield sandbox


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 320, "height": 800})
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_is_usable_by_everyone_on_a_narrow_screen(
    page: Page, sandbox: RunningSandbox, name: str, scheme: Literal["light", "dark"]
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(sandbox.url + PAGES[name])

    found = Axe().run(page).response["violations"]
    too_wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")

    assert [(violation["id"], violation["nodes"][0]["html"]) for violation in found] == []
    assert not too_wide


def _height(page: Page) -> float:
    height: float = page.evaluate("document.getElementById('tool').offsetHeight")
    return height


def _say(page: Page, message: str) -> None:
    """Have the framed tool post a message to the page around it, and let it arrive."""
    page.frames[1].evaluate(f"parent.postMessage({message}, '*')")
    page.evaluate("new Promise((done) => setTimeout(done, 50))")


@pytest.fixture
def item(page: Page, sandbox: RunningSandbox) -> Page:
    page.goto(sandbox.url + PAGES["item"])
    page.frames[1].wait_for_url("**/lti/launch")
    return page


@pytest.mark.parametrize(
    ("message", "height"),
    [
        ("{subject: 'lti.frameResize', height: 1234}", 1234),
        ("JSON.stringify({subject: 'lti.frameResize', height: 1234})", 1234),
        ("{subject: 'lti.frameResize', height: 10}", 240),
        ("{subject: 'lti.frameResize', height: 1e9}", 8000),
    ],
)
def test_frame_takes_the_height_that_its_tool_asks_for(
    item: Page, message: str, height: int
) -> None:
    _say(item, message)

    assert _height(item) == height


@pytest.mark.parametrize(
    "message",
    ["{subject: 'lti.frameResize', height: 'tall'}", "{subject: 'x', height: 9}", "null", "'{'"],
)
def test_frame_keeps_its_height_when_the_message_is_another(item: Page, message: str) -> None:
    before = _height(item)

    _say(item, message)

    assert _height(item) == before


def test_frame_keeps_its_height_when_another_window_asks(item: Page) -> None:
    before = _height(item)

    item.evaluate("postMessage({subject: 'lti.frameResize', height: 1234}, '*')")
    item.evaluate("new Promise((done) => setTimeout(done, 50))")

    assert _height(item) == before


@pytest.mark.parametrize("script", ["frame.js", "storage.js"])
def test_frame_waits_for_who_listens_to_it(
    page: Page, sandbox: RunningSandbox, script: str
) -> None:
    held: list[Route] = []
    page.route(f"**/{script}", lambda route: held.append(route))
    page.goto(sandbox.url + PAGES["item"], wait_until="commit")
    page.get_by_role("heading", name="Quiz 1").wait_for()
    page.wait_for_timeout(500)

    assert len(page.frames) == 1
    held.pop().continue_()
    page.locator("#tool").wait_for()


def test_gradebook_shows_a_score_soon_after_it_came(page: Page, sandbox: RunningSandbox) -> None:
    page.goto(sandbox.url + PAGES["grades"])
    column = sandbox.platform.shelf.list("line_item")[0]
    maya = next(p["sub"] for p in sandbox.description["people"] if p["id"] == "maya")
    result = {"line_item": column["id"], "user_id": maya, "given": 7.5, "maximum": 10}
    result |= {"at": "2026-11-23T12:00:00+00:00", "received": "2026-11-23T12:00:00+00:00"}

    sandbox.platform.shelf.put("result", f"{column['id']}/{maya}", result | {"comment": "Good."})

    page.get_by_text("7.5").wait_for(timeout=20_000)
