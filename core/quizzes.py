"""Quizzes: what an instructor writes, and what a student takes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from mentorai.core.attempts import Attempt, MarkedAttempt, Standing
from mentorai.core.database import Database
from mentorai.core.values import Role

if TYPE_CHECKING:
    from mentorai.core.engine import Engine


@dataclass(frozen=True, slots=True)
class Quiz:
    """A quiz as it is now. questions: QuizDraft's shape, each with an `id`."""

    id: str
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
        quiz: Mapping[str, Any],
        quiz_id: str | None = None,
    ) -> Quiz:
        """Make a quiz, or replace the one called quiz_id."""
        raise NotImplementedError

    def get(self, organization_id: str, mentor_id: str, quiz_id: str) -> Quiz:
        """One quiz. Raises NotFound."""
        raise NotImplementedError

    def list(
        self, organization_id: str, mentor_id: str, *, published_only: bool = False
    ) -> Sequence[Quiz]:
        """A mentor's quizzes by title."""
        raise NotImplementedError

    def delete(self, organization_id: str, mentor_id: str, quiz_id: str) -> None:
        """Remove a quiz; its attempts and grades stay. Raises NotFound."""
        raise NotImplementedError

    def standing(
        self,
        organization_id: str,
        mentor_id: str,
        quiz_id: str,
        person_id: str,
        resource_link_id: str | None = None,
    ) -> Standing:
        """What a person did of a quiz and may still do."""
        raise NotImplementedError

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
        """The person's open attempt, or a new one. Raises NotFound; Conflict when none is left."""
        raise NotImplementedError

    def get_attempt(
        self, organization_id: str, mentor_id: str, attempt_id: str, person_id: str
    ) -> Attempt:
        """One attempt of this person. Raises NotFound."""
        raise NotImplementedError

    def save_answers(
        self,
        organization_id: str,
        mentor_id: str,
        attempt_id: str,
        person_id: str,
        answers: Mapping[str, Any],
    ) -> Attempt:
        """Keep answers of an open attempt. Raises NotFound, Conflict, InputRejected."""
        raise NotImplementedError

    def submit(
        self,
        engine: "Engine",
        organization_id: str,
        mentor_id: str,
        attempt_id: str,
        person_id: str,
        answers: Mapping[str, Any],
    ) -> MarkedAttempt:
        """Mark an attempt, once. Raises NotFound, InputRejected."""
        raise NotImplementedError
