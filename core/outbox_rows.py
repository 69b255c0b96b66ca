"""The rows of the outbox: taken, taken back, settled; outbox.py has the doors.

Each function works in its caller's transaction.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
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
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
)
Index("ix_outbox_due", outbox.c.status, outbox.c.due_at)
Index(
    "uq_outbox_in_flight",
    outbox.c.grade_id,
    unique=True,
    sqlite_where=outbox.c.status == "leased",
    postgresql_where=outbox.c.status == "leased",
)


def is_due(moment: datetime) -> ColumnElement[bool]:
    """The condition that a row may be sent: it waits long enough, or its lease lapsed."""
    return or_(
        and_(outbox.c.status == "waiting", outbox.c.due_at <= moment),
        and_(outbox.c.status == "leased", outbox.c.lease_until <= moment),
    )


def take_row(connection: Connection, row_id: str, seconds: float) -> Row[Any] | None:
    """Lease a row that is due, or None if it is not, or its grade has another in flight.

    One UPDATE takes it. Of two on PostgreSQL that see the same moment, the unique index lets
    one through; the other gets IntegrityError.
    """
    moment, mine = now(), outbox.c.id == row_id
    grade_id = connection.execute(select(outbox.c.grade_id).where(mine)).scalar()
    _take_back(connection, grade_id, moment)
    in_flight = select(outbox.c.id).where(
        outbox.c.grade_id == grade_id, outbox.c.status == "leased"
    )
    taken = connection.execute(
        update(outbox)
        .where(mine, outbox.c.status == "waiting", outbox.c.due_at <= moment)
        .where(~in_flight.exists())
        .values(
            status="leased",
            lease=new_id(),
            lease_until=moment + timedelta(seconds=seconds),
            attempts=outbox.c.attempts + 1,
            first_tried_at=func.coalesce(outbox.c.first_tried_at, moment),
            updated_at=moment,
        )
    )
    if taken.rowcount == 0:
        return None
    return connection.execute(select(outbox).where(mine)).one()


def settle_row(
    connection: Connection, row: Row[Any], decision: Decision, *, stale: bool
) -> str | None:
    """Write down what became of a leased row, there and on its grade; the status it has now.

    None if the lease was lost meanwhile. A value that a newer one replaced does not wait again.
    """
    moment = now()
    grade = connection.execute(
        select(grades.c.sync_row_id, grades.c.mentor_id).where(grades.c.id == row.grade_id)
    ).one_or_none()
    is_current = grade is not None and grade.sync_row_id == row.id
    replaced = decision.status == "waiting" and not is_current
    status = "superseded" if replaced else decision.status
    attempts = row.attempts if decision.counts else row.attempts - 1
    settled = connection.execute(
        update(outbox)
        .where(outbox.c.id == row.id, outbox.c.lease == row.lease)
        .values(
            status=status,
            lease=None,
            lease_until=None,
            attempts=attempts,
            stale_attempts=row.stale_attempts + stale,
            due_at=decision.due_at or moment,
            handed_until=moment,
            last_error_code=decision.code,
            last_error_message=decision.message,
            sent_at=decision.sent_at,
            updated_at=moment,
        )
    )
    if settled.rowcount == 0:
        return None
    if decision.counts and grade is not None and is_current:
        moment = take_moment(connection, grade.mentor_id)
        _note_on_grade(connection, row, status, attempts, decision, moment)
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


def _note_on_grade(
    connection: Connection,
    row: Row[Any],
    status: str,
    attempts: int,
    decision: Decision,
    moment: datetime,
) -> None:
    connection.execute(
        update(grades)
        .where(grades.c.id == row.grade_id, grades.c.sync_row_id == row.id)
        .values(
            sync_status=status,
            sync_attempts=attempts,
            sync_error_code=decision.code,
            sync_error_message=decision.message,
            sync_sent_at=decision.sent_at,
            sync_next_try_at=decision.due_at,
            updated_at=moment,
        )
    )


def postpone_rows(connection: Connection, registration_id: str | None, until: datetime) -> None:
    """Leave a platform alone that asked for it: its other rows wait as well."""
    connection.execute(
        update(outbox)
        .where(
            outbox.c.registration_id == registration_id,
            outbox.c.status == "waiting",
            outbox.c.due_at < until,
        )
        .values(due_at=until)
    )
