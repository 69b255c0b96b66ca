"""How keys are used: the last use, and calls by hour and route.

Counted in memory and written about once a minute, so that no call waits for a write.
"""

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    String,
    Table,
    bindparam,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.key_rows import api_keys
from mentorai.core.row_locks import delete_old

FLUSH_SECONDS = 60.0
KEPT_DAYS = 400
ROUTE_LENGTH = 100

key_uses = Table(
    "key_uses",
    metadata,
    # No foreign key: a count that is still in memory may outlive its key.
    Column("key_id", String(10), primary_key=True),
    # The hour's first instant.
    Column("hour", Instant, primary_key=True),
    # The method and the path's rule, `GET /grades/{grade_id}`.
    Column("route", String(ROUTE_LENGTH), primary_key=True),
    Column("calls", Integer, nullable=False),
)

Count = tuple[str, datetime, str]


@dataclass(frozen=True, slots=True)
class RouteUse:
    """How often a key called one route."""

    route: str
    calls: int


class KeyUses:
    """The uses of one database's keys, as far as this process saw them, and what is written.

    flushed: called with the ids of keys whose counts were just written.
    """

    def __init__(
        self, database: Database, flushed: Callable[[Collection[str]], None] | None = None
    ) -> None:
        self._database = database
        self._flushed = flushed or (lambda _ids: None)
        self._last: dict[str, tuple[datetime, str]] = {}
        self._calls: dict[Count, int] = {}
        # By key and month: calls that no row counts yet, also those being written right now.
        self._pending: dict[tuple[str, datetime], int] = {}
        self._hour = self._next_hour = self._month = datetime.min.replace(tzinfo=UTC)
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()

    def take(
        self, key_id: str, moment: datetime, address: str, route: str, left: int | None
    ) -> bool:
        """Note a call, unless `left` (what the written counts leave of a quota) is used up."""
        with self._lock:
            if not self._hour <= moment < self._next_hour:
                # Not at each call: that would cost as much as all the rest of it.
                self._hour = moment.replace(minute=0, second=0, microsecond=0)
                self._next_hour = self._hour + timedelta(hours=1)
                self._month = month_of(moment)
            count = (key_id, self._hour, route)
            pending = self._pending.get((key_id, self._month), 0)
            if left is not None and pending >= left:
                return False
            self._last[key_id] = (moment, address[:45])
            self._pending[key_id, self._month] = pending + 1
            self._calls[count] = self._calls.get(count, 0) + 1
            if self._timer is None:
                self._timer = threading.Timer(FLUSH_SECONDS, self.flush)
                self._timer.daemon = True
                self._timer.start()
        return True

    def is_left(self, key_id: str, moment: datetime, left: int) -> bool:
        """Whether a call may still be taken of `left`, as `take` says it; nothing is noted."""
        return self._pending.get((key_id, month_of(moment)), 0) < left

    def find_last(self, key_id: str) -> tuple[datetime, str] | None:
        """When and from where a key was used since the last flush of this process."""
        return self._last.get(key_id)

    def flush(self) -> None:
        """Write what is still in memory; last uses only ever go forward in time."""
        with self._lock:
            last, self._last, calls, self._calls = self._last, {}, self._calls, {}
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        if not last and not calls:
            return
        try:
            with self._database.write() as connection:
                self._write(connection, last, calls)
        except Exception:
            with self._lock:
                self._last = last | self._last
                for count, number in calls.items():
                    self._calls[count] = self._calls.get(count, 0) + number
            raise
        with self._lock:
            for (key_id, hour, _), number in calls.items():
                of_month = (key_id, month_of(hour))
                self._pending[of_month] -= number
                if not self._pending[of_month]:
                    del self._pending[of_month]
        self._flushed(last.keys())

    def count_since(self, key_id: str, since: datetime) -> int:
        """How many calls are written of a key from an hour on."""
        query = select(func.coalesce(func.sum(key_uses.c.calls), 0)).where(
            key_uses.c.key_id == key_id, key_uses.c.hour >= since
        )
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def list_days(self, key_id: str, days: int) -> Sequence[tuple[datetime, int]]:
        """Calls on each of the last `days` days (UTC), today last; days without any are 0."""
        first = now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)
        counts = {first + timedelta(days=n): 0 for n in range(days)}
        for hour, calls in self._list(key_id, first, key_uses.c.hour):
            counts[hour.replace(hour=0)] += calls
        return list(counts.items())

    def list_routes(self, key_id: str, days: int) -> Sequence[RouteUse]:
        """Calls of the last `days` days by route, most first."""
        first = now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)
        uses = [RouteUse(route, n) for route, n in self._list(key_id, first, key_uses.c.route)]
        return sorted(uses, key=lambda use: (-use.calls, use.route))

    def prune(self) -> None:
        """Forget counts older than KEPT_DAYS days."""
        with self._database.write() as connection:
            before = now() - timedelta(days=KEPT_DAYS)
            delete_old(connection, key_uses, key_uses.c.hour < before)

    def _list(self, key_id: str, since: datetime, by: Column[Any]) -> Sequence[Any]:
        query = (
            select(by, func.sum(key_uses.c.calls))
            .where(key_uses.c.key_id == key_id, key_uses.c.hour >= since)
            .group_by(by)
        )
        self.flush()
        with self._database.read() as connection:
            return connection.execute(query).all()

    def _write(
        self,
        connection: Connection,
        last: Mapping[str, tuple[datetime, str]],
        calls: Mapping[Count, int],
    ) -> None:
        # Always in one order: two processes that write the same rows never wait for each other.
        if last:
            uses = [{"key": key, "at": at, "ip": ip} for key, (at, ip) in sorted(last.items())]
            connection.execute(_FORWARD, uses)
        if calls:
            names = ("key_id", "hour", "route", "calls")
            rows = [
                dict(zip(names, (*count, n), strict=True)) for count, n in sorted(calls.items())
            ]
            connection.execute(_ADD[self._database.is_sqlite], rows)


def month_of(moment: datetime) -> datetime:
    """The first instant of the month (UTC) in which an instant lies."""
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _make_add(insert: Any) -> Any:
    adding = insert(key_uses)
    return adding.on_conflict_do_update(
        index_elements=[key_uses.c.key_id, key_uses.c.hour, key_uses.c.route],
        set_={"calls": key_uses.c.calls + adding.excluded.calls},
    )


_ADD = {True: _make_add(sqlite.insert), False: _make_add(postgresql.insert)}
_FORWARD = (
    update(api_keys)
    .where(
        api_keys.c.id == bindparam("key"),
        or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < bindparam("at")),
    )
    .values(last_used_at=bindparam("at"), last_used_ip=bindparam("ip"))
)
