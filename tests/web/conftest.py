"""What tests of the web begin with: the application, a browser's client, a key."""

import io
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from mentorai.core.datasets import Dataset
from mentorai.core.engine import Engine
from mentorai.core.enrolment_rows import Enrolment
from mentorai.core.grades import Grade
from mentorai.core.mentors import Mentor
from mentorai.core.quizzes import Quiz
from mentorai.core.scopes import SCOPES
from mentorai.core.values import Context, Launch, ResourceLink, Role, Session
from mentorai.web.admin_tokens import make_admin_token
from mentorai.web.app import create_app
from tests.web.data_guard import DataGuard

MakeKey = Callable[..., str]


@pytest.fixture
def data_guard(engine: Engine) -> Iterator[DataGuard]:
    """Fails a test that runs a statement which does not say whose rows it means."""
    with DataGuard(engine.database) as guard:
        yield guard
    assert guard.problems == []


@pytest.fixture
def app(engine: Engine) -> Flask:
    return create_app(engine)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def make_key(engine: Engine, mentor: Mentor) -> MakeKey:
    """Issue a key; its text. Arguments: scopes (all), mentor_id (the `mentor`'s), name."""

    def make(*scopes: str, mentor_id: str | None = None, name: str = "") -> str:
        bound = mentor_id or mentor.id
        count = len(engine.keys.list(mentor.organization_id, bound))
        return engine.keys.issue(
            mentor.organization_id,
            bound,
            name=name or f"Key {count + 1}",
            scopes=scopes or tuple(SCOPES),
            expires_at=None,
            author="test",
        ).text

    return make


@pytest.fixture
def key(make_key: MakeKey) -> str:
    """The text of a key with every scope."""
    return make_key()


@pytest.fixture
def api(app: Flask, key: str) -> FlaskClient:
    """A client that sends `key` with every call."""
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Api-Token {key}"
    return client


@pytest.fixture
def admin_token(engine: Engine) -> str:
    """The text of a token with which a program acts as campus IT."""
    code = engine.admins.issue_setup_code()
    admin = engine.admins.take_setup_code(code, "it@campus.edu", "correct horse")
    return make_admin_token(engine.settings.web_secret, admin)


TIDES = """# Tides

At spring tide the water falls lowest, and most of the shore lies bare for two hours.

# Limpets

A limpet returns to its own scar in the rock before the water leaves. The scar fits its shell.
"""


@pytest.fixture
def dataset(engine: Engine, mentor: Mentor) -> Dataset:
    """The `mentor`'s one document."""
    stream = io.BytesIO(TIDES.encode())
    return engine.datasets.add(
        mentor.organization_id, mentor.id, "Tides.md", "text/markdown", stream
    )


QUIZ = {
    "title": "Low tide",
    "published": True,
    "questions": [
        {"kind": "true_false", "prompt": "A limpet is a plant.", "answer": False, "points": 2}
    ],
}


@pytest.fixture
def enrolment(engine: Engine, mentor: Mentor) -> Enrolment:
    """The `mentor`'s one enrolment."""
    cells = {"user": "s1", "section": "BIO-1", "name": "Grace Hopper"}
    put, _ = engine.enrolments.put(
        mentor.organization_id, mentor.id, cells, platforms=frozenset(), author="it"
    )
    return put


@pytest.fixture
def quiz(engine: Engine, mentor: Mentor) -> Quiz:
    """The `mentor`'s one quiz, of one question worth two points."""
    return engine.quizzes.put(mentor.organization_id, mentor.id, QUIZ)


@pytest.fixture
def session(engine: Engine, mentor: Mentor) -> Session:
    """A learner's session, as a launch from a course opens it."""
    return engine.admit(
        Launch(
            organization_id=mentor.organization_id,
            registration_id="registration",
            deployment_id="1",
            issuer="https://lms.example.edu",
            client_id="client",
            family_code="",
            message_type="LtiResourceLinkRequest",
            subject="sub-1",
            role=Role.LEARNER,
            target="/",
            name="Ada Lovelace",
            context=Context("course-1"),
            resource_link=ResourceLink("link-1"),
            custom={"mentor": mentor.id},
        )
    )


@pytest.fixture
def grade(engine: Engine, quiz: Quiz, session: Session) -> Grade:
    """What the learner got for the quiz: both points."""
    who = (session.organization_id, session.mentor_id)
    attempt = engine.quizzes.start_attempt(
        *who, quiz.id, session.person_id, session.resource_link_id
    )
    answers = {question["id"]: False for question in quiz.questions}
    marked = engine.quizzes.submit(engine, *who, attempt.id, session.person_id, answers)
    assert marked.grade is not None
    return marked.grade
