"""/quizzes: what an instructor writes, and how it was taken."""

from datetime import datetime
from typing import Any

from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from mentorai.core.attempts import Attempt
from mentorai.core.errors import NotFound
from mentorai.core.questions import QuizDraft
from mentorai.core.quizzes import Quiz
from mentorai.web.api.replies import cut_page, no_content, reply, reply_page
from mentorai.web.api.resource import Resource
from mentorai.web.api.shapes import LATEST, ExactId, Id, Page, PageQuery, Shape
from mentorai.web.auth import bound_mentor, get_engine

api = Resource("quizzes", "Quizzes and how they were taken.")

EXAMPLE: dict[str, Any] = {
    "title": "The shore at low tide",
    "description": "Three questions.",
    "attempts_allowed": 2,
    "keep": "best",
    "published": True,
    "questions": [
        {
            "kind": "choice",
            "prompt": "What moves the tides most?",
            "options": ["The moon", "The wind", "The rivers"],
            "answer": 0,
            "feedback": "The moon is small beside the sun, but near.",
        },
        {"kind": "true_false", "prompt": "A limpet is a plant.", "answer": False},
        {
            "kind": "text",
            "prompt": "What is the tide called that falls lowest?",
            "answer": ["spring*"],
        },
    ],
}


class QuizBody(QuizDraft):
    """A quiz as an instructor writes it."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})


class QuizFacts(BaseModel):
    """A quiz with its answers."""

    id: str
    title: str
    description: str
    attempts_allowed: int = Field(description="0: no limit.")
    keep: str = Field(description="Which attempt counts: best or last.")
    published: bool
    questions: list[dict[str, Any]] = Field(description="As they were sent, each with an `id`.")
    maximum: float = Field(description="Points that can be had in all.")
    created_at: datetime
    updated_at: datetime


class QuizPath(Shape):
    """Which quiz."""

    quiz_id: Id


class DeletedQuiz(Shape):
    """What to delete."""

    quiz_id: ExactId


class QuizPage(Page):
    """Quizzes, by title."""

    results: list[QuizFacts]


class AttemptFacts(BaseModel):
    """One person's attempt at a quiz."""

    id: str
    quiz: str
    user: str = Field(description="The id of the person.")
    resource_link_id: str | None
    number: int = Field(description="The person's first is 1.")
    status: str = Field(description="open or submitted")
    staff: bool = Field(description="Whether it was only tried by staff.")
    score_given: float | None = Field(description="None while it is open.")
    score_maximum: float
    started_at: datetime
    submitted_at: datetime | None


class AttemptPage(Page):
    """Attempts, in the order of their numbers."""

    results: list[AttemptFacts]


@api.operation("get", "/quizzes", scope="quizzes:read", summary="See the quizzes", returns=QuizPage)
def list_quizzes(query: PageQuery) -> Response:
    """Every quiz of the mentor with its answers, by title."""
    everything = get_engine().quizzes.list(*bound_mentor())
    page = [_describe(quiz) for quiz in cut_page(everything, query.page, query.page_size)]
    return reply_page(QuizPage, page, len(everything), query.page, query.page_size)


@api.operation(
    "post",
    "/quizzes",
    scope="quizzes:write",
    summary="Make a quiz",
    returns=QuizFacts,
    status=201,
)
def add_quiz(body: QuizBody) -> Response:
    """Makes a quiz; students see it once it is published."""
    made = get_engine().quizzes.put(*bound_mentor(), body.model_dump(mode="json"))
    return reply(_describe(made), 201)


@api.operation(
    "get",
    "/quizzes/<quiz_id>",
    scope="quizzes:read",
    summary="See a quiz",
    returns=QuizFacts,
)
def get_quiz(path: QuizPath) -> Response:
    """One quiz with its answers."""
    return reply(_describe(_get(path.quiz_id)))


@api.operation(
    "put",
    "/quizzes/<quiz_id>",
    scope="quizzes:write",
    summary="Replace a quiz",
    returns=QuizFacts,
)
def put_quiz(path: QuizPath, body: QuizBody) -> Response:
    """Replaces a quiz. Attempts that began before keep the questions they began with."""
    found, draft = _get(path.quiz_id), body.model_dump(mode="json")
    return reply(_describe(get_engine().quizzes.put(*bound_mentor(), draft, found.id)))


@api.operation(
    "delete",
    "/quizzes/<quiz_id>",
    scope="quizzes:write",
    summary="Delete a quiz",
    returns=None,
    status=204,
)
def delete_quiz(path: DeletedQuiz) -> Response:
    """Removes a quiz; attempts and grades stay."""
    get_engine().quizzes.delete(*bound_mentor(), path.quiz_id)
    return no_content()


@api.operation(
    "get",
    "/quizzes/<quiz_id>/attempts",
    scope="quizzes:read",
    summary="See the attempts at a quiz",
    returns=AttemptPage,
)
def list_attempts(path: QuizPath, query: PageQuery) -> Response:
    """Who took a quiz, when, and with what result."""
    quizzes, quiz = get_engine().quizzes, (*bound_mentor(), _get(path.quiz_id).id)
    attempts = quizzes.list_attempts(*quiz, page=query.page, page_size=query.page_size)
    page = [_describe_attempt(one) for one in attempts]
    return reply_page(AttemptPage, page, quizzes.count_attempts(*quiz), query.page, query.page_size)


def _get(quiz_id: str) -> Quiz:
    quizzes, where = get_engine().quizzes, bound_mentor()
    if quiz_id != LATEST:
        return quizzes.get(*where, quiz_id)
    everything = quizzes.list(*where)
    if not everything:
        raise NotFound
    return max(everything, key=lambda quiz: (quiz.created_at, quiz.id))


def _describe(quiz: Quiz) -> QuizFacts:
    return QuizFacts(
        id=quiz.id,
        title=quiz.title,
        description=quiz.description,
        attempts_allowed=quiz.attempts_allowed,
        keep=quiz.keep,
        published=quiz.published,
        questions=[dict(question) for question in quiz.questions],
        maximum=quiz.maximum,
        created_at=quiz.created_at,
        updated_at=quiz.updated_at,
    )


def _describe_attempt(attempt: Attempt) -> AttemptFacts:
    return AttemptFacts(
        id=attempt.id,
        quiz=attempt.quiz_id,
        user=attempt.person_id,
        resource_link_id=attempt.resource_link_id,
        number=attempt.number,
        status=attempt.status,
        staff=attempt.staff,
        score_given=attempt.given,
        score_maximum=attempt.maximum,
        started_at=attempt.started_at,
        submitted_at=attempt.submitted_at,
    )
