"""Links of a Canvas that are for some students only, or that share a column, over HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from mentorai.core.engine import Engine
from mentorai.core.places import resource_links
from mentorai.lti.nrps import list_members
from mentorai.lti.tool import Tool
from mentorai.plugins import canvas
from mentorai.plugins.sandbox.school import fixed_id
from tests.fakes.browserless import Browser
from tests.fakes.campus import COURSE, Campus, running_campus
from tests.fakes.hasty_worker import PLUGINS, QUICK_BUCKET


@pytest.fixture
def campus(tmp_path: Path, seeded: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Campus]:
    # Several tokens within a second are more than the real one bears.
    monkeypatch.setattr(canvas, "BUCKET", QUICK_BUCKET)
    with running_campus(tmp_path, seeded, personality="canvas", plugins=PLUGINS) as campus:
        campus.sandbox.platform.behave({"throttles": False, "storage": "none"})
        yield campus


def teach(campus: Campus, **changes: object) -> str:
    """What the teacher changes of the first column; its link's id."""
    column = campus.sandbox.platform.shelf.list("line_item")[0]
    campus.sandbox.house.teacher.change(column["id"], changes)
    return str(column["resourceLinkId"])


def open_items(campus: Campus, person: str, *items: str) -> None:
    for item in items:
        with Browser() as browser:
            browser.launch(campus.sandbox.url, person, COURSE, item)


def find_link(tool: Engine, title: str) -> str:
    query = select(resource_links.c.id).where(resource_links.c.title == title)
    with tool.database.read() as connection:
        return str(connection.execute(query).scalar_one())


def test_roster_of_a_link_removes_nobody_from_the_course(campus: Campus) -> None:
    tool = campus.engine
    link = teach(campus, assignees=["maya"])
    open_items(campus, "ruth", "shore-quiz")
    open_items(campus, "maya", "shore-quiz")
    (course,) = tool.course_people.list_courses(tool.organizations.get().id)

    # Who is missing from two reads is taken for gone.
    for _ in range(2):
        tool.rosters.sync(course.organization_id, course.id)

    known = tool.course_people.list_people(course)
    url = f"{campus.sandbox.url}/api/lti/courses/{COURSE}/names_and_roles"
    of_link = list_members(tool.room(Tool), campus.registration, url, resource_link_id=link)
    assert [person.status for person in known] == ["active"] * 5
    assert {row.subject for row in of_link} == {
        fixed_id(f"person/{name}") for name in ("maya", "ruth", "jonas")
    }


def test_scores_of_two_links_never_meet_in_the_column_that_they_share(campus: Campus) -> None:
    tool, shelf = campus.engine, campus.sandbox.platform.shelf
    teach(campus, other_links=[fixed_id("item/tides-mentor")])
    open_items(campus, "maya", "shore-quiz", "tides-mentor")
    (course,) = tool.course_people.list_courses(tool.organizations.get().id)
    (person,) = tool.course_people.list_people(course)

    for title, given in (("Quiz 1: Tides and zones", 5), ("Ask the mentor", 7)):
        tool.report_score(
            organization_id=course.organization_id,
            mentor_id=campus.mentor.id,
            person_id=person.id,
            quiz_id=campus.quiz_id("Tides and zones"),
            resource_link_id=find_link(tool, title),
            given=given,
            maximum=10,
        )
    tool.outbox.deliver_due()

    columns = {column["id"]: column["resourceLinkId"] for column in shelf.list("line_item")}
    held = {columns[each["line_item"]]: each["given"] for each in shelf.list("result")}
    assert held == {fixed_id("item/shore-quiz"): 5, fixed_id("item/tides-mentor"): 7}
