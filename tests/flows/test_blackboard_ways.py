"""What Blackboard does in its own way, and what the tool makes of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from mentorai.core.places import resource_links
from mentorai.core.reconciliation import reconcile
from mentorai.plugins import blackboard, lti_launch
from mentorai.plugins.sandbox.copies import copy_course
from mentorai.plugins.sandbox.school import COURSES, find_person
from tests.fakes.browserless import Browser
from tests.fakes.campus import Campus, running_campus


@pytest.fixture
def campus(tmp_path: Path, seeded: Path) -> Iterator[Campus]:
    plugins = [("lti_launch", lti_launch), ("blackboard", blackboard)]
    with running_campus(tmp_path, seeded, personality="blackboard", plugins=plugins) as campus:
        # What is kept in a frame needs scripts, and this browser has none.
        campus.sandbox.platform.behave({"storage": "none"})
        yield campus


@pytest.fixture
def browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


def test_ids_and_keys_name_one_person_in_launch_roster_score_and_results(
    campus: Campus, browser: Browser
) -> None:
    engine, maya = campus.engine, find_person("maya")
    browser.launch(campus.sandbox.url, "maya", "tidal-pools", "shore-quiz")
    (course,) = engine.course_people.list_courses(engine.organizations.get().id)
    (learner,) = engine.course_people.list_people(course)
    quiz_id = campus.quiz_id("Tides and zones")
    with engine.database.read() as connection:
        link = connection.execute(select(resource_links)).one()

    count = engine.rosters.sync(course.organization_id, course.id)
    engine.report_score(
        organization_id=course.organization_id,
        mentor_id=campus.mentor.id,
        person_id=learner.id,
        quiz_id=quiz_id,
        resource_link_id=link.id,
        given=8,
        maximum=10,
    )
    engine.outbox.deliver_due()

    # The preview user is on the roster, and nobody of the course.
    people = {person.name: person.id for person in engine.course_people.list_people(course)}
    (held,) = campus.sandbox.platform.shelf.list("result")
    found = reconcile(engine, course.organization_id, campus.mentor.id, quiz_id)
    asked = {each.url for each in campus.sandbox.platform.requests if each.endpoint == "scores"}
    assert maya is not None
    assert people["Maya Lindqvist"] == learner.id
    assert (count, len(people)) == (5, 5)
    assert (held["user_id"], held["given"]) == (maya.sub, 8)
    assert [row.verdict for row in found.rows] == ["same"]
    assert asked == {"/learn/api/v1/lti/courses/_4_1/lineItems/_40_1/scores"}


def test_copied_course_goes_on_with_the_settings_of_the_first(
    campus: Campus, browser: Browser
) -> None:
    sandbox, engine = campus.sandbox, campus.engine
    browser.launch(sandbox.url, "maya", "tidal-pools", "shore-quiz")
    copied = copy_course(sandbox.platform, COURSES[0])
    item = next(each for each in sandbox.platform.items(copied) if each.points)

    page = browser.launch(sandbox.url, "maya", copied.id, item.id)

    assert page.status_code == 200
    assert "Tides and zones" in page.text
    assert len(engine.course_people.list_courses(engine.organizations.get().id)) == 2
