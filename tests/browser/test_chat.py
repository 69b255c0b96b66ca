import re
import threading

import pytest
from playwright.sync_api import expect

from mentorai.core import hookimpl
from mentorai.core.values import DoneEvent, TokenEvent

QUESTION = "Why do mussels form a band?"


class SlowModel:
    """Answers word by word, and not on before it is told to, for messages that say "slow"."""

    def __init__(self):
        self.go_on = threading.Event()

    @hookimpl
    def complete_turn(self, request):
        return self._write() if "slow" in request.message else None

    def _write(self):
        yield TokenEvent("Read this:\n\n> ")
        yield TokenEvent("First words ")
        for _ in range(200):
            if self.go_on.wait(0.05):
                break
            yield TokenEvent("and more ")
        yield TokenEvent("at last.")
        yield DoneEvent()


@pytest.fixture
def model():
    return SlowModel()


@pytest.fixture
def plugins(model):
    return [("slow", model)]


def ask(page, words):
    page.get_by_label("Your message").fill(words)
    page.keyboard.press("Enter")


def test_conversation_needs_nothing_but_the_keyboard(house, page):
    page.goto(house.chat)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name=QUESTION)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".turn[data-status=done]")).to_have_count(1)

    expect(page.get_by_label("Your message")).to_be_focused()
    page.keyboard.type("And anemones?")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("At low tide?")
    page.keyboard.press("Enter")
    expect(page.locator(".turn[data-status=done]")).to_have_count(2)
    expect(page.locator(".words").last).to_have_text("And anemones?\nAt low tide?")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    expect(page.locator("a.source").last).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("dialog[open] mark")).to_contain_text("Anemones survive low tide")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_be_hidden()
    expect(page.locator("a.source").last).to_be_focused()


def test_finished_answer_is_announced_once(house, page):
    page.goto(house.chat)
    page.evaluate(
        """() => {
          window.spoken = [];
          const status = document.getElementById("status");
          new MutationObserver(() => status.textContent && spoken.push(status.textContent))
            .observe(status, { childList: true });
        }"""
    )

    ask(page, QUESTION)
    expect(page.locator(".turn[data-status=done]")).to_have_count(1)
    expect(page.locator("#status")).to_contain_text("Mussels form a dense band")

    spoken = page.evaluate("spoken")
    assert len(spoken) == 2
    assert spoken[0] == "Tidal Pools is answering."
    assert page.get_by_role("log").get_attribute("aria-live") == "off"


def test_answer_grows_and_stops_with_escape(house, model, page):
    page.goto(house.chat)

    ask(page, "A slow one, please")
    expect(page.locator(".growing")).to_have_text(re.compile(r"^Read this:\s+First words and more"))
    expect(page.locator(".said.mentor[aria-busy=true]")).to_have_count(1)
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    page.keyboard.press("Escape")

    expect(page.locator(".turn[data-status=stopped]")).to_have_count(1)
    expect(page.locator(".reply")).to_contain_text("First words and more")
    expect(page.get_by_text("Stopped. This is what had arrived.")).to_be_visible()
    expect(page.get_by_label("Your message")).to_be_focused()
    model.go_on.set()
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".turn[data-status=done] .reply")).to_contain_text("at last.")


def test_half_written_answer_is_found_again_after_a_reload(house, model, page, open_context):
    page.goto(house.chat)
    ask(page, "A slow one, please")
    expect(page.locator(".growing")).to_contain_text("First words")
    second = open_context().new_page()

    second.goto(house.chat)
    expect(second.locator(".turn")).to_have_count(1)
    model.go_on.set()

    expect(second.locator(".turn[data-status=done] .reply")).to_contain_text("at last.")
    expect(page.locator(".turn[data-status=done] .reply")).to_contain_text("at last.")


def test_conversation_is_there_on_return_and_can_begin_anew(house, page):
    page.goto(house.chat)
    ask(page, QUESTION)
    expect(page.locator(".turn[data-status=done]")).to_have_count(1)

    page.goto(house.chat)
    expect(page.locator(".turn")).to_have_count(1)
    page.get_by_role("link", name="New conversation").click()

    expect(page.locator(".turn")).to_have_count(0)
    expect(page.get_by_role("button", name=QUESTION)).to_be_visible()


def test_message_is_kept_when_the_network_is_gone(house, page):
    page.goto(house.chat)
    page.context.set_offline(True)

    ask(page, QUESTION)

    expect(page.locator("#problem")).to_contain_text("You are offline.")
    expect(page.get_by_label("Your message")).to_have_value(QUESTION)
    expect(page.locator(".turn")).to_have_count(0)
    page.context.set_offline(False)
    expect(page.locator("#problem")).to_be_hidden()
    page.get_by_label("Your message").press("Enter")
    expect(page.locator(".turn[data-status=done]")).to_have_count(1)


@pytest.mark.parametrize(
    ("status", "headers", "body", "sentence"),
    [
        (503, {"Retry-After": "7"}, '{"code": "busy"}', "try again in 7 seconds"),
        (403, {}, '{"code": "session_expired"}', "Your session has run out."),
        (400, {}, '{"code": "csrf_failed"}', "This page is too old."),
        (413, {}, "<html>", "Your message is too long."),
        (422, {}, '{"errors": {"prompt": ["Write a message first."]}}', "Write a message first."),
        (403, {}, '{"code": "turn_denied", "detail": "Not now."}', "Not now."),
        (500, {}, '{"request_id": "abc123"}', "give this reference: abc123"),
    ],
)
def test_each_refusal_has_its_own_sentence(house, page, status, headers, body, sentence):
    page.goto(house.chat)
    page.route("**/turns", lambda route: route.fulfill(status=status, headers=headers, body=body))

    ask(page, QUESTION)

    expect(page.locator("#problem")).to_contain_text(sentence)
    expect(page.get_by_label("Your message")).to_have_value(QUESTION)
    expect(page.get_by_role("button", name="Send")).to_be_visible()


@pytest.mark.parametrize("send", ["Enter", "Send"])
@pytest.mark.parametrize("end", ["continue_", "abort"])
def test_question_sent_before_the_script_is_there_is_answered_once(house, page, send, end):
    held = []
    page.route("**/chat.js", lambda route: held.append(route))
    page.goto(house.chat, wait_until="commit")
    page.get_by_label("Your message").fill(QUESTION)

    for _ in range(2):
        if send == "Enter":
            page.keyboard.press("Enter")
        else:
            page.get_by_role("button", name="Send").click()
    expect(page.get_by_label("Your message")).to_have_value(QUESTION)
    getattr(held.pop(), end)()

    expect(page.locator(".turn[data-status=done] .words")).to_have_text([QUESTION])


def test_suggestion_pressed_before_the_script_is_there_is_asked(house, page):
    held = []
    page.route("**/chat.js", lambda route: held.append(route))
    page.goto(house.chat, wait_until="commit")

    page.get_by_role("button", name=QUESTION).click()
    held.pop().continue_()

    expect(page.locator(".turn[data-status=done] .words")).to_have_text([QUESTION])
    assert page.url == house.chat


def test_draft_begun_before_the_script_is_there_survives(house, page):
    held = []
    page.route("**/chat.js", lambda route: held.append(route))
    page.goto(house.chat, wait_until="commit")
    page.get_by_label("Your message").fill("Half a tho")
    held.pop().continue_()
    page.wait_for_load_state()
    page.unroute("**/chat.js")

    page.goto(house.chat)

    expect(page.get_by_label("Your message")).to_have_value("Half a tho")


def test_too_long_message_is_not_sent(house, page):
    page.goto(house.chat)

    ask(page, "word " * 2000)

    expect(page.locator("#problem")).to_contain_text("at most 8,000 characters")


def test_draft_survives_a_reload(house, page):
    page.goto(house.chat)
    page.get_by_label("Your message").fill("Half a tho")

    page.reload()

    expect(page.get_by_label("Your message")).to_have_value("Half a tho")


def test_enter_that_ends_a_composition_sends_nothing(house, page):
    page.goto(house.chat)
    page.get_by_label("Your message").fill("かい")

    page.get_by_label("Your message").dispatch_event(
        "keydown", {"key": "Enter", "isComposing": True, "bubbles": True}
    )

    expect(page.locator(".turn")).to_have_count(0)
    expect(page.get_by_label("Your message")).to_have_value("かい")


def test_answer_is_copied(house, page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(house.chat)
    ask(page, QUESTION)
    expect(page.locator(".turn[data-status=done]")).to_have_count(1)

    page.get_by_role("button", name="Copy").click()

    expect(page.locator("#status")).to_have_text("Copied.")
    assert "Mussels form a dense band" in page.evaluate("navigator.clipboard.readText()")


def test_conversation_works_without_scripts(house, open_context):
    page = open_context(java_script_enabled=False).new_page()
    page.goto(house.chat)

    page.get_by_role("button", name=QUESTION).click()
    expect(page.locator(".reply")).to_contain_text("Mussels form a dense band")
    page.locator("a.cite").first.click()
    expect(page.locator("mark")).to_contain_text("Mussels form a dense band")
    page.get_by_role("link", name="Back to the conversation").click()

    expect(page.locator(".turn")).to_have_count(1)
