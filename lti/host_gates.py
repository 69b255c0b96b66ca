"""How many calls one host has from this process at once, and how patient we are with it.

One LMS that hangs must not take every thread: a host has CALLS_AT_ONCE calls, others wait a
little for their turn, and after it once let us wait to the end it gets half the usual times for
WARY_SECONDS.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from mentorai.core.errors import PlatformThrottled

CALLS_AT_ONCE = 12
TURN_SECONDS = 10.0
WARY_SECONDS = 30.0
COME_BACK_SECONDS = 5.0
PATIENT, WARY = 1.0, 0.5


class HostGates:
    """The gates to every host that this process calls."""

    def __init__(self) -> None:
        self._gates: dict[str, _Gate] = {}

    @contextmanager
    def enter(self, origin: str) -> Iterator[float]:
        """Take a turn at a host, and hear what share of the usual times it gets.

        A TimeoutError that flies through makes the host one to be wary of for a while.
        Raises PlatformThrottled when no turn comes in TURN_SECONDS.
        """
        gate = self._gates.setdefault(origin, _Gate())
        if not gate.turns.acquire(timeout=TURN_SECONDS):
            raise PlatformThrottled(
                f"Too many calls to {origin} are under way already.",
                retry_after_seconds=COME_BACK_SECONDS,
            )
        is_wary = time.monotonic() < gate.wary_until
        try:
            yield WARY if is_wary else PATIENT
        except TimeoutError:
            # Only a whole patient wait begins such a time, so that it ends by itself.
            if not is_wary:
                gate.wary_until = time.monotonic() + WARY_SECONDS
            raise
        finally:
            gate.turns.release()


class _Gate:
    def __init__(self) -> None:
        self.turns = threading.BoundedSemaphore(CALLS_AT_ONCE)
        self.wary_until = 0.0
