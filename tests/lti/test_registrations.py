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
from mentorai.lti import registrations as registrations_module
from mentorai.lti.registrations import Registrations


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
