"""Quizzes as a student takes them: start, answer, see the marks and where the score went."""

from flask import Blueprint

from mentorai.core.engine import Engine


class QuizPages:
    """The quiz pages of one session."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def route(self, embed: Blueprint) -> None:
        """Put the pages on the blueprint."""
