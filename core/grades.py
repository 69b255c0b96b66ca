"""Grades: what a person has for an activity now. Newest wins; the outbox keeps what was before."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, Row, String, bindparam, func, insert, select, update
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
from mentorai.core.prepared import Prepared, count_changed, execute_each, read_row
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

# Made once: for a statement that runs with every score, making it costs more than running it.
_IS_IT = grades.c.id == bindparam("grade_id")
_OF_MENTOR = (grades.c.organization_id == bindparam("organization")) & (
    grades.c.mentor_id == bindparam("mentor")
)
_HAS_PLACE = (grades.c.person_id == bindparam("person")) & (grades.c.place == bindparam("spot"))
_READ = Prepared(select_grades().where(_IS_IT))
_GET = Prepared(select_grades().where(_OF_MENTOR, _IS_IT))
_FIND = Prepared(select_grades().where(_OF_MENTOR, _HAS_PLACE))
_KNOWN = Prepared(select(grades.c.id).where(grades.c.mentor_id == bindparam("mentor"), _HAS_PLACE))
_TAKEN = ("attempt_id", "context_id", "given", "maximum", "comment", "source")
_TAKEN_AT = ("submitted_at", "updated_at")
_FIRST = ("organization_id", "mentor_id", "person_id", "place", "quiz_id", "resource_link_id")
_INSERT = Prepared(
    insert(grades), ("id", *_FIRST, *_TAKEN, *_TAKEN_AT, "release", "revision", *_RESET)
)
_REPLACE = Prepared(
    update(grades)
    .where(_IS_IT)
    .values(
        **{name: bindparam(f"new_{name}") for name in (*_TAKEN, *_TAKEN_AT)},
        release=func.coalesce(bindparam("new_release", type_=String()), grades.c.release),
        revision=grades.c.revision + 1,
        **_RESET,
    )
)
_PERSON = Prepared(
    select(people.c.id).where(
        people.c.organization_id == bindparam("organization"), people.c.id == bindparam("person")
    )
)
_LINK = Prepared(
    select(resource_links.c.context_id).where(
        resource_links.c.organization_id == bindparam("organization"),
        resource_links.c.id == bindparam("link"),
    )
)
_PLACES = (
    select(resource_links.c.context_id)
    .join(placements, placements.c.resource_link_id == resource_links.c.id)
    .where(placements.c.mentor_id == bindparam("mentor"))
)
_LINK_WITHIN = Prepared(_PLACES.where(resource_links.c.id == bindparam("link")))
_CONTEXT_WITHIN = Prepared(_PLACES.where(resource_links.c.context_id == bindparam("context")))
# Whoever came, whoever is listed, whoever has a grade; the likeliest first.
_MET = tuple(
    Prepared(select(table.c.person_id).where(table.c.person_id == bindparam("person"), theirs))
    for table, theirs in (
        (enrolments, enrolments.c.context_id.in_(_PLACES)),
        (roster_members, roster_members.c.context_id.in_(_PLACES)),
        (grades, grades.c.mentor_id == bindparam("mentor")),
    )
)


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
        facts = {
            "organization_id": organization_id,
            "mentor_id": mentor_id,
            "person_id": person_id,
            "place": _name_place(quiz_id, resource_link_id),
            "quiz_id": quiz_id,
            "resource_link_id": resource_link_id,
            "attempt_id": attempt_id,
            "context_id": context_id,
            "given": given,
            "maximum": maximum,
            "comment": comment,
            "source": source,
            "release": release,
            "submitted_at": now(),
            "updated_at": take_moment(connection, mentor_id),
        }
        grade_id = _put_row(connection, facts)
        return read_grade(read_row(connection, _READ, {"grade_id": grade_id}))

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
        mine = {"organization": organization_id, "mentor": mentor_id}
        row = self._database.run(_GET, mine | {"grade_id": grade_id})
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
        facts = {
            "organization": organization_id,
            "mentor": mentor_id,
            "person": person_id,
            "spot": _name_place(quiz_id, resource_link_id),
        }
        row = self._database.run(_FIND, facts)
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


def _name_place(quiz_id: str | None, resource_link_id: str | None) -> str:
    return f"{quiz_id or ''}|{resource_link_id or ''}"


def _put_row(connection: Connection, facts: Mapping[str, Any]) -> str:
    where = {
        "mentor": facts["mentor_id"],
        "person": facts["person_id"],
        "spot": facts["place"],
    }
    known = read_row(connection, _KNOWN, where)
    if known is None:
        made = {"id": new_id(), "revision": 1, "release": facts["release"] or "released"}
        try:
            with connection.begin_nested():
                execute_each(connection, _INSERT, [{**facts, **made, **_RESET}])
            return cast(str, made["id"])
        except IntegrityError:
            # Another process put the first one at this moment; ours is the newer.
            known = read_row(connection, _KNOWN, where)
    new = {f"new_{name}": facts[name] for name in (*_TAKEN, *_TAKEN_AT, "release")}
    count_changed(connection, _REPLACE, new | {"grade_id": known.id})
    return cast(str, known.id)


def _check(given: float, maximum: float, comment: str) -> None:
    if not (math.isfinite(given) and math.isfinite(maximum)):
        raise ScoreOutOfRange
    if not (0 <= given <= LARGEST and 0 < maximum <= LARGEST):
        raise ScoreOutOfRange
    if len(comment) > COMMENT_LENGTH:
        raise InputRejected({"comment": [f"At most {COMMENT_LENGTH} characters, please."]})


def _check_person(connection: Connection, organization_id: str, person_id: str) -> None:
    person = {"organization": organization_id, "person": person_id}
    if read_row(connection, _PERSON, person) is None:
        raise NotFound("There is no such person.")


def _get_link(connection: Connection, organization_id: str, resource_link_id: str) -> Row[Any]:
    facts = {"organization": organization_id, "link": resource_link_id}
    row: Row[Any] | None = read_row(connection, _LINK, facts)
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
    if resource_link_id:
        there = {"mentor": mentor_id, "link": resource_link_id}
        if read_row(connection, _LINK_WITHIN, there) is None:
            raise NotFound("There is no such resource link.")
    elif context_id:
        there = {"mentor": mentor_id, "context": context_id}
        if read_row(connection, _CONTEXT_WITHIN, there) is None:
            raise NotFound("There is no such context.")
    theirs = {"mentor": mentor_id, "person": person_id}
    for way in _MET:
        if read_row(connection, way, theirs) is not None:
            return
    raise NotFound("There is no such person.")
