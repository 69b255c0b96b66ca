"""Grades: what a person has for an activity now. Newest wins; the outbox keeps what was before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from mentorai.core.database import Database

Source = Literal["quiz", "api", "instructor"]
SyncStatus = Literal["waiting", "sent", "superseded", "failed", "not_linked"]


@dataclass(frozen=True, slots=True)
class Sync:
    """How far a grade is on its way to the gradebook."""

    status: SyncStatus
    attempts: int = 0
    last_error_code: str = ""
    last_error_message: str = ""
    sent_at: datetime | None = None
    next_try_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Grade:
    """What one person has for one quiz (or none) in one resource link (or none).

    context_id, resource_link_id: ours; lms_context_id, lms_user_id: the platform's names.
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
    release: Literal["held", "released"]
    submitted_at: datetime
    updated_at: datetime
    revision: int
    sync: Sync


class Grades:
    """The grades of every mentor; each call names the one it means."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(
        self,
        connection: Connection,
        *,
        organization_id: str,
        mentor_id: str,
        person_id: str,
        quiz_id: str | None = None,
        attempt_id: str | None = None,
        context_id: str | None = None,
        resource_link_id: str | None = None,
        given: float,
        maximum: float,
        comment: str = "",
        source: Source = "quiz",
    ) -> Grade:
        """Take a grade in the caller's transaction; follow it with Outbox.put."""
        raise NotImplementedError

    def get(self, organization_id: str, mentor_id: str, grade_id: str) -> Grade:
        """One grade. Raises NotFound."""
        raise NotImplementedError

    def list(
        self,
        organization_id: str,
        mentor_id: str,
        *,
        since: datetime | None = None,
        user: str | None = None,
        quiz: str | None = None,
        sync_status: SyncStatus | None = None,
        page: int = 1,
        page_size: int = 50,
    ) -> tuple[Sequence[Grade], int]:
        """A page of grades, oldest change first, and how many there are in all."""
        raise NotImplementedError
