"""An engine with the plugin in it, and a school's Lyceum that answers at the wire."""

from collections.abc import Iterator
from pathlib import Path

import lyceum_lms
import pytest
import responses

from mentorai.core.engine import Engine
from mentorai.core.settings import Settings
from mentorai.core.values import Platform
from mentorai.lti.tool import Tool
from mentorai.plugins import lti_launch

SCHOOL = "https://school.lyceum-lms.com"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    plugins = [("lti_launch", lti_launch), ("lyceum", lyceum_lms)]
    engine = Engine.open(Settings(data_dir=tmp_path), plugins=plugins)
    yield engine
    engine.close()


@pytest.fixture
def school(engine: Engine) -> Platform:
    """A registered Lyceum."""
    organization = engine.organizations.get()
    registration = engine.room(Tool).registrations.add(
        organization.id,
        issuer=SCHOOL,
        client_id="mentor",
        auth_url=f"{SCHOOL}/lti/auth",
        token_url=f"{SCHOOL}/lti/token",
        keyset_url=f"{SCHOOL}/lti/keys",
        deployment_ids=["1"],
    )
    return Platform(registration.id, organization.id, "lyceum", SCHOOL, "mentor")


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    """What the school answers; a token is there for the asking."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        token = {"access_token": "t", "token_type": "Bearer", "expires_in": 3600}
        wire.post(f"{SCHOOL}/lti/token", json=token)
        yield wire
