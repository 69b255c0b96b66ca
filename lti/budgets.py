"""What the calls of one client may cost together: the platform's own bucket, kept here as well.

Some LMSs count what a client's calls cost, for all its schools and whoever sends them, and refuse
when that is too much. Their bucket is therefore kept in the database, for all processes: each holds
a part of it, of which a call takes its own before it is sent and gives back, after the answer, what
it did not cost. What an answer says of the bucket puts ours right. So a limit is waited for and not
run into.
"""

import hashlib
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import structlog

from mentorai.core.database import Database
from mentorai.core.values import Bucket
from mentorai.lti.held_parts import HeldPart, Said

# How long a call waits for its part here; longer waits are the caller's to keep.
TURN_SECONDS = 10.0
log = structlog.get_logger(__name__)


class Budgets:
    """The budgets of every client of ours, shared by all processes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, Budget] = {}

    def get(self, owner: str, bucket: Bucket) -> "Budget":
        """The budget of an owner: whatever the platform counts together, in words of ours."""
        name = hashlib.sha256(owner.encode()).hexdigest()
        known = self._known.get(name)
        if known is None or known.bucket != bucket:
            known = self._known[name] = Budget(self._database, name, bucket)
        return known

    def close(self) -> None:
        """Give back what this process holds of all budgets."""
        for known in list(self._known.values()):
            known.close()


class Spending:
    """What one call takes of a budget, what it costs in the end, and what its answer said."""

    def __init__(self, units: float, extra: float) -> None:
        self.units, self.cost = units, units + extra
        self.said: Said | None = None
        self.refused_seconds: float | None = None


class Budget:
    """What the calls of one client may cost together."""

    def __init__(self, database: Database, name: str, bucket: Bucket) -> None:
        self.bucket = bucket
        self._database = database
        self._name = name
        # What a process holds that this one was forked from is its own affair.
        self._held: dict[int, HeldPart] = {}

    @contextmanager
    def spend(self, extra: float = 0.0, reserve: float = 0.0) -> Iterator[Spending]:
        """Wait until a call fits, and give back afterwards what it did not cost.

        extra: units that it costs on top when it is over, which nobody asks for before. reserve:
        the share of the bucket that it leaves to others. Tell the Spending of the answer by `note`.
        Raises PlatformThrottled, saying when to come back, if it does not fit in TURN_SECONDS.
        """
        spending = Spending(self.bucket.up_front, extra)
        held = self._find_held()
        held.take(spending.units, reserve, TURN_SECONDS)
        try:
            yield spending
        finally:
            held.give_back(spending.units, spending.cost, spending.said, spending.refused_seconds)

    def note(
        self,
        spending: Spending,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        asked_seconds: float | None,
    ) -> float | None:
        """Hear what an answer says; how long to wait, if it refused the call because of the limit.

        asked_seconds: its Retry-After.
        """
        bucket = self.bucket
        if self._is_refusal(status, body):
            wait = max(asked_seconds or 0.0, self._seconds_for(spending.units))
            spending.cost, spending.refused_seconds = 0.0, wait
            log.warning("platform_throttled", seconds=round(wait, 1))
            return wait
        spending.cost = _read(headers, bucket.cost_header) or spending.cost
        limit = _read(headers, bucket.limit_header)
        left = _read(headers, bucket.remaining_header)
        theirs = None if left is None else max(0.0, (limit or bucket.high_water) - left)
        if theirs is not None or limit is not None:
            spending.said = Said(theirs, limit, time.monotonic())
        return None

    def _is_refusal(self, status: int, body: bytes) -> bool:
        words = self.bucket.refusal_text.encode()
        return status == 429 or (status == 403 and bool(words) and words in body[:2_000])

    def close(self) -> None:
        """Give back what this process holds of it."""
        held = self._held.pop(os.getpid(), None)
        if held is not None:
            held.close()

    def _find_held(self) -> HeldPart:
        held = self._held.get(os.getpid())
        if held is None:
            mine = HeldPart(self._database, self._name, self.bucket)
            held = self._held.setdefault(os.getpid(), mine)
        return held

    def _seconds_for(self, units: float) -> float:
        """How long the bucket leaks until so many units are out of it."""
        return units / self.bucket.leak_per_second


def _read(headers: Mapping[str, str], name: str) -> float | None:
    """A header's number, or None if it is not there or makes no sense."""
    try:
        found = float(headers.get(name) or "") if name else -1.0
    except ValueError:
        return None
    return found if 0.0 <= found < 1e9 else None
