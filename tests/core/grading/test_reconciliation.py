"""Our grades against what the gradebook holds at this moment."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
import time_machine

from mentorai.core import hookimpl
from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.errors import NoLineItem, PlatformUnavailable, TeacherGradeStands
from mentorai.core.grades import Grade
from mentorai.core.mentors import Mentor
from mentorai.core.reconciliation import Reconciliation, reconcile, repair
from mentorai.core.samples import compare_some
from mentorai.core.settings import Settings
from mentorai.core.values import LineItem, Platform, Result

QUIZ = {
    "title": "Low tide",
    "published": True,
    "questions": [
        {"kind": "true_false", "prompt": "A limpet is a plant.", "answer": False, "points": 3}
    ],
}


class Results:
    """A plugin that says what the gradebook holds."""

    def __init__(self) -> None:
        self.held: list[Result] = []
        self.error: Exception | None = None
        self.asked: list[tuple[str, str]] = []

    @hookimpl
    def read_results(self, platform: Platform, line_item: LineItem) -> Sequence[Result]:
        self.asked.append((platform.registration_id, line_item.url))
        if self.error:
            raise self.error
        return self.held


@pytest.fixture
def results() -> Results:
    return Results()


@pytest.fixture
def engine(settings: Settings, gradebook, results: Results) -> Iterator[Engine]:
    engine = Engine.open(settings, plugins=[("gradebook", gradebook), ("results", results)])
    yield engine
    engine.close()


@pytest.fixture
def quiz_id(engine: Engine, mentor: Mentor) -> str:
    return str(engine.quizzes.put(mentor.organization_id, mentor.id, QUIZ).id)


@pytest.fixture
def hand_in(engine: Engine, mentor: Mentor, quiz_id: str, arrive):
    """A student hands the quiz in, rightly or not, and the score is delivered."""

    def take(subject: str, *, right: bool = True) -> None:
        session = arrive(subject)
        who = (mentor.organization_id, mentor.id)
        attempt = engine.quizzes.start_attempt(
            *who, quiz_id, session.person_id, session.resource_link_id
        )
        quiz = engine.quizzes.get(*who, quiz_id)
        answers = {question["id"]: not right for question in quiz.questions}
        engine.quizzes.submit(engine, *who, attempt.id, session.person_id, answers)
        engine.outbox.deliver_due()

    return take


def compare(engine: Engine, mentor: Mentor, quiz_id: str) -> Reconciliation:
    return reconcile(engine, mentor.organization_id, mentor.id, quiz_id)


@pytest.mark.parametrize(
    ("held", "verdict"),
    [
        (Result("s-1", 3, 3), "same"),
        (Result("s-1", 100, 100), "same"),
        (Result("s-1", 3, None), "same"),
        (Result("s-1", 99.99, 100), "same"),
        (Result("s-1", 2, 3), "overridden"),
        (Result("s-1", 90, 100), "overridden"),
        (Result("s-1", 3, 3, overridden=True), "same"),
        (Result("s-1", None, 3, overridden=True), "overridden"),
        (Result("s-1", None, 3), "missing"),
        (Result("somebody", 3, 3), "missing"),
    ],
)
def test_grade_is_compared_by_its_share(engine, mentor, quiz_id, hand_in, results, held, verdict):
    hand_in("s-1")
    results.held = [held]

    (row,) = compare(engine, mentor, quiz_id).rows

    assert row.verdict == verdict
    assert row.grade.given == 3


def test_teachers_grade_is_seen_within_the_hour_though_nobody_compared(
    engine, mentor, quiz_id, hand_in, results
):
    hand_in("s-1")
    results.held = [Result("s-1", 2, 3)]

    with time_machine.travel(now() + timedelta(minutes=30)):
        assert compare_some(engine) == 1
    with time_machine.travel(now() + timedelta(hours=3)):
        assert compare_some(engine) == 0

    (grade,) = engine.grades.list(mentor.organization_id, mentor.id)
    assert (grade.sync.is_overridden, grade.sync.result) == (True, 2)


def test_nought_is_a_grade_and_none_is_not(engine, mentor, quiz_id, hand_in, results):
    hand_in("s-1", right=False)
    hand_in("s-2", right=False)
    results.held = [Result("s-1", 0, 3)]

    found = compare(engine, mentor, quiz_id)

    assert {row.grade.lms_user_id: row.verdict for row in found.rows} == {
        "s-1": "same",
        "s-2": "missing",
    }


def test_what_is_not_the_same_comes_first(engine, mentor, quiz_id, hand_in, results):
    for subject in ("s-1", "s-2", "s-3"):
        hand_in(subject)
    results.held = [Result("s-1", 3, 3), Result("s-2", 1, 3), Result("other", 1, 3)]

    found = compare(engine, mentor, quiz_id)

    assert [row.verdict for row in found.rows] == ["overridden", "missing", "same"]
    assert found.others == 1
    assert len(results.asked) == 1


def test_gradebook_that_cannot_be_read_is_a_reason_and_no_error(
    engine, mentor, quiz_id, hand_in, results
):
    hand_in("s-1")
    results.error = PlatformUnavailable()

    (row,) = compare(engine, mentor, quiz_id).rows

    assert (row.verdict, row.reason) == ("unknown", PlatformUnavailable().message)


def test_place_without_a_column_asks_nobody(engine, mentor, quiz_id, hand_in, results, gradebook):
    gradebook.column_faults = [PlatformUnavailable()]
    hand_in("s-1")

    (row,) = compare(engine, mentor, quiz_id).rows

    assert row.verdict == "unknown"
    assert "no gradebook column" in row.reason
    assert results.asked == []


def test_score_says_when_the_attempt_began_and_ended(hand_in, gradebook):
    hand_in("s-1")

    (score,) = gradebook.scores
    assert score.started_at is not None
    assert score.submitted_at >= score.started_at


def test_teachers_grade_stands_when_the_rest_is_repaired(
    engine, mentor, quiz_id, hand_in, results, gradebook
):
    hand_in("s-1")
    hand_in("s-2")
    results.held = [Result("s-1", 1, 3)]

    resent = repair(engine, compare(engine, mentor, quiz_id))

    assert resent == 1
    (grade,) = [g for g in all_grades(engine, mentor) if g.lms_user_id == "s-1"]
    assert grade.sync.is_overridden
    assert (grade.sync.status, grade.sync.result) == ("sent", 1)


def test_ours_goes_over_a_teachers_grade_when_somebody_says_so(
    engine, mentor, quiz_id, hand_in, results, gradebook
):
    hand_in("s-1")
    results.held = [Result("s-1", 1, 3)]
    found = compare(engine, mentor, quiz_id)
    gradebook.received_at.clear()

    assert repair(engine, found, replaces_teacher=True) == 1
    with time_machine.travel(now() + timedelta(seconds=5)):
        engine.outbox.deliver_due()

    assert [score.replaces_teacher for score in gradebook.scores] == [False, True]
    assert not all_grades(engine, mentor)[0].sync.is_overridden


@pytest.mark.parametrize(("held", "sent"), [(Result("s-1", 1, 3), 1), (Result("s-1", 0, 3), 2)])
def test_new_score_goes_over_a_teachers_grade_only_if_they_took_it_back(
    engine, mentor, quiz_id, hand_in, results, gradebook, held, sent
):
    hand_in("s-1", right=False)
    results.held = [Result("s-1", 1, 3)]
    compare(engine, mentor, quiz_id)
    results.held = [held]

    with time_machine.travel(now() + timedelta(seconds=5)):
        hand_in("s-1")

    (grade,) = all_grades(engine, mentor)
    assert len(gradebook.scores) == sent
    code = "teacher_grade_stands" if sent == 1 else ""
    assert grade.sync.last_error_code == code


def test_grade_that_a_teacher_overrode_is_theirs_though_it_is_what_we_sent(
    engine, mentor, quiz_id, hand_in, results, gradebook
):
    hand_in("s-1", right=False)
    results.held = [Result("s-1", 0, 3, overridden=True)]
    gradebook.faults = [PlatformUnavailable()]
    hand_in("s-1")

    (row,) = compare(engine, mentor, quiz_id).rows

    assert row.verdict == "overridden"


def test_lms_that_keeps_a_teachers_grade_after_all_is_believed(
    engine, mentor, quiz_id, hand_in, results, gradebook
):
    hand_in("s-1")
    results.held = [Result("s-1", 1, 3)]
    found = compare(engine, mentor, quiz_id)
    gradebook.faults = [TeacherGradeStands("It is kept.")]

    repair(engine, found, replaces_teacher=True)
    with time_machine.travel(now() + timedelta(seconds=5)):
        engine.outbox.deliver_due()

    (grade,) = all_grades(engine, mentor)
    assert (grade.sync.status, grade.sync.is_overridden) == ("superseded", True)
    assert grade.sync.last_error_code == "teacher_grade_stands"
    assert grade.sync.last_error_message == "It is kept."


def test_teachers_grade_goes_with_a_column_that_was_deleted(
    engine, mentor, quiz_id, hand_in, results, gradebook
):
    hand_in("s-1", right=False)
    results.held = [Result("s-1", 1, 3)]
    compare(engine, mentor, quiz_id)
    results.error = NoLineItem()

    with time_machine.travel(now() + timedelta(seconds=5)):
        hand_in("s-1")

    (grade,) = all_grades(engine, mentor)
    assert [score.given for score in gradebook.scores] == [0.0, 3.0]
    assert (grade.sync.status, grade.sync.is_overridden) == ("sent", False)


def all_grades(engine: Engine, mentor: Mentor) -> Sequence[Grade]:
    return engine.grades.list(mentor.organization_id, mentor.id)
