"""The instants at which grades change: one order for readers who pull changes.

A transaction that began earlier may commit later, so an instant of its own choosing could lie
before what a reader has seen already. Each mentor's clock therefore is a row that a change of a
grade takes hold of until it commits: the instants it gives grow in the order of commits, and no
two are the same, whatever the clocks of several machines say.
"""

from datetime import datetime, timedelta

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Table,
    bindparam,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from mentorai.core.clock import now
from mentorai.core.database import Instant, metadata
from mentorai.core.grade_rows import grades
from mentorai.core.prepared import Prepared, count_changed, read_row, read_rows

TICK = timedelta(microseconds=1)

grade_clocks = Table(
    "grade_clocks",
    metadata,
    Column("mentor_id", ForeignKey("mentors.id", ondelete="CASCADE"), primary_key=True),
    Column("last_at", Instant, nullable=False),
)

_MINE = grade_clocks.c.mentor_id == bindparam("mentor")
_READ = Prepared(select(grade_clocks.c.last_at).where(_MINE).with_for_update())
_MOVE = Prepared(update(grade_clocks).where(_MINE).values(last_at=bindparam("moment")))


def take_moment(connection: Connection, mentor_id: str) -> datetime:
    """The instant for a change of this mentor's grades in the caller's transaction.

    Later than that of every change before. Take it before the grade's own row, so that two
    changes never wait for each other.
    """
    return take_moments(connection, mentor_id, 1)


def take_moments(connection: Connection, mentor_id: str, count: int) -> datetime:
    """The same for so many changes: the first one's instant; each next one's is a TICK later."""
    mine = {"mentor": mentor_id}
    row = read_row(connection, _READ, mine)
    if row is None:
        try:
            with connection.begin_nested():
                last = _start(connection, mentor_id)
        except IntegrityError:
            # Another change started it at this moment.
            last = read_rows(connection, _READ, mine)[0].last_at
    else:
        last = row.last_at
    moment = max(now(), last + TICK)
    count_changed(connection, _MOVE, mine | {"moment": moment + (count - 1) * TICK})
    return moment


def _start(connection: Connection, mentor_id: str) -> datetime:
    newest = select(func.max(grades.c.updated_at)).where(grades.c.mentor_id == mentor_id)
    last: datetime = connection.execute(newest).scalar() or now() - TICK
    connection.execute(insert(grade_clocks).values(mentor_id=mentor_id, last_at=last))
    return last
