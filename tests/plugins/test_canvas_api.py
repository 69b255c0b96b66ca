"""Canvas' own API over the wire: signing in, tokens, refusals, pages and its bucket of calls."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import responses
import time_machine

from mentorai.core.clock import now
from mentorai.core.connections import Connections
from mentorai.core.engine import Engine
from mentorai.core.errors import (
    PlatformRefused,
    PlatformReplyInvalid,
    PlatformThrottled,
    PlatformUnavailable,
    ScopeNotGranted,
    SignInNeeded,
)
from mentorai.lti import budgets
from mentorai.plugins import canvas as canvas_plugin
from mentorai.plugins.canvas.api_client import CanvasApi
from mentorai.plugins.canvas.api_tokens import SCOPES, CanvasTokens
from mentorai.plugins.sandbox.personalities.canvas_oauth import DeveloperKey
from mentorai.plugins.sandbox.wire import Refused
from mentorai.web.app import create_app
from tests.fakes.canvas import connect, platform_of, register_canvas, running_canvas, sign_in

UPDATE = "url:POST|/api/v1/courses/:course_id/assignments/:assignment_id/submissions/update_grades"


@pytest.fixture(scope="module")
def running():
    with running_canvas() as running:
        yield running


@pytest.fixture
def canvas(running):
    """A Canvas as it was at first."""
    running.api.oauth.key = DeveloperKey()
    running.api.oauth.revoke()
    running.api.oauth.renewals = 0
    running.api.left, running.api.page_size, running.api.may_grade = 600.0, 100, True
    running.api.calls.clear()
    return running


@pytest.fixture
def engine(settings):
    engine = Engine.open(settings, plugins=[("canvas", canvas_plugin)])
    yield engine
    engine.close()


@pytest.fixture
def registration(engine, canvas):
    return register_canvas(engine, canvas)


@pytest.fixture
def connection(engine, canvas, registration):
    return connect(engine, canvas, registration)


@pytest.fixture
def signed_in(engine, canvas, connection):
    return sign_in(engine, canvas, connection)


@pytest.fixture
def api(engine, signed_in):
    return CanvasApi(engine, signed_in)


@pytest.fixture
def state(engine, connection):
    return lambda: engine.room(Connections).get(connection.organization_id, connection.id)


@pytest.fixture
def browser(engine):
    """Campus IT, signed in to the admin."""
    code = engine.admins.issue_setup_code()
    admin = engine.admins.take_setup_code(code, "it@campus.edu", "correct horse battery")
    client = create_app(engine).test_client()
    with client.session_transaction() as kept:
        kept["admin_id"], kept["admin_stamp"] = admin.id, admin.stamp
        kept["admin_at"] = int(now().timestamp())
    return client


def begin(browser, connection):
    """The query of the address at Canvas where the browser is sent."""
    answer = browser.get(f"/connections/canvas_api/{connection.id}/sign-in")
    assert answer.status_code == 303
    return {name: each[0] for name, each in parse_qs(urlsplit(answer.location).query).items()}


def come_back(browser, address):
    return browser.get("/connections/canvas_api/callback?" + urlsplit(address).query)


def test_form_gives_what_the_developer_key_needs(engine, registration):
    (form,) = engine.room(Connections).list_forms(platform_of(registration))

    given = dict(form.gives)
    assert given["Redirect URIs"].endswith("/connections/canvas_api/callback")
    assert given["Enforce Scopes"].split("\n") == list(SCOPES)
    assert [field.name for field in form.fields if field.is_secret] == ["secret"]


def test_it_signs_in_and_the_connection_works(engine, canvas, registration, connection, browser):
    address = canvas.api.oauth.begin(begin(browser, connection))

    page = come_back(browser, address)

    assert "as Ruth Adeyemi" in page.text
    report = engine.room(Connections).check(platform_of(registration), connection)
    assert report.account_name == "Ruth Adeyemi"
    assert [ability.is_allowed for ability in report.abilities] == [True, True]


def test_sign_in_asks_for_its_scopes_and_no_more(browser, connection):
    assert begin(browser, connection)["scope"].split() == list(SCOPES)


def test_sign_in_wants_campus_it(engine, connection):
    answer = (
        create_app(engine).test_client().get(f"/connections/canvas_api/{connection.id}/sign-in")
    )

    assert (answer.status_code, answer.location) == (303, "/admin/sign-in")


@pytest.mark.parametrize("connection_id", ["0", "a" * 36, "%00"])
def test_sign_in_is_not_found_when_there_is_no_such_connection(browser, connection_id):
    assert browser.get(f"/connections/canvas_api/{connection_id}/sign-in").status_code == 404


def test_state_is_good_once_and_in_its_own_browser(engine, canvas, connection, browser):
    address = canvas.api.oauth.begin(begin(browser, connection))
    stranger = create_app(engine).test_client()

    assert come_back(stranger, address).status_code == 403
    assert come_back(browser, address).status_code == 200
    assert come_back(browser, address).status_code == 403


def test_state_is_of_no_use_after_ten_minutes(canvas, connection, browser):
    address = canvas.api.oauth.begin(begin(browser, connection))

    with time_machine.travel(now() + timedelta(minutes=11)):
        assert come_back(browser, address).status_code == 403


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("access_denied", "declined in Canvas"),
        ("invalid_scope", "lacks a scope"),
        ("<b>unknown</b>", "without what was asked for"),
    ],
)
def test_error_of_canvas_is_explained_and_kept(canvas, connection, browser, state, error, words):
    canvas.api.oauth.key.declines = error

    page = come_back(browser, canvas.api.oauth.begin(begin(browser, connection)))

    assert page.status_code == 502
    assert words in page.text
    assert words in state().reason
    assert "<b>unknown" not in page.text


def test_canvas_takes_back_its_tokens_when_the_connection_is_deleted(engine, canvas, signed_in):
    connections = engine.room(Connections)
    kept = connections.open_tokens(signed_in)

    assert connections.revoke(signed_in) is True
    with pytest.raises(Refused):
        canvas.api.oauth.check(f"Bearer {kept.access_token}", SCOPES[0])
    # A second time there is nothing left, and no harm.
    assert connections.revoke(signed_in) is False


def test_code_is_not_taken_twice(engine, connection, state):
    with pytest.raises(SignInNeeded):
        engine.room(Connections).finish(connection, {"code": "used before"}, "")

    assert state().state == "needs_sign_in"


def test_wrong_secret_is_said_to_be_one(engine, canvas, connection, state):
    canvas.api.oauth.key.secret = "another"

    with pytest.raises(PlatformRefused, match="API key or its secret"):
        engine.room(CanvasTokens).finish(connection, {"code": "any"})

    assert state().state == "refused"


def test_token_is_renewed_when_it_is_too_old(canvas, api):
    with time_machine.travel(now() + timedelta(hours=2)):
        assert api.get("/api/v1/users/self").status == 200

    assert canvas.api.oauth.renewals == 1


def test_token_is_renewed_once_when_canvas_does_not_take_it(canvas, api):
    canvas.api.oauth.expire()

    assert api.get("/api/v1/users/self").status == 200
    assert api.get("/api/v1/users/self").status == 200
    assert canvas.api.oauth.renewals == 1


def test_one_of_many_renews_a_token(canvas, engine, signed_in):
    canvas.api.oauth.expire()

    def call(_):
        return CanvasApi(engine, signed_in).get("/api/v1/users/self").status

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(call, range(4))) == {200}
    assert canvas.api.oauth.renewals == 1


def test_refresh_token_that_is_gone_wants_a_person_and_is_not_tried_again(
    engine, canvas, registration, api, state
):
    canvas.api.oauth.revoke()

    with pytest.raises(SignInNeeded):
        api.get("/api/v1/users/self")

    assert (state().state, "signs in again" in state().reason) == ("needs_sign_in", True)
    assert CanvasApi.find(engine, platform_of(registration)) is None


def test_permission_is_told_apart_from_a_token(canvas, api, state):
    canvas.api.may_grade = False

    reply = api.post("/api/v1/courses/101/assignments/501/submissions/update_grades", ())

    assert reply.status == 403
    assert canvas.api.oauth.renewals == 0
    assert state().state == "ready"


def test_scope_that_is_missing_is_named_with_its_screen(
    engine, canvas, registration, connection, signed_in, state
):
    canvas.api.oauth.key.scopes = set(SCOPES)
    sign_in(engine, canvas, connection)
    canvas.api.oauth.key.scopes = set(SCOPES) - {UPDATE}

    report = engine.room(Connections).check(platform_of(registration), connection)

    grades, sections = report.abilities
    assert (grades.is_allowed, grades.missing, sections.is_allowed) == (False, UPDATE, True)
    assert "Enforce Scopes" in grades.screen
    assert UPDATE in state().reason
    with pytest.raises(ScopeNotGranted, match="update_grades"):
        CanvasApi(engine, connection).post(
            "/api/v1/courses/101/assignments/501/submissions/update_grades", ()
        )


def test_pages_are_followed_as_they_are_named(canvas, api):
    canvas.api.page_size = 2

    rows = list(api.read_pages("/api/v1/courses/101/enrollments", (), "the enrolments"))

    assert len({row["user_id"] for row in rows}) == len(rows) == 5
    assert canvas.api.calls == ["enrollments"] * 3


def test_token_goes_to_no_other_host(api):
    with pytest.raises(PlatformRefused):
        api.send("GET", "https://elsewhere.example/api/v1/users/self")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"body": "[]", "headers": {"Link": '<{url}>; rel="next"'}}, PlatformReplyInvalid),
        ({"body": '{"not": "a list"}'}, PlatformReplyInvalid),
        ({"body": "<html>"}, PlatformReplyInvalid),
        ({"body": "[]", "headers": {"Link": '<https://x.example/>; rel="next"'}}, PlatformRefused),
        ({"status": 500, "body": "{}"}, PlatformUnavailable),
        ({"status": 429, "body": ""}, PlatformThrottled),
        ({"status": 403, "body": "403 Forbidden (Rate Limit Exceeded)"}, PlatformThrottled),
        ({"status": 403, "body": "{}"}, PlatformRefused),
        ({"status": 404, "body": "{}"}, PlatformRefused),
    ],
)
def test_list_ends_with_an_error_when_its_answer_is_none(api, signed_in, answer, error):
    url = f"{signed_in.base_url}/api/v1/courses/101/enrollments"
    answer = {n: str(v).replace("{url}", url) if n == "body" else v for n, v in answer.items()}
    headers = {n: v.replace("{url}", url) for n, v in answer.pop("headers", {}).items()}
    with responses.RequestsMock() as wire:
        wire.get(url, headers=headers, **answer)

        with pytest.raises(error):
            list(api.read_pages("/api/v1/courses/101/enrollments", (), "the enrolments"))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"status": 503, "body": "down"}, PlatformUnavailable),
        ({"status": 403, "body": "403 Forbidden (Rate Limit Exceeded)"}, PlatformThrottled),
        ({"status": 200, "body": "<html>"}, PlatformReplyInvalid),
        ({"status": 200, "body": "[]"}, PlatformReplyInvalid),
        ({"status": 200, "body": "{}"}, PlatformReplyInvalid),
        ({"status": 200, "json": {"access_token": "a\nb"}}, PlatformReplyInvalid),
        ({"status": 400, "json": {"error": "invalid_grant"}}, SignInNeeded),
    ],
)
def test_renewal_fails_as_what_it_is(api, canvas, signed_in, state, answer, error):
    canvas.api.oauth.expire()
    with time_machine.travel(now() + timedelta(hours=2)), responses.RequestsMock() as wire:
        wire.post(f"{signed_in.base_url}/login/oauth2/token", **answer)

        with pytest.raises(error):
            api.get("/api/v1/users/self")

    assert (state().state == "ready") == (error is not SignInNeeded)


def test_calls_wait_before_the_bucket_is_full_whoever_filled_it(
    api, canvas, engine, settings, registration, monkeypatch
):
    monkeypatch.setattr(budgets, "TURN_SECONDS", 0.1)
    other = Engine.open(settings, plugins=[("canvas", canvas_plugin)])
    canvas.api.left = 70.0
    api.get("/api/v1/users/self")
    canvas.api.calls.clear()

    with pytest.raises(PlatformThrottled) as caught:
        CanvasApi.find(other, platform_of(registration)).get("/api/v1/users/self")
    other.close()

    # It wants room for itself and one more, of 50 each.
    assert caught.value.retry_after_seconds == pytest.approx(3, abs=0.5)
    assert canvas.api.calls == []


def test_full_bucket_is_a_throttle_and_nothing_is_lost(canvas, api):
    canvas.api.left = 0.0

    with pytest.raises(PlatformThrottled) as caught:
        api.get("/api/v1/users/self")

    assert caught.value.retry_after_seconds
