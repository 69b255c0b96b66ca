"""The grades of many, and sections, by Canvas' own API over the wire."""

from dataclasses import replace
from datetime import timedelta

import pytest
import responses

from mentorai.core.clock import now
from mentorai.core.connections import Connections
from mentorai.core.engine import Engine
from mentorai.core.errors import PersonNotInCourse, PlatformThrottled, PlatformUnavailable
from mentorai.core.values import (
    Context,
    CourseSection,
    GradeService,
    Launch,
    LineItem,
    Member,
    Receipt,
    Role,
    Score,
)
from mentorai.plugins import canvas as canvas_plugin
from mentorai.plugins import lti_launch
from mentorai.plugins.canvas import bulk_grades
from mentorai.plugins.sandbox.grades import column_url
from mentorai.plugins.sandbox.memberships import change_membership
from mentorai.plugins.sandbox.school import find_person
from mentorai.web.app import create_app
from tests.fakes.canvas import connect, platform_of, register_canvas, running_canvas, sign_in
from tests.fakes.platforms import free_port, running_app

COURSE = "tidal-pools"
STUDENTS = ("maya", "tomas", "private")


@pytest.fixture
def engine(settings, monkeypatch):
    # The sandbox has no class that is large enough.
    monkeypatch.setattr(bulk_grades, "LEAST", 2)
    plugins = [("lti_launch", lti_launch), ("canvas", canvas_plugin)]
    engine = Engine.open(settings, plugins=plugins)
    yield engine
    engine.close()


@pytest.fixture
def canvas(engine):
    """A Canvas that can read the tool's keys."""
    port = free_port()
    with (
        running_app(create_app(engine), port=port),
        running_canvas(f"http://localhost:{port}") as c,
    ):
        yield c


@pytest.fixture
def alone(canvas):
    """The scores that went one by one, by LTI: subject -> what was sent."""
    return lambda: {score["user_id"]: score["body"] for score in canvas.platform.scores}


@pytest.fixture
def registration(engine, canvas):
    return register_canvas(engine, canvas)


@pytest.fixture
def platform(registration):
    return platform_of(registration)


@pytest.fixture
def connection(engine, canvas, registration):
    return sign_in(engine, canvas, connect(engine, canvas, registration))


@pytest.fixture
def column(canvas):
    return next(c for c in canvas.platform.shelf.list("line_item") if c["course"] == COURSE)


@pytest.fixture
def line_item(canvas, column):
    return LineItem(column_url(canvas.platform, column))


@pytest.fixture
def context():
    return Context("the-course")


@pytest.fixture
def launched(engine, canvas, registration, connection, column, line_item, context):
    """Every student has come in by the assignment, and so told Canvas' numbers."""
    courses = canvas.api.courses
    for name in STUDENTS:
        launch = Launch(
            organization_id=registration.organization_id,
            registration_id=registration.id,
            deployment_id="1",
            issuer=registration.issuer,
            client_id=registration.client_id,
            family_code="canvas",
            message_type="LtiResourceLinkRequest",
            subject=find_person(name).sub,
            role=Role.LEARNER,
            target="/",
            context=context,
            grade_service=GradeService(line_item_url=line_item.url),
            custom={
                "canvas_user_id": str(courses.number_of(find_person(name))),
                "canvas_course_id": str(courses.number_of_course(COURSE)),
                "canvas_assignment_id": str(courses.number_of_column(column["id"])),
            },
        )
        engine.plugins.tell("launch_admitted", engine=engine, launch=launch, session=None)


@pytest.fixture
def push(engine, platform, line_item, launched):
    def push(scores, column=line_item):
        asked = {"engine": engine, "platform": platform, "line_item": column}
        return engine.plugins.ask_first("push_scores", **asked, scores=scores)

    return push


@pytest.fixture
def push_one(engine, platform, line_item):
    return lambda score: engine.plugins.ask_first(
        "push_score", engine=engine, platform=platform, line_item=line_item, score=score
    )


@pytest.fixture
def held(canvas, column):
    def held():
        found = {}
        for name in STUDENTS:
            key = f"{column['id']}/{find_person(name).sub}"
            found[name] = (canvas.platform.shelf.find("result", key) or {}).get("given")
        return found

    return held


def score_of(name, given=4.0, maximum=5.0, **more):
    # Canvas takes no second that is before what it holds.
    at = (now() + timedelta(seconds=2)).replace(microsecond=0)
    return Score(find_person(name).sub, given, maximum, at, **more)


def scores(*given):
    return [score_of(name, points) for name, points in zip(STUDENTS, given, strict=True)]


def grade_by_teacher(canvas, column, name, given):
    sub = find_person(name).sub
    record = {"line_item": column["id"], "user_id": sub, "at": now().isoformat()}
    record |= {"received": now().isoformat(), "given": given, "maximum": 10.0, "comment": ""}
    canvas.platform.shelf.put("result", f"{column['id']}/{sub}", record | {"overridden": True})


def test_grades_of_many_go_in_one_call_in_points_of_the_column(push, canvas, held, alone):
    answers = push(scores(4, 5, 0))

    assert all(isinstance(answer, Receipt) for answer in answers)
    assert held() == {"maya": 8.0, "tomas": 10.0, "private": 0.0}
    assert len(canvas.api.courses.updates) == 1
    assert alone() == {}


def test_same_grades_again_are_not_sent_again(push, canvas):
    push(scores(4, 5, 0))

    answers = push(scores(4, 5, 0))

    assert all(isinstance(answer, Receipt) for answer in answers)
    assert len(canvas.api.courses.updates) == 1


def test_newer_grades_take_the_place_of_ours(push, push_one, held, alone):
    push(scores(4, 5, 0))

    push(scores(5, 4, 1))
    assert isinstance(push_one(score_of("maya", 3)), Receipt)

    assert held() == {"maya": 6.0, "tomas": 8.0, "private": 2.0}
    assert alone() == {}


def test_grade_of_a_teacher_is_not_touched(push, canvas, column, held, alone):
    grade_by_teacher(canvas, column, "maya", 9.5)

    push(scores(4, 5, 0))

    assert held() == {"maya": 9.5, "tomas": 10.0, "private": 0.0}
    assert list(alone()) == [find_person("maya").sub]


def test_grade_that_a_teacher_changed_after_ours_is_not_touched(
    push, push_one, canvas, column, held, alone
):
    push(scores(4, 5, 0))
    grade_by_teacher(canvas, column, "maya", 9.5)

    push_one(score_of("maya", 1))

    assert held()["maya"] == 9.5
    assert len(alone()) == 1


def test_comment_goes_alone_so_that_it_is_there_once(push, canvas, alone):
    batch = scores(4, 5, 0)

    push([replace(batch[0], comment="Well done"), *batch[1:]])

    assert [body["comment"] for body in alone().values()] == ["Well done"]
    assert "text_comment" not in str(canvas.api.courses.updates)


@pytest.fixture
def attempts(canvas, column):
    """How many submissions a student has."""

    def attempts(name):
        key = f"{column['id']}/{find_person(name).sub}"
        return (canvas.platform.shelf.find("result", key) or {}).get("attempts", 0)

    return attempts


def hand_in(score):
    return replace(score, is_hand_in=True, submitted_at=now() - timedelta(minutes=1))


def test_what_a_student_handed_in_goes_alone_as_a_submission(push, canvas, held, attempts):
    batch = scores(4, 5, 0)

    answers = push([hand_in(batch[0]), *batch[1:]])

    assert all(isinstance(answer, Receipt) for answer in answers)
    assert held() == {"maya": 8.0, "tomas": 10.0, "private": 0.0}
    assert [attempts(name) for name in STUDENTS] == [1, 0, 0]
    assert len(canvas.api.courses.updates) == 1


def test_class_that_hands_in_goes_one_by_one(push, canvas):
    assert push([hand_in(score) for score in scores(4, 5, 0)]) == ()

    assert canvas.api.courses.updates == []


def test_submission_follows_a_grade_that_went_with_others(push, push_one, held, attempts):
    """Also one of the same points, by LTI over the grade that went by the API."""
    push(scores(4, 5, 0))

    push_one(hand_in(score_of("maya", 4)))
    push_one(hand_in(score_of("tomas", 3)))

    assert held() == {"maya": 8.0, "tomas": 6.0, "private": 0.0}
    assert [attempts(name) for name in STUDENTS] == [1, 1, 0]


def test_who_has_left_the_course_hears_of_it_alone(push, canvas, alone):
    change_membership(canvas.platform, COURSE, "maya", "Deleted")

    answers = push(scores(4, 5, 0))

    assert [type(answer) for answer in answers] == [PersonNotInCourse, Receipt, Receipt]


def test_who_leaves_while_canvas_is_at_work_is_not_said_to_be_graded(push, canvas, alone):
    courses = canvas.api.courses
    courses.polls = 1
    queue = courses.update_grades

    def leave(*facts):
        change_membership(canvas.platform, COURSE, "maya", "Deleted")
        return queue(*facts)

    courses.update_grades = leave

    answers = push(scores(4, 5, 0))

    assert [type(answer) for answer in answers] == [PersonNotInCourse, Receipt, Receipt]


def test_few_go_alone(push, monkeypatch, canvas, alone):
    monkeypatch.setattr(bulk_grades, "LEAST", 4)

    assert len(push(scores(4, 5, 0))) == len(alone()) == 3
    assert canvas.api.courses.updates == []


def test_column_that_no_launch_named_goes_alone(push, line_item):
    assert push(scores(4, 5, 0), LineItem(line_item.url + "-other")) == ()


def test_platform_without_a_connection_goes_alone(engine, push, connection):
    engine.room(Connections).delete(connection, author="it")

    assert push(scores(4, 5, 0)) is None


def test_work_that_lasts_is_asked_about_later_and_nothing_is_sent_twice(
    push, push_one, canvas, held, monkeypatch, alone
):
    monkeypatch.setattr(bulk_grades, "SECONDS", 0.0)
    canvas.api.courses.polls = 3

    answers = push(scores(4, 5, 0))
    assert {type(answer) for answer in answers} == {PlatformUnavailable}
    with pytest.raises(PlatformUnavailable):
        push_one(score_of("maya", 5))
    with pytest.raises(PlatformUnavailable):
        push(scores(5, 5, 0))
    assert (held()["maya"], alone()) == (None, {})

    monkeypatch.setattr(bulk_grades, "SECONDS", 40.0)
    answers = push(scores(4, 5, 0))

    assert {type(answer) for answer in answers} == {Receipt}
    assert len(canvas.api.courses.updates) == 1


def test_right_that_is_missing_has_them_go_alone(push, canvas, alone):
    canvas.api.may_grade = False

    answers = push(scores(4, 5, 0))

    assert {type(answer) for answer in answers} == {Receipt}
    assert len(alone()) == 3


def test_full_bucket_is_passed_on(push, canvas, alone):
    canvas.api.left = 0.0

    with pytest.raises(PlatformThrottled):
        push(scores(4, 5, 0))

    assert alone() == {}


def test_answer_that_was_lost_is_found_out_later(push, canvas, connection, column, held):
    number = canvas.api.courses.number_of_column(column["id"])
    path = f"/api/v1/courses/101/assignments/{number}/submissions/update_grades"
    with responses.RequestsMock() as wire:
        wire.add_passthru(canvas.url + "/api/v1/courses/101/assignments/" + f"{number}")
        wire.post(connection.base_url + path, status=502, body="gateway")
        with pytest.raises(PlatformUnavailable):
            push(scores(4, 5, 0))

    answers = push(scores(4, 5, 0))

    assert {type(answer) for answer in answers} == {Receipt}
    assert held()["maya"] == 8.0


def test_sections_are_read_for_those_who_are_known(engine, platform, context, launched):
    found = list(
        engine.plugins.ask_first("list_sections", engine=engine, platform=platform, context=context)
    )

    names = {each.lms_id: each.name for each in found if isinstance(each, CourseSection)}
    assert names == {"301": "Monday section", "302": "Thursday section"}
    members = [each for each in found if isinstance(each, Member)]
    assert {each.subject for each in members} == {find_person(name).sub for name in STUDENTS}
    assert all(len(each.section_ids) == 1 and each.name is None for each in members)


def test_sections_of_a_course_without_a_number_are_nobodys(engine, platform, launched):
    asked = {"engine": engine, "platform": platform, "context": Context("another")}

    assert engine.plugins.ask_first("list_sections", **asked) is None


def test_grade_goes_by_lti_over_our_own_when_the_api_is_gone(
    engine, push, push_one, connection, held, alone
):
    push(scores(4, 5, 0))
    engine.room(Connections).note(connection, "needs_sign_in", "Somebody took it back.")

    assert isinstance(push_one(score_of("maya", 5)), Receipt)

    assert held()["maya"] == 10.0
    assert len(alone()) == 1


def test_grade_of_a_teacher_stays_when_the_api_is_gone(
    engine, push, push_one, canvas, column, connection, held
):
    push(scores(4, 5, 0))
    grade_by_teacher(canvas, column, "maya", 9.5)
    engine.room(Connections).note(connection, "needs_sign_in", "Somebody took it back.")

    push_one(score_of("maya", 5))

    assert held()["maya"] == 9.5


def test_grade_of_a_teacher_is_replaced_where_an_instructor_said_so(
    push_one, canvas, column, launched, held
):
    grade_by_teacher(canvas, column, "maya", 9.5)

    push_one(score_of("maya", 4, replaces_teacher=True))

    assert held()["maya"] == 8.0
