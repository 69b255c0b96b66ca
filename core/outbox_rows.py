"""The rows of the outbox: taken, taken back, settled; outbox.py has the doors.

Each function works in its caller's transaction.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    and_,
    bindparam,
    false,
    func,
    or_,
    select,
    update,
)

from mentorai.core.clock import now
from mentorai.core.database import Instant, metadata
from mentorai.core.grade_clocks import take_moment
from mentorai.core.grades import grades
from mentorai.core.identifiers import new_id
from mentorai.core.platform_rests import is_resting, may_call
from mentorai.core.retries import Decision
from mentorai.core.webhook_events import note_settled_grade

outbox = Table(
    "outbox",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("grade_id", ForeignKey("grades.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("person_id", String(36), nullable=False),
    Column("resource_link_id", String(36)),
    Column("registration_id", String(36)),
    Column("quiz_id", String(36)),
    Column("given", Float, nullable=False),
    Column("maximum", Float, nullable=False),
    Column("comment", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("stale_attempts", Integer, nullable=False),
    Column("first_tried_at", Instant),
    Column("due_at", Instant, nullable=False),
    Column("handed_until", Instant, nullable=False),
    Column("lease", String(36)),
    Column("lease_until", Instant),
    Column("last_error_code", String(64), nullable=False),
    Column("last_error_message", Text, nullable=False),
    Column("sent_at", Instant),
    # An instructor said so: it goes over what a teacher put into the gradebook.
    Column("replaces_teacher", Boolean, nullable=False, server_default=false()),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
)
Index("ix_outbox_due", outbox.c.status, outbox.c.due_at)
Index("ix_outbox_lane", outbox.c.registration_id, outbox.c.status, outbox.c.due_at)
Index(
    "uq_outbox_in_flight",
    outbox.c.grade_id,
    unique=True,
    sqlite_where=outbox.c.status == "leased",
    postgresql_where=outbox.c.status == "leased",
)


def is_due(moment: datetime) -> ColumnElement[bool]:
    """The condition that a row may be sent: it waits long enough, or its lease lapsed, and its
    platform does not rest.
    """
    is_time = or_(
        and_(outbox.c.status == "waiting", outbox.c.due_at <= moment),
        and_(outbox.c.status == "leased", outbox.c.lease_until <= moment),
    )
    return and_(is_time, ~is_resting(outbox.c.registration_id, moment))


# Made once: for a statement that runs with every score, making it costs more than running it.
_MOMENT = bindparam("moment", type_=Instant())
_LAPSED = outbox.alias()
_LOOK_AT = select(
    outbox.c.grade_id,
    outbox.c.registration_id,
    select(_LAPSED.c.id)
    .where(
        _LAPSED.c.grade_id == outbox.c.grade_id,
        _LAPSED.c.status == "leased",
        _LAPSED.c.lease_until <= _MOMENT,
    )
    .exists()
    .label("has_lapsed"),
).where(outbox.c.id == bindparam("row_id"))
_TAKE = (
    update(outbox)
    .where(
        outbox.c.id == bindparam("row_id"),
        outbox.c.status == "waiting",
        outbox.c.due_at <= _MOMENT,
        ~select(_LAPSED.c.id)
        .where(_LAPSED.c.grade_id == bindparam("whose"), _LAPSED.c.status == "leased")
        .exists(),
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


def take_row(connection: Connection, row_id: str, seconds: float) -> Row[Any] | None:
    """Lease a row that is due, or None if it is not, or its grade has another in flight.

    One UPDATE takes it. Of two on PostgreSQL that see the same moment, the unique index lets
    one through; the other gets IntegrityError.
    """
    moment = now()
    facts = {"row_id": row_id, "moment": moment}
    found = connection.execute(_LOOK_AT, facts).one_or_none()
    if found is None:
        return None
    if found.has_lapsed:
        _take_back(connection, found.grade_id, moment)
    if not may_call(connection, found.registration_id, moment):
        return None
    until = moment + timedelta(seconds=seconds)
    lease = {"whose": found.grade_id, "new_lease": new_id(), "until": until}
    return connection.execute(_TAKE, facts | lease).one_or_none()


_FIND_GRADE = select(grades.c.sync_row_id, grades.c.mentor_id, grades.c.sync_overridden).where(
    grades.c.id == bindparam("grade_id")
)
_SETTLE = (
    update(outbox)
    .where(outbox.c.id == bindparam("row_id"), outbox.c.lease == bindparam("held"))
    .values(
        status=bindparam("new_status"),
        lease=None,
        lease_until=None,
        attempts=bindparam("tries"),
        stale_attempts=bindparam("stale_tries"),
        due_at=bindparam("due"),
        handed_until=_MOMENT,
        last_error_code=bindparam("code"),
        last_error_message=bindparam("message"),
        sent_at=bindparam("sent"),
        updated_at=_MOMENT,
    )
)


def settle_row(
    connection: Connection, row: Row[Any], decision: Decision, *, stale: bool
) -> str | None:
    """Write down what became of a leased row, there and on its grade; the status it has now.

    None if the lease was lost meanwhile. A value that a newer one replaced does not wait again.
    """
    moment = now()
    grade = connection.execute(_FIND_GRADE, {"grade_id": row.grade_id}).one_or_none()
    is_current = grade is not None and grade.sync_row_id == row.id
    replaced = decision.status == "waiting" and not is_current
    status = "superseded" if replaced else decision.status
    attempts = row.attempts if decision.counts else row.attempts - 1
    facts = {
        "row_id": row.id,
        "held": row.lease,
        "new_status": status,
        "tries": attempts,
        "stale_tries": row.stale_attempts + stale,
        "due": decision.due_at or moment,
        "moment": moment,
        "code": decision.code,
        "message": decision.message,
        "sent": decision.sent_at,
    }
    if connection.execute(_SETTLE, facts).rowcount == 0:
        return None
    if (decision.counts or decision.code) and grade is not None and is_current:
        moment = take_moment(connection, grade.mentor_id)
        overridden = grade.sync_overridden and status != "sent"
        _note_on_grade(connection, row, status, attempts, decision, overridden, moment)
        if status != "waiting":
            note_settled_grade(connection, row.organization_id, grade.mentor_id, row.grade_id)
    return status


def _take_back(connection: Connection, grade_id: str | None, moment: datetime) -> None:
    """Let go of a grade's row whose worker did not come back; a newer value replaces it."""
    current = select(grades.c.sync_row_id).where(grades.c.id == grade_id).scalar_subquery()
    lapsed = and_(
        outbox.c.grade_id == grade_id,
        outbox.c.status == "leased",
        outbox.c.lease_until <= moment,
    )
    for status, is_current in (("waiting", True), ("superseded", False)):
        which = outbox.c.id == current if is_current else outbox.c.id != current
        connection.execute(
            update(outbox)
            .where(lapsed, which)
            .values(status=status, lease=None, lease_until=None, due_at=moment, updated_at=moment)
        )


_NOTE = (
    update(grades)
    .where(grades.c.id == bindparam("grade_id"), grades.c.sync_row_id == bindparam("row_id"))
    .values(
        sync_status=bindparam("status"),
        sync_attempts=bindparam("tries"),
        sync_error_code=bindparam("code"),
        sync_error_message=bindparam("message"),
        sync_sent_at=bindparam("sent"),
        sync_next_try_at=bindparam("next_try"),
        sync_overridden=bindparam("overridden"),
        updated_at=_MOMENT,
    )
)


def _note_on_grade(
    connection: Connection,
    row: Row[Any],
    status: str,
    attempts: int,
    decision: Decision,
    overridden: bool,
    moment: datetime,
) -> None:
    facts = {
        "grade_id": row.grade_id,
        "row_id": row.id,
        "status": status,
        "tries": attempts,
        "code": decision.code,
        "message": decision.message,
        "sent": decision.sent_at,
        "next_try": decision.due_at,
        "overridden": overridden,
        "moment": moment,
    }
    connection.execute(_NOTE, facts)


def release_rows(connection: Connection, registration_id: str | None) -> None:
    """Let a platform's rows go that it kept waiting, since it answers again."""
    mine = and_(outbox.c.registration_id == registration_id, outbox.c.status == "waiting")
    moment = now()
    failed = and_(mine, outbox.c.last_error_code == "platform_unavailable")
    connection.execute(update(outbox).where(failed).values(due_at=moment))
    handed = and_(mine, outbox.c.handed_until > moment)
    connection.execute(update(outbox).where(handed).values(handed_until=moment))
