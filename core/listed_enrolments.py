"""Enrolments by the LMSs' own lists: who is on the roster of a course that a mentor is placed in.

They are read here and nowhere written: the LMS enrols and takes out, and a read of its list
(rosters.py) says what it did.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, ScalarSelect, Select, and_, func, select, type_coerce

from mentorai.core.database import Database, Instant
from mentorai.core.mentors import placements
from mentorai.core.people import identities, people
from mentorai.core.places import contexts, resource_links
from mentorai.core.roster_parts import roster_section_members, roster_sections
from mentorai.core.roster_rows import roster_members
from mentorai.core.values import Role

# When a read last saw a member; of who left, when that was noticed.
_CHANGED_AT = type_coerce(
    func.coalesce(roster_members.c.left_at, roster_members.c.seen_at), Instant()
)


@dataclass(frozen=True, slots=True)
class ListedEnrolment:
    """One person on the list of one course that a mentor is placed in.

    user: the LMS's id of the person; platform: its registration. status: active, inactive or left.
    sections: by name. known_since: when we first heard of the person. changed_at: when a read last
    saw them; of who left, when that was noticed.
    """

    mentor_id: str
    person_id: str
    user: str
    platform: str
    course_id: str
    course: str
    sections: tuple[str, ...]
    role: Role
    status: str
    name: str
    email: str
    known_since: datetime
    changed_at: datetime


class ListedEnrolments:
    """The enrolments that LMSs list, of every organization; each call names the one it means.

    Where a mentor_id is None, those of all mentors of the organization are meant.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(
        self,
        organization_id: str,
        mentor_id: str | None,
        *,
        page: int = 1,
        page_size: int = 50,
        **wanted: Any,
    ) -> Sequence[ListedEnrolment]:
        """One page, the one that changed longest ago first.

        wanted: user, section (its name), role, since (aware); a None sets no limit.
        """
        query = _select(organization_id, mentor_id, **wanted)
        query = query.limit(page_size).offset((page - 1) * page_size)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
            sections: dict[tuple[str, str], list[str]] = {}
            person_ids = {row.person_id for row in rows}
            for found in connection.execute(_select_sections(organization_id, person_ids)):
                key = (found.context_id, found.person_id)
                sections.setdefault(key, []).append(found.name)
        return [_read(row, sections.get((row.context_id, row.person_id), ())) for row in rows]

    def count(self, organization_id: str, mentor_id: str | None, **wanted: Any) -> int:
        """How many `list` has on all its pages."""
        some = _select(organization_id, mentor_id, **wanted).order_by(None).subquery()
        with self._database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(some)).scalar_one())


def _select(
    organization_id: str,
    mentor_id: str | None,
    *,
    user: str | None = None,
    section: str | None = None,
    role: str | None = None,
    since: datetime | None = None,
) -> Select[Any]:
    subject = _select_subject(organization_id)
    query = _select_all(organization_id, subject)
    if mentor_id is not None:
        query = query.where(placements.c.mentor_id == mentor_id)
    if user is not None:
        query = query.where(subject == user)
    if role is not None:
        query = query.where(roster_members.c.role == role)
    if since is not None:
        query = query.where(since <= _CHANGED_AT)
    if section is not None:
        query = query.where(_is_in_section(organization_id, section))
    return query


def _select_all(organization_id: str, subject: ScalarSelect[Any]) -> Select[Any]:
    return (
        select(
            placements.c.mentor_id,
            roster_members.c.context_id,
            roster_members.c.person_id,
            roster_members.c.role,
            roster_members.c.status,
            _CHANGED_AT.label("changed_at"),
            contexts.c.registration_id,
            contexts.c.title,
            contexts.c.label,
            people.c.name,
            people.c.email,
            people.c.created_at,
            subject.label("subject"),
        )
        .join(contexts, contexts.c.id == roster_members.c.context_id)
        .join(resource_links, resource_links.c.context_id == contexts.c.id)
        .join(placements, placements.c.resource_link_id == resource_links.c.id)
        .join(people, people.c.id == roster_members.c.person_id)
        .where(roster_members.c.organization_id == organization_id)
        # A mentor may have several places in one course.
        .distinct()
        .order_by(
            _CHANGED_AT,
            roster_members.c.person_id,
            roster_members.c.context_id,
            placements.c.mentor_id,
        )
    )


def _select_subject(organization_id: str) -> ScalarSelect[Any]:
    """The LMS's id of a person; of one whom two ids of one LMS name, one of them."""
    return (
        select(func.min(identities.c.subject))
        .where(
            identities.c.organization_id == organization_id,
            identities.c.person_id == roster_members.c.person_id,
            identities.c.authority == "lti:" + contexts.c.registration_id,
        )
        .scalar_subquery()
    )


def _is_in_section(organization_id: str, name: str) -> ColumnElement[bool]:
    member = roster_section_members.c
    named = _select_sections(organization_id).with_only_columns(member.person_id)
    named = named.where(
        member.context_id == roster_members.c.context_id, roster_sections.c.name == name
    )
    return roster_members.c.person_id.in_(named.correlate(roster_members))


def _select_sections(organization_id: str, person_ids: set[str] | None = None) -> Select[Any]:
    """Who is in which section, by name; person_ids: of these alone."""
    member = roster_section_members.c
    names = and_(
        roster_sections.c.context_id == member.context_id,
        roster_sections.c.lms_section_id == member.lms_section_id,
    )
    query = (
        select(member.context_id, member.person_id, roster_sections.c.name)
        .join(roster_sections, names)
        .join(people, people.c.id == member.person_id)
        .where(people.c.organization_id == organization_id)
    )
    if person_ids is None:
        return query
    return query.where(member.person_id.in_(person_ids)).order_by(roster_sections.c.name)


def _read(row: Row[Any], sections: Sequence[str]) -> ListedEnrolment:
    return ListedEnrolment(
        mentor_id=row.mentor_id,
        person_id=row.person_id,
        user=row.subject or "",
        platform=row.registration_id,
        course_id=row.context_id,
        course=row.title or row.label,
        sections=tuple(sections),
        role=Role(row.role),
        status=row.status,
        name=row.name or "",
        email=row.email or "",
        known_since=row.created_at,
        changed_at=row.changed_at,
    )
