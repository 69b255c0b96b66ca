"""Headless Chromium at a served toolkit.

Skipped where there is no Chromium, unless REQUIRE_BROWSER says that there must be one.
"""

import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.mentors import Mentor
from mentorai.core.quizzes import Quiz
from mentorai.core.sessions import BINDING_COOKIE
from mentorai.core.settings import Settings
from mentorai.core.values import Role, Session
from mentorai.web.app import create_app
from tests.fakes.platforms import running_app
from tests.fakes.visitor import BINDING, open_session, sign_cookie

# How long a busy machine takes is not what these tests are about.
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)

# What Chromium keeps for "sites that may not save data on this device".
BLOCKED = {"cookies": {"[*.]localhost,*": {"setting": 2}}}
# Between processes the browser sends the mouse to what it has drawn, while playwright presses what
# is laid out: under load the page around a frame got what was pressed right after a step or a
# scroll in it, where a person would not have seen the button yet. So a frame of another site has
# no process of its own here; what such a frame may do and keep is the same.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-site-isolation-trials"]
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
EMAIL, PASSWORD = "it@campus.edu", "correct horse battery"
SHORE = """# The Rocky Shore

## Zonation

Mussels form a dense band in the mid-intertidal zone. Their lower limit is set by the sea star.

## Anemones

Anemones survive low tide by covering themselves with shell fragments.
"""
QUESTIONS = [
    {
        "kind": "choice",
        "prompt": "What sets the **lower** limit?",
        "options": ["Drying out", "The sea star", "Waves"],
        "answer": 1,
        "feedback": "Paine took the sea stars away.",
    },
    {"kind": "choices", "prompt": "Who?", "options": ["Mussels", "Tuna"], "answer": [0]},
    {"kind": "true_false", "prompt": "Mussels move.", "answer": False},
    {"kind": "number", "prompt": "Tides a day?", "answer": {"value": 2}},
    {"kind": "text", "prompt": "Name a predator.", "answer": ["*sea star*"]},
]


@dataclass(frozen=True)
class House:
    """A served toolkit with a mentor, a student, an instructor and somebody of campus IT."""

    url: str
    app: Flask
    engine: Engine
    mentor: Mentor
    quiz: Quiz
    student: Session
    instructor: Session
    setup_code: str

    @property
    def chat(self) -> str:
        """The student's chat page."""
        return f"{self.url}/s/{self.student.id}/"

    @property
    def quiz_start(self) -> str:
        """Where the student begins the quiz."""
        return f"{self.chat}quiz/{self.quiz.id}/"

    @property
    def admin(self) -> str:
        """The instructor's pages of the mentor."""
        return f"{self.url}/s/{self.instructor.id}/admin/mentors/{self.mentor.slug}"

    def cookies(self, **facts: Any) -> list[dict[str, Any]]:
        """What a browser keeps that shows the binding, and `facts` in the session cookie."""
        kept = {
            "__Host-mentorai": sign_cookie(self.app, {"csrf_token": "f" * 40} | facts),
            BINDING_COOKIE: BINDING,
        }
        where = {"domain": "localhost", "path": "/", "secure": True, "sameSite": "None"}
        return [{"name": name, "value": value} | where for name, value in kept.items()]


def find_chromium() -> str | None:
    """The installed Chromium, if there is one."""
    return next(filter(None, map(shutil.which, CHROMIUM)), None)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The one browser of this process: playwright does not bear a second one beside it."""
    found = find_chromium()
    if found is None and not os.environ.get("REQUIRE_BROWSER"):
        pytest.skip("no Chromium is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def plugins() -> list[tuple[str, object]]:
    """The plugins of the served toolkit; a test module may have its own."""
    return []


@pytest.fixture
def house(data_dir: Path, plugins: list[tuple[str, object]]) -> Iterator[House]:
    settings = Settings(data_dir=data_dir, allow_loopback_platforms=True)
    engine = Engine.open(settings, plugins=plugins)
    app = create_app(engine)
    with running_app(app) as url:
        yield _furnish(url, app, engine)
    engine.close()


def _furnish(url: str, app: Flask, engine: Engine) -> House:
    organization = engine.organizations.get()
    mentor = engine.mentors.add(
        organization.id,
        "Tidal Pools",
        description="Life between the tides",
        proactive_prompt="Welcome to the **shore**.",
        suggested_prompts=["Why do mussels form a band?", "How do anemones survive low tide?"],
    )
    stream = io.BytesIO(SHORE.encode())
    engine.datasets.add(organization.id, mentor.id, "shore.md", "text/markdown", stream)
    quiz = engine.quizzes.put(
        organization.id,
        mentor.id,
        {
            "title": "Zonation",
            "description": "Covers the *rocky shore*.",
            "attempts_allowed": 2,
            "published": True,
            "questions": QUESTIONS,
        },
    )
    return House(
        url=url,
        app=app,
        engine=engine,
        mentor=mentor,
        quiz=quiz,
        student=open_session(engine, mentor),
        instructor=open_session(engine, mentor, Role.INSTRUCTOR, subject="lee", name="Prof. Lee"),
        setup_code=engine.admins.issue_setup_code(),
    )


OpenContext = Callable[..., BrowserContext]


@pytest.fixture
def open_context(chromium: Browser, house: House) -> Iterator[OpenContext]:
    """Open a browser context that shows the binding; keywords go to playwright."""
    contexts = []

    def open_it(*, as_it: bool = False, **options: Any) -> BrowserContext:
        context = chromium.new_context(
            **{"viewport": {"width": 900, "height": 640}, "locale": "en-GB"} | options
        )
        contexts.append(context)
        facts: dict[str, Any] = {}
        if as_it:
            admin = house.engine.admins.take_setup_code(
                house.engine.admins.issue_setup_code(), EMAIL, PASSWORD
            )
            facts = {
                "admin_id": admin.id,
                "admin_stamp": admin.stamp,
                "admin_at": int(now().timestamp()),
            }
        context.add_cookies(house.cookies(**facts))
        context.set_default_timeout(PATIENCE_MS)
        return context

    yield open_it
    for context in contexts:
        context.close()


@pytest.fixture
def page(open_context: OpenContext) -> Iterator[Page]:
    """One tab; an error in a script, or anything the policy blocked, fails the test."""
    tab = open_context().new_page()
    faults: list[str] = []
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.on(
        "console",
        lambda message: (
            faults.append(message.text)
            if message.type == "error" and "Failed to load resource" not in message.text
            else None
        ),
    )
    yield tab
    assert faults == []


@pytest.fixture
def open_browser(chromium: Browser, tmp_path: Path) -> Iterator[Callable[..., BrowserContext]]:
    """Open a browser of its own, new; blocked: it keeps nothing for the tool's site."""
    contexts = []

    def open_it(*, blocked: bool) -> BrowserContext:
        folder = tmp_path / "profile" / "Default"
        folder.mkdir(parents=True)
        exceptions = BLOCKED if blocked else {}
        preferences = {"profile": {"content_settings": {"exceptions": exceptions}}}
        (folder / "Preferences").write_text(json.dumps(preferences))
        context = chromium.browser_type.launch_persistent_context(
            folder.parent,
            executable_path=find_chromium(),
            args=ARGUMENTS,
            viewport={"width": 1000, "height": 900},
        )
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        return context

    yield open_it
    for context in contexts:
        context.close()
