"""How many calls a caller may make in a minute.

With Redis (the setting limits_url, or queue_url) every process counts in one place, exactly;
without it each process counts for itself. Written here because the counter of the usual library
starts a thread for most calls, which costs as much as a whole answer.
"""

import threading
import time
from typing import Any, NamedTuple

import structlog

from mentorai.core.errors import ConfigurationError
from mentorai.core.settings import Settings

WINDOW_SECONDS = 60
REDIS_TIMEOUT_SECONDS = 0.5
# How long calls are counted in the process after Redis failed, before it is asked again.
PAUSE_SECONDS = 5.0
log = structlog.get_logger(__name__)


class Allowance(NamedTuple):
    """What a caller may still do in this minute. reset_seconds: until the next begins."""

    limit: int
    remaining: int
    reset_seconds: int
    is_exceeded: bool


class RateLimits:
    """The counters of one installation, as one process reaches them."""

    def __init__(self, settings: Settings) -> None:
        self._counts: dict[str, int] = {}
        self._window = 0
        self._lock = threading.Lock()
        self._redis: Any = None
        self._pause_until = 0.0
        if settings.url_of_limits:
            self._redis = _open(settings.url_of_limits)

    def take(self, caller: str, limit: int) -> Allowance:
        """Count a call of `caller`, of whom `limit` calls a minute are taken."""
        window, passed = divmod(int(time.time()), WINDOW_SECONDS)
        number = self._count(caller, window)
        return Allowance(limit, max(0, limit - number), WINDOW_SECONDS - passed, number > limit)

    def close(self) -> None:
        """Give the connections back."""
        if self._redis is not None:
            self._redis.close()

    def _count(self, caller: str, window: int) -> int:
        if self._redis is not None and time.monotonic() >= self._pause_until:
            try:
                return self._count_together(caller, window)
            except Exception as error:
                # A counter that is away must not close the API.
                self._pause_until = time.monotonic() + PAUSE_SECONDS
                log.warning("limits_counted_per_process", reason=type(error).__name__)
        return self._count_alone(caller, window)

    def _count_together(self, caller: str, window: int) -> int:
        name = f"mentorai:calls:{caller}:{window}"
        with self._redis.pipeline(transaction=True) as both:
            both.incr(name)
            both.expire(name, 2 * WINDOW_SECONDS)
            number, _ = both.execute()
        return int(number)

    def _count_alone(self, caller: str, window: int) -> int:
        with self._lock:
            if window != self._window:
                self._window, self._counts = window, {}
            number = self._counts[caller] = self._counts.get(caller, 0) + 1
        return number


def _open(url: str) -> Any:
    try:
        from redis import Redis
    except ImportError as error:
        raise ConfigurationError(
            'limits_url: redis is not installed: pip install "mentorai-toolkit[redis]"'
        ) from error
    return Redis.from_url(
        url, socket_connect_timeout=REDIS_TIMEOUT_SECONDS, socket_timeout=REDIS_TIMEOUT_SECONDS
    )
