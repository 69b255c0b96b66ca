"""A student's way through a quiz: frozen questions, one marking, one score."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import update

from mentorai.core.attempts import question_views
from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.errors import Conflict, InputRejected, NotFound, PlatformUnavailable
from mentorai.core.people import people
from mentorai.core.quizzes import Quiz
from mentorai.core.values import Role, Session

QUESTIONS = [
    {"kind": "choice", "prompt": "Pick", "options": ["a", "b"], "answer": 1, "feedback": "See b"},
    {"kind": "text", "prompt": "Who?", "answer": ["Limpet"]},
    {"kind": "number", "prompt": "How many?", "answer": {"value": 6}, "points": 2},
]
RIGHT = {"q1": 1, "q2": "limpet", "q3": "6,0"}
HALF = {"q3": "6"}


class Course:
    """What a student does, in few words."""

    def __init__(self, engine: Engine, session: Session) -> None:
        self.engine = engine
        self.session = session
        self.mentor = (session.organization_id, session.mentor_id)

    def add_quiz(self, **facts: Any) -> Quiz:
        body = {"title": "Week 1", "published": True, "questions": QUESTIONS} | facts
        return self.engine.quizzes.put(*self.mentor, body)

    def start(self, quiz: Quiz, session: Session | None = None) -> Any:
        who = session or self.session
        return self.engine.quizzes.start_attempt(
            *self.mentor, quiz.id, who.person_id, who.resource_link_id, role=who.role
        )

    def submit(self, attempt: Any, answers: dict[str, Any] | None = None) -> Any:
        return self.engine.quizzes.submit(
            self.engine, *self.mentor, attempt.id, attempt.person_id, answers
        )

    def take(self, quiz: Quiz, answers: dict[str, Any]) -> Any:
        return self.submit(self.start(quiz), answers)


@pytest.fixture
def course(engine: Engine, student: Session) -> Course:
    return Course(engine, student)


@pytest.fixture
def quiz(course: Course) -> Quiz:
    return course.add_quiz()


def test_submitted_attempt_is_marked_and_its_score_reaches_the_gradebook(
    course, quiz, engine, gradebook
):
    marked = course.take(quiz, {"q1": 1, "q2": "whelk", "q3": "6"})

    engine.outbox.deliver_due()

    assert (marked.given, marked.maximum) == (3, 4)
    assert [one.status for one in marked.questions] == ["right", "wrong", "right"]
    assert marked.questions[0].feedback == "See b"
    assert marked.grade.sync.status == "waiting"
    (score,) = gradebook.scores
    assert (score.given, score.maximum) == (3, 4)
    assert gradebook.places[0].title == "Week 1"
    assert gradebook.places[0].activity_id == quiz.id


def deliver(engine, clock, times=1):
    """Some minutes go by, and the worker looks."""
    for _ in range(times):
        clock.shift(timedelta(minutes=10))
        engine.outbox.deliver_due()


def test_score_is_news_of_a_hand_in_until_one_of_it_was_taken(course, engine, gradebook):
    quiz = course.add_quiz(keep="last")

    with time_machine.travel(now(), tick=False) as clock:
        first = course.take(quiz, HALF).grade
        gradebook.faults.append(PlatformUnavailable())
        deliver(engine, clock, times=2)
        engine.outbox.resend(engine.grades.get(*course.mentor, first.id))
        deliver(engine, clock)
        course.take(quiz, RIGHT)
        deliver(engine, clock)

    told = [(score.given, score.is_hand_in) for score in gradebook.scores]
    assert told == [(2, True), (2, False), (4, True)]


def test_student_sees_neither_answers_nor_feedback_before_the_end(course, quiz):
    views = question_views(course.start(quiz))

    assert [view.prompt for view in views] == ["Pick", "Who?", "How many?"]
    assert views[0].options == ("a", "b")
    assert "Limpet" not in str(views)
    assert "See b" not in str(views)


def test_open_attempt_is_resumed_with_its_answers(course, quiz, engine):
    attempt = course.start(quiz)
    engine.quizzes.save_answers(
        *course.mentor, attempt.id, attempt.person_id, {"q1": 1, "q2": "whelk"}
    )
    engine.quizzes.save_answers(*course.mentor, attempt.id, attempt.person_id, {"q2": ""})

    resumed = course.start(quiz)

    assert resumed.id == attempt.id
    assert resumed.answers == {"q1": 1}
    assert course.submit(resumed).given == 1


def test_second_submit_changes_nothing(course, quiz, engine, gradebook):
    attempt = course.start(quiz)
    first = course.submit(attempt, HALF)

    second = course.submit(attempt, RIGHT)

    assert (second.given, second.attempt) == (first.given, first.attempt)
    assert second.grade.revision == 1
    assert engine.outbox.waiting() == 1


def test_attempt_is_marked_once_when_it_is_submitted_by_many_threads(course, quiz, engine):
    attempt = course.start(quiz)
    together = threading.Barrier(8)
    results: list[float] = []

    def submit(answers: dict[str, Any]) -> None:
        together.wait()
        results.append(course.submit(attempt, answers).given)

    threads = [threading.Thread(target=submit, args=(HALF if n % 2 else RIGHT,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(results)) == 1
    assert engine.outbox.waiting() == 1
    assert engine.grades.list(*course.mentor)[0].revision == 1


def test_one_attempt_is_begun_when_many_threads_start(course, quiz):
    together = threading.Barrier(8)
    begun: list[str] = []

    def start() -> None:
        together.wait()
        begun.append(course.start(quiz).id)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(begun) == 8
    assert len(set(begun)) == 1


@pytest.mark.parametrize("answers", [{"q9": 1}, {"q1": 2}, {"q1": 1, "q3": "nan"}, {"q2": 5}])
def test_wrong_answers_are_refused_and_nothing_is_kept(course, quiz, engine, answers):
    attempt = course.start(quiz)

    with pytest.raises(InputRejected):
        course.submit(attempt, answers)
    with pytest.raises(InputRejected):
        engine.quizzes.save_answers(*course.mentor, attempt.id, attempt.person_id, answers)

    kept = engine.quizzes.get_attempt(*course.mentor, attempt.id, attempt.person_id)
    assert (kept.status, kept.answers) == ("open", {})
    assert engine.grades.count(*course.mentor) == 0
    assert engine.outbox.waiting() == 0


def test_nothing_is_kept_when_the_grade_cannot_be_taken(course, quiz, engine, student):
    attempt = course.start(quiz)
    other = engine.organizations.put("other", "Other")
    with engine.database.write() as connection:
        connection.execute(
            update(people).where(people.c.id == student.person_id).values(organization_id=other.id)
        )

    with pytest.raises(NotFound):
        course.submit(attempt, RIGHT)

    kept = engine.quizzes.get_attempt(*course.mentor, attempt.id, attempt.person_id)
    assert kept.status == "open"


def test_best_attempt_counts_when_the_quiz_keeps_the_best(course, engine):
    quiz = course.add_quiz(keep="best")

    given = [course.take(quiz, answers).grade.given for answers in (HALF, RIGHT, HALF, RIGHT)]

    assert given == [2, 4, 4, 4]
    assert engine.grades.list(*course.mentor)[0].revision == 2


def test_last_attempt_counts_when_the_quiz_keeps_the_last(course, engine):
    quiz = course.add_quiz(keep="last")

    given = [course.take(quiz, answers).grade.given for answers in (RIGHT, HALF)]

    assert given == [4, 2]


def test_best_is_by_share_when_the_quiz_was_edited_between_attempts(course, engine):
    quiz = course.add_quiz(keep="best")
    course.take(quiz, HALF)
    body = {"title": "Week 1", "published": True, "questions": QUESTIONS[:1]}
    engine.quizzes.put(*course.mentor, body, quiz.id)

    grade = course.take(quiz, {"q1": 1}).grade

    assert (grade.given, grade.maximum) == (1, 1)


def test_attempts_run_out(course):
    quiz = course.add_quiz(attempts_allowed=2)

    left = [course.take(quiz, HALF).attempts_left for _ in range(2)]

    assert left == [1, 0]
    with pytest.raises(Conflict):
        course.start(quiz)


def test_open_attempt_keeps_its_questions_when_the_quiz_is_edited(course, quiz, engine):
    attempt = course.start(quiz)
    body = {"title": "New", "published": True, "questions": QUESTIONS[2:]}
    engine.quizzes.put(*course.mentor, body, quiz.id)

    marked = course.submit(course.start(quiz), RIGHT)

    assert marked.attempt.id == attempt.id
    assert (marked.given, marked.maximum) == (4, 4)


def test_open_attempt_can_be_submitted_when_the_quiz_was_deleted(course, quiz, engine):
    attempt = course.start(quiz)
    engine.quizzes.delete(*course.mentor, quiz.id)

    marked = course.submit(attempt, RIGHT)

    assert marked.grade.given == 4
    assert marked.attempts_left == 0
    assert engine.grades.count(*course.mentor, quiz=quiz.id) == 1


def test_attempt_of_staff_is_marked_and_stays_here(course, arrive, engine, gradebook):
    teacher = arrive("t-1", Role.INSTRUCTOR)
    quiz = course.add_quiz(published=False, attempts_allowed=1)

    for _ in range(2):
        marked = course.submit(course.start(quiz, teacher), RIGHT)
    engine.outbox.deliver_due()

    assert marked.given == 4
    assert marked.attempts_left is None
    assert marked.grade.sync.status == "not_linked"
    assert marked.grade.sync.last_error_code == "person_is_staff"
    assert gradebook.scores == []


def test_attempt_of_staff_stays_here_when_it_is_sent_again(course, quiz, engine, gradebook):
    # In a place without a context nobody is enrolled; the attempt itself knows.
    attempt = engine.quizzes.start_attempt(
        *course.mentor,
        quiz.id,
        course.session.person_id,
        course.session.resource_link_id,
        role=Role.ASSISTANT,
    )
    grade = course.submit(attempt, RIGHT).grade

    engine.outbox.resend(grade)
    engine.outbox.deliver_due()

    assert gradebook.scores == []


def test_attempt_outside_a_course_page_is_marked_and_not_linked(course, quiz, engine):
    attempt = engine.quizzes.start_attempt(*course.mentor, quiz.id, course.session.person_id)

    marked = course.submit(attempt, RIGHT)

    assert marked.given == 4
    assert marked.grade.sync.status == "not_linked"
    assert "course page" in marked.grade.sync.last_error_message


def test_unpublished_quiz_is_not_found_by_a_student(course):
    quiz = course.add_quiz(published=False)

    with pytest.raises(NotFound):
        course.start(quiz)


def test_quiz_without_questions_cannot_be_begun(course, arrive):
    quiz = course.add_quiz(published=False, questions=[])

    with pytest.raises(Conflict):
        course.start(quiz, arrive("t-1", Role.INSTRUCTOR))


def test_attempt_of_another_person_is_not_found(course, quiz, engine, arrive):
    attempt = course.start(quiz)
    other = arrive("s-2")

    with pytest.raises(NotFound):
        engine.quizzes.get_attempt(*course.mentor, attempt.id, other.person_id)
    with pytest.raises(NotFound):
        engine.quizzes.submit(engine, *course.mentor, attempt.id, other.person_id, RIGHT)


def test_answers_cannot_be_saved_after_the_end(course, quiz, engine):
    attempt = course.start(quiz)
    course.submit(attempt, HALF)

    with pytest.raises(Conflict):
        engine.quizzes.save_answers(*course.mentor, attempt.id, attempt.person_id, RIGHT)


def test_standing_tells_what_was_done_and_what_is_left(
    course, engine, student, arrive: Callable[..., Session]
):
    quiz = course.add_quiz(attempts_allowed=3)
    course.take(quiz, HALF)
    course.start(quiz)

    mine = engine.quizzes.standing(
        *course.mentor, quiz.id, student.person_id, student.resource_link_id
    )
    elsewhere = arrive(link="link-2")
    there = engine.quizzes.standing(
        *course.mentor, quiz.id, elsewhere.person_id, elsewhere.resource_link_id
    )

    assert (len(mine.submitted), mine.left, mine.grade.given) == (1, 1, 2)
    assert mine.open.number == 2
    assert (there.submitted, there.left, there.grade, there.open) == ([], 3, None, None)


def test_result_can_be_read_again(course, quiz, engine):
    attempt = course.start(quiz)
    with pytest.raises(Conflict):
        engine.quizzes.get_result(*course.mentor, attempt.id, attempt.person_id)
    marked = course.submit(attempt, HALF)

    read = engine.quizzes.get_result(*course.mentor, attempt.id, attempt.person_id)

    assert read == marked


def test_attempts_at_a_quiz_are_listed(course, quiz, engine, arrive):
    course.take(quiz, HALF)
    course.submit(course.start(quiz, arrive("s-2")), HALF)

    every = engine.quizzes.list_attempts(*course.mentor, quiz.id)
    mine = engine.quizzes.list_attempts(*course.mentor, quiz.id, person_id=course.session.person_id)

    assert (len(every), len(mine)) == (2, 1)


def test_attempts_at_a_quiz_are_listed_page_by_page(course, quiz, engine, arrive):
    made = [course.start(quiz, arrive(f"s-{number}")).id for number in range(2, 5)]

    pages = [
        engine.quizzes.list_attempts(*course.mentor, quiz.id, page=page, page_size=2)
        for page in (1, 2, 3)
    ]

    assert [[attempt.id for attempt in page] for page in pages] == [made[:2], made[2:], []]
    assert engine.quizzes.count_attempts(*course.mentor, quiz.id) == 3


def test_each_quiz_of_a_page_has_a_column_of_its_own(course, engine, gradebook, arrive):
    session = arrive(column="https://lms.example/items/own")
    first, second = course.add_quiz(), course.add_quiz(title="Week 2")

    for quiz in (first, second):
        course.submit(course.start(quiz, session), RIGHT)
        engine.outbox.deliver_due()

    urls = [place.service.line_item_url for place in gradebook.places]
    assert urls == ["https://lms.example/items/own", None]
    assert len(gradebook.scores) == 2


def test_column_of_a_link_is_for_the_quiz_that_was_placed_there(
    course, engine, gradebook, arrive, mentor
):
    placed, other = course.add_quiz(), course.add_quiz(title="Week 2")
    session = arrive(
        column="https://lms.example/items/own", custom={"mentor": mentor.slug, "quiz": placed.id}
    )

    for quiz in (other, placed):
        course.submit(course.start(quiz, session), RIGHT)
        engine.outbox.deliver_due()

    urls = {place.activity_id: place.service.line_item_url for place in gradebook.places}
    assert urls == {placed.id: "https://lms.example/items/own", other.id: None}
