"""What is pressed twice is made once: people double-click, and slow pages are pressed again."""

import time

import pytest
from playwright.sync_api import expect

TWICE = "(button) => { button.click(); setTimeout(() => button.click(), 100); }"


@pytest.fixture(autouse=True)
def slow(house):
    """What is sent takes a while, so that both of two presses get through to the server."""
    answer = house.app.wsgi_app

    def answer_slowly(environ, start_response):
        if environ["REQUEST_METHOD"] == "POST":
            time.sleep(0.5)
        return answer(environ, start_response)

    house.app.wsgi_app = answer_slowly


@pytest.fixture
def it(open_context):
    return open_context(as_it=True).new_page()


def test_double_click_makes_one_quiz(house, page):
    page.goto(f"{house.admin}/quizzes/new")
    page.get_by_label("Title").fill("Tides")

    page.get_by_role("button", name="Go on to the questions").evaluate(TWICE)

    expect(page.get_by_role("heading", name="Tides")).to_be_visible()
    titles = [
        q.title for q in house.engine.quizzes.list(house.mentor.organization_id, house.mentor.id)
    ]
    assert titles.count("Tides") == 1


def test_double_click_makes_one_question(house, page):
    before = len(house.quiz.questions)
    page.goto(f"{house.admin}/quizzes/{house.quiz.id}/questions/new?kind=true_false")
    page.get_by_label("Question").fill("Limpets graze.")
    page.get_by_label("True").check()

    page.get_by_role("button", name="Save question").evaluate(TWICE)

    expect(page.get_by_text("The question is saved.")).to_be_visible()
    place = house.mentor.organization_id, house.mentor.id
    assert len(house.engine.quizzes.get(*place, house.quiz.id).questions) == before + 1


def test_double_click_makes_one_webhook(house, it):
    it.goto(f"{house.url}/admin/webhooks/new")
    it.get_by_label("Address").fill("https://campus.edu/hook")
    it.locator("input[name=events]").first.check()

    it.get_by_role("button", name="Make webhook").evaluate(TWICE)

    expect(it.locator("#plain")).to_be_visible()
    it.goto(f"{house.url}/admin/webhooks")
    expect(it.get_by_text("https://campus.edu/hook")).to_have_count(1)
