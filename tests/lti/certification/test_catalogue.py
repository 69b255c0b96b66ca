"""The catalogue is whole, documented, and a case that does not hold fails."""

import re
from pathlib import Path

import pytest

from mentorai.core.errors import LaunchRejected, TokenInvalid
from mentorai.core.values import Role
from mentorai.plugins.sandbox.certification.bad_launches import refuse
from mentorai.plugins.sandbox.certification.case import Case, Run, choose
from mentorai.plugins.sandbox.certification.catalogue import CASES
from mentorai.plugins.sandbox.certification.good_launches import admit
from mentorai.plugins.sandbox.certification.report import FAILED, LEFT_OUT, PASSED, play
from mentorai.plugins.sandbox.certification.stage import Stage
from tests.lti.certification import test_advantage, test_beyond, test_core

PAGE = Path(__file__).parents[3] / "docs" / "certification.md"
GUIDE = {"B": 12, "T": 10, "S": 10, "D": 7, "N": 5, "A": 21, "P": 3}


def a_case(run: Run, *, calls: bool = False) -> Case:
    return Case("Z1", "made up", "no clause", "something", "something else", run, calls)


@pytest.mark.parametrize(("letter", "last"), GUIDE.items())
def test_every_case_of_the_guide_is_there(letter: str, last: int) -> None:
    ids = {case.id for case in CASES}

    assert {f"{letter}{n}" for n in range(1, last + 1)} <= ids


def test_ids_are_each_used_once() -> None:
    ids = [case.id for case in CASES]

    assert sorted(ids) == sorted(set(ids))


def test_every_case_is_run_by_a_test() -> None:
    run = [
        case
        for module in (test_core, test_advantage, test_beyond)
        for test in vars(module).values()
        for mark in getattr(test, "pytestmark", [])
        for case in mark.args[1]
    ]

    assert {case.id for case in run} == {case.id for case in CASES}


def test_every_case_is_documented_as_it_is() -> None:
    rows = re.findall(
        r"^\| ([A-Z]\d+[^|]*) \| (.*?) \| (.*?) \| (.*?) \| (.*?) \|$",
        PAGE.read_text("utf-8"),
        re.MULTILINE,
    )

    assert sorted(rows) == sorted(
        (case.id, case.name, case.clause, case.sent, case.expected) for case in CASES
    )


@pytest.mark.parametrize(
    ("wanted", "first", "count"), [("B6", "B6", 9), ("b6.iss", "B6.iss", 1), ("T3", "T3", 1)]
)
def test_case_is_chosen_with_its_variants(wanted: str, first: str, count: int) -> None:
    found = choose(CASES, [wanted])

    assert (found[0].id, len(found)) == (first, count)


def test_case_fails_when_what_must_be_refused_is_let_in(stage: Stage) -> None:
    outcome = play(a_case(refuse(LaunchRejected)), stage)

    assert outcome.result == FAILED
    assert "303" in outcome.seen


def test_case_fails_when_what_must_be_let_in_is_refused(stage: Stage) -> None:
    outcome = play(a_case(admit(Role.LEARNER, roles=None)), stage)

    assert outcome.result == FAILED
    assert "not let in: 400" in outcome.seen


def test_case_fails_when_the_refusal_is_of_another_kind(stage: Stage) -> None:
    outcome = play(a_case(refuse(TokenInvalid, roles=None)), stage)

    assert (outcome.result, outcome.seen) == (
        FAILED,
        "the code is claim_missing, not token_invalid",
    )


def test_case_fails_when_the_reason_does_not_name_the_claim(stage: Stage) -> None:
    outcome = play(a_case(refuse(LaunchRejected, "nonce", roles=None)), stage)

    assert outcome.result == FAILED
    assert "does not name nonce" in outcome.seen


def test_case_fails_when_the_role_is_another(stage: Stage) -> None:
    outcome = play(a_case(admit(Role.INSTRUCTOR, roles=["Learner"])), stage)

    assert (outcome.result, outcome.seen) == (FAILED, "the role became learner")


def test_case_fails_when_the_ticket_is_used_up_by_what_was_refused(stage: Stage) -> None:
    def run(stage: Stage) -> str:
        attempt = stage.begin()
        token = attempt.sign()
        stage.read_admission(attempt, attempt.post(token))
        return stage.refuse(attempt, token, LaunchRejected)

    outcome = play(a_case(run), stage)

    assert outcome.result == FAILED


def test_case_is_left_out_when_the_tool_cannot_call_the_platform(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "calls", False)

    assert play(a_case(admit(Role.LEARNER), calls=True), stage).result == LEFT_OUT
    assert play(a_case(admit(Role.LEARNER)), stage).result == PASSED
