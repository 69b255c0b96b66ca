"""Blackboard's quota: a number of calls a day, which all schools of one application share.

Each answer says how many are left. Calls that can wait stop while RESERVE of them are, so that
grades still go through; after a 429 none is made until the time that it named.
Source: Blackboard's developer portal, rate limits (X-Rate-Limit-*, Retry-After).
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from mentorai.core.errors import PlatformThrottled

# The share of the quota that is kept for what cannot wait.
RESERVE = 0.1
# After so long a call that can wait goes out to learn how many are left by now.
LOOK_SECONDS = 900.0
ALMOST_USED = "The calls that Blackboard allows this application a day are almost used up."
USED = "Blackboard takes no more calls of this application for now."


@dataclass
class _State:
    limit: int = 0
    remaining: int | None = None
    seen_at: float = 0.0
    closed_until: float = 0.0


class Quotas:
    """What is left of the quota of each application key, as this process saw it last."""

    def __init__(self, _engine: object) -> None:
        self._states: dict[str, _State] = {}
        self._lock = threading.Lock()

    def check(self, account: str, *, can_wait: bool) -> None:
        """Let a call pass. Raises PlatformThrottled with how long to wait."""
        moment = time.monotonic()
        state = self._find(account)
        if state.closed_until > moment:
            raise PlatformThrottled(USED, retry_after_seconds=state.closed_until - moment)
        if not can_wait or state.remaining is None or state.remaining > state.limit * RESERVE:
            return
        left = state.seen_at + LOOK_SECONDS - moment
        if left > 0:
            raise PlatformThrottled(ALMOST_USED, retry_after_seconds=left)

    def note(self, account: str, headers: Mapping[str, str]) -> None:
        """Remember what an answer said of the quota."""
        limit = _number(headers.get("X-Rate-Limit-Limit"))
        remaining = _number(headers.get("X-Rate-Limit-Remaining"))
        if limit is not None and remaining is not None:
            state = self._find(account)
            state.limit, state.remaining, state.seen_at = limit, remaining, time.monotonic()

    def close(self, account: str, seconds: float) -> None:
        """Make no calls for so long."""
        self._find(account).closed_until = time.monotonic() + seconds

    def _find(self, account: str) -> _State:
        with self._lock:
            return self._states.setdefault(account, _State())


def _number(text: str | None) -> int | None:
    is_number = text is not None and text.isascii() and text.isdigit() and len(text) < 12
    return int(text) if text is not None and is_number else None
