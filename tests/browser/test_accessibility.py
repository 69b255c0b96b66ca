"""axe finds nothing on any page: light and dark, wide and narrow. And nothing runs off the side."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Frame, Page

from mentorai.core.clock import now
from mentorai.core.errors import DeploymentHeld
from mentorai.core.grade_rows import grades
from mentorai.lti.tool import Tool

RUN = "axe.run({resultTypes: ['violations']})"
# How a page may look: colour scheme, width and height.
LOOKS = {
    "light": ("light", 900, 640),
    "dark": ("dark", 900, 640),
    "narrow": ("light", 320, 640),
    "tiny": ("dark", 280, 400),
}


# A colour that is still changing is not the one that people read: axe looks without motion.
def check(page: Page, name: str, frame: Frame | None = None) -> list[str]:
    """What is wrong with the page that is open, or with one frame of it, in each of its looks."""
    found, place = [], frame or page
    # A click that leads to another page returns before there is anything to look at.
    place.wait_for_load_state()
    place.evaluate(Axe().axe_script)
    for look, (scheme, width, height) in reversed(LOOKS.items()):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size({"width": width, "height": height})
        found += check_look(place, f"{name}, {look}")
    return found


def check_look(place: Page | Frame, name: str) -> list[str]:
    """What is wrong with it in the look that it has."""
    response = place.evaluate(RUN)
    assert response["url"] == place.url
    found = [
        f"{name}: {violation['id']}: {node['html'][:160]}"
        for violation in response["violations"]
        for node in violation["nodes"]
    ]
    over = place.evaluate("document.scrollingElement.scrollWidth - window.innerWidth")
    return [*found, f"{name}: {over} px too wide"] if over > 0 else found


def see(page: Page, name: str, url: str) -> list[str]:
    page.goto(url)
    page.wait_for_load_state("networkidle")
    return check(page, name)


@pytest.fixture
def still(open_context):
    """Open a page that shows everything without motion."""
    return lambda **facts: open_context(reduced_motion="reduce", **facts).new_page()


def test_student_pages_are_accessible(house, still):
    page = still()
    found = see(page, "new conversation", house.chat)
    page.get_by_role("button", name="Why do mussels").click()
    page.locator(".turn[data-status=done]").wait_for()
    found += check(page, "answer")
    source = page.locator("a.source").first.get_attribute("href")
    page.locator("a.cite").first.click()
    page.locator("dialog[open]").wait_for()
    found += check(page, "source panel")
    found += see(page, "source page", f"{house.url}{source}")
    found += see(page, "quizzes", f"{house.chat}quiz/")
    found += see(page, "quiz start", house.quiz_start)
    page.get_by_role("button", name="Start the quiz").click()
    found += check(page, "questions")
    page.get_by_label("The sea star").check()
    page.get_by_label("Your number").fill("two")
    page.get_by_role("button", name="Submit").click()
    found += check(page, "wrong answer")
    page.get_by_label("Your number").fill("2")
    page.get_by_role("button", name="Submit").click()
    found += check(page, "unanswered")
    page.get_by_role("button", name="Submit anyway").click()
    page.locator(".score").wait_for()
    found += check(page, "result")
    found += see(page, "attempts", house.quiz_start)
    review = f"{house.url}/s/{house.instructor.id}/review/{house.student.person_id}/"
    found += see(page, "review", review)
    page.locator("a.source").first.click()
    page.wait_for_load_state("networkidle")
    found += check(page, "source of a review")
    found += see(page, "own work", f"{house.chat}review/{house.student.person_id}/")
    found += see(page, "error", f"{house.chat}nothing")

    assert found == []


def test_instructor_pages_are_accessible(house, still):
    page = still()
    found = see(page, "view as student", f"{house.url}/s/{house.instructor.id}/")
    found += see(page, "no keys", f"{house.admin}/api")
    found += see(page, "new key", f"{house.admin}/api/new")
    page.get_by_label("API Key Name").fill("Dashboard")
    page.get_by_role("button", name="Submit").click()
    page.locator("[data-secret]").first.wait_for()
    found += check(page, "key made")
    found += see(page, "keys", f"{house.admin}/api")
    page.get_by_role("button", name="Tidal Pools").click()
    found += check(page, "menu")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Delete Dashboard").click()
    found += check(page, "delete key")
    page.goto(f"{house.admin}/api")
    page.get_by_role("link", name="Rotate Dashboard").click()
    found += check(page, "rotate key")
    key = house.engine.keys.list(house.mentor.organization_id, house.mentor.id)[0]
    house.engine.keys.uses.take(key.id, now(), "192.0.2.1", "GET /key", None)
    found += see(page, "key and its use", f"{house.admin}/api/{key.id}")
    found += see(page, "history of keys", f"{house.admin}/api/history")
    question = f"/quizzes/{house.quiz.id}/questions"
    for path in (
        *(
            "/",
            "/datasets",
            "/prompt",
            "/quizzes",
            "/quizzes/new",
            "/grades",
            "/people",
            "/webhooks",
            "/api/created",
        ),
        f"/quizzes/{house.quiz.id}",
        f"{question}/q1",
        *(f"{question}/new?kind={kind}" for kind in ("choices", "true_false", "number", "text")),
    ):
        found += see(page, path, f"{house.admin}{path}")
    found += see(page, "new webhook", f"{house.admin}/webhooks/new")
    page.get_by_label("Address").fill("https://portal.example.edu/a-rather-long-way-to-go/events")
    page.get_by_label("A grade reached").check()
    page.get_by_role("button", name="Make webhook").click()
    page.locator("[data-secret]").wait_for()
    found += check(page, "secret of a webhook")
    page.get_by_role("link", name="Done").click()
    page.get_by_role("button", name="Send a test").click()
    page.get_by_text("Body of number 1").wait_for(state="attached")
    found += check(page, "webhook")
    found += see(page, "webhooks", f"{house.admin}/webhooks")
    page.goto(f"{house.admin}/datasets")
    page.get_by_role("link", name="shore.md").first.click()
    found += check(page, "passages")

    assert found == []


def test_filled_grades_and_errors_are_accessible(house, still):
    engine, mentor, student = house.engine, house.mentor, house.student
    engine.report_score(
        organization_id=mentor.organization_id,
        mentor_id=mentor.id,
        person_id=student.person_id,
        context_id=student.context_id,
        resource_link_id=student.resource_link_id,
        given=7.5,
        maximum=10.0,
        source="api",
        quiz_id=house.quiz.id,
    )
    page = still()
    found = see(page, "grades", f"{house.admin}/grades")
    with engine.database.write() as connection:
        facts = {"sync_status": "sent", "sync_overridden": True, "sync_result": 5.0}
        connection.execute(grades.update().values(facts))
    found += see(page, "a teacher's grade", f"{house.admin}/grades")
    page.goto(f"{house.admin}/api/new")
    page.evaluate("document.querySelectorAll('[name=scopes]').forEach(box => box.checked = false)")
    page.get_by_label("API Key Name").fill("x")
    page.get_by_role("button", name="Submit").click()
    page.locator("#problems").wait_for()
    found += check(page, "wrong key")

    assert found == []


@pytest.fixture
def lms(house):
    """A registered LMS with a deployment that waits and a role that is read in another way."""
    tool, organization_id = house.engine.room(Tool), house.mentor.organization_id
    made = tool.registrations.add(
        organization_id,
        issuer="https://lms.example",
        client_id="10000000000042",
        auth_url="https://lms.example/auth",
        token_url="https://lms.example/token",
        keyset_url="https://lms.example/keys",
        deployment_ids=["1"],
        name="Campus LMS",
        deployment_policy="hold",
    )
    with pytest.raises(DeploymentHeld):
        tool.deployments.admit(made, "8:9f24a1c9c1e94c5c9f3e2b1d7a", "Shore life")
    return tool.registrations.put_override(organization_id, made.id, "Instructor", "assistant")


def test_pages_of_one_lms_are_accessible(house, still, lms):
    page = still(as_it=True)
    found = see(page, "platforms", f"{house.url}/admin/platforms")
    page.get_by_role("link", name="Campus LMS", exact=True).click()
    found += check(page, "platform")
    page.get_by_label("Role in the LMS").fill("Mentor")
    page.get_by_label("Is here").select_option("assistant")
    page.get_by_role("button", name="Save role").click()
    page.locator("#problems").wait_for()
    found += check(page, "wrong role")
    page.get_by_role("button", name="Approve 8:9f24a1c9c1e94c5c9f3e2b1d7a").click()
    page.get_by_role("status").filter(has_text="may launch").wait_for()
    found += check(page, "approved")

    assert found == []


def test_pages_of_campus_it_are_accessible(house, still):
    stranger = still()
    found = see(stranger, "sign in", f"{house.url}/admin/sign-in")
    found += see(stranger, "setup", f"{house.url}/admin/setup?code={house.setup_code}")
    page = still(as_it=True)
    for path in (
        "/",
        "/mentors/new",
        "/platforms",
        "/platforms/launches",
        "/keys",
        "/keys/new",
        "/keys/policy",
        "/keys/history",
        "/mentors/tidal-pools/",
        "/nothing",
    ):
        found += see(page, path, f"{house.url}/admin{path}")

    assert found == []
