"""The people of a course as pages show them: those of its roster, and those who only came."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Row, Select, Table, and_, func, select

from mentorai.core.clock import now
from mentorai.core.database import Database
from mentorai.core.launch_facts import GroupService
from mentorai.core.mentors import placements
from mentorai.core.people import enrolments, people
from mentorai.core.people_wanted import Part, PeopleWanted, list_groups, list_sections
from mentorai.core.places import contexts, read_group_service, resource_links
from mentorai.core.roster_parts import (
    roster_group_members,
    roster_groups,
    roster_section_members,
    roster_sections,
)
from mentorai.core.roster_rows import LEFT, roster_members, rosters
from mentorai.core.sessions import sessions
from mentorai.core.values import Role

ALL = PeopleWanted()


@dataclass(frozen=True, slots=True)
class Course:
    """A context and the state of its roster.

    complete_at: the last complete read; read_at: the last of any kind. is_reading: one is under
    way; is_waiting: one is asked for. error: why the last read failed, or empty.
    """

    id: str
    organization_id: str
    registration_id: str
    lms_id: str
    label: str
    title: str
    memberships_url: str | None
    group_service: GroupService | None = None
    complete_at: datetime | None = None
    read_at: datetime | None = None
    is_reading: bool = False
    is_waiting: bool = False
    error: str = ""

    @property
    def name(self) -> str:
        """What people call it."""
        return self.title or self.label or "A course without a title"


@dataclass(frozen=True, slots=True)
class CoursePerson:
    """One person of a course.

    status: active, inactive or left, as the roster has it; empty for who came by a launch and is
    on no roster. listed_at: the last read that listed them. here_at: their last visit here.
    """

    id: str
    name: str | None
    role: Role
    status: str
    groups: tuple[str, ...]
    sections: tuple[str, ...]
    listed_at: datetime | None
    here_at: datetime | None


class CoursePeople:
    """Who is in which course."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find_course(self, organization_id: str, context_id: str | None) -> Course | None:
        """The course, or None."""
        query = _select_courses(organization_id).where(contexts.c.id == context_id)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return _course(row) if row else None

    def list_courses(self, organization_id: str, mentor_id: str | None = None) -> Sequence[Course]:
        """The courses of an organization, or those that a mentor was placed in, by title."""
        query = _select_courses(organization_id)
        if mentor_id is not None:
            placed = (
                select(resource_links.c.context_id)
                .join(placements, placements.c.resource_link_id == resource_links.c.id)
                .where(placements.c.mentor_id == mentor_id)
            )
            query = query.where(contexts.c.id.in_(placed))
        query = query.order_by(contexts.c.title, contexts.c.label, contexts.c.id)
        with self._database.read() as connection:
            return [_course(row) for row in connection.execute(query)]

    def count(self, course: Course, wanted: PeopleWanted = ALL) -> int:
        """How many people `list_people` has on all its pages."""
        some = _select_people(course, wanted).order_by(None).subquery()
        with self._database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(some)).scalar_one())

    def count_unnamed(self, course: Course) -> int:
        """How many people of a course have no name here: the platform withholds it."""
        nameless = _select_people(course, ALL).order_by(None).where(people.c.name.is_(None))
        query = select(func.count()).select_from(nameless.subquery())
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def list_parts(self, course: Course) -> tuple[Sequence[Part], Sequence[Part]]:
        """The sections and the groups of a course."""
        with self._database.read() as connection:
            return list_sections(connection, course.id), list_groups(connection, course.id)

    def list_people(
        self, course: Course, wanted: PeopleWanted = ALL, *, page: int = 1, page_size: int = 50
    ) -> Sequence[CoursePerson]:
        """A page of the people of a course, by name; those who left come last."""
        query = _select_people(course, wanted)
        query = query.limit(page_size).offset((page - 1) * page_size)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
            ids = [row.id for row in rows]
            groups: dict[str, list[str]] = {}
            for row in connection.execute(_select_groups(course, ids)):
                name = f"{row.set_name}: {row.name}" if row.set_name else row.name
                groups.setdefault(row.person_id, []).append(name)
            sections: dict[str, list[str]] = {}
            for row in connection.execute(_select_sections(course, ids)):
                sections.setdefault(row.person_id, []).append(row.name)
            visits = {
                row.person_id: row.here_at
                for row in connection.execute(_select_visits(course, ids))
            }
        return [
            _person(row, groups.get(row.id, []), sections.get(row.id, []), visits.get(row.id))
            for row in rows
        ]


def _select_courses(organization_id: str) -> Select[Any]:
    state = (
        rosters.c.complete_at,
        rosters.c.read_at,
        rosters.c.reading_until,
        rosters.c.due_at,
        rosters.c.error_message,
    )
    return (
        select(contexts, *state)
        .outerjoin(rosters, rosters.c.context_id == contexts.c.id)
        .where(contexts.c.organization_id == organization_id)
    )


def _select_ids(course: Course) -> CompoundSelect[Any]:
    """Everybody of a course, once."""
    came = select(enrolments.c.person_id).where(*_in_course(enrolments, course))
    listed = select(roster_members.c.person_id).where(*_in_course(roster_members, course))
    return came.union(listed)


def _in_course(table: Table, course: Course) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return table.c.organization_id == course.organization_id, table.c.context_id == course.id


def _select_people(course: Course, wanted: PeopleWanted) -> Select[Any]:
    came = and_(enrolments.c.person_id == people.c.id, *_in_course(enrolments, course))
    listed = and_(roster_members.c.person_id == people.c.id, *_in_course(roster_members, course))
    return (
        select(
            people.c.id,
            people.c.name,
            enrolments.c.role.label("own_role"),
            roster_members.c.role.label("listed_role"),
            roster_members.c.status,
            roster_members.c.seen_at,
        )
        .outerjoin(enrolments, came)
        .outerjoin(roster_members, listed)
        .where(people.c.id.in_(_select_ids(course)), *wanted.list_conditions(course.id))
        .order_by(
            (func.coalesce(roster_members.c.status, "") == LEFT),
            people.c.name.is_(None),
            func.lower(people.c.name),
            people.c.id,
        )
    )


def _select_groups(course: Course, person_ids: Sequence[str]) -> Select[Any]:
    member = roster_group_members
    names = and_(
        roster_groups.c.context_id == member.c.context_id,
        roster_groups.c.lms_group_id == member.c.lms_group_id,
    )
    return (
        select(member.c.person_id, roster_groups.c.name, roster_groups.c.set_name)
        .join(roster_groups, names)
        .where(member.c.context_id == course.id, member.c.person_id.in_(person_ids))
        .order_by(roster_groups.c.set_name, roster_groups.c.name)
    )


def _select_sections(course: Course, person_ids: Sequence[str]) -> Select[Any]:
    member = roster_section_members
    names = and_(
        roster_sections.c.context_id == member.c.context_id,
        roster_sections.c.lms_section_id == member.c.lms_section_id,
    )
    return (
        select(member.c.person_id, roster_sections.c.name)
        .join(roster_sections, names)
        .where(member.c.context_id == course.id, member.c.person_id.in_(person_ids))
        .order_by(roster_sections.c.name)
    )


def _select_visits(course: Course, person_ids: Sequence[str]) -> Select[Any]:
    return (
        select(sessions.c.person_id, func.max(sessions.c.created_at).label("here_at"))
        .where(*_in_course(sessions, course), sessions.c.person_id.in_(person_ids))
        .group_by(sessions.c.person_id)
    )


def _course(row: Row[Any]) -> Course:
    moment = now()
    is_reading = row.reading_until is not None and row.reading_until > moment
    return Course(
        id=row.id,
        organization_id=row.organization_id,
        registration_id=row.registration_id,
        lms_id=row.lms_context_id,
        label=row.label,
        title=row.title,
        memberships_url=row.memberships_url,
        group_service=read_group_service(row),
        complete_at=row.complete_at,
        read_at=row.read_at,
        is_reading=is_reading,
        is_waiting=not is_reading and row.due_at is not None and row.due_at <= moment,
        error=row.error_message or "",
    )


def _person(
    row: Row[Any], groups: Sequence[str], sections: Sequence[str], here_at: datetime | None
) -> CoursePerson:
    # What somebody was at their own launch is told apart better than a list tells it: Moodle lists
    # a teacher who may not edit as a learner.
    return CoursePerson(
        id=row.id,
        name=row.name,
        role=Role(row.own_role or row.listed_role),
        status=row.status or "",
        groups=tuple(groups),
        sections=tuple(sections),
        listed_at=row.seen_at,
        here_at=here_at,
    )
