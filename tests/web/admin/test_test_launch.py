"""The first launch of a new LMS: the page waits, and shows what came and what is missing."""

import pytest
import responses

from mentorai.core.errors import DeploymentHeld
from mentorai.core.values import GradeService, Launch
from mentorai.lti.launch_log_rows import Sender, Visit
from mentorai.lti.registrations import HOLD, School
from mentorai.lti.tool import Tool
from tests.fakes.visitor import open_session

VISIT = Visit("7KQ2-XM4D-90TZ", "Mozilla/5.0 (Windows NT 10.0) Gecko/2 Firefox/133.0")
SCORE = "https://purl.imsglobal.org/spec/lti-ags/scope/score"
SCHOOL = School("guid-1", "Tide <College>", "https://tide.example")


@pytest.fixture
def tool(engine):
    return engine.room(Tool)


@pytest.fixture
def lms(tool, organization):
    return tool.registrations.add(
        organization.id,
        issuer="https://lms.example",
        client_id="c",
        auth_url="https://lms.example/a",
        token_url="https://lms.example/t",
        keyset_url="https://lms.example/k",
        deployment_ids=["1"],
        deployment_policy=HOLD,
    )


@pytest.fixture
def page(lms):
    return f"/admin/platforms/{lms.id}/test"


@pytest.fixture
def launch(engine, tool, lms, mentor):
    """A launch that is let in, as the log has it."""

    def launch(**facts):
        session = open_session(engine, mentor, grade_service=facts.pop("grade_service", None))
        message = Launch(
            organization_id=lms.organization_id,
            registration_id=lms.id,
            deployment_id="1",
            issuer=lms.issuer,
            client_id=lms.client_id,
            family_code="",
            message_type="LtiResourceLinkRequest",
            subject="ana",
            role=session.role,
            target="/",
        )
        tool.launch_log.note_admitted(
            message, claims={}, way="cookie", visit=VISIT, session_id=session.id
        )

    return launch


def test_page_waits_and_reloads_by_itself_until_a_launch_came(it_person, page):
    text = it_person.get(page).text

    assert "No launch has come yet" in text
    assert "data-waiting" in text
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in text


def test_launch_is_shown_with_who_came_and_what_is_missing(it_person, page, launch):
    service = GradeService("https://lms.example/i", None, frozenset({SCORE}))
    launch(grade_service=service)

    text = it_person.get(page).text

    assert "It works." in text
    for words in ("Ana Souza", "Learner", "Marine biology", "Week 3"):
        assert words in text
    assert "data-waiting" not in text
    assert text.count(">Offered<") == 2
    assert text.count(">Missing<") == 4
    assert "this tool&#39;s entry, its services or scopes" in text


def test_page_can_wait_for_another_launch(tool, it_person, lms, page, launch):
    launch()
    it_person.get(page)
    (entry,) = tool.launch_log.list(lms.organization_id, registration_id=lms.id)[1]

    waiting = it_person.get(f"{page}?after={entry.id}").text
    launch()

    assert "It works." not in waiting
    assert "It works." in it_person.get(f"{page}?after={entry.id}").text


def test_refused_launch_is_explained_with_where_to_change_it(tool, it_person, lms, page):
    tool.launch_log.note_refused(
        Sender(lms.id, True),
        code="claim_missing",
        reason="<b>sub</b> is missing.",
        clause="",
        visit=VISIT,
    )

    text = it_person.get(page).text

    assert "&lt;b&gt;sub&lt;/b&gt; is missing." in text
    assert "privacy level" in text
    assert "data-waiting" in text


def test_held_launch_is_told_of_no_more_when_its_deployment_was_approved(
    tool, it_person, lms, page
):
    with pytest.raises(DeploymentHeld):
        tool.deployments.admit(lms, "d-9", "Shore life", SCHOOL)
    held = {"code": "deployment_held", "reason": "It waits.", "clause": "", "visit": VISIT}
    tool.launch_log.note_refused(Sender(lms.id, True), **held)
    before = it_person.get(page).text
    tool.deployments.approve(lms.organization_id, lms.id, "d-9", "it")

    after = it_person.get(page).text

    assert ("that nobody has let in yet" in before, "It waits." in before) == (True, False)
    assert ("that nobody has let in yet" in after, "It waits." in after) == (False, False)
    assert "Waiting for the next launch." in after


def test_held_deployment_is_approved_there_by_what_its_school_says(tool, it_person, lms, page):
    with pytest.raises(DeploymentHeld):
        tool.deployments.admit(lms, "d-9", "Shore life", SCHOOL)
    text = it_person.get(page).text

    decision = {"deployment_id": "d-9", "decision": "approve", "back": "test"}
    answer = it_person.post(f"/admin/platforms/{lms.id}/deployments/decision", decision)

    assert "Tide &lt;College&gt;" in text
    assert "https://tide.example" in text
    assert answer.headers["Location"].startswith(page)
    assert tool.registrations.get(lms.organization_id, lms.id).held_ids == ()


def test_findings_name_the_screen_and_come_worst_first(it_person, lms):
    here = f"/admin/platforms/{lms.id}/check"
    before = it_person.get(here).text
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        wire.get("https://lms.example/k", status=404)
        wire.get("https://lms.example/a", status=404)
        wire.post("https://lms.example/t", status=401, json={"error": "invalid_client"})
        text = it_person.post(here).text

    assert "Nothing is changed there" in before
    assert "things are wrong" in text
    assert "where the LMS shows its own values" in text
    assert text.index(">Wrong<") < text.index(">Note<")


def test_page_of_another_organizations_lms_is_not_found(it_person, tool, engine, lms):
    elsewhere = engine.organizations.put("elsewhere", "Elsewhere")
    theirs = tool.registrations.add(
        elsewhere.id,
        issuer="https://other.example",
        client_id="c",
        auth_url="https://other.example/a",
        token_url="https://other.example/t",
        keyset_url="https://other.example/k",
        deployment_ids=["1"],
    )

    for part in ("test", "check", "connections"):
        assert it_person.get(f"/admin/platforms/{theirs.id}/{part}").status_code == 404
