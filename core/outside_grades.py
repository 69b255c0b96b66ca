"""Grades that another system gives: whose they are and where they belong, found by either name."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import Table, and_, bindparam, or_, select

from mentorai.core.errors import InputRejected, NotFound
from mentorai.core.grades import Grade, Release
from mentorai.core.mentors import placements
from mentorai.core.people import enrolments, identities
from mentorai.core.places import contexts, resource_links
from mentorai.core.prepared import Prepared, read_rows
from mentorai.core.roster_rows import ACTIVE, roster_members
from mentorai.core.values import Role

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

LATEST = "latest"
# Whom an LMS lists, and who never came: grades are for those who learn there.
LEARNS = (roster_members.c.role == Role.LEARNER.value, roster_members.c.status == ACTIVE)


@dataclass(frozen=True, slots=True)
class OutsideGrade:
    """A grade as another system words it.

    user, context, resource_link: our id, or the platform's. user "latest": the learner who
    came into a course of this mentor last, in the place that came last. quiz: our id. context and
    resource_link may be left out where there is but one. release: None leaves it as it is.
    """

    user: str
    given: float
    maximum: float
    quiz: str | None = None
    context: str | None = None
    resource_link: str | None = None
    comment: str = ""
    release: Release | None = None


@dataclass(frozen=True, slots=True)
class TakenGrade:
    """What became of it. is_new: whether the person had none there before."""

    grade: Grade
    is_new: bool


def take_outside_grade(
    engine: "Engine", organization_id: str, mentor_id: str, asked: OutsideGrade
) -> TakenGrade:
    """Take a grade from another system for somebody in a course where this mentor was placed.

    The same grade again changes nothing and sends nothing.
    Raises NotFound (no such quiz, person or place in this mentor), InputRejected (several
    people or places fit), ScoreOutOfRange.
    """
    if asked.quiz is not None:
        engine.quizzes.get(organization_id, mentor_id, asked.quiz)
    person_id, link_id = _find_place(engine, organization_id, mentor_id, asked)
    known = engine.grades.find(organization_id, mentor_id, person_id, asked.quiz, link_id)
    if known is not None and _is_same(known, asked):
        return TakenGrade(known, is_new=False)
    grade = engine.report_score(
        organization_id=organization_id,
        mentor_id=mentor_id,
        person_id=person_id,
        quiz_id=asked.quiz,
        resource_link_id=link_id,
        given=asked.given,
        maximum=asked.maximum,
        comment=asked.comment,
        source="api",
        release=asked.release,
    )
    return TakenGrade(grade, is_new=known is None)


def _is_same(known: Grade, asked: OutsideGrade) -> bool:
    is_value_same = (known.source, known.given, known.maximum, known.comment) == (
        "api",
        asked.given,
        asked.maximum,
        asked.comment,
    )
    return is_value_same and asked.release in (None, known.release)


def _find_place(
    engine: "Engine", organization_id: str, mentor_id: str, asked: OutsideGrade
) -> tuple[str, str]:
    """The person and the resource link that are meant."""
    shape = (asked.user == LATEST, asked.resource_link is not None, asked.context is not None)
    facts = {
        "organization": organization_id,
        "mentor": mentor_id,
        "user": asked.user,
        "link": asked.resource_link,
        "context": asked.context,
    }
    with engine.database.read() as connection:
        seats = read_rows(connection, _seats(enrolments, *shape), facts)
        if not seats and asked.user != LATEST:
            seats = read_rows(connection, _seats(roster_members, *shape), facts)
    if not seats:
        raise NotFound("There is no such person in a course of this mentor.")
    people = {seat.person_id for seat in seats}
    if asked.user == LATEST:
        people = {seats[0].person_id}
    if len(people) > 1:
        raise InputRejected({"user": ["Several people are called this; use our id of one."]})
    (person_id,) = people
    links = [(seat.link_id, seat.quiz_id) for seat in seats if seat.person_id == person_id]
    return person_id, _choose_link(links, asked)


def _choose_link(links: Sequence[tuple[str, str | None]], asked: OutsideGrade) -> str:
    """The one place of several, or that where this quiz was placed."""
    placed = [link for link in links if asked.quiz is not None and link[1] == asked.quiz]
    chosen = placed or links
    if len(chosen) > 1 and asked.user != LATEST:
        sentence = "This person is in several places of this mentor; name one."
        raise InputRejected({"resource_link_id": [sentence]})
    return chosen[0][0]


@cache
def _seats(known: Table, is_latest: bool, names_link: bool, names_context: bool) -> Prepared:
    """Each person who is meant in each place that is meant, who and what came last first.

    known: who is in which course: those who came into it, or those whom the LMS lists.
    """
    last = known.c.updated_at if known is enrolments else known.c.seen_at
    query = (
        select(
            known.c.person_id,
            resource_links.c.id.label("link_id"),
            placements.c.quiz_id,
        )
        .select_from(placements)
        .join(resource_links, resource_links.c.id == placements.c.resource_link_id)
        .join(contexts, contexts.c.id == resource_links.c.context_id)
        .join(known, known.c.context_id == contexts.c.id)
        .where(placements.c.mentor_id == bindparam("mentor"))
        .where(resource_links.c.organization_id == bindparam("organization"))
        .order_by(
            last.desc(),
            known.c.person_id,
            placements.c.created_at.desc(),
            resource_links.c.id,
        )
        .limit(100)
    )
    if names_link:
        named = (resource_links.c.id, resource_links.c.lms_resource_link_id)
        query = query.where(or_(*(column == bindparam("link") for column in named)))
    if names_context:
        named = (contexts.c.id, contexts.c.lms_context_id)
        query = query.where(or_(*(column == bindparam("context") for column in named)))
    if is_latest:
        return Prepared(query.where(known.c.role == Role.LEARNER.value))
    called = select(identities.c.id).where(
        and_(
            identities.c.organization_id == bindparam("organization"),
            identities.c.authority == "lti:" + resource_links.c.registration_id,
            identities.c.subject == bindparam("user"),
            identities.c.person_id == known.c.person_id,
        )
    )
    query = query.where(or_(known.c.person_id == bindparam("user"), called.exists()))
    return Prepared(query if known is enrolments else query.where(*LEARNS))
