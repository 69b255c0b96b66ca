import io
from datetime import timedelta

import pytest
import time_machine

from mentorai.core.clock import now
from mentorai.core.errors import Conflict
from mentorai.core.idempotency import RepeatableCalls

NAME = {"Idempotency-Key": "call-1"}
BODY = {"title": "Once"}


def count(api) -> int:
    return api.get("/api/v1/sessions").json["count"]


def test_call_sent_again_happens_once_and_is_answered_the_same(api):
    first = api.post("/api/v1/sessions", json=BODY, headers=NAME)

    second = api.post("/api/v1/sessions", json=BODY, headers=NAME)

    assert (second.status_code, second.json) == (first.status_code, first.json) == (201, first.json)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert count(api) == 1


def test_name_belongs_to_one_call(api):
    api.post("/api/v1/sessions", json=BODY, headers=NAME)

    other_body = api.post("/api/v1/sessions", json={"title": "Twice"}, headers=NAME)
    other_path = api.post("/api/v1/quizzes", json={"title": "Once"}, headers=NAME)

    assert other_body.status_code == other_path.status_code == 422
    assert other_body.json["errors"].keys() == {"Idempotency-Key"}
    assert count(api) == 1


def test_same_name_of_another_key_is_another_call(api, client, make_key):
    api.post("/api/v1/sessions", json=BODY, headers=NAME)

    client.post("/api/v1/sessions", json=BODY, headers=NAME | {"X-API-Key": make_key()})

    assert count(api) == 2


def test_failed_call_is_tried_again(api):
    failed = api.post("/api/v1/sessions", json={"title": 7}, headers=NAME)

    tried = api.post("/api/v1/sessions", json=BODY, headers=NAME)

    assert failed.status_code == 422
    assert tried.status_code == 201


def test_call_that_is_being_answered_is_refused(api, engine):
    calls = RepeatableCalls(engine.database)
    key_id = api.get("/api/v1/key").json["id"]
    calls.begin(key_id, "call-2", "f" * 64)

    with pytest.raises(Conflict):
        calls.begin(key_id, "call-2", "f" * 64)


def test_call_whose_process_died_is_tried_again_after_a_while(engine):
    calls = RepeatableCalls(engine.database)
    calls.begin("key", "call", "f" * 64)

    with time_machine.travel(now() + timedelta(minutes=11), tick=False):
        assert calls.begin("key", "call", "f" * 64) is None


def test_answer_is_kept_for_a_day(api):
    api.post("/api/v1/sessions", json=BODY, headers=NAME)

    with time_machine.travel(now() + timedelta(hours=25), tick=False):
        answer = api.post("/api/v1/sessions", json=BODY, headers=NAME)

    assert "Idempotency-Replayed" not in answer.headers
    assert count(api) == 2


def test_upload_sent_again_is_the_same_call_whatever_its_borders(api):
    def send():
        file = (io.BytesIO(b"# Kelp\n\nKelp holds on.\n"), "Kelp.md")
        return api.post("/api/v1/datasets", data={"file": file}, headers=NAME)

    first, second = send(), send()

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json == second.json


def test_answer_by_the_mentor_is_not_asked_for_twice(api, dataset):
    first = api.post("/api/v1/chat", json={"prompt": "scar"}, headers=NAME).json

    second = api.post("/api/v1/chat", json={"prompt": "scar"}, headers=NAME).json

    assert second == first
    assert api.get("/api/v1/sessions/latest/messages").json["count"] == 1


def test_stream_cannot_be_repeated(api):
    answer = api.post(
        "/api/v1/chat", json={"prompt": "scar"}, headers=NAME | {"Accept": "text/event-stream"}
    )

    assert answer.status_code == 422


@pytest.mark.parametrize("name", ["", "a b", "x" * 256, "n\u00e4me"])
def test_wrong_name_is_refused(api, name):
    sent = {"Idempotency-Key": name.encode().decode("latin-1")}

    assert api.post("/api/v1/sessions", json=BODY, headers=sent).status_code == 422
