"""Launches from the sandbox: 1EdTech Security Framework 5.1, LTI 1.3 core 5."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine

from mentorai.core.clock import now
from mentorai.plugins.sandbox.school import PEOPLE
from tests.fakes.sandbox_client import SandboxClient, read_form, sandbox_client

CLAIM = "https://purl.imsglobal.org/spec/lti/claim"
AGS = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
MEMBERSHIP = "http://purl.imsglobal.org/vocab/lis/v2/membership"


@pytest.fixture
def sandbox() -> Iterator[SandboxClient]:
    with sandbox_client() as client:
        yield client


def test_login_initiation_carries_every_parameter(sandbox: SandboxClient) -> None:
    login = sandbox.begin()

    assert login.url == "http://localhost:8000/lti/login"
    assert login.method == "post"
    assert sorted(login.fields) == [
        "client_id",
        "iss",
        "login_hint",
        "lti_deployment_id",
        "lti_message_hint",
        "target_link_uri",
    ]


def test_login_initiation_goes_by_get_when_told_to(sandbox: SandboxClient) -> None:
    sandbox.platform.behave({"login_by": "get"})

    assert sandbox.begin().method == "get"


def test_message_hint_survives_only_byte_for_byte(sandbox: SandboxClient) -> None:
    login = sandbox.begin()
    spaced = login.fields["lti_message_hint"].replace(":", ": ", 1)

    form = read_form(sandbox.authenticate(login, lti_message_hint=spaced))

    assert form.fields["error"] == "invalid_request"


def test_id_token_is_signed_and_says_who_where_and_what(sandbox: SandboxClient) -> None:
    claims = sandbox.launch("maya", "shore-quiz")

    assert claims["iss"] == "http://127.0.0.1:8001"
    assert claims["aud"] == "mentorai-in-the-sandbox"
    assert claims["sub"] == sandbox.subs["maya"]
    assert claims["nonce"] == "the nonce"
    assert claims["exp"] - claims["iat"] == 60
    assert claims["name"] == "Maya Lindqvist"
    assert claims[f"{CLAIM}/version"] == "1.3.0"
    assert claims[f"{CLAIM}/message_type"] == "LtiResourceLinkRequest"
    assert claims[f"{CLAIM}/deployment_id"] == "1"
    assert claims[f"{CLAIM}/target_link_uri"] == "http://localhost:8000/lti/launch"
    assert claims[f"{CLAIM}/custom"]["mentor"] == "tidal-pools"
    assert claims[f"{CLAIM}/context"]["label"] == "BIO 140"


def test_state_comes_back_with_the_token(sandbox: SandboxClient) -> None:
    form = read_form(sandbox.authenticate(sandbox.begin()))

    assert form.url == "http://localhost:8000/lti/launch"
    assert form.method == "post"
    assert sorted(form.fields) == ["id_token", "state"]
    assert form.fields["state"] == "the state"


def test_authentication_request_is_taken_by_post_too(sandbox: SandboxClient) -> None:
    login = sandbox.begin()
    asked = {
        "response_type": "id_token",
        "response_mode": "form_post",
        "scope": "openid",
        "prompt": "none",
        "client_id": login.fields["client_id"],
        "redirect_uri": "http://localhost:8000/lti/launch",
        "login_hint": login.fields["login_hint"],
        "lti_message_hint": login.fields["lti_message_hint"],
        "nonce": "n",
    }

    form = read_form(sandbox.post("/lti/auth", data=asked))

    assert sorted(form.fields) == ["id_token"]


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("response_type", "code", "unsupported_response_type"),
        ("response_type", None, "unsupported_response_type"),
        ("scope", "openid email", "invalid_scope"),
        ("response_mode", "query", "invalid_request"),
        ("response_mode", None, "invalid_request"),
        ("prompt", "login", "invalid_request"),
        ("nonce", None, "invalid_request"),
        ("nonce", "", "invalid_request"),
        ("lti_message_hint", None, "invalid_request"),
        ("lti_message_hint", '{"launch":"of another"}', "invalid_request"),
        ("login_hint", "somebody else", "access_denied"),
        ("login_hint", None, "access_denied"),
    ],
)
def test_wrong_request_is_told_to_the_tool(
    sandbox: SandboxClient, field: str, value: str | None, error: str
) -> None:
    form = read_form(sandbox.authenticate(sandbox.begin(), **{field: value}))

    assert form.url == "http://localhost:8000/lti/launch"
    assert form.fields["error"] == error
    assert form.fields["state"] == "the state"
    assert "id_token" not in form.fields


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("client_id", "another tool"),
        ("client_id", None),
        ("redirect_uri", "http://localhost:8000/lti/launch/"),
        ("redirect_uri", "http://localhost:8000/lti/launch?x=1"),
        ("redirect_uri", "https://evil.example/"),
        ("redirect_uri", None),
    ],
)
def test_unregistered_address_gets_a_page_and_no_form(
    sandbox: SandboxClient, field: str, value: str | None
) -> None:
    page = sandbox.authenticate(sandbox.begin(), **{field: value})

    assert page.status_code == 400
    assert "<form" not in page.text
    assert "evil.example" not in page.text


def test_launch_is_answered_once(sandbox: SandboxClient) -> None:
    login = sandbox.begin()
    sandbox.authenticate(login)

    form = read_form(sandbox.authenticate(login))

    assert form.fields["error"] == "invalid_request"


def test_launch_is_refused_when_it_began_long_ago(sandbox: SandboxClient) -> None:
    login = sandbox.begin()

    with time_machine.travel(now() + timedelta(minutes=6)):
        form = read_form(sandbox.authenticate(login))

    assert form.fields["error"] == "invalid_request"


def test_two_launches_under_way_do_not_disturb_each_other(sandbox: SandboxClient) -> None:
    first, second = sandbox.begin("maya"), sandbox.begin("tomas")

    subjects = [sandbox.claims_of(sandbox.authenticate(login))["sub"] for login in (second, first)]

    assert subjects == [sandbox.subs["tomas"], sandbox.subs["maya"]]


@pytest.mark.parametrize(
    ("person", "role"),
    [
        ("maya", f"{MEMBERSHIP}#Learner"),
        ("ruth", f"{MEMBERSHIP}#Instructor"),
        ("jonas", f"{MEMBERSHIP}/Instructor#TeachingAssistant"),
    ],
)
def test_roles_are_those_of_the_course(sandbox: SandboxClient, person: str, role: str) -> None:
    assert role in sandbox.launch(person)[f"{CLAIM}/roles"]


def test_campus_it_has_no_role_in_a_course(sandbox: SandboxClient) -> None:
    roles = sandbox.launch("ines")[f"{CLAIM}/roles"]

    assert roles == ["http://purl.imsglobal.org/vocab/lis/v2/institution/person#Administrator"]


def test_private_student_shares_nothing_but_a_subject(sandbox: SandboxClient) -> None:
    claims = sandbox.launch("private")

    assert claims["sub"]
    assert not {"name", "given_name", "family_name", "email"} & set(claims)


def test_every_person_has_a_subject_of_their_own() -> None:
    assert len({person.sub for person in PEOPLE}) == len(PEOPLE)


def test_graded_link_names_its_line_item(sandbox: SandboxClient) -> None:
    endpoint = sandbox.launch("maya", "shore-quiz")[AGS]

    assert endpoint["lineitem"].startswith(endpoint["lineitems"] + "/")
    assert len(endpoint["scope"]) == 4


def test_ungraded_link_names_no_line_item(sandbox: SandboxClient) -> None:
    assert "lineitem" not in sandbox.launch("maya", "life-quiz")[AGS]


def test_link_with_two_line_items_names_neither(sandbox: SandboxClient) -> None:
    link = sandbox.launch("maya", "shore-quiz")[f"{CLAIM}/resource_link"]["id"]
    sandbox.add_column(sandbox.bearer(), resourceLinkId=link)

    assert "lineitem" not in sandbox.launch("maya", "shore-quiz")[AGS]


def test_clock_offset_moves_the_times_of_a_token(sandbox: SandboxClient) -> None:
    sandbox.platform.behave({"clock_offset_seconds": -7200})

    claims = sandbox.launch()

    assert claims["iat"] == pytest.approx(now().timestamp() - 7200, abs=30)
    assert claims["exp"] - claims["iat"] == 60


def test_claims_can_be_altered_before_signing(sandbox: SandboxClient) -> None:
    sandbox.platform.alter_claims = lambda claims: claims | {"sub": "somebody"}

    assert sandbox.launch()["sub"] == "somebody"


def test_lost_cookies_mean_that_the_answer_takes_the_whole_window(sandbox: SandboxClient) -> None:
    sandbox.platform.behave({"lose_cookies": True})

    assert 'target="_top"' in sandbox.authenticate(sandbox.begin()).text


def test_rotated_key_signs_and_the_old_one_stays_published(sandbox: SandboxClient) -> None:
    old = sandbox.platform.keys.kid
    new = sandbox.platform.keys.rotate()

    published = [key["kid"] for key in sandbox.get("/lti/jwks.json").get_json()["keys"]]

    assert published == [old, new]
    assert sandbox.launch()["sub"] == sandbox.subs["maya"]


def test_withdrawn_key_is_no_longer_published(sandbox: SandboxClient) -> None:
    new = sandbox.platform.keys.rotate(withdraw_old=True)

    assert [key["kid"] for key in sandbox.platform.keys.published()["keys"]] == [new]


def test_keyset_holds_public_parts_only(sandbox: SandboxClient) -> None:
    (key,) = sandbox.get("/lti/jwks.json").get_json()["keys"]

    assert sorted(key) == ["alg", "e", "kid", "kty", "n", "use"]
