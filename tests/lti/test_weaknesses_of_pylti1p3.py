"""What bare pylti1p3 lets through or trips over, beside what this tool does with the same thing.

Each case runs the same bad launch twice: against the library's own Flask adapter, where it is
accepted or crashes (shown, so that a release which mends it is noticed), and against ours.
They are about the distribution pylti1p3; its successor pylti1p3next, which is imported by the same
name, has mended some, and what ours does on it is shown by all other tests.
"""

import time
from collections.abc import Callable
from importlib.metadata import packages_distributions
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask import Flask
from joserfc import jwt
from joserfc.jwk import KeySet
from pylti1p3.contrib.flask import FlaskMessageLaunch, FlaskOIDCLogin, FlaskRequest
from pylti1p3.deep_link import DeepLink
from pylti1p3.exception import LtiException
from pylti1p3.launch_data_storage.base import LaunchDataStorage
from pylti1p3.names_roles import NamesRolesProvisioningService
from pylti1p3.registration import Registration as LibraryRegistration
from pylti1p3.roles import StaffRole, TeacherRole
from pylti1p3.service_connector import ServiceConnector
from pylti1p3.tool_config import ToolConfDict

from mentorai.core.errors import (
    ClaimMissing,
    LaunchRejected,
    NonceReused,
    PlatformRefused,
    TokenInvalid,
)
from mentorai.core.values import Role
from mentorai.lti.content_items import ResourceLinkItem
from mentorai.lti.deep_linking import DeepLinkingSettings
from mentorai.lti.deep_linking_answer import DeepLinkingAnswer, sign_answer
from mentorai.lti.deep_linking_requests import DeepLinkingRequest
from mentorai.lti.launch import finish_launch
from mentorai.lti.nrps import list_members
from mentorai.lti.roles import read_role

DL = "https://purl.imsglobal.org/spec/lti-dl/claim/"
CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
MEMBERSHIP = "http://purl.imsglobal.org/vocab/lis/v2/membership"
INSTITUTION = "http://purl.imsglobal.org/vocab/lis/v2/institution/person"
LAUNCH_URL = "https://localhost/launch"

pytestmark = pytest.mark.skipif(
    {name.lower() for name in packages_distributions()["pylti1p3"]} != {"pylti1p3"},
    reason="these are the weaknesses of the distribution pylti1p3 itself",
)


class Storage(LaunchDataStorage[Any]):
    """What a cache would hold."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, Any] = {}

    def can_set_keys_expiration(self) -> bool:
        return True

    def get_value(self, key: str) -> Any:
        return self.values.get(key)

    def set_value(self, key: str, value: Any, exp: int | None = None) -> None:
        self.values[key] = value

    def check_value(self, key: str) -> bool:
        return key in self.values

    def get_session_cookie_name(self) -> str | None:
        return None


class BareTool:
    """pylti1p3's own Flask adapter, as its documentation has it."""

    def __init__(self, platform: Any) -> None:
        self.platform = platform
        self.app = Flask("bare")
        self.app.secret_key = "x"
        self.storage = Storage()
        self.conf = ToolConfDict(
            {
                platform.issuer: [
                    {
                        "client_id": platform.client_id,
                        "auth_login_url": platform.auth_url,
                        "auth_token_url": platform.token_url,
                        "key_set_url": platform.keyset_url,
                        "deployment_ids": ["1"],
                    }
                ]
            }
        )
        self.cookies: dict[str, str] = {}

    def begin(self, **params: str) -> dict[str, str]:
        """The query that the platform gets."""
        given = {"iss": self.platform.issuer, "client_id": self.platform.client_id}
        given |= {"login_hint": "6", "target_link_uri": LAUNCH_URL}
        url = self.redirect(given | params)
        return dict(parse_qsl(urlsplit(url).query))

    def redirect(self, params: dict[str, str]) -> str:
        with self.app.test_request_context("/login", query_string=params):
            login = FlaskOIDCLogin(FlaskRequest(), self.conf, launch_data_storage=self.storage)
            answer = login.redirect(LAUNCH_URL)
            url = str(answer.location)
            state = dict(parse_qsl(urlsplit(url).query)).get("state", "")
            self.cookies[f"lti1p3-{state}"] = state
            return url

    def finish(self, asked: dict[str, str], token: str) -> Any:
        form = {"state": asked["state"], "id_token": token}
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        with self.app.test_request_context(
            "/launch", method="POST", data=form, headers={"Cookie": cookie}
        ):
            launch = FlaskMessageLaunch(FlaskRequest(), self.conf, launch_data_storage=self.storage)
            launch.validate()
            return launch.get_launch_data()


@pytest.fixture
def bare(platform: Any) -> BareTool:
    return BareTool(platform)


def after(seconds: int) -> Callable[[], int]:
    return lambda: int(time.time()) + seconds


def run(tool: Any, platform: Any, changes: dict[str, Any], make: str = "claims") -> Any:
    """Login and launch with changed claims."""
    asked = tool.begin()
    given = {name: value() if callable(value) else value for name, value in changes.items()}
    claims = getattr(platform, make)(asked["nonce"], **given)
    return tool.finish(asked, platform.sign(claims))


def test_bare_library_takes_a_good_launch(bare: BareTool, launcher: Any, platform: Any) -> None:
    assert run(bare, platform, {})["sub"] == "6"
    assert run(launcher, platform, {}).bound


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        pytest.param({"exp": None}, ClaimMissing, id="3 no exp"),
        pytest.param({"iat": None}, ClaimMissing, id="3 no iat"),
        pytest.param({"exp": after(315_360_000)}, TokenInvalid, id="3 ten years to live"),
        pytest.param({"iat": after(-315_360_000)}, TokenInvalid, id="3 made decades ago"),
        pytest.param({"azp": "someone-else"}, TokenInvalid, id="5 azp of another client"),
        pytest.param({"target_link_uri": None}, ClaimMissing, id="6 no target"),
        pytest.param(
            {"target_link_uri": "https://evil.example.edu/"}, TokenInvalid, id="6 target elsewhere"
        ),
        pytest.param({"roles": "Instructor"}, TokenInvalid, id="6 roles is a text"),
        pytest.param({"resource_link": {"id": [7]}}, TokenInvalid, id="6 link id is a list"),
    ],
)
def test_launch_is_refused_that_the_library_accepts(
    bare: BareTool,
    launcher: Any,
    platform: Any,
    changes: dict[str, Any],
    refusal: type[LaunchRejected],
) -> None:
    assert run(bare, platform, changes)["nonce"]
    with pytest.raises(refusal):
        run(launcher, platform, changes)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"iat": after(20), "exp": after(80)}, id="4 iat some seconds ahead"),
        pytest.param(
            {"aud": ["other", "mentor-tool"], "azp": "mentor-tool"}, id="5 our id second in aud"
        ),
        pytest.param({"sub": None}, id="8 anonymous"),
        pytest.param({"sub": 6}, id="sub is a number"),
    ],
)
def test_launch_is_taken_that_the_library_refuses(
    bare: BareTool, launcher: Any, platform: Any, changes: dict[str, Any]
) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011 - a bare Exception is among them
        run(bare, platform, changes)
    assert run(launcher, platform, changes).bound


@pytest.mark.parametrize(
    "payload",
    [pytest.param(b"[1]", id="6 array body"), pytest.param(b"7", id="6 number body")],
)
def test_launch_is_refused_that_crashes_the_library(
    bare: BareTool, launcher: Any, platform: Any, payload: bytes
) -> None:
    token = platform.sign(None, payload=payload)

    with pytest.raises(AttributeError):
        bare.finish(bare.begin(), token)
    with pytest.raises(TokenInvalid):
        launcher.finish(launcher.begin(), token)


def test_empty_link_is_refused_that_crashes_the_library(
    bare: BareTool, launcher: Any, platform: Any
) -> None:
    def sign(nonce: str) -> str:
        claims = platform.claims(nonce)
        claims[f"{CLAIM}resource_link"] = None
        return str(platform.sign(claims))

    asked = bare.begin()
    with pytest.raises(AttributeError):
        bare.finish(asked, sign(asked["nonce"]))
    asked = launcher.begin()
    with pytest.raises(ClaimMissing, match="resource_link"):
        launcher.finish(asked, sign(asked["nonce"]))


def test_replay_is_refused_that_the_library_accepts(
    bare: BareTool, launcher: Any, platform: Any
) -> None:
    """1: the same form twice; and another token with the same nonce."""
    asked = bare.begin()
    first = platform.sign(platform.claims(asked["nonce"]))
    other = platform.sign(platform.claims(asked["nonce"], sub="7"))
    assert [bare.finish(asked, token)["sub"] for token in (first, first, other)] == ["6", "6", "7"]

    asked = launcher.begin()
    first = platform.sign(platform.claims(asked["nonce"]))
    other = platform.sign(platform.claims(asked["nonce"], sub="7"))
    launcher.finish(asked, first)
    for token in (first, other):
        with pytest.raises(NonceReused):
            launcher.finish(asked, token)


def test_nonce_of_another_login_is_refused_that_the_library_accepts(
    bare: BareTool, launcher: Any, platform: Any
) -> None:
    """2: state and nonce are not tied together."""
    for tool in (bare, launcher):
        first, second = tool.begin(), tool.begin()
        token = platform.sign(platform.claims(second["nonce"]))
        if tool is bare:
            assert tool.finish(first, token)["sub"] == "6"
        else:
            with pytest.raises(LaunchRejected):
                tool.finish(first, token)


@pytest.mark.parametrize(
    ("wanted", "library", "ours"),
    [
        pytest.param({"deep_link_return_url": None}, "accepts", ClaimMissing, id="7 no return URL"),
        pytest.param(
            {"accept_presentation_document_targets": None}, "refuses", None, id="7 no targets"
        ),
    ],
)
def test_deep_linking_settings_are_read_where_the_library_looks_away(
    bare: BareTool,
    launcher: Any,
    platform: Any,
    wanted: dict[str, Any],
    library: str,
    ours: type[LaunchRejected] | None,
) -> None:
    name = "https://purl.imsglobal.org/spec/lti-dl/claim/deep_linking_settings"
    whole = platform.deep_linking_claims()[name] | wanted
    changes = {name: {key: value for key, value in whole.items() if value is not None}}

    if library == "accepts":
        assert run(bare, platform, changes, "deep_linking_claims")
    else:
        with pytest.raises(LtiException):
            run(bare, platform, changes, "deep_linking_claims")
    if ours is None:
        assert run(launcher, platform, changes, "deep_linking_claims").deep_linking
    else:
        with pytest.raises(ours):
            run(launcher, platform, changes, "deep_linking_claims")


def test_keyset_is_fetched_once_where_the_library_fetches_each_time(
    bare: BareTool, launcher: Any, platform: Any
) -> None:
    """9."""
    for _ in range(3):
        run(bare, platform, {})
    assert platform.fetches() == 3

    for _ in range(3):
        run(launcher, platform, {})
    assert platform.fetches() == 4


def test_broken_key_is_a_refusal_where_the_library_crashes(
    bare: BareTool, launcher: Any, platform: Any
) -> None:
    """10."""
    platform.publish(body='{"keys": [{"kid": "k1", "kty": "RSA", "n": "!", "e": "AQAB"}]}')

    with pytest.raises(Exception) as caught:  # noqa: PT011 - jwcrypto's own, not LtiException
        run(bare, platform, {})
    assert not isinstance(caught.value, LtiException)
    with pytest.raises(TokenInvalid):
        run(launcher, platform, {})


def test_auth_url_keeps_its_query_where_the_library_breaks_it(
    bare: BareTool, launcher: Any, platform: Any, organization: Any
) -> None:
    """18."""
    config = bare.conf.get_iss_config(platform.issuer, platform.client_id)
    config["auth_login_url"] = f"{platform.auth_url}?tenant=a"
    facts = platform.facts(client_id="q", auth_url=f"{platform.auth_url}?tenant=a")
    launcher.tool.registrations.add(organization.id, **facts)

    assert "scope" not in bare.begin()
    assert launcher.begin(client_id="q")["scope"] == "openid"


def test_platforms_error_is_explained_where_the_library_misses_a_token(
    bare: BareTool, launcher: Any
) -> None:
    """19."""
    asked = bare.begin()
    form = {"error": "login_required", "state": asked["state"]}
    with pytest.raises(LtiException, match="id_token"):
        bare.finish(asked, "")
    with pytest.raises(LaunchRejected, match="sign in"):
        finish_launch(launcher.tool, form, [])


@pytest.mark.parametrize(
    ("roles", "library_says_staff", "ours"),
    [
        ([f"{INSTITUTION}#Instructor", f"{MEMBERSHIP}#Learner"], True, Role.LEARNER),
        (["urn:lti:role:ims/lis/Instructor"], False, Role.INSTRUCTOR),
    ],
    ids=["22 staff elsewhere", "22 legacy name"],
)
def test_roles_are_read_where_the_library_misreads_them(
    bare: BareTool, platform: Any, roles: list[str], library_says_staff: bool, ours: Role
) -> None:
    body = {f"{CLAIM}roles": roles}
    assert (StaffRole(body).check() or TeacherRole(body).check()) is library_says_staff
    assert read_role(roles) is ours


@pytest.fixture
def library_registration(platform: Any) -> LibraryRegistration:
    return (
        LibraryRegistration()
        .set_issuer(platform.issuer)
        .set_client_id(platform.client_id)
        .set_auth_token_url(platform.token_url)
        .set_tool_private_key(platform.key.as_pem(private=True).decode())
    )


def test_tokens_are_kept_where_the_library_forgets_them(
    tool: Any, registration: Any, platform: Any, library_registration: LibraryRegistration
) -> None:
    """11: one token for every service object."""
    platform.grant()
    for _ in range(3):
        ServiceConnector(library_registration).get_access_token(["s"])
    assert len(platform.token_requests()) == 3

    for _ in range(3):
        tool.tokens.get(registration, ["s"])
    assert len(platform.token_requests()) == 4


def test_token_stays_home_where_the_library_takes_it_to_any_host(
    tool: Any, registration: Any, platform: Any, library_registration: LibraryRegistration
) -> None:
    """13: the next page."""
    platform.grant()
    evil = "https://evil.example.edu/members"
    headers = {"Link": f'<{evil}>; rel="next"'}
    platform.wire.add("GET", platform.members_url, json={"members": []}, headers=headers)
    platform.wire.add("GET", evil, json={"members": []})
    connector = ServiceConnector(library_registration)

    NamesRolesProvisioningService(
        connector, {"context_memberships_url": platform.members_url}
    ).get_members()
    assert platform.wire.calls[-1].request.url == evil
    assert platform.wire.calls[-1].request.headers["Authorization"] == "Bearer t0ken"

    with pytest.raises(PlatformRefused):
        list(list_members(tool, registration, platform.members_url))
    assert platform.wire.calls[-1].request.url == platform.members_url


def test_answer_leaves_out_what_is_empty_where_the_library_sends_null(
    tool: Any, registration: Any, library_registration: LibraryRegistration
) -> None:
    """16."""
    settings = {"deep_link_return_url": "https://lms.example.edu/r"}
    message = DeepLink(library_registration, "1", settings).get_message_jwt([])
    assert message[f"{DL}data"] is None

    asked = DeepLinkingRequest(
        "id",
        registration.organization_id,
        registration.id,
        "1",
        DeepLinkingSettings("https://lms.example.edu/r", ("ltiResourceLink",)),
    )
    item = ResourceLinkItem(title="Tides", url="https://tool.example.edu/", custom={})
    token = sign_answer(tool.tool_keys, registration, asked, DeepLinkingAnswer([item]))
    keys = KeySet.import_key_set(tool.tool_keys.read_keyset())
    claims = jwt.decode(token, keys, algorithms=["RS256"]).claims
    assert f"{DL}data" not in claims
    assert claims[f"{DL}content_items"] == [
        {"type": "ltiResourceLink", "title": "Tides", "url": "https://tool.example.edu/"}
    ]


def test_answer_form_escapes_where_the_library_does_not(
    library_registration: LibraryRegistration,
) -> None:
    """17: ours is a template, which tests/plugins/test_picker.py reads."""
    settings = {"deep_link_return_url": 'https://x/"><script>alert(1)</script>'}

    html = DeepLink(library_registration, "1", settings).get_response_form_html("jwt")

    assert "<script>alert(1)</script>" in html
