"""The conversation: read it, ask, and open what an answer cites."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from mentorai.core.engine import Engine
from mentorai.core.errors import InputRejected, MentorAIError, NotFound, SessionRejected
from mentorai.core.values import Citation, Event, Session, StartEvent, Turn
from mentorai.web.embed.passages import read_passage
from mentorai.web.embed.turns import view_turn
from mentorai.web.errors import RETRY_SECONDS, status_of
from mentorai.web.gate import visitor
from mentorai.web.markdown import to_html
from mentorai.web.streams import stream_events


@dataclass(frozen=True, slots=True)
class _Asked:
    prompt: str
    conversation_id: str | None


class ChatPages:
    """The pages of a conversation between the session's person and its mentor."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def route(self, embed: Blueprint) -> None:
        """Put the pages on the blueprint."""
        embed.add_url_rule("/", "show", self.show)
        embed.add_url_rule("/turns", "ask", self.ask, methods=["POST"])
        embed.add_url_rule("/conversations/<conversation_id>/turns/<turn_id>", "turn", self.turn)
        embed.add_url_rule("/passages/<int:passage_id>", "passage", self.passage)

    def show(self) -> str:
        """The chat page: the last conversation, the one named, or a new one."""
        return self._page(self._find_conversation(visitor(), request.args.get("conversation")))

    def ask(self) -> AnyResponse | tuple[str, int, dict[str, str]]:
        """Take a message. A script gets a stream of events, a plain form the page again."""
        wants_stream = request.accept_mimetypes.best == "text/event-stream"
        try:
            asked = _read_question()
            events = self._engine.ask(
                visitor(), asked.prompt, conversation_id=asked.conversation_id
            )
        except MentorAIError as error:
            if wants_stream or isinstance(error, NotFound | SessionRejected):
                raise
            return self._refuse(error)
        return _stream(events) if wants_stream else _finish(events)

    def turn(self, conversation_id: str, turn_id: str) -> str:
        """One turn as a piece of HTML, for the script that streamed it."""
        session = visitor()
        turn = self._get_turn(session, conversation_id, turn_id)
        return render_template(
            "embed/turn.html", turn=view_turn(turn), mentor=self._mentor(session)
        )

    def passage(self, passage_id: int) -> str:
        """A passage with the quoted words marked, as a page or (part=1) as a piece of one."""
        session = visitor()
        citation, back = self._find_citation(session, passage_id)
        facts = read_passage(self._engine, session, passage_id, citation)
        name = "embed/passage_part.html" if request.args.get("part") else "embed/passage.html"
        return render_template(
            name, **facts, back=back, mentor=self._mentor(session), visitor=session
        )

    def _page(self, conversation_id: str | None, *, draft: str = "", error: str = "") -> str:
        session = visitor()
        mentor = self._mentor(session)
        has_quizzes = self._engine.quizzes.has_published(session.organization_id, session.mentor_id)
        return render_template(
            "embed/chat.html",
            visitor=session,
            mentor=mentor,
            greeting=to_html(mentor.proactive_prompt),
            turns=[view_turn(turn) for turn in self._turns(session, conversation_id)],
            conversation_id=conversation_id or "",
            has_quizzes=has_quizzes,
            limit=self._engine.settings.message_characters,
            draft=draft,
            problem=error,
        )

    def _refuse(self, error: MentorAIError) -> tuple[str, int, dict[str, str]]:
        given = request.form.get("session_id") or None
        page = self._page(
            self._find_conversation(visitor(), given),
            draft=request.form.get("prompt", ""),
            error=_sentence(error),
        )
        status = status_of(error)
        return page, status, {"Retry-After": str(RETRY_SECONDS)} if status == 503 else {}

    def _mentor(self, session: Session) -> Any:
        return self._engine.mentors.get(session.organization_id, session.mentor_id)

    def _find_conversation(self, session: Session, wanted: str | None) -> str | None:
        conversations = self._engine.conversations
        if wanted == "new":
            return None
        if wanted:
            return conversations.get(
                session.organization_id, session.mentor_id, wanted, person_id=session.person_id
            ).id
        latest = conversations.latest(
            session.organization_id, session.mentor_id, session.person_id, session.context_id
        )
        return latest.id if latest else None

    def _turns(self, session: Session, conversation_id: str | None) -> list[Turn]:
        if conversation_id is None:
            return []
        return list(
            self._engine.conversations.turns(
                session.organization_id,
                session.mentor_id,
                conversation_id,
                person_id=session.person_id,
            )
        )

    def _get_turn(self, session: Session, conversation_id: str, turn_id: str) -> Turn:
        for turn in self._turns(session, conversation_id):
            if turn.id == turn_id:
                return turn
        raise NotFound("There is no such answer.")

    def _find_citation(self, session: Session, passage_id: int) -> tuple[Citation | None, str]:
        conversation_id, turn_id = request.args.get("conversation"), request.args.get("turn")
        if not (conversation_id and turn_id):
            return None, url_for("embed.show")
        turn = self._get_turn(session, conversation_id, turn_id)
        back = url_for("embed.show", conversation=conversation_id, _anchor=f"turn-{turn.id}")
        wanted = request.args.get("n", type=int)
        cited = [c for c in turn.citations if c.passage_id == passage_id]
        return next((c for c in cited if c.n == wanted), cited[0] if cited else None), back


def _read_question() -> _Asked:
    given: Any = request.get_json(silent=True) if request.is_json else request.form
    if not hasattr(given, "get"):
        raise InputRejected({"prompt": ["Send an object with a prompt."]})
    prompt, conversation_id = given.get("prompt"), given.get("session_id") or None
    if not isinstance(prompt, str) or not isinstance(conversation_id, str | None):
        raise InputRejected({"prompt": ["Write a message first."]})
    # A form sends line ends as CR LF.
    return _Asked(prompt.replace("\r\n", "\n"), conversation_id)


def _stream(events: Iterator[Event]) -> Response:
    # The stream outlives the request, and with it url_for.
    base = url_for("embed.show")
    return stream_events(events, lambda citation: f"{base}passages/{citation.passage_id}")


def _finish(events: Iterator[Event]) -> AnyResponse:
    place = url_for("embed.show")
    for event in events:
        if isinstance(event, StartEvent):
            place = url_for(
                "embed.show", conversation=event.conversation_id, _anchor=f"turn-{event.turn_id}"
            )
    return redirect(place, 303)


def _sentence(error: MentorAIError) -> str:
    if isinstance(error, InputRejected):
        return " ".join(sentence for found in error.errors.values() for sentence in found)
    return error.message
