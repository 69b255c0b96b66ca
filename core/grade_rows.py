"""The rows of grades and how they are read; grades.py has the doors."""

from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from typing import Any, Literal

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    Row,
    Select,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    false,
    func,
    or_,
    select,
)

from mentorai.core.database import Instant, metadata
from mentorai.core.people import identities, people
from mentorai.core.places import contexts, resource_links

Source = Literal["quiz", "api", "instructor"]
Release = Literal["held", "released"]
SyncStatus = Literal["waiting", "sent", "superseded", "failed", "not_linked"]

# `place` is quiz and resource link as one text, because NULLs are never equal in a constraint.
# The sync_ columns tell the fate of the row of the outbox that carries the present value.
grades = Table(
    "grades",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("mentor_id", ForeignKey("mentors.id", ondelete="CASCADE"), nullable=False),
    Column("person_id", ForeignKey("people.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("place", String(80), nullable=False),
    Column("quiz_id", String(36)),
    Column("attempt_id", String(36)),
    Column("context_id", ForeignKey("contexts.id")),
    Column("resource_link_id", ForeignKey("resource_links.id")),
    Column("given", Float, nullable=False),
    Column("maximum", Float, nullable=False),
    Column("comment", Text, nullable=False),
    Column("source", String(16), nullable=False),
    Column("release", String(16), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("submitted_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("sync_row_id", String(36)),
    Column("sync_status", String(16), nullable=False),
    Column("sync_attempts", Integer, nullable=False),
    Column("sync_error_code", String(64), nullable=False),
    Column("sync_error_message", Text, nullable=False),
    Column("sync_sent_at", Instant),
    Column("sync_next_try_at", Instant),
    # Points of `maximum` that the gradebook held when somebody last compared.
    Column("sync_result", Float),
    # It held what a teacher put there, in the place of ours.
    Column("sync_overridden", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("mentor_id", "person_id", "place"),
)
Index("ix_grades_changes", grades.c.mentor_id, grades.c.updated_at, grades.c.id)


@dataclass(frozen=True, slots=True)
class Sync:
    """How far a grade is on its way to the gradebook.

    result: what the gradebook held when it was last compared, in points of the grade's maximum.
    is_overridden: that was what a teacher put there, in the place of ours.
    """

    status: SyncStatus
    attempts: int = 0
    last_error_code: str = ""
    last_error_message: str = ""
    sent_at: datetime | None = None
    next_try_at: datetime | None = None
    result: float | None = None
    is_overridden: bool = False

    @property
    def will_retry(self) -> bool:
        """Whether it waits because of something; a busy platform costs it no attempt."""
        return self.status == "waiting" and bool(self.attempts or self.last_error_code)


SYNC_FACTS = len(fields(Sync))


@dataclass(frozen=True, slots=True)
class Grade:
    """What one person has for one quiz (or none) in one resource link (or none).

    context_id, resource_link_id: ours; lms_context_id, lms_user_id: the platform's names.
    given, maximum: points. release: a held grade is not sent. updated_at also moves when the
    score's way to the gradebook does; no two changes of a mentor's grades share one.
    """

    id: str
    organization_id: str
    mentor_id: str
    person_id: str
    person_name: str | None
    lms_user_id: str | None
    quiz_id: str | None
    attempt_id: str | None
    context_id: str | None
    lms_context_id: str | None
    resource_link_id: str | None
    given: float
    maximum: float
    comment: str
    source: Source
    release: Release
    submitted_at: datetime
    updated_at: datetime
    revision: int
    sync: Sync


@cache
def select_grades() -> Select[Any]:
    """Grades with the names that people and contexts have, here and on the platform.

    Made once: making it costs as much as reading twenty grades.
    """
    authority = "lti:" + func.coalesce(resource_links.c.registration_id, contexts.c.registration_id)
    subject = (
        select(func.min(identities.c.subject))
        .where(identities.c.person_id == grades.c.person_id, identities.c.authority == authority)
        .correlate(grades, resource_links, contexts)
        .scalar_subquery()
    )
    # In the order of the fields of Grade and then of Sync, for read_grade.
    its = grades.c
    facts = (
        *(its.id, its.organization_id, its.mentor_id, its.person_id),
        *(people.c.name.label("person_name"), subject.label("lms_user_id")),
        *(its.quiz_id, its.attempt_id, its.context_id, contexts.c.lms_context_id),
        *(its.resource_link_id, its.given, its.maximum, its.comment, its.source, its.release),
        *(its.submitted_at, its.updated_at, its.revision),
    )
    sync = (
        *(its.sync_status, its.sync_attempts, its.sync_error_code, its.sync_error_message),
        *(its.sync_sent_at, its.sync_next_try_at, its.sync_result, its.sync_overridden),
    )
    return (
        select(*facts, *sync)
        .join(people, people.c.id == grades.c.person_id)
        .outerjoin(contexts, contexts.c.id == grades.c.context_id)
        .outerjoin(resource_links, resource_links.c.id == grades.c.resource_link_id)
    )


def of_mentor(organization_id: str, mentor_id: str) -> Any:
    """The condition that a grade is this mentor's."""
    return and_(grades.c.organization_id == organization_id, grades.c.mentor_id == mentor_id)


def filtered(
    query: Select[Any],
    organization_id: str,
    mentor_id: str,
    since: datetime | None,
    user: str | None,
    quiz: str | None,
    sync_status: str | None,
) -> Select[Any]:
    """`query` with the filters of Grades.list."""
    query = query.where(of_mentor(organization_id, mentor_id))
    if since is not None:
        query = query.where(grades.c.updated_at >= since)
    if user is not None:
        named = select(identities.c.person_id).where(
            identities.c.organization_id == organization_id, identities.c.subject == user
        )
        query = query.where(or_(grades.c.person_id == user, grades.c.person_id.in_(named)))
    if quiz is not None:
        query = query.where(grades.c.quiz_id == quiz)
    if sync_status is not None:
        query = query.where(grades.c.sync_status == sync_status)
    return query


def read_grade(row: Row[Any]) -> Grade:
    """The grade in a row of `select_grades`, by position: a row costs much to look into."""
    facts = tuple(row)
    fields_of_grade = (*facts[:-SYNC_FACTS], Sync(*facts[-SYNC_FACTS:]))
    return Grade(*fields_of_grade)
