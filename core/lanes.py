"""The lanes of a worker: every platform has its own, so that none waits for another's backlog.

A platform that answers after 200 ms needs many scores under way to be quick, and one that hangs
must not take every thread. So a lane may hold no more threads than are free: a single one gets
half of them, two get a third each, and there is always a free one for a fresh score elsewhere.
How many calls of a lane then run at one host is lti's affair.

The threads only send. One more leases what is due, many rows at once and a few more than there
are threads, and writes down what became of those that were sent, of all lanes together: so a
score shares its transactions with others.
"""

import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import bindparam, func, select

from mentorai.core.clock_steps import ClockSteps, find_step, follow_step
from mentorai.core.errors import DatabaseUnavailable
from mentorai.core.orphans import free_orphans
from mentorai.core.outbox_rows import retry_plugins
from mentorai.core.outbox_table import outbox

if TYPE_CHECKING:
    from mentorai.core.deliveries import Leased
    from mentorai.core.engine import Engine
    from mentorai.core.outbox_rows import Outcome

THREADS = 64
# How long nothing is looked for when nobody says that something is due.
SWEEP_SECONDS = 1.0
# How long an answer waits for others, to be written down with them.
GATHER_SECONDS = 0.02
# How long a thread stays that has nothing to send.
IDLE_SECONDS = 1.0
log = structlog.get_logger(__name__)

_NEXT_LANE = select(func.min(outbox.c.registration_id)).where(
    outbox.c.registration_id > bindparam("last")
)
_LANE_OF = select(outbox.c.registration_id).where(outbox.c.id == bindparam("row_id"))


class Lanes:
    """The lanes of this process's worker."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._lock = threading.Lock()
        # Something was sent, or is due.
        self._news = threading.Condition(self._lock)
        self._lanes: dict[str | None, _Lane] = {}
        self._busy = 0
        self._is_open = False
        self._keeper: threading.Thread | None = None
        self._teller: ThreadPoolExecutor | None = None
        # What was sent, and could not be written down yet.
        self._unsettled: list[Outcome] = []
        self._steps = ClockSteps()
        # By how much the clock was set, as far as nobody has followed it; None: not looked yet.
        self._step: timedelta | None = None

    def start(self) -> None:
        """Begin to look for due rows, and to deliver them."""
        self._is_open = True
        # What plugins do when they are told takes no time of the scores.
        self._teller = ThreadPoolExecutor(1, "lanes-teller")
        self._keeper = threading.Thread(target=self._keep_on, name="lanes")
        self._keeper.start()

    def stop(self, seconds: float) -> None:
        """Finish the rows that are being sent, for so long at most, and let the others go."""
        with self._lock:
            self._is_open = False
            self._news.notify_all()
            for lane in self._lanes.values():
                lane.work.notify_all()
        if self._keeper is not None:
            self._keeper.join(seconds)
        if self._teller is not None:
            self._teller.shutdown()

    def wake(self, row_id: str) -> None:
        """A row is due: look into its lane. While no lanes run it waits for their first sweep."""
        if not self._is_open:
            return
        with self._engine.database.read() as connection:
            found = connection.execute(_LANE_OF, {"row_id": row_id}).first()
        if found is not None:
            self._rouse([found.registration_id])

    def _rouse(self, names: Sequence[str | None]) -> None:
        with self._lock:
            for name in names:
                self._get(name).may_have_more = True
            self._news.notify_all()

    def _get(self, name: str | None) -> "_Lane":
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = _Lane(name, self._lock)
        return lane

    def _keep_on(self) -> None:
        """Lease and settle until the lanes are stopped and nothing is under way."""
        sweep_at = 0.0
        while self._is_open or any(lane.under_way for lane in self._lanes.values()):
            try:
                if self._is_open and time.monotonic() >= sweep_at:
                    sweep_at = time.monotonic() + SWEEP_SECONDS
                    free_orphans(self._engine.database)
                    self._rouse([name for name in self._list_lanes() if self._has_due(name)])
                self._settle(self._gather(sweep_at))
                # Before anything is leased, or it would be by a lease that only seems to be over.
                self._follow_clock()
                for lane in list(self._lanes.values()):
                    self._fill(lane)
                    self._staff(lane)
            except Exception:
                # The database may be away for a while; the next sweep will see.
                log.exception("lanes_stumbled")
                time.sleep(SWEEP_SECONDS)

    def _follow_clock(self) -> None:
        if self._step is None:
            with self._engine.database.write() as connection:
                retry_plugins(connection)
                self._step = find_step(connection)
        self._step += self._steps.read()
        if self._step:
            with self._engine.database.write() as connection:
                follow_step(
                    connection,
                    self._step,
                    lease_seconds=self._engine.outbox.lease_seconds,
                    training_seconds=self._engine.trainings.lease_seconds,
                )
            self._step = timedelta()

    def _list_lanes(self) -> list[str | None]:
        names: list[str | None] = [None]
        last: str | None = ""
        with self._engine.database.read() as connection:
            while last is not None:
                last = connection.execute(_NEXT_LANE, {"last": last}).scalar()
                if last is not None:
                    names.append(last)
        return names

    def _has_due(self, name: str | None) -> bool:
        return self._engine.outbox.has_due(name)

    def _gather(self, until: float) -> list["Outcome"]:
        """What was sent since, after a wait for it; and rows that will not be sent any more."""
        with self._lock:
            self._news.wait_for(self._has_news, max(0.0, until - time.monotonic()))
            is_alone = sum(lane.under_way for lane in self._lanes.values()) <= 1
        if not is_alone:
            time.sleep(GATHER_SECONDS)
        outcomes, self._unsettled = self._unsettled, []
        with self._lock:
            for lane in self._lanes.values():
                outcomes += lane.sent
                lane.under_way -= len(lane.sent)
                # A newer value may have waited for one of them.
                lane.may_have_more |= bool(lane.sent)
                lane.sent = []
                while lane.groups and not self._is_open:
                    group = lane.groups.popleft()
                    lane.under_way -= len(group)
                    outcomes += self._engine.outbox.give_back(group)
        return outcomes

    def _has_news(self) -> bool:
        lanes = self._lanes.values()
        return not self._is_open or any(lane.sent or self._is_hungry(lane) for lane in lanes)

    def _is_hungry(self, lane: "_Lane") -> bool:
        """Whether it is time to lease more: when half of what it had is sent."""
        allowance = self._allowance(lane)
        return lane.may_have_more and allowance > 0 and lane.under_way <= allowance

    def _allowance(self, lane: "_Lane") -> int:
        """How many threads a lane may have."""
        return lane.busy + max(0, (THREADS - self._busy - lane.busy + 1) // 2)

    def _settle(self, outcomes: Sequence["Outcome"]) -> None:
        if not outcomes:
            return
        try:
            ended = self._engine.outbox.settle(outcomes)
        except DatabaseUnavailable:
            # Not only when their leases lapse: the platforms would get these scores once more.
            self._unsettled = list(outcomes)
            raise
        if ended and self._teller is not None:
            self._teller.submit(self._engine.outbox.tell, ended)

    def _fill(self, lane: "_Lane") -> None:
        """Lease what is due in a lane, twice as much as it may send at once."""
        with self._lock:
            if not (self._is_open and self._is_hungry(lane)):
                return
            most = 2 * self._allowance(lane) - lane.under_way
            lane.may_have_more = False
        groups = self._engine.outbox.lease(lane.name, most)
        count = sum(map(len, groups))
        with self._lock:
            lane.may_have_more |= count >= most
            lane.under_way += count
            lane.groups.extend(groups)
            lane.work.notify(len(groups))

    def _staff(self, lane: "_Lane") -> None:
        """Set as many threads to a lane as it needs and may have."""
        with self._lock:
            missing = len(lane.groups) - lane.idle
            while missing > 0 and lane.busy < THREADS - self._busy:
                missing -= 1
                lane.busy += 1
                self._busy += 1
                threading.Thread(target=self._carry, args=(lane,), name="lane").start()

    def _carry(self, lane: "_Lane") -> None:
        """Send what is leased, while there is something and the lane may have this thread."""
        while (group := self._next(lane)) is not None:
            outcomes = self._send(group)
            with self._lock:
                lane.sent += outcomes
                self._news.notify_all()

    def _send(self, group: Sequence["Leased"]) -> list["Outcome"]:
        try:
            return self._engine.outbox.send(group)
        except BaseException as error:
            # A plugin's sys.exit() too: this thread goes on, and the rows are tried again.
            return self._engine.outbox.put_off(group, error)

    def _next(self, lane: "_Lane") -> list["Leased"] | None:
        with self._lock:
            if lane.busy <= max(1, THREADS - self._busy + 1):
                lane.idle += 1
                lane.work.wait_for(lambda: lane.groups or not self._is_open, IDLE_SECONDS)
                lane.idle -= 1
                if lane.groups and self._is_open:
                    return lane.groups.popleft()
            lane.busy -= 1
            self._busy -= 1
            return None


class _Lane:
    """What is under way to one platform, and who is at it. All of it is guarded by one lock."""

    def __init__(self, name: str | None, lock: threading.Lock) -> None:
        self.name = name
        # Leased, and not sent yet; what is sent together is in one list.
        self.groups: deque[list[Leased]] = deque()
        self.sent: list[Outcome] = []
        # Rows that are leased and not settled.
        self.under_way = 0
        self.may_have_more = False
        self.busy = self.idle = 0
        self.work = threading.Condition(lock)
