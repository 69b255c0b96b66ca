"""The privacy page in a browser: axe finds nothing, and deleting works by keyboard."""

from dataclasses import replace

import pytest

from mentorai.core.values import Launch, Role
from mentorai.lti.data_privacy import PrivacyRequest
from mentorai.lti.tool import Tool
from mentorai.plugins import lti_launch
from tests.browser.test_accessibility import check, see
from tests.fakes.visitor import BINDING


@pytest.fixture
def plugins():
    return [("lti_launch", lti_launch)]


@pytest.fixture
def privacy(house):
    """The address of the privacy page of the student, who also administers the LMS."""
    tool = house.engine.room(Tool)
    registration = tool.registrations.add(
        house.mentor.organization_id,
        issuer="https://lms.example",
        client_id="client",
        auth_url="https://lms.example/auth",
        token_url="https://lms.example/token",
        keyset_url="https://lms.example/keys",
        deployment_ids=["1"],
    )
    launch = Launch(
        organization_id=house.mentor.organization_id,
        registration_id=registration.id,
        deployment_id="1",
        issuer="https://lms.example",
        client_id="client",
        family_code="lti",
        message_type="LtiDataPrivacyLaunchRequest",
        subject="6",
        role=Role.OTHER,
        target="/",
        name="Ana Souza",
    )
    with house.engine.database.write() as connection:
        person = house.engine.people.put_arrival(connection, launch).person
    list(
        house.engine.ask(replace(house.student, person_id=person.id), "Why do mussels form bands?")
    )
    visit = tool.privacy_visits.put(launch, PrivacyRequest("6", True, True), BINDING)
    return f"{house.url}/lti/data-privacy/{visit}"


def test_privacy_pages_are_accessible(open_context, privacy):
    page = open_context(reduced_motion="reduce").new_page()
    found = see(page, "privacy", privacy)
    page.get_by_role("link", name="Delete my conversations").click()
    found += check(page, "question")

    assert found == []


def test_conversations_are_deleted_by_keyboard(page, privacy):
    page.goto(privacy)
    page.get_by_role("link", name="Delete my conversations").press("Enter")
    page.get_by_role("button", name="Delete them all").press("Enter")

    page.get_by_role("status").get_by_text("1 conversation was deleted.").wait_for()
