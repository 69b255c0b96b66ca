"""A call that PostgreSQL ends is answered 503, with nothing half done, and may be sent again."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.rivals import rival


@pytest.fixture
def end_in_a_deadlock(engine, grade) -> Callable[[Callable[[], Any]], Any]:
    """The answer to a call that changes the grade, while somebody else did so in another order."""

    def end(call: Callable[[], Any]) -> Any:
        answers: list[Any] = []
        thread = threading.Thread(target=lambda: answers.append(call()))
        with rival(engine.database) as other:
            other.lock("grades", id=grade.id)
            thread.start()
            other.wait_for()
            other.lock("grade_clocks", mentor_id=grade.mentor_id)
            thread.join(20)
        return answers[0]

    return end


def test_change_that_ends_in_a_deadlock_may_be_sent_again(api, grade, end_in_a_deadlock):
    path, change = f"/api/v1/grades/{grade.id}", {"score_given": 1}
    before = api.get(path).json

    answer = end_in_a_deadlock(lambda: api.patch(path, json=change))

    assert (answer.status_code, answer.json["code"]) == (503, "database_unavailable")
    assert answer.mimetype == "application/problem+json"
    assert int(answer.headers["Retry-After"]) > 0
    assert api.get(path).json == before
    assert api.patch(path, json=change).json["score_given"] == 1


def test_named_call_that_ends_in_a_deadlock_is_no_answer_to_its_repeat(
    api, grade, end_in_a_deadlock
):
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

    first, second, third = end_in_a_deadlock(send), send(), send()

    assert (first.status_code, first.json["code"]) == (503, "database_unavailable")
    assert (second.status_code, "Idempotency-Replayed" in second.headers) == (200, False)
    assert (third.json, third.headers["Idempotency-Replayed"]) == (second.json, "true")
