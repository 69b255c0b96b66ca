"""Registrations: checked when they are made, found by issuer and client id."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mentorai.core.database import Database
from mentorai.core.engine import Engine
from mentorai.core.errors import Conflict, InputRejected, NotFound, UnknownRegistration
from mentorai.core.organizations import Organization
from mentorai.core.settings import Settings
from mentorai.core.values import Role
from mentorai.lti import registrations as registrations_module
from mentorai.lti.registrations import HOLD, PENDING, Registrations


@pytest.fixture
def strict(engine: Engine, tmp_path: Path) -> Registrations:
    """As in production: no platform on loopback."""
    return Registrations(engine.database, Settings(data_dir=tmp_path))


def test_registration_is_found_by_issuer_and_client_id(tool: Any, registration: Any) -> None:
    found = tool.registrations.find(registration.issuer, registration.client_id)

    assert found == registration
    assert found.framers == ("https://lms.example.edu",)


def test_registrations_are_listed_for_their_organization_only(
    tool: Any, registration: Any, engine: Engine
) -> None:
    other = engine.organizations.put("other", "Other")

    assert tool.registrations.list(registration.organization_id) == [registration]
    assert tool.registrations.list(other.id) == []
    with pytest.raises(NotFound):
        tool.registrations.get(other.id, registration.id)


def test_registration_is_refused_twice(tool: Any, registration: Any, platform: Any) -> None:
    with pytest.raises(Conflict):
        tool.registrations.add(registration.organization_id, **platform.facts())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("issuer", "lms.example.edu"),
        ("issuer", "http://lms.example.edu"),
        ("issuer", "https://lms.example.edu?x=1"),
        ("issuer", ""),
        ("client_id", ""),
        ("client_id", "x\n"),
        ("auth_url", "javascript:alert(1)"),
        ("auth_url", "https://u:p@lms.example.edu/"),
        ("auth_url", "https://lms.example.edu/#x"),
        ("token_url", "https://127.0.0.1/token"),
        ("token_url", "https://10.1.2.3/token"),
        ("token_url", "https://localhost/token"),
        ("token_url", "https://[::1]/token"),
        ("keyset_url", "https://169.254.169.254/latest"),
        ("keyset_url", "https://[::ffff:10.0.0.1]/"),
        ("keyset_url", "https://intranet/keys"),
        ("keyset_url", "https://lms.example.edu:99999/"),
        ("deployment_ids", []),
        ("deployment_ids", ["1", ""]),
        ("frame_origins", ["lms.example.edu"]),
        ("frame_origins", ["https://lms.example.edu/path"]),
        ("token_audience", "x" * 300),
        ("name", "x" * 300),
        ("deployment_policy", "whatever"),
    ],
)
def test_registration_is_refused_and_names_the_field(
    strict: Registrations, platform: Any, organization: Organization, field: str, value: Any
) -> None:
    with pytest.raises(InputRejected) as caught:
        strict.add(organization.id, **platform.facts(**{field: value}))

    assert list(caught.value.errors) == [field]
    assert strict.list(organization.id) == []


def test_registration_on_loopback_is_taken_in_development(
    tool: Any, platform: Any, organization: Organization
) -> None:
    names = ("issuer", "auth_url", "token_url", "keyset_url")
    facts = dict.fromkeys(names, "http://127.0.0.1:8001")

    made = tool.registrations.add(organization.id, **platform.facts(**facts))

    assert made.framers == ("http://127.0.0.1:8001",)


def test_registration_changed_by_another_process_is_seen_soon(
    tool: Any, registration: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool.registrations.find(registration.issuer, registration.client_id)
    url = engine.database.url.render_as_string(hide_password=False)
    with closing(Database(url)) as elsewhere:
        second = Registrations(elsewhere, engine.settings)

        second.disable(registration.organization_id, registration.id)

    monkeypatch.setattr(registrations_module, "FRESH_SECONDS", 0.0)

    with pytest.raises(UnknownRegistration):
        tool.registrations.check(registration.issuer, [registration.client_id])


def test_registration_can_be_switched_on_again(tool: Any, registration: Any) -> None:
    tool.registrations.disable(registration.organization_id, registration.id)
    tool.registrations.enable(registration.organization_id, registration.id)

    assert tool.registrations.check(registration.issuer, [registration.client_id]).is_active


def test_deployment_added_twice_is_one(tool: Any, registration: Any) -> None:
    for _ in range(2):
        found = tool.registrations.add_deployment(
            registration.organization_id, registration.id, "2"
        )

    assert found.deployment_ids == ("1", "2")


def test_removed_registration_is_gone_with_its_deployments(
    tool: Any, organization: Organization, platform: Any
) -> None:
    made = tool.registrations.add(organization.id, **platform.facts())

    tool.registrations.remove(organization.id, made.id)

    assert tool.registrations.find(platform.issuer, platform.client_id) is None
    with pytest.raises(NotFound):
        tool.registrations.remove(organization.id, made.id)
    assert tool.registrations.add(organization.id, **platform.facts()).id != made.id


def test_registration_needs_no_deployment_when_unknown_ones_are_held(
    tool: Any, platform: Any, organization: Organization
) -> None:
    facts = platform.facts(deployment_ids=[], deployment_policy=HOLD)

    made = tool.registrations.add(organization.id, **facts)

    assert (made.deployment_ids, made.deployment_policy) == ((), HOLD)


def test_pending_registration_launches_once_it_is_approved(
    tool: Any, platform: Any, organization: Organization, engine: Engine
) -> None:
    made = tool.registrations.add(organization.id, **platform.facts(status=PENDING))
    with pytest.raises(UnknownRegistration, match="wait for approval"):
        tool.registrations.check(made.issuer, [made.client_id])
    assert tool.registrations.find_only(made.issuer) is None

    tool.registrations.approve(organization.id, made.id, "admin:1")

    assert tool.registrations.check(made.issuer, [made.client_id]).is_active
    entry = engine.audit.list(organization.id)[1][0]
    assert (entry.action, entry.actor, entry.subject) == (
        "registration_approved", "admin:1", made.id,
    )  # fmt: skip


def test_changes_of_a_registration_are_audited_and_repeats_are_not(
    tool: Any, registration: Any, engine: Engine
) -> None:
    place = (registration.organization_id, registration.id)

    for _ in range(2):
        tool.registrations.disable(*place, "it")
        tool.registrations.put_policy(*place, HOLD, "it")
        tool.registrations.put_override(*place, "Instructor", "assistant", author="it")
    tool.registrations.drop_override(*place, "Instructor", "it")

    entries = [each for each in engine.audit.list(place[0])[1] if each.actor == "it"]
    assert [each.action for each in reversed(entries)] == [
        "registration_disabled",
        "deployment_policy_put",
        "role_override_put",
        "role_override_dropped",
    ]
    assert entries[-1].facts == {"status": "disabled", "before": {"status": "active"}}


@pytest.mark.parametrize(
    ("name", "role", "beyond_course", "field"),
    [
        ("", "learner", False, "name"),
        ("x" * 256, "learner", False, "name"),
        ("two words", "learner", False, "name"),
        ("zero\0", "learner", False, "name"),
        ("Learner", "god", False, "role"),
        ("Mentor", "assistant", True, "role"),
        ("http://purl.imsglobal.org/vocab/lis/v2/membership/Mentor#Tutor", "instructor", True,
         "role"),
        ("http://purl.imsglobal.org/vocab/lti/system/person#TestUser", "instructor", True, "role"),
        ("http://purl.imsglobal.org/vocab/lis/v2/institution/person#Faculty", "instructor", False,
         "beyond_course"),
        ("urn:lti:instrole:ims/lis/Administrator", "administrator", False, "beyond_course"),
        ("Faculty", "assistant", False, "beyond_course"),
    ],
)  # fmt: skip
def test_override_is_refused_and_names_the_field(
    tool: Any, registration: Any, name: str, role: str, beyond_course: bool, field: str
) -> None:
    place = (registration.organization_id, registration.id)

    with pytest.raises(InputRejected) as caught:
        tool.registrations.put_override(*place, name, role, beyond_course=beyond_course)

    assert list(caught.value.errors) == [field]
    assert tool.registrations.get(*place).role_overrides == {}


def test_override_of_a_role_in_the_institution_counts_when_it_was_said_expressly(
    launcher: Any, registration: Any
) -> None:
    faculty = "http://purl.imsglobal.org/vocab/lis/v2/institution/person#Faculty"
    launcher.tool.registrations.put_override(
        registration.organization_id, registration.id, faculty, "assistant", beyond_course=True
    )

    assert launcher.launch(roles=[faculty]).launch.role is Role.ASSISTANT
    assert launcher.launch(roles=[faculty, "Learner"]).launch.role is Role.LEARNER


def test_overrides_are_bounded_in_number(tool: Any, registration: Any) -> None:
    place = (registration.organization_id, registration.id)
    for number in range(50):
        tool.registrations.put_override(*place, f"urn:x:{number}", "learner")

    with pytest.raises(InputRejected):
        tool.registrations.put_override(*place, "urn:x:50", "learner")

    assert len(tool.registrations.put_override(*place, "urn:x:7", "other").role_overrides) == 50


def test_override_that_is_not_there_is_not_found(
    tool: Any, registration: Any, engine: Engine
) -> None:
    other = engine.organizations.put("other", "Other")

    with pytest.raises(NotFound):
        tool.registrations.drop_override(registration.organization_id, registration.id, "Learner")
    with pytest.raises(NotFound):
        tool.registrations.put_override(other.id, registration.id, "Learner", "other")
