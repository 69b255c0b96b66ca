"""Scores that had no column to go to, when a launch tells of one.

A teacher often makes an activity graded after the first students were there. Their scores go then,
without anybody sending each again.
"""

from collections import Counter

from sqlalchemy import ColumnElement, Connection, bindparam, select, update

from mentorai.core.clock import now
from mentorai.core.errors import NoLineItem
from mentorai.core.grade_clocks import TICK, take_moments
from mentorai.core.grade_rows import grades
from mentorai.core.outbox_table import outbox
from mentorai.core.row_locks import hold_rows


def queue_unlinked(connection: Connection, resource_link_id: str) -> None:
    """Queue all scores of a resource link that found no column, for the worker's next look."""
    is_unlinked = (
        grades.c.resource_link_id == resource_link_id,
        grades.c.sync_status == "not_linked",
        grades.c.sync_error_code == NoLineItem.code,
        grades.c.release != "held",
    )
    mentor_ids = Counter(connection.scalars(select(grades.c.mentor_id).where(*is_unlinked)))
    if not mentor_ids:
        return
    moments = {
        mentor_id: take_moments(connection, mentor_id, count)
        for mentor_id, count in sorted(mentor_ids.items())
    }
    # Whoever changes a grade holds its mentor's clock, so these are all, and stay as they are.
    columns = (grades.c.id, grades.c.mentor_id)
    found = connection.execute(select(*columns).where(*is_unlinked).order_by(grades.c.id)).all()
    changed = []
    for grade in found:
        changed.append({"mine": grade.id, "moment": moments[grade.mentor_id]})
        moments[grade.mentor_id] += TICK
    _let_go(connection, outbox.c.id.in_(select(grades.c.sync_row_id).where(*is_unlinked)))
    connection.execute(_WAIT, changed)


def _let_go(connection: Connection, rows: ColumnElement[bool]) -> None:
    hold_rows(connection, outbox, rows)
    # As if they were new: what was tried weeks ago would be given up at the first trouble.
    moment = now()
    connection.execute(
        update(outbox)
        .where(rows)
        .values(
            status="waiting",
            attempts=0,
            stale_attempts=0,
            first_tried_at=None,
            last_error_code="",
            last_error_message="",
            due_at=moment,
            updated_at=moment,
        )
    )


_WAIT = (
    update(grades)
    .where(grades.c.id == bindparam("mine"))
    .values(
        sync_status="waiting",
        sync_attempts=0,
        sync_error_code="",
        sync_error_message="",
        sync_next_try_at=bindparam("moment"),
        updated_at=bindparam("moment"),
    )
)
