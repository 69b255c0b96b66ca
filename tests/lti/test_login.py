"""Login: the browser is sent on with a ticket, to the registered platform and nowhere else."""

from typing import Any

import pytest

from mentorai.core.errors import ClaimMissing, LaunchRejected, UnknownRegistration
from mentorai.lti.login import begin_login
from tests.fakes.signing_platform import read_query

MOODLE_HINT = '{"cmid":2,"launchid":"ltilaunch1_883095751"}'


def test_login_asks_for_an_id_token_at_the_one_redirect_uri(launcher: Any) -> None:
    asked = launcher.begin(target_link_uri="http://localhost:8000/lti/launch?quiz=7")

    state, nonce = asked.pop("state"), asked.pop("nonce")
    assert asked == {
        "scope": "openid",
        "response_type": "id_token",
        "response_mode": "form_post",
        "prompt": "none",
        "client_id": "mentor-tool",
        "redirect_uri": launcher.tool.launch_url,
        "login_hint": "6",
    }
    assert min(len(state), len(nonce)) >= 43
    assert state != nonce


def test_login_hints_go_back_byte_for_byte(launcher: Any) -> None:
    asked = launcher.begin(lti_message_hint=MOODLE_HINT, login_hint="6 ü&=+%")

    assert (asked["lti_message_hint"], asked["login_hint"]) == (MOODLE_HINT, "6 ü&=+%")


def test_login_keeps_the_query_of_the_platforms_address(launcher: Any, organization: Any) -> None:
    facts = launcher.platform.facts(
        client_id="q", auth_url="https://lms.example.edu/auth?tenant=a%26b&state=theirs"
    )
    launcher.tool.registrations.add(organization.id, **facts)

    asked = launcher.begin(client_id="q")

    assert asked["tenant"] == "a&b"
    assert asked["state"] != "theirs"


def test_login_without_client_id_finds_the_only_registration(launcher: Any) -> None:
    assert launcher.begin(client_id="")["client_id"] == "mentor-tool"


def test_login_without_client_id_is_refused_when_the_issuer_is_shared(
    launcher: Any, organization: Any
) -> None:
    launcher.tool.registrations.add(organization.id, **launcher.platform.facts(client_id="b"))

    with pytest.raises(UnknownRegistration, match="client_id"):
        launcher.begin(client_id="")


def test_login_is_refused_when_the_registration_is_switched_off(
    launcher: Any, organization: Any, registration: Any
) -> None:
    launcher.tool.registrations.disable(organization.id, registration.id)

    with pytest.raises(UnknownRegistration, match="switched off"):
        launcher.begin()


@pytest.mark.parametrize(
    ("params", "kind"),
    [
        ({"iss": ""}, ClaimMissing),
        ({"login_hint": ""}, ClaimMissing),
        ({"iss": "https://else.example.edu"}, UnknownRegistration),
        ({"client_id": "else"}, UnknownRegistration),
        ({"client_id": "x\0"}, LaunchRejected),
        ({"iss": "x" * 300}, LaunchRejected),
        ({"lti_message_hint": "x" * 9_000}, LaunchRejected),
        ({"lti_deployment_id": "x" * 300}, LaunchRejected),
    ],
)
def test_login_is_refused_for_what_it_brings(
    launcher: Any, params: dict[str, str], kind: type[LaunchRejected]
) -> None:
    with pytest.raises(kind):
        launcher.begin(**params)


def test_login_is_refused_with_nothing(tool: Any) -> None:
    with pytest.raises(ClaimMissing, match="iss"):
        begin_login(tool, {}, "b")


def test_login_at_the_registrations_own_address_needs_no_client_id(
    launcher: Any, organization: Any
) -> None:
    second = launcher.tool.registrations.add(
        organization.id, **launcher.platform.facts(client_id="b")
    )
    params = {"iss": launcher.platform.issuer, "login_hint": "6"}

    url = begin_login(launcher.tool, params, "b" * 64, registration_id=second.id).auth_url

    assert read_query(url)["client_id"] == "b"


@pytest.mark.parametrize(
    "params",
    [
        {"iss": "https://else.example.edu"},
        {"client_id": "else"},
        {"client_id": "b"},
    ],
)
def test_login_at_a_registrations_own_address_is_refused_for_another(
    launcher: Any, organization: Any, registration: Any, params: dict[str, str]
) -> None:
    launcher.tool.registrations.add(organization.id, **launcher.platform.facts(client_id="b"))
    given = {"iss": launcher.platform.issuer, "login_hint": "6"} | params

    with pytest.raises(UnknownRegistration, match="another registration"):
        begin_login(launcher.tool, given, "b" * 64, registration_id=registration.id)


@pytest.mark.parametrize("registration_id", ["", "nothing", "x\0", "0" * 36, "é" * 10_000])
def test_login_at_an_address_of_nobody_is_refused(launcher: Any, registration_id: str) -> None:
    given = {"iss": launcher.platform.issuer, "login_hint": "6"}

    with pytest.raises(UnknownRegistration):
        begin_login(launcher.tool, given, "b" * 64, registration_id=registration_id)


def test_login_at_its_own_address_is_refused_when_the_registration_is_switched_off(
    launcher: Any, organization: Any, registration: Any
) -> None:
    launcher.tool.registrations.disable(organization.id, registration.id)
    given = {"iss": launcher.platform.issuer, "login_hint": "6"}

    with pytest.raises(UnknownRegistration, match="switched off"):
        begin_login(launcher.tool, given, "b" * 64, registration_id=registration.id)
