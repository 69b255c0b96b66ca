import io
import json
import signal
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
import time_machine

from mentorai.core.clock import now
from mentorai.core.errors import Conflict
from mentorai.core.idempotency import RepeatableCalls
from tests.fakes.platforms import running_app

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


def test_fifty_threads_that_send_one_call_at_once_have_one_effect(app, api, key):
    together = threading.Barrier(50)
    headers = NAME | {"X-API-Key": key, "Content-Type": "application/json"}

    def send(address: str) -> tuple[int, str | None, str | None]:
        connection = HTTPConnection(urlsplit(address).netloc, timeout=60)
        together.wait(60)
        connection.request("POST", "/api/v1/sessions", json.dumps(BODY), headers)
        answer = connection.getresponse()
        told = json.loads(answer.read())
        connection.close()
        return answer.status, answer.headers["Idempotency-Replayed"], told.get("session_id")

    with running_app(app) as address, ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(send, [address] * 50))

    kinds = Counter((status, replayed) for status, replayed, _ in answers)
    assert kinds[201, None] == 1
    assert kinds.keys() <= {(201, None), (201, "true"), (409, None)}
    assert len({session for status, _, session in answers if status == 201}) == 1
    assert count(api) == 1


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


KILLED = """
import json, os, signal, sys
from sqlalchemy import event
from mentorai.core.engine import Engine
from mentorai.core.settings import Settings
from mentorai.web.app import create_app

settings, key, path, body, name, last = json.load(sys.stdin)
engine = Engine.open(Settings(**settings), plugins=[])

def die(statement):
    if statement.startswith(last):
        os.kill(os.getpid(), signal.SIGKILL)

def trace(connection, *_more):
    # What is prepared goes past SQLAlchemy's events.
    connection.set_trace_callback(die)

database = engine.database
if database.is_sqlite:
    event.listen(database.engine, "checkout", trace)
else:
    event.listen(database.engine, "after_cursor_execute", lambda _1, _2, said, *_more: die(said))
create_app(engine).test_client().post(
    f"/api/v1/{path}", json=body, headers=name | {"X-API-Key": key}
)
"""


@pytest.fixture
def kill_in_call(settings, key):
    """Have another process answer a call, and be killed when it has sent the statement `last`."""

    def kill(path, body, last):
        known = settings.model_dump(mode="json", include={"data_dir", "database_url"})
        told = json.dumps([known, key, path, body, NAME, last])
        died = subprocess.run([sys.executable, "-c", KILLED], input=told, text=True, timeout=180)
        assert died.returncode == -signal.SIGKILL

    return kill


@pytest.mark.parametrize("last", ["INSERT INTO conversations", "UPDATE repeatable_calls"])
def test_call_whose_process_was_killed_happens_once_and_at_once(api, kill_in_call, last):
    kill_in_call("sessions", BODY, last)

    first = api.post("/api/v1/sessions", json=BODY, headers=NAME)
    second = api.post("/api/v1/sessions", json=BODY, headers=NAME)

    assert (first.status_code, second.json) == (201, first.json)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert count(api) == 1


WAITING = (
    ("chat", {"prompt": "scar"}, "INSERT INTO turns", 200),
    ("datasets", {"name": "Kelp.md", "text": "# Kelp\n\nIt holds."}, "INSERT INTO passages", 201),
    ("enrollments/bulk", {"enrollments": [{"user": "s1"}]}, "INSERT INTO campus_enrolments", 200),
)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells that a process is dead")
@pytest.mark.parametrize(("path", "body", "last", "status"), WAITING)
def test_call_that_waits_is_tried_again_at_once_when_its_process_was_killed(
    api, dataset, kill_in_call, path, body, last, status
):
    kill_in_call(path, body, last)

    tried = api.post(f"/api/v1/{path}", json=body, headers=NAME)
    again = api.post(f"/api/v1/{path}", json=body, headers=NAME)

    assert (tried.status_code, "Idempotency-Replayed" in tried.headers) == (status, False)
    assert (again.json, again.headers["Idempotency-Replayed"]) == (tried.json, "true")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells that a process is dead")
def test_name_that_a_killed_process_held_is_given_to_one_call_alone(
    api, engine, kill_in_call, dataset
):
    kill_in_call("chat", {"prompt": "scar"}, "INSERT INTO turns")
    key_id = api.get("/api/v1/key").json["id"]
    together = threading.Barrier(8)

    def begin(_number):
        together.wait(60)
        with suppress(Conflict):
            return RepeatableCalls(engine.database).begin(key_id, "call-1", "f" * 64)
        return "another was first"

    with ThreadPoolExecutor(8) as pool:
        begun = list(pool.map(begin, range(8)))

    assert begun.count(None) == 1


def test_name_that_is_taken_is_told_within_one_transaction_too(call_as_admin, mentor, key):
    body = {"name": "Key 1", "scopes": ["chat:write"], "mentor": mentor.id}

    clash = call_as_admin("POST", "/api/v1/keys", json=body, headers=NAME)
    other = call_as_admin("POST", "/api/v1/keys", json=body | {"name": "Key 2"}, headers=NAME)

    assert (clash.status_code, list(clash.json["errors"])) == (422, ["name"])
    assert other.status_code == 201


@pytest.mark.parametrize(("seconds", "times"), [(0, 1), (1, 2)])
def test_answer_is_kept_for_a_day(api, seconds, times):
    begun = now()
    with time_machine.travel(begun, tick=False):
        api.post("/api/v1/sessions", json=BODY, headers=NAME)

    with time_machine.travel(begun + timedelta(days=1, seconds=seconds), tick=False):
        answer = api.post("/api/v1/sessions", json=BODY, headers=NAME)

    assert ("Idempotency-Replayed" in answer.headers) is (times == 1)
    assert count(api) == times


def test_upload_sent_again_is_the_same_call_whatever_its_borders(api):
    def send():
        file = (io.BytesIO(b"# Kelp\n\nKelp holds on.\n"), "Kelp.md")
        return api.post("/api/v1/datasets", data={"file": file}, headers=NAME)

    first, second = send(), send()

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json == second.json


def test_part_of_an_upload_that_has_no_name_does_no_harm(api):
    head = "Content-Disposition: form-data"
    parts = (
        (head, "Kelp holds on."),
        (head + '; name="name"', "Kelp.md"),
        (
            head + '; name="file"; filename="k.md"\r\nContent-Type: text/markdown',
            "# Kelp\n\nIt holds.",
        ),
    )
    body = "".join(f"--x\r\n{said}\r\n\r\n{held}\r\n" for said, held in parts) + "--x--\r\n"
    kind = "multipart/form-data; boundary=x"

    answer = api.post("/api/v1/datasets", data=body, content_type=kind, headers=NAME)

    assert (answer.status_code, answer.json["name"]) == (201, "Kelp.md")


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
