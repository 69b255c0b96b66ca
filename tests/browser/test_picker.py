"""The picker in a real browser, framed by the sandbox LMS on another site."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, FrameLocator, Page, Route

from tests.browser.conftest import PATIENCE_MS
from tests.browser.test_accessibility import check as check_looks
from tests.fakes.campus import COURSE, Campus, running_campus

ADD = f"/as/ruth/courses/{COURSE}/add/"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, seeded: Path) -> Iterator[Campus]:
    with running_campus(tmp_path_factory.mktemp("campus"), seeded) as campus:
        organization = campus.engine.organizations.get().id
        for number in range(12):
            campus.engine.mentors.add(organization, f"Zebra {number}", description="Stripes")
        yield campus


@pytest.fixture
def campus(running: Campus) -> Iterator[Campus]:
    yield running
    running.clear()


@pytest.fixture
def open_context(chromium: Browser) -> Iterator[Any]:
    contexts: list[BrowserContext] = []

    def open_it(**options: Any) -> BrowserContext:
        context = chromium.new_context(reduced_motion="reduce", **options)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        return context

    yield open_it
    for context in contexts:
        context.close()


@pytest.fixture
def page(open_context: Any) -> Iterator[Page]:
    """One tab; an error in a script, or anything a policy blocked, fails the test."""
    tab = open_context(timezone_id="Europe/Madrid").new_page()
    faults: list[str] = []
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    yield tab
    assert faults == []


def open_times(picker: FrameLocator) -> None:
    """By keyboard: a click misses what moves while the frame grows."""
    # The page before has the same words, in a hint.
    picker.locator("summary", has_text="When it is open").last.press("Enter")


def open_picker(campus: Campus, page: Page) -> FrameLocator:
    page.goto(campus.sandbox.url + ADD)
    picker = page.frame_locator("#tool")
    picker.get_by_role("heading", name="Place a mentor or a quiz").wait_for()
    return picker


def check(page: Page, name: str) -> list[str]:
    """What is wrong with the picker in its frame, in each of its looks."""
    frame = page.frame(name="tool")
    assert frame is not None
    return check_looks(page, name, frame)


def test_picker_is_accessible(campus: Campus, open_context: Any) -> None:
    page = open_context().new_page()
    campus.ask_for(accept_types=["ltiResourceLink", "html", "image", "link", "file"])
    picker = open_picker(campus, page)
    documents = picker.get_by_text("documents of Tidal Pools mentor")
    documents.press("Enter")
    found = check(page, "choices")
    picker.get_by_role("button", name="Change details").click()
    picker.get_by_role("alert").wait_for()
    found += check(page, "nothing chosen")
    picker.get_by_role("checkbox", name="Quiz 1").check()
    picker.get_by_role("checkbox", name="Tidal Pools mentor").check()
    documents.press("Enter")
    picker.get_by_role("checkbox", name="Document").last.check()
    picker.get_by_role("button", name="Change details").click()
    open_times(picker)
    found += check(page, "details")
    picker.get_by_label("Points in the gradebook").last.fill("0")
    picker.get_by_role("button", name="Place in the course").click()
    picker.get_by_role("alert").wait_for()
    found += check(page, "wrong details")
    campus.ask_for(accept_types=["link"])
    page.goto(campus.sandbox.url + ADD)
    picker.get_by_role("heading", name="Nothing to place here").wait_for()
    found += check(page, "nothing to place")

    assert found == []


def test_quiz_is_placed_with_changed_details(campus: Campus, page: Page) -> None:
    picker = open_picker(campus, page)
    picker.get_by_role("checkbox", name="Quiz 1").check()
    picker.get_by_role("button", name="Change details").click()
    picker.get_by_label("Title in the course").fill("Week 3")
    picker.get_by_label("Points in the gradebook").fill("20")
    picker.get_by_label("Opens").select_option("In a new window")
    open_times(picker)
    picker.get_by_label("Handing in until").fill("2026-12-01T23:59")
    picker.get_by_role("button", name="Place in the course").click()

    page.get_by_text("1 item was added to the course.").wait_for()
    (item,) = campus.added()
    assert (item["title"], item["points"]) == ("Week 3", 20)
    assert item["window"] == {"targetName": "_blank"}
    # The zone is the browser's own.
    assert item["submission"] == {"endDateTime": "2026-12-01T22:59:00+00:00"}
    page.get_by_role("link", name="Week 3").click()
    with page.expect_popup() as opened:
        page.get_by_role("link", name="in a window").click()
    opened.value.wait_for_url("**/s/**")


def test_zone_chosen_before_the_script_is_there_stays(campus: Campus, page: Page) -> None:
    picker = open_picker(campus, page)
    held: list[Route] = []
    page.route("**/picker.js", lambda route: held.append(route))
    picker.get_by_role("checkbox", name="Quiz 1").check()
    picker.get_by_role("button", name="Change details").click(no_wait_after=True)
    zone = picker.get_by_label("Time zone")
    zone.select_option("Asia/Tokyo")

    held.pop().continue_()
    frame = page.frame(name="tool")
    assert frame is not None
    frame.wait_for_load_state()

    assert zone.input_value() == "Asia/Tokyo"


def test_page_that_goes_on_by_itself_is_not_shown_before_it_does(
    campus: Campus, page: Page
) -> None:
    picker = open_picker(campus, page)
    held: list[Route] = []
    page.route("**/answer.js", lambda route: held.append(route))
    picker.get_by_role("checkbox", name="Quiz 1").check()
    picker.get_by_role("button", name="Place in the course").click(no_wait_after=True)
    picker.get_by_role("button", name="Continue").wait_for()
    frame = page.frame(name="tool")
    assert frame is not None
    page.wait_for_timeout(500)

    assert frame.evaluate("performance.getEntriesByType('paint').length") == 0
    held.pop().continue_()
    page.get_by_text("1 item was added to the course.").wait_for()


def test_frame_is_as_high_as_the_picker_needs(campus: Campus, page: Page) -> None:
    picker = open_picker(campus, page)
    picker.get_by_role("checkbox", name="Quiz 1").check()
    picker.get_by_role("button", name="Change details").click()
    open_times(picker)
    frame = page.frame(name="tool")
    assert frame is not None

    picker.get_by_label("Handing in until").wait_for()

    deadline = time.monotonic() + 10
    while frame.evaluate("document.scrollingElement.scrollHeight > window.innerHeight"):
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)
    assert frame.evaluate("window.innerHeight") > 700


def test_picker_is_used_by_keyboard_alone(campus: Campus, page: Page) -> None:
    picker = open_picker(campus, page)
    picker.get_by_role("searchbox").focus()
    page.keyboard.type("quiz 2")
    page.keyboard.press("Enter")
    picker.get_by_text("Shown is what has").wait_for()
    picker.get_by_role("searchbox").focus()
    # The button, then the one thing that was found.
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    page.get_by_text("1 item was added to the course.").wait_for()
    assert campus.added()[0]["title"] == "Quiz 2: Life on the rocks"


def test_search_keeps_what_was_ticked(campus: Campus, page: Page) -> None:
    picker = open_picker(campus, page)
    picker.get_by_role("checkbox", name="Quiz 1").check()
    picker.get_by_role("searchbox").fill("zebra 7")
    picker.get_by_role("button", name="Look").click()
    picker.get_by_text("Shown is what has").wait_for()

    assert picker.get_by_role("checkbox", name="Quiz 1").is_checked()
    assert picker.get_by_role("checkbox").count() == 2


def test_cancel_tells_the_teacher_that_nothing_was_chosen(campus: Campus, page: Page) -> None:
    campus.ask_for(accept_multiple=False)
    picker = open_picker(campus, page)
    picker.get_by_role("button", name="Cancel").click()

    picker.get_by_text("Nothing was chosen.").wait_for()
    picker.get_by_role("link", name="Back to the course").click()
    page.get_by_role("heading", name="Tidal Pools: Life Between the Tides").wait_for()
    assert campus.added() == []


def test_everything_works_without_scripts(campus: Campus, open_context: Any) -> None:
    page = open_context(java_script_enabled=False).new_page()
    page.goto(campus.sandbox.url + ADD)
    frame = page.frame_locator("#tool")
    frame.get_by_role("button", name="Go on").click()
    inside = page.frame(name="tool")
    assert inside is not None
    inside.wait_for_url("**/lti/auth**")
    frame.get_by_role("button", name="Go on").click()
    frame.get_by_role("checkbox", name="Quiz 1").check()
    frame.get_by_role("button", name="Change details").click()
    frame.get_by_label("Title in the course").fill("No scripts")
    frame.get_by_role("button", name="Place in the course").click()
    frame.get_by_role("button", name="Continue").click()

    frame.get_by_text("1 item added").wait_for()
    assert campus.added()[0]["title"] == "No scripts"


def test_answer_goes_nowhere_but_to_the_platform(campus: Campus, open_context: Any) -> None:
    page = open_context().new_page()
    # Without the script the form stays, so that something else can try to use the page.
    page.route("**/lti/static/answer.js", lambda route: route.abort())
    picker = open_picker(campus, page)
    picker.get_by_role("checkbox", name="Quiz 1").check()
    picker.get_by_role("button", name="Place in the course").click()
    picker.get_by_role("button", name="Continue").wait_for()
    frame = page.frame(name="tool")
    assert frame is not None
    frame.evaluate("document.getElementById('answer').action = 'http://localhost:9/steal'")

    with page.expect_console_message(lambda said: "form-action" in said.text):
        picker.get_by_role("button", name="Continue").click()

    assert [one.url for one in page.frames if "steal" in one.url] == []
