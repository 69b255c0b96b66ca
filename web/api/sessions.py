"""/sessions: conversations with the mentor. A session here is a conversation of the core."""

from datetime import datetime

from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from mentorai.core.conversation_rows import Conversation
from mentorai.core.errors import NotFound
from mentorai.core.values import Turn
from mentorai.web.api.replies import cut_page, no_content, reply, reply_page
from mentorai.web.api.resource import Resource
from mentorai.web.api.shapes import (
    LATEST,
    ExactId,
    GivenMetadata,
    Id,
    Metadata,
    Page,
    PageQuery,
    Shape,
)
from mentorai.web.api.sources import Source, describe_sources
from mentorai.web.auth import bound_mentor, caller, get_engine

api = Resource("sessions", "Conversations with the mentor.")


class SessionFacts(BaseModel):
    """A conversation."""

    session_id: str
    title: str
    user: str | None = Field(description="The id of the person; None if it was held by key.")
    context_id: str | None
    metadata: Metadata = Field(description="What programs said of it, by /chat or here.")
    created_at: datetime
    updated_at: datetime


class NewSession(Shape):
    """A conversation to begin."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "From the API"}]})

    title: str = Field(default="", max_length=200)
    metadata: GivenMetadata = Field(default_factory=dict)


class SessionPath(Shape):
    """Which conversation."""

    session_id: Id


class DeletedSession(Shape):
    """What to delete."""

    session_id: ExactId


class SessionPage(Page):
    """Conversations, the one used last first."""

    results: list[SessionFacts]


class MessageFacts(BaseModel):
    """A message and the mentor's reply."""

    id: str
    prompt: str
    reply: str = Field(description="Markdown; [n] marks the n-th source.")
    status: str = Field(description="writing, done, stopped or failed")
    weak_match: bool = Field(description="Whether the material hardly covered the question.")
    sources: list[Source]
    created_at: datetime


class MessagePage(Page):
    """Messages, oldest first."""

    results: list[MessageFacts]


@api.operation(
    "get", "/sessions", scope="sessions:read", summary="See the sessions", returns=SessionPage
)
def list_sessions(query: PageQuery) -> Response:
    """Every conversation with the mentor, the one used last first."""
    conversations, where = get_engine().conversations, bound_mentor()
    some = conversations.list(*where, page=query.page, page_size=query.page_size)
    results = [_describe(one) for one in some]
    return reply_page(
        SessionPage, results, conversations.count(*where), query.page, query.page_size
    )


@api.operation(
    "post",
    "/sessions",
    scope="sessions:write",
    summary="Begin a session",
    returns=SessionFacts,
    status=201,
)
def open_session(body: NewSession) -> Response:
    """Begins a conversation; /chat takes its `session_id`."""
    opened = get_engine().conversations.open(
        *bound_mentor(), key_id=caller().id, title=body.title, metadata=body.metadata
    )
    return reply(_describe(opened), 201)


@api.operation(
    "get",
    "/sessions/<session_id>",
    scope="sessions:read",
    summary="See a session",
    returns=SessionFacts,
)
def get_session(path: SessionPath) -> Response:
    """One conversation, without its messages."""
    return reply(_describe(_get(path.session_id)))


@api.operation(
    "delete",
    "/sessions/<session_id>",
    scope="sessions:write",
    summary="Delete a session",
    returns=None,
    status=204,
)
def delete_session(path: DeletedSession) -> Response:
    """Removes a conversation and all its messages for good."""
    get_engine().conversations.delete(*bound_mentor(), path.session_id)
    return no_content()


@api.operation(
    "get",
    "/sessions/<session_id>/messages",
    scope="sessions:read",
    summary="Read a session",
    returns=MessagePage,
)
def list_messages(path: SessionPath, query: PageQuery) -> Response:
    """The messages and replies of one conversation, oldest first."""
    turns = get_engine().conversations.turns(*bound_mentor(), _get(path.session_id).id)
    page = [_describe_turn(turn) for turn in cut_page(turns, query.page, query.page_size)]
    return reply_page(MessagePage, page, len(turns), query.page, query.page_size)


def _get(session_id: str) -> Conversation:
    conversations, where = get_engine().conversations, bound_mentor()
    if session_id != LATEST:
        return conversations.get(*where, session_id)
    for newest in conversations.list(*where, page=1, page_size=1):
        return newest
    raise NotFound


def _describe(conversation: Conversation) -> SessionFacts:
    return SessionFacts(
        session_id=conversation.id,
        title=conversation.title,
        user=conversation.person_id,
        context_id=conversation.context_id,
        metadata=dict(conversation.metadata),
        created_at=conversation.created_at,
        updated_at=conversation.updated_at,
    )


def _describe_turn(turn: Turn) -> MessageFacts:
    return MessageFacts(
        id=turn.id,
        prompt=turn.message,
        reply=turn.reply,
        status=turn.status,
        weak_match=turn.weak_match,
        sources=describe_sources(turn.citations),
        created_at=turn.created_at,
    )
