"""What a probe of a platform sees: a code and facts, and no words yet."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Literal

from mentorai.core.clock import now
from mentorai.core.errors import PlatformError
from mentorai.lti.platform_http import Reply

SKEW_LIMIT = timedelta(seconds=60)
# RFC 9110, section 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT".
DATE_LENGTH = 29

State = Literal["well", "note", "wrong"]


@dataclass(frozen=True, slots=True)
class Observation:
    """One thing seen at a platform. code: what; facts: what the words for it are filled with."""

    subject: str
    code: str
    state: State
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call came to: the reply, or the error in its place, and how long it took."""

    reply: Reply | None
    error: PlatformError | None
    seconds: float


def watch_clock(reply: Reply) -> Iterator[Observation]:
    """Does the platform's clock agree with ours? Read from the Date header of an answer."""
    # A proxy may have added a second one behind the first.
    date = (reply.headers.get("Date") or "")[:DATE_LENGTH]
    try:
        there = parsedate_to_datetime(date)
        skew = (there - now()).total_seconds()
    except (ValueError, TypeError):
        yield Observation("clock", "clock_not_told", "note")
        return
    facts = {"seconds": round(abs(skew)), "direction": "ahead of" if skew > 0 else "behind"}
    if abs(skew) > SKEW_LIMIT.total_seconds():
        yield Observation("clock", "clock_differs", "wrong", facts)
    else:
        yield Observation("clock", "clock_agrees", "well", facts)


def ask(call: Callable[[], Reply]) -> Answer:
    """Make one call; a platform that does not answer is an answer too."""
    began = time.monotonic()
    try:
        return Answer(call(), None, time.monotonic() - began)
    except PlatformError as error:
        return Answer(None, error, time.monotonic() - began)
