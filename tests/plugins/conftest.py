"""An engine with every plugin for a family of LMS, and one LMS of the family a test is for."""

from collections.abc import Iterator
from typing import Any

import pytest
import responses

from mentorai.core.engine import Engine
from mentorai.core.settings import Settings
from mentorai.plugins import blackboard, brightspace, canvas, lti_launch, moodle, openedx, sakai
from mentorai.plugins.sandbox.personalities import PERSONALITIES
from tests.fakes.lms_family import LmsFamily, register_family
from tests.fakes.sandbox_lms import Lms

FAMILIES: list[tuple[str, Any]] = [
    ("blackboard", blackboard),
    ("brightspace", brightspace),
    ("canvas", canvas),
    ("moodle", moodle),
    ("openedx", openedx),
    ("sakai", sakai),
]


@pytest.fixture
def families(settings: Settings) -> Iterator[Engine]:
    engine = Engine.open(settings, plugins=[("lti_launch", lti_launch), *FAMILIES])
    yield engine
    engine.close()


@pytest.fixture
def lms(request: pytest.FixtureRequest, families: Engine) -> Iterator[LmsFamily]:
    """The LMS of the family that the test's module names (FAMILY), or a parameter."""
    family = getattr(request, "param", None) or request.module.FAMILY
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        yield register_family(families, wire, family)


@pytest.fixture(scope="module")
def every() -> Iterator[dict[str, Lms]]:
    """Every LMS, made once for all that is asked here."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        known = {name: Lms(name, wire) for name in PERSONALITIES}
        yield known
        for lms in known.values():
            lms.platform.close()


@pytest.fixture
def be(every: dict[str, Lms]) -> Any:
    """The LMS of a name, with a clean gradebook."""
    return lambda name: every[name].clean()
