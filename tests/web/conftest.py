"""What tests of the web begin with: the application, a browser's client, a key."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from mentorai.core.engine import Engine
from mentorai.core.mentors import Mentor
from mentorai.core.scopes import SCOPES
from mentorai.web.app import create_app

MakeKey = Callable[..., str]


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
