"""Reviews: whose work at what is meant when a platform's gradebook opens a submission.

The gradebook names a column and a person. The column is one that we found or made for a quiz, or
the one of the place itself; the person must be in the course that the message comes from.
Source: LTI Submission Review 1.0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, select

from mentorai.core.database import Database
from mentorai.core.errors import LaunchDenied, NotFound
from mentorai.core.line_items import line_items
from mentorai.core.mentors import placements
from mentorai.core.people import enrolments, identities
from mentorai.core.places import contexts, resource_links
from mentorai.core.quizzes import quizzes
from mentorai.core.values import Launch, MentorRef

NOBODY = "This person is not known in this course: they never opened the mentor from it."
NOTHING = "Nothing was handed in here through the mentor yet."


@dataclass(frozen=True, slots=True)
class Review:
    """Whose work at what, by our ids. ref.quiz_id: None for all that was done in the place."""

    ref: MentorRef
    person_id: str
    context_id: str
    resource_link_id: str


class Reviews:
    """Which work a launch from a gradebook means."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, launch: Launch) -> Review:
        """The work that this launch asks for.

        Raises LaunchDenied when one who does not teach there asks for another person's work;
        NotFound when the person is not in the course, or the column is none of ours there.
        """
        if launch.context is None or launch.review_of is None:
            raise NotFound(NOBODY)
        if launch.review_of != launch.subject and not launch.role.is_staff:
            raise LaunchDenied("Only staff of the course can look at another person's work.")
        with self._database.read() as connection:
            places = _find_places(connection, launch)
            if not places:
                raise NotFound(NOTHING)
            context_id: str = places[0].context_id
            person_id = _find_member(connection, launch, context_id)
            if person_id is None:
                raise NotFound(NOBODY)
            ref = _read_ref(connection, launch, places)
        return Review(ref, person_id, context_id, places[0].resource_link_id)


def _find_places(connection: Connection, launch: Launch) -> Sequence[Row[Any]]:
    """The rows of the column's place, one for each activity whose scores go there.

    A column of ours names its activity and so is the better answer; then the column that the
    place's own launches named; then the place itself.
    """
    service, link = launch.grade_service, launch.resource_link
    column = service.line_item_url if service else None
    ways: list[ColumnElement[bool]] = []
    if column:
        ways += [line_items.c.url == column, resource_links.c.line_item_url == column]
    if link:
        ways.append(
            and_(
                resource_links.c.deployment_id == launch.deployment_id,
                resource_links.c.lms_resource_link_id == link.lms_id,
            )
        )
    for way in ways:
        rows = connection.execute(_select_places(launch).where(way)).all()
        if rows:
            return [row for row in rows if row.resource_link_id == rows[0].resource_link_id]
    return ()


def _select_places(launch: Launch) -> Any:
    context = launch.context
    return (
        select(
            resource_links.c.id.label("resource_link_id"),
            resource_links.c.context_id,
            line_items.c.activity_id,
            line_items.c.url.label("column_url"),
            placements.c.mentor_id,
            placements.c.quiz_id,
        )
        .join(contexts, contexts.c.id == resource_links.c.context_id)
        .join(placements, placements.c.resource_link_id == resource_links.c.id)
        .outerjoin(line_items, line_items.c.resource_link_id == resource_links.c.id)
        .where(
            resource_links.c.organization_id == launch.organization_id,
            resource_links.c.registration_id == launch.registration_id,
            contexts.c.registration_id == launch.registration_id,
            contexts.c.lms_context_id == (context.lms_id if context else ""),
        )
        .order_by(resource_links.c.created_at, resource_links.c.id)
    )


def _find_member(connection: Connection, launch: Launch, context_id: str) -> str | None:
    query = (
        select(identities.c.person_id)
        .join(enrolments, enrolments.c.person_id == identities.c.person_id)
        .where(
            identities.c.organization_id == launch.organization_id,
            identities.c.authority == f"lti:{launch.registration_id}",
            identities.c.subject == launch.review_of,
            enrolments.c.context_id == context_id,
        )
    )
    found: str | None = connection.execute(query).scalar()
    return found


def _read_ref(connection: Connection, launch: Launch, places: Sequence[Row[Any]]) -> MentorRef:
    """The mentor, and the quiz if the column, the platform's parameter or the place tells."""
    place, named = places[0], launch.custom.get("quiz")
    column = launch.grade_service.line_item_url if launch.grade_service else None
    told = {row.activity_id for row in places if row.column_url == column and row.activity_id}
    if len(told) == 1:
        quiz_id = told.pop()
    elif named in told:
        quiz_id = named
    else:
        quiz_id = place.quiz_id if not told or place.quiz_id in told else None
    owner = select(quizzes.c.mentor_id).where(
        quizzes.c.id == quiz_id, quizzes.c.organization_id == launch.organization_id
    )
    # A deleted quiz's attempts stay, with the mentor of the place.
    mentor_id = connection.execute(owner).scalar() if quiz_id else None
    return MentorRef(mentor_id or place.mentor_id, quiz_id)
