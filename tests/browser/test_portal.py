"""The portal of docs/examples, on another site: the mentor at localhost, the portal at 127.0.0.1.

Driven in a browser that keeps the frame's cookies and in one that keeps nothing for the mentor.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from playwright.sync_api import BrowserContext, expect

from mentorai.core.engine import Engine
from mentorai.core.settings import Settings
from mentorai.web.app import create_app
from mentorai.web.commands.demo_course import seed
from tests.browser.test_accessibility import check
from tests.fakes.platforms import free_port, running_app, running_sandbox

PORTAL = Path(__file__).parents[2] / "docs" / "examples" / "portal" / "portal.py"
OpenBrowser = Callable[..., BrowserContext]


@dataclass(frozen=True)
class Campus:
    """A running toolkit and the portal that shows its mentor."""

    tool: str
    portal: str
    key: str


@pytest.fixture
def campus(tmp_path: Path) -> Iterator[Campus]:
    tool_port, portal_port = free_port(), free_port()
    tool, portal = f"http://localhost:{tool_port}", f"http://127.0.0.1:{portal_port}"
    settings = Settings(data_dir=tmp_path / "data", public_url=tool, allow_loopback_platforms=True)
    engine = Engine.open(settings, plugins=[])
    with running_sandbox(tool) as sandbox:
        seed(engine, sandbox.description["mentors"][0])
    organization_id = engine.organizations.get().id
    (mentor,) = engine.mentors.list(organization_id)
    key = engine.keys.issue(
        organization_id,
        mentor.id,
        name="Portal",
        scopes=["sso:embed"],
        expires_at=None,
        author="test",
    ).text
    with running_app(create_app(engine), port=tool_port):
        environment = {"MENTORAI_URL": tool, "MENTORAI_API_KEY": key, "PORT": str(portal_port)}
        process = subprocess.Popen(
            [sys.executable, str(PORTAL)], env=os.environ | environment, stderr=subprocess.DEVNULL
        )
        _wait_for(portal)
        yield Campus(tool, portal, key)
        process.terminate()
        process.wait(10)
    engine.close()


def _wait_for(portal: str) -> None:
    session = requests.Session()
    retry = requests.adapters.Retry(connect=8, backoff_factor=0.1)
    session.mount("http://", requests.adapters.HTTPAdapter(max_retries=retry))
    with session:
        session.get(f"{portal}/nothing", timeout=10)


@pytest.mark.parametrize("blocked", [False, True], ids=["cookies", "no cookies"])
def test_portal_shows_the_mentor_to_its_person(
    campus: Campus, open_browser: OpenBrowser, blocked: bool
) -> None:
    page = open_browser(blocked=blocked).new_page()

    page.goto(campus.portal)
    frame = page.frame_locator("iframe[title=Mentor]")
    message = frame.get_by_role("textbox", name="Your message")
    message.fill("What is a keystone species?")
    message.press("Enter")

    expect(frame.locator(".turn[data-status=done]")).to_be_visible()
    assert check(page, "portal") == []
    frame.get_by_role("button", name="Sign out").click()
    expect(frame.get_by_role("heading", name="You are signed out")).to_be_visible()
    page.reload()
    expect(frame.locator(".turn[data-status=done]")).to_be_visible()
    assert campus.key not in page.content()


def test_mentor_stays_out_of_pages_that_the_portal_did_not_name(
    campus: Campus, open_browser: OpenBrowser
) -> None:
    page = open_browser(blocked=False).new_page()
    ordered = requests.post(
        f"{campus.tool}/api/v1/sso/tickets",
        json={"user": {"id": "ada"}, "allowed_origins": ["https://portal.example.edu"]},
        headers={"X-API-Key": campus.key},
        timeout=30,
    ).json()

    with page.expect_event("requestfailed") as failed:
        page.route(
            f"{campus.portal}/other",
            lambda route: route.fulfill(
                content_type="text/html", body=f'<iframe src="{ordered["url"]}"></iframe>'
            ),
        )
        page.goto(f"{campus.portal}/other")

    assert "BLOCKED_BY" in (failed.value.failure or "")
    expect(page.frame_locator("iframe").get_by_role("textbox")).to_have_count(0)
