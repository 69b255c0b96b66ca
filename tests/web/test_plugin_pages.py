"""What a plugin can add to the pages, and refuse on them."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from flask import Blueprint, Flask

from mentorai.core.engine import Engine
from mentorai.core.hookspecs import hookimpl
from mentorai.core.mentors import Mentor
from mentorai.core.settings import Settings
from mentorai.core.values import AdminTab, Denial, Link, RequestFacts, Role, Session
from mentorai.web.app import create_app
from tests.fakes.visitor import Visitor, open_session


class Lyceum:
    """A plugin with pages of its own."""

    def __init__(self) -> None:
        self.denial: Denial | None = None
        self.facts: list[RequestFacts] = []

    @hookimpl
    def web_routes(self) -> Blueprint:
        routes = Blueprint("lyceum", __name__, url_prefix="/lyceum")
        routes.add_url_rule("/", "hello", lambda: "Hello from Lyceum")
        routes.add_url_rule("/form", "form", lambda: "Taken", methods=["POST"])
        return routes

    @hookimpl
    def frame_ancestors(self, session: Session) -> Sequence[str]:
        return [f"https://{session.role}.example.edu"]

    @hookimpl
    def sign_in_links(self) -> Sequence[Link]:
        return [Link("Campus account", "/lyceum/")]

    @hookimpl
    def admin_tabs(self) -> Sequence[AdminTab]:
        return [AdminTab("Lyceum report", "lyceum.hello")]

    @hookimpl
    def judge_session(self, request_facts: RequestFacts) -> Denial | None:
        self.facts.append(request_facts)
        return self.denial


class Broken:
    """A plugin that fails wherever it is asked for something to show."""

    @hookimpl
    def sign_in_links(self) -> Any:
        raise RuntimeError

    @hookimpl
    def admin_tabs(self) -> Any:
        raise RuntimeError


@pytest.fixture
def lyceum() -> Lyceum:
    return Lyceum()


@pytest.fixture
def engine(settings: Settings, lyceum: Lyceum) -> Iterator[Engine]:
    engine = Engine.open(settings, plugins=[("lyceum", lyceum), ("broken", Broken())])
    yield engine
    engine.close()


@pytest.fixture
def visitor(engine: Engine) -> Visitor:
    app: Flask = create_app(engine)
    return Visitor(app)


def test_routes_of_a_plugin_answer(visitor: Visitor) -> None:
    assert visitor.get("/lyceum/").text == "Hello from Lyceum"


def test_routes_of_a_plugin_cannot_be_framed(visitor: Visitor) -> None:
    assert visitor.get("/lyceum/").headers["X-Frame-Options"] == "DENY"


def test_form_of_a_plugin_needs_a_token(visitor: Visitor) -> None:
    assert visitor.post("/lyceum/form", {"csrf_token": ""}).status_code == 400
    assert visitor.post("/lyceum/form").status_code == 200


def test_plugin_says_who_may_frame_a_session(
    engine: Engine, mentor: Mentor, visitor: Visitor
) -> None:
    session = open_session(engine, mentor)

    policy = visitor.get(f"/s/{session.id}/").headers["Content-Security-Policy"]

    assert "frame-ancestors 'self' https://learner.example.edu" in policy


def test_plugin_adds_a_way_to_sign_in(visitor: Visitor) -> None:
    page = visitor.get("/admin/sign-in")

    assert page.status_code == 200
    assert '<a href="/lyceum/"' in page.text.replace(' class="button quiet"', "")
    assert "Campus account" in page.text


def test_plugin_adds_a_tab_to_the_mentor(engine: Engine, mentor: Mentor, visitor: Visitor) -> None:
    session = open_session(engine, mentor, Role.INSTRUCTOR)

    page = visitor.get(f"/s/{session.id}/admin/mentors/{mentor.slug}/")

    assert page.status_code == 200
    assert 'href="/lyceum/?mentor=tidal-pools"' in page.text
    assert "Lyceum report" in page.text


def test_plugin_refuses_a_session_with_its_reason(
    engine: Engine, mentor: Mentor, visitor: Visitor, lyceum: Lyceum
) -> None:
    session = open_session(engine, mentor)
    lyceum.denial = Denial("Not from this network.")

    page = visitor.get(f"/s/{session.id}/")

    assert page.status_code == 403
    assert "Not from this network." in page.text


def test_plugin_knows_the_request_it_judges(
    engine: Engine, mentor: Mentor, visitor: Visitor, lyceum: Lyceum
) -> None:
    session = open_session(engine, mentor)

    visitor.get(f"/s/{session.id}/")

    assert lyceum.facts == [RequestFacts("GET", f"/s/{session.id}/", "127.0.0.1")]
