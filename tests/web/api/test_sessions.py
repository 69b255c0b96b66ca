import pytest


@pytest.fixture
def conversation(api, dataset) -> str:
    """The id of a conversation of one question."""
    return api.post("/api/v1/chat", json={"prompt": "Where is the scar?"}).json["session_id"]


def test_session_is_begun_and_goes_on(api, dataset):
    made = api.post("/api/v1/sessions", json={"title": "From the API"})

    asked = api.post("/api/v1/chat", json={"prompt": "scar", "session_id": made.json["session_id"]})

    assert made.status_code == 201
    assert made.json["title"] == "From the API"
    assert asked.json["session_id"] == made.json["session_id"]


def test_sessions_are_listed_with_the_last_used_first(api, conversation):
    second = api.post("/api/v1/sessions", json={}).json["session_id"]
    api.post("/api/v1/chat", json={"prompt": "tide", "session_id": conversation})

    listed = api.get("/api/v1/sessions").json

    assert listed["count"] == 2
    assert [one["session_id"] for one in listed["results"]] == [conversation, second]


def test_latest_is_the_one_used_last(api, conversation):
    assert api.get("/api/v1/sessions/latest").json["session_id"] == conversation


def test_messages_have_their_sources(api, conversation, dataset):
    (message,) = api.get(f"/api/v1/sessions/{conversation}/messages").json["results"]

    assert message["prompt"] == "Where is the scar?"
    assert message["status"] == "done"
    assert message["sources"][0]["dataset"] == dataset.id


def test_students_conversation_is_seen_too(api, engine, session, dataset):
    list(engine.ask(session, "Where is the scar?"))

    (found,) = api.get("/api/v1/sessions").json["results"]

    assert found["user"] == session.person_id


def test_deleted_session_is_gone_with_its_messages(api, conversation):
    answer = api.delete(f"/api/v1/sessions/{conversation}")

    assert (answer.status_code, answer.data) == (204, b"")
    assert api.get(f"/api/v1/sessions/{conversation}").status_code == 404
    assert api.get(f"/api/v1/sessions/{conversation}/messages").status_code == 404
    assert api.delete(f"/api/v1/sessions/{conversation}").status_code == 404


def test_latest_is_not_found_when_there_is_none(api):
    assert api.get("/api/v1/sessions/latest").status_code == 404


@pytest.mark.parametrize("title", ["x" * 201, "a\x07b", 7, None])
def test_wrong_title_is_refused(api, title):
    assert api.post("/api/v1/sessions", json={"title": title}).status_code == 422


@pytest.mark.parametrize(
    "session_id", ["x", "'--", "%00", "%ff", "x" * 101, "..%2f..", "%F0%9F%92%A5"]
)
def test_strange_id_is_refused_quietly(api, session_id):
    assert api.get(f"/api/v1/sessions/{session_id}").status_code in (400, 404, 422)
