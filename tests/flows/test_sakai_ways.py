"""A whole campus with a sandbox that answers as Sakai does."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from mentorai.core.engine import Engine
from mentorai.core.places import resource_links
from mentorai.plugins import lti_launch, sakai
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


def test_column_of_a_teacher_with_the_same_title_is_left_alone(campus: Campus) -> None:
    shelf, engine = campus.sandbox.platform.shelf, campus.engine
    theirs = {"id": "7", "course": COURSE, "label": TITLE, "scoreMaximum": 40, "foreign": True}
    shelf.put("line_item", "7", theirs)
    with Browser() as browser:
        browser.launch(campus.sandbox.url, "maya", COURSE, "life-quiz")
    organization_id = engine.organizations.get().id
    (course,) = engine.course_people.list_courses(organization_id)
    (maya,) = engine.course_people.list_people(course)
    with engine.database.read() as connection:
        link_id = str(connection.execute(select(resource_links.c.id)).scalar_one())

    for given in (8, 9):
        engine.report_score(
            organization_id=organization_id,
            mentor_id=campus.mentor.id,
            person_id=maya.id,
            quiz_id=campus.quiz_id("Life on the rocks"),
            resource_link_id=link_id,
            given=given,
            maximum=10,
        )
        deliver(engine)
        # It starts anew, with other keys.
        campus.sandbox.house.tokens.revoke_all()

    (held,) = shelf.list("result")
    made = shelf.find("line_item", held["line_item"])
    assert shelf.find("line_item", "7") == theirs
    assert made is not None
    assert made["label"].startswith(f"{TITLE} (mentorAI ")
    assert held["given"] == 9
