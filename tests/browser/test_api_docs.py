"""The journey of the product's page: paste the key, Authorize, Close, Execute, read the JSON."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Route, expect

from mentorai.core.engine import Engine
from mentorai.core.mentors import Mentor
from mentorai.core.scopes import SCOPES
from mentorai.web.app import create_app
from tests.browser.conftest import PATIENCE_MS
from tests.browser.test_accessibility import check_look
from tests.fakes.platforms import running_app


@pytest.fixture
def address(engine: Engine) -> Iterator[str]:
    """Where the application is served."""
    with running_app(create_app(engine)) as address:
        yield address


@pytest.fixture
def key(engine: Engine, mentor: Mentor) -> str:
    return engine.keys.issue(
        mentor.organization_id,
        mentor.id,
        name="LMS\u2011integration\u2011Aug 2025",
        scopes=list(SCOPES),
        expires_at=None,
        author="test",
    ).text


class Watch:
    """What a page did that it should not do."""

    def __init__(self, page, address: str) -> None:
        self.complaints: list[str] = []
        self.strangers: list[str] = []
        self._address = address
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._see)

    def _hear(self, message) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _see(self, request) -> None:
        if not request.url.startswith((self._address, "data:", "blob:")):
            self.strangers.append(request.url)


@pytest.fixture
def page(chromium: Browser, address: str) -> Iterator[object]:
    """The interactive page, open in a browser and drawn. `page.watch` saw all it did."""
    context = chromium.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.watch = Watch(page, address)
    page.goto(f"{address}/api/v1/docs")
    page.wait_for_selector(".opblock")
    yield page
    context.close()


def test_key_is_not_taken_before_the_page_can_check_it(page, address: str) -> None:
    held: list[Route] = []
    page.route("**/swagger-ui-bundle.js", lambda route: held.append(route))
    page.goto(f"{address}/api/v1/docs", wait_until="commit")
    page.get_by_label("API key").fill("mai_half")

    expect(page.get_by_role("button", name="Check and use")).to_be_disabled()
    page.keyboard.press("Enter")
    held.pop().continue_()

    expect(page.get_by_role("button", name="Check and use")).to_be_enabled()
    expect(page.get_by_label("API key")).to_have_value("mai_half")


def authorize(page, text: str) -> None:
    page.get_by_role("button", name="Authorize").click()
    expect(page.locator(".modal-ux input").first).to_be_focused()
    page.keyboard.insert_text(text)
    page.locator(".modal-ux").get_by_role("button", name="Apply credentials").first.click()
    page.locator(".modal-ux").get_by_role("button", name="Close").first.click()


def execute(page, operation: str):
    """Open an operation, send it as it stands, and give where its answer is shown."""
    block = page.locator(f"[id$=-{operation}]")
    block.locator(".opblock-summary").click()
    block.get_by_role("button", name="Execute").click()
    answer = block.locator(".live-responses-table")
    answer.wait_for()
    return answer


def status_of(answer) -> str:
    return answer.locator("tbody .response-col_status").inner_text().split()[0]


def test_key_is_pasted_and_every_call_is_answered(page, key):
    authorize(page, key)

    answer = execute(page, "read_key")

    assert status_of(answer) == "200"
    assert '"name": "LMS\u2011integration\u2011Aug 2025"' in answer.inner_text()


@pytest.mark.parametrize("prefix", ["Api-Token ", "Bearer "])
def test_key_is_understood_with_its_prefix_too(page, key, prefix):
    authorize(page, prefix + key)

    assert status_of(execute(page, "read_key")) == "200"


@pytest.mark.parametrize("prefix", ["", "Api-Token "])
def test_key_in_a_header_of_its_own_opens_as_well(page, key, prefix):
    page.get_by_role("button", name="Authorize").click()
    page.locator(".modal-ux input").nth(1).fill(prefix + key)
    page.locator(".modal-ux").get_by_role("button", name="Apply credentials").nth(1).click()
    page.locator(".modal-ux").get_by_role("button", name="Close").first.click()

    answer = execute(page, "read_key")

    assert status_of(answer) == "200"
    assert f"X-API-Key: {key}" in answer.page.locator(".curl").first.inner_text()


def test_example_is_filled_in_and_succeeds(page, engine, key, mentor, tmp_path):
    text = tmp_path / "Tides.md"
    text.write_text("# Keystones\n\nA keystone species holds its whole community together.\n")
    with text.open("rb") as stream:
        engine.datasets.add(mentor.organization_id, mentor.id, "Tides.md", "text/markdown", stream)
    authorize(page, key)

    asked = execute(page, "ask")
    read = execute(page, "get_dataset")

    assert status_of(asked) == "200"
    assert "holds its whole community together" in asked.inner_text()
    assert status_of(read) == "200"
    assert '"name": "Tides.md"' in read.inner_text()


def test_call_without_a_key_says_what_is_missing(page):
    answer = execute(page, "read_key")

    assert status_of(answer) == "401"
    assert "key_missing" in answer.inner_text()


def test_snippet_shows_the_key_as_people_know_it(page, key):
    authorize(page, key)
    execute(page, "read_key")

    snippet = page.locator(".curl").first.inner_text()

    assert f"Authorization: Api-Token {key}" in " ".join(snippet.split())


def test_page_breaks_no_rule_and_asks_nobody_else(page, key):
    authorize(page, key)
    execute(page, "list_datasets")

    assert page.watch.complaints == []
    assert page.watch.strangers == []


def test_key_is_forgotten_when_the_page_is_loaded_again(page, key):
    authorize(page, key)
    page.reload()
    page.wait_for_selector(".opblock")

    kept = page.evaluate(
        "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
    )

    assert key not in kept
    assert status_of(execute(page, "read_key")) == "401"


def test_pasted_key_is_checked_and_used(page, key, mentor):
    page.get_by_label("API key", exact=True).fill("mai_nothing")
    page.get_by_role("button", name="Check and use").click()
    page.get_by_text("Not valid:").wait_for()

    page.get_by_label("API key", exact=True).fill(f"Api-Token {key}")
    page.get_by_role("button", name="Check and use").click()
    page.get_by_text("Valid:").wait_for()

    said = page.get_by_role("status").inner_text()
    assert "LMS\u2011integration\u2011Aug 2025" in said
    assert f"mentor {mentor.display_name}" in said
    assert "expires " in said
    assert "chat:write" in said
    assert status_of(execute(page, "read_key")) == "200"
    assert page.locator("[id$=-read_key] .samples summary").all_inner_texts() == [
        "curl",
        "Python",
        "JavaScript",
        "PHP",
    ]


def test_admin_needs_no_key_and_the_page_is_accessible_in_light_and_dark(house, open_context):
    size = {"width": 1200, "height": 900}
    page = open_context(as_it=True, reduced_motion="reduce", viewport=size).new_page()
    page.goto(f"{house.url}/api/v1/docs")
    page.wait_for_selector(".opblock")
    read, made = execute(page, "list_keys"), execute(page, "add_key")
    page.locator("[id$=-add_key] .samples summary").first.click()
    page.get_by_role("button", name="Authorize").first.click()
    page.evaluate(Axe().axe_script)
    found = []
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.locator("html.dark-mode" if scheme == "dark" else "html:not(.dark-mode)").wait_for()
        found += check_look(page, scheme)

    asked_for = page.locator(".modal-ux h4").all_inner_texts()
    assert (status_of(read), status_of(made)) == ("200", "201")
    assert not any("AdminSession" in name or "AdminPage" in name for name in asked_for)
    assert any("AdminToken" in name for name in asked_for)
    assert found == []
