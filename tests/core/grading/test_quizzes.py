"""Quizzes as an instructor writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentorai.core.engine import Engine
from mentorai.core.errors import InputRejected, NotFound
from mentorai.core.mentors import Mentor
from mentorai.core.questions import OPTIONS, QUESTIONS, read_draft

EVERY_KIND = [
    {"kind": "choice", "prompt": "Pick", "options": ["a", "b"], "answer": 0},
    {"kind": "choices", "prompt": "Pick all", "options": ["a", "b", "c"], "answer": [0, 2]},
    {"kind": "true_false", "prompt": "So?", "answer": True},
    {"kind": "number", "prompt": "How many?", "answer": {"value": 6.02, "tolerance": 0.01}},
    {"kind": "text", "prompt": "Who?", "answer": ["Limpet*"], "points": 2, "feedback": "See 4.2"},
]


def draft(*questions: dict[str, object], **facts: object) -> dict[str, object]:
    return {"title": "Week 1", "questions": list(questions or EVERY_KIND)} | facts


def errors_of(body: object) -> dict[str, list[str]]:
    with pytest.raises(InputRejected) as caught:
        read_draft(body)  # type: ignore[arg-type]
    return caught.value.errors


def test_quiz_is_kept_with_every_kind_of_question(engine: Engine, mentor: Mentor):
    made = engine.quizzes.put(mentor.organization_id, mentor.id, draft(published=True))

    kept = engine.quizzes.get(mentor.organization_id, mentor.id, made.id)
    assert [one["kind"] for one in kept.questions] == [one["kind"] for one in EVERY_KIND]
    assert [one["id"] for one in kept.questions] == ["q1", "q2", "q3", "q4", "q5"]
    assert (kept.maximum, kept.keep, kept.attempts_allowed) == (6, "best", 0)


def test_quiz_that_was_read_can_be_put_back(engine: Engine, mentor: Mentor):
    made = engine.quizzes.put(mentor.organization_id, mentor.id, draft())
    changed = [dict(one) for one in made.questions[1:]]
    new = {"kind": "true_false", "prompt": "New?", "answer": False}

    put = engine.quizzes.put(mentor.organization_id, mentor.id, draft(new, *changed), made.id)

    assert put.id == made.id
    assert [one["id"] for one in put.questions] == ["q1", "q2", "q3", "q4", "q5"]
    assert put.questions[0]["prompt"] == "New?"
    assert put.created_at == made.created_at


def test_quizzes_are_listed_by_title(engine: Engine, mentor: Mentor):
    for title, published in (("B", True), ("A", False)):
        body = draft(title=title, published=published)
        engine.quizzes.put(mentor.organization_id, mentor.id, body)

    every = engine.quizzes.list(mentor.organization_id, mentor.id)
    shown = engine.quizzes.list(mentor.organization_id, mentor.id, published_only=True)

    assert [quiz.title for quiz in every] == ["A", "B"]
    assert [quiz.title for quiz in shown] == ["B"]


def test_quiz_of_another_mentor_is_not_found(engine: Engine, mentor: Mentor):
    other = engine.mentors.add(mentor.organization_id, "Other")
    quiz = engine.quizzes.put(mentor.organization_id, mentor.id, draft())

    with pytest.raises(NotFound):
        engine.quizzes.get(other.organization_id, other.id, quiz.id)
    with pytest.raises(NotFound):
        engine.quizzes.put(other.organization_id, other.id, draft(), quiz.id)
    with pytest.raises(NotFound):
        engine.quizzes.delete(other.organization_id, other.id, quiz.id)
    assert engine.quizzes.list(other.organization_id, other.id) == []


def test_quiz_of_an_unknown_mentor_is_not_made(engine: Engine, mentor: Mentor):
    with pytest.raises(NotFound):
        engine.quizzes.put(mentor.organization_id, "nobody", draft())


def test_deleted_quiz_is_gone(engine: Engine, mentor: Mentor):
    quiz = engine.quizzes.put(mentor.organization_id, mentor.id, draft())

    engine.quizzes.delete(mentor.organization_id, mentor.id, quiz.id)

    with pytest.raises(NotFound):
        engine.quizzes.get(mentor.organization_id, mentor.id, quiz.id)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": 5}, "title"),
        ({"title": "a\x00b"}, "title"),
        ({"title": "a\ud800b"}, "title"),
        ({"keep": "worst"}, "keep"),
        ({"attempts_allowed": -1}, "attempts_allowed"),
        ({"attempts_allowed": 101}, "attempts_allowed"),
        ({"questions": "none"}, "questions"),
        ({"questions": [5]}, "questions.0"),
        ({"questions": EVERY_KIND * (QUESTIONS // 5 + 1)}, "questions"),
        ({"questions": [], "published": True}, "quiz"),
        ({"questions": [{"id": "a"} | EVERY_KIND[0]] * 2}, "quiz"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_wrong_quiz_is_refused_and_the_field_named(change, field):
    assert field in errors_of(draft() | change)


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ({"kind": "riddle", "prompt": "?"}, "questions.0"),
        ({"prompt": "?"}, "questions.0"),
        (EVERY_KIND[0] | {"options": ["a"]}, "questions.0.options"),
        (EVERY_KIND[0] | {"options": [str(n) for n in range(OPTIONS + 1)]}, "questions.0.options"),
        (EVERY_KIND[0] | {"options": ["a", " a "]}, "questions.0"),
        (EVERY_KIND[0] | {"options": ["a", ""]}, "questions.0.options.1"),
        (EVERY_KIND[0] | {"answer": 2}, "questions.0"),
        (EVERY_KIND[0] | {"answer": True}, "questions.0.answer"),
        (EVERY_KIND[0] | {"points": 0}, "questions.0.points"),
        (EVERY_KIND[0] | {"points": float("nan")}, "questions.0.points"),
        (EVERY_KIND[0] | {"prompt": " "}, "questions.0.prompt"),
        (EVERY_KIND[0] | {"prompt": "x" * 5_001}, "questions.0.prompt"),
        (EVERY_KIND[1] | {"answer": []}, "questions.0.answer"),
        (EVERY_KIND[1] | {"answer": [0, 0]}, "questions.0"),
        (EVERY_KIND[1] | {"answer": [3]}, "questions.0"),
        (EVERY_KIND[2] | {"answer": "maybe"}, "questions.0.answer"),
        (EVERY_KIND[3] | {"answer": {"value": float("inf")}}, "questions.0.answer.value"),
        (EVERY_KIND[3] | {"answer": {"value": 1, "tolerance": -1}}, "questions.0.answer.tolerance"),
        (EVERY_KIND[4] | {"answer": []}, "questions.0.answer"),
        (EVERY_KIND[4] | {"answer": ["*"]}, "questions.0"),
        (EVERY_KIND[4] | {"answer": ["?!"]}, "questions.0"),
        (EVERY_KIND[4] | {"answer": ["a*b*c*d*e*f*g"]}, "questions.0"),
    ],
)
def test_wrong_question_is_refused_and_the_field_named(question, field):
    assert field in errors_of(draft(question))


def test_refusal_does_not_repeat_what_was_sent():
    secret = "hunter2"
    body = {
        "title": 5,
        secret + " " * 3: 1,
        "keep": secret,
        "questions": [{"kind": secret}, {"kind": "choice", "answer": secret, "options": secret}],
    }

    assert secret not in str(errors_of(body))


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10)),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["title", "questions", "kind", "answer", "options", "prompt", "x"]),
                inner,
                max_size=5,
            )
        ),
        max_leaves=12,
    )
)
def test_any_body_is_a_draft_or_refused(body):
    try:
        read_draft(body)
    except InputRejected as error:
        assert all(error.errors.values())  # noqa: PT017
