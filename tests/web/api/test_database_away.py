"""A call that PostgreSQL ends is answered 503, with nothing half done, and may be sent again."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from mentorai.core.grades import Grade
from tests.rivals import Rival, rival


def end_them(other: Rival, _grade: Grade) -> None:
    other.end_them()


def end_in_a_deadlock(other: Rival, grade: Grade) -> None:
    other.lock("grade_clocks", mentor_id=grade.mentor_id)


@pytest.fixture(params=[end_in_a_deadlock, end_them], ids=["deadlock", "restart"])
def ended(request, engine, grade) -> Callable[[Callable[[], Any]], Any]:
    """The answer to a call that changes the grade, and that PostgreSQL ended."""

    def end(call: Callable[[], Any]) -> Any:
        answers: list[Any] = []
        thread = threading.Thread(target=lambda: answers.append(call()))
        with rival(engine.database) as other:
            other.lock("grades", id=grade.id)
            thread.start()
            other.wait_for()
            request.param(other, grade)
            thread.join(20)
        return answers[0]

    return end


def test_change_that_is_ended_may_be_sent_again(api, grade, ended):
    path, change = f"/api/v1/grades/{grade.id}", {"score_given": 1}
    before = api.get(path).json

    answer = ended(lambda: api.patch(path, json=change))

    assert (answer.status_code, answer.json["code"]) == (503, "database_unavailable")
    assert answer.mimetype == "application/problem+json"
    assert int(answer.headers["Retry-After"]) > 0
    assert api.get(path).json == before
    assert api.patch(path, json=change).json["score_given"] == 1


def test_named_call_that_is_ended_is_no_answer_to_its_repeat(api, grade, ended):
    headers = {"Idempotency-Key": "once"}
    score = {
        "user": grade.person_id,
        "quiz": grade.quiz_id,
        "resource_link_id": grade.resource_link_id,
        "score_given": 7,
        "score_maximum": 10,
    }

    def send() -> Any:
        return api.post("/api/v1/grades", json=score, headers=headers)

    first, second, third = ended(send), send(), send()

    assert (first.status_code, first.json["code"]) == (503, "database_unavailable")
    assert (second.status_code, "Idempotency-Replayed" in second.headers) == (200, False)
    assert (third.json, third.headers["Idempotency-Replayed"]) == (second.json, "true")


def test_call_whose_key_the_database_could_not_look_up_may_be_sent_again(api, engine):
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(api.get("/api/v1/key")))
    with rival(engine.database) as other:
        other.connection.exec_driver_sql("LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE")
        thread.start()
        other.wait_for()
        other.end_them()
        thread.join(20)

    assert (answers[0].status_code, answers[0].json["code"]) == (503, "database_unavailable")
    assert api.get("/api/v1/key").status_code == 200
