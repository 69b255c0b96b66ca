"""Conversations of a person, or of an API key's caller, with a mentor, and their turns."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mentorai.core.database import Database
from mentorai.core.values import Turn


@dataclass(frozen=True, slots=True)
class Conversation:
    """A row of turns. person_id: whose it is; key_id: the API key that opened it."""

    id: str
    organization_id: str
    mentor_id: str
    person_id: str | None
    context_id: str | None
    key_id: str | None
    title: str
    created_at: datetime
    updated_at: datetime


class Conversations:
    """The conversations of every mentor; each call names the one it means."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(
        self,
        organization_id: str,
        mentor_id: str,
        *,
        person_id: str | None = None,
        context_id: str | None = None,
        key_id: str | None = None,
        title: str = "",
    ) -> Conversation:
        """Begin a conversation."""
        raise NotImplementedError

    def latest(
        self, organization_id: str, mentor_id: str, person_id: str, context_id: str | None
    ) -> Conversation | None:
        """The person's conversation in this context that was used last, or None."""
        raise NotImplementedError

    def get(
        self,
        organization_id: str,
        mentor_id: str,
        conversation_id: str,
        *,
        person_id: str | None = None,
    ) -> Conversation:
        """One conversation; with person_id, only if it is theirs. Raises NotFound."""
        raise NotImplementedError

    def list(
        self,
        organization_id: str,
        mentor_id: str,
        *,
        person_id: str | None = None,
        page: int = 1,
        page_size: int = 50,
    ) -> Sequence[Conversation]:
        """One page of conversations, the one used last first."""
        raise NotImplementedError

    def count(self, organization_id: str, mentor_id: str, *, person_id: str | None = None) -> int:
        """How many conversations `list` has on all its pages."""
        raise NotImplementedError

    def rename(
        self,
        organization_id: str,
        mentor_id: str,
        conversation_id: str,
        title: str,
        *,
        person_id: str | None = None,
    ) -> Conversation:
        """Give a conversation another title. Raises NotFound, InputRejected."""
        raise NotImplementedError

    def delete(
        self,
        organization_id: str,
        mentor_id: str,
        conversation_id: str,
        *,
        person_id: str | None = None,
    ) -> None:
        """Remove a conversation and its turns. Raises NotFound."""
        raise NotImplementedError

    def turns(
        self,
        organization_id: str,
        mentor_id: str,
        conversation_id: str,
        *,
        person_id: str | None = None,
    ) -> Sequence[Turn]:
        """Every turn, oldest first, also one that is still being written. Raises NotFound."""
        raise NotImplementedError
