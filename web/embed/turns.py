"""A turn as a page shows it: its reply as safe HTML, its sources with their addresses."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import url_for
from markupsafe import Markup

from mentorai.core.values import Citation, Turn
from mentorai.web.markdown import to_html


@dataclass(frozen=True, slots=True)
class SourceView:
    """A citation with the address of its passage."""

    n: int
    document_name: str
    heading: str
    page: int | None
    quote: str
    url: str


@dataclass(frozen=True, slots=True)
class TurnView:
    """A turn with its reply as safe HTML. url: where to read it alone."""

    id: str
    conversation_id: str
    message: str
    reply: str
    html: Markup
    status: str
    weak_match: bool
    sources: tuple[SourceView, ...]
    created_at: datetime
    url: str


def view_turn(turn: Turn, *, reviewed: str | None = None) -> TurnView:
    """What the page shows of a turn.

    reviewed: the person whose turn it is, when somebody else may be looking.
    """
    sources = tuple(_view_source(turn, citation, reviewed) for citation in turn.citations)
    return TurnView(
        id=turn.id,
        conversation_id=turn.conversation_id,
        message=turn.message,
        reply=turn.reply,
        html=to_html(turn.reply, {source.n: source.url for source in sources}),
        status=turn.status,
        weak_match=turn.weak_match,
        sources=sources,
        created_at=turn.created_at,
        url=url_for("embed.turn", conversation_id=turn.conversation_id, turn_id=turn.id),
    )


def _view_source(turn: Turn, citation: Citation, reviewed: str | None) -> SourceView:
    place: dict[str, Any] = {
        "passage_id": citation.passage_id,
        "conversation": turn.conversation_id,
        "turn": turn.id,
        "n": citation.n,
    }
    if reviewed is None:
        url = url_for("embed.passage", **place)
    else:
        url = url_for("embed.reviewed_passage", person_id=reviewed, **place)
    return SourceView(
        n=citation.n,
        document_name=citation.document_name,
        heading=citation.heading,
        page=citation.page,
        quote=citation.quote,
        url=url,
    )
