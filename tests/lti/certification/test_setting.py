"""What a run that was killed left behind."""

from datetime import timedelta
from typing import Any

from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.mentors import Mentor
from mentorai.core.organizations import Organization
from mentorai.lti.tool import Tool
from mentorai.plugins.sandbox.certification.setting import PREFIX, TITLE, Props, remove_abandoned
from tests.fakes.signing_platform import CLIENT_ID, DEPLOYMENT, ISSUER


def test_leftovers_of_a_killed_run_are_removed_after_an_hour(
    engine: Engine, organization: Organization, mentor: Mentor, time_machine: Any
) -> None:
    registrations = engine.room(Tool).registrations
    facts: dict[str, Any] = {
        "issuer": ISSUER,
        "auth_url": f"{ISSUER}/auth",
        "token_url": f"{ISSUER}/token",
        "keyset_url": f"{ISSUER}/jwks",
        "deployment_ids": [DEPLOYMENT],
    }
    kept = registrations.add(organization.id, client_id=CLIENT_ID, **facts)
    mark = f"{PREFIX}0123abcd"
    registrations.add(organization.id, client_id=f"{mark}-rotated", name=TITLE, **facts)
    Props(engine, mark).add_mentor()

    # Another run may be under way.
    remove_abandoned(engine)
    assert len(registrations.list(organization.id)) == 2

    time_machine.move_to(now() + timedelta(hours=2))
    remove_abandoned(engine)

    assert [each.id for each in registrations.list(organization.id)] == [kept.id]
    assert [each.id for each in engine.mentors.list(organization.id)] == [mentor.id]
