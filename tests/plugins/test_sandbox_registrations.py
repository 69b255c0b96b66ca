"""The sandbox as an LMS in which a tool registers itself: what it gives, takes and refuses."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from mentorai.core.clock import now
from tests.fakes.sandbox_client import SandboxClient, sandbox_client

LINK = "http://localhost:8000/lti/register/x?kept=1"
TOOL = "https://purl.imsglobal.org/spec/lti-tool-configuration"
CANVAS = "https://canvas.instructure.com/lti"
IT, STUDENT = "ines", "maya"
ASKED = {
    "domain": "localhost:8000",
    "target_link_uri": "http://localhost:8000/lti/launch",
    f"{CANVAS}/privacy_level": "name_only",
    "custom_parameters": {"course": "$Canvas.course.id"},
    "messages": [
        {
            "type": "LtiResourceLinkRequest",
            "placements": ["course_navigation", "user_navigation"],
            f"{CANVAS}/course_navigation/default_enabled": False,
        },
        {"type": "LtiDeepLinkingRequest", "placements": ["link_selection"]},
    ],
}


@pytest.fixture
def sandbox() -> Iterator[SandboxClient]:
    with sandbox_client() as client:
        yield client


def begin(sandbox: SandboxClient) -> str:
    """The registration token that the tool's link was opened with."""
    url = sandbox.house.tool_registrations.begin(LINK)
    query = parse_qs(urlsplit(url).query)
    assert query["kept"] == ["1"]
    assert query["openid_configuration"][0].endswith("/lti/openid-configuration")
    return query.get("registration_token", [""])[0]


def document(**changes: Any) -> dict[str, Any]:
    found = {
        "client_name": "A tool",
        "initiate_login_uri": "http://localhost:8000/lti/login",
        "redirect_uris": ["http://localhost:8000/lti/launch"],
        "jwks_uri": "http://localhost:8000/lti/jwks.json",
        "response_types": ["id_token"],
        "token_endpoint_auth_method": "private_key_jwt",
        TOOL: {"domain": "localhost:8000", "target_link_uri": "http://localhost:8000/lti/launch"},
    } | changes
    return {name: value for name, value in found.items() if value is not None}


def register(sandbox: SandboxClient, token: str, body: Any = None, **options: Any) -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    body = document() if body is None else body
    return sandbox.post("/lti/registration", json=body, headers=headers, **options)


def test_configuration_names_every_endpoint(sandbox: SandboxClient) -> None:
    found = sandbox.get("/lti/openid-configuration").json

    base = sandbox.options.base_url
    assert found is not None
    assert found["issuer"] == base
    assert found["registration_endpoint"] == f"{base}/lti/registration"
    assert found["jwks_uri"] == sandbox.options.platform_keyset_url


def test_tool_is_registered_and_answered_as_the_specification_has_it(
    sandbox: SandboxClient,
) -> None:
    answer = register(sandbox, begin(sandbox))

    assert answer.status_code == 201
    assert answer.json["client_id"]
    assert answer.json[TOOL]["deployment_id"]
    assert answer.json["registration_client_uri"].endswith(answer.json["client_id"])


@pytest.mark.parametrize("like", ["specification", "moodle"])
def test_token_is_asked_for_and_good_once(sandbox: SandboxClient, like: str) -> None:
    sandbox.platform.behave({"registration_like": like})
    token = begin(sandbox)
    register(sandbox, token)

    words = [register(sandbox, given).text for given in ("", token, token[:-4] + "AAAA", "made-up")]

    assert "missing_registration_token" in words[0]
    assert "token_already_used" in words[1]
    assert "invalid_token" in words[2]
    assert ("Invalid request" if like == "moodle" else "invalid_token") in words[3]
    assert len(sandbox.house.tool_registrations.list()) == 1


def test_token_is_good_for_an_hour(sandbox: SandboxClient, time_machine: Any) -> None:
    token = begin(sandbox)
    time_machine.move_to(now() + timedelta(minutes=61))

    assert "Expired token" in register(sandbox, token).text


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (document(redirect_uris=None), "missing required attribute redirect_uris"),
        (document(redirect_uris="http://x"), "invalid_redirect_uris"),
        (document(**{TOOL: {}}), "missing_domain"),
        (document(**{TOOL: 5}), "missing_domain"),
        (
            document(**{TOOL: {"domain": "a", "target_link_uri": "http://b/"}}),
            "domain_targetlinkuri_mismatch",
        ),
        (
            document(**{TOOL: {"domain": "a", "target_link_uri": "http://["}}),
            "domain_targetlinkuri_mismatch",
        ),
        (document(response_types=["code"]), "invalid_response_types"),
        (document(token_endpoint_auth_method="none"), "invalid_token_endpoint_auth_method"),
        ([], "not a JSON object"),
    ],
)
def test_moodle_refuses_in_plain_words(sandbox: SandboxClient, body: Any, word: str) -> None:
    sandbox.platform.behave({"registration_like": "moodle"})

    answer = register(sandbox, begin(sandbox), body)

    assert answer.status_code == 400
    assert answer.mimetype == "text/html"
    assert word in answer.text


def show(answer: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {answer['registration_access_token']}"}


def test_moodle_has_a_page_for_what_it_cannot_read(sandbox: SandboxClient) -> None:
    sandbox.platform.behave({"registration_like": "moodle"})
    bearer = {"Authorization": f"Bearer {begin(sandbox)}"}

    answer = sandbox.post(
        "/lti/registration", data="no JSON", headers=bearer, content_type="application/json"
    )

    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "Invalid request" in answer.text


def test_moodle_shows_a_registration_to_a_token_for_an_update(sandbox: SandboxClient) -> None:
    sandbox.platform.behave({"registration_like": "moodle"})
    own = {"domain": "localhost:8000", "target_link_uri": "http://localhost:8000/lti/launch"}
    body = document(**{TOOL: own | {"custom_parameters": {"sum": "a=b"}}})
    made = register(sandbox, begin(sandbox), body).json
    url = sandbox.house.tool_registrations.begin(LINK, made["client_id"])
    bearer = {"Authorization": f"Bearer {parse_qs(urlsplit(url).query)['registration_token'][0]}"}

    shown = sandbox.get("/lti/registration", headers=bearer)
    wrong = sandbox.call("PUT", "/lti/registration", json=body, headers=bearer)

    assert shown.json == made
    # It lists more than it was asked for, and a value up to its own sign only.
    assert "lineitem" in made["scope"]
    assert made[TOOL]["custom_parameters"] == {"sum": "a"}
    assert (wrong.status_code, wrong.text) == (400, "Unsupported operation")


def test_registration_is_shown_and_changed_with_its_own_token_only(
    sandbox: SandboxClient,
) -> None:
    made = register(sandbox, begin(sandbox)).json
    path = urlsplit(made["registration_client_uri"]).path
    own = show(made)

    assert sandbox.get(path, headers={"Authorization": "Bearer x"}).status_code == 401
    assert sandbox.get(path).status_code == 401
    assert sandbox.get("/lti/registration/nobody", headers=own).status_code == 401
    shown: Any = sandbox.get(path, headers=own).json
    assert shown["client_name"] == "A tool"
    # Each answer brings another token, and the one before is over.
    assert sandbox.get(path, headers=own).status_code == 401
    own = show(shown)
    wrong = sandbox.call("PUT", path, json=document(client_id="other"), headers=own)
    assert wrong.status_code == 400
    changed = document(client_id=made["client_id"], client_name="Renamed")
    told = sandbox.call("PUT", path, json=changed | {"client_id_issued_at": 1}, headers=own)
    assert told.status_code == 400
    changed_answer: Any = sandbox.call("PUT", path, json=changed, headers=own)
    assert changed_answer.status_code == 200
    shown = sandbox.get(path, headers=show(changed_answer.json)).json
    assert shown["client_name"] == "Renamed"


def test_activated_tool_gets_the_launches(sandbox: SandboxClient) -> None:
    made = register(sandbox, begin(sandbox)).json

    answer = sandbox.post(f"/as/{IT}/tool/{made['client_id']}/activate")

    assert answer.status_code == 303
    assert sandbox.platform.options.client_id == made["client_id"]
    page = sandbox.get(f"/as/{STUDENT}/courses/tidal-pools/items/tides-mentor/launch").text
    assert f'name="client_id" value="{made["client_id"]}"' in page
    assert "Active" in sandbox.get(f"/as/{IT}/tool/").text


@pytest.mark.parametrize("link", ["https://evil.example/x", "javascript:alert(1)", "x", "http://["])
def test_only_the_tools_own_link_is_opened(sandbox: SandboxClient, link: str) -> None:
    page = sandbox.get(f"/as/{IT}/tool/add/", query_string={"link": link})

    assert page.status_code == 422


def test_only_campus_it_registers_and_activates(sandbox: SandboxClient) -> None:
    made = register(sandbox, begin(sandbox)).json

    assert sandbox.get(f"/as/{STUDENT}/tool/add/").status_code == 403
    path = f"/as/{STUDENT}/tool/{made['client_id']}/activate"
    assert sandbox.post(path).status_code == 403
    assert sandbox.post(f"/as/{IT}/tool/nothing/activate").status_code == 404


def test_canvas_shows_its_configuration_to_a_token_and_names_no_deployment(
    sandbox: SandboxClient,
) -> None:
    sandbox.platform.behave({"registration_like": "canvas"})
    token = begin(sandbox)
    bearer = {"Authorization": f"Bearer {token}"}

    refused = sandbox.get("/lti/openid-configuration")
    shown = sandbox.get("/lti/openid-configuration", headers=bearer).json
    answer = register(sandbox, token, document(scope="a b", **{TOOL: ASKED}))
    again = register(sandbox, token)

    words = {"errorMessage": "JWT did not include expected contents"}
    assert (refused.status_code, refused.json) == (401, words)
    assert shown is not None
    platform = shown["https://purl.imsglobal.org/spec/lti-platform-configuration"]
    assert platform["product_family_code"] == "canvas"
    assert platform[f"{CANVAS}/account_name"] == "Harbour College"
    assert "editor_button" in platform["messages_supported"][1]["placements"]
    assert f"{CANVAS}/public_jwk/scope/update" in shown["scopes_supported"]
    assert (answer.status_code, answer.json["client_id"].isdigit()) == (200, True)
    assert "deployment_id" not in answer.json[TOOL]
    assert answer.json[TOOL]["https://canvas.instructure.com/lti/registration_config_url"]
    assert (again.status_code, again.json) == (401, words)


@pytest.mark.parametrize(
    ("personality", "code"), [("brightspace", "desire2learn"), ("sakai", "sakailms.org")]
)
def test_configuration_says_which_lms_it_is(
    sandbox: SandboxClient, personality: str, code: str
) -> None:
    sandbox.platform.behave({"personality": personality})

    shown = sandbox.get("/lti/openid-configuration").json

    assert shown is not None
    platform = shown["https://purl.imsglobal.org/spec/lti-platform-configuration"]
    assert platform["product_family_code"] == code


def test_canvas_tells_what_a_tool_asked_for_in_its_way(sandbox: SandboxClient) -> None:
    sandbox.platform.behave({"registration_like": "canvas"})
    asked = document(scope="a b", **{TOOL: ASKED})

    answer = register(sandbox, begin(sandbox), asked)

    page = sandbox.get(f"/as/{IT}/tool/").text
    assert answer.status_code == 200
    off = "off until a course switches it on"
    assert f"Placements: course_navigation ({off}), user_navigation, link_selection<" in page
    assert "Privacy level: name_only<" in page


@pytest.mark.parametrize(
    ("scope", "change", "word"),
    [
        (["a"], {}, "scope"),
        ("a", {f"{CANVAS}/privacy_level": "secret"}, "privacy_level"),
        ("a", {"custom_parameters": {"course": 7}}, "custom_parameters"),
        ("a", {"messages": {}}, "messages"),
        ("a", {"messages": ["LtiResourceLinkRequest"]}, "messages"),
        (
            "a",
            {"messages": [{"type": "LtiResourceLinkRequest", "placements": ["editor_button"]}]},
            "placements",
        ),
    ],
)
def test_canvas_refuses_what_it_does_not_know(
    sandbox: SandboxClient, scope: object, change: dict[str, Any], word: str
) -> None:
    sandbox.platform.behave({"registration_like": "canvas"})
    asked = document(scope=scope, **{TOOL: ASKED | change})

    answer = register(sandbox, begin(sandbox), asked)

    assert answer.status_code == 422
    assert word in answer.json["errorMessage"]
    assert sandbox.house.tool_registrations.list() == []


ENTERED = {
    "name": "Ask the ocean",
    "login_url": "http://localhost:8000/lti/login",
    "redirect_url": "http://localhost:8000/lti/launch",
    "keyset_url": "http://localhost:8000/lti/jwks.json",
}
PASTED = {
    "title": "Ask the ocean",
    "oidc_initiation_url": "http://localhost:8000/lti/login",
    "target_link_uri": "http://localhost:8000/lti/launch",
    "public_jwk_url": "http://localhost:8000/lti/jwks.json",
}
LIKE = {
    "moodle": r"[0-9a-f]{14}",
    "canvas": r"\d{15}",
    "blackboard": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
}


@pytest.mark.parametrize("personality", LIKE)
def test_tool_is_added_by_hand_as_the_lms_asks_for_it(
    sandbox: SandboxClient, personality: str
) -> None:
    sandbox.platform.behave({"personality": personality})
    form = sandbox.get(f"/as/{IT}/tool/new/").text
    given = {"json": json.dumps(PASTED)} if 'name="json"' in form else ENTERED

    answer = sandbox.post(f"/as/{IT}/tool/new/", data=given)

    page = sandbox.get(answer.headers["Location"]).text
    options = sandbox.platform.options
    assert re.fullmatch(LIKE[personality], options.client_id)
    assert "Ask the ocean" in page
    assert f"<dt>Client ID</dt><dd><code>{options.client_id}</code>" in page
    # A link is for tools that registered themselves.
    assert "Register it again" not in page


@pytest.mark.parametrize(
    ("personality", "given"),
    [
        ("moodle", ENTERED | {"keyset_url": "https://evil.example/keys"}),
        ("moodle", {}),
        ("canvas", {"json": "no JSON"}),
        ("canvas", {"json": "[1]"}),
        ("canvas", {"json": json.dumps(PASTED | {"public_jwk_url": 5})}),
    ],
)
def test_what_is_no_tool_is_not_added(
    sandbox: SandboxClient, personality: str, given: dict[str, str]
) -> None:
    sandbox.platform.behave({"personality": personality})

    answer = sandbox.post(f"/as/{IT}/tool/new/", data=given)

    assert answer.status_code == 422
    assert sandbox.house.tool_registrations.list() == []
    assert sandbox.post(f"/as/{STUDENT}/tool/new/", data=ENTERED).status_code == 403


@pytest.mark.parametrize("personality", ["blackboard", "openedx"])
def test_tools_do_not_register_themselves_everywhere(
    sandbox: SandboxClient, personality: str
) -> None:
    sandbox.platform.behave({"personality": personality})

    assert "dynamic registration" not in sandbox.get(f"/as/{IT}/tool/").text
    page = sandbox.get(f"/as/{IT}/tool/add/", query_string={"link": LINK})
    assert (page.status_code, "no tool registers itself" in page.text) == (404, True)


def test_vendors_issuer_is_that_of_a_tool_by_hand_and_not_of_one_by_a_link() -> None:
    vendor = "https://canvas.instructure.com"
    with sandbox_client(personality="canvas", issuer_url=vendor) as sandbox:
        token = begin(sandbox)
        bearer = {"Authorization": f"Bearer {token}"}
        shown: Any = sandbox.get("/lti/openid-configuration", headers=bearer).json
        made = register(sandbox, token, document(scope="a", **{TOOL: ASKED})).json
        sandbox.post(f"/as/{IT}/tool/{made['client_id']}/activate")
        by_link = sandbox.platform.options.issuer
        sandbox.post(f"/as/{IT}/tool/new/", data={"json": json.dumps(PASTED)})

        assert by_link == shown["issuer"] == sandbox.options.base_url
        assert sandbox.platform.options.issuer == vendor


@pytest.mark.parametrize(
    ("personality", "path"),
    [
        ("moodle", "/mod/lti/certs.php"),
        ("brightspace", "/d2l/.well-known/jwks"),
        ("canvas", "/api/lti/security/jwks"),
    ],
)
def test_keys_are_where_a_tool_that_knows_the_lms_looks_for_them(
    sandbox: SandboxClient, personality: str, path: str
) -> None:
    sandbox.platform.behave({"personality": personality})

    assert sandbox.get(path).json == sandbox.get("/lti/jwks.json").json
