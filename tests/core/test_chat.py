import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from mentorai.core import chat as chat_module
from mentorai.core import hookimpl
from mentorai.core.engine import Engine
from mentorai.core.errors import InputRejected, ModelUnavailable, NotFound, TooManyStreams
from mentorai.core.mentors import Mentor
from mentorai.core.settings import Settings
from mentorai.core.values import (
    Citation,
    DoneEvent,
    ErrorEvent,
    Event,
    Launch,
    Passage,
    Role,
    Session,
    SourcesEvent,
    StartEvent,
    TokenEvent,
    Turn,
    TurnRequest,
)

SHORE = "# Shore\n\nLimpets hold on with a muscular foot. Crabs moult when their shell is outgrown."


class Model:
    """A model plugin that answers as it is told, and keeps what it was asked and told."""

    def __init__(self) -> None:
        self.answer: Callable[[TurnRequest], Iterator[Event]] | None = None
        self.find: Callable[[str], list[Passage]] | None = None
        self.requests: list[TurnRequest] = []
        self.finished: list[tuple[Session | None, Turn]] = []

    @hookimpl
    def complete_turn(self, request: TurnRequest) -> Iterator[Event] | None:
        self.requests.append(request)
        return self.answer(request) if self.answer else None

    @hookimpl
    def find_passages(self, question: str) -> list[Passage] | None:
        return self.find(question) if self.find else None

    @hookimpl
    def turn_finished(self, session: Session | None, turn: Turn) -> None:
        self.finished.append((session, turn))


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def engine(settings: Settings, model: Model) -> Iterator[Engine]:
    chosen = settings.model_copy(update={"streams": 3})
    engine = Engine.open(chosen, plugins=[("model", model)])
    yield engine
    assert engine.chat.open_streams == 0
    engine.close()


@pytest.fixture
def ask(engine: Engine, mentor: Mentor):
    """Ask the mentor of the shore."""
    engine.datasets.add(
        mentor.organization_id, mentor.id, "shore.md", "", io.BytesIO(SHORE.encode())
    )

    def ask(message: str = "What do limpets hold on with?", **facts) -> Iterator[Event]:
        return engine.chat.answer(
            organization_id=mentor.organization_id, mentor_id=mentor.id, message=message, **facts
        )

    return ask


@pytest.fixture
def read_turns(engine: Engine, mentor: Mentor):
    """The kept turns of the only conversation, or of the one named."""

    def read_turns(conversation_id: str = "") -> list[Turn]:
        place = (mentor.organization_id, mentor.id)
        kept = conversation_id or engine.conversations.list(*place)[0].id
        return list(engine.conversations.turns(*place, kept))

    return read_turns


@pytest.fixture
def admit(engine: Engine, mentor: Mentor):
    def admit(subject: str) -> Session:
        return engine.admit(
            Launch(
                organization_id=mentor.organization_id,
                registration_id="r",
                deployment_id="1",
                issuer="https://lms.example",
                client_id="c",
                family_code="",
                message_type="LtiResourceLinkRequest",
                subject=subject,
                role=Role.LEARNER,
                target="/",
            )
        )

    return admit


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TokenEvent))


def say(*pieces: str) -> Callable[[TurnRequest], Iterator[Event]]:
    def answer(_request: TurnRequest) -> Iterator[Event]:
        yield from (TokenEvent(piece) for piece in pieces)
        yield DoneEvent({"total_tokens": len(pieces)})

    return answer


def test_answer_streams_start_tokens_sources_and_done(ask, read_turns):
    events = list(ask())

    (turn,) = read_turns()
    assert events[0] == StartEvent(turn.conversation_id, turn.id)
    assert all(isinstance(event, TokenEvent) for event in events[1:-2])
    assert isinstance(events[-2], SourcesEvent)
    assert events[-1] == DoneEvent()


def test_answer_is_kept_as_it_was_streamed(ask, read_turns):
    events = list(ask())

    (turn,) = read_turns()
    assert turn.reply == text_of(events)
    assert (turn.status, turn.weak_match) == ("done", False)
    assert turn.citations == events[-2].citations
    assert turn.citations[0].quote == "Limpets hold on with a muscular foot."


def test_turn_is_kept_before_the_first_event_is_asked_for(ask, read_turns):
    events = ask("Why do crabs moult?")

    (turn,) = read_turns()
    assert (turn.message, turn.status) == ("Why do crabs moult?", "writing")
    list(events)


def test_conversation_goes_on_and_a_follow_up_is_understood(ask, read_turns, model: Model):
    first, *_ = ask("What do limpets hold on with?")

    again = list(ask("why?", conversation_id=first.conversation_id))

    assert again[0].conversation_id == first.conversation_id
    assert [turn.message for turn in read_turns()] == ["What do limpets hold on with?", "why?"]
    assert model.requests[1].earlier[0].message == "What do limpets hold on with?"
    assert model.requests[1].passages


def test_answer_without_a_match_says_so_and_is_kept_as_weak(ask, read_turns):
    events = list(ask("xyzzy"))

    (turn,) = read_turns()
    assert "nothing" in text_of(events)
    assert (turn.status, turn.weak_match, turn.citations) == ("done", True, ())


@pytest.mark.parametrize("message", ["", "   \n", "\x00", "x" * 8_001])
def test_message_must_be_there_and_not_too_long(ask, engine: Engine, mentor: Mentor, message: str):
    with pytest.raises(InputRejected) as caught:
        ask(message)

    assert list(caught.value.errors) == ["prompt"]
    assert engine.conversations.count(mentor.organization_id, mentor.id) == 0


@pytest.mark.parametrize("message", ["crab\x00s", "crab \ud800", "<b>crab</b> ' OR 1=1 --"])
def test_any_other_message_is_answered(ask, read_turns, message: str):
    assert isinstance(list(ask(message))[-1], DoneEvent)
    assert "crab" in read_turns()[0].message


def test_another_mentors_conversation_is_not_there(ask, engine: Engine, mentor: Mentor):
    other = engine.mentors.add(mentor.organization_id, "Dunes")
    theirs = engine.conversations.open(other.organization_id, other.id).id

    for conversation_id in (theirs, "no such conversation", "\ud800", "\x00"):
        with pytest.raises(NotFound):
            ask(conversation_id=conversation_id)


def test_person_reaches_only_their_own_conversations(ask, admit):
    mia, ben = admit("mia"), admit("ben")
    start, *_ = ask(session=mia)
    mine = start.conversation_id

    list(ask(session=mia, conversation_id=mine))
    with pytest.raises(NotFound):
        ask(session=ben, conversation_id=mine)


def test_key_goes_on_with_conversations_of_keys_and_of_no_person(ask, admit, read_turns):
    start, *_ = ask(session=admit("mia"))
    begun, *_ = ask(key_id="k")

    list(ask(key_id="other", conversation_id=begun.conversation_id))
    with pytest.raises(NotFound):
        list(ask(key_id="k", conversation_id=start.conversation_id))

    assert len(read_turns(begun.conversation_id)) == 2
    assert len(read_turns(start.conversation_id)) == 1


def test_unknown_mentor_is_not_there(engine: Engine, mentor: Mentor):
    with pytest.raises(NotFound):
        engine.chat.answer(
            organization_id="another organization", mentor_id=mentor.id, message="Hi"
        )


def test_answer_uses_only_the_documents_it_is_told(ask, engine: Engine, mentor: Mentor):
    place = (mentor.organization_id, mentor.id)
    other = engine.datasets.add(*place, "b.txt", "", io.BytesIO(b"Limpets are grey."))

    events = list(ask("What do limpets hold on with?", document_ids=[other.id]))

    assert {citation.document_name for citation in events[-2].citations} == {"b.txt"}


def test_models_words_are_passed_on_and_kept(ask, read_turns, model: Model):
    model.answer = say("With ", "", "a foot.")

    events = list(ask())

    assert events[1:] == [
        TokenEvent("With "),
        TokenEvent("a foot."),
        DoneEvent({"total_tokens": 3}),
    ]
    assert read_turns()[0].reply == "With a foot."


def test_model_is_told_what_it_needs(ask, model: Model, mentor: Mentor):
    list(ask("What do limpets hold on with?"))

    (request,) = model.requests
    assert request.mentor_name == mentor.display_name
    assert request.system_prompt == mentor.system_prompt
    assert request.passages[0].heading == "Shore"
    assert not request.weak_match


def fail_at_once(_request: TurnRequest) -> Iterator[Event]:
    raise ModelUnavailable


def fail_before_a_word(_request: TurnRequest) -> Iterator[Event]:
    yield SourcesEvent(())
    raise RuntimeError("secret of the model's server")


def say_nothing(_request: TurnRequest) -> Iterator[Event]:
    yield DoneEvent()


def end_without_a_word(_request: TurnRequest) -> Iterator[Event]:
    return iter(())


def report_an_error(_request: TurnRequest) -> Iterator[Event]:
    yield ErrorEvent("quota", "No more tokens today.")


def talk_nonsense(_request: TurnRequest) -> Iterator[Event]:
    yield "not an event"  # type: ignore[misc]


@pytest.mark.parametrize(
    "answer",
    [
        fail_at_once,
        fail_before_a_word,
        say_nothing,
        end_without_a_word,
        report_an_error,
        talk_nonsense,
    ],
)
def test_quotes_step_in_when_the_model_fails_before_its_first_word(
    ask, read_turns, model: Model, answer
):
    model.answer = answer

    events = list(ask())

    assert "muscular foot" in text_of(events)
    assert events[-1] == DoneEvent()
    assert read_turns()[0].status == "done"


def break_off(error: Exception) -> Callable[[TurnRequest], Iterator[Event]]:
    def answer(_request: TurnRequest) -> Iterator[Event]:
        yield TokenEvent("With a")
        raise error

    return answer


@pytest.mark.parametrize(
    ("error", "code"),
    [(ModelUnavailable(), "model_unavailable"), (RuntimeError("secret"), "model_error")],
)
def test_answer_that_breaks_off_ends_with_an_error_event(
    ask, read_turns, model: Model, error: Exception, code: str
):
    model.answer = break_off(error)

    events = list(ask())

    (turn,) = read_turns()
    assert events[1] == TokenEvent("With a")
    assert isinstance(events[-1], ErrorEvent)
    assert events[-1].code == code
    assert "secret" not in events[-1].detail
    assert (turn.reply, turn.status) == ("With a", "failed")


def test_answer_without_end_is_cut(ask, read_turns, model: Model):
    def babble(_request: TurnRequest) -> Iterator[Event]:
        while True:
            yield TokenEvent("bla " * 1_000)

    model.answer = babble

    assert isinstance(list(ask())[-1], ErrorEvent)
    assert read_turns()[0].status == "failed"


def test_citation_counts_only_if_its_passage_was_found(ask, read_turns, model: Model):
    def cite(request: TurnRequest) -> Iterator[Event]:
        found = request.passages[0]
        true = Citation(1, found.id, "x", "made up", "made up", "muscular foot")
        yield TokenEvent("Foot [1] [2] [3]")
        yield SourcesEvent(
            (
                true,
                Citation(2, found.id, "x", "made up", "made up", "never said"),
                Citation(3, 999, "x", "made up", "made up", "muscular foot"),
            )
        )
        yield DoneEvent()

    model.answer = cite

    list(ask())

    first, second = read_turns()[0].citations
    assert (first.quote, first.document_name, first.heading) == (
        "muscular foot",
        "shore.md",
        "Shore",
    )
    assert (second.n, second.quote) == (2, "")


def test_closed_answer_is_kept_as_stopped_and_stops_the_model(ask, read_turns, model: Model):
    stopped = []

    def speak(_request: TurnRequest) -> Iterator[Event]:
        try:
            yield TokenEvent("With ")
            yield TokenEvent("a foot.")
        finally:
            stopped.append(True)

    model.answer = speak
    events = ask()
    next(events)
    next(events)

    events.close()

    (turn,) = read_turns()
    assert (turn.reply, turn.status) == ("With ", "stopped")
    assert stopped == [True]


def test_answer_that_nobody_began_to_read_is_kept_as_stopped(ask, read_turns, engine: Engine):
    events = ask()
    assert engine.chat.open_streams == 1

    del events

    assert read_turns()[0].status == "stopped"
    assert engine.chat.open_streams == 0


def test_answer_read_to_its_end_stays_done_when_closed(ask, read_turns):
    events = ask()
    list(events)

    events.close()

    assert read_turns()[0].status == "done"


def test_growing_answer_is_kept_for_a_page_loaded_anew(
    ask, read_turns, model: Model, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(chat_module, "KEPT_EVERY_SECONDS", 0.0)
    model.answer = say("With ", "a ", "foot.")
    events = ask()

    for _ in range(3):
        next(events)

    (turn,) = read_turns()
    assert (turn.reply, turn.status) == ("With a ", "writing")
    events.close()


def test_no_more_answers_at_once_than_there_is_room_for(ask, engine: Engine, mentor: Mentor):
    held = [ask() for _ in range(3)]

    with pytest.raises(TooManyStreams):
        ask()

    assert engine.conversations.count(mentor.organization_id, mentor.id) == 3
    held.pop()
    list(ask())


def test_room_is_given_back_on_every_way_out(ask, engine: Engine, model: Model):
    for _ in range(5):
        with pytest.raises(NotFound):
            ask(conversation_id="no such")
        with pytest.raises(InputRejected):
            ask("")
        list(ask())
        ask().close()
        model.answer = break_off(RuntimeError())
        list(ask())
        model.answer = None

    assert engine.chat.open_streams == 0


def test_many_threads_ask_at_once_and_each_gets_an_answer_or_a_clear_no(ask, engine: Engine):
    def try_to_ask(_: int) -> str:
        try:
            return type(list(ask())[-1]).__name__
        except TooManyStreams:
            return "TooManyStreams"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(try_to_ask, range(40)))

    assert set(outcomes) <= {"DoneEvent", "TooManyStreams"}
    assert "DoneEvent" in outcomes
    assert engine.chat.open_streams == 0


def test_plugins_are_told_once_when_a_turn_is_finished(ask, admit, model: Model):
    session = admit("mia")

    list(ask(session=session))
    ask(key_id="k").close()

    assert [(told, turn.status) for told, turn in model.finished] == [
        (session, "done"),
        (None, "stopped"),
    ]


def test_own_search_steps_in_when_a_finding_plugin_fails(ask, model: Model):
    def fail(_question: str) -> list[Passage]:
        raise RuntimeError

    model.find = fail

    assert "muscular foot" in text_of(list(ask()))


def test_plugins_passages_are_used(ask, model: Model):
    model.find = lambda question: [
        Passage(5, "d", "Films", "", 0, 0, 9, "Limpets graze at night.", score=1.0, matched=1.0)
    ]

    events = list(ask("What do limpets do?"))

    assert events[-2].citations[0].quote == "Limpets graze at night."


def test_person_asks_through_the_engine(engine: Engine, ask, admit):
    events = list(engine.ask(admit("mia"), "What do limpets hold on with?"))

    assert "muscular foot" in text_of(events)
