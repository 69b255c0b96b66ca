import pytest
from flask import Blueprint, Response, g

from mentorai.core import hookimpl
from mentorai.core.engine import Engine
from mentorai.core.settings import Settings
from mentorai.core.values import Role, Session
from mentorai.web.app import create_app


class Platform:
    """A plugin whose platform frames our pages."""

    def __init__(self) -> None:
        self.session: Session | None = None

    @hookimpl
    def frame_ancestors(self, engine: Engine, session: Session) -> list[str]:
        return ["https://lms.example.edu", "https://lms.example.edu"]

    @hookimpl
    def web_routes(self, engine: Engine) -> Blueprint:
        pages = Blueprint("platform", __name__)

        @pages.get("/s/test/page")
        @pages.get("/lti/page")
        @pages.get("/page")
        def page() -> str:
            if self.session:
                g.session = self.session
            return "page"

        @pages.get("/lti/form")
        def form() -> str:
            g.form_targets = g.framers = ["https://lms.example.edu"]
            return Response("form", headers={"Referrer-Policy": "strict-origin"})

        @pages.get("/own")
        def own() -> Response:
            return Response("own", headers={"Content-Security-Policy": "default-src 'self'"})

        return pages


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.fixture
def open_client(data_dir, platform):
    engines = []

    def make(**settings):
        chosen = Settings(data_dir=data_dir, **settings)
        engines.append(Engine.open(chosen, plugins=[("platform", platform)]))
        return create_app(engines[-1]).test_client()

    yield make
    for engine in engines:
        engine.close()


@pytest.fixture
def client(open_client):
    return open_client()


def read_policy(answer) -> dict[str, str]:
    parts = answer.headers["Content-Security-Policy"].split(";")
    return dict(part.strip().partition(" ")[::2] for part in parts)


@pytest.fixture
def learner_session(mentor) -> Session:
    from mentorai.core.clock import now

    return Session("s", mentor.organization_id, mentor.id, "person", Role.LEARNER, now())


@pytest.mark.parametrize("path", ["/page", "/nothing", "/lti/page", "/admin/sign-in", "/healthz"])
def test_every_page_loads_from_here_only_and_no_inline_script(client, path):
    policy = read_policy(client.get(path))

    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["base-uri"] == "'none'"
    assert policy["form-action"] == "'self'"
    assert "unsafe" not in str(policy)


@pytest.mark.parametrize("path", ["/page", "/admin/sign-in", "/api/v1/key", "/healthz", "/nothing"])
def test_pages_outside_a_course_refuse_to_be_framed(client, path):
    answer = client.get(path)

    assert answer.headers["X-Frame-Options"] == "DENY"
    assert read_policy(answer)["frame-ancestors"] == "'none'"


def test_page_of_a_session_may_be_framed_by_its_platform_only(client, platform, learner_session):
    platform.session = learner_session

    answer = client.get("/s/test/page")

    assert "X-Frame-Options" not in answer.headers
    assert read_policy(answer)["frame-ancestors"] == "'self' https://lms.example.edu"


def test_page_under_a_session_may_be_framed_by_nobody_else_without_one(client):
    assert read_policy(client.get("/s/test/page"))["frame-ancestors"] == "'self'"


@pytest.mark.parametrize("path", ["/lti/page", "/lti/nothing", "/s/nothing/"])
def test_steps_of_a_launch_and_its_errors_can_be_seen_in_the_course(client, path):
    answer = client.get(path)

    assert "X-Frame-Options" not in answer.headers
    assert "frame-ancestors" not in read_policy(answer)


def test_form_may_go_only_where_a_view_says(client):
    policy = read_policy(client.get("/lti/form"))

    assert policy["form-action"] == "https://lms.example.edu"


def test_page_may_be_framed_by_those_that_a_view_names(client):
    policy = read_policy(client.get("/lti/form"))

    assert policy["frame-ancestors"] == "'self' https://lms.example.edu"


def test_answer_keeps_the_policy_that_it_brings(client):
    assert read_policy(client.get("/own")) == {"default-src": "'self'"}


def test_answer_keeps_the_common_header_that_it_brings(client):
    assert client.get("/lti/form").headers.getlist("Referrer-Policy") == ["strict-origin"]


def test_answers_are_not_sniffed_nor_kept(client):
    headers = client.get("/page").headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "same-origin"


def test_files_may_be_kept(client):
    with client.get("/static/base.css") as answer:
        assert answer.headers["Cache-Control"] != "no-store"


def test_https_is_insisted_on_where_it_is_spoken(open_client):
    assert "Strict-Transport-Security" not in open_client().get("/page").headers
    secure = open_client(public_url="https://mentor.example.edu")
    assert "max-age=31536000" in secure.get("/page").headers["Strict-Transport-Security"]
