"""The row of each budget of calls, and the few statements that change it.

level: units in the bucket at moved_at (seconds since 1970), those of calls under way among them.
held: what calls under way hold that took or renewed their part in this span of time; held_before:
what others hold since the span before. What is older is of processes that died, and not counted.
Such a part stays in the level until it has leaked or the platform says how full it is.
A row that was changed later than now is of a clock that was set back since: its instants are set
back too, or the bucket would not leak, nor open, until that clock is there again.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Float,
    Row,
    String,
    Table,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    update,
)

from mentorai.core.database import metadata
from mentorai.core.prepared import Prepared

# A part that nobody renews is forgotten after one span at least, and two at most.
SPAN_SECONDS = 4.0
# The clocks of two machines differ by less; a row so far ahead was written before ours was set.
SET_BACK_SECONDS = 60.0

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


def find_span(moment: float) -> int:
    """The number of the span of time that a moment lies in."""
    return int(moment // SPAN_SECONDS)


def is_ahead(row: Row[Any], moment: float) -> bool:
    """Whether the clock was set back since a row was changed."""
    return bool(row.moved_at - moment > SET_BACK_SECONDS)


def read_held(row: Row[Any], span: int) -> float:
    """What calls under way hold in a span of time."""
    if row.span > span + _SPANS_SET_BACK:
        return 0.0
    if row.span >= span:
        return float(row.held + row.held_before)
    return float(row.held) if row.span == span - 1 else 0.0


_SPANS_SET_BACK = int(SET_BACK_SECONDS // SPAN_SECONDS)
# A prepared statement has no parameters but the named ones.
_ZERO: ColumnElement[Any] = literal_column("0.0", Float(53))
_ONE: ColumnElement[Any] = literal_column("1", BigInteger)
_FAR: ColumnElement[Any] = literal_column(str(SET_BACK_SECONDS), Float(53))
_SPANS_FAR: ColumnElement[Any] = literal_column(str(_SPANS_SET_BACK), BigInteger)


def _given(name: str) -> ColumnElement[Any]:
    return bindparam(name, type_=Float(53))


def _least_zero(value: ColumnElement[Any]) -> ColumnElement[Any]:
    return case((value < _ZERO, _ZERO), else_=value)


_MINE = call_budgets.c.name == bindparam("mine")
_NOW, _PART = _given("moment"), _given("part")
_AGE = _least_zero(_NOW - call_budgets.c.moved_at)
_LEVEL = _least_zero(call_budgets.c.level - _given("leak") * _AGE)
_AHEAD = call_budgets.c.moved_at - _NOW
_CLOSED_UNTIL: ColumnElement[Any] = case(
    (_AHEAD > _FAR, call_budgets.c.closed_until - _AHEAD), else_=call_budgets.c.closed_until
)
# The newest span that any process has seen, and what is held in it and in the one before.
_THIS = bindparam("this_span", type_=BigInteger)
_IS_NEWEST = and_(call_budgets.c.span >= _THIS, call_budgets.c.span <= _THIS + _SPANS_FAR)
_SPAN: ColumnElement[Any] = case((_IS_NEWEST, call_budgets.c.span), else_=_THIS)
_HELD: ColumnElement[Any] = case((_IS_NEWEST, call_budgets.c.held), else_=_ZERO)
_BEFORE: ColumnElement[Any] = case(
    (_IS_NEWEST, call_budgets.c.held_before),
    (call_budgets.c.span == _THIS - _ONE, call_budgets.c.held),
    else_=_ZERO,
)
# The same without a part of the span in which it was taken; one that was forgotten is in neither.
_TAKEN_IN = bindparam("taken_in", type_=BigInteger)
_LEFT: ColumnElement[Any] = case((_TAKEN_IN == _SPAN, _least_zero(_HELD - _PART)), else_=_HELD)
_LEFT_BEFORE: ColumnElement[Any] = case(
    (_TAKEN_IN == _SPAN - _ONE, _least_zero(_BEFORE - _PART)), else_=_BEFORE
)
_LEFT_HELD = _LEFT + _LEFT_BEFORE

READ = Prepared(select(call_budgets).where(_MINE))
TAKE = Prepared(
    update(call_budgets)
    .where(
        _MINE,
        call_budgets.c.closed_until <= _NOW,
        or_(
            _LEVEL + _PART + _given("spare") + _given("reserve") * call_budgets.c.high_water
            <= call_budgets.c.high_water,
            _LEVEL <= _ZERO,
        ),
    )
    .values(
        level=_LEVEL + _PART, span=_SPAN, held=_HELD + _PART, held_before=_BEFORE, moved_at=_NOW
    )
    .returning(call_budgets.c.span)
)
SET_BACK = Prepared(
    update(call_budgets)
    .where(_MINE, _AHEAD > _FAR)
    .values(closed_until=_CLOSED_UNTIL, moved_at=_NOW)
)
RENEW = Prepared(
    update(call_budgets)
    .where(_MINE)
    .values(span=_SPAN, held=_LEFT + _PART, held_before=_LEFT_BEFORE)
    .returning(call_budgets.c.span)
)
# What the platform says counts if it is more than we know of; and if it is less, all but what it
# may not have seen yet when it said so.
_THEIRS = _given("theirs")
_OURS = _least_zero(_LEVEL - _PART + _given("cost"))
_AFTER: ColumnElement[Any] = case((_OURS < _THEIRS, _THEIRS), else_=_OURS)
GIVE_BACK = Prepared(
    update(call_budgets)
    .where(_MINE)
    .values(
        level=case(
            (and_(_THEIRS >= _ZERO, _THEIRS + _LEFT_HELD < _AFTER), _THEIRS + _LEFT_HELD),
            else_=_AFTER,
        ),
        span=_SPAN,
        held=_LEFT,
        held_before=_LEFT_BEFORE,
        high_water=func.coalesce(_given("said_limit"), call_budgets.c.high_water),
        closed_until=_CLOSED_UNTIL,
        moved_at=_NOW,
    )
)
_WAIT = _given("until")
SHUT = Prepared(
    update(call_budgets)
    .where(_MINE)
    .values(
        level=case(
            (call_budgets.c.high_water > _LEVEL - _PART, call_budgets.c.high_water),
            else_=_LEVEL - _PART,
        ),
        span=_SPAN,
        held=_LEFT,
        held_before=_LEFT_BEFORE,
        closed_until=case((_CLOSED_UNTIL < _WAIT, _WAIT), else_=_CLOSED_UNTIL),
        moved_at=_NOW,
    )
)
