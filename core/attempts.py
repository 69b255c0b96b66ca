"""Attempts: one person's way through one quiz, with the questions as they were at its start."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from mentorai.core.grades import Grade


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt. questions: as they were when it began; answers: question id -> answer."""

    id: str
    organization_id: str
    mentor_id: str
    quiz_id: str
    quiz_title: str
    person_id: str
    resource_link_id: str | None
    number: int
    status: Literal["open", "submitted"]
    staff: bool
    questions: tuple[Mapping[str, Any], ...]
    answers: Mapping[str, Any]
    given: float | None
    maximum: float
    started_at: datetime
    submitted_at: datetime | None


@dataclass(frozen=True, slots=True)
class QuestionView:
    """What a student may see of a question: everything but the answer."""

    id: str
    n: int
    kind: str
    prompt: str
    points: float
    options: tuple[str, ...]
    answer: Any


@dataclass(frozen=True, slots=True)
class MarkedQuestion:
    """What a student may see of a question after marking."""

    id: str
    n: int
    kind: str
    prompt: str
    options: tuple[str, ...]
    answer: Any
    given: float
    points: float
    status: Literal["right", "partly", "wrong", "unanswered"]
    feedback: str


@dataclass(frozen=True, slots=True)
class MarkedAttempt:
    """A submitted attempt, its marks, and the grade that counts now (best or last)."""

    attempt: Attempt
    questions: tuple[MarkedQuestion, ...]
    given: float
    maximum: float
    grade: "Grade | None"
    attempts_left: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What a person did of a quiz. left: attempts that may still be begun; None: no limit."""

    open: Attempt | None
    submitted: Sequence[Attempt]
    left: int | None
    grade: "Grade | None"


def question_views(attempt: Attempt) -> tuple[QuestionView, ...]:
    """What a student may see of an attempt, in its frozen order."""
    raise NotImplementedError
