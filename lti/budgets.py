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
from sqlalchemy import (
    Column,
    ColumnElement,
    Float,
    String,
    Table,
    and_,
    bindparam,
    case,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from mentorai.core.database import Database, metadata
from mentorai.core.errors import PlatformThrottled
from mentorai.core.prepared import Prepared
from mentorai.core.values import Bucket

# How long a call waits for its part here; longer waits are the caller's to keep.
TURN_SECONDS = 10.0
POLL_SECONDS = 0.05
# Parts of processes that died are forgotten once nobody called for so long.
FORGOTTEN_SECONDS = 300.0
UNKNOWN = -1.0
log = structlog.get_logger(__name__)

# level: units in the bucket at moved_at (seconds since 1970), with those `held` by calls under way.
call_budgets = Table(
    "call_budgets",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("level", Float(53), nullable=False),
    Column("held", Float(53), nullable=False),
    Column("high_water", Float(53), nullable=False),
    Column("moved_at", Float(53), nullable=False),
    Column("closed_until", Float(53), nullable=False),
)

# A prepared statement has no parameters but the named ones.
_ZERO: ColumnElement[Any] = literal_column("0.0", Float(53))
_FORGOTTEN: ColumnElement[Any] = literal_column(str(FORGOTTEN_SECONDS), Float(53))


def _given(name: str) -> ColumnElement[Any]:
    return bindparam(name, type_=Float(53))


def _least_zero(value: ColumnElement[Any]) -> ColumnElement[Any]:
    return case((value < _ZERO, _ZERO), else_=value)


_MINE = call_budgets.c.name == bindparam("mine")
_NOW, _PART = _given("moment"), _given("part")
_AGE = _least_zero(_NOW - call_budgets.c.moved_at)
_LEVEL = _least_zero(call_budgets.c.level - _given("leak") * _AGE)
_HELD = case((_AGE > _FORGOTTEN, _ZERO), else_=call_budgets.c.held)
_LEFT_HELD = _least_zero(_HELD - _PART)
_TAKE = Prepared(
    update(call_budgets)
    .where(
        _MINE,
        call_budgets.c.closed_until <= _NOW,
        or_(_LEVEL + _PART + _given("spare") <= call_budgets.c.high_water, _LEVEL <= _ZERO),
    )
    .values(level=_LEVEL + _PART, held=_HELD + _PART, moved_at=_NOW)
    .returning(call_budgets.c.level)
)
_READ = Prepared(select(call_budgets).where(_MINE))
# What the platform says counts if it is more than we know of; and if it is less, all but what it
# may not have seen yet when it said so.
_THEIRS = _given("theirs")
_SAID = case((_LEVEL < _THEIRS, _THEIRS), else_=_LEVEL)
_AFTER = _least_zero(_SAID - _PART + _given("cost"))
_GIVE_BACK = Prepared(
    update(call_budgets)
    .where(_MINE)
    .values(
        level=case(
            (and_(_THEIRS >= _ZERO, _THEIRS + _LEFT_HELD < _AFTER), _THEIRS + _LEFT_HELD),
            else_=_AFTER,
        ),
        held=_LEFT_HELD,
        high_water=func.coalesce(_given("said_limit"), call_budgets.c.high_water),
        moved_at=_NOW,
    )
)
_WAIT = _given("until")
_SHUT = Prepared(
    update(call_budgets)
    .where(_MINE)
    .values(
        level=case(
            (call_budgets.c.high_water > _LEVEL - _PART, call_budgets.c.high_water),
            else_=_LEVEL - _PART,
        ),
        held=_LEFT_HELD,
        closed_until=case(
            (call_budgets.c.closed_until < _WAIT, _WAIT), else_=call_budgets.c.closed_until
        ),
        moved_at=_NOW,
    )
)


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


class Spending:
    """What one call takes of a budget."""

    def __init__(self, part: float, cost: float) -> None:
        self.part = part
        self.cost = cost
        self.theirs = UNKNOWN
        self.limit: float | None = None
        self.refused_seconds: float | None = None


class Budget:
    """What the calls of one client may cost together."""

    def __init__(self, database: Database, name: str, bucket: Bucket) -> None:
        self.bucket = bucket
        self._database = database
        self._name = name
        # One thread asks the database whether there is room, the others queue here.
        self._turnstile = threading.Lock()
        self._given_back = threading.Event()

    @contextmanager
    def spend(self, extra: float = 0.0) -> Iterator[Spending]:
        """Wait until a call fits, and give back afterwards what it did not cost.

        extra: units that it costs on top. Tell the Spending of the answer by `note`.
        Raises PlatformThrottled, saying when to come back, if it does not fit in TURN_SECONDS.
        """
        spending = Spending(self.bucket.up_front + extra, self.bucket.up_front + extra)
        self._wait(spending.part)
        try:
            yield spending
        finally:
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
            wait = max(asked_seconds or 0.0, self._seconds_for(spending.part))
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

    def _wait(self, part: float) -> None:
        deadline = time.monotonic() + TURN_SECONDS
        if not self._turnstile.acquire(timeout=TURN_SECONDS):
            raise PlatformThrottled(retry_after_seconds=self._seconds_for(part))
        try:
            while (wait := self._take(part)) > 0.0:
                if time.monotonic() + wait > deadline:
                    raise PlatformThrottled(retry_after_seconds=max(wait, POLL_SECONDS))
                self._given_back.wait(min(wait, POLL_SECONDS))
        finally:
            self._turnstile.release()

    def _take(self, part: float) -> float:
        """Take a part: 0, or how many seconds it will take until there may be room."""
        moment, bucket = time.time(), self.bucket
        self._given_back.clear()
        # One call less than would fit: others may use the same client, and clocks differ.
        spare = bucket.up_front
        facts = {"mine": self._name, "moment": moment, "leak": bucket.leak_per_second}
        if self._database.run(_TAKE, facts | {"part": part, "spare": spare}) is not None:
            return 0.0
        row = self._database.run(_READ, {"mine": self._name})
        if row is None:
            self._make(moment)
            return self._take(part)
        leaked = bucket.leak_per_second * max(0.0, moment - row.moved_at)
        level: float = max(0.0, row.level - leaked)
        closed: float = row.closed_until - moment
        if closed <= 0.0 and row.held > 0.0:
            return POLL_SECONDS
        return max(closed, self._seconds_for(level + part + spare - row.high_water), 0.001)

    def _make(self, moment: float) -> None:
        row = {"name": self._name, "level": 0.0, "held": 0.0, "moved_at": moment}
        try:
            with self._database.write() as connection:
                limits = {"high_water": self.bucket.high_water, "closed_until": 0.0}
                connection.execute(insert(call_budgets).values(row | limits))
        except IntegrityError:
            pass  # Another process made it at this moment.

    def _settle(self, spending: Spending) -> None:
        moment, bucket = time.time(), self.bucket
        facts = {
            "mine": self._name,
            "moment": moment,
            "leak": bucket.leak_per_second,
            "part": spending.part,
        }
        if spending.refused_seconds is not None:
            until = moment + spending.refused_seconds
            self._database.run(_SHUT, facts | {"until": until})
        else:
            said = {"theirs": spending.theirs, "said_limit": spending.limit}
            self._database.run(_GIVE_BACK, facts | said | {"cost": spending.cost})
        self._given_back.set()

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
