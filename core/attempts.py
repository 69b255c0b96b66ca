"""Attempts: one person's way through one quiz, with the questions as they were at its start."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Float,
    ForeignKey,
    Integer,
    Row,
    String,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.errors import Conflict, NotFound
from mentorai.core.grades import Grade
from mentorai.core.identifiers import new_id
from mentorai.core.marking import Answer, Mark, Status, add_up, mark, read_answers
from mentorai.core.prepared import Prepared, read_rows
from mentorai.core.questions import freeze, thaw

if TYPE_CHECKING:
    from mentorai.core.engine import Engine
    from mentorai.core.quizzes import Quiz

# quiz_id is no foreign key: an attempt outlives its quiz. `place` is the resource link or "",
# because NULLs are never equal in a constraint. `saves` counts the times answers were kept.
attempts = Table(
    "attempts",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("mentor_id", ForeignKey("mentors.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("quiz_id", String(36), nullable=False),
    Column("quiz_title", Text, nullable=False),
    Column("keep", String(8), nullable=False),
    Column("person_id", ForeignKey("people.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("resource_link_id", ForeignKey("resource_links.id")),
    Column("place", String(36), nullable=False),
    Column("number", Integer, nullable=False),
    Column("staff", Boolean, nullable=False),
    Column("status", String(16), nullable=False),
    Column("questions", JSON, nullable=False),
    Column("answers", JSON, nullable=False),
    Column("saves", Integer, nullable=False),
    Column("marks", JSON, nullable=False),
    Column("given", Float),
    Column("maximum", Float, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("submitted_at", Instant),
    UniqueConstraint("quiz_id", "person_id", "place", "number"),
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt. questions: as they were when it began; answers: question id -> answer.

    number: from 1 up, per person, quiz and resource link. staff: taken by someone who teaches,
    so it counts for nothing. given: points, None while it is open.
    """

    id: str
    organization_id: str
    mentor_id: str
    quiz_id: str
    quiz_title: str
    keep: Literal["best", "last"]
    person_id: str
    resource_link_id: str | None
    number: int
    status: Literal["open", "submitted"]
    staff: bool
    questions: tuple[Mapping[str, Any], ...]
    answers: Mapping[str, Answer]
    marks: tuple[Mark, ...]
    given: float | None
    maximum: float
    started_at: datetime
    submitted_at: datetime | None
    saves: int


@dataclass(frozen=True, slots=True)
class QuestionView:
    """What a student may see of a question: everything but the answer and the feedback."""

    id: str
    n: int
    kind: str
    prompt: str
    points: float
    options: tuple[str, ...]
    answer: Answer


@dataclass(frozen=True, slots=True)
class MarkedQuestion:
    """What a student may see of a question after marking; the right answer is not in it."""

    id: str
    n: int
    kind: str
    prompt: str
    options: tuple[str, ...]
    answer: Answer
    given: float
    points: float
    status: Status
    feedback: str


@dataclass(frozen=True, slots=True)
class MarkedAttempt:
    """A submitted attempt, its marks, and the grade that counts now (by best or last).

    grade: may come from another attempt. attempts_left: None sets no limit.
    """

    attempt: Attempt
    questions: tuple[MarkedQuestion, ...]
    given: float
    maximum: float
    grade: Grade | None
    attempts_left: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What a person did of a quiz. left: attempts that may still be begun; None: no limit."""

    open: Attempt | None
    submitted: Sequence[Attempt]
    left: int | None
    grade: Grade | None


def question_views(attempt: Attempt) -> tuple[QuestionView, ...]:
    """What a student may see of an attempt, in its frozen order."""
    return tuple(
        QuestionView(
            id=question["id"],
            n=n,
            kind=question["kind"],
            prompt=question["prompt"],
            points=question["points"],
            options=tuple(question.get("options", ())),
            answer=attempt.answers.get(question["id"]),
        )
        for n, question in enumerate(attempt.questions, start=1)
    )


def marked_questions(attempt: Attempt) -> tuple[MarkedQuestion, ...]:
    """What a student may see of a submitted attempt, in its frozen order."""
    return tuple(
        MarkedQuestion(
            id=question["id"],
            n=n,
            kind=question["kind"],
            prompt=question["prompt"],
            options=tuple(question.get("options", ())),
            answer=attempt.answers.get(question["id"]),
            given=one.given,
            points=one.points,
            status=one.status,
            feedback=question["feedback"],
        )
        for n, (question, one) in enumerate(
            zip(attempt.questions, attempt.marks, strict=True), start=1
        )
    )


def start(
    database: Database, quiz: "Quiz", person_id: str, resource_link_id: str | None, staff: bool
) -> Attempt:
    """The person's open attempt, or a new one with the quiz's questions as they are now.

    Raises Conflict when no attempt is left; those who teach have no limit.
    """
    try:
        with database.write() as connection:
            return _start(connection, quiz, person_id, resource_link_id, staff)
    except IntegrityError:
        # On PostgreSQL two starts at once may both see no open attempt; the first one made it.
        with database.write() as connection:
            return _start(connection, quiz, person_id, resource_link_id, staff)


def find(database: Database, conditions: Mapping[str, Any]) -> list[Attempt]:
    """The attempts whose columns equal `conditions`, oldest first."""
    with database.read() as connection:
        return _find(connection, conditions)


def list_page(
    database: Database, conditions: Mapping[str, Any], page: int, page_size: int
) -> list[Attempt]:
    """A page of the attempts whose columns equal `conditions`, by number and start."""
    order = (attempts.c.number, attempts.c.started_at, attempts.c.id)
    query = select(attempts).where(*_are(conditions)).order_by(*order)
    query = query.limit(page_size).offset((page - 1) * page_size)
    with database.read() as connection:
        return [_attempt(row) for row in connection.execute(query)]


def count(database: Database, conditions: Mapping[str, Any]) -> int:
    """How many attempts have columns that equal `conditions`."""
    query = select(func.count()).select_from(attempts).where(*_are(conditions))
    with database.read() as connection:
        return int(connection.execute(query).scalar_one())


def get(database: Database, conditions: Mapping[str, Any]) -> Attempt:
    """The one attempt whose columns equal `conditions`. Raises NotFound."""
    found = find(database, conditions)
    if len(found) != 1:
        raise NotFound("There is no such attempt.")
    return found[0]


def save(database: Database, attempt: Attempt, given: Mapping[str, Any]) -> Attempt:
    """Keep answers of an open attempt; those not named stay, an empty one is taken back.

    Raises InputRejected, and then nothing is kept; Conflict when it was submitted already.
    """
    named = set(given)
    answers = read_answers(thaw(attempt.questions), given)
    with database.write() as connection:
        (kept,) = _find(connection, _itself(attempt), locked=True)
        if kept.status != "open":
            raise Conflict("This attempt was submitted already.")
        merged = {k: v for k, v in kept.answers.items() if k not in named} | answers
        connection.execute(
            update(attempts)
            .where(*_are(_itself(attempt)))
            .values(answers=merged, saves=attempts.c.saves + 1)
        )
    return get(database, _itself(attempt))


def submit(engine: "Engine", attempt: Attempt, given: Mapping[str, Any]) -> Attempt:
    """Mark an open attempt; take its grade and its score's row in the same transaction.

    The first submit counts: another one, later or at the same moment, changes nothing.
    Raises InputRejected, and then nothing is kept and the attempt stays open.
    """
    while attempt.status == "open":
        questions = thaw(attempt.questions)
        named = set(given)
        saved = {k: v for k, v in attempt.answers.items() if k not in named}
        answers = saved | read_answers(questions, given)
        marks = [mark(question, answers.get(question.id)) for question in questions]
        with engine.database.write() as connection:
            row_id = _close(engine, connection, attempt, answers, marks)
        attempt = get(engine.database, _itself(attempt))
        if row_id:
            engine.outbox.wake(row_id)
    return attempt


def _close(
    engine: "Engine",
    connection: Connection,
    attempt: Attempt,
    answers: Mapping[str, Answer],
    marks: Sequence[Mark],
) -> str | None:
    """Close the attempt if it is still as it was read; the outbox's row, if a score is to go."""
    given, maximum = add_up(marks)
    closed = connection.execute(
        update(attempts)
        .where(
            *_are(_itself(attempt)),
            attempts.c.status == "open",
            attempts.c.saves == attempt.saves,
        )
        .values(
            status="submitted",
            answers=dict(answers),
            marks=[[one.given, one.points, one.status] for one in marks],
            given=given,
            maximum=maximum,
            submitted_at=now(),
        )
    )
    if closed.rowcount == 0 or not _counts(connection, attempt, given / maximum):
        return None
    grade = engine.grades.put(
        connection,
        organization_id=attempt.organization_id,
        mentor_id=attempt.mentor_id,
        person_id=attempt.person_id,
        quiz_id=attempt.quiz_id,
        attempt_id=attempt.id,
        resource_link_id=attempt.resource_link_id,
        given=given,
        maximum=maximum,
    )
    return engine.outbox.put(connection, grade)


def _counts(connection: Connection, attempt: Attempt, share: float) -> bool:
    """Whether an attempt's share of the points is now the one that counts."""
    if attempt.keep == "last":
        return True
    others = _find(connection, _same_place(attempt) | {"status": "submitted"})
    return all(
        share > (other.given or 0) / other.maximum for other in others if other.id != attempt.id
    )


def _itself(attempt: Attempt) -> dict[str, Any]:
    return {"id": attempt.id, "organization_id": attempt.organization_id}


def _same_place(attempt: Attempt) -> dict[str, Any]:
    return {
        "organization_id": attempt.organization_id,
        "quiz_id": attempt.quiz_id,
        "person_id": attempt.person_id,
        "place": attempt.resource_link_id or "",
    }


def _start(
    connection: Connection, quiz: "Quiz", person_id: str, resource_link_id: str | None, staff: bool
) -> Attempt:
    place = {
        "organization_id": quiz.organization_id,
        "quiz_id": quiz.id,
        "person_id": person_id,
        "place": resource_link_id or "",
    }
    before = _find(connection, place)
    last = before[-1] if before else None
    if last and last.status == "open":
        if last.staff != staff:
            itself = _are(_itself(last))
            connection.execute(update(attempts).where(*itself).values(staff=staff))
        return _find(connection, _itself(last))[0]
    if quiz.attempts_allowed and len(before) >= quiz.attempts_allowed and not staff:
        raise Conflict("No attempt is left.")
    made: dict[str, Any] = {
        "id": new_id(),
        "mentor_id": quiz.mentor_id,
        "quiz_title": quiz.title,
        "keep": quiz.keep,
        "resource_link_id": resource_link_id,
        "number": len(before) + 1,
        "staff": staff,
        "status": "open",
        "questions": freeze(thaw(quiz.questions)),
        "answers": {},
        "saves": 0,
        "marks": [],
        "maximum": quiz.maximum,
        "started_at": now(),
    }
    connection.execute(insert(attempts).values(**made, **place))
    return _find(connection, place | {"id": made["id"]})[0]


def _find(
    connection: Connection, conditions: Mapping[str, Any], *, locked: bool = False
) -> list[Attempt]:
    query = _select(tuple(conditions), locked=locked)
    return [_attempt(row) for row in read_rows(connection, query, conditions)]


@cache
def _select(names: tuple[str, ...], *, locked: bool) -> Prepared:
    # Made once for each few columns: a class that takes a quiz asks for little else.
    query = select(attempts).order_by(attempts.c.number)
    for name in names:
        query = query.where(attempts.c[name] == bindparam(name))
    return Prepared(query.with_for_update() if locked else query)


def _are(conditions: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    return [attempts.c[name] == value for name, value in conditions.items()]


def _attempt(row: Row[Any]) -> Attempt:
    return Attempt(
        id=row.id,
        organization_id=row.organization_id,
        mentor_id=row.mentor_id,
        quiz_id=row.quiz_id,
        quiz_title=row.quiz_title,
        keep=row.keep,
        person_id=row.person_id,
        resource_link_id=row.resource_link_id,
        number=row.number,
        status=row.status,
        staff=row.staff,
        questions=tuple(row.questions),
        answers=row.answers,
        marks=tuple(Mark(*one) for one in row.marks),
        given=row.given,
        maximum=row.maximum,
        started_at=row.started_at,
        submitted_at=row.submitted_at,
        saves=row.saves,
    )
