"""The rows of the outbox: taken, taken back, settled; outbox.py has the doors.

Each function works in its caller's transaction, on as many rows as there are: what a transaction
costs is shared by all of them. Locks are taken in the order that core/row_locks.py tells.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Integer,
    Row,
    and_,
    bindparam,
    func,
    null,
    select,
    update,
)

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant
from mentorai.core.errors import PlatformUnavailable, PluginFailed, ScoreStale
from mentorai.core.grade_clocks import TICK, take_moments
from mentorai.core.grades import grades
from mentorai.core.lease_holders import issue_lease
from mentorai.core.outbox_table import outbox
from mentorai.core.platform_rests import count_calls, is_resting, note_answer
from mentorai.core.prepared import Prepared, execute_each, read_row, read_rows
from mentorai.core.retries import UNHEARD_SECONDS, Decision
from mentorai.core.row_locks import hold_rows
from mentorai.core.score_clocks import Arrival, note_arrivals
from mentorai.core.webhook_events import GRADE_SETTLED, hold_listeners, note_settled_grades

# Made once: for a statement that runs with every score, making it costs more than running it.
_MOMENT = bindparam("moment", type_=Instant())
_IDS: BindParameter[Any] = bindparam("row_ids", expanding=True)
_OTHER = outbox.alias()
_IN_FLIGHT = (
    select(_OTHER.c.id)
    .where(_OTHER.c.grade_id == outbox.c.grade_id, _OTHER.c.status == "leased")
    .correlate(outbox)
    .exists()
)
_AWAKE = ~is_resting(outbox.c.registration_id, _MOMENT)
# Each is a look into the index of lanes, however many rows wait there.
_NAMED = outbox.c.registration_id == bindparam("lane")
_NAMELESS = outbox.c.registration_id.is_(None)


def _select_due(*mine: ColumnElement[bool]) -> Any:
    return (
        select(outbox.c.id)
        .where(*mine, outbox.c.status == "waiting", outbox.c.due_at <= _MOMENT, ~_IN_FLIGHT)
        .order_by(outbox.c.due_at)
        .limit(bindparam("most", type_=Integer))
    )


def _select_lapsed(mine: ColumnElement[bool]) -> Any:
    return select(outbox.c.grade_id).where(
        mine, outbox.c.status == "leased", outbox.c.lease_until <= _MOMENT, _AWAKE
    )


_LANES = {True: _NAMED, False: _NAMELESS}
_DUE = {named: Prepared(_select_due(mine, _AWAKE)) for named, mine in _LANES.items()}
_LAPSED = {named: Prepared(_select_lapsed(mine)) for named, mine in _LANES.items()}
# Of several workers each takes others. Whether the platform rests was asked before: for the one
# that goes first after a rest it does, since all others have to wait for its answer.
_HELD_DUE = {
    named: Prepared(_select_due(mine).with_for_update(skip_locked=True, of=outbox))
    for named, mine in _LANES.items()
}
_LOOK_AT = Prepared(
    select(
        outbox.c.grade_id,
        outbox.c.registration_id,
        select(_OTHER.c.id)
        .where(
            _OTHER.c.grade_id == outbox.c.grade_id,
            _OTHER.c.status == "leased",
            _OTHER.c.lease_until <= _MOMENT,
        )
        .exists()
        .label("has_lapsed"),
    ).where(outbox.c.id.in_(_IDS))
)
_TAKE = Prepared(
    update(outbox)
    .where(
        outbox.c.id.in_(_IDS),
        outbox.c.status == "waiting",
        outbox.c.due_at <= _MOMENT,
        ~_IN_FLIGHT,
    )
    .values(
        status="leased",
        lease=bindparam("new_lease"),
        lease_until=bindparam("until"),
        attempts=outbox.c.attempts + 1,
        first_tried_at=func.coalesce(outbox.c.first_tried_at, _MOMENT),
        updated_at=_MOMENT,
    )
    .returning(outbox)
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a leased row.

    answer: what the platform answered, or what was raised instead; None if it was not asked.
    arrival: when the platform took the score, if that is later than its second.
    """

    row: Row[Any]
    decision: Decision
    answer: object = None
    arrival: Arrival | None = None


def has_due(connection: Connection, lane: str | None) -> bool:
    """Whether a lane (the rows of one registration, or of none) has something to take."""
    facts = {"moment": now(), "lane": lane, "most": 1}
    queries = (_DUE[lane is not None], _LAPSED[lane is not None])
    return any(read_row(connection, query, facts) is not None for query in queries)


def list_due(connection: Connection, lane: str | None, most: int) -> list[str]:
    """The rows that are due in a lane, those due longest first."""
    facts = {"moment": now(), "lane": lane, "most": most}
    return [row.id for row in read_rows(connection, _DUE[lane is not None], facts)]


_BRIEF = Prepared(
    select(outbox.c.status, outbox.c.grade_id, outbox.c.registration_id).where(
        outbox.c.id == bindparam("row_id")
    )
)


def find_brief(database: Database, row_id: str) -> Any:
    """A row's status, grade_id and registration_id, or None if it is gone."""
    return database.run(_BRIEF, {"row_id": row_id})


def is_next(database: Database, row_id: str, lane: str | None) -> bool:
    """Whether a row is due the longest of those in its lane that may go and nobody has taken."""
    facts = {"moment": now(), "lane": lane, "most": 1}
    first = database.run(_DUE[lane is not None], facts)
    return first is not None and first.id == row_id


def take_due(
    connection: Connection, lane: str | None, most: int, seconds: float
) -> Sequence[Row[Any]]:
    """Lease rows that are due in a lane, those due longest first, none of which any other takes.

    One lease for all of them, which lasts for `seconds`. Raises IntegrityError as take_rows does.
    """
    moment, is_named = now(), lane is not None
    facts = {"moment": moment, "lane": lane, "most": most}
    lapsed = [row.grade_id for row in read_rows(connection, _LAPSED[is_named], facts)]
    if lapsed:
        _take_back(connection, lapsed, moment)
    if read_row(connection, _DUE[is_named], facts | {"most": 1}) is None:
        return []
    facts["most"] = count_calls(connection, lane, moment, most)
    if not facts["most"]:
        return []
    row_ids = [row.id for row in read_rows(connection, _HELD_DUE[is_named], facts)]
    return _take(connection, row_ids, moment, seconds)


def take_rows(connection: Connection, row_ids: Sequence[str], seconds: float) -> Sequence[Row[Any]]:
    """Lease those of one platform's rows that are due and whose grades have no other in flight.

    One UPDATE takes them. Of two on PostgreSQL that see the same moment, the unique index lets
    one through; the other gets IntegrityError.
    """
    moment = now()
    found = read_rows(connection, _LOOK_AT, {"row_ids": row_ids, "moment": moment})
    if not found:
        return []
    lapsed = [each.grade_id for each in found if each.has_lapsed]
    if lapsed:
        _take_back(connection, lapsed, moment)
    may_go = count_calls(connection, found[0].registration_id, moment, len(row_ids))
    mine = row_ids[:may_go]
    if len(mine) > 1:
        hold_rows(connection, outbox, outbox.c.id.in_(mine), outbox.c.status == "waiting")
    return _take(connection, mine, moment, seconds)


def _take(
    connection: Connection, row_ids: Sequence[str], moment: datetime, seconds: float
) -> Sequence[Row[Any]]:
    if not row_ids:
        return []
    lease = {"new_lease": issue_lease(), "until": moment + timedelta(seconds=seconds)}
    taken = read_rows(connection, _TAKE, lease | {"row_ids": row_ids, "moment": moment})
    return sorted(taken, key=lambda row: row_ids.index(row.id))


_MENTORS = Prepared(select(grades.c.mentor_id).where(grades.c.id.in_(_IDS)).distinct())
_GRADES = Prepared(
    select(grades.c.id, grades.c.sync_row_id, grades.c.mentor_id, grades.c.sync_overridden).where(
        grades.c.id.in_(_IDS)
    )
)
# Only what is leased: a row whose lease was lost may wait again, and those come after the rests.
_LEASES = Prepared(
    select(outbox.c.id, outbox.c.lease)
    .where(outbox.c.id.in_(_IDS), outbox.c.status == "leased")
    .order_by(outbox.c.id)
    .with_for_update()
)
_SETTLE = Prepared(
    update(outbox)
    .where(outbox.c.id == bindparam("row_id"))
    .values(
        status=bindparam("new_status"),
        lease=null(),
        lease_until=null(),
        attempts=bindparam("tries"),
        stale_attempts=bindparam("stale_tries"),
        due_at=bindparam("due"),
        last_error_code=bindparam("code"),
        last_error_message=bindparam("message"),
        sent_at=bindparam("sent"),
        updated_at=_MOMENT,
    )
)
_NOTE = Prepared(
    update(grades)
    .where(grades.c.id == bindparam("grade_id"), grades.c.sync_row_id == bindparam("row_id"))
    .values(
        sync_status=bindparam("new_status"),
        sync_attempts=bindparam("tries"),
        sync_error_code=bindparam("code"),
        sync_error_message=bindparam("message"),
        sync_sent_at=bindparam("sent"),
        sync_next_try_at=bindparam("next_try"),
        sync_overridden=bindparam("overridden"),
        updated_at=_MOMENT,
    )
)


def settle_rows(connection: Connection, outcomes: Sequence[Outcome]) -> list[str | None]:
    """Write down what became of leased rows, there and on their grades; the status of each now.

    None where the lease was lost meanwhile. A value that a newer one replaced does not wait again.
    """
    grade_ids = [each.row.grade_id for each in outcomes]
    # From here on nobody else changes these grades.
    mentor_ids = sorted(
        row.mentor_id for row in read_rows(connection, _MENTORS, {"row_ids": grade_ids})
    )
    moments = {each: take_moments(connection, each, len(outcomes)) for each in mentor_ids}
    present = {row.id: row for row in read_rows(connection, _GRADES, {"row_ids": grade_ids})}
    row_ids = [each.row.id for each in outcomes]
    leases = {row.id: row.lease for row in read_rows(connection, _LEASES, {"row_ids": row_ids})}
    statuses: list[str | None] = []
    moment = now()
    settled, noted, ended = [], [], dict[tuple[str, str], list[str]]()
    for number, each in enumerate(outcomes):
        row, decision = each.row, each.decision
        if row.lease is None or leases.get(row.id) != row.lease:
            statuses.append(None)
            continue
        grade = present.get(row.grade_id)
        is_current = grade is not None and grade.sync_row_id == row.id
        replaced = decision.status == "waiting" and not is_current
        facts = _describe(each, "superseded" if replaced else decision.status)
        statuses.append(facts["new_status"])
        again = {"stale_tries": row.stale_attempts + isinstance(each.answer, ScoreStale)}
        due_at = moment + (decision.wait or timedelta())
        settled.append(facts | again | {"due": due_at, "moment": moment})
        if grade is not None and is_current and (decision.counts or decision.code):
            on_grade = {
                "grade_id": row.grade_id,
                "next_try": None if decision.wait is None else due_at,
                "overridden": grade.sync_overridden and facts["new_status"] != "sent",
                "moment": moments[grade.mentor_id] + number * TICK,
            }
            noted.append(facts | on_grade)
            if facts["new_status"] != "waiting":
                owner = (row.organization_id, grade.mentor_id)
                ended.setdefault(owner, []).append(row.grade_id)
    if settled:
        execute_each(connection, _SETTLE, settled)
    if noted:
        execute_each(connection, _NOTE, noted)
    _note_answers(connection, outcomes)
    note_arrivals(connection, [each.arrival for each in outcomes if each.arrival])
    hold_listeners(connection, GRADE_SETTLED, ended)
    for (organization_id, mentor_id), its_grades in sorted(ended.items()):
        note_settled_grades(connection, organization_id, mentor_id, its_grades)
    return statuses


def _describe(outcome: Outcome, status: str) -> dict[str, Any]:
    row, decision = outcome.row, outcome.decision
    return {
        "row_id": row.id,
        "new_status": status,
        "tries": row.attempts if decision.counts else row.attempts - 1,
        "code": decision.code,
        "message": decision.message,
        "sent": decision.sent_at,
    }


def _note_answers(connection: Connection, outcomes: Iterable[Outcome]) -> None:
    """Remember how each platform answered, in that order; of good ones in a row one is enough."""
    was_good = dict[str | None, bool]()
    rested = set[str | None]()
    for each in sorted(outcomes, key=lambda each: each.row.registration_id or ""):
        lane, is_good = each.row.registration_id, not isinstance(each.answer, Exception)
        if each.answer is None or (is_good and was_good.get(lane)):
            continue
        was_good[lane] = is_good
        if note_answer(connection, lane, each.answer):
            rested.add(lane)
    if rested:
        release_rows(connection, rested)


_NEWER = Prepared(
    select(outbox.c.id).where(
        outbox.c.grade_id.in_(_IDS), outbox.c.status == "waiting", outbox.c.due_at <= _MOMENT
    )
)


def list_newer(connection: Connection, outcomes: Sequence[Outcome]) -> list[str]:
    """The rows that waited for these, values that came meanwhile."""
    facts = {"row_ids": [each.row.grade_id for each in outcomes], "moment": now()}
    mine = {each.row.id for each in outcomes}
    return [row.id for row in read_rows(connection, _NEWER, facts) if row.id not in mine]


def _take_back(connection: Connection, grade_ids: Sequence[str], moment: datetime) -> None:
    """Let go of grades' rows whose worker did not come back; newer values replace them."""
    current = (
        select(grades.c.sync_row_id)
        .where(grades.c.id == outbox.c.grade_id)
        .correlate(outbox)
        .scalar_subquery()
    )
    lapsed = and_(
        outbox.c.grade_id.in_(grade_ids),
        outbox.c.status == "leased",
        outbox.c.lease_until <= moment,
    )
    hold_rows(connection, outbox, lapsed)
    for status, is_current in (("waiting", True), ("superseded", False)):
        which = outbox.c.id == current if is_current else outbox.c.id != current
        connection.execute(
            update(outbox)
            .where(lapsed, which)
            .values(status=status, lease=None, lease_until=None, due_at=moment, updated_at=moment)
        )


def release_rows(connection: Connection, registration_ids: Collection[str | None]) -> None:
    """Let the rows of platforms go that these kept waiting, since they answer again.

    Those that were tried just now go when what was sent of them cannot arrive any more.
    """
    moment = now()
    heard_at = moment - timedelta(seconds=UNHEARD_SECONDS)
    failed = and_(
        outbox.c.registration_id.in_(registration_ids),
        outbox.c.status == "waiting",
        outbox.c.last_error_code == PlatformUnavailable.code,
    )
    hold_rows(connection, outbox, failed)
    for due_at, is_mine in (
        (moment, outbox.c.updated_at <= heard_at),
        (moment + timedelta(seconds=UNHEARD_SECONDS), outbox.c.updated_at > heard_at),
    ):
        sooner = outbox.c.due_at > due_at
        connection.execute(update(outbox).where(failed, is_mine, sooner).values(due_at=due_at))


def retry_plugins(connection: Connection) -> None:
    """Let the rows go that a plugin broke at: a worker that starts may have a better one."""
    failed = and_(outbox.c.status == "waiting", outbox.c.last_error_code == PluginFailed.code)
    hold_rows(connection, outbox, failed)
    connection.execute(update(outbox).where(failed).values(due_at=now()))
