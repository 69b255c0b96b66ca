"""A whole campus with a sandbox that answers as Sakai does."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from mentorai.core.engine import Engine
from mentorai.core.grades import Grade
from mentorai.core.places import resource_links
from mentorai.plugins import lti_launch, sakai
from mentorai.plugins.sandbox.oidc import GRADE_SCOPES
from tests.fakes.browserless import Browser
from tests.fakes.campus import Campus, running_campus

COURSE, TITLE = "tidal-pools", "Quiz 2: Life on the rocks"


@pytest.fixture
def campus(tmp_path: Path, seeded: Path) -> Iterator[Campus]:
    plugins = [("lti_launch", lti_launch), ("sakai", sakai)]
    with running_campus(tmp_path, seeded, personality="sakai", plugins=plugins) as campus:
        yield campus


def deliver(engine: Engine) -> None:
    """Bring what waits; scores of one person and column are at least a second apart."""
    deadline = time.monotonic() + 10
    while engine.outbox.waiting() and time.monotonic() < deadline:
        engine.outbox.deliver_due()
        time.sleep(0.1)


def report(campus: Campus, given: float, quiz: str = "Life on the rocks") -> Grade:
    """A score for maya in a quiz, from the one place that was opened."""
    engine = campus.engine
    organization_id = engine.organizations.get().id
    (course,) = engine.course_people.list_courses(organization_id)
    maya = next(
        each for each in engine.course_people.list_people(course) if each.name == "Maya Lindqvist"
    )
    with engine.database.read() as connection:
        link_id = str(connection.execute(select(resource_links.c.id)).scalar_one())
    made = engine.report_score(
        organization_id=organization_id,
        mentor_id=campus.mentor.id,
        person_id=maya.id,
        quiz_id=campus.quiz_id(quiz),
        resource_link_id=link_id,
        given=given,
        maximum=10,
    )
    deliver(engine)
    return made


def open_page(campus: Campus) -> None:
    """Maya opens the mentor, whose page holds all quizzes."""
    with Browser() as browser:
        browser.launch(campus.sandbox.url, "maya", COURSE, "tides-mentor")


def test_rosters_go_on_while_grades_are_not_allowed_and_scores_go_when_they_are(
    campus: Campus,
) -> None:
    engine, platform = campus.engine, campus.sandbox.platform
    platform.behave({"withheld_scopes": list(GRADE_SCOPES)})
    with Browser() as browser:
        browser.launch(campus.sandbox.url, "maya", COURSE, "life-quiz")
    (course,) = engine.course_people.list_courses(engine.organizations.get().id)

    count = engine.rosters.sync(course.organization_id, course.id)
    made = report(campus, 8)
    grade = engine.grades.get(made.organization_id, made.mentor_id, made.id)
    platform.behave({"withheld_scopes": []})
    engine.outbox.resend(grade)
    deliver(engine)

    assert count == 5
    assert grade.sync.last_error_code == "scope_not_granted"
    (held,) = platform.shelf.list("result")
    assert (held["given"], held["maximum"]) == (80, 100)


def test_score_for_a_column_that_a_teacher_deleted_makes_it_again(campus: Campus) -> None:
    shelf = campus.sandbox.platform.shelf
    open_page(campus)
    report(campus, 5, "Tides and zones")
    report(campus, 8)
    made = shelf.list("result")[1]["line_item"]
    campus.sandbox.house.gradebook.drop(made)

    report(campus, 9)

    held = shelf.list("result")[1]
    assert held["given"] == 9
    assert held["line_item"] != made


def test_column_of_a_teacher_with_the_same_title_is_left_alone(campus: Campus) -> None:
    shelf = campus.sandbox.platform.shelf
    theirs = {"id": "7", "course": COURSE, "label": TITLE, "scoreMaximum": 40, "foreign": True}
    shelf.put("line_item", "7", theirs)
    open_page(campus)
    report(campus, 5, "Tides and zones")

    for given in (8, 9):
        report(campus, given)
        # It starts anew, with other keys.
        campus.sandbox.house.tokens.revoke_all()

    first, second = shelf.list("result")
    labels = [shelf.find("line_item", each["line_item"])["label"] for each in (first, second)]
    assert shelf.find("line_item", "7") == theirs
    assert labels[0] == "Ask the mentor"
    assert labels[1].startswith(f"{TITLE} (mentorAI ")
    assert (first["given"], second["given"]) == (50, 9)


def test_column_that_a_first_score_made_stays_that_of_its_quiz(campus: Campus) -> None:
    """Launches call it by another address from then on."""
    shelf = campus.sandbox.platform.shelf
    open_page(campus)
    report(campus, 5, "Tides and zones")

    open_page(campus)
    report(campus, 8)
    report(campus, 6, "Tides and zones")

    held = {each["line_item"]: each["given"] for each in shelf.list("result")}
    assert sorted(held.values()) == [8, 60]
