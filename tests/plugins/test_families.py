"""Every family of LMS that has a plugin: recognised, and registered as each wants it."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import responses
from flask.testing import FlaskClient

from mentorai.core import hookimpl
from mentorai.core.engine import Engine
from mentorai.core.errors import PlatformRefused, PlatformReplyInvalid, RegistrationRejected
from mentorai.core.settings import Settings
from mentorai.core.values import PlatformProfile
from mentorai.lti.dynamic_registration import DynamicRegistration
from mentorai.lti.registration_documents import list_documents
from mentorai.lti.tool import Tool
from mentorai.lti.tool_description import (
    TOOL_CONFIGURATION,
    Supported,
    build_registration,
)
from mentorai.plugins import lti_launch
from mentorai.web.app import create_app
from tests.fakes.lms_family import LmsFamily
from tests.plugins.conftest import FAMILIES


class Lyceum:
    """A plugin of somebody else."""

    @hookimpl
    def platform_profile(self) -> PlatformProfile:
        return PlatformProfile(family="lyceum", title="Lyceum LMS")

    @hookimpl
    def registration_document(self, platform: str, tool: dict[str, Any]) -> dict[str, Any] | None:
        return {"Address": tool["launch_url"]} if platform == "lyceum" else None

    @hookimpl
    def refine_registration(
        self, platform: str, registration: dict[str, Any]
    ) -> dict[str, Any] | None:
        return registration | {"lyceum": True} if platform == "lyceum" else None


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    plugins = [("lti_launch", lti_launch), *FAMILIES, ("lyceum", Lyceum())]
    engine = Engine.open(settings, plugins=plugins)
    yield engine
    engine.close()


@pytest.fixture
def client(engine: Engine) -> FlaskClient:
    return create_app(engine).test_client()


@pytest.mark.parametrize(
    ("issuer", "code", "family"),
    [
        ("https://canvas.instructure.com", "", "canvas"),
        ("https://canvas.test.instructure.com", "", "canvas"),
        ("https://canvas.campus.edu", "canvas", "canvas"),
        ("https://instructure.com.evil.example", "", "lti"),
        ("https://moodle.campus.edu", "moodle", "moodle"),
        ("https://moodle.campus.edu", "Moodle ", "moodle"),
        ("https://campus.brightspace.com", "", "brightspace"),
        ("https://learn.campus.edu", "desire2learn", "brightspace"),
        ("https://evilbrightspace.com", "", "lti"),
        ("https://sakai.campus.edu", "sakai", "sakai"),
        ("https://sakai.campus.edu", "sakailms.org", "sakai"),
        ("https://lms.campus.edu", "BlackboardLearn", "blackboard"),
        ("https://blackboard.com", "", "blackboard"),
        ("https://blackboard.com.evil.example", "", "lti"),
        ("https://courses.campus.edu", "openedx", "openedx"),
        ("https://lms.campus.edu", "", "lti"),
    ],
)
def test_family_is_recognised(engine: Engine, issuer: str, code: str, family: str) -> None:
    found = engine.plugins.ask_first("recognise_platform", issuer=issuer, family_code=code)

    assert found == family


def test_every_family_has_a_document_with_our_addresses(engine: Engine) -> None:
    tool = engine.room(Tool)
    documents = list_documents(engine)

    assert [each.family for each in documents] == [
        "blackboard",
        "brightspace",
        "canvas",
        "lyceum",
        "moodle",
        "openedx",
        "sakai",
    ]
    for each in documents:
        text = json.dumps(dict(each.content))
        assert tool.launch_url in text
        assert each.family == "lyceum" or tool.login_url in text
        assert each.family == "lyceum" or tool.keyset_url in text
    assert [each.family for each in documents if not each.is_form] == ["canvas"]


def test_scores_import_no_library_that_only_signing_in_needs() -> None:
    """Lanes that begin at once, of several LMSs, would import it at once, and find it half done."""
    program = (
        "import sys\n"
        "import mentorai.plugins.canvas.own_grades, mentorai.plugins.blackboard.rest_grades\n"
        "import mentorai.plugins.moodle.web_service_grades\n"
        "print('authlib' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.stdout == "False\n", done.stdout + done.stderr


def test_document_is_served_for_pasting(client: FlaskClient, engine: Engine) -> None:
    answer = client.get("/lti/configuration/canvas.json")

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    document = answer.json
    assert document is not None
    assert document["oidc_initiation_url"] == engine.room(Tool).login_url
    assert document["public_jwk_url"] == engine.room(Tool).keyset_url
    (extension,) = document["extensions"]
    assert extension["platform"] == "canvas.instructure.com"
    placed = {
        each["placement"]: each["message_type"] for each in extension["settings"]["placements"]
    }
    assert placed == {
        "course_navigation": "LtiResourceLinkRequest",
        "assignment_selection": "LtiDeepLinkingRequest",
        "link_selection": "LtiDeepLinkingRequest",
        "editor_button": "LtiDeepLinkingRequest",
    }
    assert client.get("/lti/configuration/nothing.json").status_code == 404


def test_document_of_a_stranger_is_served_too(client: FlaskClient) -> None:
    answer = client.get("/lti/configuration/lyceum.json")

    assert answer.json == {"Address": "http://localhost:8000/lti/launch"}


def refine(engine: Engine, family: str) -> dict[str, Any]:
    document = build_registration(engine.room(Tool), Supported())
    found: dict[str, Any] = engine.plugins.ask_first(
        "refine_registration", platform=family, registration=document
    )
    return found


def test_registration_with_canvas_has_its_placements(engine: Engine) -> None:
    own = refine(engine, "canvas")[TOOL_CONFIGURATION]

    assert own["https://canvas.instructure.com/lti/privacy_level"] == "public"
    assert [each["placements"] for each in own["messages"]] == [
        ["course_navigation"],
        ["assignment_selection", "link_selection", "editor_button"],
    ]
    assert (
        own["messages"][0]["https://canvas.instructure.com/lti/course_navigation/default_enabled"]
        is False
    )


def test_registration_with_a_stranger_is_refined_by_its_plugin(engine: Engine) -> None:
    assert refine(engine, "lyceum")["lyceum"] is True
    assert refine(engine, "moodle") is None


@pytest.mark.parametrize(
    ("supported", "types"),
    [
        (Supported(), ["LtiResourceLinkRequest", "LtiDeepLinkingRequest"]),
        (
            Supported(messages=frozenset({"LtiDeepLinkingRequest", "LtiStartProctoring"})),
            ["LtiDeepLinkingRequest"],
        ),
        (
            Supported(messages=frozenset({"LtiStartProctoring"})),
            ["LtiResourceLinkRequest", "LtiDeepLinkingRequest"],
        ),
        (
            Supported(messages=frozenset({"LtiResourceLinkRequest", "LtiSubmissionReviewRequest"})),
            ["LtiResourceLinkRequest", "LtiSubmissionReviewRequest"],
        ),
    ],
)
def test_registration_asks_for_nothing_that_the_platform_does_not_have(
    engine: Engine, supported: Supported, types: list[str]
) -> None:
    document = build_registration(engine.room(Tool), supported)

    assert [each["type"] for each in document[TOOL_CONFIGURATION]["messages"]] == types


def test_registration_asks_for_the_scopes_that_the_platform_has(engine: Engine) -> None:
    score = "https://purl.imsglobal.org/spec/lti-ags/scope/score"
    supported = Supported(scopes=frozenset({score, "openid"}), variables=frozenset({"User.id"}))

    document = build_registration(engine.room(Tool), supported)

    assert document["scope"] == score
    assert document[TOOL_CONFIGURATION]["custom_parameters"] == {}


class TestHostedCanvas:
    """The issuer, the configuration and the endpoints lie on three hosts of one vendor."""

    CONFIGURATION = "https://sso.canvaslms.com/api/lti/security/openid-configuration"

    @pytest.fixture
    def production(self, tmp_path: Path, database_url: str) -> Iterator[Engine]:
        settings = Settings(data_dir=tmp_path, database_url=database_url)
        plugins = [("lti_launch", lti_launch), *FAMILIES]
        engine = Engine.open(settings, plugins=plugins)
        yield engine
        engine.close()

    @pytest.fixture
    def wire(self) -> Any:
        with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
            yield wire

    def document(self, **changes: Any) -> dict[str, Any]:
        host = "https://sso.canvaslms.com"
        return {
            "issuer": "https://canvas.instructure.com",
            "authorization_endpoint": f"{host}/api/lti/authorize_redirect",
            "token_endpoint": f"{host}/login/oauth2/token",
            "jwks_uri": f"{host}/api/lti/security/jwks",
            "registration_endpoint": "https://campus.instructure.com/api/lti/registrations",
            "authorization_server": "canvas.instructure.com",
            "https://purl.imsglobal.org/spec/lti-platform-configuration": {
                "product_family_code": "canvas",
                "messages_supported": [{"type": "LtiResourceLinkRequest"}],
            },
        } | changes

    def register(self, engine: Engine, wire: Any, **changes: Any) -> Any:
        wire.get(self.CONFIGURATION, json=self.document(**changes))
        answer = {"client_id": "10000000000042", TOOL_CONFIGURATION: {}}
        wire.post("https://campus.instructure.com/api/lti/registrations", json=answer)
        organization = engine.organizations.get()
        _, token = engine.room(Tool).invitations.issue(organization.id, author="t", hours=1)
        return engine.room(DynamicRegistration).register(
            token, self.CONFIGURATION, "canvas-token", issuer="https://canvas.instructure.com"
        )

    def test_is_registered(self, production: Engine, wire: Any) -> None:
        kept = self.register(production, wire)

        assert (kept.family, kept.client_id, kept.deployment_ids) == (
            "canvas",
            "10000000000042",
            (),
        )
        assert kept.token_audience == ""
        assert kept.name == "Canvas (sso.canvaslms.com)"
        bearers = [call.request.headers.get("Authorization") for call in wire.calls]
        assert bearers == ["Bearer canvas-token"] * 2

    @pytest.mark.parametrize(
        "changes",
        [
            {"jwks_uri": "https://canvaslms.com.evil.example/jwks"},
            {"token_endpoint": "http://sso.canvaslms.com/token"},
            {"issuer": "https://lms.campus.edu"},
        ],
    )
    def test_vendor_vouches_for_its_own_domains_only(
        self, production: Engine, wire: Any, changes: dict[str, Any]
    ) -> None:
        with pytest.raises(RegistrationRejected):
            self.register(production, wire, **changes)

    def test_name_that_leads_to_a_private_address_is_not_called(
        self, production: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 443))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)
        organization = production.organizations.get()
        _, token = production.room(Tool).invitations.issue(organization.id, author="t", hours=1)

        with pytest.raises(PlatformRefused, match="private"):
            production.room(DynamicRegistration).preview(token, self.CONFIGURATION, "")


@pytest.mark.parametrize(
    "lms",
    ["canvas", "moodle", "blackboard", "brightspace", "sakai", "openedx", "another"],
    indirect=True,
)
def test_roster_of_another_course_is_believed_of_no_family(lms: LmsFamily) -> None:
    foreign = {"context": {"id": "3"}, "members": [{"user_id": "6", "roles": ["Learner"]}]}
    lms.wire.add("GET", lms.platform.members_url, json=foreign)

    with pytest.raises(PlatformReplyInvalid, match="another course"):
        lms.list_members()
