"""The clock of the machine was set, or the machine slept: no score suffers from it.

When a score is due, when a platform is called again, and when a lease ends are instants, kept for
all workers. A clock that goes ahead would end leases of scores that are on their way, so that a
second one for the same person joins them: those leases begin anew. A clock that is set back would
have everything wait until it is there again: what waits goes now, and a platform that rests is
asked again, which harms nobody.
"""

import time
from datetime import timedelta

import structlog
from sqlalchemy import Connection, and_, or_, select, update

from mentorai.core.clock import now
from mentorai.core.outbox_table import outbox
from mentorai.core.platform_rests import platform_rests
from mentorai.core.row_locks import hold_rows

# What clocks are put right by all the time is less.
SMALLEST_STEP = timedelta(seconds=5)
# The clocks of two machines differ by less; a row so far ahead was written before ours was set.
SET_BACK = timedelta(seconds=60)
log = structlog.get_logger(__name__)


class ClockSteps:
    """The steps of the wall clock, seen from one that nobody sets."""

    def __init__(self) -> None:
        self._ahead = _read_ahead()

    def read(self) -> timedelta:
        """By how much the clock was set since the last look, zero if it was not."""
        before, self._ahead = self._ahead, _read_ahead()
        step = timedelta(seconds=self._ahead - before)
        return step if abs(step) >= SMALLEST_STEP else timedelta()


def _read_ahead() -> float:
    return time.time() - time.monotonic()


def find_step(connection: Connection) -> timedelta:
    """By how much the clock was set back, at least, while nobody was there to see it."""
    on_their_way = outbox.c.status.in_(("waiting", "leased"))
    ahead = select(outbox.c.id).where(on_their_way, outbox.c.updated_at > now() + SET_BACK)
    return timedelta() if connection.execute(ahead.limit(1)).first() is None else -SET_BACK


def follow_step(connection: Connection, step: timedelta, lease_seconds: float) -> None:
    """Put right what was written before the clock was set; harmless if several workers do."""
    moment = now()
    leases_end = moment + timedelta(seconds=lease_seconds)
    if step > timedelta():
        wrong = and_(outbox.c.lease_until > moment - step, outbox.c.lease_until < leases_end)
    else:
        wrong = outbox.c.lease_until > leases_end
        _let_all_go(connection)
    # What is being settled at this moment needs no lease any more.
    held = select(outbox.c.id).where(outbox.c.status == "leased", wrong).order_by(outbox.c.id)
    row_ids = list(connection.scalars(held.with_for_update(skip_locked=True)))
    mine = outbox.c.id.in_(row_ids)
    connection.execute(update(outbox).where(mine).values(lease_until=leases_end, updated_at=moment))
    log.warning("clock_was_set", seconds=round(step.total_seconds()), leases=len(row_ids))


def _let_all_go(connection: Connection) -> None:
    moment = now()
    resting = platform_rests.c.rests_until > moment
    hold_rows(connection, platform_rests, resting)
    connection.execute(update(platform_rests).where(resting).values(rests_until=moment))
    times = (outbox.c.due_at, outbox.c.updated_at)
    waiting = and_(outbox.c.status == "waiting", or_(*(each > moment for each in times)))
    present = {each.name: moment for each in times}
    hold_rows(connection, outbox, waiting)
    connection.execute(update(outbox).where(waiting).values(present))
