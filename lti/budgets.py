"""What the calls of one client may cost together: the platform's own bucket, kept here as well.

Some LMSs count what a client's calls cost, for all its schools and whoever sends them, and refuse
when that is too much. Their bucket is therefore kept in the database, for all processes: a call
takes its part before it is sent and gives back, after the answer, what it did not cost. What an
answer says of the bucket puts ours right. So a limit is waited for and not run into.
"""

import hashlib
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import structlog
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from mentorai.core.database import Database
from mentorai.core.errors import PlatformThrottled
from mentorai.core.values import Bucket
from mentorai.lti.budget_rows import (
    GIVE_BACK,
    READ,
    SET_BACK,
    SHUT,
    TAKE,
    call_budgets,
    find_span,
    is_ahead,
    read_held,
)
from mentorai.lti.held_parts import HeldPart, HeldParts

# How long a call waits for its part here; longer waits are the caller's to keep.
TURN_SECONDS = 10.0
POLL_SECONDS = 0.05
UNKNOWN = -1.0
log = structlog.get_logger(__name__)


class Budgets:
    """The budgets of every client of ours, shared by all processes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held = HeldParts(database)
        self._known: dict[str, Budget] = {}

    def get(self, owner: str, bucket: Bucket) -> "Budget":
        """The budget of an owner: whatever the platform counts together, in words of ours."""
        name = hashlib.sha256(owner.encode()).hexdigest()
        known = self._known.get(name)
        if known is None or known.bucket != bucket:
            known = self._known[name] = Budget(self._database, self._held, name, bucket)
        return known


class Spending:
    """What one call takes of a budget."""

    def __init__(self, part: HeldPart) -> None:
        self.part = part
        self.cost = part.units
        self.theirs = UNKNOWN
        self.limit: float | None = None
        self.refused_seconds: float | None = None


class Budget:
    """What the calls of one client may cost together."""

    def __init__(self, database: Database, held: HeldParts, name: str, bucket: Bucket) -> None:
        self.bucket = bucket
        self._database = database
        self._held = held
        self._name = name
        # One thread asks the database whether there is room, the others queue here.
        self._turnstile = threading.Lock()
        self._given_back = threading.Event()

    @contextmanager
    def spend(self, extra: float = 0.0, reserve: float = 0.0) -> Iterator[Spending]:
        """Wait until a call fits, and give back afterwards what it did not cost.

        extra: units that it costs on top. reserve: the share of the bucket that it leaves to
        others. Tell the Spending of the answer by `note`.
        Raises PlatformThrottled, saying when to come back, if it does not fit in TURN_SECONDS.
        """
        units = self.bucket.up_front + extra
        spending = Spending(HeldPart(self._name, units, self._wait(units, reserve)))
        self._held.add(spending.part)
        try:
            yield spending
        finally:
            self._held.remove(spending.part)
            self._settle(spending)

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
            wait = max(asked_seconds or 0.0, self._seconds_for(spending.part.units))
            spending.refused_seconds = wait
            log.warning("platform_throttled", seconds=round(wait, 1))
            return wait
        spending.cost = _read(headers, bucket.cost_header) or spending.cost
        spending.limit = _read(headers, bucket.limit_header)
        left = _read(headers, bucket.remaining_header)
        if left is not None:
            spending.theirs = max(0.0, (spending.limit or bucket.high_water) - left)
        return None

    def _is_refusal(self, status: int, body: bytes) -> bool:
        words = self.bucket.refusal_text.encode()
        return status == 429 or (status == 403 and bool(words) and words in body[:2_000])

    def _wait(self, units: float, reserve: float) -> int:
        """Take so many units; the span of time in which that was."""
        deadline = time.monotonic() + TURN_SECONDS
        if not self._turnstile.acquire(timeout=TURN_SECONDS):
            raise PlatformThrottled(retry_after_seconds=self._seconds_for(units))
        try:
            while (span := self._take(units, reserve)) is None:
                wait = self._find_wait(units, reserve)
                if wait and time.monotonic() + wait > deadline:
                    raise PlatformThrottled(retry_after_seconds=max(wait, POLL_SECONDS))
                self._given_back.wait(min(wait, POLL_SECONDS))
        finally:
            self._turnstile.release()
        return span

    def _take(self, units: float, reserve: float) -> int | None:
        self._given_back.clear()
        # One call less than would fit: others may use the same client, and clocks differ.
        facts = self._facts(units) | {"spare": self.bucket.up_front, "reserve": reserve}
        row = self._database.run(TAKE, facts)
        return None if row is None else int(row.span)

    def _find_wait(self, units: float, reserve: float) -> float:
        """How many seconds it will take until there may be room."""
        moment, bucket = time.time(), self.bucket
        row = self._database.run(READ, {"mine": self._name})
        if row is None:
            self._make(moment)
            return 0.0
        if is_ahead(row, moment):
            self._database.run(SET_BACK, {"mine": self._name, "moment": moment})
            return 0.0
        leaked = bucket.leak_per_second * max(0.0, moment - row.moved_at)
        level: float = max(0.0, row.level - leaked)
        closed: float = row.closed_until - moment
        if closed <= 0.0 and read_held(row, find_span(moment)) > 0.0:
            return POLL_SECONDS
        over = level + units + bucket.up_front - row.high_water * (1.0 - reserve)
        return max(closed, self._seconds_for(over), 0.001)

    def _make(self, moment: float) -> None:
        row = {"name": self._name, "level": 0.0, "held": 0.0, "moved_at": moment}
        try:
            with self._database.write() as connection:
                limits = {"high_water": self.bucket.high_water, "closed_until": 0.0}
                connection.execute(insert(call_budgets).values(row | limits))
        except IntegrityError:
            pass  # Another process made it at this moment.

    def _settle(self, spending: Spending) -> None:
        part = spending.part
        facts = self._facts(part.units) | {"taken_in": part.span}
        if spending.refused_seconds is not None:
            until = facts["moment"] + spending.refused_seconds
            self._database.run(SHUT, facts | {"until": until})
        else:
            said = {"theirs": spending.theirs, "said_limit": spending.limit}
            self._database.run(GIVE_BACK, facts | said | {"cost": spending.cost})
        self._given_back.set()

    def _facts(self, units: float) -> dict[str, Any]:
        """What every statement wants to know."""
        moment = time.time()
        return {
            "mine": self._name,
            "part": units,
            "leak": self.bucket.leak_per_second,
            "moment": moment,
            "this_span": find_span(moment),
        }

    def _seconds_for(self, units: float) -> float:
        """How long the bucket leaks until so many units are out of it."""
        return units / self.bucket.leak_per_second


def _read(headers: Mapping[str, str], name: str) -> float | None:
    """A header's number, or None if it is not there or makes no sense."""
    try:
        found = float(headers.get(name) or "") if name else UNKNOWN
    except ValueError:
        return None
    return found if 0.0 <= found < 1e9 else None
