"""Grades that went by an LMS's own API: what was sent, so that it is known for ours later.

A row is written before its grade is sent. While `job` is set the LMS may still be at it, so that
nothing else is sent for that person until it is known how that ended.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Column, ColumnElement, Float, String, Table, delete, insert, select, update

from mentorai.core.clock import now
from mentorai.core.database import Instant, metadata
from mentorai.core.row_locks import hold_registration, hold_rows

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

api_grades = Table(
    "api_grades",
    metadata,
    # The database deletes the row with its registration, whose table is none of the core's.
    Column("registration_id", String(36), primary_key=True),
    Column("column", String(64), primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("points", Float, nullable=False),
    Column("job", String(100), nullable=False),
    Column("sent_at", Instant, nullable=False),
)


@dataclass(frozen=True, slots=True)
class ApiGrade:
    """What was sent for one person. points: of the column. job: the LMS's name of the work on it,
    or empty when that is over.
    """

    points: float
    job: str
    sent_at: datetime


class ApiGrades:
    """The grades of every registration. Made once: `engine.room(ApiGrades)`.

    column_url: the column as LTI names it. subject: the person as LTI does.
    """

    def __init__(self, engine: "Engine") -> None:
        self._database = engine.database

    def put(self, registration_id: str, column_url: str, points: Mapping[str, float]) -> None:
        """Write down what is about to be sent: subject -> points."""
        column, moment = _name(column_url), now()
        place = {"registration_id": registration_id, "column": column, "job": "", "sent_at": moment}
        rows = [{**place, "subject": each, "points": points[each]} for each in sorted(points)]
        where = _of(registration_id, column, points)
        with self._database.write() as connection:
            hold_registration(connection, registration_id)
            hold_rows(connection, api_grades, *where, to_delete=True)
            connection.execute(delete(api_grades).where(*where))
            connection.execute(insert(api_grades), rows)

    def note_job(
        self, registration_id: str, column_url: str, subjects: Iterable[str], job: str
    ) -> None:
        """Write down that the LMS is at the grades of these, or, with an empty job, no more."""
        where = _of(registration_id, _name(column_url), subjects)
        with self._database.write() as connection:
            hold_rows(connection, api_grades, *where)
            connection.execute(update(api_grades).where(*where).values(job=job))

    def forget(self, registration_id: str, column_url: str, subjects: Iterable[str]) -> None:
        """What was written down of these is not so, or no longer."""
        where = _of(registration_id, _name(column_url), subjects)
        with self._database.write() as connection:
            hold_rows(connection, api_grades, *where, to_delete=True)
            connection.execute(delete(api_grades).where(*where))

    def find(
        self, registration_id: str, column_url: str, subjects: Iterable[str]
    ) -> dict[str, ApiGrade]:
        """What was sent for these, the last time, by subject."""
        query = select(api_grades).where(*_of(registration_id, _name(column_url), subjects))
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return {row.subject: ApiGrade(row.points, row.job, row.sent_at) for row in rows}


def _name(column_url: str) -> str:
    return hashlib.sha256(column_url.encode()).hexdigest()


def _of(
    registration_id: str, column: str, subjects: Iterable[str]
) -> tuple[ColumnElement[bool], ...]:
    return (
        api_grades.c.registration_id == registration_id,
        api_grades.c.column == column,
        api_grades.c.subject.in_(list(subjects)),
    )
