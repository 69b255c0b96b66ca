"""Roster, groups, columns and results between the real tool and the sandbox LMS, over HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mentorai.core.course_people import Course
from mentorai.core.engine import Engine
from mentorai.core.errors import PlatformUnavailable
from mentorai.core.reconciliation import reconcile
from mentorai.core.values import LineItem
from mentorai.lti.line_items import change_line_item, list_line_items, make_line_item
from mentorai.lti.registrations import Registration
from mentorai.lti.tool import Tool
from mentorai.plugins.sandbox.memberships import change_membership
from mentorai.web.commands import main
from tests.fakes.browserless import Browser
from tests.fakes.campus import Campus, running_campus
from tests.fakes.platforms import RunningSandbox

COURSE = "tidal-pools"


@pytest.fixture
def campus(tmp_path: Path, seeded: Path) -> Iterator[Campus]:
    with running_campus(tmp_path, seeded) as campus:
        yield campus


@pytest.fixture
def sandbox(campus: Campus) -> RunningSandbox:
    return campus.sandbox


@pytest.fixture
def tool(campus: Campus) -> Engine:
    return campus.engine


@pytest.fixture
def course(tool: Engine, sandbox: RunningSandbox) -> Course:
    """The course after its instructor opened the mentor."""
    with Browser() as browser:
        browser.launch(sandbox.url, "ruth", COURSE, "tides-mentor")
    (found,) = tool.course_people.list_courses(tool.organizations.get().id)
    return found


@pytest.fixture
def registration(tool: Engine) -> Registration:
    (found,) = tool.room(Tool).registrations.list(tool.organizations.get().id)
    return found


def statuses(tool: Engine, course: Course) -> dict[str | None, str]:
    return {person.name: person.status for person in tool.course_people.list_people(course)}


def test_roster_comes_in_pages_with_groups(
    tool: Engine, sandbox: RunningSandbox, course: Course
) -> None:
    sandbox.platform.behave({"page_size": 2})

    count = tool.rosters.sync(course.organization_id, course.id)

    people = {person.name: person for person in tool.course_people.list_people(course)}
    assert count == 5
    assert set(people) == {
        "Maya Lindqvist",
        "Tomás Ōta-Ferreira",
        "Ruth Adeyemi",
        "Jonas Petrov",
        None,
    }
    assert people["Maya Lindqvist"].groups == ("Field trip", "Lab teams: Limpets")
    pages = [each for each in sandbox.platform.requests if each.endpoint == "members"]
    assert len(pages) == 3
    tokens = [each for each in sandbox.platform.requests if each.endpoint == "token"]
    assert len(tokens) == 2


def test_member_who_was_taken_out_leaves_after_two_reads(
    tool: Engine, sandbox: RunningSandbox, course: Course
) -> None:
    tool.rosters.sync(course.organization_id, course.id)
    change_membership(sandbox.platform, COURSE, "tomas", "Deleted")

    tool.rosters.sync(course.organization_id, course.id)
    after_one = statuses(tool, course)
    tool.rosters.sync(course.organization_id, course.id)

    assert after_one["Tomás Ōta-Ferreira"] == "active"
    assert statuses(tool, course)["Tomás Ōta-Ferreira"] == "left"


def test_roster_that_breaks_on_its_second_page_removes_nobody(
    tool: Engine, sandbox: RunningSandbox, course: Course
) -> None:
    tool.rosters.sync(course.organization_id, course.id)
    sandbox.platform.behave({"page_size": 2})
    for _ in range(2):
        sandbox.faults.add("members", "slow", seconds=0.0, times=1)
        sandbox.faults.add("members", "status", status=500, times=1)
        with pytest.raises(PlatformUnavailable):
            tool.rosters.sync(course.organization_id, course.id)

    assert set(statuses(tool, course).values()) == {"active"}


def test_differences_bring_what_changed(
    tool: Engine, sandbox: RunningSandbox, course: Course
) -> None:
    sandbox.platform.behave({"roster_differences": True})
    tool.rosters.sync(course.organization_id, course.id)
    change_membership(sandbox.platform, COURSE, "tomas", "Deleted")
    change_membership(sandbox.platform, COURSE, "ines", "Active")

    count = tool.rosters.sync(course.organization_id, course.id, whole=False)
    again = tool.rosters.sync(course.organization_id, course.id, whole=False)

    assert (count, again) == (2, 0)
    found = statuses(tool, course)
    assert (found["Tomás Ōta-Ferreira"], found["Ines Campos"]) == ("inactive", "active")


def test_roster_is_read_again_after_the_platform_forgot_its_tokens(
    tool: Engine, sandbox: RunningSandbox, course: Course
) -> None:
    tool.rosters.sync(course.organization_id, course.id)
    sandbox.house.tokens.revoke_all()

    assert tool.rosters.sync(course.organization_id, course.id) == 5


def test_columns_are_made_changed_and_removed(
    tool: Engine, sandbox: RunningSandbox, course: Course, registration: Registration
) -> None:
    sandbox.platform.behave({"line_item_query": True, "page_size": 1})
    place = (tool.room(Tool), registration)
    url = f"{sandbox.url}/lti/courses/{COURSE}/line_items?type_id=1"
    wanted = LineItem("", "Essay", 20, resource_id="essay", tag="t", resource_link_id=None)

    made = make_line_item(*place, url, wanted)
    changed = change_line_item(*place, made.url, label="Long essay")

    assert (changed.label, changed.score_maximum, changed.tag) == ("Long essay", 20, "t")
    assert [i.url for i in list_line_items(*place, url, tag="t")] == [made.url]
    assert len(list(list_line_items(*place, url))) > 1


def test_gradebook_is_compared_with_ours(
    tool: Engine, sandbox: RunningSandbox, course: Course
) -> None:
    organization_id = tool.organizations.get().id
    mentor = tool.mentors.get(organization_id, COURSE)
    quiz = tool.quizzes.list(organization_id, mentor.id)[0]
    for person in ("maya", "private"):
        with Browser() as browser:
            browser.launch(sandbox.url, person, COURSE, "shore-quiz")
    (link_id,) = _links_of(tool, "Quiz 1: Tides and zones")
    for number, each in enumerate(_students(tool, course)):
        tool.report_score(
            organization_id=organization_id,
            mentor_id=mentor.id,
            person_id=each,
            quiz_id=quiz.id,
            resource_link_id=link_id,
            given=number + 5,
            maximum=10,
        )
    tool.outbox.deliver_due()
    sandbox.platform.behave({"page_size": 1})
    held = sandbox.platform.shelf.list("result")
    sandbox.platform.shelf.put(
        "result", f"{held[0]['line_item']}/{held[0]['user_id']}", held[0] | {"given": 1.0}
    )

    found = reconcile(tool, organization_id, mentor.id, quiz.id)

    assert sorted(row.verdict for row in found.rows) == ["overridden", "same"]


def _students(tool: Engine, course: Course) -> list[str]:
    return [p.id for p in tool.course_people.list_people(course) if p.role.value == "learner"]


def _links_of(tool: Engine, title: str) -> list[str]:
    from sqlalchemy import select

    from mentorai.core.places import resource_links

    with tool.database.read() as connection:
        query = select(resource_links.c.id).where(resource_links.c.title == title)
        return list(connection.execute(query).scalars())


# --- the command line ------------------------------------------------------------------------


def run(tool: Engine, *arguments: str) -> Result:
    environment = {
        "MENTORAI_DATA_DIR": str(tool.settings.data_dir),
        "MENTORAI_PUBLIC_URL": tool.settings.public_url,
        "MENTORAI_ALLOW_LOOPBACK_PLATFORMS": "true",
    }
    return CliRunner().invoke(main, arguments, env=environment)


def test_rosters_are_read_and_shown_by_command(
    tool: Engine, sandbox: RunningSandbox, course: Course
) -> None:
    synced = run(tool, "rosters", "sync")
    listed = run(tool, "rosters", "list")
    shown = run(tool, "rosters", "show", course.id, "--role", "learner")
    groups = run(tool, "rosters", "groups", course.id)
    unknown = run(tool, "rosters", "sync", "made-up")

    assert (synced.exit_code, synced.output) == (0, f"{course.name}: 5 people.\n")
    assert course.id in listed.output
    assert "never" not in listed.output
    assert "Maya Lindqvist" in shown.output
    assert "Ruth" not in shown.output
    assert "Limpets" in groups.output
    assert unknown.exit_code == 1
    assert "[not_found]" in unknown.output


def test_roster_that_cannot_be_read_fails_the_command(
    tool: Engine, sandbox: RunningSandbox, course: Course
) -> None:
    sandbox.faults.add("members", "status", status=403)

    done = run(tool, "rosters", "sync")

    assert done.exit_code == 1
    assert "[platform_refused]" in done.output


def test_columns_are_put_right_by_command(
    tool: Engine, sandbox: RunningSandbox, course: Course, registration: Registration
) -> None:
    url = f"{sandbox.url}/lti/courses/{COURSE}/line_items"
    listed = run(tool, "line-items", "list", registration.id, url)
    address = next(word for word in listed.output.split() if word.startswith("http"))

    changed = run(tool, "line-items", "change", registration.id, address, "--label", "Week one")
    shown = run(tool, "line-items", "show", registration.id, address)
    removed = run(tool, "line-items", "remove", registration.id, address, "--yes")
    gone = run(tool, "line-items", "show", registration.id, address)

    assert "Quiz 1" in listed.output
    assert (changed.exit_code, changed.output) == (0, "Week one, of 10.0\n")
    assert "It holds nothing." in shown.output
    assert removed.exit_code == 0
    assert "[no_line_item]" in gone.output
