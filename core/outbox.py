"""Scores on their way to a platform: due, leased, sent, or given up."""

from typing import TYPE_CHECKING

from sqlalchemy import Connection

if TYPE_CHECKING:
    from mentorai.core.engine import Engine
    from mentorai.core.grades import Grade


class Outbox:
    """The scores of one installation that are on their way."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine

    def put(self, connection: Connection, grade: "Grade", *, staff: bool = False) -> str:
        """Queue a grade in the transaction that took it. The row's id."""
        raise NotImplementedError

    def wake(self, row_id: str | None = None) -> None:
        """Hand a row, or all that are due, to the worker. Call it after the commit."""
        raise NotImplementedError

    def due(self, limit: int = 100) -> list[str]:
        """The rows that may be sent now."""
        raise NotImplementedError

    def deliver(self, row_id: str) -> None:
        """Send one row if it is due and nobody else is at it."""
        raise NotImplementedError

    def resend(self, grade: "Grade") -> None:
        """Send a grade's present value once more."""
        raise NotImplementedError

    def waiting(self) -> int:
        """How many scores are on their way."""
        raise NotImplementedError
