"""What one process holds of a budget: enough for its calls under way and a few more.

It asks the database for all who wait together, and tells with that what its calls have cost since
it asked last: of many calls, few are a transaction. What is free goes back again and again, and
what is under way is renewed with it. A process that is killed renews nothing more, so that others
need not wait long for what it held. While there is not enough for several of them, each steps aside
for a moment after its turn.
"""

import threading
import time
from dataclasses import dataclass, replace

import structlog

from mentorai.core.database import Database
from mentorai.core.errors import PlatformThrottled
from mentorai.core.values import Bucket
from mentorai.lti.budget_rows import POLL_SECONDS, Account, Grant, settle

RENEW_SECONDS = 0.25
# How much of a bucket a process holds in advance at most.
ADVANCE = 0.01
# Who got less than they wanted ask again after this, and step aside for so long after a turn.
SHORT_SECONDS, TURN_SECONDS = 0.1, 0.5
# What was seen or said longer ago may have changed since.
FRESH_SECONDS = 1.0
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Said:
    """What an answer said: what is in the bucket, if it did, and how much may be."""

    theirs: float | None
    limit: float | None
    at: float


class HeldPart:
    """What this process holds of one budget.

    Of what the database knows as its part some is under way, some is spent and the rest is free.
    """

    def __init__(self, database: Database, name: str, bucket: Bucket) -> None:
        self._database, self._name, self._bucket = database, name, bucket
        # One thread asks for all; the others queue here.
        self._turnstile = threading.Lock()
        self._given_back = threading.Event()
        self._settling = threading.Lock()
        # Guards all that follows.
        self._lock = threading.Lock()
        self._part, self._settled_at, self._span = 0.0, 0.0, 0
        self._under_way = self._spent = self._free = 0.0
        self._wanted = 0.0
        self._said: Said | None = None
        self._level = 0.0
        self._ask_at = self._turn_ends_at = self._is_shared_until = 0.0
        self._is_short = self._is_aside = self._is_shut = False
        self._timer: threading.Timer | None = None
        self._is_closed = False

    def take(self, units: float, reserve: float, seconds: float) -> None:
        """Wait until a call of so many units may go.

        Raises PlatformThrottled, saying when to come back, if it may not in so many seconds.
        """
        with self._lock:
            self._wanted += units
        try:
            self._queue(units, reserve, seconds)
        finally:
            with self._lock:
                self._wanted -= units

    def give_back(
        self, units: float, cost: float, said: Said | None, shut_seconds: float | None
    ) -> None:
        """A call is over, and cost so much of what it took. Never raises: it was answered."""
        with self._lock:
            self._under_way -= units
            self._spent += cost
            self._free += units - cost
            self._said = said or self._add_cost(cost)
            # What others have to know before they call.
            is_urgent = bool(said and said.theirs is not None and said.theirs > self._level)
            is_urgent |= shut_seconds is not None or self._is_shut or self._is_aside
        if is_urgent:
            self._tell(shut_seconds)
        self._given_back.set()

    def close(self) -> None:
        """Give back what is free, and look no more."""
        with self._lock:
            self._is_closed = True
            timer, has_part = self._timer, self._part > 0.0
        if timer is not None:
            timer.cancel()
        if has_part:
            self._renew()

    def _queue(self, units: float, reserve: float, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        if not self._turnstile.acquire(timeout=seconds):
            raise PlatformThrottled(retry_after_seconds=units / self._bucket.leak_per_second)
        try:
            # Whether it leaves enough to others only the database knows.
            may_go = not reserve
            self._given_back.clear()
            while not (may_go and self._take_free(units)):
                wait = self._ask(units, reserve)
                may_go = may_go or not wait
                if wait and time.monotonic() + wait > deadline:
                    raise PlatformThrottled(retry_after_seconds=max(wait, POLL_SECONDS))
                self._given_back.wait(min(wait, POLL_SECONDS))
                self._given_back.clear()
        finally:
            self._turnstile.release()

    def _take_free(self, units: float) -> bool:
        with self._lock:
            if self._free < units:
                return False
            self._free -= units
            self._under_way += units
            return True

    def _ask(self, units: float, reserve: float) -> float:
        """Ask for this call and all others that wait; how long to wait, or 0.0 if it may go."""
        moment = time.monotonic()
        if moment < self._ask_at:
            return self._ask_at - moment
        if self._is_short and self._turn_ends_at <= moment < self._is_shared_until:
            self._is_aside, self._ask_at = True, moment + SHORT_SECONDS
            self._turn_ends_at = self._ask_at + TURN_SECONDS
            self._settle()
            return SHORT_SECONDS
        with self._lock:
            advance = min(2.0 * self._spent, ADVANCE * self._bucket.high_water)
            wants = units if reserve else self._wanted + advance
        self._is_aside = False
        grant = self._settle(wants=wants, least=units, reserve=reserve)
        self._is_short = grant.units < wants
        if self._is_short and grant.wait_seconds <= SHORT_SECONDS:
            self._ask_at = moment + (grant.wait_seconds or SHORT_SECONDS)
        return grant.wait_seconds

    def _settle(
        self,
        *,
        wants: float = 0.0,
        least: float = 0.0,
        reserve: float = 0.0,
        shut_seconds: float | None = None,
    ) -> Grant:
        """Give back what is free, and tell what happened; take what is wanted."""
        with self._settling:
            with self._lock:
                free, spent, said = self._free, self._spent, self._said
                self._free, self._spent, self._said = 0.0, 0.0, None
                account = Account(
                    self._part,
                    self._settled_at,
                    self._span,
                    self._under_way,
                    spent,
                    wants=wants,
                    least=least,
                    reserve=reserve,
                    shut_seconds=shut_seconds,
                )
            if said is not None:
                is_fresh = time.monotonic() - said.at < FRESH_SECONDS
                theirs = said.theirs if is_fresh else None
                account = replace(account, theirs=theirs, limit=said.limit)
            try:
                grant = settle(self._database, self._name, self._bucket, account)
            except BaseException:
                with self._lock:
                    self._free, self._spent = self._free + free, self._spent + spent
                raise
            with self._lock:
                self._part = account.under_way + grant.units
                self._settled_at, self._span, self._level = grant.at, grant.span, grant.level
                self._free += grant.units
                self._is_shut = grant.is_shut
                if not grant.is_alone:
                    self._is_shared_until = time.monotonic() + FRESH_SECONDS
                self._watch()
        return grant

    def _add_cost(self, cost: float) -> Said | None:
        """What the platform's bucket holds after a call that said nothing of it."""
        said = self._said
        if said is None or said.theirs is None:
            return said
        return replace(said, theirs=said.theirs + cost)

    def _watch(self) -> None:
        if self._part > 0.0 and self._timer is None and not self._is_closed:
            self._timer = threading.Timer(RENEW_SECONDS, self._renew)
            self._timer.daemon = True
            self._timer.start()

    def _renew(self) -> None:
        """Have what is under way count in this span of time, and give back what is free."""
        with self._lock:
            self._timer = None
        self._tell()

    def _tell(self, shut_seconds: float | None = None) -> None:
        try:
            self._settle(shut_seconds=shut_seconds)
        except Exception as error:
            # The database may be away for a while; the next look will see.
            log.warning("parts_not_told", reason=type(error).__name__)
            with self._lock:
                self._watch()
