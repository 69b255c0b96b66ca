"""Canvas' bucket of calls: what is left in it, and what its refusal looks like.

A client or user has a bucket that calls fill and time empties. Canvas says what is left of it with
each answer; a call that no longer fits is refused with 403, which also means other things, or 429.
Source: Canvas' developer documentation, Throttling.
"""

import time
from collections.abc import Callable

from mentorai.core.errors import PlatformThrottled
from mentorai.lti.platform_http import Reply

REFUSAL = b"rate limit exceeded"
# Units that a call may need up front, and how many flow out in a second.
WANTED, LEAK_PER_SECOND = 100.0, 10.0
LONGEST_PAUSE_SECONDS = 5.0
# Canvas names no time; this gives back what a few calls need.
RETRY_SECONDS = 20.0


def check_not_throttled(status: int, body: bytes) -> None:
    """Raise PlatformThrottled for an answer that says so, and for no other 403."""
    if status == 429 or (status == 403 and REFUSAL in body[:500].lower()):
        raise PlatformThrottled(retry_after_seconds=RETRY_SECONDS)


class Bucket:
    """What is left in one bucket, as the last answer said, and as time has added since."""

    def __init__(
        self,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sleep, self._clock = sleep, clock
        self._left, self._at = WANTED, clock()

    def note(self, reply: Reply) -> None:
        """Read what an answer says is left."""
        try:
            self._left = float(reply.headers.get("X-Rate-Limit-Remaining", ""))
        except ValueError:
            return
        self._at = self._clock()

    def wait(self) -> None:
        """Let time pass until the next call fits, if that is not long."""
        left = self._left + (self._clock() - self._at) * LEAK_PER_SECOND
        if left < WANTED:
            self._sleep(min((WANTED - left) / LEAK_PER_SECOND, LONGEST_PAUSE_SECONDS))
