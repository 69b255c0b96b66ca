"""An LMS registers itself, in Chromium: across sites, in a frame, until the LMS closes it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from mentorai.core.engine import Engine
from mentorai.core.settings import Settings
from mentorai.lti.tool import Tool
from mentorai.plugins import lti_launch, sandbox
from mentorai.web.app import create_app
from tests.browser.conftest import PATIENCE_MS
from tests.fakes.platforms import RunningSandbox, free_port, running_app, running_sandbox


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def lms(port: int) -> Iterator[RunningSandbox]:
    with running_sandbox(f"http://localhost:{port}") as lms:
        yield lms


@pytest.fixture
def tool(port: int, data_dir: Path) -> Iterator[Engine]:
    settings = Settings(
        data_dir=data_dir, public_url=f"http://localhost:{port}", allow_loopback_platforms=True
    )
    engine = Engine.open(settings, plugins=[("lti_launch", lti_launch), ("sandbox", sandbox)])
    with running_app(create_app(engine), port=port):
        yield engine
    engine.room(Tool).http.close()
    engine.close()


@pytest.fixture
def link(tool: Engine) -> str:
    organization = tool.organizations.get()
    _, token = tool.room(Tool).invitations.issue(organization.id, author="t", hours=1)
    return tool.room(Tool).invitation_url_of(token)


@pytest.fixture(params=[1280, 320])
def tab(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    viewport: Any = {"width": request.param, "height": 800}
    context = chromium.new_context(viewport=viewport)
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def test_administrator_registers_the_tool_and_the_frame_closes(
    tab: Page, lms: RunningSandbox, link: str, tool: Engine
) -> None:
    it = next(p for p in lms.description["people"] if p["kind"] == "it")
    tab.goto(f"{it['url']}tool/")
    tab.get_by_role("link", name="Add tool by dynamic registration").click()
    tab.get_by_label("Registration link").fill(link)
    tab.get_by_role("button", name="Go on").click()

    frame = tab.frame_locator("#tool")
    expect(frame.get_by_role("heading", level=1)).to_contain_text("Register mentorAI with")
    frame.get_by_role("button", name="Register").click()
    expect(frame.get_by_role("heading", level=1)).to_have_text(
        "Waits for approval by your campus IT"
    )
    frame.get_by_role("button", name="Close this window").click()

    tab.wait_for_url(f"{it['url']}tool/")
    expect(tab.get_by_role("heading", name="mentorAI", exact=True)).to_be_visible()


def test_window_that_the_lms_opened_closes_itself(
    tab: Page, lms: RunningSandbox, link: str, tool: Engine
) -> None:
    it = next(p for p in lms.description["people"] if p["kind"] == "it")
    tab.goto(f"{it['url']}tool/add/?link={link}")
    with tab.expect_popup() as opened:
        tab.get_by_role("link", name="Open it in a new window").click()
    window = opened.value
    window.get_by_role("button", name="Register").click()

    with window.expect_event("close"):
        window.get_by_role("button", name="Close this window").click()

    tab.wait_for_url(f"{it['url']}tool/")


def test_window_closes_by_itself_after_a_while(
    tab: Page, lms: RunningSandbox, link: str, tool: Engine
) -> None:
    tab.clock.install()
    it = next(p for p in lms.description["people"] if p["kind"] == "it")
    tab.goto(f"{it['url']}tool/add/?link={link}")
    frame = tab.frame_locator("#tool")
    frame.get_by_role("button", name="Register").click()
    frame.get_by_role("button", name="Keep it open").wait_for()

    tab.clock.run_for(11_000)

    tab.wait_for_url(f"{it['url']}tool/")


def test_window_can_be_kept_open(tab: Page, lms: RunningSandbox, link: str, tool: Engine) -> None:
    tab.clock.install()
    it = next(p for p in lms.description["people"] if p["kind"] == "it")
    tab.goto(f"{it['url']}tool/add/?link={link}")
    frame = tab.frame_locator("#tool")
    frame.get_by_role("button", name="Register").click()
    frame.get_by_role("button", name="Keep it open").click()

    tab.clock.run_for(20_000)

    expect(frame.get_by_role("button", name="Close this window")).to_be_visible()
    expect(frame.get_by_role("button", name="Keep it open")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible(
    chromium: Browser, lms: RunningSandbox, link: str, tool: Engine, scheme: Any
) -> None:
    context = chromium.new_context(
        viewport={"width": 320, "height": 800}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    found = []
    page.goto(link)
    found += look(page, "invited")
    page.goto(lms.house.tool_registrations.begin(link))
    found += look(page, "consent")
    page.get_by_role("button", name="Register").click()
    page.get_by_role("heading", name="Waits for approval").wait_for()
    found += look(page, "registered")
    page.goto(link)
    found += look(page, "used")
    context.close()

    assert found == []


def look(page: Page, name: str) -> list[str]:
    """What axe finds, and whether the page can be read without scrolling sideways."""
    found = [f"{name}: {each['id']}" for each in Axe().run(page).response["violations"]]
    wide = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    return found + ([f"{name}: too wide"] if wide else [])
