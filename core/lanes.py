"""The lanes of a worker: every platform has its own, so that none waits for another's backlog.

A platform that answers after 200 ms needs many scores under way to be quick, and one that hangs
must not take every thread. So a lane may hold no more threads than are free: a single one gets
half of them, two get a third each, and there is always a free one for a fresh score elsewhere.
How many calls of a lane then run at one host is lti's affair.
"""

import threading
import time
from collections import deque
from datetime import datetime
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import ColumnElement, bindparam, func, select

from mentorai.core.clock import now
from mentorai.core.outbox_rows import outbox
from mentorai.core.platform_rests import is_resting

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

THREADS = 64
# How long nothing is looked for when nobody says that something is due.
SWEEP_SECONDS = 1.0
# Rows that a lane reads at once.
AHEAD = 100
log = structlog.get_logger(__name__)

_MOMENT = bindparam("moment", type_=outbox.c.due_at.type)

_AWAKE = ~is_resting(outbox.c.registration_id, _MOMENT)


def _select_due(mine: ColumnElement[bool]) -> Any:
    return (
        select(outbox.c.id)
        .where(mine, outbox.c.status == "waiting", outbox.c.due_at <= _MOMENT, _AWAKE)
        .order_by(outbox.c.due_at)
        .limit(AHEAD)
    )


def _select_lapsed(mine: ColumnElement[bool]) -> Any:
    return (
        select(outbox.c.id)
        .where(mine, outbox.c.status == "leased", outbox.c.lease_until <= _MOMENT, _AWAKE)
        .limit(AHEAD)
    )


# Each is a look into the index of lanes, however many rows wait there.
_NAMED = outbox.c.registration_id == bindparam("lane")
_NAMELESS = outbox.c.registration_id.is_(None)
_DUE = {True: _select_due(_NAMED), False: _select_due(_NAMELESS)}
_LAPSED = {True: _select_lapsed(_NAMED), False: _select_lapsed(_NAMELESS)}
_NEXT_LANE = select(func.min(outbox.c.registration_id)).where(
    outbox.c.registration_id > bindparam("last")
)
_LANE_OF = select(outbox.c.registration_id).where(outbox.c.id == bindparam("row_id"))


class Lanes:
    """The lanes of this process's worker."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._lanes: dict[str | None, _Lane] = {}
        self._busy = 0
        self._threads: set[threading.Thread] = set()
        self._is_open = False
        self._stop = threading.Event()
        self._sweeper: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look for due rows, and to deliver them."""
        self._is_open = True
        self._stop.clear()
        self._sweeper = threading.Thread(target=self._sweep_on, name="lanes")
        self._sweeper.start()

    def stop(self, seconds: float) -> None:
        """Finish the rows in hand, for so long at most, and take no others."""
        self._is_open = False
        self._stop.set()
        deadline = time.monotonic() + seconds
        with self._lock:
            waited = [self._sweeper, *self._threads]
        for thread in waited:
            if thread is not None:
                thread.join(max(0.0, deadline - time.monotonic()))

    def wake(self, row_id: str) -> None:
        """A row is due: look into its lane. While no lanes run it waits for their first sweep."""
        if not self._is_open:
            return
        with self._engine.database.read() as connection:
            found = connection.execute(_LANE_OF, {"row_id": row_id}).first()
        if found is not None:
            self._fill(found.registration_id, now(), with_lapsed=False)

    def _sweep_on(self) -> None:
        while not self._stop.is_set():
            try:
                for name in self._list_lanes():
                    self._fill(name, now(), with_lapsed=True)
            except Exception:
                # The database may be away for a while; the next sweep will see.
                log.exception("lanes_not_swept")
            self._stop.wait(SWEEP_SECONDS)

    def _list_lanes(self) -> list[str | None]:
        names: list[str | None] = [None]
        last: str | None = ""
        with self._engine.database.read() as connection:
            while last is not None:
                last = connection.execute(_NEXT_LANE, {"last": last}).scalar()
                if last is not None:
                    names.append(last)
        return names

    def _fill(self, name: str | None, moment: datetime, *, with_lapsed: bool) -> None:
        """Read what is due in a lane, and set as many threads to it as it may have."""
        lane = self._lanes.setdefault(name, _Lane(name))
        with lane.reading, self._engine.database.read() as connection:
            facts = {"moment": moment} | ({"lane": name} if name else {})
            found = list(connection.execute(_DUE[name is not None], facts).scalars())
            if with_lapsed:
                found += connection.execute(_LAPSED[name is not None], facts).scalars()
            with self._lock:
                if with_lapsed:
                    lane.tried.clear()
                lane.add(found)
        with self._lock:
            missing = len(lane.rows)
            while missing > 0 and self._is_open and self._may_grow(lane):
                missing -= 1
                lane.busy += 1
                self._busy += 1
                thread = threading.Thread(target=self._carry, args=(lane,), name="lane")
                self._threads.add(thread)
                thread.start()

    def _may_grow(self, lane: "_Lane") -> bool:
        return lane.busy < THREADS - self._busy

    def _carry(self, lane: "_Lane") -> None:
        """Deliver row after row, while there are some and the lane may have this thread."""
        row_id = self._next(lane, "")
        while row_id:
            try:
                self._engine.outbox.deliver(row_id)
            except Exception:
                # The database, most likely: the row's lease lapses, and it is found again.
                log.exception("lane_stumbled")
                self._stop.wait(SWEEP_SECONDS)
            row_id = self._next(lane, row_id)
        with self._lock:
            self._threads.discard(threading.current_thread())

    def _next(self, lane: "_Lane", done: str) -> str | None:
        with self._lock:
            lane.in_hand.discard(done)
            lane.tried.add(done)
            is_too_many = lane.busy > max(1, THREADS - self._busy + 1)
            may_read = bool(lane.rows) or not lane.reading.locked()
            if not self._is_open or is_too_many or not may_read:
                self._leave(lane)
                return None
            if lane.rows:
                return lane.take()
        try:
            self._fill(lane.name, now(), with_lapsed=False)
        except Exception:
            log.exception("lanes_not_swept")
        with self._lock:
            if lane.rows and self._is_open:
                return lane.take()
            self._leave(lane)
            return None

    def _leave(self, lane: "_Lane") -> None:
        lane.busy -= 1
        self._busy -= 1


class _Lane:
    """What is due at one platform, and who is at it."""

    def __init__(self, name: str | None) -> None:
        self.name = name
        self.rows: deque[str] = deque()
        self.in_hand: set[str] = set()
        # Since the last sweep: a row that could not go yet (an older value of its grade is under
        # way) is not looked at again and again.
        self.tried: set[str] = set()
        self.busy = 0
        # One reads what is next; nobody reads the same at the same time.
        self.reading = threading.Lock()

    def add(self, row_ids: list[str]) -> None:
        known = self.in_hand.union(self.rows, self.tried)
        self.rows.extend(row_id for row_id in row_ids if row_id not in known)

    def take(self) -> str:
        row_id = self.rows.popleft()
        self.in_hand.add(row_id)
        return row_id
