"""The bucket that slows a tool down: calls fill it, time empties it."""

import math
from datetime import datetime
from threading import Lock

from mentorai.plugins.sandbox.personalities.traits import Throttle
from mentorai.plugins.sandbox.wire import Reply


class Bucket:
    """How full it is, by the clock that is given with each call; one for all calls of the tool.

    level: what it holds. refused: how many calls it turned away.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._at: datetime | None = None
        self.level = 0.0
        self.refused = 0

    def enter(self, throttle: Throttle, moment: datetime) -> Reply | None:
        """Let a call in, or give what refuses it."""
        with self._lock:
            self._leak(throttle, moment)
            if self.level < throttle.high_water:
                self.level += throttle.up_front
                return None
            self.refused += 1
            headers = self._headers(throttle)
            if throttle.retry_after:
                over = self.level - throttle.high_water + throttle.cost
                seconds = math.ceil(over / throttle.leak_per_second)
                headers["Retry-After"] = str(max(1, seconds))
            body = throttle.words.encode()
            return Reply(throttle.status, body, throttle.media_type, headers)

    def leave(self, throttle: Throttle, moment: datetime, *, is_token: bool) -> dict[str, str]:
        """A call is over: what it cost stays; gives the headers that tell of it."""
        cost = throttle.cost + (throttle.token_cost if is_token else 0)
        with self._lock:
            self._leak(throttle, moment)
            self.level = max(0.0, self.level - throttle.up_front) + cost
            headers = self._headers(throttle)
        return headers | ({throttle.cost_header: f"{cost}"} if throttle.cost_header else {})

    def fill(self, level: float, moment: datetime) -> None:
        """Set what it holds, as other tools' calls may have."""
        with self._lock:
            self.level, self._at = level, moment

    def _leak(self, throttle: Throttle, moment: datetime) -> None:
        if self._at is not None:
            seconds = max(0.0, (moment - self._at).total_seconds())
            self.level = max(0.0, self.level - seconds * throttle.leak_per_second)
        self._at = moment

    def _headers(self, throttle: Throttle) -> dict[str, str]:
        left = max(0.0, throttle.high_water - self.level)
        headers = {throttle.remaining_header: f"{left}", throttle.limit_header: ""}
        if throttle.limit_header:
            headers[throttle.limit_header] = str(int(throttle.high_water))
            headers[throttle.remaining_header] = str(int(left))
        return {name: value for name, value in headers.items() if name}
