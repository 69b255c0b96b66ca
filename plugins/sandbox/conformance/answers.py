"""event, document, passages, model, told: what plugins of other kinds do."""

import io
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from mentorai.core.clock import now
from mentorai.core.errors import DocumentRejected, MentorAIError, ModelError, PlatformError
from mentorai.core.values import (
    DoneEvent,
    Exchange,
    Passage,
    Section,
    SourcesEvent,
    TokenEvent,
    Turn,
    TurnRequest,
)
from mentorai.plugins.sandbox.certification.case import Failed, LeftOut, expect
from mentorai.plugins.sandbox.certification.wire import Environ
from mentorai.plugins.sandbox.conformance.bench import Bench, describe
from mentorai.plugins.sandbox.conformance.case import PluginCase, about
from mentorai.plugins.sandbox.wire import Reply

EVENT = b'{"type":"grade.settled","data":{}}'
EVENT_HEADERS = {"webhook-id": "conformance", "webhook-timestamp": "0", "webhook-signature": "v1,x"}
MEDIA_TYPES = (
    *("text/plain", "text/markdown", "text/html", "text/csv", "application/pdf"),
    *(
        "application/json",
        "application/xml",
        "application/epub+zip",
        "application/zip",
        "image/png",
    ),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    *("application/x-nobody-knows", ""),
)
BODIES = (
    b"",
    b"\x00" * 1_000,
    b"PK\x03\x04broken",
    b"%PDF-1.7 broken",
    b"\xff\xfe\xfa",
    b"x" * 10**6,
)
QUESTIONS = ("", " ", "osmosis", "x" * 8_000, "' OR 1=1 --", "\x00", "🦀", "AND OR NOT ( *")
PASSAGE = Passage(1, "doc", "Tides", "Tides", 1, 0, 29, "The moon draws the sea upward.")


def _post_event(bench: Bench, path: str) -> Any:
    url = f"{bench.platform.base_url}{path}"
    return bench.ask("push_event", engine=bench.engine, url=url, headers=EVENT_HEADERS, body=EVENT)


def _serve_events(environ: Environ) -> Reply | None:
    path = environ["PATH_INFO"]
    if not path.startswith("/events/"):
        return None
    word = path.removeprefix("/events/")
    headers = {"Location": "/events/204"} if word == "302" else {"Retry-After": "7"}
    return Reply(int(word), b"", "text/plain", headers)


def _brings_events(bench: Bench) -> str:
    wire = bench.platform.wire
    wire.stand_in = _serve_events
    try:
        status = _post_event(bench, "/events/204")
        if status is None:
            raise LeftOut("push_event gave None: it takes other addresses than the sandbox's")
        expect(status == 204, f"the receiver answered 204, it gave {describe(status)}")
        (heard,) = wire.heard("/events/204")
        expect(heard.body == EVENT, "other bytes arrived than those that were signed")
        for word in (302, 400, 500):
            status = _post_event(bench, f"/events/{word}")
            expect(status == word, f"the receiver answered {word}, it gave {describe(status)}")
        expect(len(wire.heard("/events/204")) == 1, "it followed a redirect")
        seen = []
        for word in (429, 503):
            try:
                seen.append(str(_post_event(bench, f"/events/{word}")))
            except PlatformError as error:
                seen.append(error.code)
    finally:
        wire.stand_in = None
    return f"204, 302, 400 and 500 as they are; 429 and 503: {', '.join(seen)}"


def _reads_documents(bench: Bench) -> str:
    read = refused = 0
    for media_type in MEDIA_TYPES:
        for body in BODIES:
            try:
                sections = bench.ask(
                    "read_document", _list_or_none, media_type=media_type, stream=io.BytesIO(body)
                )
            except DocumentRejected:
                refused += 1
                continue
            if sections is None:
                continue
            odd = [each for each in sections if not isinstance(each, Section)]
            expect(not odd, f"for {media_type} it gave {describe(odd[:1])}")
            read += 1
    return f"{read} read, {refused} refused, {len(MEDIA_TYPES) * len(BODIES) - read - refused} left"


def _list_or_none(answer: Any) -> list[Any] | None:
    return None if answer is None else list(answer)


def _finds_passages(bench: Bench) -> str:
    found = 0
    for question in QUESTIONS:
        passages = bench.ask(
            "find_passages", _list_or_none,
            engine=bench.engine, mentor_id=bench.mentor.id, question=question,
        )  # fmt: skip
        odd = [each for each in passages or () if not isinstance(each, Passage)]
        expect(not odd, f"for {question[:20]!r} it gave {describe(odd[:1])}")
        found += passages is not None
    return f"answers {found} of {len(QUESTIONS)} questions"


def _answers_messages(bench: Bench) -> str:
    seen = []
    for message, passages in (("What do tides do?", (PASSAGE,)), ("x" * 8_000, ()), ("", ())):
        request = TurnRequest(
            organization_id=bench.registration.organization_id,
            mentor_id=bench.mentor.id,
            mentor_name="Tidal Pools",
            system_prompt="Answer from the readings.",
            message=message,
            passages=passages,
            earlier=(Exchange("Hello", "Good day."),),
        )
        try:
            events = bench.ask("complete_turn", _list_or_none, request=request)
        except ModelError as error:
            seen.append(error.code)
            continue
        seen.append("left" if events is None else _check_events(events, passages))
    return f"{', '.join(seen)}: with passages, a long message, an empty one"


def _check_events(events: Sequence[object], passages: Sequence[Passage]) -> str:
    expect(events and isinstance(events[-1], DoneEvent), "the answer has no DoneEvent at its end")
    for each in events[:-1]:
        known = isinstance(each, TokenEvent | SourcesEvent)
        expect(known, f"in the answer there is {describe(each)}")
    texts = {passage.id: passage.text for passage in passages}
    for each in events:
        for citation in each.citations if isinstance(each, SourcesEvent) else ():
            quoted = citation.quote in texts.get(citation.passage_id, "")
            expect(quoted, f"it quotes what no passage says: {citation.quote[:60]!r}")
    return "answered"


def _hears(bench: Bench) -> str:
    session, launch = bench.session(), bench.launch()
    turn = Turn(secrets.token_hex(16), "c", "Why?", "Because.", "done", (), False, now())
    told: dict[str, list[dict[str, Any]]] = {
        "engine_started": [{"engine": bench.engine}],
        "launch_admitted": [{"engine": bench.engine, "launch": launch, "session": session}],
        "turn_finished": [{"session": session, "turn": turn}, {"session": None, "turn": turn}],
        "score_settled": [
            {"grade_id": secrets.token_hex(16), "status": status}
            for status in ("sent", "superseded", "failed", "not_linked")
        ],
        "key_checked": [
            {"key_id": "0123456789", "accepted": accepted, "code": code}
            for accepted, code in ((True, ""), (False, "key_expired"))
        ],
        "key_expiring": [{"key_id": "0123456789", "days_left": days} for days in (14, 7, 1)],
        "session_ended": [
            {"session": bench.session(expires_at=now() - timedelta(hours=1)), "reason": reason}
            for reason in ("signed_out", "logged_out", "expired")
        ],
    }
    heard = [hook for hook in told if bench.has(hook)]
    for hook in heard:
        for facts in told[hook]:
            try:
                bench.ask(hook, **facts)
            except MentorAIError as error:
                raise Failed(f"{hook} raised {type(error).__name__}: {error.message}") from error
    return f"told by {', '.join(heard)}"


TOLD = (
    "engine_started launch_admitted turn_finished score_settled key_checked key_expiring "
    "session_ended"
)
CASES: Sequence[PluginCase] = (
    about("push_event", "event.brought", "events are brought as they are",
          "an event, to receivers that take it, refuse it and lead elsewhere",
          "the very bytes, each answer's status, no redirect followed", _brings_events),
    about("read_document", "document.odd", "broken documents are refused",
          "broken, empty and large documents of every kind",
          "Sections, None, or a DocumentRejected", _reads_documents),
    about("find_passages", "passages.odd", "odd questions find passages or none",
          "empty, long and hostile questions", "Passages or None", _finds_passages),
    about("complete_turn", "model.answer", "a message is answered, or left to the quoting answer",
          "a message with passages, a long one, an empty one",
          "text, then a DoneEvent; quotations that are there; or a ModelError", _answers_messages),
    about(TOLD, "told.quietly", "what is told is taken quietly", "each thing that is told",
          "no error", _hears),
)  # fmt: skip
