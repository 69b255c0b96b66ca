"""A turn's events as an answer: server-sent events one by one, or JSON when all are there.

start {session_id, turn_id}, token {data}, sources [{n, dataset, document, heading, page, quote,
url}], done {eos, usage}, error {code, detail}.
"""

import contextvars
import json
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Self

import structlog
from flask import Response

from mentorai.core.errors import MentorAIError
from mentorai.core.values import (
    Citation,
    DoneEvent,
    ErrorEvent,
    Event,
    SourcesEvent,
    StartEvent,
    TokenEvent,
)

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 15.0
# Events that may lie ready before they are sent: a reader who left stops the model soon after.
AHEAD = 8

Locate = Callable[[Citation], str]


def stream_events(events: Iterator[Event], locate: Locate) -> Response:
    """The events as text/event-stream, with a comment whenever nothing was sent for a while.

    locate: gives the address at which a cited passage is read.
    Closing the answer closes `events`, which stops the turn.
    """
    response = Response(_Frames(events, locate), mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    # nginx would collect the whole answer first.
    response.headers["X-Accel-Buffering"] = "no"
    return response


def collect_events(events: Iterator[Event], locate: Locate) -> dict[str, Any]:
    """The whole turn: session_id, turn_id, reply, sources, eos, usage, and error if it broke."""
    reply: dict[str, Any] = {"session_id": "", "turn_id": "", "reply": "", "sources": []}
    text: list[str] = []
    for event in events:
        if isinstance(event, TokenEvent):
            text.append(event.text)
        elif isinstance(event, SourcesEvent):
            reply["sources"] = _describe(event, locate)
        else:
            reply |= _describe(event, locate)
    return {"eos": False, "usage": {}} | reply | {"reply": "".join(text)}


def _describe(event: Event, locate: Locate) -> Any:
    match event:
        case StartEvent():
            return {"session_id": event.conversation_id, "turn_id": event.turn_id}
        case TokenEvent():
            return {"data": event.text}
        case SourcesEvent():
            return [describe_citation(citation, locate) for citation in event.citations]
        case DoneEvent():
            return {"eos": True, "usage": dict(event.usage)}
        case ErrorEvent():
            return {"code": event.code, "detail": event.detail}


def describe_citation(citation: Citation, locate: Locate) -> dict[str, Any]:
    """A citation as it travels."""
    return {
        "n": citation.n,
        "dataset": citation.document_id,
        "document": citation.document_name,
        "heading": citation.heading,
        "page": citation.page,
        "quote": citation.quote,
        "url": locate(citation),
    }


NAMES: dict[type[Event], str] = {
    StartEvent: "start",
    TokenEvent: "token",
    SourcesEvent: "sources",
    DoneEvent: "done",
    ErrorEvent: "error",
}


def _frame(event: Event, locate: Locate) -> bytes:
    data = json.dumps(_describe(event, locate), ensure_ascii=False, separators=(",", ":"))
    return f"event: {NAMES[type(event)]}\ndata: {data}\n\n".encode()


class _Frames:
    """The bytes of an answer, one event at a time. Closing it, even unread, ends the turn."""

    def __init__(self, events: Iterator[Event], locate: Locate) -> None:
        self._pump = _Pump(events)
        self._locate = locate

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        self._pump.start()
        try:
            event = self._pump.ready.get(timeout=HEARTBEAT_SECONDS)
        except queue.Empty:
            return b": still here\n\n"
        if event is None:
            raise StopIteration
        return _frame(event, self._locate)

    def close(self) -> None:
        self._pump.stop()


class _Pump:
    """Draws events in a thread of its own, so that the answer can show a sign of life meanwhile."""

    def __init__(self, events: Iterator[Event]) -> None:
        self.ready: queue.Queue[Event | None] = queue.Queue(AHEAD)
        self._events = events
        self._stopped = threading.Event()
        self._started = False

    def start(self) -> None:
        if self._started:
            return
        self._started = True
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._run,), daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()
        if not self._started:
            self._started = True
            self._close()
        # Whoever waits to put something in finds room, and then finds out that it is over.
        with suppress(queue.Empty):
            while True:
                self.ready.get_nowait()

    def _run(self) -> None:
        try:
            for event in self._events:
                if self._stopped.is_set():
                    break
                self.ready.put(event)
                if self._stopped.is_set():
                    break
        except Exception as error:
            self.ready.put(_explain(error))
        finally:
            self._close()
            if not self._stopped.is_set():
                self.ready.put(None)

    def _close(self) -> None:
        close = getattr(self._events, "close", None)
        if close is not None:
            close()


def _explain(error: Exception) -> ErrorEvent:
    log.error("stream_failed", exc_info=error)
    if isinstance(error, MentorAIError):
        return ErrorEvent(error.code, error.message)
    return ErrorEvent("internal_error", "Something went wrong here. It was noted.")
