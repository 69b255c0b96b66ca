"""Campus IT connects an LMS from the admin alone: its steps, a first launch, and its own API."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask, redirect, request
from playwright.sync_api import Browser, Page, expect

from mentorai.core import hookimpl
from mentorai.core.engine import Engine
from mentorai.core.settings import Settings
from mentorai.core.values import (
    Ability,
    ConnectionField,
    ConnectionForm,
    ConnectionReport,
    Platform,
)
from mentorai.lti.tool import Tool
from mentorai.plugins import canvas, lti_launch, sandbox
from mentorai.web.app import create_app
from tests.browser.conftest import EMAIL, PASSWORD, PATIENCE_MS
from tests.fakes.platforms import RunningSandbox, free_port, running_app, running_sandbox


class CampusApi:
    """An API of the campus's Canvas, as a plugin offers it."""

    @hookimpl
    def connection_form(self, platform: Platform) -> ConnectionForm | None:
        if platform.family != "canvas":
            return None
        return ConnectionForm(
            kind="campus_api",
            title="Campus API",
            purpose="Sends the grades of a course at once.",
            screen="Admin, Developer Keys, + API Key",
            fields=(
                ConnectionField("base_url", "Address of your Canvas"),
                ConnectionField("secret", "Key", is_secret=True),
            ),
        )

    @hookimpl
    def check_connection(self) -> ConnectionReport:
        missing = Ability("Read sections", False, "sections:read", "Admin, Permissions")
        return ConnectionReport("Integration user", "2026-11", (missing,))


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def lms(port: int) -> Iterator[RunningSandbox]:
    with running_sandbox(f"http://localhost:{port}") as lms:
        yield lms


@pytest.fixture
def tool(port: int, tmp_path: Path, seeded: Path, lms: RunningSandbox) -> Iterator[Engine]:
    shutil.copyfile(seeded, tmp_path / seeded.name)
    settings = Settings(
        data_dir=tmp_path, public_url=f"http://localhost:{port}", allow_loopback_platforms=True
    )
    plugins = [
        ("lti_launch", lti_launch),
        ("canvas", canvas),
        ("sandbox", sandbox),
        ("campus_api", CampusApi()),
    ]
    engine = Engine.open(settings, plugins=plugins)
    engine.admins.take_setup_code(engine.admins.issue_setup_code(), EMAIL, PASSWORD)
    app = create_app(engine)
    stand_in_for_canvas(app, lms)
    with running_app(app, port=port):
        yield engine
    engine.room(Tool).http.close()
    engine.close()


def stand_in_for_canvas(app: Flask, lms: RunningSandbox) -> None:
    """Lead from the addresses that a Canvas has to the sandbox's own.

    They are at the tool's address: no other may be in the sandbox's frames.
    """
    options = lms.house.platform.options
    for path, url in (
        ("/api/lti/authorize_redirect", options.auth_url),
        ("/api/lti/security/jwks", options.platform_keyset_url),
    ):

        def lead(url: str = url) -> Any:
            return redirect(f"{url}?{request.query_string.decode()}")

        app.add_url_rule(path, path, lead)


@pytest.fixture
def desk(chromium: Browser, tool: Engine, port: int) -> Iterator[Page]:
    """A narrow, dark tab in which campus IT has signed in."""
    context = chromium.new_context(
        viewport={"width": 320, "height": 800}, color_scheme="dark", reduced_motion="reduce"
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.clock.install()
    page.goto(f"http://localhost:{port}/admin/platforms")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    yield page
    context.close()


def launch(chromium: Browser, lms: RunningSandbox) -> None:
    """A teacher opens the first activity of the course."""
    teacher = next(each for each in lms.description["people"] if each["kind"] == "instructor")
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{teacher['url']}{lms.description['courses'][0]['items'][0]['url']}")
    # Not the page of the login, which goes on by itself.
    heading = page.frame_locator("#tool").get_by_role("heading", level=1)
    heading.filter(has_not_text="Opening the mentor").wait_for()
    context.close()


def look(page: Page, name: str) -> list[str]:
    """What axe finds, and whether the page can be read without scrolling sideways."""
    found = [f"{name}: {each['id']}" for each in Axe().run(page).response["violations"]]
    wide = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    return found + ([f"{name}: too wide"] if wide else [])


def test_canvas_is_connected_from_the_first_page_to_its_own_api(
    chromium: Browser, desk: Page, lms: RunningSandbox, port: int
) -> None:
    desk.get_by_role("link", name="Add an LMS").first.click()
    found = look(desk, "choose")
    desk.get_by_role("link", name="Canvas").click()
    found += look(desk, "steps")
    desk.get_by_label("On a server of your own").check()
    desk.get_by_label("Client ID").fill(lms.house.platform.options.client_id)
    desk.get_by_label("Address of your Canvas").fill("http://localhost:9")
    desk.get_by_text("If Canvas has other addresses").click()
    desk.get_by_label("Issuer").fill(lms.url)
    desk.get_by_role("button", name="Check and register").click()
    expect(desk.get_by_role("alert")).to_contain_text("cannot be read")
    found += look(desk, "draft")

    desk.get_by_label("Address of your Canvas").fill(f"http://localhost:{port}/courses/7")
    desk.get_by_role("button", name="Check and register").click()
    expect(desk.get_by_role("heading", level=1)).to_contain_text("Try a launch")
    found += look(desk, "waiting")
    launch(chromium, lms)
    desk.clock.run_for(4_000)
    desk.get_by_role("button", name="Approve").click()
    launch(chromium, lms)
    desk.clock.run_for(4_000)
    expect(desk.get_by_text("It works.")).to_be_visible()
    expect(desk.get_by_role("row").filter(has_text="Names and roles")).to_contain_text("Offered")
    found += look(desk, "launched")

    desk.get_by_role("button", name="Ask the LMS what works").click()
    expect(desk.get_by_role("table")).to_contain_text("Key set")
    found += look(desk, "findings")
    desk.get_by_role("link", name="Canvas (").click()
    desk.get_by_role("link", name="Its own API").click()
    campus = desk.get_by_role("region", name="Campus")
    campus.get_by_label("Key").fill("s3cret")
    campus.get_by_role("button", name="Connect").click()
    expect(desk.get_by_role("row").filter(has_text="Read sections")).to_contain_text(
        "Admin, Permissions"
    )
    found += look(desk, "connection")

    assert found == []
