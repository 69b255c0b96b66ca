"""The API against its own description: all the borders that it names, and random calls.

The borders are the same each time: every type, length, number, pattern and missing field that the
description speaks of, on either side. The random calls are few here; `make fuzz` makes as many as
one has time for, other ones each time.
"""

import io
import os
from collections.abc import Iterator
from itertools import count

import pytest
import schemathesis
import schemathesis.openapi
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    negative_data_rejection,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from mentorai.core.engine import Engine
from mentorai.core.scopes import PROVISIONING_SCOPES, SCOPES
from mentorai.core.settings import Settings
from mentorai.web.admin_tokens import make_admin_token
from mentorai.web.api.repeats import HEADER, NAME
from mentorai.web.app import create_app
from tests.fakes.visitor import open_session
from tests.web.conftest import QUIZ

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    unsupported_method,
]
# How many random calls of each operation, of each kind; what `make fuzz` asks for is random anew.
FUZZ = os.environ.get("FUZZ", "")
EXAMPLES = int(FUZZ or 25)
BORDERS = 4_000


# One for the whole module: what a call leaves behind is part of the next one's world.
@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("contract")
    engine = Engine.open(Settings(data_dir=folder, key_calls_per_minute=0), plugins=[])
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def mentor(engine):
    """A mentor that has one of everything."""
    organization_id = engine.organizations.get().id
    mentor = engine.mentors.add(organization_id, "Tidal Pools")
    where = (organization_id, mentor.id)
    material = io.BytesIO(b"# Limpets\n\nA limpet returns to its scar.\n")
    engine.datasets.add(*where, "Limpets.md", "text/markdown", material)
    engine.quizzes.put(*where, QUIZ)
    session = open_session(engine, mentor, subject="s-1", name="Ada Lovelace")
    engine.report_score(
        organization_id=organization_id,
        mentor_id=mentor.id,
        person_id=session.person_id,
        resource_link_id=session.resource_link_id,
        given=8,
        maximum=10,
    )
    engine.enrolments.put(*where, {"user": "s1"}, platforms=frozenset(), author="test")
    webhook = engine.webhooks.add(
        *where, url="https://portal.example.edu/", events=["grade.settled"], author="test"
    ).webhook
    engine.webhooks.test(webhook)
    return mentor


@pytest.fixture(scope="module")
def keys(engine, mentor) -> dict[str, str]:
    """What opens the operations under /keys, under /mentors, and all others."""
    asked = {"name": "Contract", "expires_at": None, "author": "test"}
    where = mentor.organization_id
    key = engine.keys.issue(where, mentor.id, scopes=list(SCOPES), **asked)
    other = engine.keys.issue(
        where, None, kind="provisioning", scopes=list(PROVISIONING_SCOPES), **asked
    )
    code = engine.admins.issue_setup_code()
    admin = engine.admins.take_setup_code(code, "it@campus.edu", "correct horse")
    token = make_admin_token(engine.settings.web_secret, admin)
    opening = {"": key.text, "mentors": other.text, "keys": token}
    return {name: f"Api-Token {text}" for name, text in opening.items()}


@pytest.fixture(scope="module")
def description(engine):
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", create_app(engine))


@pytest.fixture(scope="module")
def answer_as_described(engine, mentor, keys):
    """Make a call, and let it pass if the description has its answer."""
    numbers = count()

    def check(case) -> int:
        # A name is one call's: with one for all of them, all but the first would end there.
        if NAME.fullmatch(str((case.headers or {}).get(HEADER, ""))):
            case.headers[HEADER] = f"call-{next(numbers)}"
        # Rows are judged one by one: a sheet with a wrong row in it is answered with a report.
        is_sheet = case.operation.path.endswith("/bulk")
        checks = CHECKS if is_sheet else [*CHECKS, negative_data_rejection]
        # No word stands for the newest key: whatever is right is about one made for this call.
        is_right = case.meta.generation.mode is GenerationMode.POSITIVE
        if is_right and "key_id" in (case.path_parameters or {}):
            asked = {"name": f"{next(numbers)}", "scopes": ["chat:write"], "expires_at": None}
            made = engine.keys.issue(mentor.organization_id, mentor.id, author="test", **asked)
            case.path_parameters["key_id"] = made.key.id
        resource = case.operation.path.split("/")[3]
        key = keys[resource if resource in keys else ""]
        answer = case.call_and_validate(headers={"Authorization": key}, checks=checks)
        return answer.status_code

    return check


def list_operations(description) -> Iterator[object]:
    return (found.ok() for found in description.get_all_operations())


def test_every_border_is_answered_as_it_is_described(description, answer_as_described):
    answered, good = 0, set()
    for operation in list_operations(description):
        cases = description.iter_coverage_cases(
            operation=operation,
            generation_modes=list(GenerationMode),
            generation_config=description.config.generation,
        )
        for case in cases:
            answered += 1
            if answer_as_described(case) < 300:
                good.add(operation.label)

    assert answered > BORDERS
    # Else it would be refusals alone that were looked at. What is deleted is never `latest`.
    names = {one.label for one in list_operations(description) if one.method != "delete"}
    assert names - good == set()


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_random_calls_are_answered_as_they_are_described(description, answer_as_described, mode):
    for operation in list_operations(description):

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=not FUZZ,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def answer(case):
            answer_as_described(case)

        answer()
