"""The core's own answers to hooks: a plugin like any other, registered first, asked last."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO

from mentorai.core.hookspecs import hookimpl
from mentorai.core.values import Event, Passage, Section, TurnRequest

if TYPE_CHECKING:
    from mentorai.core.engine import Engine


@hookimpl
def read_document(media_type: str, stream: BinaryIO) -> Sequence[Section] | None:
    """Markdown, plain text, HTML and PDF."""
    from mentorai.core.ingest import read_document as read

    return read(media_type, stream)


@hookimpl
def find_passages(engine: "Engine", mentor_id: str, question: str) -> Sequence[Passage]:
    """Search the mentor's own passages."""
    return engine.retrieval.search(mentor_id, question)


@hookimpl
def complete_turn(request: TurnRequest) -> Iterator[Event]:
    """Answer with quotations."""
    from mentorai.core.quoting import quote

    return quote(request)
