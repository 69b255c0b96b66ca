"""X: forged tokens, what browsers do, platforms with trouble: at a running installation."""

import pytest

from mentorai.plugins.sandbox.certification import (
    forged_launches,
    keyset_launches,
    repeated_launches,
)
from mentorai.plugins.sandbox.certification.case import Case
from mentorai.plugins.sandbox.certification.stage import Stage
from tests.lti.certification.conftest import check
from tests.lti.certification.test_core import name


@pytest.mark.parametrize("case", forged_launches.CASES, ids=name)
def test_forged_launch_is_judged(case: Case, stage: Stage) -> None:
    check(case, stage)


@pytest.mark.parametrize("case", repeated_launches.CASES, ids=name)
def test_repeated_launch_is_judged(case: Case, stage: Stage) -> None:
    check(case, stage)


@pytest.mark.parametrize("case", keyset_launches.CASES, ids=name)
def test_launch_is_judged_whatever_the_keyset_does(case: Case, stage: Stage) -> None:
    check(case, stage)
