"""Quizzes: what an instructor writes, and what a student takes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import fsum
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Float,
    ForeignKey,
    Integer,
    Row,
    String,
    Table,
    Text,
    and_,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from mentorai.core import attempts as attempts_of
from mentorai.core.attempts import Attempt, MarkedAttempt, Standing, marked_questions
from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.errors import Conflict, NotFound
from mentorai.core.grades import Grade, Grades
from mentorai.core.identifiers import new_id
from mentorai.core.mentors import mentors
from mentorai.core.prepared import Prepared
from mentorai.core.questions import QuizDraft, freeze, read_draft
from mentorai.core.values import Role

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

quizzes = Table(
    "quizzes",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("mentor_id", ForeignKey("mentors.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("attempts_allowed", Integer, nullable=False),
    Column("keep", String(8), nullable=False),
    Column("published", Boolean, nullable=False),
    Column("questions", JSON, nullable=False),
    Column("maximum", Float, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

# Made once: for a statement that runs with every page, making it costs more than running it.
_OF_MENTOR = and_(
    quizzes.c.organization_id == bindparam("organization"),
    quizzes.c.mentor_id == bindparam("mentor"),
)
_GET = Prepared(select(quizzes).where(_OF_MENTOR, quizzes.c.id == bindparam("quiz")))
_PUBLISHED = Prepared(
    select(quizzes.c.id).where(_OF_MENTOR, quizzes.c.published.is_(True)).limit(1)
)


@dataclass(frozen=True, slots=True)
class Quiz:
    """A quiz as it is now, right answers and all: for those who teach.

    attempts_allowed: 0 sets no limit. questions: as in QuizDraft, each with an `id`.
    maximum: the sum of the questions' points.
    """

    id: str
    organization_id: str
    mentor_id: str
    title: str
    description: str
    attempts_allowed: int
    keep: Literal["best", "last"]
    published: bool
    questions: tuple[Mapping[str, Any], ...]
    maximum: float
    created_at: datetime
    updated_at: datetime


class Quizzes:
    """The quizzes of every mentor; each call names the one it means."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(
        self,
        organization_id: str,
        mentor_id: str,
        quiz: QuizDraft | Mapping[str, Any],
        quiz_id: str | None = None,
        *,
        may_make: bool = False,
    ) -> Quiz:
        """Make a quiz, or replace the one called quiz_id; attempts that are open stay as they are.

        may_make: quiz_id may be of none yet: course material that is moved here keeps its links.
        Raises InputRejected; NotFound for a mentor or a quiz of others; Conflict if quiz_id is
        taken elsewhere.
        """
        draft = quiz if isinstance(quiz, QuizDraft) else read_draft(quiz)
        moment = now()
        facts = {
            "title": draft.title,
            "description": draft.description,
            "attempts_allowed": draft.attempts_allowed,
            "keep": draft.keep,
            "published": draft.published,
            "questions": freeze(draft.questions),
            "maximum": round(fsum(question.points for question in draft.questions), 5),
            "updated_at": moment,
        }
        with self._database.write() as connection:
            name = quiz_id or new_id()
            mine = _one(organization_id, mentor_id, name)
            replaced = connection.execute(update(quizzes).where(mine).values(**facts)).rowcount
            if not replaced and quiz_id is not None and not may_make:
                raise NotFound("There is no such quiz.")
            if not replaced:
                facts |= {"id": name, "created_at": moment}
                _insert(connection, organization_id, mentor_id, facts)
        return self.get(organization_id, mentor_id, name)

    def get(self, organization_id: str, mentor_id: str, quiz_id: str) -> Quiz:
        """One quiz. Raises NotFound."""
        facts = {"organization": organization_id, "mentor": mentor_id, "quiz": quiz_id}
        row = self._database.run(_GET, facts)
        if row is None:
            raise NotFound("There is no such quiz.")
        return _quiz(row)

    def list(
        self,
        organization_id: str,
        mentor_id: str | None = None,
        *,
        published_only: bool = False,
    ) -> Sequence[Quiz]:
        """A mentor's quizzes by title; without a mentor those of all mentors."""
        query = select(quizzes).where(quizzes.c.organization_id == organization_id)
        if mentor_id is not None:
            query = query.where(quizzes.c.mentor_id == mentor_id)
        if published_only:
            query = query.where(quizzes.c.published.is_(True))
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(quizzes.c.title, quizzes.c.id)).all()
        return [_quiz(row) for row in rows]

    def has_published(self, organization_id: str, mentor_id: str) -> bool:
        """Whether a mentor has a quiz that students see."""
        facts = {"organization": organization_id, "mentor": mentor_id}
        return self._database.run(_PUBLISHED, facts) is not None

    def delete(self, organization_id: str, mentor_id: str, quiz_id: str) -> None:
        """Remove a quiz; its attempts and grades stay, and an open attempt can be submitted.

        Raises NotFound.
        """
        with self._database.write() as connection:
            mine = _one(organization_id, mentor_id, quiz_id)
            if connection.execute(delete(quizzes).where(mine)).rowcount == 0:
                raise NotFound("There is no such quiz.")

    def standing(
        self,
        organization_id: str,
        mentor_id: str,
        quiz_id: str,
        person_id: str,
        resource_link_id: str | None = None,
        *,
        role: Role = Role.LEARNER,
    ) -> Standing:
        """What a person did of a quiz in a place and may still do there. Raises NotFound."""
        quiz = self._get_for(role, organization_id, mentor_id, quiz_id)
        return self._standing(quiz, person_id, resource_link_id, role.is_staff)

    def start_attempt(
        self,
        organization_id: str,
        mentor_id: str,
        quiz_id: str,
        person_id: str,
        resource_link_id: str | None = None,
        *,
        role: Role = Role.LEARNER,
    ) -> Attempt:
        """The person's open attempt, or a new one with its questions frozen.

        role: those who teach may try an unpublished quiz, as often as they like, and their
        scores go nowhere.
        Raises NotFound; Conflict when no attempt is left or there is no question yet.
        """
        quiz = self._get_for(role, organization_id, mentor_id, quiz_id)
        if not quiz.questions:
            raise Conflict("This quiz has no questions yet.")
        return attempts_of.start(self._database, quiz, person_id, resource_link_id, role.is_staff)

    def get_attempt(
        self, organization_id: str, mentor_id: str, attempt_id: str, person_id: str
    ) -> Attempt:
        """One attempt of this person. Raises NotFound."""
        mine = {
            "organization_id": organization_id,
            "mentor_id": mentor_id,
            "id": attempt_id,
            "person_id": person_id,
        }
        return attempts_of.get(self._database, mine)

    def list_attempts(
        self,
        organization_id: str,
        mentor_id: str,
        quiz_id: str,
        *,
        person_id: str | None = None,
        page: int = 1,
        page_size: int = 50,
    ) -> Sequence[Attempt]:
        """A page of the attempts at a quiz, which may be deleted by now, in order of their numbers.

        Those of one number come in the order of their start.
        """
        mine = {"organization_id": organization_id, "mentor_id": mentor_id, "quiz_id": quiz_id}
        person = {} if person_id is None else {"person_id": person_id}
        return attempts_of.list_page(self._database, mine | person, page, page_size)

    def count_attempts(self, organization_id: str, mentor_id: str, quiz_id: str) -> int:
        """How many `list_attempts` has on all its pages."""
        mine = {"organization_id": organization_id, "mentor_id": mentor_id, "quiz_id": quiz_id}
        return attempts_of.count(self._database, mine)

    def list_work(
        self,
        organization_id: str,
        mentor_id: str,
        resource_link_id: str,
        person_id: str,
        *,
        quiz_id: str | None = None,
    ) -> Sequence[Attempt]:
        """What a person did in one place, at one quiz or at every one, oldest first."""
        mine = {
            "organization_id": organization_id,
            "mentor_id": mentor_id,
            "place": resource_link_id,
            "person_id": person_id,
        }
        quiz = {"quiz_id": quiz_id} if quiz_id else {}
        made = attempts_of.find(self._database, mine | quiz)
        return sorted(made, key=lambda attempt: attempt.started_at)

    def save_answers(
        self,
        organization_id: str,
        mentor_id: str,
        attempt_id: str,
        person_id: str,
        answers: Mapping[str, Any],
    ) -> Attempt:
        """Keep answers of an open attempt: question id -> place (choice), list of places
        (choices), bool (true_false), text (number, text); None or "" takes one back.

        Raises NotFound, InputRejected; Conflict when it was submitted already.
        """
        attempt = self.get_attempt(organization_id, mentor_id, attempt_id, person_id)
        return attempts_of.save(self._database, attempt, answers)

    def submit(
        self,
        engine: "Engine",
        organization_id: str,
        mentor_id: str,
        attempt_id: str,
        person_id: str,
        answers: Mapping[str, Any] | None = None,
    ) -> MarkedAttempt:
        """Mark an attempt, once: a second call gives what the first gave.

        answers: as in save_answers; what was saved before counts unless named here.
        The grade and its way to the gradebook begin in the same transaction.
        Raises NotFound; InputRejected, and then nothing is kept.
        """
        attempt = self.get_attempt(organization_id, mentor_id, attempt_id, person_id)
        return self._result(attempts_of.submit(engine, attempt, answers or {}))

    def get_result(
        self, organization_id: str, mentor_id: str, attempt_id: str, person_id: str
    ) -> MarkedAttempt:
        """A submitted attempt with its marks. Raises NotFound; Conflict while it is open."""
        attempt = self.get_attempt(organization_id, mentor_id, attempt_id, person_id)
        if attempt.status == "open":
            raise Conflict("This attempt was not submitted yet.")
        return self._result(attempt)

    def _get_for(self, role: Role, organization_id: str, mentor_id: str, quiz_id: str) -> Quiz:
        quiz = self.get(organization_id, mentor_id, quiz_id)
        if not quiz.published and not role.is_staff:
            raise NotFound("There is no such quiz.")
        return quiz

    def _result(self, attempt: Attempt) -> MarkedAttempt:
        left: int | None = 0
        try:
            quiz = self.get(attempt.organization_id, attempt.mentor_id, attempt.quiz_id)
            link = attempt.resource_link_id
            left = self._standing(quiz, attempt.person_id, link, attempt.staff).left
        except NotFound:
            pass  # The quiz was deleted meanwhile.
        return MarkedAttempt(
            attempt=attempt,
            questions=marked_questions(attempt),
            given=attempt.given or 0.0,
            maximum=attempt.maximum,
            grade=self._find_grade(attempt),
            attempts_left=left,
        )

    def _find_grade(self, attempt: Attempt) -> Grade | None:
        return Grades(self._database).find(
            attempt.organization_id,
            attempt.mentor_id,
            attempt.person_id,
            attempt.quiz_id,
            attempt.resource_link_id,
        )

    def _standing(
        self, quiz: Quiz, person_id: str, resource_link_id: str | None, staff: bool
    ) -> Standing:
        place = {
            "organization_id": quiz.organization_id,
            "quiz_id": quiz.id,
            "person_id": person_id,
            "place": resource_link_id or "",
        }
        made = attempts_of.find(self._database, place)
        is_limited = quiz.attempts_allowed and not staff
        return Standing(
            open=next((one for one in made if one.status == "open"), None),
            submitted=[one for one in made if one.status == "submitted"],
            left=max(0, quiz.attempts_allowed - len(made)) if is_limited else None,
            grade=Grades(self._database).find(
                quiz.organization_id, quiz.mentor_id, person_id, quiz.id, resource_link_id
            ),
        )


def _insert(
    connection: Connection, organization_id: str, mentor_id: str, facts: dict[str, Any]
) -> None:
    known = select(mentors.c.id).where(
        mentors.c.organization_id == organization_id, mentors.c.id == mentor_id
    )
    if connection.execute(known).first() is None:
        raise NotFound("There is no such mentor.")
    if connection.execute(select(quizzes.c.id).where(quizzes.c.id == facts["id"])).first():
        raise Conflict("Another mentor has a quiz with this id.")
    owner = {"organization_id": organization_id, "mentor_id": mentor_id}
    connection.execute(insert(quizzes).values(**owner, **facts))


def _one(organization_id: str, mentor_id: str, quiz_id: str) -> Any:
    return and_(
        quizzes.c.organization_id == organization_id,
        quizzes.c.mentor_id == mentor_id,
        quizzes.c.id == quiz_id,
    )


def _quiz(row: Row[Any]) -> Quiz:
    return Quiz(
        id=row.id,
        organization_id=row.organization_id,
        mentor_id=row.mentor_id,
        title=row.title,
        description=row.description,
        attempts_allowed=row.attempts_allowed,
        keep=row.keep,
        published=row.published,
        questions=tuple(row.questions),
        maximum=row.maximum,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
