"""The tables of conversations and their turns, and what their rows are read as."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

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
    bindparam,
    func,
    insert,
    select,
    update,
)

from mentorai.core.clock import now
from mentorai.core.database import Instant, metadata
from mentorai.core.errors import InputRejected, NotFound
from mentorai.core.identifiers import is_id, new_id
from mentorai.core.mentors import mentors
from mentorai.core.prepared import Prepared, count_changed, execute_each, read_row
from mentorai.core.values import Citation, Turn

TITLE_LENGTH = 100
MOST_FACTS = 50
# A fact that a program states of a conversation; None takes one away.
Fact = str | int | float | bool | None
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
    # What the program that asks says of it, by name: text, numbers, true or false.
    Column("metadata", JSON, nullable=False, server_default="{}"),
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

# Made once: for a statement that runs with every message, making it costs more than running it.
_MENTOR = Prepared(
    select(mentors.c.id).where(
        mentors.c.organization_id == bindparam("organization"), mentors.c.id == bindparam("mentor")
    )
)
_OPEN = Prepared(insert(conversations), conversations.c.keys())
_NOTE_USE = Prepared(
    update(conversations)
    .where(
        conversations.c.mentor_id == bindparam("mentor"),
        conversations.c.id == bindparam("conversation"),
    )
    .values(
        title=bindparam("new_title"),
        metadata=bindparam("new_metadata"),
        updated_at=bindparam("moment"),
    )
)
_LAST = Prepared(
    select(func.max(turns.c.ordinal).label("ordinal")).where(
        turns.c.conversation_id == bindparam("conversation")
    )
)
_ADD_TURN = Prepared(insert(turns), turns.c.keys())


@dataclass(frozen=True, slots=True)
class Conversation:
    """A row of turns. person_id: whose it is; key_id: the API key, or admin, that opened it.

    metadata: what that program said of it.
    """

    id: str
    organization_id: str
    mentor_id: str
    person_id: str | None
    context_id: str | None
    key_id: str | None
    title: str
    metadata: Mapping[str, Fact]
    created_at: datetime
    updated_at: datetime


def select_conversations(organization_id: Any, mentor_id: Any, person_id: Any) -> Any:
    """The query for the conversations with a mentor; with a person_id, that person's alone."""
    query = select(conversations).where(
        conversations.c.organization_id == organization_id,
        conversations.c.mentor_id == mentor_id,
    )
    return query if person_id is None else query.where(conversations.c.person_id == person_id)


def get_conversation(
    connection: Connection,
    organization_id: str,
    mentor_id: str,
    conversation_id: str,
    person_id: str | None,
    *,
    lock: bool = False,
) -> Conversation:
    """One conversation. lock: nobody else changes it before this transaction ends.

    Raises NotFound.
    """
    facts = {
        "organization": organization_id,
        "mentor": mentor_id,
        "person": person_id,
        "conversation": conversation_id,
    }
    query = _select_one(is_persons=person_id is not None, lock=lock)
    row = read_row(connection, query, facts) if is_id(conversation_id) else None
    if row is None:
        raise NotFound("There is no such conversation.")
    return read_conversation(row)


@cache
def _select_one(*, is_persons: bool, lock: bool) -> Prepared:
    person = bindparam("person", type_=String()) if is_persons else None
    query = select_conversations(bindparam("organization"), bindparam("mentor"), person).where(
        conversations.c.id == bindparam("conversation")
    )
    return Prepared(query.with_for_update() if lock else query)


def open_conversation(
    connection: Connection,
    organization_id: str,
    mentor_id: str,
    person_id: str | None,
    context_id: str | None,
    key_id: str | None,
    title: str,
    conversation_id: str | None = None,
    metadata: Mapping[str, Fact] | None = None,
) -> str:
    """The id of a new conversation; conversation_id, if one is given. Raises NotFound for a
    mentor that is not there.
    """
    mentor = {"organization": organization_id, "mentor": mentor_id}
    if read_row(connection, _MENTOR, mentor) is None:
        raise NotFound("There is no such mentor.")
    made, moment = conversation_id or new_id(), now()
    row = {
        "id": made,
        "organization_id": organization_id,
        "mentor_id": mentor_id,
        "person_id": person_id,
        "context_id": context_id,
        "key_id": key_id,
        "title": title,
        "metadata": add_facts({}, metadata or {}),
        "created_at": moment,
        "updated_at": moment,
    }
    execute_each(connection, _OPEN, [row])
    return made


def note_use(
    connection: Connection,
    conversation: Conversation,
    message: str,
    metadata: Mapping[str, Fact],
) -> None:
    """A message came in; it names a conversation that has no title, and may state facts of it.

    conversation: as it was read with `lock`.
    """
    facts = {
        "mentor": conversation.mentor_id,
        "conversation": conversation.id,
        "new_title": conversation.title or _as_title(message),
        "new_metadata": add_facts(conversation.metadata, metadata),
        "moment": now(),
    }
    count_changed(connection, _NOTE_USE, facts)


def add_turn(connection: Connection, conversation_id: str, message: str) -> Turn:
    """Keep a message as the last turn of a conversation, with its reply still to be written."""
    last = read_row(connection, _LAST, {"conversation": conversation_id}).ordinal
    moment = now()
    turn = Turn(new_id(), conversation_id, message, "", "writing", (), False, moment)
    row: dict[str, Any] = {
        "id": turn.id,
        "conversation_id": conversation_id,
        "ordinal": (last or 0) + 1,
        "message": message,
        "reply": "",
        "status": turn.status,
        "citations": [],
        "weak_match": False,
        "created_at": moment,
        "updated_at": moment,
    }
    execute_each(connection, _ADD_TURN, [row])
    return turn


def read_conversation(row: Row[Any]) -> Conversation:
    """The conversation in its row."""
    return Conversation(**row._asdict())


def read_turn(row: Row[Any]) -> Turn:
    """The turn in its row; one that nobody writes any more has stopped."""
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


def add_facts(present: Mapping[str, Fact], stated: Mapping[str, Fact]) -> Mapping[str, Fact]:
    """What holds of a conversation after more was stated. Raises InputRejected for too much."""
    both = {**present, **stated}
    kept = {name: fact for name, fact in both.items() if fact is not None}
    if len(kept) > MOST_FACTS:
        raise InputRejected({"metadata": [f"At most {MOST_FACTS} names, please."]})
    return kept


def check_title(title: str) -> str:
    """The title without spaces around it. Raises InputRejected."""
    title = title.strip()
    if len(title) > TITLE_LENGTH or not title.isprintable():
        raise InputRejected({"title": [f"1 to {TITLE_LENGTH} printable characters, please."]})
    return title


def _as_title(message: str) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in message).split())
    return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1].rstrip() + "…"
