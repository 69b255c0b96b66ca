"""The worker: huey hands out rosters, events and documents; scores go in lanes (lanes.py).

The queue (jobs.sqlite3 in the data directory, or Redis) carries ids of rows and nothing else;
the truth is in the outbox, and in the tables of rosters, webhooks and trainings. huey forgets a
task that was taken when its process was killed, and its periodic tasks run once a minute at most,
so the worker itself looks for due and lapsed rows every second, an indexed read of each; the row
of a score in the queue only says that a lane has something to do. Any
number of workers may run, on one machine or, with PostgreSQL, on several: each machine has its own
queue, or all share one in Redis, and all have the same outbox.
"""

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import structlog

from mentorai.core.clock import now
from mentorai.core.errors import ConfigurationError
from mentorai.core.lanes import Lanes
from mentorai.core.private_folders import make_private
from mentorai.core.samples import compare_some
from mentorai.core.webhook_sender import WebhookSender

if TYPE_CHECKING:
    from mentorai.core.engine import Engine
    from mentorai.core.settings import Settings

THREADS = 4
SWEEP_SECONDS = 1.0
# Rosters are read seldom, and one at a time, so that scores never wait for them long.
ROSTER_SECONDS = 20.0
HEALTH_SECONDS = 10.0
CHORE_SECONDS = 3600.0
# How often an idle thread looks into the queue: a score waits half of it on average.
POLL_SECONDS = 0.2
# A worker that was told to stop finishes the rows in hand, but not for ever.
STOP_SECONDS = 30
# A file that was damaged, or is something else.
BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
log = structlog.get_logger(__name__)


class Jobs:
    """The queue of one installation, as seen from one process."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._lock = threading.RLock()
        self._stays_open = False
        self._queue: Any = None
        self._deliver: Any = None
        self._read_roster: Any = None
        self._send_events: Any = None
        self._train: Any = None
        self._compare: Any = None

    def hand(self, row_ids: Iterable[str]) -> None:
        """Put rows of the outbox into the queue. Never raises: the sweep finds them otherwise."""
        self._hand(lambda: self._deliver, row_ids)

    def hand_roster(self, context_id: str) -> None:
        """Put a roster that is due into the queue. Never raises, as `hand` does not."""
        self._hand(lambda: self._read_roster, [context_id])

    def hand_webhooks(self, webhook_ids: Iterable[str]) -> None:
        """Put webhooks that have something due into the queue. Never raises, as `hand` does not."""
        self._hand(lambda: self._send_events, webhook_ids)

    def hand_trainings(self, dataset_ids: Iterable[str]) -> None:
        """Put documents that wait to be read into the queue. Never raises, as `hand` does not."""
        self._hand(lambda: self._train, dataset_ids)

    def hand_samples(self) -> None:
        """Have a few gradebook columns compared. Never raises, as `hand` does not."""
        self._hand(lambda: self._compare, [now().isoformat()])

    def _hand(self, find_task: Callable[[], Any], ids: Iterable[str]) -> None:
        try:
            with self._lock:
                self.open()
                for each in ids:
                    find_task()(each)
                # No connection is kept, so that a process may fork after it handed something.
                if not self._stays_open:
                    self.close()
        except Exception as error:
            log.warning("jobs_not_handed", reason=type(error).__name__)

    def open(self, *, stays_open: bool = False) -> Any:
        """The huey instance, made at its first use. stays_open: keep its connection (a worker).

        Raises ConfigurationError if its file is no queue any more.
        """
        with self._lock:
            self._stays_open |= stays_open
            if self._queue is None:
                queue = _make_queue(self._engine.settings)
                self._deliver = queue.task(name="deliver")(self._engine.room(Lanes).wake)
                self._read_roster = queue.task(name="read_roster")(self._engine.rosters.sync_due)
                sender = self._engine.room(WebhookSender)
                self._send_events = queue.task(name="send_events")(sender.send_due)
                self._train = queue.task(name="train")(self._engine.trainings.train)
                self._compare = queue.task(name="compare_some")(self._compare_some)
                self._queue = queue
        return self._queue

    def _compare_some(self, _asked_at: str) -> None:
        compare_some(self._engine)

    def close(self) -> None:
        """Give the queue's connections back; the next use opens it again."""
        if self._queue is not None:
            self._queue.storage.close()


def _make_queue(settings: "Settings") -> Any:
    if settings.queue_url:
        from huey import RedisHuey
        from redis import ConnectionPool

        # Longer than the second for which huey waits inside Redis for the next row.
        pool = ConnectionPool.from_url(
            settings.queue_url, socket_connect_timeout=3, socket_timeout=5
        )
        return RedisHuey("mentorai", connection_pool=pool, results=False)
    from huey import SqliteHuey

    make_private(settings.data_dir)
    filename = str(settings.data_dir / "jobs.sqlite3")
    try:
        return SqliteHuey("mentorai", filename=filename, fsync=True, results=False)
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in BROKEN:
            raise
        raise ConfigurationError(
            f"{filename} is broken: delete it, and what is beside it with -wal or -shm. It only "
            "says that something is due, and the worker finds that without it."
        ) from error


def run_worker(
    engine: "Engine",
    *,
    parent_pid: int | None = None,
    threads: int = THREADS,
    stop: threading.Event | None = None,
    chores: Sequence[Callable[[], object]] = (),
) -> None:
    """Deliver scores, read rosters and documents, until SIGTERM, SIGINT or SIGHUP.

    What is in hand is finished then.

    parent_pid: return too when the process that started this one is gone.
    stop: another way to end it, for a caller outside the main thread, where no signal arrives.
    chores: what else to do at the start and once an hour, quick and harmless to repeat.
    """
    stop = stop or threading.Event()
    consumer = _consumer(engine, threads)
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)):
            signal.signal(number, lambda *_: stop.set())
    lanes = engine.room(Lanes)
    lanes.start()
    consumer.start()
    log.info("worker_started", threads=threads)
    try:
        _watch(engine, consumer, stop, parent_pid, chores)
    finally:
        lanes.stop(STOP_SECONDS)
        consumer.stop(graceful=True)
        engine.room(Jobs).close()
        log.info("worker_stopped")


def _watch(
    engine: "Engine",
    consumer: Any,
    stop: threading.Event,
    parent_pid: int | None,
    chores: Sequence[Callable[[], object]],
) -> None:
    health_due = time.monotonic() + HEALTH_SECONDS
    chores_due = time.monotonic()
    roster_due = time.monotonic() + ROSTER_SECONDS
    while True:
        if parent_pid is not None and os.getppid() != parent_pid:
            log.info("worker_orphaned")
            return
        try:
            engine.room(WebhookSender).hand_out()
            engine.trainings.hand_out()
            if time.monotonic() >= roster_due:
                roster_due = time.monotonic() + ROSTER_SECONDS
                engine.rosters.hand_out()
        except Exception:
            # The database may be away for a while; the next sweep will see.
            log.exception("sweep_failed")
        if time.monotonic() >= health_due:
            health_due = time.monotonic() + HEALTH_SECONDS
            consumer.check_worker_health()
        if time.monotonic() >= chores_due:
            chores_due = time.monotonic() + CHORE_SECONDS
            _do(chores)
        if stop.wait(SWEEP_SECONDS):
            return


def _do(chores: Sequence[Callable[[], object]]) -> None:
    for chore in chores:
        try:
            chore()
        except Exception:
            log.exception("chore_failed")


def _consumer(engine: "Engine", threads: int) -> Any:
    from huey.consumer import Consumer

    class QuietConsumer(Consumer):  # type: ignore[misc]
        """huey's consumer without its signals: run_worker has its own, SIGINT as gentle."""

        def _set_signal_handlers(self) -> None:
            pass

    return QuietConsumer(
        engine.room(Jobs).open(stays_open=True),
        workers=threads,
        periodic=False,
        initial_delay=POLL_SECONDS / 4,
        max_delay=POLL_SECONDS,
        shutdown_timeout=STOP_SECONDS,
    )
