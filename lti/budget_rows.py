"""The row of each budget of calls, and the one transaction in which a process settles with it.

level: units in the bucket at moved_at (seconds since 1970), those that processes hold among them.
held: what processes hold that settled in this span of time; held_before: what others hold since
the span before. What is older is of processes that died, and not counted. Such a part stays in the
level until it has leaked or the platform says how full it is.
A row that was changed later than now is of a clock that was set back since: its instants are set
back too, or the bucket would not leak, nor open, until that clock is there again.
"""

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Float,
    Row,
    String,
    Table,
    bindparam,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from mentorai.core.database import Database, metadata
from mentorai.core.prepared import Prepared, count_changed, read_row
from mentorai.core.values import Bucket

# A part that nobody renews is forgotten after one span at least, and two at most.
SPAN_SECONDS = 4.0
# The clocks of two machines differ by less; a row so far ahead was written before ours was set.
SET_BACK_SECONDS = 60.0
# How soon there may be room when somebody holds some of it.
POLL_SECONDS = 0.05

call_budgets = Table(
    "call_budgets",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("level", Float(53), nullable=False),
    Column("span", BigInteger, nullable=False, server_default="0"),
    Column("held", Float(53), nullable=False),
    Column("held_before", Float(53), nullable=False, server_default="0"),
    Column("high_water", Float(53), nullable=False),
    Column("moved_at", Float(53), nullable=False),
    Column("closed_until", Float(53), nullable=False),
)

_MINE = call_budgets.c.name == bindparam("mine")
_FLOATS = ("level", "held", "held_before", "high_water", "moved_at", "closed_until")
_HOLD = Prepared(select(call_budgets).where(_MINE).with_for_update())
_KEEP = Prepared(
    update(call_budgets)
    .where(_MINE)
    .values(span=bindparam("new_span", type_=BigInteger))
    .values({name: bindparam(f"new_{name}", type_=Float(53)) for name in _FLOATS})
)


@dataclass(frozen=True, slots=True)
class Account:
    """What a process tells of a budget, and what it wants of it; in units.

    part: what it held when it settled last, at settled_at in the span of time `span`; under_way:
    what its calls hold of that now; spent: what others of its calls have cost meanwhile. The rest
    goes back.
    theirs: what the platform says is in its bucket; limit: its high water; shut_seconds: how long
    it wants no calls. wants: what to hold besides what is under way, or as much of it as there is
    room for, but nothing if that is less than `least`. reserve: the share that is left to others.
    """

    part: float
    settled_at: float
    span: int
    under_way: float
    spent: float
    theirs: float | None = None
    limit: float | None = None
    shut_seconds: float | None = None
    wants: float = 0.0
    least: float = 0.0
    reserve: float = 0.0


@dataclass(frozen=True, slots=True)
class Grant:
    """What a process got, and when, with what is in the bucket then.

    is_alone: nobody else has settled since this process did. is_shut: the platform wants no calls.
    wait_seconds: how long it will take until there may be room, if there was none.
    """

    units: float
    at: float
    span: int
    is_alone: bool
    is_shut: bool
    level: float
    wait_seconds: float


def find_span(moment: float) -> int:
    """The number of the span of time that a moment lies in."""
    return int(moment // SPAN_SECONDS)


def settle(database: Database, name: str, bucket: Bucket, account: Account) -> Grant:
    """Put a budget right by what a process tells, and give it what it wants if there is room."""
    with database.write() as connection:
        row = _hold(connection, name, bucket)
        # Whoever has the row sees a later moment than all who had it before, if clocks agree.
        changed, grant = _settle(row, bucket, account, time.time())
        facts = {f"new_{column}": value for column, value in changed.items()}
        count_changed(connection, _KEEP, facts | {"mine": name})
    return grant


def _hold(connection: Connection, name: str, bucket: Bucket) -> Any:
    row = read_row(connection, _HOLD, {"mine": name})
    if row is None:
        first = dict.fromkeys(_FLOATS, 0.0) | {"high_water": bucket.high_water}
        try:
            with connection.begin_nested():
                connection.execute(insert(call_budgets).values(first | {"name": name}))
        except IntegrityError:
            pass  # Another process made it at this moment.
        row = read_row(connection, _HOLD, {"mine": name})
    return row


def _settle(
    row: Row[Any], bucket: Bucket, account: Account, moment: float
) -> tuple[dict[str, float], Grant]:
    set_back = _find_set_back(row, moment)
    span = find_span(moment) if set_back else max(row.span, find_span(moment))
    held, before = _read_held(row, span)
    leaked = bucket.leak_per_second * max(0.0, moment - row.moved_at)
    # What somebody holds may come at any time: it is still there, and leaks only when it has.
    level = max(held + before, row.level - leaked)
    if account.span == span:
        held = max(0.0, held - account.part)
    elif account.span == span - 1:
        before = max(0.0, before - account.part)
    calls = held + before + account.under_way
    level = _put_right(level, account, calls)
    high_water = account.limit or row.high_water
    closed_until = row.closed_until - set_back
    if account.shut_seconds is not None:
        level = max(level, high_water)
        closed_until = max(closed_until, moment + account.shut_seconds)
    closed = closed_until - moment
    # One call less than would fit: others may use the same client, and clocks differ.
    room = high_water * (1.0 - account.reserve) - bucket.up_front - level
    fits = closed <= 0.0 and (room >= account.least or level <= 0.0)
    units = max(account.least, min(account.wants, room)) if fits else 0.0
    wait = 0.0 if fits else _find_wait(bucket, account.least - room, closed, calls)
    changed = {
        "level": level + units,
        "span": span,
        "held": held + account.under_way + units,
        "held_before": before,
        "high_water": high_water,
        "moved_at": moment,
        "closed_until": closed_until,
    }
    is_alone = row.moved_at == account.settled_at
    return changed, Grant(units, moment, span, is_alone, closed > 0.0, level + units, wait)


def _find_set_back(row: Row[Any], moment: float) -> float:
    """By how many seconds the clock was set back since a row was changed."""
    ahead = float(row.moved_at - moment)
    return ahead if ahead > SET_BACK_SECONDS else 0.0


def _put_right(level: float, account: Account, calls: float) -> float:
    """What is in the bucket by what a process tells of it.

    calls: what is held for calls, those of this process that are under way among them.
    """
    level = max(calls, level - account.part + account.under_way + account.spent)
    if account.theirs is None:
        return level
    # What the platform says counts if it is more than we know of; and if it is less, all but what
    # it may not have seen yet when it said so.
    return min(max(level, account.theirs), account.theirs + calls)


def _find_wait(bucket: Bucket, lacking: float, closed: float, calls: float) -> float:
    """How many seconds it will take until there may be room."""
    if closed <= 0.0 and calls > 0.0:
        return POLL_SECONDS
    return max(closed, lacking / bucket.leak_per_second, 0.001)


def _read_held(row: Row[Any], span: int) -> tuple[float, float]:
    """What is held in a span of time, and what since the one before."""
    if row.span == span:
        return row.held, row.held_before
    return 0.0, row.held if row.span == span - 1 else 0.0
