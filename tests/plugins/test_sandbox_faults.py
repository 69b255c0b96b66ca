"""The sandbox told to misbehave, and what it notes down."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from mentorai.core.errors import InputRejected
from mentorai.plugins.sandbox.faults import ENDPOINTS
from tests.fakes.platforms import running_sandbox
from tests.fakes.sandbox_client import SandboxClient, read_form, sandbox_client


@pytest.fixture
def sandbox() -> Iterator[SandboxClient]:
    with sandbox_client() as client:
        yield client


def ask(sandbox: SandboxClient, **fault: Any) -> str:
    answer = sandbox.post("/control/faults", json=fault)
    assert answer.status_code == 201
    made: str = answer.get_json()["id"]
    return made


def test_fault_lasts_as_often_as_was_asked(sandbox: SandboxClient) -> None:
    ask(sandbox, endpoint="jwks", kind="status", status=503, times=2)

    assert [sandbox.get("/lti/jwks.json").status_code for _ in range(3)] == [503, 503, 200]


def test_fault_lasts_until_it_is_cleared(sandbox: SandboxClient) -> None:
    fault = ask(sandbox, endpoint="jwks", kind="status", status=500)
    before = [sandbox.get("/lti/jwks.json").status_code for _ in range(3)]

    sandbox.call("DELETE", f"/control/faults/{fault}")

    assert before == [500, 500, 500]
    assert sandbox.get("/lti/jwks.json").status_code == 200


def test_all_faults_are_cleared_at_once(sandbox: SandboxClient) -> None:
    ask(sandbox, endpoint="*", kind="status")
    ask(sandbox, endpoint="jwks", kind="garbage")

    sandbox.call("DELETE", "/control/faults")

    assert sandbox.get("/control/state").get_json()["faults"] == []


def test_fault_of_one_endpoint_leaves_the_others_alone(sandbox: SandboxClient) -> None:
    ask(sandbox, endpoint="scores", kind="status", status=500)

    assert sandbox.get("/lti/jwks.json").status_code == 200


@pytest.mark.parametrize(
    ("endpoint", "path"),
    [
        ("auth", "/lti/auth"),
        ("jwks", "/lti/jwks.json"),
        ("line_items", "/lti/courses/c/line_items"),
        ("line_item", "/lti/courses/c/line_items/l"),
        ("results", "/lti/courses/c/line_items/l/results"),
        ("members", "/lti/courses/c/members"),
    ],
)
def test_every_endpoint_that_is_read_can_fail(
    sandbox: SandboxClient, endpoint: str, path: str
) -> None:
    ask(sandbox, endpoint=endpoint, kind="status", status=418)

    assert sandbox.get(path).status_code == 418


@pytest.mark.parametrize(
    ("endpoint", "path"),
    [
        ("token", "/lti/token"),
        ("scores", "/lti/courses/c/line_items/l/scores"),
        ("deep_link", "/lti/deep-links/d"),
    ],
)
def test_every_endpoint_that_is_written_can_fail(
    sandbox: SandboxClient, endpoint: str, path: str
) -> None:
    ask(sandbox, endpoint=endpoint, kind="status", status=418)

    assert sandbox.post(path).status_code == 418


def test_throttled_answer_says_when_to_come_back(sandbox: SandboxClient) -> None:
    ask(sandbox, endpoint="scores", kind="status", status=429, retry_after=7)

    answer = sandbox.push(sandbox.bearer())

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert sandbox.platform.scores == []


def test_slow_answer_comes_late_and_whole(sandbox: SandboxClient) -> None:
    ask(sandbox, endpoint="jwks", kind="slow", seconds=0.2)
    began = time.monotonic()

    answer = sandbox.get("/lti/jwks.json")

    assert time.monotonic() - began >= 0.2
    assert answer.status_code == 200


def test_failure_after_the_work_keeps_the_score(sandbox: SandboxClient) -> None:
    ask(sandbox, endpoint="scores", kind="status", status=500, after=True)

    answer = sandbox.push(sandbox.bearer())

    assert answer.status_code == 500
    assert len(sandbox.platform.scores) == 1


def test_wrong_media_type_leaves_the_body(sandbox: SandboxClient) -> None:
    ask(sandbox, endpoint="token", kind="media_type")

    answer = sandbox.ask_token()

    assert answer.mimetype == "text/html"
    assert b"access_token" in answer.data


def test_garbage_is_a_page_where_none_was_asked_for(sandbox: SandboxClient) -> None:
    ask(sandbox, endpoint="jwks", kind="garbage")

    answer = sandbox.get("/lti/jwks.json")

    assert (answer.status_code, answer.mimetype) == (200, "text/html")


def test_gateway_answers_with_a_page(sandbox: SandboxClient) -> None:
    ask(sandbox, endpoint="token", kind="page", status=503)

    answer = sandbox.ask_token()

    assert (answer.status_code, answer.mimetype) == (503, "text/html")


def test_auth_endpoint_posts_the_error_it_was_told(sandbox: SandboxClient) -> None:
    ask(sandbox, endpoint="auth", kind="error", error="login_required")

    form = read_form(sandbox.authenticate(sandbox.begin()))

    assert form.fields["error"] == "login_required"
    assert form.fields["state"] == "the state"


def test_half_an_answer_is_all_that_comes_when_the_connection_is_closed_within() -> None:
    with running_sandbox() as sandbox:
        sandbox.faults.add("jwks", "half", times=1)

        with pytest.raises(requests.RequestException):
            requests.get(f"{sandbox.url}/lti/jwks.json", timeout=10)


def test_dropped_connection_gives_no_answer() -> None:
    with running_sandbox() as sandbox:
        sandbox.faults.add("jwks", "drop", times=1)

        with pytest.raises(requests.ConnectionError):
            requests.get(f"{sandbox.url}/lti/jwks.json", timeout=10)

        assert requests.get(f"{sandbox.url}/lti/jwks.json", timeout=10).ok
        assert [seen.status for seen in sandbox.platform.requests] == [0, 200]


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"endpoint": "jwks"},
        {"endpoint": "nowhere", "kind": "slow"},
        {"endpoint": ["jwks"], "kind": {}},
        {"endpoint": "jwks", "kind": "explode"},
        {"endpoint": "jwks", "kind": "slow", "seconds": -1},
        {"endpoint": "jwks", "kind": "slow", "seconds": "2"},
        {"endpoint": "jwks", "kind": "slow", "seconds": 1e9},
        {"endpoint": "jwks", "kind": "status", "status": 200},
        {"endpoint": "jwks", "kind": "status", "status": True},
        {"endpoint": "jwks", "kind": "status", "times": 0},
        {"endpoint": "jwks", "kind": "status", "id": "mine"},
        {"endpoint": "jwks", "kind": "status", "colour": "red"},
    ],
    ids=str,
)
def test_fault_is_refused_when_the_sandbox_cannot_do_it(
    sandbox: SandboxClient, fault: dict[str, Any]
) -> None:
    answer = sandbox.post("/control/faults", json=fault)

    assert answer.status_code == 422
    assert answer.get_json()["errors"]


def test_fault_in_python_is_refused_alike(sandbox: SandboxClient) -> None:
    with pytest.raises(InputRejected):
        sandbox.platform.faults.add("jwks", "status", status=200)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7"])
def test_control_takes_one_json_object(sandbox: SandboxClient, body: bytes) -> None:
    answer = sandbox.post("/control/faults", data=body, content_type="application/json")

    assert answer.status_code == 422


def test_unknown_fault_cannot_be_cleared(sandbox: SandboxClient) -> None:
    assert sandbox.call("DELETE", "/control/faults/x").status_code == 404


def test_habits_are_changed_one_by_one(sandbox: SandboxClient) -> None:
    sandbox.call("PATCH", "/control/behaviour", json={"line_item_query": True})
    answer = sandbox.call("PATCH", "/control/behaviour", json={"clock_offset_seconds": 90})

    assert answer.get_json()["line_item_query"] is True
    assert answer.get_json()["clock_offset_seconds"] == 90


@pytest.mark.parametrize(
    "habit", [{"login_by": "fax"}, {"clock_offset_seconds": "1"}, {"page_size": 0}, {"mood": 1}]
)
def test_unknown_habit_is_refused(sandbox: SandboxClient, habit: dict[str, Any]) -> None:
    assert sandbox.call("PATCH", "/control/behaviour", json=habit).status_code == 422


def test_key_is_rotated_on_request(sandbox: SandboxClient) -> None:
    kid = sandbox.post("/control/keys", json={"withdraw_old": True}).get_json()["kid"]

    state = sandbox.get("/control/state").get_json()
    assert (state["signing_kid"], state["published_kids"]) == (kid, [kid])


def test_key_may_sign_without_being_published(sandbox: SandboxClient) -> None:
    kid = sandbox.post("/control/keys", json={"publish": False}).get_json()["kid"]

    state = sandbox.get("/control/state").get_json()
    assert state["signing_kid"] == kid
    assert kid not in state["published_kids"]


def test_requests_are_noted_in_order_without_their_secrets(sandbox: SandboxClient) -> None:
    bearer = sandbox.bearer()
    sandbox.push(bearer)

    seen = sandbox.get("/control/requests")

    facts = [(r["endpoint"], r["method"], r["status"]) for r in seen.get_json()["requests"]]
    assert facts == [("token", "POST", 200), ("scores", "POST", 200)]
    assert bearer["Authorization"].split()[1] not in seen.text


def test_requests_are_forgotten_on_request(sandbox: SandboxClient) -> None:
    sandbox.get("/lti/jwks.json")
    sandbox.call("DELETE", "/control/requests")

    assert sandbox.get("/control/requests").get_json() == {"requests": []}


def test_scores_are_shown_as_they_were_sent(sandbox: SandboxClient) -> None:
    sandbox.push(sandbox.bearer(), comment="Good.")

    (score,) = sandbox.get("/control/scores").get_json()["scores"]
    (result,) = sandbox.get("/control/gradebook").get_json()["results"]

    assert score["body"]["comment"] == "Good."
    assert result["given"] == 8


def test_page_adds_a_fault(sandbox: SandboxClient) -> None:
    form = {"action": "fault", "endpoint": "scores", "kind": "status", "status": "503", "times": ""}

    answer = sandbox.post("/control/", data=form)

    (fault,) = sandbox.platform.faults.list()
    assert answer.status_code == 303
    assert (fault.endpoint, fault.status, fault.times) == ("scores", 503, None)
    assert "503" in sandbox.get("/control/").text


def test_page_changes_habits(sandbox: SandboxClient) -> None:
    score = "https://purl.imsglobal.org/spec/lti-ags/scope/score"
    form = {"action": "behave", "clock_offset_seconds": "-90.5", "lose_cookies": "on"}
    form |= {f"withheld {score}": "on", "deployment": "7:elsewhere"}
    sandbox.post("/control/", data=form)

    assert sandbox.platform.behaviour.clock_offset_seconds == -90.5
    assert sandbox.platform.behaviour.lose_cookies
    assert sandbox.platform.behaviour.withheld_scopes == [score]
    assert sandbox.platform.deployment_id == "7:elsewhere"


@pytest.mark.parametrize(
    "form",
    [
        {"action": "fault", "endpoint": "scores", "kind": "status", "status": "x"},
        {"action": "behave", "clock_offset_seconds": "nan"},
        {"action": "behave", "login_by": "fax"},
    ],
)
def test_page_refuses_what_cannot_be_done(sandbox: SandboxClient, form: dict[str, str]) -> None:
    assert sandbox.post("/control/", data=form).status_code == 422


def test_another_site_cannot_give_orders(sandbox: SandboxClient) -> None:
    header = {"Sec-Fetch-Site": "cross-site"}

    answer = sandbox.post("/control/", data={"action": "clear"}, headers=header)

    assert answer.status_code == 403


def test_every_endpoint_is_named_once() -> None:
    assert len(set(ENDPOINTS)) == len(ENDPOINTS)
