"""One turn: find passages, ask the model plugin or quote, stream events, keep the turn."""

import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, cast

import structlog

from mentorai.core.conversation_rows import Fact
from mentorai.core.errors import (
    DatabaseUnavailable,
    InputRejected,
    MentorAIError,
    ModelError,
    ModelReplyInvalid,
    PluginFailed,
    TooManyStreams,
)
from mentorai.core.quoting import quote
from mentorai.core.retrieval import WEAK_BELOW
from mentorai.core.values import (
    Citation,
    DoneEvent,
    ErrorEvent,
    Event,
    Exchange,
    Passage,
    Session,
    SourcesEvent,
    StartEvent,
    TokenEvent,
    Turn,
    TurnRequest,
)

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

KEPT_EVERY_SECONDS = 1.0
EARLIER_TURNS = 6
REPLY_CHARACTERS = 200_000
BROKE_OFF = "The answer broke off; please ask again."
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Writing:
    """A turn while it grows."""

    turn: Turn
    request: TurnRequest
    session: Session | None
    reply: str = ""
    citations: tuple[Citation, ...] = ()
    usage: dict[str, int] = field(default_factory=dict)
    kept_at: float = field(default_factory=time.monotonic)
    is_settled: bool = False


@dataclass(frozen=True, slots=True)
class _Beside:
    """What came along with a message, for its answer alone."""

    document_ids: Sequence[str]
    page_content: str


class Chat:
    """Answers, one turn at a time, and no more at once than this process can serve."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._open = 0
        self._lock = threading.Lock()

    @property
    def open_streams(self) -> int:
        """How many answers this process is writing now."""
        return self._open

    def answer(
        self,
        *,
        organization_id: str,
        mentor_id: str,
        message: str,
        conversation_id: str | None = None,
        session: Session | None = None,
        key_id: str | None = None,
        document_ids: Sequence[str] = (),
        page_content: str = "",
        metadata: Mapping[str, Fact] | None = None,
    ) -> Iterator[Event]:
        """Take a message and answer it, event by event; the turn is kept before this returns.

        With a session, only its person's conversations are there; with a key all of the
        mentor's. document_ids: answer from these documents alone, if there are any.
        page_content: told to the model, and kept nowhere. metadata: as begin_turn takes it.
        Closing the iterator, or letting go of it, stops the answer and keeps what there is.
        Raises InputRejected, NotFound, TooManyStreams.
        """
        message = self._check(message)
        self._take_slot()
        try:
            turn = self._engine.conversations.begin_turn(
                organization_id,
                mentor_id,
                message,
                conversation_id=conversation_id,
                person_id=session.person_id if session else None,
                context_id=session.context_id if session else None,
                key_id=key_id,
                metadata=metadata,
            )
            beside = _Beside(document_ids, page_content)
            events = self._begin(organization_id, mentor_id, turn, session, beside)
        except BaseException:
            self._give_slot()
            raise
        return events

    def _begin(
        self,
        organization_id: str,
        mentor_id: str,
        turn: Turn,
        session: Session | None,
        beside: _Beside,
    ) -> Iterator[Event]:
        try:
            request = self._prepare(organization_id, mentor_id, turn, beside)
        except BaseException:
            self._engine.conversations.grow_turn(turn, "", (), status="failed")
            raise
        events = self._write(_Writing(turn, request, session))
        # A generator that never ran would not run its finally either, should nobody want the
        # answer after all; so it is run to where the try block begins.
        next(events)
        return cast(Iterator[Event], events)

    def _check(self, message: str) -> str:
        # What no database keeps (zero bytes, half of a surrogate pair) is no part of a message.
        message = message.replace("\x00", "").encode("utf-8", "replace").decode().strip()
        limit = self._engine.settings.message_characters
        if not message:
            raise InputRejected({"prompt": ["A message is needed."]})
        if len(message) > limit:
            raise InputRejected({"prompt": [f"At most {limit} characters, please."]})
        return message

    def _prepare(
        self, organization_id: str, mentor_id: str, turn: Turn, beside: _Beside
    ) -> TurnRequest:
        """All that is known for answering `turn`."""
        engine = self._engine
        mentor = engine.mentors.get(organization_id, mentor_id)
        conversation = engine.conversations.get(organization_id, mentor_id, turn.conversation_id)
        earlier = engine.conversations.earlier(organization_id, mentor_id, turn, EARLIER_TURNS)
        question = engine.retrieval.widen(mentor_id, turn.message, [t.message for t in earlier])
        passages = self._find_passages(mentor_id, question, beside.document_ids)
        return TurnRequest(
            organization_id=organization_id,
            mentor_id=mentor_id,
            mentor_name=mentor.display_name,
            system_prompt=mentor.system_prompt,
            message=turn.message,
            passages=passages,
            earlier=tuple(Exchange(t.message, t.reply) for t in earlier),
            weak_match=not passages or passages[0].matched < WEAK_BELOW,
            page_content=beside.page_content,
            metadata=conversation.metadata,
        )

    def _find_passages(
        self, mentor_id: str, question: str, document_ids: Sequence[str]
    ) -> tuple[Passage, ...]:
        search = self._engine.retrieval.search
        if document_ids:
            # Plugins are not told of this limit, so only our own search can promise it.
            return tuple(search(mentor_id, question, document_ids=document_ids))
        try:
            found = self._engine.plugins.ask_first(
                "find_passages", engine=self._engine, mentor_id=mentor_id, question=question
            )
        except PluginFailed as error:
            log.error("own_search_steps_in", plugin=error.plugin)
            found = search(mentor_id, question)
        return tuple(found or ())

    def _write(self, writing: _Writing) -> Generator[Event | None, None, None]:
        turn = writing.turn
        try:
            yield None
            yield StartEvent(turn.conversation_id, turn.id)
            error = yield from self._relay(writing, self._ask_model(writing.request))
            if error is not None and not writing.reply:
                log.warning("quotes_step_in", turn_id=turn.id, code=error.code)
                error = yield from self._relay(writing, quote(writing.request))
            self._settle(writing, "failed" if error else "done")
            yield ErrorEvent(error.code, error.message) if error else DoneEvent(writing.usage)
        except GeneratorExit:
            self._settle_quietly(writing, "stopped")
            raise
        except Exception as problem:
            log.exception("turn_failed", turn_id=turn.id, reason=type(problem).__name__)
            self._settle_quietly(writing, "failed")
            known = problem if isinstance(problem, DatabaseUnavailable) else ModelError(BROKE_OFF)
            yield ErrorEvent(known.code, known.message)
        finally:
            self._give_slot()

    def _ask_model(self, request: TurnRequest) -> Generator[Event, None, None]:
        yield from self._engine.plugins.ask_first("complete_turn", request=request) or ()

    def _relay(
        self, writing: _Writing, events: Generator[Event, None, None]
    ) -> Generator[Event, None, MentorAIError | None]:
        """Pass events on and keep what they bring; gives what broke it off, or None."""
        with closing(events):
            while True:
                try:
                    event = next(events, None)
                except MentorAIError as error:
                    return error
                except Exception as error:
                    log.error("model_failed", reason=type(error).__name__)
                    return ModelError(BROKE_OFF)
                match event:
                    case TokenEvent(text=""):
                        continue
                    case TokenEvent():
                        writing.reply += event.text
                        if len(writing.reply) > REPLY_CHARACTERS:
                            return ModelReplyInvalid("The answer grew too long.")
                        self._keep(writing)
                        yield event
                    case SourcesEvent():
                        writing.citations = _check_citations(writing.request, event.citations)
                        yield SourcesEvent(writing.citations)
                    case ErrorEvent():
                        return _Broken(event)
                    case DoneEvent() | None:
                        writing.usage = dict(event.usage) if event else {}
                        return None if writing.reply else ModelReplyInvalid("It said nothing.")

    def _keep(self, writing: _Writing) -> None:
        """Keep the growing reply about once a second, for a page that is loaded anew."""
        if time.monotonic() - writing.kept_at < KEPT_EVERY_SECONDS:
            return
        writing.kept_at = time.monotonic()
        self._engine.conversations.grow_turn(writing.turn, writing.reply, writing.citations)

    def _settle(self, writing: _Writing, status: Literal["done", "stopped", "failed"]) -> None:
        """End the turn, once, and tell the plugins."""
        if writing.is_settled:
            return
        turn = self._engine.conversations.grow_turn(
            writing.turn,
            writing.reply,
            writing.citations,
            status=status,
            weak_match=writing.request.weak_match,
        )
        writing.is_settled = True
        self._engine.plugins.tell("turn_finished", session=writing.session, turn=turn)

    def _settle_quietly(self, writing: _Writing, status: Literal["stopped", "failed"]) -> None:
        try:
            self._settle(writing, status)
        except Exception as error:
            log.error("turn_not_kept", turn_id=writing.turn.id, reason=type(error).__name__)

    def _take_slot(self) -> None:
        with self._lock:
            if self._open >= self._engine.settings.stream_limit:
                raise TooManyStreams
            self._open += 1

    def _give_slot(self) -> None:
        with self._lock:
            self._open -= 1


class _Broken(ModelError):
    """The answer broke off."""

    def __init__(self, event: ErrorEvent) -> None:
        super().__init__(event.detail)
        self.code = event.code


def _check_citations(request: TurnRequest, citations: Sequence[Citation]) -> tuple[Citation, ...]:
    """The citations of passages that were found, named as we know them; no other one counts."""
    found = {passage.id: passage for passage in request.passages}
    return tuple(
        replace(
            citation,
            document_id=passage.document_id,
            document_name=passage.document_name,
            heading=passage.heading,
            page=passage.page,
            quote=citation.quote if citation.quote in passage.text else "",
        )
        for citation in citations
        if (passage := found.get(citation.passage_id))
    )
