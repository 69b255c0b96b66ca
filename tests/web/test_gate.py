"""Pages in a browser that keeps no cookie: what they hold opens their own session, and no other."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from mentorai.core.engine import Engine
from mentorai.core.mentors import Mentor
from mentorai.core.organizations import Organization
from mentorai.core.values import Role, Session
from mentorai.web.app import create_app
from tests.fakes.visitor import Visitor, open_session


@pytest.fixture
def mentor(engine: Engine, organization: Organization) -> Mentor:
    return engine.mentors.add(organization.id, "Tidal Pools")


@pytest.fixture
def session(engine: Engine, mentor: Mentor) -> Session:
    return open_session(engine, mentor, Role.INSTRUCTOR)


@pytest.fixture
def app(engine: Engine) -> Flask:
    return create_app(engine)


@pytest.fixture
def browser(app: Flask) -> FlaskClient:
    """A browser that keeps nothing."""
    return app.test_client(use_cookies=False)


@pytest.fixture
def home(session: Session) -> str:
    return f"/s/{session.id}/"


def token_of(page: str) -> str:
    found = re.search(r'name="page-token" content="([^"]+)"', page)
    assert found is not None
    return found.group(1)


@pytest.fixture
def token(engine: Engine, browser: FlaskClient, home: str, session: Session) -> str:
    code = engine.sessions.issue_handoff(session.id)
    return token_of(browser.get(home, query_string={"code": code}).text)


def test_code_opens_a_page_once(
    engine: Engine, browser: FlaskClient, home: str, session: Session
) -> None:
    code = {"code": engine.sessions.issue_handoff(session.id)}

    assert browser.get(home, query_string=code).status_code == 200
    assert browser.get(home, query_string=code).status_code == 403


def test_code_leads_a_browser_that_keeps_cookies_to_the_address_alone(
    engine: Engine, app: Flask, home: str, session: Session
) -> None:
    code = engine.sessions.issue_handoff(session.id)

    answer = Visitor(app).get(f"{home}?part=1&code={code}")

    assert answer.status_code == 303
    assert answer.location == f"{home}?part=1"


def test_code_does_not_open_the_session_of_somebody_else(
    engine: Engine, browser: FlaskClient, mentor: Mentor, session: Session
) -> None:
    other = open_session(engine, mentor, subject="other")
    code = engine.sessions.issue_handoff(session.id)

    assert browser.get(f"/s/{other.id}/", query_string={"code": code}).status_code == 403


def test_redirect_takes_a_code_along(
    browser: FlaskClient, home: str, session: Session, token: str
) -> None:
    answer = browser.get(f"{home}admin/", headers={"X-Page-Token": token})

    assert answer.status_code == 303
    assert answer.location.startswith(home)
    assert browser.get(answer.location).status_code == 200


def test_redirect_of_a_browser_with_cookies_takes_none(app: Flask, home: str) -> None:
    assert "code" not in Visitor(app).get(f"{home}admin/").location


def test_page_of_a_browser_with_cookies_holds_no_token(app: Flask, home: str) -> None:
    assert "page-token" not in Visitor(app).get(home).text


def test_token_is_renewed(browser: FlaskClient, home: str, token: str) -> None:
    answer = browser.post(f"{home}token", headers={"X-Page-Token": token})

    assert answer.json is not None
    assert browser.get(home, headers={"X-Page-Token": answer.json["token"]}).status_code == 200


def test_token_is_too_old_after_an_hour(browser: FlaskClient, home: str, token: str) -> None:
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=61)):
        answer = browser.get(home, headers={"X-Page-Token": token})

    assert answer.status_code == 403


def test_token_ends_with_its_session(
    engine: Engine, browser: FlaskClient, home: str, session: Session, token: str
) -> None:
    engine.sessions.end(session.id)

    assert browser.get(home, headers={"X-Page-Token": token}).status_code == 403


@pytest.mark.parametrize("made_up", ["", "x", "." * 20, "WyJhIl0.x.y", "\u00e9"])
def test_made_up_token_opens_nothing(browser: FlaskClient, home: str, made_up: str) -> None:
    headers = {"X-Page-Token": made_up.encode().decode("latin-1")}

    assert browser.get(home, headers=headers).status_code == 403


def test_token_does_not_open_the_session_of_somebody_else(
    engine: Engine, browser: FlaskClient, mentor: Mentor, token: str
) -> None:
    other = open_session(engine, mentor, subject="other")

    answer = browser.get(f"/s/{other.id}/", headers={"X-Page-Token": token})

    assert answer.status_code == 403


@pytest.mark.parametrize("way", [{"X-Page-Token": "made up"}, None])
def test_cookie_counts_for_nothing_beside_a_wrong_token_or_code(
    app: Flask, home: str, way: dict[str, str] | None
) -> None:
    """Else another site could have a form sent with the cookie and without a CSRF token."""
    visitor = Visitor(app)
    where = f"{home}token" if way else f"{home}token?code=made-up"

    answer = visitor.client.post(where, headers=way, base_url="https://localhost")

    assert answer.status_code == 403


def test_form_needs_no_csrf_token_beside_a_page_token(
    browser: FlaskClient, home: str, token: str
) -> None:
    answer = browser.post(f"{home}turns", data={"prompt": "Hi"}, headers={"X-Page-Token": token})

    assert answer.status_code != 400


def test_code_spares_no_form_outside_a_session_its_csrf_token(app: Flask) -> None:
    answer = app.test_client().post("/admin/sign-in?code=x", data={"email": "a", "password": "b"})

    assert answer.status_code == 400


def test_browser_with_cookies_is_given_no_code(app: Flask, home: str) -> None:
    visitor = Visitor(app)

    assert visitor.post(f"{home}code").status_code == 403


def test_page_that_was_refused_looks_for_its_token(browser: FlaskClient, home: str) -> None:
    assert "recover.js" in browser.get(home).text


def test_page_that_is_not_there_does_not_try_for_ever(
    engine: Engine, browser: FlaskClient, home: str, session: Session
) -> None:
    code = {"code": engine.sessions.issue_handoff(session.id)}

    answer = browser.get(f"{home}quiz/nothing/", query_string=code)

    assert answer.status_code == 404
    assert "recover.js" not in answer.text
