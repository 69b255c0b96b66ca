"""Conversations of a person, or of an API key's caller, with a mentor, and their turns.

A turn is kept when it begins and again while it grows, so a page that is loaded anew in
mid-answer shows what there is.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    UniqueConstraint,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.errors import InputRejected, NotFound
from mentorai.core.identifiers import is_id, new_id
from mentorai.core.mentors import mentors
from mentorai.core.values import Citation, Turn

TITLE_LENGTH = 100
# A turn that has not grown for so long belongs to a process that is gone.
LOST_AFTER = timedelta(minutes=5)

conversations = Table(
    "conversations",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("mentor_id", ForeignKey("mentors.id", ondelete="CASCADE"), nullable=False),
    Column("person_id", ForeignKey("people.id", ondelete="CASCADE"), index=True),
    Column("context_id", String(36)),
    Column("key_id", String(36)),
    Column("title", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("ix_conversations_mentor_id_updated_at", "mentor_id", "updated_at"),
)

turns = Table(
    "turns",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("message", Text, nullable=False),
    Column("reply", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("citations", JSON, nullable=False),
    Column("weak_match", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint("conversation_id", "ordinal"),
)


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
    """The conversations of every mentor; each call names the one it means.

    Where a person_id is given, only that person's conversations are there.
    """

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
        """Begin a conversation; without a title its first message gives one.

        Raises NotFound if there is no such mentor; InputRejected for a title that is too long.
        """
        title = _check_title(title)
        with self._database.write() as connection:
            made = _open(
                connection, organization_id, mentor_id, person_id, context_id, key_id, title
            )
            return _get(connection, organization_id, mentor_id, made, None)

    def begin(
        self, organization_id: str, mentor_id: str, conversation_id: str, *, key_id: str
    ) -> Conversation:
        """The conversation of this id, begun if there is none yet.

        Raises NotFound, also if the id is that of another mentor's.
        """
        where = (organization_id, mentor_id)
        with suppress(NotFound):
            return self.get(*where, conversation_id)
        try:
            with self._database.write() as connection:
                _open(connection, *where, None, None, key_id, "", conversation_id)
        except IntegrityError:
            pass  # Another message began it at this moment, or it is not this mentor's.
        return self.get(*where, conversation_id)

    def latest(
        self, organization_id: str, mentor_id: str, person_id: str, context_id: str | None
    ) -> Conversation | None:
        """The person's conversation in this context that was used last, or None."""
        query = (
            _select(organization_id, mentor_id, person_id)
            .where(conversations.c.context_id == context_id)
            .order_by(conversations.c.updated_at.desc(), conversations.c.id)
            .limit(1)
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return _conversation(row) if row else None

    def get(
        self,
        organization_id: str,
        mentor_id: str,
        conversation_id: str,
        *,
        person_id: str | None = None,
    ) -> Conversation:
        """One conversation. Raises NotFound."""
        with self._database.read() as connection:
            return _get(connection, organization_id, mentor_id, conversation_id, person_id)

    def list(
        self,
        organization_id: str,
        mentor_id: str,
        *,
        person_id: str | None = None,
        context_id: str | None = None,
        page: int = 1,
        page_size: int = 50,
    ) -> Sequence[Conversation]:
        """One page of conversations, the one used last first."""
        selected = _select(organization_id, mentor_id, person_id)
        if context_id is not None:
            selected = selected.where(conversations.c.context_id == context_id)
        query = (
            selected.order_by(conversations.c.updated_at.desc(), conversations.c.id)
            .limit(page_size)
            .offset((max(page, 1) - 1) * page_size)
        )
        with self._database.read() as connection:
            return [_conversation(row) for row in connection.execute(query)]

    def count(self, organization_id: str, mentor_id: str, *, person_id: str | None = None) -> int:
        """How many conversations `list` has on all its pages."""
        query = select(func.count()).select_from(
            _select(organization_id, mentor_id, person_id).subquery()
        )
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

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
        title = _check_title(title)
        if not title:
            raise InputRejected({"title": ["A title is needed."]})
        with self._database.write() as connection:
            _get(connection, organization_id, mentor_id, conversation_id, person_id)
            connection.execute(
                update(conversations)
                .where(
                    conversations.c.mentor_id == mentor_id, conversations.c.id == conversation_id
                )
                .values(title=title)
            )
            return _get(connection, organization_id, mentor_id, conversation_id, person_id)

    def delete(
        self,
        organization_id: str,
        mentor_id: str,
        conversation_id: str,
        *,
        person_id: str | None = None,
    ) -> None:
        """Remove a conversation and its turns. Raises NotFound."""
        with self._database.write() as connection:
            _get(connection, organization_id, mentor_id, conversation_id, person_id)
            connection.execute(
                delete(conversations).where(
                    conversations.c.mentor_id == mentor_id, conversations.c.id == conversation_id
                )
            )

    def turns(
        self,
        organization_id: str,
        mentor_id: str,
        conversation_id: str,
        *,
        person_id: str | None = None,
    ) -> Sequence[Turn]:
        """Every turn, oldest first, also one that is still being written. Raises NotFound."""
        query = select(turns).where(turns.c.conversation_id == conversation_id)
        with self._database.read() as connection:
            _get(connection, organization_id, mentor_id, conversation_id, person_id)
            return [_turn(row) for row in connection.execute(query.order_by(turns.c.ordinal))]

    def begin_turn(
        self,
        organization_id: str,
        mentor_id: str,
        message: str,
        *,
        conversation_id: str | None,
        person_id: str | None = None,
        context_id: str | None = None,
        key_id: str | None = None,
    ) -> Turn:
        """Keep a message whose reply is about to be written, opening a conversation if none
        is named. Raises NotFound.
        """
        with self._database.write() as connection:
            if conversation_id is None:
                conversation_id = _open(
                    connection, organization_id, mentor_id, person_id, context_id, key_id, ""
                )
            found = _get(
                connection, organization_id, mentor_id, conversation_id, person_id, lock=True
            )
            _touch(connection, found, message)
            return _add_turn(connection, conversation_id, message)

    def grow_turn(
        self,
        turn: Turn,
        reply: str,
        citations: Sequence[Citation],
        *,
        status: Literal["writing", "done", "stopped", "failed"] = "writing",
        weak_match: bool = False,
    ) -> Turn:
        """Keep what there is of a reply; a status other than writing ends it.

        A turn that was deleted in the meantime stays deleted.
        """
        facts = {
            "reply": reply,
            "citations": [asdict(citation) for citation in citations],
            "status": status,
            "weak_match": weak_match,
        }
        with self._database.write() as connection:
            connection.execute(
                update(turns)
                .where(turns.c.conversation_id == turn.conversation_id, turns.c.id == turn.id)
                .values(**facts, updated_at=now())
            )
        return Turn(
            id=turn.id,
            conversation_id=turn.conversation_id,
            message=turn.message,
            reply=reply,
            status=status,
            citations=tuple(citations),
            weak_match=weak_match,
            created_at=turn.created_at,
        )


def _select(organization_id: str, mentor_id: str, person_id: str | None) -> Any:
    query = select(conversations).where(
        conversations.c.organization_id == organization_id,
        conversations.c.mentor_id == mentor_id,
    )
    return query if person_id is None else query.where(conversations.c.person_id == person_id)


def _get(
    connection: Connection,
    organization_id: str,
    mentor_id: str,
    conversation_id: str,
    person_id: str | None,
    *,
    lock: bool = False,
) -> Conversation:
    query = _select(organization_id, mentor_id, person_id).where(
        conversations.c.id == conversation_id
    )
    if lock:
        query = query.with_for_update()
    row = connection.execute(query).one_or_none() if is_id(conversation_id) else None
    if row is None:
        raise NotFound("There is no such conversation.")
    return _conversation(row)


def _open(
    connection: Connection,
    organization_id: str,
    mentor_id: str,
    person_id: str | None,
    context_id: str | None,
    key_id: str | None,
    title: str,
    conversation_id: str | None = None,
) -> str:
    mentor = select(mentors.c.id).where(
        mentors.c.organization_id == organization_id, mentors.c.id == mentor_id
    )
    if connection.execute(mentor).one_or_none() is None:
        raise NotFound("There is no such mentor.")
    made, moment = conversation_id or new_id(), now()
    connection.execute(
        insert(conversations).values(
            id=made,
            organization_id=organization_id,
            mentor_id=mentor_id,
            person_id=person_id,
            context_id=context_id,
            key_id=key_id,
            title=title,
            created_at=moment,
            updated_at=moment,
        )
    )
    return made


def _touch(connection: Connection, conversation: Conversation, message: str) -> None:
    facts: dict[str, Any] = {"updated_at": now()}
    if not conversation.title:
        facts["title"] = _as_title(message)
    connection.execute(
        update(conversations)
        .where(
            conversations.c.mentor_id == conversation.mentor_id,
            conversations.c.id == conversation.id,
        )
        .values(facts)
    )


def _add_turn(connection: Connection, conversation_id: str, message: str) -> Turn:
    last = select(func.max(turns.c.ordinal)).where(turns.c.conversation_id == conversation_id)
    moment = now()
    turn = Turn(new_id(), conversation_id, message, "", "writing", (), False, moment)
    connection.execute(
        insert(turns).values(
            id=turn.id,
            conversation_id=conversation_id,
            ordinal=(connection.execute(last).scalar_one() or 0) + 1,
            message=message,
            reply="",
            status=turn.status,
            citations=[],
            weak_match=False,
            created_at=moment,
            updated_at=moment,
        )
    )
    return turn


def _conversation(row: Row[Any]) -> Conversation:
    return Conversation(**row._mapping)


def _turn(row: Row[Any]) -> Turn:
    is_lost = row.status == "writing" and row.updated_at < now() - LOST_AFTER
    return Turn(
        id=row.id,
        conversation_id=row.conversation_id,
        message=row.message,
        reply=row.reply,
        status="stopped" if is_lost else row.status,
        citations=tuple(Citation(**citation) for citation in row.citations),
        weak_match=row.weak_match,
        created_at=row.created_at,
    )


def _as_title(message: str) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in message).split())
    return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1].rstrip() + "…"


def _check_title(title: str) -> str:
    title = title.strip()
    if len(title) > TITLE_LENGTH or not title.isprintable():
        raise InputRejected({"title": [f"1 to {TITLE_LENGTH} printable characters, please."]})
    return title
