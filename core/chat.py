"""One turn: find passages, ask the model plugin or quote, stream events, keep the turn."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mentorai.core.values import Event, Session

if TYPE_CHECKING:
    from mentorai.core.engine import Engine


class Chat:
    """Answers, one turn at a time."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine

    def answer(
        self,
        *,
        organization_id: str,
        mentor_id: str,
        message: str,
        conversation_id: str | None = None,
        session: Session | None = None,
        key_id: str | None = None,
        document_ids: Sequence[str] = (),
    ) -> Iterator[Event]:
        """Take a message and answer it, event by event."""
        raise NotImplementedError
