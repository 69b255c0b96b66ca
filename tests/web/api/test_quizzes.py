import pytest

from mentorai.web.api.quizzes import EXAMPLE


def test_quiz_is_made_replaced_and_deleted(api):
    made = api.post("/api/v1/quizzes", json=EXAMPLE)
    where = f"/api/v1/quizzes/{made.json['id']}"

    replaced = api.put(where, json=EXAMPLE | {"title": "Another title"})
    deleted = api.delete(where)

    assert made.status_code == 201
    assert made.json["maximum"] == 3
    assert all(question["id"] for question in made.json["questions"])
    assert replaced.json["title"] == "Another title"
    assert deleted.status_code == 204
    assert api.get(where).status_code == 404


def test_quizzes_are_listed(api, quiz):
    listed = api.get("/api/v1/quizzes").json

    assert listed["count"] == 1
    assert listed["results"][0]["id"] == quiz.id
    assert api.get("/api/v1/quizzes/latest").json == listed["results"][0]


def test_attempts_tell_who_took_a_quiz_and_how(api, quiz, grade, session):
    (attempt,) = api.get(f"/api/v1/quizzes/{quiz.id}/attempts").json["results"]

    assert attempt["user"] == session.person_id
    assert attempt["status"] == "submitted"
    assert (attempt["score_given"], attempt["score_maximum"]) == (2, 2)


@pytest.mark.parametrize(
    "body",
    [
        {},
        EXAMPLE | {"title": ""},
        EXAMPLE | {"title": "x" * 201},
        EXAMPLE | {"keep": "worst"},
        EXAMPLE | {"attempts_allowed": -1},
        EXAMPLE | {"questions": [{"kind": "essay", "prompt": "?"}]},
        EXAMPLE | {"questions": [{"kind": "choice", "prompt": "?", "options": ["a"], "answer": 0}]},
        EXAMPLE | {"questions": [{"kind": "true_false", "prompt": "?", "answer": "yes"}]},
        EXAMPLE | {"questions": "none"},
        EXAMPLE | {"secret<b>": 1},
    ],
    ids=range(10),
)
def test_wrong_quiz_is_refused_and_nothing_is_kept(api, body):
    answer = api.post("/api/v1/quizzes", json=body)

    assert answer.status_code == 422
    assert answer.json["errors"]
    assert "essay" not in answer.text
    assert "secret" not in answer.text
    assert api.get("/api/v1/quizzes").json["count"] == 0


def test_quiz_that_is_not_there_is_not_made_by_replacing_it(api):
    assert api.put("/api/v1/quizzes/nothing", json=EXAMPLE).status_code == 404
