"""Register an LMS, and the keys of this tool: what campus IT sees and does."""

import re
from collections.abc import Iterator

import pytest

from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.settings import Settings
from mentorai.lti.tool import Tool
from mentorai.plugins import canvas, lti_launch, moodle
from tests.fakes.visitor import Visitor

PATH = "/admin/platforms/register"


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    plugins = [("lti_launch", lti_launch), ("canvas", canvas), ("moodle", moodle)]
    engine = Engine.open(settings, plugins=plugins)
    yield engine
    engine.close()


def test_platforms_page_leads_to_registration_and_keys(it_person: Visitor) -> None:
    page = it_person.get("/admin/platforms").text

    assert f'href="{PATH}"' in page
    assert 'href="/admin/platforms/keys"' in page


def test_link_is_shown_once_and_then_listed_without_its_secret(
    engine: Engine, it_person: Visitor
) -> None:
    it_person.get(PATH)
    made = it_person.post(PATH, {"expected_host": "https://lms.example.edu/login"})

    token = re.search(r"/lti/register/(mri_[\w-]{43})", made.text)
    assert token
    assert made.headers["Cache-Control"] == "no-store"
    listed = it_person.get(PATH).text
    assert "lms.example.edu" in listed
    assert token[1] not in listed
    invitation = engine.room(Tool).invitations.check(token[1])
    assert invitation.author.startswith("admin:")
    _, entries = engine.audit.list(invitation.organization_id)
    assert [entry.action for entry in entries] == ["invitation_issued"]


@pytest.mark.parametrize(
    "host", ["lms example edu", "https://", "é.example", "x" * 300, "http://["]
)
def test_host_that_is_none_is_said_to_be_so(it_person: Visitor, host: str) -> None:
    it_person.get(PATH)

    page = it_person.post(PATH, {"expected_host": host})

    assert page.status_code == 422
    assert "A host name such as" in page.text
    assert 'aria-invalid="true"' in page.text


def test_link_can_be_withdrawn(engine: Engine, it_person: Visitor) -> None:
    organization = engine.organizations.get()
    invitation, token = engine.room(Tool).invitations.issue(organization.id, author="t", hours=1)
    it_person.get(PATH)

    answer = it_person.post(f"{PATH}/{invitation.id}/withdraw")

    assert "of no use any more" in it_person.follow(answer).text
    assert it_person.get(f"/lti/register/{token}").status_code == 410
    for name in (invitation.id, "nothing", "%00"):
        assert it_person.post(f"{PATH}/{name}/withdraw").status_code == 404


def test_invitations_of_another_organization_are_not_found(
    engine: Engine, it_person: Visitor
) -> None:
    other = engine.organizations.put("other", "Other")
    invitation, token = engine.room(Tool).invitations.issue(
        other.id, author="t", hours=1, expected_host="secret.example.edu"
    )

    assert "secret.example.edu" not in it_person.get(PATH).text
    assert it_person.post(f"{PATH}/{invitation.id}/withdraw").status_code == 404
    assert engine.room(Tool).invitations.check(token) == invitation


def test_what_is_pasted_by_hand_is_on_the_page(it_person: Visitor) -> None:
    page = it_person.get(PATH).text

    assert "http://localhost:8000/lti/configuration/canvas.json" in page
    assert "Initiate login URL" in page


def test_keys_are_listed_with_what_becomes_of_them(engine: Engine, it_person: Visitor) -> None:
    tool = engine.room(Tool)
    engine.room(Tool).registrations.add(
        engine.organizations.get().id,
        name="Campus LMS",
        issuer="https://lms.example.edu",
        client_id="c",
        auth_url="https://lms.example.edu/auth",
        token_url="https://lms.example.edu/token",
        keyset_url="https://lms.example.edu/jwks",
        deployment_ids=["1"],
    )
    first = it_person.get("/admin/platforms/keys").text
    assert "Active" in first
    assert "Campus LMS" not in first

    following = tool.tool_keys.rotate()
    warned = it_person.get("/admin/platforms/keys").text
    assert following.kid in warned
    assert "Campus LMS has not fetched our key set" in warned
    assert "may sign from" in warned

    tool.keyset_fetches.note("MoodleBot (+https://lms.example.edu)", "192.0.2.4")
    assert tool.keyset_fetches.list()[0].fetched_at <= now()
    calm = it_person.get("/admin/platforms/keys").text
    assert "has not fetched" not in calm
    assert "MoodleBot (+https://lms.example.edu)" in calm
