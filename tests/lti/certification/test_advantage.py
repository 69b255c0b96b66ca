"""D, N and A: deep linking, rosters and grades, against a running installation."""

import pytest

from mentorai.plugins.sandbox.certification import (
    columns,
    deep_links,
    placed_kinds,
    rosters,
    scores,
)
from mentorai.plugins.sandbox.certification.case import Case
from mentorai.plugins.sandbox.certification.stage import Stage
from tests.lti.certification.conftest import check
from tests.lti.certification.test_core import name


@pytest.mark.parametrize("case", [*deep_links.CASES, *placed_kinds.CASES], ids=name)
def test_deep_linking_is_as_certified(case: Case, stage: Stage) -> None:
    check(case, stage)


@pytest.mark.parametrize("case", rosters.CASES, ids=name)
def test_roster_is_read_as_certified(case: Case, stage: Stage) -> None:
    check(case, stage)


@pytest.mark.parametrize("case", columns.CASES, ids=name)
def test_column_is_kept_as_certified(case: Case, stage: Stage) -> None:
    check(case, stage)


@pytest.mark.parametrize("case", scores.CASES, ids=name)
def test_score_is_sent_as_certified(case: Case, stage: Stage) -> None:
    check(case, stage)
