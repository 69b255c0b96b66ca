"""How many calls one host has from this process at once, and how patient we are with it.

One LMS that hangs must not take every thread: others wait a little for their turn, and after it
once let us wait to the end it gets half the usual times for WARY_SECONDS. How many calls are under
way is found out by trying: twice as many at first, and then a step more, while that brings clearly
more answers a second; a step back when it does not (a slow LMS only answers each later), two when
a call gets no answer.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from mentorai.core.errors import PlatformThrottled

# How many at once, at first and at most.
STEPS = (1, 2, 4, 6, 8, 12, 16, 24, 32)
CALLS_AT_ONCE, MOST_AT_ONCE = 4, STEPS[-1]
# A step up is kept if it brings so much more than the one below it: half of what it could at least.
GAIN = 1.15
# The same for twice as many, as long as it goes up by that.
START_GAIN = 1.5
# Answers that are counted for one look, and looks for which a step that did not help is left alone.
LOOK, LOOKS_APART = 12, 20
TURN_SECONDS = 10.0
WARY_SECONDS = 30.0
COME_BACK_SECONDS = 5.0
PATIENT, WARY = 1.0, 0.5


class HostGates:
    """The gates to every host that this process calls."""

    def __init__(self) -> None:
        self._gates: dict[str, _Gate] = {}

    @contextmanager
    def enter(self, origin: str, most: int | None = None) -> Iterator[float]:
        """Take a turn at a host, and hear what share of the usual times it gets.

        most: the most calls at once, for a host of which that is known.
        A TimeoutError that flies through makes the host one to be wary of for a while.
        Raises PlatformThrottled when no turn comes in TURN_SECONDS.
        """
        gate = self._gates.setdefault(origin, _Gate())
        if not gate.begin(most or MOST_AT_ONCE):
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
            gate.end(is_answered=False)
            raise
        except BaseException:
            gate.end(is_answered=False)
            raise
        else:
            gate.end(is_answered=True)


class _Gate:
    def __init__(self) -> None:
        self.wary_until = 0.0
        self.step = CALLS_AT_ONCE
        self._turns = threading.Condition()
        self._under_way = 0
        self._is_starting = True
        self._rates: dict[int, float] = {}
        self._looks_left = 0
        self._begin_look()

    def begin(self, most: int) -> bool:
        """Whether a turn came in time."""
        deadline = time.monotonic() + TURN_SECONDS
        with self._turns:
            while self._under_way >= min(self.step, most):
                # Of a step at which nobody had to wait nothing is learned.
                self._was_full = self.step < most
                if not self._turns.wait(deadline - time.monotonic()):
                    return False
            self._under_way += 1
        return True

    def end(self, *, is_answered: bool) -> None:
        """Give the turn back, and see whether another step is better."""
        with self._turns:
            self._under_way -= 1
            if is_answered:
                self._answers += 1
                if self._answers >= max(0 if self._is_starting else LOOK, 2 * self.step):
                    self._look()
            else:
                self._rates.clear()
                self._is_starting = False
                self._move(-2)
            self._turns.notify(1 + max(0, self.step - self._under_way))

    def _look(self) -> None:
        rate = self._answers / max(time.monotonic() - self._began_at, 1e-6)
        if not self._was_full:
            self._begin_look()
            return
        self._rates[self.step] = rate
        if self._is_starting:
            self._start(rate)
            return
        below = STEPS[max(STEPS.index(self.step) - 1, 0)]
        if below != self.step and rate < self._rates.get(below, 0.0) * GAIN:
            self._move(-1)
            return
        if self._looks_left:
            self._looks_left -= 1
            self._begin_look()
            return
        self._move(1)

    def _start(self, rate: float) -> None:
        """Twice as many at once, until that brings less than it should."""
        half = self._rates.get(self.step // 2, 0.0)
        self._is_starting = rate >= half * START_GAIN and self.step < MOST_AT_ONCE
        if self._is_starting:
            self._move(STEPS.index(self.step * 2) - STEPS.index(self.step))
        elif rate < half * GAIN:
            self._move(STEPS.index(self.step // 2) - STEPS.index(self.step))
        else:
            self._begin_look()

    def _move(self, steps: int) -> None:
        index = min(max(STEPS.index(self.step) + steps, 0), len(STEPS) - 1)
        self.step = STEPS[index]
        if steps < 0:
            self._looks_left = LOOKS_APART
        self._begin_look()

    def _begin_look(self) -> None:
        self._answers, self._began_at, self._was_full = 0, time.monotonic(), False
