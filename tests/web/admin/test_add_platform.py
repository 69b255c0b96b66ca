"""Platforms, Add: an LMS is connected by its own guide, kept as a draft until its keys are read."""

import re

import pytest
import responses

from mentorai.core import hookimpl
from mentorai.core.engine import Engine
from mentorai.core.errors import InputRejected
from mentorai.core.values import SetupField, SetupGuide, SetupStep, SetupWay
from mentorai.lti.setup_forms import read_facts
from mentorai.lti.tool import Tool
from mentorai.plugins import blackboard, brightspace, canvas, lti_launch, moodle, openedx, sakai
from tests.fakes.signing_platform import make_key
from tests.web.admin.conftest import EMAIL

FAMILIES = {
    "canvas": canvas,
    "moodle": moodle,
    "brightspace": brightspace,
    "sakai": sakai,
    "blackboard": blackboard,
    "openedx": openedx,
}
APPLICATION = "5ad3c4f0-8a1b-4c52-9d39-0f8f5f7f2a11"
CANVAS_KEYS = "https://sso.canvaslms.com/api/lti/security/jwks"


@pytest.fixture
def engine(settings):
    engine = Engine.open(settings, plugins=[("lti_launch", lti_launch), *FAMILIES.items()])
    yield engine
    engine.close()


@pytest.fixture
def tool(engine):
    return engine.room(Tool)


@pytest.fixture
def wire():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        yield wire


def serve_keys(wire, url=CANVAS_KEYS):
    key = make_key("k1")
    wire.get(url, json={"keys": [key.as_dict(private=False)]})


def add(visitor, family, **given):
    visitor.get(f"/admin/platforms/add/{family}")
    return visitor.post(f"/admin/platforms/add/{family}", given)


@pytest.mark.parametrize("family", [*FAMILIES, "lti"])
def test_each_lms_has_a_page_that_shows_our_values_as_text(it_person, family):
    choice = it_person.get("/admin/platforms/add").text
    page = it_person.get(f"/admin/platforms/add/{family}").text

    assert f'href="/admin/platforms/add/{family}"' in choice
    for address in ("/lti/launch", "/lti/jwks.json"):
        assert f"http://localhost:8000{address}" in page
    assert 'class="steps"' in page
    # These two have no registration by link.
    assert ("Make a link" in page) == (family not in ("blackboard", "openedx"))


def test_lms_without_steps_is_not_found(it_person):
    assert it_person.get("/admin/platforms/add/lyceum").status_code == 404


def test_canvas_is_registered_from_its_number_alone(it_person, tool, organization, wire):
    serve_keys(wire)

    answer = add(it_person, "canvas", client_id="10000000000042")

    (made,) = tool.registrations.list(organization.id)
    assert answer.headers["Location"].startswith(f"/admin/platforms/{made.id}/test")
    assert (made.issuer, made.keyset_url) == ("https://canvas.instructure.com", CANVAS_KEYS)
    assert made.auth_url == "https://sso.canvaslms.com/api/lti/authorize_redirect"
    assert (made.family, made.deployment_policy) == ("canvas", "hold")
    assert tool.registration_drafts.list(organization.id) == []


@pytest.mark.parametrize(
    ("family", "given", "facts"),
    [
        (
            "canvas",
            {"choice": "beta", "client_id": "7"},
            {"issuer": "https://canvas.beta.instructure.com"},
        ),
        (
            "moodle",
            {"address": "https://moodle.example.edu/lms/course/view.php?id=2", "client_id": "a"},
            {
                "issuer": "https://moodle.example.edu/lms",
                "auth_url": "https://moodle.example.edu/lms/mod/lti/auth.php",
            },
        ),
        (
            "brightspace",
            {"host": "school.brightspace.com/d2l/home/1", "client_id": APPLICATION},
            {
                "issuer": "https://school.brightspace.com",
                "token_url": "https://auth.brightspace.com/core/connect/token",
            },
        ),
        (
            "blackboard",
            {"client_id": APPLICATION},
            {
                "issuer": "https://blackboard.com",
                "keyset_url": "https://developer.blackboard.com/api/v1/management/applications/"
                f"{APPLICATION}/jwks.json",
            },
        ),
        (
            "openedx",
            {
                "address": "courses.example.edu",
                "client_id": "3f2a",
                "keyset_url": "https://courses.example.edu/keys",
                "token_url": "https://courses.example.edu/token",
                "auth_url": "https://courses.example.edu/auth",
            },
            {
                "issuer": "https://courses.example.edu",
                "auth_url": "https://courses.example.edu/auth",
            },
        ),
    ],
)
def test_pasted_address_becomes_all_addresses_of_the_lms(engine, family, given, facts):
    (guide,) = (each for each in engine.plugins.ask_all("setup_guide") if each.family == family)

    found = read_facts(guide, given)

    assert {name: found[name] for name in facts} == facts


@pytest.mark.parametrize("address", ["", "not an address", "https://", "javascript:alert(1)"])
def test_moodle_without_an_address_is_refused_beside_its_field(it_person, address):
    answer = add(it_person, "moodle", address=address, client_id="a8bK")

    assert answer.status_code == 422
    assert 'id="address-wrong-1"' in answer.text


@pytest.mark.parametrize("client_id", ["mentorAI", f"{APPLICATION}/x", "5ad3c4f08a1b4c529d390f8f"])
def test_application_that_is_no_uuid_is_refused_beside_its_field(it_person, tool, client_id):
    answer = add(it_person, "blackboard", client_id=client_id)

    assert answer.status_code == 422
    assert 'id="client_id-wrong-1">This looks otherwise' in answer.text


def test_what_a_school_of_blackboard_enters_stands_at_its_own_step(it_person, tool, wire):
    keys = "https://developer.blackboard.com/api/v1/management/applications"
    serve_keys(wire, f"{keys}/{APPLICATION}/jwks.json")
    steps = it_person.get("/admin/platforms/add/blackboard").text.split("<li>")

    waiting = it_person.follow(add(it_person, "blackboard", client_id=APPLICATION)).text

    names = ("Login Initiation URL", "Allow grade service access", "Deep Linking content tool")
    assert [[name in step for name in names] for step in steps[1:]] == [
        [True, False, False],
        [False, False, False],
        [False, True, False],
        [False, False, True],
        [False, False, False],
    ]
    # The form leads on to a page that shows what comes after it.
    assert "What is left to do in the LMS" in waiting
    assert [name in waiting for name in names] == [False, True, True]
    assert "data-copy=" in waiting


def test_draft_is_kept_with_what_is_wrong_when_keys_cannot_be_read(
    it_person, tool, organization, wire
):
    wire.get(CANVAS_KEYS, body="<html>Sign in</html>", content_type="text/html")

    answer = add(it_person, "canvas", client_id="10000000000042", name="Our Canvas")

    assert answer.status_code == 422
    assert "not JSON" in answer.text
    (draft,) = tool.registration_drafts.list(organization.id)
    assert tool.registrations.list(organization.id) == []
    assert f"draft={draft.id}" in it_person.get("/admin/platforms").text
    again = it_person.get(f"/admin/platforms/add/canvas?draft={draft.id}").text
    assert 'value="10000000000042"' in again


def test_draft_is_finished_when_keys_can_be_read(it_person, tool, organization, wire):
    add(it_person, "canvas", client_id="7")
    (draft,) = tool.registration_drafts.list(organization.id)
    serve_keys(wire)

    add(it_person, "canvas", client_id="7", draft=draft.id)

    assert [one.client_id for one in tool.registrations.list(organization.id)] == ["7"]
    assert tool.registration_drafts.list(organization.id) == []


def test_draft_is_discarded(it_person, tool, organization, wire):
    add(it_person, "canvas")
    (draft,) = tool.registration_drafts.list(organization.id)

    it_person.follow(it_person.post(f"/admin/platforms/drafts/{draft.id}/discard"))

    assert tool.registration_drafts.list(organization.id) == []


def test_lms_that_is_registered_already_is_shown(it_person, tool, organization, wire):
    serve_keys(wire)
    add(it_person, "canvas", client_id="7")
    (made,) = tool.registrations.list(organization.id)

    answer = add(it_person, "canvas", client_id="7")

    assert answer.status_code == 409
    assert f'href="/admin/platforms/{made.id}"' in answer.text


def test_link_is_shown_once_and_its_page_waits_for_the_lms(it_person, tool, organization):
    it_person.get("/admin/platforms/add/moodle")
    host = {"expected_host": "moodle.example.edu"}

    page = it_person.post("/admin/platforms/add/moodle/link", host).text
    waiting = it_person.get(re.search(r'href="(/admin/platforms/add/waiting/[^"]+)"', page)[1])

    assert re.search(r"http://localhost:8000/lti/register/mri_[\w-]+", page)
    assert "data-waiting" in waiting.text
    assert '<noscript><meta http-equiv="refresh"' in waiting.text


def test_waiting_goes_on_when_the_lms_has_registered(it_person, tool, organization):
    invitation, token = tool.invitations.issue(organization.id, author="it", hours=1)
    made = tool.registrations.add(
        organization.id,
        issuer="https://lms.example",
        client_id="c",
        auth_url="https://lms.example/a",
        token_url="https://lms.example/t",
        keyset_url="https://lms.example/k",
        deployment_ids=["1"],
        status="pending",
    )
    tool.invitations.use_up(tool.invitations.claim(token), made.id)

    page = it_person.follow(it_person.get(f"/admin/platforms/add/waiting/{invitation.id}"))

    assert "Approve this LMS" in page.text


def test_what_is_left_after_a_link_is_what_comes_after_the_link(it_person, tool, organization):
    """In Moodle nothing is left after the form, and two steps are after the link."""
    _, token = tool.invitations.issue(organization.id, author="it", hours=1)
    made = tool.registrations.add(
        organization.id,
        issuer="https://moodle.example",
        client_id="c",
        auth_url="https://moodle.example/a",
        token_url="https://moodle.example/t",
        keyset_url="https://moodle.example/k",
        deployment_ids=["1"],
        family="moodle",
    )
    by_hand = it_person.get(f"/admin/platforms/{made.id}/test").text
    tool.invitations.use_up(tool.invitations.claim(token), made.id)

    by_link = it_person.get(f"/admin/platforms/{made.id}/test").text

    assert "What is left to do" not in by_hand
    assert by_link.index("What is left to do") < by_link.index("<code>Activate</code>")
    assert "Paste the link" not in by_link


def test_pages_are_for_campus_it_alone(instructor, session):
    for path in ("add", "add/canvas", "drafts/x/discard", "x/test", "x/check"):
        assert instructor.get(f"/s/{session.id}/admin/platforms/{path}").status_code in (404, 405)
        assert instructor.get(f"/admin/platforms/{path}").status_code in (303, 405)


class Lyceum:
    """An LMS of which nobody here has heard."""

    @hookimpl
    def setup_guide(self):
        return SetupGuide(
            family="lyceum",
            title="Lyceum",
            needs="An administrator.",
            ways=(SetupWay("By hand", (SetupStep("Bring <it>.", "Tools", shows="form"),)),),
            fields=(SetupField("host", "Host", kind="host"), SetupField("client_id", "Client")),
            facts={
                "issuer": "{host}",
                "client_id": "{client_id}",
                "auth_url": "http://10.0.0.7/auth",
                "token_url": "{host}/token",
                "keyset_url": "{host}/keys",
            },
        )


def test_plugin_of_a_stranger_gets_a_page_of_its_own(settings, wire):
    from mentorai.web.app import create_app
    from tests.fakes.visitor import Visitor
    from tests.web.admin.conftest import EMAIL, PASSWORD

    engine = Engine.open(settings, plugins=[("lyceum", Lyceum())])
    engine.admins.take_setup_code(engine.admins.issue_setup_code(), EMAIL, PASSWORD)
    visitor = Visitor(create_app(engine), binding="")
    visitor.get("/admin/sign-in")
    visitor.post("/admin/sign-in", {"email": EMAIL, "password": PASSWORD})
    serve_keys(wire, "https://lyceum.example/keys")

    page = visitor.get("/admin/platforms/add/lyceum").text
    answer = add(visitor, "lyceum", host="lyceum.example", client_id="c")

    assert "Bring &lt;it&gt;." in page
    # What the plugin itself names is looked at as everything else is.
    assert answer.status_code == 422
    assert engine.room(Tool).registrations.list(engine.organizations.get().id) == []
    engine.close()


def test_missing_field_is_named_not_the_fact(engine):
    (guide,) = (each for each in engine.plugins.ask_all("setup_guide") if each.family == "canvas")

    with pytest.raises(InputRejected) as refused:
        read_facts(guide, {"choice": "own", "client_id": "7"})

    assert set(refused.value.errors) == {"address"}


OWN_CANVAS = {"choice": "own", "client_id": "7", "address": "https://canvas.example.edu/courses/3"}


def test_canvas_of_ones_own_is_registered_from_its_domain(it_person, tool, organization, wire):
    serve_keys(wire, "https://canvas.example.edu/api/lti/security/jwks")

    add(it_person, "canvas", **OWN_CANVAS)

    (made,) = tool.registrations.list(organization.id)
    assert (made.name, made.issuer) == (
        "Canvas (canvas.example.edu)",
        "https://canvas.instructure.com",
    )
    assert made.token_url == "https://canvas.example.edu/login/oauth2/token"


def test_canvas_of_ones_own_may_have_an_issuer_and_addresses_of_its_own(engine):
    (guide,) = (each for each in engine.plugins.ask_all("setup_guide") if each.family == "canvas")
    others = {
        "issuer": "https://canvas.example.edu/",
        "auth_url": "https://sign-on.example.edu/lti?realm=staff",
        "keyset_url": "https://sign-on.example.edu/keys",
    }

    found = read_facts(guide, OWN_CANVAS | others)

    assert found == {
        "issuer": "https://canvas.example.edu",
        "client_id": "7",
        "auth_url": "https://sign-on.example.edu/lti?realm=staff",
        "token_url": "https://canvas.example.edu/login/oauth2/token",
        "keyset_url": "https://sign-on.example.edu/keys",
    }


@pytest.mark.parametrize("family", ["blackboard", "moodle", "brightspace", "sakai"])
def test_addresses_that_an_lms_shows_instead_are_taken(it_person, tool, organization, wire, family):
    serve_keys(wire, "https://portal.example.edu/keys")

    add(
        it_person,
        family,
        client_id=APPLICATION,
        address="lms.example.edu",
        host="lms.example.edu",
        auth_url="https://portal.example.edu/auth",
        token_url="https://portal.example.edu/token",
        keyset_url="https://portal.example.edu/keys",
    )

    (made,) = tool.registrations.list(organization.id)
    assert (made.auth_url, made.token_url) == (
        "https://portal.example.edu/auth",
        "https://portal.example.edu/token",
    )


@pytest.mark.parametrize("address", ["portal.example.edu", "http://portal.example.edu/auth"])
def test_other_address_that_cannot_be_one_is_refused_in_its_open_fold(it_person, wire, address):
    serve_keys(wire)

    answer = add(it_person, "canvas", client_id="7", auth_url=address)

    assert answer.status_code == 422
    assert 'id="auth_url-wrong-1"' in answer.text
    assert "<details open>" in answer.text
    assert "<details open>" not in it_person.get("/admin/platforms/add/canvas").text


def test_two_drafts_of_one_lms_are_told_apart(it_person, wire):
    add(it_person, "moodle", address="moodle.example.edu/my/", client_id="one")
    add(it_person, "moodle", address="https://test.example.edu", client_id="two")
    add(it_person, "canvas", client_id="7", choice="beta")

    page = it_person.get("/admin/platforms").text

    for told in (
        "moodle.example.edu, one",
        "test.example.edu, two",
        "Hosted by Instructure, beta, 7",
    ):
        assert f">{told}</span>" in page
        assert f"{told}</span></button>" in page
    assert EMAIL in page.partition("Not finished")[2]
