"""The way an instructor makes a key, word for word as the product describes it."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from mentorai.core.clock import now

KEY = re.compile(r"^mai_[0-9A-Za-z]{10}_[0-9A-Za-z]{49}$")
NAME = "LMS‑integration‑Aug 2025"


@pytest.mark.parametrize("name", [NAME, "LMS-integration-Aug 2025"])
def test_key_is_made_used_rotated_and_ended_as_the_product_describes_it(house, page, name):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{house.admin}/")

    page.get_by_role("button", name="Tidal Pools").click()
    page.get_by_role("menuitem", name="API").click()
    page.get_by_role("link", name="Create New").first.click()
    page.get_by_label("API Key Name").fill(name)
    expect(page.get_by_label("Expiration Date")).to_have_value(
        (now() + timedelta(days=30)).date().isoformat()
    )
    page.get_by_role("button", name="Read grades").click()
    expect(page.get_by_label("See grades")).to_be_checked()
    page.get_by_role("button", name="Submit").click()
    page.get_by_role("button", name="Copy API key").click()

    expect(page.locator("#copied")).to_have_text("Copied.")
    key = page.evaluate("navigator.clipboard.readText()")
    assert KEY.match(key)
    expect(page.get_by_role("tabpanel", name=".env")).to_contain_text(f"MENTORAI_API_KEY={key}")
    page.get_by_role("tab", name=".env").press("ArrowRight")
    expect(page.get_by_role("tab", name="PowerShell")).to_be_focused()
    expect(page.get_by_role("tabpanel")).to_contain_text(f"$env:MENTORAI_API_KEY = '{key}'")
    page.get_by_role("tab", name="GitHub").click()
    expect(page.get_by_role("tabpanel")).to_contain_text("gh secret set MENTORAI_API_KEY")
    with page.expect_popup() as opened:
        page.get_by_role("link", name="API documentation").click()
    call_in_documentation(opened.value, key, name)
    page.get_by_role("link", name="Done").click()
    row = page.get_by_role("row", name=name)
    expect(row).to_contain_text("Active")
    expect(row).to_contain_text("in 30 days")
    page.get_by_role("link", name=f"Rotate {name}").click()
    page.get_by_role("button", name="Rotate key").click()
    assert page.locator("#plain").inner_text() not in ("", key)
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_role("row", name=name)).to_have_count(2)
    page.get_by_role("row").filter(has_text="Replaced").get_by_role("link", name="Delete").click()
    end_key(page, name)
    page.get_by_role("button", name=f"Deactivate {name}").click()
    expect(page.get_by_role("row", name=name)).to_contain_text("Inactive")
    page.get_by_role("link", name=f"Delete {name}").click()
    end_key(page, name)
    expect(page.get_by_text("No keys yet")).to_be_visible()


def call_in_documentation(docs, key: str, name: str) -> None:
    """Authorize, paste, confirm, close; choose an endpoint, Execute, read the JSON."""
    docs.wait_for_selector(".opblock")
    docs.get_by_role("button", name="Authorize").first.click()
    dialog = docs.locator(".modal-ux")
    dialog.locator("input").first.fill(key)
    dialog.get_by_role("button", name="Apply credentials").first.click()
    dialog.get_by_role("button", name="Close").first.click()
    block = docs.locator("[id$=-read_key]")
    block.locator(".opblock-summary").click()
    block.get_by_role("button", name="Execute").click()
    expect(block.locator(".live-responses-table")).to_contain_text(f'"name": "{name}"')
    docs.close()


def end_key(page, name: str) -> None:
    """Say by name that the key shall go: a keyboard has no non-breaking hyphen."""
    page.get_by_label("Type the key's name").fill(name.replace("‑", "-"))
    page.get_by_role("button", name="Delete key").click()


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


def test_nobody_is_taken_out_of_a_field_by_a_script_that_comes_late(house, page):
    page.goto(f"{house.admin}/api/new")
    page.get_by_label("API Key Name").fill(" ")
    held = []
    page.route("**/admin.js", lambda route: held.append(route))
    page.get_by_role("button", name="Submit").click(no_wait_after=True)
    expect(page.locator("#problems")).to_be_visible()
    page.get_by_label("API Key Name").focus()

    held.pop().continue_()
    page.wait_for_load_state()

    expect(page.get_by_label("API Key Name")).to_be_focused()


def test_menu_opened_before_the_script_is_there_is_led_into(house, page):
    held = []
    page.route("**/admin.js", lambda route: held.append(route))
    page.goto(f"{house.admin}/", wait_until="commit")

    page.get_by_role("button", name="Tidal Pools").click()
    held.pop().continue_()

    expect(page.get_by_role("menuitem", name="Overview")).to_be_focused()
    expect(page.locator("#mentor-button")).to_have_attribute("aria-expanded", "true")


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
