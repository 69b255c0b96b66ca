"""The API against its own description, with whatever hypothesis thinks of."""

import io

import pytest
import schemathesis
import schemathesis.openapi
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

from mentorai.core.engine import Engine
from mentorai.core.scopes import PROVISIONING_SCOPES, SCOPES
from mentorai.core.settings import Settings
from mentorai.web.app import create_app

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


# One for the whole module: what a call leaves behind is part of the next one's world.
@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("contract")
    engine = Engine.open(Settings(data_dir=folder, key_calls_per_minute=0), plugins=[])
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def keys(engine) -> dict[bool, str]:
    """What opens an operation, by whether it is for provisioning keys."""
    organization_id = engine.organizations.get().id
    mentor = engine.mentors.add(organization_id, "Tidal Pools")
    material = io.BytesIO(b"# Limpets\n\nA limpet returns to its scar.\n")
    engine.datasets.add(organization_id, mentor.id, "Limpets.md", "text/markdown", material)
    key = engine.keys.issue(
        organization_id,
        mentor.id,
        name="Contract",
        scopes=list(SCOPES),
        expires_at=None,
        author="test",
    )
    other = engine.keys.issue(
        organization_id,
        None,
        kind="provisioning",
        name="Contract",
        scopes=list(PROVISIONING_SCOPES),
        expires_at=None,
        author="test",
    )
    return {False: f"Api-Token {key.text}", True: f"Api-Token {other.text}"}


@pytest.fixture(scope="module")
def description(engine):
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", create_app(engine))


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_every_operation_answers_as_it_is_described(description, keys, mode):
    for found in description.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=25,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def answer_as_described(case):
            key = keys[case.operation.path.startswith("/api/v1/mentors")]
            case.call_and_validate(headers={"Authorization": key}, checks=CHECKS)

        answer_as_described()
