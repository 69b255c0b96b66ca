"""/lti/jwks.json: what platforms and caches get, and what is noted of them."""

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from mentorai.core.engine import Engine
from mentorai.core.settings import Settings
from mentorai.lti.tool import Tool
from mentorai.plugins import lti_launch
from mentorai.web.app import create_app

PATH = "/lti/jwks.json"


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    engine = Engine.open(settings, plugins=[("lti_launch", lti_launch)])
    yield engine
    engine.close()


@pytest.fixture
def client(engine: Engine) -> FlaskClient:
    return create_app(engine).test_client()


def test_keyset_may_be_kept_for_a_while(client: FlaskClient) -> None:
    answer = client.get(PATH)

    assert answer.mimetype == "application/json"
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    (key,) = answer.json["keys"]  # type: ignore[index]
    assert {name: key[name] for name in ("kty", "use", "alg")} == {
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
    }
    assert set(key) == {"kty", "use", "alg", "kid", "n", "e"}
    assert "Set-Cookie" not in answer.headers


def test_keyset_is_not_sent_again_to_who_has_it(client: FlaskClient, engine: Engine) -> None:
    tag = client.get(PATH).headers["ETag"]

    again = client.get(PATH, headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")

    engine.room(Tool).tool_keys.rotate()
    changed = client.get(PATH, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert len(changed.json["keys"]) == 2  # type: ignore[index]


def test_who_fetches_is_noted(client: FlaskClient, engine: Engine) -> None:
    agent = {"User-Agent": "MoodleBot/4.5 (+https://lms.example.edu)"}
    for _ in range(3):
        client.get(PATH, headers=agent)

    (fetch,) = engine.room(Tool).keyset_fetches.list()
    assert (fetch.agent, fetch.address) == (agent["User-Agent"], "127.0.0.1")


def test_nameless_reader_is_served(client: FlaskClient) -> None:
    assert client.get(PATH, headers={"User-Agent": ""}).status_code == 200
