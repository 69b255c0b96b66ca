"""Grades: one a person, quiz and place; newest wins; pulled by changes."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from mentorai.core.engine import Engine
from mentorai.core.errors import InputRejected, NotFound, ScoreOutOfRange
from mentorai.core.values import Session


@pytest.fixture
def put(engine: Engine, student: Session):
    def report(person: Session = student, **facts: object):
        return engine.report_score(
            **{
                "organization_id": person.organization_id,
                "mentor_id": person.mentor_id,
                "person_id": person.person_id,
                "resource_link_id": person.resource_link_id,
                "given": 8,
                "maximum": 10,
                "source": "api",
            }
            | facts
        )

    return report


def test_grade_names_person_and_course_as_the_platform_does(put):
    grade = put()

    assert (grade.person_name, grade.lms_user_id) == ("Person s-1", "s-1")
    assert grade.lms_context_id == "course-1"
    assert (grade.given, grade.maximum, grade.source) == (8, 10, "api")
    assert (grade.release, grade.revision, grade.sync.status) == ("released", 1, "waiting")


def test_newest_grade_wins(put, engine, student):
    first = put(given=8)
    second = put(given=3, source="instructor")

    assert second.id == first.id
    assert (second.given, second.source, second.revision) == (3, "instructor", 2)
    assert engine.grades.count(student.organization_id, student.mentor_id) == 1


def test_places_and_quizzes_have_grades_of_their_own(put, engine, arrive, student):
    put()
    put(quiz_id="quiz-1")
    put(resource_link_id=None)
    put(arrive(link="link-2"))
    put(arrive("s-2"))

    assert engine.grades.count(student.organization_id, student.mentor_id) == 5


@pytest.mark.parametrize(
    ("given", "maximum"),
    [
        *((given, 10) for given in (-1, 1e300, float("nan"), float("inf"))),
        *((1, maximum) for maximum in (0, -1, float("nan"), float("inf"))),
    ],
)
def test_score_out_of_range_is_refused(put, engine, student, given, maximum):
    with pytest.raises(ScoreOutOfRange):
        put(given=given, maximum=maximum)
    assert engine.grades.count(student.organization_id, student.mentor_id) == 0


def test_endless_comment_is_refused(put):
    with pytest.raises(InputRejected):
        put(comment="x" * 2_001)


def test_unknown_person_is_not_found(put):
    with pytest.raises(NotFound):
        put(person_id="nobody")


def test_unknown_place_is_not_found(put):
    with pytest.raises(NotFound):
        put(resource_link_id="nowhere")


def test_place_of_another_mentor_is_not_found(put, engine, student):
    other = engine.mentors.add(student.organization_id, "Other")

    with pytest.raises(NotFound):
        put(mentor_id=other.id)
    with pytest.raises(NotFound):
        put(mentor_id=other.id, resource_link_id=None)
    assert engine.grades.count(student.organization_id, other.id) == 0


def test_grade_of_another_mentor_is_not_found(put, engine, student):
    grade = put()
    other = engine.mentors.add(student.organization_id, "Other")

    with pytest.raises(NotFound):
        engine.grades.get(student.organization_id, other.id, grade.id)
    with pytest.raises(NotFound):
        engine.grades.get("another organization", student.mentor_id, grade.id)
    assert engine.grades.list(student.organization_id, other.id) == []


def test_grades_are_filtered(put, engine, arrive, student):
    put()
    put(arrive("s-2"), quiz_id="quiz-1")
    lonely = put(resource_link_id=None)
    mine = (student.organization_id, student.mentor_id)

    def ids(**filters: object) -> set[str]:
        found = engine.grades.list(*mine, **filters)
        assert engine.grades.count(*mine, **filters) == len(found)
        return {grade.id for grade in found}

    assert len(ids()) == 3
    assert len(ids(user="s-2")) == 1
    assert len(ids(user=student.person_id)) == 2
    assert len(ids(user="s-1", quiz="quiz-1")) == 0
    assert len(ids(quiz="quiz-1")) == 1
    assert ids(sync_status="not_linked") == {lonely.id}
    assert ids(sync_status="sent") == set()


def test_pages_hold_every_grade_once_even_when_all_changed_at_one_instant(put, engine, arrive):
    with time_machine.travel(datetime(2026, 11, 23, 10, tzinfo=UTC), tick=False):
        grades = [put(arrive(f"s-{n}")) for n in range(7)]
        mine = (grades[0].organization_id, grades[0].mentor_id)

        pages = [engine.grades.list(*mine, page=page, page_size=3) for page in (1, 2, 3, 4)]

    assert [len(page) for page in pages] == [3, 3, 1, 0]
    assert {grade.id for page in pages for grade in page} == {grade.id for grade in grades}


def test_changes_since_an_instant_include_what_became_of_the_score(put, engine, student):
    start = datetime(2026, 11, 23, 10, tzinfo=UTC)
    mine = (student.organization_id, student.mentor_id)
    with time_machine.travel(start, tick=False) as clock:
        put()
        later = start + timedelta(minutes=1)
        clock.move_to(later)
        assert engine.grades.list(*mine, since=later) == []

        engine.outbox.deliver_due()

        (grade,) = engine.grades.list(*mine, since=later)
        assert grade.sync.status == "sent"
        assert engine.grades.list(*mine, since=later + timedelta(seconds=1)) == []
