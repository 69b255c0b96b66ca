import json
import threading
import time
from collections.abc import Iterator

import pytest

from mentorai.core import hookimpl
from mentorai.core.engine import Engine
from mentorai.core.errors import ModelUnavailable
from mentorai.core.settings import Settings
from mentorai.core.values import DoneEvent, Event, TokenEvent, TurnRequest
from mentorai.web.app import create_app

SSE = {"Accept": "text/event-stream"}
QUESTION = {"prompt": "Why does a limpet return to its scar?"}


def read_events(text: str) -> list[tuple[str, object]]:
    """Server-sent events as a browser reads them; comments are left out."""
    events = []
    for block in text.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if lines:
            events.append((lines["event"], json.loads(lines["data"])))
    return events


def test_answer_cites_the_material(api, dataset):
    answer = api.post("/api/v1/chat", json=QUESTION)

    assert answer.status_code == 200
    assert "scar" in answer.json["reply"]
    assert answer.json["eos"] is True
    source = answer.json["sources"][0]
    assert (source["n"], source["dataset"], source["document"]) == (1, dataset.id, "Tides.md")
    assert source["heading"] == "Limpets"


def test_cited_passage_can_be_read_where_it_says(api, dataset):
    source = api.post("/api/v1/chat", json=QUESTION).json["sources"][0]

    passage = api.get(source["url"].removeprefix("http://localhost:8000")).json

    assert source["quote"] in passage["text"]


def test_stream_has_the_events_that_were_promised(api, dataset):
    answer = api.post("/api/v1/chat", json=QUESTION, headers=SSE)

    events = read_events(answer.text)
    names = [name for name, _ in events]
    facts = dict(events)
    assert answer.mimetype == "text/event-stream"
    assert answer.headers["X-Accel-Buffering"] == "no"
    assert (names[0], names[-1]) == ("start", "done")
    assert set(names[1:-1]) == {"token", "sources"}
    assert facts["start"]["session_id"]
    assert facts["done"] == {"eos": True, "usage": {}}
    assert facts["sources"][0]["document"] == "Tides.md"


def test_stream_and_json_say_the_same(api, dataset):
    whole = api.post("/api/v1/chat", json=QUESTION).json
    events = read_events(api.post("/api/v1/chat", json=QUESTION, headers=SSE).text)

    tokens = "".join(facts["data"] for name, facts in events if name == "token")

    assert tokens == whole["reply"]
    assert dict(events)["sources"] == whole["sources"]


def test_conversation_goes_on_with_its_session_id(api, dataset):
    first = api.post("/api/v1/chat", json=QUESTION).json["session_id"]

    second = api.post("/api/v1/chat", json=QUESTION | {"session_id": first}).json["session_id"]

    messages = api.get(f"/api/v1/sessions/{first}/messages").json
    assert second == first
    assert [message["prompt"] for message in messages["results"]] == [QUESTION["prompt"]] * 2


def test_document_filter_limits_the_sources(api, engine, mentor, dataset):
    answer = api.post("/api/v1/chat", json=QUESTION | {"document_filter": [dataset.id]})
    wrong = api.post("/api/v1/chat", json=QUESTION | {"document_filter": ["nothing"]})

    assert {source["dataset"] for source in answer.json["sources"]} == {dataset.id}
    assert wrong.status_code == 404


def test_mentor_without_material_says_so(api):
    answer = api.post("/api/v1/chat", json=QUESTION)

    assert answer.status_code == 200
    assert answer.json["reply"]
    assert answer.json["sources"] == []


@pytest.mark.parametrize(
    "prompt",
    [
        '" OR 1=1 --',
        "'; DROP TABLE turns; --",
        'NEAR("a" "b") AND (c* OR -d) ^e {f g} : h',
        "<script>alert(1)</script>",
        "💥 ﷽ \u202e \u200b",
        "*" * 500,
        "-",
        "AND OR NOT",
    ],
)
def test_any_message_is_answered(api, dataset, prompt):
    assert api.post("/api/v1/chat", json={"prompt": prompt}).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"prompt": ""},
        {"prompt": "   "},
        {"prompt": None},
        {"prompt": 7},
        {"prompt": ["a"]},
        {"prompt": "x" * 8001},
        {"prompt": "x", "session_id": 7},
        {"prompt": "x", "document_filter": "all"},
        {"prompt": "x", "temperature": 2},
    ],
    ids=str,
)
def test_wrong_question_is_refused_before_the_stream_begins(api, body):
    answer = api.post("/api/v1/chat", json=body, headers=SSE)

    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"


def test_unknown_conversation_is_refused_before_the_stream_begins(api):
    answer = api.post("/api/v1/chat", json=QUESTION | {"session_id": "x"}, headers=SSE)

    assert answer.status_code == 404


# --- with a model that takes its time -----------------------------------------------------


class Model:
    """A model plugin that says what a test wants, when it wants it."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.closed = threading.Event()
        self.said: list[str] = []

    @hookimpl
    def complete_turn(self, request: TurnRequest) -> Iterator[Event]:
        return self.speak()

    def speak(self) -> Iterator[Event]:
        try:
            yield TokenEvent("Well, ")
            self.go_on.wait(10)
            for number in range(1000):
                self.said.append(str(number))
                yield TokenEvent(f"{number} ")
                time.sleep(0.01)
            yield DoneEvent()
        finally:
            self.closed.set()


class BrokenModel:
    @hookimpl
    def complete_turn(self, request: TurnRequest) -> Iterator[Event]:
        yield TokenEvent("Well, ")
        raise ModelUnavailable


@pytest.fixture
def open_api(data_dir):
    """Make a client with a key on an engine with this plugin."""
    engines = []

    def make(plugin: object, **settings):
        engine = Engine.open(Settings(data_dir=data_dir, **settings), plugins=[("model", plugin)])
        engines.append(engine)
        organization_id = engine.organizations.get().id
        mentor = engine.mentors.add(organization_id, "Tidal Pools")
        key = engine.keys.issue(
            organization_id,
            mentor.id,
            name="Test",
            scopes=["chat:write", "sessions:read"],
            expires_at=None,
            author="test",
        )
        client = create_app(engine).test_client()
        client.environ_base["HTTP_X_API_KEY"] = key.text
        return client

    yield make
    for engine in engines:
        engine.close()


def test_stream_shows_a_sign_of_life_while_the_model_thinks(open_api, monkeypatch):
    monkeypatch.setattr("mentorai.web.streams.HEARTBEAT_SECONDS", 0.05)
    model = Model()
    answer = open_api(model).post("/api/v1/chat", json=QUESTION, headers=SSE)
    frames = iter(answer.response)

    read = [next(frames) for _ in range(6)]
    answer.close()
    model.go_on.set()
    assert model.closed.wait(30)

    assert read[0].startswith(b"event: start")
    assert b'"Well, "' in read[1]
    assert read[-1].startswith(b":")


def test_closing_the_stream_stops_the_model_and_keeps_what_was_said(open_api):
    model = Model()
    model.go_on.set()
    client = open_api(model)
    answer = client.post("/api/v1/chat", json=QUESTION, headers=SSE)
    frames = iter(answer.response)
    for _ in range(5):
        next(frames)

    answer.close()

    assert model.closed.wait(30)
    assert len(model.said) < 100
    message = _settled(client)
    assert message["status"] == "stopped"
    assert message["reply"].startswith("Well, ")


def test_more_streams_than_the_process_can_serve_are_sent_away(open_api):
    model = Model()
    client = open_api(model, threads=4, streams=1)
    first = client.post("/api/v1/chat", json=QUESTION, headers=SSE)
    next(iter(first.response))

    second = client.post("/api/v1/chat", json=QUESTION, headers=SSE)
    first.close()
    model.go_on.set()
    assert model.closed.wait(30)

    assert (second.status_code, second.json["code"]) == (503, "busy")
    assert int(second.headers["Retry-After"]) > 0


def test_failure_after_the_first_token_is_an_event(open_api):
    answer = open_api(BrokenModel()).post("/api/v1/chat", json=QUESTION, headers=SSE)

    events = read_events(answer.text)
    assert answer.status_code == 200
    assert events[-1][0] == "error"
    assert events[-1][1]["code"] == "model_unavailable"


def test_failure_after_the_first_token_is_an_error_when_json_was_asked_for(open_api):
    answer = open_api(BrokenModel()).post("/api/v1/chat", json=QUESTION)

    assert (answer.status_code, answer.json["code"]) == (502, "model_unavailable")


def _settled(client) -> dict:
    for _ in range(100):
        messages = client.get("/api/v1/sessions/latest/messages").json["results"]
        if messages[-1]["status"] != "writing":
            break
        time.sleep(0.05)
    return messages[-1]


def test_key_does_not_go_on_with_what_a_person_said(api, engine, session, dataset):
    list(engine.ask(session, "Where is the scar?"))
    theirs = api.get("/api/v1/sessions/latest").json["session_id"]

    answer = api.post("/api/v1/chat", json=QUESTION | {"session_id": theirs})

    assert answer.status_code == 404
    assert api.get(f"/api/v1/sessions/{theirs}/messages").json["count"] == 1


class Listening:
    """A model plugin that says what it was told."""

    def __init__(self) -> None:
        self.told: list[TurnRequest] = []

    @hookimpl
    def complete_turn(self, request: TurnRequest) -> Iterator[Event]:
        self.told.append(request)
        return iter([TokenEvent("Yes."), DoneEvent()])


def test_model_is_told_the_page_once_and_what_was_said_of_the_conversation(api, engine):
    model = Listening()
    engine.plugins.add(model, "listening")
    facts = {"week": 5, "course": "BIO-1", "draft": True, "share": 0.5}
    page = "# The page that she reads"

    first = api.post(
        "/api/v1/chat", json={**QUESTION, "page_content": page, "metadata": facts}
    ).json["session_id"]
    changes = {"session_id": first, "metadata": {"week": 6, "draft": None}}
    api.post("/api/v1/chat", json=QUESTION | changes)

    assert [told.page_content for told in model.told] == [page, ""]
    later = {"week": 6, "course": "BIO-1", "share": 0.5}
    assert [told.metadata for told in model.told] == [facts, later]
    assert api.get(f"/api/v1/sessions/{first}").json["metadata"] == later
    assert page not in api.get(f"/api/v1/sessions/{first}/messages").text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("metadata", {"a": {"b": 1}}),
        ("metadata", {"a": [1]}),
        ("metadata", {"": 1}),
        ("metadata", {"a": "x" * 1_001}),
        ("metadata", {str(number): 1 for number in range(51)}),
        ("metadata", None),
        ("page_content", "x" * 50_001),
        ("page_content", 5),
    ],
)
def test_what_comes_along_with_a_question_is_of_measure(api, engine, mentor, field, value):
    answer = api.post("/api/v1/chat", json=QUESTION | {field: value})

    assert answer.status_code == 422
    assert [name.split(".")[0] for name in answer.json["errors"]] == [field]
    assert engine.conversations.count(mentor.organization_id, mentor.id) == 0


def test_conversation_has_no_more_facts_than_it_may(api):
    many = {str(number): 1 for number in range(50)}
    begun = api.post("/api/v1/sessions", json={"metadata": many}).json

    more = {"session_id": begun["session_id"], "metadata": {"one": 1}}
    answer = api.post("/api/v1/chat", json=QUESTION | more)

    assert begun["metadata"] == many
    assert (answer.status_code, list(answer.json["errors"])) == (422, ["metadata"])
