"""Launches into a frame of another site, in browsers that keep cookies there and that do not.

The tool is at localhost and the LMS at 127.0.0.1, so its frames are truly cross-site. A browser
that keeps nothing is a real Chromium whose settings block the tool's site.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Frame, Page, Route, expect
from sqlalchemy import select

from mentorai.core.sessions import sessions
from mentorai.lti.tool import Tool
from tests.fakes.campus import Campus, running_campus

PERSON = "/as/{}/courses/tidal-pools/items/{}/"


@pytest.fixture
def campus(tmp_path: Path, seeded: Path) -> Iterator[Campus]:
    folder = tmp_path / "data"
    folder.mkdir()
    with running_campus(folder, seeded) as campus:
        yield campus


def find_ways(campus: Campus) -> list[str]:
    """How each session came in."""
    with campus.engine.database.read() as connection:
        return list(connection.execute(select(sessions.c.way)).scalars())


def find_logged_ways(campus: Campus) -> list[str]:
    """The same of every launch, as campus IT reads it."""
    launch_log = campus.engine.room(Tool).launch_log
    launch_log.flush()
    _, entries = launch_log.list(campus.engine.organizations.get().id)
    return [entry.way for entry in entries]


@pytest.fixture
def blocked(open_browser: Callable[..., BrowserContext]) -> Page:
    return open_browser(blocked=True).new_page()


def launch(page: Page, campus: Campus, person: str, item: str = "tides-mentor") -> Frame:
    """Open an item of the course as a person; the tool's frame."""
    page.goto(campus.sandbox.url + PERSON.format(person, item))
    frame = page.frame(name="tool")
    assert frame is not None
    return frame


@pytest.mark.parametrize("storage", ["none", "parent", "frame"])
def test_cookie_is_enough_where_it_is_kept(
    campus: Campus, open_browser: Callable[..., BrowserContext], storage: str
) -> None:
    campus.sandbox.platform.behave({"storage": storage})
    page = open_browser(blocked=False).new_page()

    frame = launch(page, campus, "maya")

    expect(frame.get_by_role("textbox", name="Your message")).to_be_visible()
    assert frame.locator("meta[name=page-token]").count() == 0
    assert find_ways(campus) == ["cookie"]


@pytest.mark.parametrize("storage", ["parent", "frame"])
def test_platform_storage_opens_the_frame_where_no_cookie_is_kept(
    campus: Campus, blocked: Page, storage: str
) -> None:
    campus.sandbox.platform.behave({"storage": storage})

    frame = launch(blocked, campus, "maya")

    expect(frame.get_by_role("textbox", name="Your message")).to_be_visible()
    frame.wait_for_url(lambda url: "code" not in url)
    assert find_ways(campus) == ["storage"]


def test_new_tab_opens_where_nothing_else_does(campus: Campus, blocked: Page) -> None:
    frame = launch(blocked, campus, "maya")

    with blocked.context.expect_page() as opened:
        frame.get_by_role("link", name="Open the mentor in a new tab").click()

    expect(opened.value.get_by_role("textbox", name="Your message")).to_be_visible()
    assert find_ways(campus) == ["new_tab"]


def test_new_tab_is_offered_when_the_storage_says_nothing(campus: Campus, blocked: Page) -> None:
    campus.sandbox.platform.behave({"storage": "frame"})
    blocked.route("**/storage/", lambda route: route.abort())

    frame = launch(blocked, campus, "maya")

    expect(frame.get_by_role("link", name="Open the mentor in a new tab")).to_be_visible()
    assert find_ways(campus) == ["new_tab"]


def test_new_tab_is_not_shown_while_the_storage_may_still_open_the_frame(
    campus: Campus, blocked: Page
) -> None:
    campus.sandbox.platform.behave({"storage": "parent"})
    held: list[Route] = []
    blocked.route("**/platform_storage.js", lambda route: held.append(route))
    blocked.goto(
        campus.sandbox.url + PERSON.format("maya", "tides-mentor"), wait_until="domcontentloaded"
    )
    tool = blocked.frame_locator("#tool")
    # Once to keep the proof, and once to ask for it.
    tool.get_by_role("heading", name="Opening the mentor").wait_for()
    held.pop().continue_()
    tool.get_by_role("link", name="Open the mentor in a new tab").wait_for()
    blocked.wait_for_timeout(500)

    frame = blocked.frame(name="tool")
    assert frame is not None
    assert frame.evaluate(PAINTS) == 0
    held.pop().continue_()

    expect(tool.get_by_role("textbox", name="Your message")).to_be_visible()
    assert find_ways(campus) == ["storage"]


def test_proof_of_another_launch_does_not_open_the_frame(campus: Campus, blocked: Page) -> None:
    campus.sandbox.platform.behave({"storage": "parent"})
    # Somebody else's launch: the platform's storage in this page never held its proof.
    blocked.add_init_script(
        "addEventListener('message', (event) => {"
        " if (event.data?.subject === 'lti.get_data') {"
        "  event.stopImmediatePropagation();"
        "  event.source.postMessage({subject: 'lti.get_data.response', key: event.data.key,"
        "   message_id: event.data.message_id, value: 'made up'}, '*'); } }, true)"
    )

    frame = launch(blocked, campus, "maya")

    expect(frame.get_by_role("link", name="Open the mentor in a new tab")).to_be_visible()
    assert find_ways(campus) == ["new_tab"]


def test_student_talks_to_the_mentor_without_cookies(campus: Campus, blocked: Page) -> None:
    campus.sandbox.platform.behave({"storage": "parent"})
    frame = launch(blocked, campus, "maya")

    frame.get_by_role("textbox", name="Your message").fill("Why are there two high tides a day?")
    frame.get_by_role("button", name="Send").click()
    frame.locator(".turn a[href*=passage]").first.click()

    expect(frame.locator("#source mark").first).to_be_visible()
    frame.get_by_role("button", name="Close").click()
    frame.get_by_role("link", name="Quizzes").click()
    expect(frame.get_by_role("link", name="Quiz 1: Tides and zones")).to_be_visible()


def test_student_takes_a_quiz_without_cookies(campus: Campus, blocked: Page) -> None:
    campus.sandbox.platform.behave({"storage": "frame"})
    frame = launch(blocked, campus, "maya", "shore-quiz")

    frame.get_by_role("button", name="Start the quiz").click()
    frame.get_by_label("At new moon and at full moon").check()
    expect(frame.locator("#saved")).to_have_text("Answers saved.")
    frame.get_by_role("button", name="Submit").click()
    frame.get_by_role("button", name="Submit anyway").click()

    expect(frame.locator(".score")).to_contain_text("2 of")


def test_instructor_makes_a_key_without_cookies(campus: Campus, blocked: Page) -> None:
    campus.sandbox.platform.behave({"storage": "parent"})
    frame = launch(blocked, campus, "ruth")

    frame.get_by_role("button", name="Tidal Pools mentor").click()
    frame.get_by_role("menuitem", name="API").click()
    frame.get_by_role("link", name="Create New").first.click()
    frame.get_by_label("API Key Name").fill("Gradebook")
    frame.get_by_role("button", name="Submit").click()
    expect(frame.locator("#plain")).to_contain_text("mai_")
    frame.get_by_role("link", name="Done").click()
    frame.get_by_role("button", name="Deactivate Gradebook").click()

    expect(frame.get_by_role("row", name="Gradebook")).to_contain_text("Inactive")


def test_instructor_places_a_mentor_in_the_frame_without_cookies(
    campus: Campus, blocked: Page
) -> None:
    campus.sandbox.platform.behave({"storage": "frame"})
    blocked.goto(f"{campus.sandbox.url}/as/ruth/courses/tidal-pools/add/")
    picker = blocked.frame_locator("#tool")

    picker.get_by_role("checkbox", name="Tidal Pools mentor").check()
    picker.get_by_role("button", name="Change details first").click()
    picker.get_by_label("Title in the course").fill("Ask about the shore")
    picker.get_by_role("button", name="Place in the course").click()

    expect(blocked.get_by_text("Ask about the shore").first).to_be_visible()
    assert find_logged_ways(campus) == ["storage"]


def test_picker_opens_in_a_tab_without_cookies(campus: Campus, blocked: Page) -> None:
    blocked.goto(f"{campus.sandbox.url}/as/ruth/courses/tidal-pools/add/")
    offer = blocked.frame_locator("#tool").get_by_role("link", name="in a new tab")

    with blocked.context.expect_page() as opened:
        offer.click()

    opened.value.get_by_role("checkbox", name="Tidal Pools mentor").check()
    opened.value.get_by_role("button", name="Change details first").click()
    expect(opened.value.get_by_label("Title in the course")).to_be_visible()
    assert find_logged_ways(campus) == ["new_tab"]


def test_student_deletes_own_conversations_without_cookies(campus: Campus, blocked: Page) -> None:
    campus.sandbox.platform.behave({"storage": "parent"})
    frame = launch(blocked, campus, "maya")
    frame.get_by_role("textbox", name="Your message").fill("Why are there two high tides a day?")
    frame.get_by_role("button", name="Send").click()
    frame.locator(".turn[data-status=done]").wait_for()
    blocked.goto(f"{campus.sandbox.url}/as/maya/privacy/")
    page = blocked.frame_locator("#tool")

    with blocked.expect_download() as saved:
        page.get_by_role("button", name="Save all of it as a file").click()
    page.get_by_role("button", name="Delete my conversations").click()
    page.get_by_role("button", name="Keep them").click()
    page.get_by_role("button", name="Delete my conversations").click()
    page.get_by_role("button", name="Delete them all").click()

    expect(page.get_by_role("status")).to_contain_text("1 conversation was deleted.")
    assert "two high tides" in saved.value.path().read_text()
    assert find_logged_ways(campus) == ["storage", "storage"]


def test_what_is_pressed_early_waits_for_the_scripts(campus: Campus, blocked: Page) -> None:
    campus.sandbox.platform.behave({"storage": "parent"})

    held: list[Route] = []
    blocked.route("**/carried.js", lambda route: held.append(route))
    blocked.goto(
        campus.sandbox.url + PERSON.format("maya", "tides-mentor"), wait_until="domcontentloaded"
    )
    frame = blocked.frame_locator("#tool")

    frame.get_by_role("link", name="Quizzes").click()
    held.pop().continue_()

    expect(frame.get_by_role("link", name="Quiz 1: Tides and zones")).to_be_visible()


def test_question_sent_early_waits_for_the_scripts(campus: Campus, blocked: Page) -> None:
    campus.sandbox.platform.behave({"storage": "parent"})
    held: list[Route] = []
    blocked.route("**/chat.js", lambda route: held.append(route))
    blocked.goto(
        campus.sandbox.url + PERSON.format("maya", "tides-mentor"), wait_until="domcontentloaded"
    )
    frame = blocked.frame_locator("#tool")
    frame.get_by_role("textbox", name="Your message").fill("Why are there two high tides a day?")

    frame.get_by_role("textbox", name="Your message").press("Enter")
    held.pop().continue_()

    expect(frame.locator(".turn[data-status=done]")).to_have_count(1)


def test_back_and_reload_of_a_launch_lead_to_what_it_opened(
    campus: Campus, open_browser: Callable[..., BrowserContext]
) -> None:
    page = open_browser(blocked=False).new_page()
    page.goto(campus.sandbox.url + PERSON.format("maya", "tides-mentor") + "launch")
    expect(page.get_by_role("textbox", name="Your message")).to_be_visible()
    first = page.url
    page.get_by_role("link", name="Quizzes").click()
    page.wait_for_url("**/quiz/")

    page.go_back()
    page.reload()

    assert page.url == first
    assert find_ways(campus) == ["cookie"]


PAINTS = "performance.getEntriesByType('paint').length"
TOP = "Math.round(document.getElementById('tool').getBoundingClientRect().top)"
HEIGHT = "document.getElementById('tool').offsetHeight"


def wait_until(place: Page | Frame, is_so: str) -> None:
    """Look until it is so. Playwright's own way evaluates text, which the policies block."""
    for _ in range(200):
        if place.evaluate(is_so):
            return
        place.wait_for_timeout(50)
    raise AssertionError(is_so)


def test_conversation_takes_the_height_that_the_window_has(
    campus: Campus, open_browser: Callable[..., BrowserContext]
) -> None:
    page = open_browser(blocked=False).new_page()
    page.set_viewport_size({"width": 1000, "height": 1100})

    frame = launch(page, campus, "maya")
    expect(frame.get_by_role("textbox", name="Your message")).to_be_visible()

    wait_until(page, f"{HEIGHT} > 700")
    bottom: float = page.evaluate("document.getElementById('tool').getBoundingClientRect().bottom")
    assert abs(bottom - 1100) < 30


def test_page_is_as_high_as_what_is_on_it(
    campus: Campus, open_browser: Callable[..., BrowserContext]
) -> None:
    page = open_browser(blocked=False).new_page()
    frame = launch(page, campus, "maya", "shore-quiz")
    frame.get_by_role("button", name="Start the quiz").click()
    expect(frame.get_by_role("button", name="Submit")).to_be_visible()

    expect(page.locator("iframe#tool")).to_have_attribute("title", frame.title())
    wait_until(page, f"{HEIGHT} > 1000")
    wait_until(frame, "document.documentElement.scrollHeight - innerHeight <= 2")


def test_page_is_shown_when_it_has_asked_for_its_height(
    campus: Campus, open_browser: Callable[..., BrowserContext]
) -> None:
    page = open_browser(blocked=False).new_page()
    frame = launch(page, campus, "maya")
    expect(frame.get_by_role("textbox", name="Your message")).to_be_visible()
    wait_until(frame, f"{PAINTS} > 0")
    held: list[Route] = []
    page.route("**/framing.js", lambda route: held.append(route))

    frame.get_by_role("link", name="Quizzes").click()
    frame.get_by_role("heading", name="Quizzes").wait_for()
    page.wait_for_timeout(500)

    assert frame.evaluate(PAINTS) == 0
    held[0].continue_()
    wait_until(frame, f"{PAINTS} > 0")


def test_course_page_stays_where_it_is_when_the_top_of_the_frame_is_seen(
    campus: Campus, open_browser: Callable[..., BrowserContext]
) -> None:
    page = open_browser(blocked=False).new_page()
    page.set_viewport_size({"width": 1000, "height": 600})
    frame = launch(page, campus, "maya", "shore-quiz")
    page.evaluate("scrollTo(0, 40)")
    wait_until(page, "scrollY === 40")

    frame.get_by_role("button", name="Start the quiz").click()

    expect(frame.get_by_role("button", name="Submit")).to_be_attached()
    wait_until(page, f"{HEIGHT} > 1000")
    assert page.evaluate("scrollY") == 40


def test_page_is_read_from_its_top_when_the_one_before_was_left_far_below(
    campus: Campus, open_browser: Callable[..., BrowserContext]
) -> None:
    page = open_browser(blocked=False).new_page()
    page.set_viewport_size({"width": 1000, "height": 600})
    frame = launch(page, campus, "maya", "shore-quiz")
    frame.get_by_role("button", name="Start the quiz").click()
    wait_until(page, f"{HEIGHT} > 1000")

    frame.get_by_role("button", name="Submit").click()
    wait_until(page, "scrollY > 500")
    frame.get_by_role("button", name="Submit anyway").click()

    expect(frame.locator(".score")).to_be_visible()
    wait_until(page, f"{TOP} >= 0")


def test_page_in_a_tab_of_its_own_leads_back_to_the_course(
    campus: Campus, open_browser: Callable[..., BrowserContext]
) -> None:
    page = open_browser(blocked=False).new_page()
    page.goto(campus.sandbox.url + PERSON.format("maya", "tides-mentor") + "launch")

    page.get_by_role("link", name="Back to the course").click()

    page.wait_for_url("**/courses/tidal-pools/")
