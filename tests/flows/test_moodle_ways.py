"""What Moodle does in its own way, and what the tool makes of it: with the sandbox as Moodle."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from mentorai.core.clock import now
from mentorai.core.course_people import Course
from mentorai.core.engine import Engine
from mentorai.core.places import resource_links
from mentorai.core.reconciliation import reconcile
from mentorai.lti.tickets import LIFETIME, tickets
from mentorai.lti.tool import Tool
from mentorai.plugins import lti_launch, moodle
from mentorai.plugins.sandbox.memberships import change_membership
from mentorai.plugins.sandbox.school import find_person
from tests.fakes.browserless import Browser, Form
from tests.fakes.campus import Campus, running_campus

COURSE, LINK = "tidal-pools", "tides-mentor"


@pytest.fixture
def campus(tmp_path: Path, seeded: Path) -> Iterator[Campus]:
    plugins = [("lti_launch", lti_launch), ("moodle", moodle)]
    with running_campus(tmp_path, seeded, personality="moodle", plugins=plugins) as campus:
        yield campus


@pytest.fixture
def browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


def entries(campus: Campus) -> list[Any]:
    """What the launch log holds."""
    log = campus.engine.room(Tool).launch_log
    log.flush()
    return list(log.list(campus.engine.organizations.get().id)[1])


def courses(campus: Campus) -> list[Course]:
    return list(campus.engine.course_people.list_courses(campus.engine.organizations.get().id))


def find_link_id(engine: Engine) -> str:
    """Our id of the one link that was opened."""
    with engine.database.read() as connection:
        return str(connection.execute(select(resource_links.c.id)).scalar_one())


def find_sub(person: str) -> str:
    """What the sandbox itself calls a person."""
    found = find_person(person)
    assert found is not None
    return found.sub


def begin_unenrolled(campus: Campus, browser: Browser) -> Form:
    """A login initiation of somebody who is not in the course any more."""
    login = browser.begin(campus.sandbox.url, "maya", COURSE, LINK)
    change_membership(campus.sandbox.platform, COURSE, "maya", "Deleted")
    return login


def test_login_that_ends_at_the_enrolment_page_leaves_no_launch(
    campus: Campus, browser: Browser
) -> None:
    page = browser.submit(begin_unenrolled(campus, browser))

    assert page.url.startswith(f"{campus.sandbox.url}/enrol/index.php")
    assert [step.status_code for step in page.history][-1] == 303
    assert page.status_code == 200
    assert entries(campus) == []
    assert courses(campus) == []


def test_ticket_of_that_login_waits_untaken_until_it_expires(
    campus: Campus, browser: Browser
) -> None:
    browser.submit(begin_unenrolled(campus, browser))

    with campus.engine.database.read() as connection:
        (ticket,) = connection.execute(select(tickets)).all()
    assert ticket.taken_at is None
    assert ticket.expires_at <= now() + LIFETIME


def test_person_who_enrolled_after_that_comes_in_by_a_launch_of_its_own(
    campus: Campus, browser: Browser
) -> None:
    browser.submit(begin_unenrolled(campus, browser))
    change_membership(campus.sandbox.platform, COURSE, "maya", "Active")

    page = browser.launch(campus.sandbox.url, "maya", COURSE, LINK)

    assert page.status_code == 200
    assert [entry.outcome for entry in entries(campus)] == ["admitted"]


def test_hidden_link_removes_nobody_from_the_roster(campus: Campus, browser: Browser) -> None:
    browser.launch(campus.sandbox.url, "ruth", COURSE, LINK)
    (course,) = courses(campus)
    rosters, people = campus.engine.rosters, campus.engine.course_people
    rosters.sync(course.organization_id, course.id)
    campus.sandbox.house.teacher.hide(LINK, hidden=True)

    for _ in range(2):
        rosters.sync(course.organization_id, course.id)

    assert [person.status for person in people.list_people(course)] == ["active"] * 5


def test_key_of_the_persons_session_in_moodle_is_neither_logged_nor_kept_of_a_launch(
    campus: Campus, browser: Browser, capfd: pytest.CaptureFixture[str]
) -> None:
    browser.launch(campus.sandbox.url, "maya", COURSE, LINK)
    browser.open_picker(campus.sandbox.url, "ruth", COURSE)

    kept, written = entries(campus), "".join(capfd.readouterr())
    assert "/lti/launch" in written
    assert "S4ndb0xKey" not in written
    assert len(kept) == 2
    assert "S4ndb0xKey" not in str(kept)


@pytest.mark.parametrize("ids", ["numbers", "bare_numbers"])
def test_number_names_one_person_in_launch_roster_score_and_results(
    campus: Campus, browser: Browser, ids: str
) -> None:
    campus.sandbox.platform.behave({"ids": ids})
    engine = campus.engine
    browser.launch(campus.sandbox.url, "maya", COURSE, "shore-quiz")
    (course,) = courses(campus)
    (maya,) = engine.course_people.list_people(course)
    quiz_id = campus.quiz_id("Tides and zones")

    count = engine.rosters.sync(course.organization_id, course.id)
    engine.report_score(
        organization_id=course.organization_id,
        mentor_id=campus.mentor.id,
        person_id=maya.id,
        quiz_id=quiz_id,
        resource_link_id=find_link_id(engine),
        given=8,
        maximum=10,
    )
    engine.outbox.deliver_due()

    people = {person.name: person.id for person in engine.course_people.list_people(course)}
    (held,) = campus.sandbox.platform.shelf.list("result")
    found = reconcile(engine, course.organization_id, campus.mentor.id, quiz_id)
    assert (count, len(people), people["Maya Lindqvist"]) == (5, 5, maya.id)
    assert (held["user_id"], held["given"]) == (find_sub("maya"), 8)
    assert [row.verdict for row in found.rows] == ["same"]
