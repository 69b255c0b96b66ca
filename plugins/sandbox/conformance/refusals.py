"""refusal: every way in which an LMS says no becomes the right kind of our errors.

What is raised decides what becomes of a grade: a ScoreRejected is shown to the instructor and not
tried again, an error that is `retryable` is tried again, and everything else ends the matter.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from mentorai.core.errors import (
    MentorAIError,
    NoLineItem,
    PlatformError,
    PlatformThrottled,
    ScoreRejected,
    ScoreStale,
)
from mentorai.plugins.sandbox.certification.case import Failed, expect
from mentorai.plugins.sandbox.certification.wire import Environ
from mentorai.plugins.sandbox.conformance.bench import Bench
from mentorai.plugins.sandbox.conformance.case import HOOKS_PAGE, PluginCase
from mentorai.plugins.sandbox.conformance.scores import find_held, make_score, push
from mentorai.plugins.sandbox.wire import Reply

RETRY_AFTER_SECONDS = 7
# Longer than any call may take.
SILENCE_SECONDS = 40.0
Judge = Callable[[MentorAIError], bool]


def _is_kind(*kinds: type[MentorAIError]) -> Judge:
    return lambda error: isinstance(error, kinds)


def _is_final(error: MentorAIError) -> bool:
    return isinstance(error, ScoreRejected | PlatformError) and not error.retryable


def _is_passing(error: MentorAIError) -> bool:
    return isinstance(error, PlatformError) and error.retryable


def _is_about_the_score(error: MentorAIError) -> bool:
    return isinstance(error, ScoreRejected) and not isinstance(error, NoLineItem | ScoreStale)


def _is_throttle(error: MentorAIError) -> bool:
    return (
        isinstance(error, PlatformThrottled)
        and error.retry_after_seconds is not None
        and abs(error.retry_after_seconds - RETRY_AFTER_SECONDS) < 1
    )


def _refuse(bench: Bench, *, fault: Mapping[str, Any], judge: Judge, expected: str) -> str:
    column = bench.add_column()
    facts = dict(fault)
    endpoint, kind = facts.pop("endpoint", "scores"), facts.pop("kind", "status")
    if endpoint == "token":
        bench.platform.house.tokens.revoke_all()
    if kind == "page":
        bench.platform.wire.stand_in = partial(_answer_scores, facts["status"])
    else:
        bench.lms.faults.add(endpoint, kind, **facts)
    try:
        push(bench, column, make_score())
    except MentorAIError as error:
        found = error
    else:
        raise Failed("it gave a Receipt for a score that the LMS did not take")
    finally:
        bench.lms.faults.clear()
        bench.platform.wire.stand_in = None
    again = "tried again" if found.retryable else "not tried again"
    seen = f"{type(found).__name__} ({found.code}, {again}): {found.message}"
    expect(judge(found), f"{seen} Expected: {expected}.")
    expect("<" not in found.message, "the sentence holds a piece of the LMS's page")
    expect(not find_held(bench, column), "the gradebook holds it all the same")
    return seen


def _answer_scores(status: int, environ: Environ) -> Reply | None:
    """A server in trouble answers with a page of its own, whatever the LMS would have said."""
    if environ["REQUEST_METHOD"] != "POST" or not environ["PATH_INFO"].endswith("/scores"):
        return None
    return Reply(status, b"<!doctype html><h1>Internal Server Error</h1>", "text/html")


def _is_healed(bench: Bench) -> str:
    column = bench.add_column()
    push(bench, column, make_score())
    bench.platform.house.tokens.revoke_all()
    other = bench.add_column()
    push(bench, other, make_score())
    expect(find_held(bench, other), "the score did not arrive")
    return "a new token was asked for, and the score sent with it"


def _case(name: str, says: str, expected: str, judge: Judge, **fault: Any) -> PluginCase:
    run = partial(_refuse, fault=fault, judge=judge, expected=expected)
    where = f"{HOOKS_PAGE}, push_score; docs/errors.md"
    return PluginCase(
        f"refusal.{name}", f"a score, and {says}", where, says, expected, run, hooks=("push_score",)
    )


FINAL = "an error that is not tried again"
PASSING = "a PlatformError that is tried again"
CASES: Sequence[PluginCase] = (
    PluginCase("refusal.expired", "a score, and a token that ran out",
               f"{HOOKS_PAGE}, push_score", "401 to a token that was good before",
               "a new token, and the score arrives", _is_healed, hooks=("push_score",)),
    _case("401", "401 to every token", FINAL, _is_final, status=401),
    _case("403", "403", "an error that is not tried again, or a throttle",
          lambda error: _is_final(error) or isinstance(error, PlatformThrottled), status=403),
    _case("404", "404: the column is gone", "NoLineItem", _is_kind(NoLineItem), status=404),
    _case("409", "409: there is a newer one", "ScoreStale", _is_kind(ScoreStale), status=409),
    _case("422", "422: not for this person", "NotGradable, or another ScoreRejected",
          _is_about_the_score, status=422),
    _case("429", f"429 with Retry-After {RETRY_AFTER_SECONDS}",
          f"PlatformThrottled with retry_after_seconds {RETRY_AFTER_SECONDS}", _is_throttle,
          status=429, retry_after=RETRY_AFTER_SECONDS),
    _case("500", "500, and a page", PASSING, _is_passing, kind="page", status=500),
    _case("502", "502, and a page", PASSING, _is_passing, kind="page", status=502),
    _case("html", "200 with a page for people", PASSING, _is_passing, kind="garbage"),
    _case("closed", "a connection that closes", PASSING, _is_passing, kind="drop"),
    _case("silence", "no answer at all", f"{PASSING}, in time", _is_passing,
          kind="slow", seconds=SILENCE_SECONDS),
    _case("token", "500 to the request for a token", PASSING, _is_passing,
          endpoint="token", status=500),
)  # fmt: skip
