"""The core's own answers to hooks: a plugin like any other, registered first, asked last."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from mentorai.core.errors import NotFound
from mentorai.core.hookspecs import hookimpl
from mentorai.core.values import Event, Launch, MentorRef, Passage, Section, TurnRequest

if TYPE_CHECKING:
    from mentorai.core.engine import Engine


@hookimpl
def choose_mentor(engine: "Engine", launch: Launch) -> MentorRef | None:
    """The one that `custom` names; else the place's mentor; else the one of the place that this
    one was copied from; else the only one there is.
    """
    named = launch.custom.get("mentor")
    if named:
        with suppress(NotFound):
            mentor = engine.mentors.get(launch.organization_id, named)
            return MentorRef(mentor.id, launch.custom.get("quiz"))
    ref = engine.mentors.find_placement(launch) or engine.course_copies.find_inherited(launch)
    if ref or named:
        return ref
    known = engine.mentors.list(launch.organization_id)
    return MentorRef(known[0].id) if len(known) == 1 else None


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
