"""B, T and S: the certification's launches, bad and good, against a running installation."""

import pytest

from mentorai.plugins.sandbox.certification import bad_launches, good_launches
from mentorai.plugins.sandbox.certification.case import Case
from mentorai.plugins.sandbox.certification.stage import Stage
from tests.lti.certification.conftest import check


def name(case: Case) -> str:
    return f"{case.id} {case.name}"


@pytest.mark.parametrize("case", bad_launches.CASES, ids=name)
def test_bad_launch_is_refused(case: Case, stage: Stage) -> None:
    check(case, stage)


@pytest.mark.parametrize("case", good_launches.CASES, ids=name)
def test_good_launch_is_let_in(case: Case, stage: Stage) -> None:
    check(case, stage)
