"""Conversations of a person, or of an API key's caller, with a mentor, and their turns.

A turn is kept when it begins and again while it grows, so a page that is loaded anew in
mid-answer shows what there is.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Literal

from sqlalchemy import Integer, String, bindparam, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from mentorai.core.clock import now
from mentorai.core.conversation_rows import (
    LOST_AFTER,
    Conversation,
    Fact,
    add_turn,
    check_title,
    conversations,
    get_conversation,
    note_use,
    open_conversation,
    read_conversation,
    read_turn,
    select_conversations,
    turns,
)
from mentorai.core.database import Database, Instant
from mentorai.core.errors import InputRejected, NotFound
from mentorai.core.prepared import Prepared, count_changed, read_rows
from mentorai.core.values import Citation, Turn

# Made once: for a statement that runs with every message, making it costs more than running it.
_LATEST = Prepared(
    select_conversations(bindparam("organization"), bindparam("mentor"), bindparam("person"))
    .where(conversations.c.context_id.is_not_distinct_from(bindparam("context", type_=String())))
    .order_by(conversations.c.updated_at.desc(), conversations.c.id)
    .limit(1)
)
_EARLIER = Prepared(
    select(turns)
    .join(conversations, conversations.c.id == turns.c.conversation_id)
    .where(
        conversations.c.organization_id == bindparam("organization"),
        conversations.c.mentor_id == bindparam("mentor"),
        turns.c.conversation_id == bindparam("conversation"),
        turns.c.id != bindparam("turn"),
        or_(
            turns.c.status != "writing",
            turns.c.updated_at < bindparam("lost_before", type_=Instant()),
        ),
    )
    .order_by(turns.c.ordinal.desc())
    .limit(bindparam("most", type_=Integer))
)
_GROW = Prepared(
    update(turns)
    .where(turns.c.conversation_id == bindparam("conversation"), turns.c.id == bindparam("turn"))
    .values(
        reply=bindparam("new_reply"),
        citations=bindparam("new_citations"),
        status=bindparam("new_status"),
        weak_match=bindparam("is_weak"),
        updated_at=bindparam("moment"),
    )
)


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
        metadata: Mapping[str, Fact] | None = None,
    ) -> Conversation:
        """Begin a conversation; without a title its first message gives one.

        Raises NotFound if there is no such mentor; InputRejected for a title that is too long.
        """
        title = check_title(title)
        with self._database.write() as connection:
            made = open_conversation(
                connection,
                organization_id,
                mentor_id,
                person_id,
                context_id,
                key_id,
                title,
                metadata=metadata,
            )
            return get_conversation(connection, organization_id, mentor_id, made, None)

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
                open_conversation(connection, *where, None, None, key_id, "", conversation_id)
        except IntegrityError:
            pass  # Another message began it at this moment, or it is not this mentor's.
        return self.get(*where, conversation_id)

    def latest(
        self, organization_id: str, mentor_id: str, person_id: str, context_id: str | None
    ) -> Conversation | None:
        """The person's conversation in this context that was used last, or None."""
        facts = {
            "organization": organization_id,
            "mentor": mentor_id,
            "person": person_id,
            "context": context_id,
        }
        row = self._database.run(_LATEST, facts)
        return read_conversation(row) if row else None

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
            return get_conversation(
                connection, organization_id, mentor_id, conversation_id, person_id
            )

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
        selected = select_conversations(organization_id, mentor_id, person_id)
        if context_id is not None:
            selected = selected.where(conversations.c.context_id == context_id)
        query = (
            selected.order_by(conversations.c.updated_at.desc(), conversations.c.id)
            .limit(page_size)
            .offset((max(page, 1) - 1) * page_size)
        )
        with self._database.read() as connection:
            return [read_conversation(row) for row in connection.execute(query)]

    def count(self, organization_id: str, mentor_id: str, *, person_id: str | None = None) -> int:
        """How many conversations `list` has on all its pages."""
        query = select(func.count()).select_from(
            select_conversations(organization_id, mentor_id, person_id).subquery()
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
        title = check_title(title)
        if not title:
            raise InputRejected({"title": ["A title is needed."]})
        with self._database.write() as connection:
            get_conversation(connection, organization_id, mentor_id, conversation_id, person_id)
            connection.execute(
                update(conversations)
                .where(
                    conversations.c.mentor_id == mentor_id, conversations.c.id == conversation_id
                )
                .values(title=title)
            )
            return get_conversation(
                connection, organization_id, mentor_id, conversation_id, person_id
            )

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
            get_conversation(connection, organization_id, mentor_id, conversation_id, person_id)
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
            get_conversation(connection, organization_id, mentor_id, conversation_id, person_id)
            return [read_turn(row) for row in connection.execute(query.order_by(turns.c.ordinal))]

    def earlier(
        self, organization_id: str, mentor_id: str, turn: Turn, most: int
    ) -> Sequence[Turn]:
        """The last turns of a turn's conversation that are written, without it, oldest first."""
        facts = {
            "organization": organization_id,
            "mentor": mentor_id,
            "conversation": turn.conversation_id,
            "turn": turn.id,
            "lost_before": now() - LOST_AFTER,
            "most": most,
        }
        with self._database.read() as connection:
            rows = read_rows(connection, _EARLIER, facts)
        return [read_turn(row) for row in reversed(rows)]

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
        metadata: Mapping[str, Fact] | None = None,
    ) -> Turn:
        """Keep a message whose reply is about to be written, opening a conversation if none
        is named. metadata: facts of the conversation that hold from now on; None takes one away.

        Raises NotFound; InputRejected for too many facts.
        """
        with self._database.write() as connection:
            if conversation_id is None:
                conversation_id = open_conversation(
                    connection, organization_id, mentor_id, person_id, context_id, key_id, ""
                )
            found = get_conversation(
                connection, organization_id, mentor_id, conversation_id, person_id, lock=True
            )
            if key_id is not None and found.person_id is not None:
                # A person's own: what was said in it would come back in a reply to the key.
                raise NotFound("There is no such conversation.")
            note_use(connection, found, message, metadata or {})
            return add_turn(connection, conversation_id, message)

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
            "conversation": turn.conversation_id,
            "turn": turn.id,
            "new_reply": reply,
            "new_citations": [asdict(citation) for citation in citations],
            "new_status": status,
            "is_weak": weak_match,
            "moment": now(),
        }
        with self._database.write() as connection:
            count_changed(connection, _GROW, facts)
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
