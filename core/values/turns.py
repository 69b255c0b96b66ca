"""Passages, and the turns of a conversation that cite them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class Passage:
    """A citable piece of a document; start and end are character offsets in its text.

    matched: for a found passage, the share 0..1 of the question's weight that it covers.
    """

    id: int
    document_id: str
    document_name: str
    heading: str
    ordinal: int
    start: int
    end: int
    text: str
    page: int | None = None
    score: float = 0.0
    matched: float = 0.0


@dataclass(frozen=True, slots=True)
class Section:
    """A piece of a document as a reader gives it: its heading path and its plain text."""

    heading: str
    text: str
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Citation:
    """A numbered mark in a reply; quote is a verbatim substring of the passage's text."""

    n: int
    passage_id: int
    document_id: str
    document_name: str
    heading: str
    quote: str
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """An earlier message of the conversation and its reply."""

    message: str
    reply: str


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """All that a model plugin may know to answer one message.

    page_content: what the person has before them, as a program sent it along; kept nowhere.
    metadata: what programs said of the conversation.
    """

    organization_id: str
    mentor_id: str
    mentor_name: str
    system_prompt: str
    message: str
    passages: tuple[Passage, ...]
    earlier: tuple[Exchange, ...] = ()
    weak_match: bool = False
    page_content: str = ""
    metadata: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TokenEvent:
    """A piece of the reply, Markdown."""

    text: str


@dataclass(frozen=True, slots=True)
class SourcesEvent:
    """The citations of the reply so far."""

    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class StartEvent:
    """The turn was taken and is kept."""

    conversation_id: str
    turn_id: str


@dataclass(frozen=True, slots=True)
class DoneEvent:
    """The reply is complete. usage: counts a model reported, if it did."""

    usage: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ErrorEvent:
    """The reply broke off after it had begun."""

    code: str
    detail: str


Event = StartEvent | TokenEvent | SourcesEvent | DoneEvent | ErrorEvent


@dataclass(frozen=True, slots=True)
class Turn:
    """A message and its reply, as kept."""

    id: str
    conversation_id: str
    message: str
    reply: str
    status: Literal["writing", "done", "stopped", "failed"]
    citations: tuple[Citation, ...]
    weak_match: bool
    created_at: datetime
