"""The clock of the machine was set, or the machine slept: nothing that waits suffers from it.

When a score, an event, a roster or a document is due, when a platform is called again, and when a
lease ends are instants, kept for all workers. A clock that goes ahead would end leases of what is
on its way, so that a second one for the same person joins it: those leases begin anew. A clock that
is set back would have everything wait until it is there again: what waits goes now, and who is left
alone is asked again, which harms nobody. A roster goes if it was wanted or failed, or is due too
late.
"""

import time
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import Column, Connection, and_, or_, select, true, update

from mentorai.core.clock import now
from mentorai.core.dataset_rows import trainings
from mentorai.core.outbox_table import outbox
from mentorai.core.platform_rests import platform_rests
from mentorai.core.roster_reads import LEASE as READING
from mentorai.core.roster_rows import rosters
from mentorai.core.row_locks import hold_rows
from mentorai.core.webhook_rows import webhook_deliveries, webhooks
from mentorai.core.webhook_sender import LEASE_SECONDS as SENDING_SECONDS

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
    later, events = now() + SET_BACK, webhook_deliveries.c
    written_later = (
        select(outbox.c.id).where(
            outbox.c.status.in_(("waiting", "leased")), outbox.c.updated_at > later
        ),
        select(rosters.c.context_id).where(rosters.c.wanted_at > later),
        select(webhooks.c.id).where(webhooks.c.handed_until > later),
        select(events.id).where(
            events.status == "waiting", events.created_at > later, events.due_at > later
        ),
        select(trainings.c.dataset_id).where(trainings.c.due_at > later),
    )
    is_back = any(connection.execute(each.limit(1)).first() for each in written_later)
    return -SET_BACK if is_back else timedelta()


def follow_step(
    connection: Connection, step: timedelta, *, lease_seconds: float, training_seconds: float
) -> None:
    """Put right what was written before the clock was set; harmless if several workers do.

    lease_seconds, training_seconds: how long a lease of a score lasts, and one of a document.
    """
    if step < timedelta():
        _let_go(connection, platform_rests.c.rests_until)
        _let_go(connection, outbox.c.due_at, outbox.c.updated_at, status="waiting")
        _let_go(connection, trainings.c.due_at)
        _let_rosters_go(connection)
        _let_go(connection, webhooks.c.quiet_until, webhooks.c.handed_until)
        _let_go(connection, webhook_deliveries.c.due_at, status="waiting")
    leases = 0
    for until, seconds, also in (
        (outbox.c.lease_until, lease_seconds, {"updated_at": now()}),
        (trainings.c.leased_until, training_seconds, {}),
        (rosters.c.reading_until, READING.total_seconds(), {}),
        (webhooks.c.lease_until, SENDING_SECONDS, {}),
    ):
        leases += _put_leases_right(connection, step, until, timedelta(seconds=seconds), also)
    log.warning("clock_was_set", seconds=round(step.total_seconds()), leases=leases)


def _let_go(connection: Connection, *times: Column[Any], status: str = "") -> None:
    """Have nothing in these columns be later than now. status: of the rows, if not of all."""
    moment, rows = now(), times[0].table
    mine = rows.c.status == status if status else true()
    hold_rows(connection, rows, mine, or_(*(each > moment for each in times)))
    for each in times:
        connection.execute(update(rows).where(mine, each > moment).values({each.name: moment}))


def _let_rosters_go(connection: Connection) -> None:
    moment = now()
    query = select(rosters).where(or_(rosters.c.due_at > moment, rosters.c.wanted_at > moment))
    for row in connection.execute(query.order_by(rosters.c.context_id).with_for_update()).all():
        times = {"wanted_at": min(row.wanted_at, moment)}
        is_soon = row.wanted_at > moment or row.failures
        latest = moment + timedelta(seconds=row.interval_seconds)
        if row.due_at is not None and (is_soon or row.due_at > latest):
            times["due_at"] = min(row.due_at, moment)
        mine = rosters.c.context_id == row.context_id
        connection.execute(update(rosters).where(mine).values(times))


def _put_leases_right(
    connection: Connection,
    step: timedelta,
    until: Column[Any],
    lasts: timedelta,
    also: dict[str, Any],
) -> int:
    """Have leases end when they would have; how many would not. also: what changes with them."""
    ends_at = now() + lasts
    wrong = until > ends_at
    if step > timedelta():
        wrong = and_(until > now() - step, until < ends_at)
    (key,) = until.table.primary_key.columns
    # What is being settled at this moment needs no lease any more.
    held = select(key).where(wrong).order_by(key).with_for_update(skip_locked=True)
    found = list(connection.scalars(held))
    changed = {until.name: ends_at} | also
    connection.execute(update(until.table).where(key.in_(found)).values(changed))
    return len(found)
