"""The way an instructor makes a key, word for word as the product describes it."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from mentorai.core.clock import now

KEY = re.compile(r"^mai_[0-9A-Za-z]{10}_[0-9A-Za-z]{49}$")
NAME = "LMS‑integration‑Aug 2025"


def test_key_is_made_from_the_mentors_name_to_the_first_call(house, page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{house.admin}/")

    page.get_by_role("button", name="Tidal Pools").click()
    page.get_by_role("menuitem", name="API").click()
    page.get_by_role("link", name="Create New").first.click()
    page.get_by_label("API Key Name").fill(NAME)
    expect(page.get_by_label("Expiration Date")).to_have_value(
        (now() + timedelta(days=30)).date().isoformat()
    )
    page.get_by_role("button", name="Submit").click()
    page.get_by_role("button", name="Copy API key").click()

    expect(page.locator("#copied")).to_have_text("Copied.")
    key = page.evaluate("navigator.clipboard.readText()")
    assert KEY.match(key)
    answer = page.context.request.get(
        f"{house.url}/api/v1/key", headers={"Authorization": f"Api-Token {key}"}
    )
    assert answer.json()["name"] == NAME
    page.get_by_role("link", name="Done").click()
    row = page.get_by_role("row", name=NAME)
    expect(row).to_contain_text("Active")
    expect(row).to_contain_text("in 30 days")
    page.get_by_role("button", name=f"Deactivate {NAME}").click()
    expect(page.get_by_role("row", name=NAME)).to_contain_text("Inactive")
    page.get_by_role("link", name=f"Delete {NAME}").click()
    page.get_by_label("Type the key’s name").fill(NAME.replace("‑", "-"))
    page.get_by_role("button", name="Delete key").click()
    expect(page.get_by_text("No keys yet")).to_be_visible()


def test_key_is_made_with_nothing_but_the_keyboard(house, page):
    page.goto(f"{house.admin}/")
    page.get_by_role("button", name="Tidal Pools").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("menuitem", name="Overview")).to_be_focused()
    expect(page.locator("#mentor-button")).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("End")
    expect(page.get_by_role("menuitem", name="View as student")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Tidal Pools")).to_be_focused()
    expect(page.locator("#mentor-button")).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="Overview")).to_be_focused()
    page.keyboard.press("a")
    expect(page.get_by_role("menuitem", name="API")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="API keys")).to_be_visible()
    page.get_by_role("link", name="Create New").first.focus()
    page.keyboard.press("Enter")
    page.get_by_label("API Key Name").focus()
    page.keyboard.type(NAME)
    page.keyboard.press("Enter")

    expect(page.locator("#plain")).to_have_text(KEY)


def test_key_is_gone_after_reload_and_back(house, page):
    page.goto(f"{house.admin}/api/new")
    page.get_by_label("API Key Name").fill(NAME)
    page.get_by_role("button", name="Submit").click()
    key = page.locator("#plain").inner_text()

    page.goto(f"{house.admin}/api/created")
    expect(page.get_by_role("heading", name="The key was shown once")).to_be_visible()
    page.go_back()

    assert key not in page.content()


def test_double_click_makes_one_key(house, page):
    page.goto(f"{house.admin}/api/new")
    page.get_by_label("API Key Name").fill(NAME)

    page.get_by_role("button", name="Submit").dblclick()

    expect(page.locator("#plain")).to_have_text(KEY)
    assert len(house.engine.keys.list(house.mentor.organization_id, house.mentor.id)) == 1


def test_template_ticks_boxes_without_leaving_the_page(house, page):
    page.goto(f"{house.admin}/api/new")
    page.get_by_label("API Key Name").fill(NAME)

    page.get_by_role("button", name="Grade sync").click()

    ticked = page.locator("input[name=scopes]:checked").evaluate_all("b => b.map(x => x.value)")
    assert ticked == ["quizzes:read", "grades:read", "grades:write"]
    expect(page.get_by_label("API Key Name")).to_have_value(NAME)


def test_last_day_is_said_in_the_makers_zone(house, open_context):
    page = open_context(timezone_id="America/New_York").new_page()
    page.goto(f"{house.admin}/api/new")

    expect(page.locator("#expires_at-hint")).to_contain_text("America/New York")


@pytest.mark.parametrize("name", ["Grade sync", "Everything"])
def test_key_is_made_without_scripts(house, open_context, name):
    page = open_context(java_script_enabled=False).new_page()
    page.goto(f"{house.admin}/")
    page.get_by_role("button", name="Tidal Pools").click()
    page.get_by_role("menuitem", name="API").click()
    page.get_by_role("link", name="Create New").first.click()
    page.get_by_label("API Key Name").fill(NAME)
    page.get_by_role("button", name=name).click()
    page.get_by_role("button", name="Submit").click()

    expect(page.locator("#plain")).to_have_text(KEY)


def test_documents_are_uploaded_in_the_browser(house, page):
    page.goto(f"{house.admin}/datasets")
    files = [
        {"name": "one.md", "mimeType": "text/markdown", "buffer": b"# One\n\nText of one."},
        {"name": "two.txt", "mimeType": "text/plain", "buffer": b"Text of two."},
    ]

    page.get_by_label("Add documents").set_input_files(files)
    page.get_by_role("button", name="Upload").click()

    expect(page.get_by_role("row", name="one.md")).to_contain_text("Trained")
    expect(page.get_by_role("row", name="two.txt")).to_contain_text("Plain text")
