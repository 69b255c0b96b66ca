"""Running cases, and saying what came of them."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import requests

from mentorai.core.errors import MentorAIError
from mentorai.plugins.sandbox.certification.case import Case, Failed, LeftOut
from mentorai.plugins.sandbox.certification.stage import Stage

PASSED, FAILED, LEFT_OUT = "pass", "FAIL", "not tested"
NO_CALLS = "this installation may not call a platform on this machine"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a case. result: pass, FAIL or not tested."""

    case: Case
    result: str
    seen: str
    seconds: float


def play(case: Case, stage: Stage) -> Outcome:
    """Run one case."""
    if case.calls and not stage.calls:
        return Outcome(case, LEFT_OUT, NO_CALLS, 0.0)
    return try_case(case, stage)


def try_case(case: Case, setting: object) -> Outcome:
    """Run one case with what it plays with."""
    began = time.monotonic()
    try:
        result, seen = PASSED, case.run(setting)
    except Failed as failure:
        result, seen = FAILED, str(failure)
    except LeftOut as reason:
        result, seen = LEFT_OUT, str(reason)
    except (MentorAIError, requests.RequestException, AssertionError, ValueError) as error:
        result, seen = FAILED, f"{type(error).__name__}: {error}"
    return Outcome(case, result, " ".join(seen.split()), time.monotonic() - began)


def play_all(cases: Sequence[Case], stage: Stage) -> Iterator[Outcome]:
    """Run cases one after the other."""
    for case in cases:
        yield play(case, stage)


def write_line(outcome: Outcome) -> str:
    """One case, for a terminal."""
    case = outcome.case
    return f"{outcome.result:10}  {case.id:16}  {case.name}  ({case.clause})\n{'':30}{outcome.seen}"


def write_summary(outcomes: Sequence[Outcome]) -> str:
    """How many of each, in one line."""
    counted = [sum(each.result == result for each in outcomes) for result in RESULTS]
    seconds = sum(each.seconds for each in outcomes)
    said = ", ".join(f"{n} {word}" for n, word in zip(counted, WORDS, strict=True))
    return f"{len(outcomes)} cases in {seconds:.0f} s: {said}."


RESULTS = (PASSED, FAILED, LEFT_OUT)
WORDS = ("passed", "failed", "not tested")


def write_json(outcomes: Sequence[Outcome], **subject: str) -> str:
    """The report for a program. subject: what was tested."""
    counted = {
        word: sum(each.result == result for each in outcomes)
        for word, result in zip(("passed", "failed", "not_tested"), RESULTS, strict=True)
    }
    report = {**subject, **counted, "cases": [_describe(each) for each in outcomes]}
    return json.dumps(report, ensure_ascii=False, indent=2)


def _describe(outcome: Outcome) -> dict[str, Any]:
    case = outcome.case
    return {
        "id": case.id,
        "name": case.name,
        "clause": case.clause,
        "sent": case.sent,
        "expected": case.expected,
        "result": outcome.result.lower(),
        "seen": outcome.seen,
        "seconds": round(outcome.seconds, 3),
    }
