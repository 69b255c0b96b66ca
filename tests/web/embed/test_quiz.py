import re

import pytest

from mentorai.core.values import Role
from tests.fakes.visitor import Visitor, open_session

RIGHT = {
    "answer-q1": "1",
    "answer-q2": ["0", "2"],
    "answer-q3": "false",
    "answer-q4": "2",
    "answer-q5": "a sea star",
}


@pytest.fixture
def attempt(student, home, quiz):
    """The address of an attempt that has begun."""
    student.get(f"{home}quiz/{quiz.id}/")
    return student.post(f"{home}quiz/{quiz.id}/start").headers["Location"]


def submit(student, attempt, answers, act="submit"):
    student.get(attempt)
    return student.post(attempt, {**answers, "act": act})


def words(page):
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", page.text))


def test_published_quizzes_are_listed(engine, mentor, student, home, quiz):
    engine.quizzes.put(mentor.organization_id, mentor.id, {"title": "A draft"})

    page = student.get(f"{home}quiz/")

    assert "Zonation" in page.text
    assert "A draft" not in page.text
    assert "Quizzes</a>" in student.get(home).text


def test_start_page_tells_points_attempts_and_policy(student, home, quiz):
    page = words(student.get(f"{home}quiz/{quiz.id}/"))

    assert "Points 7" in page
    assert "Attempts left 2" in page
    assert "Your best attempt" in page
    assert "Start the quiz" in page


def test_questions_show_no_answers(student, attempt):
    page = student.get(attempt)

    assert page.text.count("<fieldset") == 5
    assert page.text.count("<legend>") == 5
    assert "Paine" not in page.text
    assert "*sea star*" not in page.text


def test_submitted_quiz_shows_score_marks_and_feedback(student, attempt):
    page = student.follow(submit(student, attempt, RIGHT))

    assert "7 of 7 points" in words(page)
    assert "Paine took the sea stars away." in page.text
    assert page.text.count('badge good">Right') == 5


def test_partly_right_quiz_says_which(student, attempt):
    page = words(
        student.follow(submit(student, attempt, RIGHT | {"answer-q1": "0", "answer-q2": ["0"]}))
    )

    assert "4 of 7 points" in page
    assert "Not right 0 of 2" in page
    assert "Partly right 1 of 2" in page


def test_unanswered_questions_are_named_before_it_counts(student, attempt):
    first = submit(student, attempt, {"answer-q1": "1"})
    second = student.post(attempt, {"answer-q1": "1", "act": "anyway"})

    assert first.status_code == 422
    assert "Submit anyway" in first.text
    assert 'href="#question-5"' in first.text
    assert 'value="1" checked' in first.text
    assert "2 of 7 points" in words(student.follow(second))


def test_wrong_kind_of_answer_is_refused_and_the_others_kept(student, attempt):
    page = submit(student, attempt, RIGHT | {"answer-q4": "two"})

    assert page.status_code == 422
    assert 'value="two"' in page.text
    assert 'value="a sea star"' in page.text
    assert "A number, please." in page.text
    assert "Your answers" not in page.text


@pytest.mark.parametrize(
    "forged",
    [
        {"answer-q1": "99"},
        {"answer-q1": "-1"},
        {"answer-q1": "x" * 5000},
        {"answer-q2": ["0"] * 100},
        {"answer-q3": "perhaps"},
        {"answer-q5": "x" * 5000},
        {"answer-q5": "\x00"},
    ],
)
def test_forged_answer_is_refused(student, attempt, forged):
    assert submit(student, attempt, RIGHT | forged).status_code == 422


def test_answers_are_kept_for_later(student, attempt):
    submit(student, attempt, {"answer-q1": "2", "answer-q5": "crab"}, act="save")

    page = student.get(attempt)

    assert 'value="2" checked' in page.text
    assert 'value="crab"' in page.text


def test_answers_are_kept_quietly_for_a_script(student, attempt):
    student.get(attempt)

    answer = student.post(attempt, {"answer-q5": "crab", "act": "save"}, headers={"X-Quiet": "1"})

    assert answer.status_code == 204
    assert 'value="crab"' in student.get(attempt).text


def test_second_submission_changes_nothing(student, attempt):
    submit(student, attempt, RIGHT)

    again = student.follow(student.post(attempt, RIGHT | {"answer-q1": "0", "act": "submit"}))

    assert "7 of 7 points" in words(again)


def test_attempts_run_out(student, home, quiz, attempt):
    submit(student, attempt, RIGHT)
    second = student.post(f"{home}quiz/{quiz.id}/start").headers["Location"]
    submit(student, second, RIGHT, act="anyway")

    page = student.post(f"{home}quiz/{quiz.id}/start")

    assert page.status_code == 409
    assert "You have used all your attempts." in page.text


def test_open_attempt_is_gone_on_with(student, home, quiz, attempt):
    page = student.get(f"{home}quiz/{quiz.id}/")

    assert "Go on with attempt 1" in page.text
    assert student.post(f"{home}quiz/{quiz.id}/start").headers["Location"] == attempt


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"sync_status": "waiting"}, "Waiting to be sent to the gradebook"),
        (
            {
                "sync_status": "waiting",
                "sync_attempts": 2,
                "sync_error_message": "The LMS could not be reached.",
            },
            "Waiting, will retry",
        ),
        (
            {
                "sync_status": "waiting",
                "sync_error_code": "platform_throttled",
                "sync_error_message": "The LMS asked us to slow down.",
            },
            "Waiting, will retry at",
        ),
        ({"sync_status": "sent"}, "Sent to the gradebook"),
        ({"sync_status": "superseded"}, "The gradebook has a newer score."),
        (
            {
                "sync_status": "superseded",
                "sync_error_code": "teacher_grade_stands",
                "sync_error_message": "A teacher changed this grade.",
            },
            "A teacher changed this grade.",
        ),
        ({"sync_status": "failed", "sync_error_message": "Refused."}, "did not take the score"),
        ({"sync_status": "not_linked"}, "Not linked to a gradebook."),
    ],
)
def test_result_tells_where_the_score_is(engine, student, attempt, facts, sentence):
    from mentorai.core.grade_rows import grades

    submit(student, attempt, RIGHT)
    with engine.database.write() as connection:
        connection.execute(grades.update().values(**facts))

    page, piece = student.get(attempt), student.get(f"{attempt}/sync")

    assert sentence in words(page)
    assert sentence in words(piece)
    assert facts.get("sync_error_message", "") in words(piece)
    assert f'data-status="{facts["sync_status"]}"' in piece.text


def test_attempt_of_another_student_is_not_found(app, engine, mentor, attempt):
    other = open_session(engine, mentor, subject="ben", binding="d" * 64)
    ben = Visitor(app, "d" * 64)
    ben.get(f"/s/{other.id}/")
    theirs = f"/s/{other.id}/quiz/attempts/{attempt.rpartition('/')[2]}"

    assert ben.get(theirs).status_code == 404
    assert ben.post(theirs, RIGHT).status_code == 404
    assert ben.get(f"{theirs}/sync").status_code == 404


def test_place_for_one_quiz_opens_that_one_only(app, engine, mentor, quiz):
    second = engine.quizzes.put(
        mentor.organization_id,
        mentor.id,
        {
            "title": "Other",
            "published": True,
            "questions": [{"kind": "true_false", "prompt": "?", "answer": True}],
        },
    )
    session = open_session(engine, mentor, quiz_id=quiz.id)
    student, home = Visitor(app), f"/s/{session.id}/"
    student.get(home)

    assert student.get(f"{home}quiz/").headers["Location"] == f"{home}quiz/{quiz.id}/"
    assert student.get(f"{home}quiz/{second.id}/").status_code == 404
    assert student.post(f"{home}quiz/{second.id}/start").status_code == 404


def test_place_of_a_quiz_that_is_gone_says_so(app, engine, mentor, quiz):
    session = open_session(engine, mentor, quiz_id=quiz.id)
    engine.quizzes.delete(mentor.organization_id, mentor.id, quiz.id)
    student, home = Visitor(app), f"/s/{session.id}/"

    page = student.follow(student.get(f"{home}quiz/"))

    assert page.status_code == 404
    assert "has taken the quiz away" in page.text
    assert "has taken" not in student.get(f"{home}quiz/another/").text


def test_unpublished_quiz_is_for_staff_alone(app, engine, mentor, student, home, quiz):
    from mentorai.web.admin.quizzes import draft_of

    engine.quizzes.put(
        mentor.organization_id, mentor.id, draft_of(quiz) | {"published": False}, quiz.id
    )
    staff = open_session(engine, mentor, Role.INSTRUCTOR, subject="lee")

    assert student.get(f"{home}quiz/{quiz.id}/").status_code == 404
    page = Visitor(app).get(f"/s/{staff.id}/quiz/{quiz.id}/")
    assert "not published yet" in page.text


def test_score_of_staff_goes_nowhere(app, engine, mentor, quiz):
    staff = open_session(engine, mentor, Role.INSTRUCTOR, subject="lee")
    visitor, home = Visitor(app), f"/s/{staff.id}/"
    visitor.get(f"{home}quiz/{quiz.id}/")
    attempt = visitor.post(f"{home}quiz/{quiz.id}/start").headers["Location"]

    page = visitor.follow(submit(visitor, attempt, RIGHT))

    assert "goes to no gradebook" in page.text
    assert engine.outbox.waiting() == 0


def test_hostile_question_is_harmless(engine, mentor, student, home):
    engine.quizzes.put(
        mentor.organization_id,
        mentor.id,
        {
            "title": "<script>alert(1)</script>",
            "published": True,
            "questions": [
                {
                    "kind": "choice",
                    "prompt": "<img src=x onerror=alert(1)>",
                    "options": ["<b>a</b>", "\"'><svg onload=alert(1)>"],
                    "answer": 0,
                    "feedback": "[x](javascript:alert(1))",
                }
            ],
        },
    )
    quiz_id = engine.quizzes.list(mentor.organization_id, mentor.id)[0].id
    student.get(f"{home}quiz/{quiz_id}/")
    attempt = student.post(f"{home}quiz/{quiz_id}/start").headers["Location"]

    pages = [student.get(attempt), student.follow(submit(student, attempt, {"answer-q1": "1"}))]

    for page in pages:
        assert "<script>" not in page.text
        assert "<img" not in page.text
        assert "<svg" not in page.text
        assert 'href="javascript' not in page.text
