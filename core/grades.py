"""Grades: what a person has for an activity now. Newest wins; the outbox keeps what was before."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, Row, and_, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from mentorai.core.clock import now
from mentorai.core.database import Database, is_after
from mentorai.core.errors import Conflict, InputRejected, NotFound, ScoreOutOfRange
from mentorai.core.grade_clocks import take_moment
from mentorai.core.grade_rows import (
    Grade,
    Release,
    Source,
    Sync,
    SyncStatus,
    filtered,
    grades,
    of_mentor,
    read_grade,
    select_grades,
)
from mentorai.core.identifiers import new_id
from mentorai.core.mentors import placements
from mentorai.core.people import enrolments, people
from mentorai.core.places import resource_links
from mentorai.core.roster_rows import roster_members

__all__ = ["Grade", "Grades", "Release", "Source", "Sync", "SyncStatus", "grades"]

COMMENT_LENGTH = 2_000
LARGEST = 1e9
# A value that has not been sent yet.
_RESET: dict[str, Any] = {
    "sync_row_id": None,
    "sync_status": "waiting",
    "sync_attempts": 0,
    "sync_error_code": "",
    "sync_error_message": "",
    "sync_sent_at": None,
    "sync_next_try_at": None,
    "sync_result": None,
}


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
        release: Release | None = None,
    ) -> Grade:
        """Take a grade in the caller's transaction; follow it with Outbox.put in the same one.

        A person has one grade for a quiz in a resource link: a second call replaces it. A grade
        that does not come from our own quiz may only go where this mentor was placed.
        release: None leaves it as it is; a new one is released.
        Raises ScoreOutOfRange, InputRejected; NotFound for a person or a place of others.
        """
        _check(given, maximum, comment)
        _check_person(connection, organization_id, person_id)
        if resource_link_id:
            link = _get_link(connection, organization_id, resource_link_id)
            context_id = link.context_id
        if source != "quiz":
            _check_reach(connection, mentor_id, person_id, resource_link_id, context_id)
        key = {
            "mentor_id": mentor_id,
            "person_id": person_id,
            "place": f"{quiz_id or ''}|{resource_link_id or ''}",
        }
        facts: dict[str, Any] = {
            "attempt_id": attempt_id,
            "context_id": context_id,
            "given": given,
            "maximum": maximum,
            "comment": comment,
            "source": source,
            "submitted_at": now(),
            "updated_at": take_moment(connection, mentor_id),
        }
        if release:
            facts["release"] = release
        first = {
            "organization_id": organization_id,
            "quiz_id": quiz_id,
            "resource_link_id": resource_link_id,
        }
        grade_id = _put_row(connection, key, facts, first)
        row = connection.execute(select_grades().where(grades.c.id == grade_id)).one()
        return read_grade(row)

    def override(
        self,
        connection: Connection,
        seen: Grade,
        changes: Mapping[str, Any],
        *,
        only_as_seen: bool = False,
    ) -> Grade:
        """Put a grade right by hand; follow it with Outbox.put in the same transaction.

        changes: given, maximum, comment, release; what is left out stays. When it was submitted
        stays as well. only_as_seen: only if nobody changed it since `seen` was read.
        Raises ScoreOutOfRange, InputRejected, NotFound; Conflict if it is not as it was seen.
        """
        moment = take_moment(connection, seen.mentor_id)
        mine = of_mentor(seen.organization_id, seen.mentor_id) & (grades.c.id == seen.id)
        row = connection.execute(select(grades).where(mine).with_for_update()).one_or_none()
        if row is None:
            raise NotFound("There is no such grade.")
        if only_as_seen and (row.revision, row.updated_at) != (seen.revision, seen.updated_at):
            raise Conflict("This grade was changed in the meantime.")
        facts = {name: getattr(row, name) for name in ("given", "maximum", "comment")}
        facts |= changes
        _check(facts["given"], facts["maximum"], facts["comment"])
        if changes.keys() - {"release"}:
            facts["source"] = "instructor"
        connection.execute(
            update(grades)
            .where(mine)
            .values(**facts, **_RESET, revision=row.revision + 1, updated_at=moment)
        )
        changed = connection.execute(select_grades().where(grades.c.id == seen.id)).one()
        return read_grade(changed)

    def get(self, organization_id: str, mentor_id: str, grade_id: str) -> Grade:
        """One grade. Raises NotFound."""
        query = select_grades().where(
            of_mentor(organization_id, mentor_id), grades.c.id == grade_id
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFound("There is no such grade.")
        return read_grade(row)

    def find(
        self,
        organization_id: str,
        mentor_id: str,
        person_id: str,
        quiz_id: str | None,
        resource_link_id: str | None,
    ) -> Grade | None:
        """What a person has for a quiz in a resource link, or None."""
        query = select_grades().where(
            of_mentor(organization_id, mentor_id),
            grades.c.person_id == person_id,
            grades.c.place == f"{quiz_id or ''}|{resource_link_id or ''}",
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return read_grade(row) if row else None

    def list(
        self,
        organization_id: str,
        mentor_id: str,
        *,
        since: datetime | None = None,
        user: str | None = None,
        quiz: str | None = None,
        sync_status: str | None = None,
        after: tuple[datetime, str] | None = None,
        page: int = 1,
        page_size: int = 50,
    ) -> Sequence[Grade]:
        """A page of grades, the one that changed longest ago first.

        since: changed at this instant or later; ask again with the last `updated_at` to go on.
        after: behind the grade with this `updated_at` and id. Who goes on with the last one of
            each page misses none and sees none twice in the same state, whatever changes.
        user: our id of a person, or the platform's. sync_status: as in Sync.
        """
        query = filtered(
            select_grades(), organization_id, mentor_id, since, user, quiz, sync_status
        )
        if after is not None:
            query = query.where(is_after(grades, after))
        query = query.order_by(grades.c.updated_at, grades.c.id)
        query = query.limit(page_size).offset((page - 1) * page_size)
        with self._database.read() as connection:
            return [read_grade(row) for row in connection.execute(query).all()]

    def count(
        self,
        organization_id: str,
        mentor_id: str,
        *,
        since: datetime | None = None,
        user: str | None = None,
        quiz: str | None = None,
        sync_status: str | None = None,
    ) -> int:
        """How many grades `list` would give on all its pages."""
        counted = select(func.count()).select_from(grades)
        query = filtered(counted, organization_id, mentor_id, since, user, quiz, sync_status)
        with self._database.read() as connection:
            return cast(int, connection.execute(query).scalar_one())


def _put_row(
    connection: Connection, key: dict[str, str], facts: dict[str, Any], first: dict[str, Any]
) -> str:
    where = and_(*(grades.c[name] == value for name, value in key.items()))
    found = connection.execute(select(grades.c.id).where(where)).scalar_one_or_none()
    if found is None:
        made = {"id": new_id(), "revision": 1}
        first = {"release": "released"} | first
        try:
            with connection.begin_nested():
                connection.execute(insert(grades).values(made | key | first | facts | _RESET))
            return cast(str, made["id"])
        except IntegrityError:
            # Another process put the first one at this moment; ours is the newer.
            found = connection.execute(select(grades.c.id).where(where)).scalar_one()
    connection.execute(
        update(grades)
        .where(grades.c.id == found)
        .values(**facts, **_RESET, revision=grades.c.revision + 1)
    )
    return cast(str, found)


def _check(given: float, maximum: float, comment: str) -> None:
    if not (math.isfinite(given) and math.isfinite(maximum)):
        raise ScoreOutOfRange
    if not (0 <= given <= LARGEST and 0 < maximum <= LARGEST):
        raise ScoreOutOfRange
    if len(comment) > COMMENT_LENGTH:
        raise InputRejected({"comment": [f"At most {COMMENT_LENGTH} characters, please."]})


def _check_person(connection: Connection, organization_id: str, person_id: str) -> None:
    known = select(people.c.id).where(
        people.c.organization_id == organization_id, people.c.id == person_id
    )
    if connection.execute(known).first() is None:
        raise NotFound("There is no such person.")


def _get_link(connection: Connection, organization_id: str, resource_link_id: str) -> Row[Any]:
    row = connection.execute(
        select(resource_links.c.context_id).where(
            resource_links.c.organization_id == organization_id,
            resource_links.c.id == resource_link_id,
        )
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such resource link.")
    return row


def _check_reach(
    connection: Connection,
    mentor_id: str,
    person_id: str,
    resource_link_id: str | None,
    context_id: str | None,
) -> None:
    """Refuse a place where this mentor does not answer, and a person whom nobody told it of."""
    places = (
        select(resource_links.c.context_id)
        .join(placements, placements.c.resource_link_id == resource_links.c.id)
        .where(placements.c.mentor_id == mentor_id)
    )
    if resource_link_id:
        there = places.where(resource_links.c.id == resource_link_id)
        if connection.execute(there).first() is None:
            raise NotFound("There is no such resource link.")
    elif context_id:
        there = places.where(resource_links.c.context_id == context_id)
        if connection.execute(there).first() is None:
            raise NotFound("There is no such context.")
    met = select(enrolments.c.id).where(
        enrolments.c.person_id == person_id, enrolments.c.context_id.in_(places)
    )
    listed = select(roster_members.c.person_id).where(
        roster_members.c.person_id == person_id, roster_members.c.context_id.in_(places)
    )
    graded = select(grades.c.id).where(
        grades.c.person_id == person_id, grades.c.mentor_id == mentor_id
    )
    if connection.execute(met.union_all(listed, graded)).first() is None:
        raise NotFound("There is no such person.")
