"""Who a session brought, and what its launch offered: for campus IT, who tries a new LMS."""

from dataclasses import dataclass

from sqlalchemy import select

from mentorai.core.database import Database
from mentorai.core.people import people
from mentorai.core.places import contexts, resource_links
from mentorai.core.sessions import sessions
from mentorai.core.values import Role


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """name, email: None if the LMS withheld them. course: None if the launch came from none.

    grade_scopes: what it may do with the gradebook. has_grades, has_roster, has_groups: whether the
    launch brought the address of that service.
    """

    name: str | None
    email: str | None
    role: Role
    course: str | None
    place: str | None
    has_grades: bool
    grade_scopes: frozenset[str]
    has_roster: bool
    has_groups: bool


def find_session_facts(
    database: Database, organization_id: str, session_id: str
) -> SessionFacts | None:
    """The facts of one session, or None if it is gone or was none."""
    query = (
        select(
            people.c.name,
            people.c.email,
            sessions.c.role,
            contexts.c.title,
            contexts.c.label,
            contexts.c.memberships_url,
            contexts.c.groups_url,
            contexts.c.id.label("context_id"),
            resource_links.c.title.label("place"),
            resource_links.c.line_item_url,
            resource_links.c.line_items_url,
            resource_links.c.grade_scopes,
        )
        .join(people, people.c.id == sessions.c.person_id)
        .outerjoin(contexts, contexts.c.id == sessions.c.context_id)
        .outerjoin(resource_links, resource_links.c.id == sessions.c.resource_link_id)
        .where(sessions.c.organization_id == organization_id, sessions.c.id == session_id)
    )
    with database.read() as connection:
        row = connection.execute(query).first()
    if row is None:
        return None
    course = row.title or row.label or "A course without a title"
    return SessionFacts(
        name=row.name,
        email=row.email,
        role=Role(row.role),
        course=course if row.context_id else None,
        place=row.place,
        has_grades=bool(row.line_item_url or row.line_items_url),
        grade_scopes=frozenset((row.grade_scopes or "").split()),
        has_roster=bool(row.memberships_url),
        has_groups=bool(row.groups_url),
    )
