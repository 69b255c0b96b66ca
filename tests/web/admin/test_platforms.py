"""One LMS in the admin of campus IT: what it is, what may launch from it, what its roles mean."""

import re

import pytest
import responses

from mentorai.core.errors import DeploymentHeld
from mentorai.core.values import Role
from mentorai.lti.registrations import HOLD, PENDING
from mentorai.lti.tool import Tool
from tests.fakes.signing_platform import make_key

FACTS = {
    "issuer": "https://lms.example",
    "client_id": "client-7",
    "auth_url": "https://lms.example/auth",
    "token_url": "https://lms.example/token",
    "keyset_url": "https://lms.example/keys",
    "deployment_ids": ["1"],
    "name": "Campus LMS",
}
ODD_ID = 'd/2?x=<b>"&é'


@pytest.fixture
def tool(engine):
    return engine.room(Tool)


@pytest.fixture
def lms(tool, organization):
    """A registered LMS that holds unknown deployments."""
    return tool.registrations.add(organization.id, **FACTS, deployment_policy=HOLD)


@pytest.fixture
def page(lms):
    """Where its page is."""
    return f"/admin/platforms/{lms.id}"


@pytest.fixture
def held(tool, lms):
    """A deployment of it that waits."""
    with pytest.raises(DeploymentHeld):
        tool.deployments.admit(lms, ODD_ID, "Shore <life>")
    return ODD_ID


def find_states(tool, lms):
    found = tool.deployments.list(lms.organization_id, lms.id)
    return {deployment.deployment_id: deployment.state for deployment in found}


def find_actions(engine, lms):
    """What the audit says was done by campus IT, newest first."""
    entries = engine.audit.list(lms.organization_id)[1]
    return [entry.action for entry in entries if entry.actor.startswith("admin:")]


def test_platform_shows_its_facts_and_addresses(it_person, lms, page):
    text = it_person.get(page).text

    assert "<h1>Campus LMS" in text
    for fact in ("client-7", "https://lms.example/keys", lms.id):
        assert fact in text
    for path in (f"/lti/login/{lms.id}", "/lti/launch", "/lti/jwks.json"):
        assert f"http://localhost:8000{path}</code>" in text


def test_platforms_lead_to_each_and_say_what_waits(it_person, page, held):
    text = it_person.get("/admin/platforms").text

    assert f'href="{page}"' in text
    assert "1 waiting" in text


def test_held_deployment_is_shown_escaped_with_its_course(it_person, page, held):
    text = it_person.get(page).text

    assert "d/2?x=&lt;b&gt;" in text
    assert "Shore &lt;life&gt;" in text
    assert "<b>" not in text


def test_held_deployment_is_shown_first(it_person, page, held):
    rows = re.findall(r'<th role="rowheader".*?<code>(.*?)</code>', it_person.get(page).text)

    assert rows[0].startswith("d/2")
    assert rows[1] == "1"


@pytest.fixture
def wire():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        yield wire


CHANGES = {
    "name": "The LMS",
    "auth_url": "https://sso.lms.example/auth",
    "token_url": "https://sso.lms.example/token",
    "keyset_url": "https://sso.lms.example/keys",
    "token_audience": "https://lms.example",
}


def test_facts_are_changed_once_the_keys_can_be_read(engine, tool, it_person, lms, page, wire):
    assert 'value="https://lms.example/token"' in it_person.get(f"{page}/edit").text
    wire.get(CHANGES["keyset_url"], json={"keys": [make_key("k").as_dict(private=False)]})

    answer = it_person.post(f"{page}/edit", CHANGES)

    assert "Ask the LMS now what works" in it_person.follow(answer).text
    changed = tool.registrations.get(lms.organization_id, lms.id)
    assert {name: getattr(changed, name) for name in CHANGES} == CHANGES
    kept = ("issuer", "client_id", "deployments", "status")
    assert [getattr(changed, name) for name in kept] == [getattr(lms, name) for name in kept]
    assert find_actions(engine, lms) == ["registration_changed"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({}, "keyset_url"),
        ({"token_url": "ftp://lms.example"}, "token_url"),
        ({"auth_url": ""}, "auth_url"),
        ({"token_audience": "x" * 300}, "token_audience"),
    ],
    ids=lambda each: str(each)[:20],
)
def test_wrong_facts_change_nothing(tool, it_person, lms, page, wire, changes, field):
    wire.get(CHANGES["keyset_url"], status=500)
    it_person.get(f"{page}/edit")

    answer = it_person.post(f"{page}/edit", CHANGES | changes)

    assert answer.status_code == 422
    assert f'id="{field}-wrong-1"' in answer.text
    assert 'value="The LMS"' in answer.text
    assert tool.registrations.get(lms.organization_id, lms.id) == lms


def test_facts_are_none_of_a_teachers_business(lms, instructor, pages):
    course = pages.partition("/mentors/")[0]
    assert instructor.get(f"{pages}/people").status_code == 200

    assert instructor.get(f"{course}/platforms/{lms.id}/edit").status_code == 404
    assert instructor.post(f"{course}/platforms/{lms.id}/edit", CHANGES).status_code == 404


def test_role_without_a_choice_is_refused_beside_its_field(it_person, page):
    it_person.get(page)

    answer = it_person.post(f"{page}/roles", {"name": "Instructor", "role": ""})

    assert answer.status_code == 422
    assert 'id="role-wrong-1"' in answer.text


def test_held_deployment_is_approved(engine, tool, it_person, lms, page, held):
    it_person.get(page)

    answer = it_person.post(
        f"{page}/deployments/decision", {"deployment_id": held, "decision": "approve"}
    )

    assert "may launch from now on" in it_person.follow(answer).text
    assert find_states(tool, lms) == {"1": "active", held: "active"}
    assert find_actions(engine, lms) == ["deployment_approved"]


def test_held_deployment_is_refused(engine, tool, it_person, lms, page, held):
    it_person.get(page)

    answer = it_person.post(
        f"{page}/deployments/decision", {"deployment_id": held, "decision": "refuse"}
    )

    assert "are refused from now on" in it_person.follow(answer).text
    assert find_states(tool, lms)[held] == "refused"
    assert find_actions(engine, lms) == ["deployment_refused"]


def test_deployment_is_added_by_its_id(tool, it_person, lms, page):
    it_person.get(page)

    it_person.follow(it_person.post(f"{page}/deployments", {"deployment_id": " 17 "}))

    assert find_states(tool, lms) == {"1": "active", "17": "active"}


def test_deployment_without_an_id_is_refused_beside_its_field(tool, it_person, lms, page):
    it_person.get(page)

    answer = it_person.post(f"{page}/deployments", {"deployment_id": "x" * 300})

    assert answer.status_code == 422
    assert 'id="deployment_id-wrong-1"' in answer.text
    assert find_states(tool, lms) == {"1": "active"}


@pytest.mark.parametrize("policy", ["reject", "hold", "accept"])
def test_policy_is_chosen(tool, it_person, lms, page, policy):
    it_person.get(page)

    text = it_person.follow(it_person.post(f"{page}/policy", {"policy": policy})).text

    assert re.search(rf'value="{policy}" id="policy-{policy}" checked', text)
    kept = tool.registrations.get(lms.organization_id, lms.id)
    assert kept.deployment_policy == policy


def test_policy_that_is_none_is_refused(tool, it_person, lms, page):
    it_person.get(page)

    assert it_person.post(f"{page}/policy", {"policy": "all"}).status_code == 422
    assert tool.registrations.get(lms.organization_id, lms.id).deployment_policy == HOLD


def test_platform_is_disabled_and_enabled(engine, tool, it_person, lms, page):
    it_person.get(page)

    off = it_person.follow(it_person.post(f"{page}/status", {"status": "disable"})).text
    assert not tool.registrations.get(lms.organization_id, lms.id).is_active
    on = it_person.follow(it_person.post(f"{page}/status", {"status": "enable"})).text

    assert "are refused from now on" in off
    assert "are taken from now on" in on
    assert find_actions(engine, lms) == ["registration_enabled", "registration_disabled"]


@pytest.mark.parametrize(("chosen", "status"), [("approve", "active"), ("disable", "disabled")])
def test_pending_platform_is_approved_or_denied(tool, organization, it_person, chosen, status):
    waiting = tool.registrations.add(organization.id, **FACTS, status=PENDING)
    page = f"/admin/platforms/{waiting.id}"
    assert "Approve this LMS" in it_person.get(page).text

    it_person.post(f"{page}/status", {"status": chosen})

    assert tool.registrations.get(organization.id, waiting.id).status == status


@pytest.mark.parametrize(
    ("path", "data"),
    [("status", {"status": "explode"}), ("deployments/decision", {"decision": "maybe"}),
     ("deployments/decision", {"decision": "approve", "deployment_id": "nowhere"}),
     ("roles/drop", {"name": "Learner"})],
)  # fmt: skip
def test_choice_that_is_none_is_not_found(it_person, page, path, data):
    it_person.get(page)

    assert it_person.post(f"{page}/{path}", data).status_code == 404


def test_role_is_put_and_dropped(engine, tool, it_person, lms, page):
    it_person.get(page)

    it_person.follow(it_person.post(f"{page}/roles", {"name": "Instructor", "role": "assistant"}))
    full = "http://purl.imsglobal.org/vocab/lis/v2/membership#Instructor"
    kept = tool.registrations.get(lms.organization_id, lms.id)
    assert kept.role_overrides == {full: Role.ASSISTANT}
    it_person.follow(it_person.post(f"{page}/roles/drop", {"name": full}))

    assert tool.registrations.get(lms.organization_id, lms.id).role_overrides == {}
    assert find_actions(engine, lms) == ["role_override_dropped", "role_override_put"]


def test_role_in_the_institution_makes_staff_only_when_it_is_ticked(tool, it_person, lms, page):
    it_person.get(page)
    given = {"name": "urn:lti:instrole:ims/lis/Faculty", "role": "instructor"}

    refused = it_person.post(f"{page}/roles", given)
    assert tool.registrations.get(lms.organization_id, lms.id).role_overrides == {}
    it_person.follow(it_person.post(f"{page}/roles", given | {"beyond_course": "yes"}))

    assert refused.status_code == 422
    assert "no role in a course" in refused.text
    kept = tool.registrations.get(lms.organization_id, lms.id)
    assert kept.role_overrides == {given["name"]: Role.INSTRUCTOR}


def test_platform_of_another_organization_is_not_found(engine, tool, it_person):
    other = engine.organizations.put("other", "Other")
    theirs = tool.registrations.add(other.id, **FACTS)
    page = f"/admin/platforms/{theirs.id}"
    it_person.get("/admin/platforms")
    found = []

    if it_person.get(page).status_code != 404:
        found.append(page)
    for path, data in (
        ("status", {"status": "disable"}),
        ("policy", {"policy": "accept"}),
        ("deployments", {"deployment_id": "2"}),
        ("deployments/decision", {"deployment_id": "1", "decision": "refuse"}),
        ("roles", {"name": "Learner", "role": "other"}),
        ("roles/drop", {"name": "Learner"}),
    ):
        if it_person.post(f"{page}/{path}", data).status_code != 404:
            found.append(path)

    assert found == []
    assert tool.registrations.get(other.id, theirs.id) == theirs


def test_form_of_a_platform_needs_its_token(tool, it_person, lms, page):
    it_person.token = "forged"

    assert it_person.post(f"{page}/status", {"status": "disable"}).status_code == 400
    assert tool.registrations.get(lms.organization_id, lms.id).is_active


@pytest.mark.parametrize("name", ["nothing", "%00", "0" * 36, "..%2f"])
def test_platform_that_is_not_there_is_not_found(it_person, name):
    assert it_person.get(f"/admin/platforms/{name}").status_code == 404
