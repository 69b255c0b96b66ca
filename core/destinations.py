"""Where a score goes: the resource link's platform, and what the platform calls the person."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from mentorai.core.errors import NoLineItem, NotGradable, PersonIsStaff
from mentorai.core.line_items import line_items
from mentorai.core.mentors import placements
from mentorai.core.people import enrolments, identities
from mentorai.core.places import contexts, read_platform, resource_links
from mentorai.core.quizzes import quizzes
from mentorai.core.roster_rows import roster_members
from mentorai.core.values import GradePlace, GradeService, Role

OUTSIDE_A_COURSE = "This was not opened from a course page, so it belongs to no gradebook."
IS_UNKNOWN = "The LMS did not say who this person is, so it cannot keep a grade for them."

# Made once: for a statement that runs with every score, making it costs more than running it.
_LINK = (
    select(resource_links, contexts.c.lms_context_id)
    .outerjoin(contexts, contexts.c.id == resource_links.c.context_id)
    .where(resource_links.c.id == bindparam("link_id"))
)
_SUBJECT = (
    select(identities.c.subject)
    .where(
        identities.c.person_id == bindparam("person_id"),
        identities.c.authority == bindparam("authority"),
    )
    .order_by(identities.c.id)
)
_PLACED = select(placements.c.quiz_id).where(placements.c.resource_link_id == bindparam("link_id"))
_OTHERS = select(line_items.c.id).where(
    line_items.c.resource_link_id == bindparam("link_id"),
    line_items.c.url == bindparam("url"),
    line_items.c.activity_id != bindparam("quiz_id"),
)
_ROLE = select(enrolments.c.role).where(
    enrolments.c.context_id == bindparam("context_id"),
    enrolments.c.person_id == bindparam("person_id"),
)
_TITLE = select(quizzes.c.title).where(quizzes.c.id == bindparam("quiz_id"))


@dataclass(frozen=True, slots=True)
class Destination:
    """A place in a platform's gradebook. subject: the platform's id of the person."""

    place: GradePlace
    subject: str


def find_destination(
    connection: Connection,
    *,
    person_id: str,
    resource_link_id: str | None,
    quiz_id: str | None,
    maximum: float,
) -> Destination:
    """Where a person's score for a quiz (or none) in a resource link goes.

    Raises NoLineItem or NotGradable, with a sentence for the person, if it goes nowhere.
    """
    link = connection.execute(_LINK, {"link_id": resource_link_id}).one_or_none()
    if link is None:
        raise NoLineItem(OUTSIDE_A_COURSE)
    if _is_staff(connection, link.context_id, person_id):
        raise PersonIsStaff
    whose = {"person_id": person_id, "authority": f"lti:{link.registration_id}"}
    subject = connection.execute(_SUBJECT, whose).scalar()
    if subject is None:
        raise NotGradable(IS_UNKNOWN)
    place = GradePlace(
        platform=read_platform(link),
        resource_link_id=link.id,
        lms_resource_link_id=link.lms_resource_link_id,
        title=_find_title(connection, quiz_id) or link.title,
        service=GradeService(
            line_item_url=_find_own_column(connection, link, quiz_id),
            line_items_url=link.line_items_url,
            scopes=frozenset(link.grade_scopes.split()),
        ),
        activity_id=quiz_id,
        score_maximum=maximum,
        lms_context_id=link.lms_context_id or "",
    )
    return Destination(place, subject)


def _find_own_column(connection: Connection, link: Row[Any], quiz_id: str | None) -> str | None:
    """The column that came with the link, unless it is another quiz's.

    A link has one such column, and a page of a mentor may hold several quizzes: it is the one
    of the quiz that was placed there, or else of the first that sent a score.
    """
    url: str | None = link.line_item_url
    if url is None or quiz_id is None:
        return url
    placed = connection.execute(_PLACED, {"link_id": link.id}).scalar_one_or_none()
    if placed is not None:
        return url if placed == quiz_id else None
    others = {"link_id": link.id, "url": url, "quiz_id": quiz_id}
    return url if connection.execute(_OTHERS, others).first() is None else None


def _is_staff(connection: Connection, context_id: str | None, person_id: str) -> bool:
    """By their own launches, or else by the course's list."""
    for table in (enrolments, roster_members):
        role: str | None = connection.execute(
            select(table.c.role).where(
                table.c.context_id == context_id, table.c.person_id == person_id
            )
        ).scalar_one_or_none()
        if role is not None:
            return Role(role).is_staff
    return False


def _find_title(connection: Connection, quiz_id: str | None) -> str | None:
    if quiz_id is None:
        return None
    title: str | None = connection.execute(_TITLE, {"quiz_id": quiz_id}).scalar_one_or_none()
    return title
