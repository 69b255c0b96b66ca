"""What becomes of a score after a try: a decision, made from facts. Nobody sleeps here."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import SystemRandom
from typing import Literal

from mentorai.core.errors import (
    MentorAIError,
    NoLineItem,
    PlatformThrottled,
    PlatformUnavailable,
    PluginFailed,
    ScoreStale,
    TeacherGradeStands,
)

RowStatus = Literal["waiting", "leased", "sent", "superseded", "failed", "not_linked"]
BACKOFF_SECONDS = (10, 30, 120, 300, 900, 1_800, 3_600)
# How long a platform may be at a call that nobody waits for: what is sent meanwhile may come first.
UNHEARD_SECONDS = 20.0
# A score is stale when its second is not later than the one in which the platform took the last
# (Moodle compares with its own clock). A later second cures that; after that clock jumped back it
# has to be later by as much, so the waits grow. What stays stale for hours is given up, loudly.
STALE_SECONDS = (2, 30, 120, 300, 900, 1_800, 3_600)
STALE_TRIES = 12
STALE_LIMIT = timedelta(hours=6)
RETRY_AFTER_LIMIT = 6 * 3_600
GIVE_UP_AFTER = timedelta(days=3)
# A plugin that breaks is not mended by itself: its author needs days, and campus IT then restarts
# the worker, which tries at once. These are for trouble that passes, and in case nobody restarts.
PLUGIN_SECONDS = (60, 900, 3_600, 10_800)
PLUGIN_LIMIT = timedelta(days=30)
JITTER = 0.2
# A platform whose clock is further ahead of ours than this takes no token of ours either.
LONGEST_AHEAD = timedelta(hours=1)

_random = SystemRandom()


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a row.

    wait: until the next try, for `waiting`, from when this is written down: the clock may be set
    before. counts: whether the try counts as one; it does not when nothing was sent because of
    ourselves, nor when the platform was too busy to take it.
    code, message: why, for a person.
    """

    status: RowStatus
    wait: timedelta | None = None
    code: str = ""
    message: str = ""
    counts: bool = True
    sent_at: datetime | None = None


def decide(
    error: MentorAIError,
    *,
    attempts: int,
    stale_attempts: int,
    last_code: str,
    first_tried_at: datetime,
    moment: datetime,
) -> Decision:
    """What to do after `error`.

    attempts: tries made, this one too. stale_attempts: refusals as stale before this one.
    last_code: of the error before this one; empty: there was none.
    """
    if isinstance(error, ScoreStale):
        if stale_attempts >= STALE_TRIES:
            given_up = f"{error.message} It said so for hours: its clock may have been wrong."
            return Decision("failed", None, error.code, given_up)
        wait = _stale_wait(error, stale_attempts, moment)
        return Decision("waiting", wait, error.code, error.message)
    if isinstance(error, NoLineItem):
        return Decision("not_linked", None, error.code, error.message)
    if isinstance(error, TeacherGradeStands):
        return Decision("superseded", None, error.code, error.message)
    is_plugins = isinstance(error, PluginFailed)
    if not (error.retryable or is_plugins):
        return Decision("failed", None, error.code, error.message)
    if error.becomes and error.tries and attempts >= error.tries and last_code == error.code:
        final = error.becomes()
        return Decision("failed", None, final.code, final.message)
    if isinstance(error, PlatformThrottled):
        # A platform that is busy has said nothing about the score: it is no failed try, and one
        # that is busy for days is not given up.
        asked = timedelta(seconds=max(backoff_seconds(1), asked_seconds(error)))
        return Decision("waiting", asked, error.code, error.message, counts=False)
    limit = PLUGIN_LIMIT if is_plugins else GIVE_UP_AFTER
    if moment - first_tried_at >= limit:
        given_up = f"{error.message} Given up after {limit.days} days of trying."
        return Decision("failed", None, error.code, given_up)
    seconds = _find_step(PLUGIN_SECONDS if is_plugins else BACKOFF_SECONDS, attempts)
    if isinstance(error, PlatformUnavailable) and error.may_go_on:
        seconds = max(seconds, UNHEARD_SECONDS)
    return Decision("waiting", timedelta(seconds=seconds), error.code, error.message)


def _stale_wait(error: ScoreStale, stale_attempts: int, moment: datetime) -> timedelta:
    """How long until a later second may be late enough.

    A platform whose clock is so far ahead that no score of ours may bear its time has to be
    waited for.
    """
    step = STALE_SECONDS[min(stale_attempts, len(STALE_SECONDS) - 1)]
    ahead = error.platform_at - moment if error.platform_at else timedelta()
    waited_for = ahead if LONGEST_AHEAD < ahead <= STALE_LIMIT else timedelta()
    return max(timedelta(seconds=step), waited_for)


def backoff_seconds(attempts: int) -> float:
    """How long to wait after so many tries: longer each time, up to an hour, and never in step
    with others that failed at the same moment.
    """
    return _find_step(BACKOFF_SECONDS, attempts)


def _find_step(steps: Sequence[int], attempts: int) -> float:
    step = steps[min(max(attempts, 1), len(steps)) - 1]
    return step * _random.uniform(1 - JITTER, 1 + JITTER)


def asked_seconds(error: MentorAIError) -> float:
    """How long the platform asked us to wait, 0 if it did not, within reason."""
    asked = error.retry_after_seconds if isinstance(error, PlatformThrottled) else None
    if asked is None or not math.isfinite(asked):
        return 0.0
    return min(max(asked, 0.0), RETRY_AFTER_LIMIT)
