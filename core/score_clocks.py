"""The seconds that scores are stamped with, and that a person's score in a column goes alone.

Each column and person has a clock: the last second that was given to a score, or in which the
platform took one. Whoever takes a second holds the clock's row while they look whether another
score for the same column and person is under way, of whatever grade: of two, one waits.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BindParameter,
    Column,
    Connection,
    ForeignKey,
    String,
    Table,
    and_,
    bindparam,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from mentorai.core.clock import now
from mentorai.core.database import Instant, metadata
from mentorai.core.line_items import line_items
from mentorai.core.outbox_table import outbox
from mentorai.core.prepared import Prepared, execute_each, read_rows
from mentorai.core.retries import LONGEST_AHEAD

SECOND = timedelta(seconds=1)
# A clock this far behind what we sent was set back; waiting for it could take hours.
LONGEST_WAIT = timedelta(seconds=3)

# column: a hash of the line item's URL, which has no bound.
score_clocks = Table(
    "score_clocks",
    metadata,
    Column("column", String(64), primary_key=True),
    Column("person_id", ForeignKey("people.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("last_at", Instant, nullable=False),
)

# Made once: for a statement that runs with every score, making it costs more than running it.
_PEOPLE: BindParameter[Any] = bindparam("people", expanding=True)
_SECOND = bindparam("second", type_=Instant())
_READ = Prepared(
    select(score_clocks.c.person_id, score_clocks.c.last_at)
    .where(score_clocks.c.column == bindparam("in_column"), score_clocks.c.person_id.in_(_PEOPLE))
    # Always in one order, so that two transactions never wait for each other.
    .order_by(score_clocks.c.person_id)
    .with_for_update()
)
_MINE = and_(
    score_clocks.c.column == bindparam("in_column"), score_clocks.c.person_id == bindparam("whose")
)
_START = Prepared(
    insert(score_clocks).values(
        column=bindparam("in_column"), person_id=bindparam("whose"), last_at=_SECOND
    )
)
_SET = update(score_clocks).where(_MINE).values(last_at=_SECOND)
_MOVE = Prepared(_SET)
_NOTE = Prepared(_SET.where(score_clocks.c.last_at < _SECOND))
_UNDER_WAY = Prepared(
    select(outbox.c.id, outbox.c.person_id)
    .join(
        line_items,
        and_(
            line_items.c.resource_link_id == outbox.c.resource_link_id,
            line_items.c.activity_id == func.coalesce(outbox.c.quiz_id, ""),
        ),
    )
    .where(
        outbox.c.status == "leased",
        outbox.c.lease_until > bindparam("moment", type_=Instant()),
        outbox.c.person_id.in_(_PEOPLE),
        line_items.c.url == bindparam("url"),
    )
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """The second in which a platform took a person's score in a column."""

    url: str
    person_id: str
    second: datetime


def take_seconds(
    connection: Connection, url: str, rows: Mapping[str, str]
) -> dict[str, datetime | timedelta]:
    """The second to send each leased row with, kept before it is given; or how long to wait.

    url: of the column that all of them go to. rows: the people by the ids of their rows.
    A score may not bear the second in which the platform took the last one, nor one far ahead:
    only when our clock was set back do we go ahead of it. Nor may it go while another row's score
    for the same person is on its way there.
    """
    moment = now()
    column, people = _name(url), sorted(set(rows.values()))
    clocks = _hold_clocks(connection, column, people, moment)
    asked = {"people": people, "moment": moment, "url": url}
    busy = {row.person_id for row in read_rows(connection, _UNDER_WAY, asked) if row.id not in rows}
    found: dict[str, datetime | timedelta] = {}
    moved = []
    for row_id, person_id in rows.items():
        second = SECOND if person_id in busy else _next(clocks[person_id], moment)
        found[row_id] = second
        if isinstance(second, datetime):
            # Of several rows in hand for one person, one goes at a time.
            busy.add(person_id)
            moved.append({"in_column": column, "whose": person_id, "second": second})
    if moved:
        execute_each(connection, _MOVE, moved)
    return found


def read_arrival(
    url: str, person_id: str, received_at: datetime, platform_at: datetime | None
) -> Arrival:
    """When a platform took a score, by our clock or by its own if that is ahead; the next one must
    be later than that.
    """
    if platform_at is not None and platform_at <= received_at + LONGEST_AHEAD:
        received_at = max(received_at, platform_at)
    return Arrival(url, person_id, received_at.replace(microsecond=0))


def note_arrivals(connection: Connection, arrivals: Iterable[Arrival]) -> None:
    """Remember when platforms took scores."""
    # Column by column as their URLs are sorted, and in each the people: as seconds are taken.
    found = [
        {"in_column": _name(each.url), "whose": each.person_id, "second": each.second}
        for each in sorted(arrivals, key=lambda each: (each.url, each.person_id))
    ]
    if found:
        execute_each(connection, _NOTE, found)


def _hold_clocks(
    connection: Connection, column: str, people: Sequence[str], moment: datetime
) -> dict[str, datetime | None]:
    """The last second of each person, None where there is none yet; nobody else takes one now."""
    facts = {"in_column": column, "people": people}
    clocks = {row.person_id: row.last_at for row in read_rows(connection, _READ, facts)}
    new = [person_id for person_id in people if person_id not in clocks]
    if not new:
        return clocks
    # In the second before, which nobody sent: they have to be there to be held.
    first = {"in_column": column, "second": moment.replace(microsecond=0) - SECOND}
    try:
        with connection.begin_nested():
            execute_each(connection, _START, [first | {"whose": each} for each in new])
    except IntegrityError:
        # Another worker started one at this moment; if not all, each row is tried by itself.
        clocks = {row.person_id: row.last_at for row in read_rows(connection, _READ, facts)}
        if set(people) - set(clocks):
            raise
        return clocks
    return clocks | dict.fromkeys(new)


def _next(last: datetime | None, moment: datetime) -> datetime | timedelta:
    second = moment.replace(microsecond=0)
    if last is None or last < second:
        return second
    wait = last + SECOND - moment
    return wait if wait <= LONGEST_WAIT else last + SECOND


def _name(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()
