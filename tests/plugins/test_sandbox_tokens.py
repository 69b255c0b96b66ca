"""Access tokens of the sandbox: RFC 7523, 1EdTech Security Framework 4.1."""

import hmac
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import responses
import time_machine
from joserfc import jwt

from mentorai.core.clock import now
from mentorai.plugins.sandbox.oidc import LINE_ITEM_READ, SCORE
from tests.fakes.sandbox_client import COURSE, SandboxClient, sandbox_client


@pytest.fixture
def sandbox() -> Iterator[SandboxClient]:
    with sandbox_client() as client:
        yield client


def test_token_is_given_for_the_scopes_asked_for(sandbox: SandboxClient) -> None:
    answer = sandbox.ask_token(scope=f"{SCORE} {LINE_ITEM_READ}")

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.get_json()["token_type"] == "Bearer"
    assert answer.get_json()["expires_in"] == 3600
    assert answer.get_json()["scope"] == f"{SCORE} {LINE_ITEM_READ}"


def test_unknown_scopes_are_left_out_of_the_token(sandbox: SandboxClient) -> None:
    answer = sandbox.ask_token(scope=f"{SCORE} https://example.org/everything")

    assert answer.get_json()["scope"] == SCORE


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": None}, 400, "unsupported_grant_type"),
        ({"client_assertion_type": "jwt"}, 400, "invalid_request"),
        ({"client_assertion": None}, 401, "invalid_client"),
        ({"client_assertion": "x.y.z"}, 401, "invalid_client"),
        ({"scope": "https://example.org/everything"}, 400, "invalid_scope"),
        ({"scope": None}, 400, "invalid_scope"),
    ],
)
def test_wrong_request_is_an_oauth_error(
    sandbox: SandboxClient, changes: dict[str, str | None], status: int, error: str
) -> None:
    answer = sandbox.ask_token(**changes)

    assert (answer.status_code, answer.get_json()["error"]) == (status, error)


def _at(seconds: float) -> int:
    return int(time.time() + seconds)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "another"},
        {"iss": None},
        {"sub": "another"},
        {"aud": "http://127.0.0.1:8001"},
        {"aud": None},
        {"exp": None},
        {"exp": -60},
        {"iat": None},
        {"iat": 300},
        {"exp": 86_400},
        {"jti": None},
        {"jti": 7},
        {"exp": float("nan")},
        {"exp": "soon"},
    ],
    ids=str,
)
def test_assertion_is_refused_when_a_claim_is_wrong(
    sandbox: SandboxClient, claims: dict[str, Any]
) -> None:
    moved = {
        name: _at(value) if name in ("iat", "exp") and isinstance(value, int) else value
        for name, value in claims.items()
    }

    answer = sandbox.ask_token(client_assertion=sandbox.tool.assertion(**moved))

    assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_client")


def test_assertion_may_name_several_audiences(sandbox: SandboxClient) -> None:
    audience = ["https://example.org", sandbox.options.token_url]

    answer = sandbox.ask_token(client_assertion=sandbox.tool.assertion(aud=audience))

    assert answer.status_code == 200


def test_assertion_is_taken_once(sandbox: SandboxClient) -> None:
    assertion = sandbox.tool.assertion()
    sandbox.ask_token(client_assertion=assertion)

    assert sandbox.ask_token(client_assertion=assertion).status_code == 401


def test_assertion_is_refused_when_signed_with_the_public_key_as_a_secret(
    sandbox: SandboxClient,
) -> None:
    body = sandbox.tool.assertion().split(".")[1]
    header = urlsafe_b64encode(b'{"alg":"HS256","kid":"%s"}' % sandbox.tool.key.kid.encode())
    signed = header.rstrip(b"=") + b"." + body.encode()
    mac = hmac.digest(sandbox.tool.key.as_pem(private=False), signed, "sha256")
    forged = (signed + b"." + urlsafe_b64encode(mac).rstrip(b"=")).decode()

    assert sandbox.ask_token(client_assertion=forged).status_code == 401


def test_assertion_is_refused_when_it_names_no_kid(sandbox: SandboxClient) -> None:
    claims = jwt.decode(sandbox.tool.assertion(), sandbox.tool.key).claims

    answer = sandbox.ask_token(client_assertion=sandbox.tool.sign(claims, kid=None))

    assert answer.status_code == 401


def test_tool_keys_are_fetched_again_when_a_kid_is_unknown(sandbox: SandboxClient) -> None:
    sandbox.bearer()
    sandbox.tool.rotate()
    sandbox.serve_keys()

    assert sandbox.ask_token().status_code == 200


def test_tool_keys_are_fetched_once_for_many_tokens(sandbox: SandboxClient) -> None:
    for _ in range(3):
        sandbox.bearer()

    assert sandbox.wire.assert_call_count(sandbox.options.tool_keyset_url, 1)


@pytest.mark.parametrize(
    "broken",
    [{"status": 500}, {"body": "<html>"}, {"json": []}, {"json": {"keys": 3}}, {"json": {}}],
    ids=str,
)
def test_token_is_refused_when_the_tool_publishes_no_keys(
    sandbox: SandboxClient, broken: dict[str, Any]
) -> None:
    sandbox.wire.upsert(responses.GET, sandbox.options.tool_keyset_url, **broken)

    assert sandbox.ask_token().get_json()["error"] == "invalid_client"


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer x"}, {"Authorization": "x"}])
def test_service_is_closed_without_a_token(sandbox: SandboxClient, header: dict[str, str]) -> None:
    answer = sandbox.get(f"{COURSE}/line_items", headers=header)

    assert answer.status_code == 401
    assert "invalid_token" in answer.headers["WWW-Authenticate"]


def test_service_is_closed_when_the_token_has_expired(sandbox: SandboxClient) -> None:
    header = sandbox.bearer()

    with time_machine.travel(now() + timedelta(seconds=3601)):
        answer = sandbox.get(f"{COURSE}/line_items", headers=header)

    assert answer.status_code == 401


def test_service_is_closed_when_tokens_were_revoked(sandbox: SandboxClient) -> None:
    header = sandbox.bearer()
    sandbox.call("DELETE", "/control/tokens")

    assert sandbox.get(f"{COURSE}/line_items", headers=header).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", f"{COURSE}/line_items", SCORE),
        ("POST", f"{COURSE}/line_items", LINE_ITEM_READ),
        ("PUT", f"{COURSE}/line_items/x", LINE_ITEM_READ),
        ("DELETE", f"{COURSE}/line_items/x", LINE_ITEM_READ),
        ("POST", f"{COURSE}/line_items/x/scores", LINE_ITEM_READ),
        ("GET", f"{COURSE}/line_items/x/results", SCORE),
        ("GET", f"{COURSE}/members", SCORE),
    ],
)
def test_service_is_closed_to_a_token_of_another_scope(
    sandbox: SandboxClient, method: str, path: str, scope: str
) -> None:
    answer = sandbox.call(method, path, headers=sandbox.bearer(scope))

    assert answer.status_code == 403
    assert "insufficient_scope" in answer.headers["WWW-Authenticate"]
