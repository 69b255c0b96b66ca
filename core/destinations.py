"""Where a score goes: the resource link's platform, and what the platform calls the person."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, Connection, Row, bindparam, select

from mentorai.core.errors import NoLineItem, NotGradable, PersonIsStaff
from mentorai.core.line_items import line_items
from mentorai.core.mentors import placements
from mentorai.core.people import enrolments, identities
from mentorai.core.places import contexts, read_platform, resource_links
from mentorai.core.prepared import Prepared, read_row, read_rows
from mentorai.core.quizzes import quizzes
from mentorai.core.roster_rows import roster_members
from mentorai.core.values import GradePlace, GradeService, Role

OUTSIDE_A_COURSE = "This was not opened from a course page, so it belongs to no gradebook."
IS_UNKNOWN = "The LMS did not say who this person is, so it cannot keep a grade for them."

# Made once: for a statement that runs with every score, making it costs more than running it.
_LINK = Prepared(
    select(resource_links, contexts.c.lms_context_id)
    .outerjoin(contexts, contexts.c.id == resource_links.c.context_id)
    .where(resource_links.c.id == bindparam("link_id"))
)
_PEOPLE: BindParameter[Any] = bindparam("people", expanding=True)
_SUBJECTS = Prepared(
    select(identities.c.person_id, identities.c.subject)
    .where(
        identities.c.person_id.in_(_PEOPLE),
        identities.c.authority == bindparam("authority"),
    )
    .order_by(identities.c.id.desc())
)
_PLACED = Prepared(
    select(placements.c.quiz_id).where(placements.c.resource_link_id == bindparam("link_id"))
)
_OTHERS = Prepared(
    select(line_items.c.id).where(
        line_items.c.resource_link_id == bindparam("link_id"),
        line_items.c.url == bindparam("url"),
        line_items.c.activity_id != bindparam("quiz_id"),
    )
)
# By the course's list, and by their own launches, which count more.
_ROLES = tuple(
    Prepared(
        select(table.c.person_id, table.c.role).where(
            table.c.context_id == bindparam("context_id"), table.c.person_id.in_(_PEOPLE)
        )
    )
    for table in (roster_members, enrolments)
)
_TITLE = Prepared(select(quizzes.c.title).where(quizzes.c.id == bindparam("quiz_id")))


@dataclass(frozen=True, slots=True)
class Destination:
    """A place in a platform's gradebook. subject: the platform's id of the person."""

    place: GradePlace
    subject: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """A person's score for a quiz (or none) in a resource link (or none), which goes somewhere."""

    person_id: str
    resource_link_id: str | None
    quiz_id: str | None
    maximum: float


def find_destination(connection: Connection, wanted: Wanted) -> Destination:
    """Where one score goes.

    Raises NoLineItem or NotGradable, with a sentence for the person, if it goes nowhere.
    """
    (found,) = find_destinations(connection, [wanted])
    if not isinstance(found, Destination):
        raise found
    return found


def find_destinations(
    connection: Connection, wanted: Sequence[Wanted]
) -> list[Destination | NoLineItem | NotGradable]:
    """Where scores go, or for each that goes nowhere the error with a sentence for the person."""
    found = dict[Wanted, Destination | NoLineItem | NotGradable]()
    for link_id in dict.fromkeys(each.resource_link_id for each in wanted):
        here = [each for each in wanted if each.resource_link_id == link_id]
        link = read_row(connection, _LINK, {"link_id": link_id})
        if link is None:
            found |= dict.fromkeys(here, NoLineItem(OUTSIDE_A_COURSE))
        else:
            found |= _find_in_link(connection, link, here)
    return [found[each] for each in wanted]


def _find_in_link(
    connection: Connection, link: Row[Any], wanted: Sequence[Wanted]
) -> dict[Wanted, Destination | NoLineItem | NotGradable]:
    people = list({each.person_id for each in wanted})
    whose = {"people": people, "authority": f"lti:{link.registration_id}"}
    subjects = {row.person_id: row.subject for row in read_rows(connection, _SUBJECTS, whose)}
    staff = _find_staff(connection, link.context_id, people)
    places = dict[tuple[str | None, float], GradePlace]()
    found = dict[Wanted, Destination | NoLineItem | NotGradable]()
    for each in wanted:
        if each.person_id in staff:
            found[each] = PersonIsStaff()
        elif each.person_id not in subjects:
            found[each] = NotGradable(IS_UNKNOWN)
        else:
            kind = (each.quiz_id, each.maximum)
            place = places.get(kind) or places.setdefault(kind, _read_place(connection, link, each))
            found[each] = Destination(place, subjects[each.person_id])
    return found


def _read_place(connection: Connection, link: Row[Any], wanted: Wanted) -> GradePlace:
    return GradePlace(
        platform=read_platform(link),
        resource_link_id=link.id,
        lms_resource_link_id=link.lms_resource_link_id,
        title=_find_title(connection, wanted.quiz_id) or link.title,
        service=GradeService(
            line_item_url=_find_own_column(connection, link, wanted.quiz_id),
            line_items_url=link.line_items_url,
            scopes=frozenset(link.grade_scopes.split()),
        ),
        activity_id=wanted.quiz_id,
        score_maximum=wanted.maximum,
        lms_context_id=link.lms_context_id or "",
    )


def _find_own_column(connection: Connection, link: Row[Any], quiz_id: str | None) -> str | None:
    """The column that came with the link, unless it is another quiz's.

    A link has one such column, and a page of a mentor may hold several quizzes: it is the one
    of the quiz that was placed there, or else of the first that sent a score.
    """
    url: str | None = link.line_item_url
    if url is None or quiz_id is None:
        return url
    placed = read_row(connection, _PLACED, {"link_id": link.id})
    if placed is not None and placed.quiz_id is not None:
        return url if placed.quiz_id == quiz_id else None
    others = {"link_id": link.id, "url": url, "quiz_id": quiz_id}
    return url if read_row(connection, _OTHERS, others) is None else None


def _find_staff(
    connection: Connection, context_id: str | None, people: Sequence[str]
) -> frozenset[str]:
    """Those who are staff of a course, by their own launches, or else by the course's list."""
    facts = {"context_id": context_id, "people": people}
    roles = dict[str, str]()
    for query in _ROLES:
        roles |= {row.person_id: row.role for row in read_rows(connection, query, facts)}
    return frozenset(person for person, role in roles.items() if Role(role).is_staff)


def _find_title(connection: Connection, quiz_id: str | None) -> str | None:
    if quiz_id is None:
        return None
    found = read_row(connection, _TITLE, {"quiz_id": quiz_id})
    return None if found is None else str(found.title)
