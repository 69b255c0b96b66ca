"""The certification suite's bad launches, and ours beyond it: refused, explained, nothing used up.

Names as in the LTI Advantage Conformance Certification Guide 1.3, section 6.
"""

import base64
import hmac
import json
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey

from mentorai.core.errors import (
    ClaimMissing,
    LaunchRejected,
    MessageUnsupported,
    TokenExpired,
    TokenInvalid,
    TokenOutOfTime,
    UnknownDeployment,
    UnknownRegistration,
)

CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"


@dataclass(frozen=True)
class After:
    """A time so many seconds from when the test runs."""

    seconds: int


def encode(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def refuse(launcher: Any, token: Any, kind: type[LaunchRejected]) -> LaunchRejected:
    """Post the token; it is refused with `kind`, and the ticket is as good as before."""
    asked = launcher.begin()
    with pytest.raises(kind) as caught:
        launcher.finish(asked, token(asked["nonce"]) if callable(token) else token)

    good = launcher.platform.sign(launcher.platform.claims(asked["nonce"]))
    assert launcher.finish(asked, good).bound
    return caught.value


@pytest.mark.parametrize(
    ("header", "says"),
    [
        pytest.param({"kid": None}, "kid", id="B1 no kid in header"),
        pytest.param({"kid": ""}, "kid", id="B1 empty kid"),
        pytest.param({"kid": "wrong"}, "kid", id="B2 wrong kid"),
        pytest.param({"crit": ["exp"], "exp": 1}, "crit", id="crit"),
        pytest.param({"alg": "RS384"}, "alg", id="alg its key is not meant for"),
    ],
)
def test_launch_is_refused_for_its_header(launcher: Any, header: dict[str, Any], says: str) -> None:
    def token(nonce: str) -> str:
        claims = launcher.platform.claims(nonce)
        crit = header.pop("crit", None)
        if crit is None:
            return str(launcher.platform.sign(claims, header=header))
        head = {"alg": "RS256", "kid": "k1", "crit": crit, "exp": 1}
        parts = launcher.platform.sign(claims).split(".")
        return ".".join([encode(json.dumps(head).encode()), *parts[1:]])

    assert says in refuse(launcher, token, TokenInvalid).message


@pytest.mark.parametrize(
    ("changes", "kind", "says"),
    [
        pytest.param({"version": "1.2"}, MessageUnsupported, "version", id="B3 wrong version"),
        pytest.param({"version": "11.3"}, MessageUnsupported, "version", id="B3 other version"),
        pytest.param({"version": None}, ClaimMissing, "version", id="B4 no version"),
        pytest.param({"iss": None}, ClaimMissing, "iss", id="B6 no iss"),
        pytest.param({"aud": None}, ClaimMissing, "aud", id="B6 no aud"),
        pytest.param({"aud": []}, ClaimMissing, "aud", id="B6 empty aud"),
        pytest.param({"nonce": None}, ClaimMissing, "nonce", id="B6 no nonce"),
        pytest.param({"exp": None}, ClaimMissing, "exp", id="B6 no exp"),
        pytest.param({"iat": None}, ClaimMissing, "iat", id="B6 no iat"),
        pytest.param({"target_link_uri": None}, ClaimMissing, "target_link_uri", id="B6 target"),
        pytest.param({"exp": 11, "iat": 10}, TokenExpired, "iat", id="B7 tiny times"),
        pytest.param({"exp": After(-90), "iat": After(-120)}, TokenExpired, "exp", id="B7 expired"),
        pytest.param(
            {"iat": After(300), "exp": After(360)}, TokenOutOfTime, "ahead", id="B7 future"
        ),
        pytest.param(
            {"exp": After(-5), "iat": After(0)}, TokenInvalid, "exp", id="B7 exp before iat"
        ),
        pytest.param({"iat": After(-4_000)}, TokenExpired, "iat", id="too old"),
        pytest.param({"exp": After(315_360_000)}, TokenInvalid, "exp", id="ten years"),
        pytest.param({"exp": "soon"}, TokenInvalid, "exp", id="exp is text"),
        pytest.param({"exp": True}, TokenInvalid, "exp", id="exp is true"),
        pytest.param({"exp": 10**400}, TokenInvalid, "exp", id="exp is huge"),
        pytest.param({"nbf": After(600)}, TokenOutOfTime, "nbf", id="not valid yet"),
        pytest.param({"message_type": None}, ClaimMissing, "message_type", id="B8 message_type"),
        pytest.param({"message_type": "LtiStartProctoring"}, MessageUnsupported, "", id="B8 other"),
        pytest.param({"roles": None}, ClaimMissing, "roles", id="B9 no roles"),
        pytest.param({"roles": "Instructor"}, TokenInvalid, "roles", id="roles is a text"),
        pytest.param({"roles": [None]}, TokenInvalid, "roles", id="roles of nothing"),
        pytest.param({"deployment_id": None}, ClaimMissing, "deployment_id", id="B10 deployment"),
        pytest.param({"deployment_id": "99"}, UnknownDeployment, "", id="unknown deployment"),
        pytest.param({"deployment_id": 1}, TokenInvalid, "deployment_id", id="int deployment"),
        pytest.param({"resource_link": None}, ClaimMissing, "resource_link", id="B11 no link"),
        pytest.param({"resource_link": {}}, ClaimMissing, "resource_link", id="B11 empty link"),
        pytest.param({"resource_link": {"title": "x"}}, ClaimMissing, "id", id="B11 no link id"),
        pytest.param({"resource_link": "17"}, TokenInvalid, "resource_link", id="link is a text"),
        pytest.param({"context": {"title": "x"}}, ClaimMissing, "id", id="context without id"),
        pytest.param({"custom": "x"}, TokenInvalid, "custom", id="custom is a text"),
        pytest.param({"sub": ""}, TokenInvalid, "sub", id="B12 empty sub"),
        pytest.param({"sub": ["6"]}, TokenInvalid, "sub", id="B12 sub is a list"),
        pytest.param({"sub": "x" * 256}, TokenInvalid, "sub", id="long sub"),
        pytest.param({"sub": 10**300}, TokenInvalid, "sub", id="huge int sub"),
        pytest.param({"iss": "https://evil.example.edu"}, UnknownRegistration, "", id="other iss"),
        pytest.param({"aud": "someone-else"}, UnknownRegistration, "", id="other aud"),
        pytest.param({"aud": {"x": 1}}, TokenInvalid, "aud", id="aud is an object"),
        pytest.param({"aud": [1, 2]}, TokenInvalid, "aud", id="aud of numbers"),
        pytest.param({"aud": ["mentor-tool", "x"]}, TokenInvalid, "azp", id="two aud, no azp"),
        pytest.param({"azp": "someone-else"}, TokenInvalid, "azp", id="azp of another"),
        pytest.param(
            {"aud": ["mentor-tool", "x"], "azp": "x"}, UnknownRegistration, "", id="azp not us"
        ),
        pytest.param(
            {"target_link_uri": "https://evil.example.edu/lti/launch"},
            TokenInvalid,
            "target_link_uri",
            id="target elsewhere",
        ),
        pytest.param(
            {"target_link_uri": "http://localhost:8000@evil.example.edu/"},
            TokenInvalid,
            "target_link_uri",
            id="target with a name in it",
        ),
        pytest.param(
            {"target_link_uri": "javascript:alert(1)"},
            TokenInvalid,
            "target_link_uri",
            id="target is a script",
        ),
        pytest.param({"target_link_uri": 7}, TokenInvalid, "target_link_uri", id="target is 7"),
    ],
)
def test_launch_is_refused_for_its_claims(
    launcher: Any, changes: dict[str, Any], kind: type[LaunchRejected], says: str
) -> None:
    moment = int(time.time())

    def token(nonce: str) -> str:
        given = {
            name: moment + value.seconds if isinstance(value, After) else value
            for name, value in changes.items()
        }
        return str(launcher.platform.sign(launcher.platform.claims(nonce, **given)))

    error = refuse(launcher, token, kind)

    assert type(error) is kind
    assert says in error.message
    assert error.clause or kind is UnknownRegistration


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b'{"name": "nobody"}', id="B5 one field"),
        pytest.param(b"garbage", id="B5 garbage"),
        pytest.param(b"[1, 2]", id="B5 array"),
        pytest.param(b"null", id="null"),
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff\xfe", id="not text"),
        pytest.param(b"[" * 20_000, id="deep list"),
        pytest.param(b'{"a":' * 5_000 + b"1" + b"}" * 5_000, id="deep object"),
        pytest.param(b'{"iss": NaN}', id="NaN"),
        pytest.param(b'{"iss": "\\ud800"}', id="half a character"),
        pytest.param(b'{"iss": "\\u0000"}', id="NUL"),
        pytest.param(b'{"exp": ' + b"9" * 9_000 + b"}", id="endless number"),
        pytest.param(b'{"name": "' + b"x" * 64_000 + b'"}', id="oversized"),
    ],
)
def test_launch_is_refused_when_its_body_is_no_message(launcher: Any, payload: bytes) -> None:
    refuse(launcher, launcher.platform.sign(None, payload=payload), LaunchRejected)


@pytest.mark.parametrize("token", ["", "x", "a.b", "a.b.c.d", "..", "é.é.é", "e30.e30.e30", "null"])
def test_launch_is_refused_when_its_token_is_no_token(launcher: Any, token: str) -> None:
    refuse(launcher, token, LaunchRejected)


def test_launch_is_refused_when_a_name_is_repeated(launcher: Any) -> None:
    def token(nonce: str) -> str:
        body = json.dumps(launcher.platform.claims(nonce))
        twice = body[:-1] + f', "{CLAIM}roles": ["Instructor"]}}'
        return str(launcher.platform.sign(None, payload=twice.encode()))

    refuse(launcher, token, TokenInvalid)


def test_launch_is_refused_when_unsigned(launcher: Any) -> None:
    def token(nonce: str) -> str:
        body = json.dumps(launcher.platform.claims(nonce)).encode()
        return f"{encode(json.dumps({'alg': 'none', 'kid': 'k1'}).encode())}.{encode(body)}."

    assert "alg" in refuse(launcher, token, TokenInvalid).message


def test_launch_is_refused_when_the_public_key_was_used_as_a_secret(launcher: Any) -> None:
    secret = launcher.platform.key.as_pem(private=False)

    def token(nonce: str) -> str:
        head = encode(json.dumps({"alg": "HS256", "kid": "k1"}).encode())
        body = encode(json.dumps(launcher.platform.claims(nonce)).encode())
        mac = hmac.digest(secret, f"{head}.{body}".encode(), "sha256")
        return f"{head}.{body}.{encode(mac)}"

    assert "alg" in refuse(launcher, token, TokenInvalid).message


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u"])
def test_launch_is_refused_when_it_brings_its_own_key(
    launcher: Any, make_key: Any, name: str
) -> None:
    foreign = make_key("k1")
    value: Any = "https://evil.example.edu/keys"
    if name == "jwk":
        value = foreign.as_dict(private=False)

    def token(nonce: str) -> str:
        claims = launcher.platform.claims(nonce)
        return str(launcher.platform.sign(claims, key=foreign, header={name: value}))

    assert "signature" in refuse(launcher, token, TokenInvalid).message
    assert not any("evil" in call.request.url for call in launcher.platform.wire.calls)


@pytest.fixture
def make_key() -> Any:
    from joserfc.jwk import RSAKey

    return lambda kid: RSAKey.generate_key(2048, {"kid": kid})


def test_launch_is_refused_when_tampered_with(launcher: Any) -> None:
    def token(nonce: str) -> str:
        head, _, signature = launcher.platform.sign(launcher.platform.claims(nonce)).split(".")
        body = json.dumps(launcher.platform.claims(nonce, roles=["Instructor"])).encode()
        return f"{head}.{encode(body)}.{signature}"

    assert "signature" in refuse(launcher, token, TokenInvalid).message


def test_launch_is_taken_with_our_id_second_in_aud_and_as_azp(launcher: Any) -> None:
    launch = launcher.launch(aud=["other", "mentor-tool"], azp="mentor-tool").launch

    assert launch.client_id == "mentor-tool"


def test_launch_is_taken_a_little_ahead_of_our_clock(launcher: Any) -> None:
    moment = int(time.time())

    assert launcher.launch(iat=moment + 30, exp=moment + 90).bound


def test_launch_is_taken_with_an_elliptic_key(launcher: Any) -> None:
    key = ECKey.generate_key("P-256", {"kid": "ec"})
    listed = [key.as_dict(private=False)]
    launcher.platform.publish(body=json.dumps({"keys": listed}))
    asked = launcher.begin()

    claims = launcher.platform.claims(asked["nonce"])
    token = launcher.platform.sign(claims, key=key, header={"alg": "ES256"})

    assert launcher.finish(asked, token).bound


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
names = st.sampled_from(
    [
        "iss",
        "aud",
        "azp",
        "sub",
        "exp",
        "iat",
        "nbf",
        "nonce",
        "name",
        "email",
        *(
            CLAIM + name
            for name in (
                "message_type",
                "version",
                "deployment_id",
                "target_link_uri",
                "roles",
                "resource_link",
                "context",
                "tool_platform",
                "launch_presentation",
                "custom",
            )
        ),
        "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint",
        "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice",
        "https://purl.imsglobal.org/spec/lti-dl/claim/deep_linking_settings",
    ]
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changes=st.dictionaries(names, json_values, min_size=1, max_size=4), pick=st.booleans())
def test_launch_of_any_signed_body_is_taken_or_refused(
    launcher: Any, changes: dict[str, Any], pick: bool
) -> None:
    asked = launcher.begin()
    make = launcher.platform.deep_linking_claims if pick else launcher.platform.claims
    claims = make(asked["nonce"]) | changes

    with suppress(LaunchRejected):
        launcher.finish(asked, launcher.platform.sign(claims))


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    head=st.dictionaries(st.sampled_from(["alg", "kid", "typ", "jku", "crit", "b64"]), json_values),
    body=st.binary(max_size=200),
)
def test_launch_of_any_unsigned_bytes_is_refused(
    launcher: Any, head: dict[str, Any], body: bytes
) -> None:
    token = f"{encode(json.dumps(head).encode())}.{encode(body)}.{encode(b'signature')}"

    with pytest.raises(LaunchRejected):
        launcher.finish({"state": "x"}, token)
