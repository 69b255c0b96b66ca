from playwright.sync_api import expect

from mentorai.core.grade_rows import grades


def start(page, house):
    page.goto(house.quiz_start)
    page.get_by_role("button", name="Start the quiz").click()


def test_quiz_is_taken_and_its_score_followed_to_the_gradebook(house, page):
    start(page, house)
    page.get_by_label("The sea star").check()
    page.get_by_label("Mussels", exact=True).check()
    page.get_by_label("False").check()
    page.get_by_label("Your number").fill("2")
    page.get_by_label("Your answer").fill("The sea star")
    page.get_by_role("button", name="Submit").click()

    expect(page.locator(".score")).to_contain_text("5 of 5 points")
    expect(page.locator("#sync")).to_contain_text("Waiting")
    with house.engine.database.write() as connection:
        from mentorai.core.clock import now

        connection.execute(grades.update().values(sync_status="sent", sync_sent_at=now()))
    expect(page.locator("#sync")).to_contain_text("Sent to the gradebook")
    assert page.locator("#sync time").inner_text().count(":") == 1


def test_answers_are_kept_while_they_are_given(house, page):
    start(page, house)
    page.get_by_label("The sea star").check()
    page.get_by_label("Your answer").fill("crab")
    page.get_by_label("Your answer").blur()
    expect(page.locator("#saved")).to_have_text("Answers saved.")

    page.reload()

    expect(page.get_by_label("The sea star")).to_be_checked()
    expect(page.get_by_label("Your answer")).to_have_value("crab")


def test_answer_given_before_the_script_is_there_is_kept(house, page):
    held = []
    page.route("**/quiz.js", lambda route: held.append(route))
    page.goto(house.quiz_start, wait_until="commit")
    page.get_by_role("button", name="Start the quiz").click(no_wait_after=True)
    page.get_by_label("Your number").fill("2")
    page.get_by_label("Your number").blur()

    held[-1].continue_()

    expect(page.locator("#saved")).to_have_text("Answers saved.")


def test_missing_answers_are_led_to(house, page):
    start(page, house)
    page.get_by_label("The sea star").check()

    page.get_by_role("button", name="Submit").click()

    expect(page.locator("#missing")).to_be_focused()
    page.locator("#missing").get_by_role("link", name="4").click()
    expect(page.locator("#question-4")).to_be_in_viewport()


def test_nobody_is_taken_out_of_a_field_by_a_script_that_comes_late(house, page):
    start(page, house)
    held = []
    page.route("**/quiz.js", lambda route: held.append(route))
    page.get_by_role("button", name="Submit").click(no_wait_after=True)
    expect(page.locator("#missing")).to_be_visible()
    page.get_by_label("Your number").focus()

    held.pop().continue_()
    page.wait_for_load_state()

    page.keyboard.type("2")
    expect(page.get_by_label("Your number")).to_have_value("2")


def test_quiz_needs_nothing_but_the_keyboard(house, page):
    page.goto(house.quiz_start)
    page.get_by_role("button", name="Start the quiz").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Drying out").focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")

    expect(page.get_by_label("The sea star")).to_be_checked()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Mussels", exact=True)).to_be_focused()


def test_enter_in_a_field_saves_and_does_not_submit(house, page):
    start(page, house)
    page.get_by_label("Your number").fill("2")

    page.get_by_label("Your number").press("Enter")

    expect(page.get_by_role("button", name="Submit")).to_be_visible()
    expect(page.get_by_label("Your number")).to_have_value("2")
    expect(page.locator("#missing")).to_have_count(0)


def test_quiz_works_without_scripts(house, open_context):
    page = open_context(java_script_enabled=False).new_page()
    start(page, house)
    page.get_by_label("The sea star").check()
    page.get_by_role("button", name="Submit").click()
    page.get_by_role("button", name="Submit anyway").click()

    expect(page.locator(".score")).to_contain_text("1 of 5 points")
    page.get_by_role("link", name="Look again").click()
    expect(page.locator(".score")).to_be_visible()


def test_answers_are_kept_once_the_network_is_back(house, page):
    start(page, house)
    expect(page.get_by_role("button", name="Submit")).to_be_visible()
    page.wait_for_load_state()
    page.context.set_offline(True)
    page.get_by_label("The sea star").check()
    expect(page.locator("#saved")).to_have_text("You are offline: not saved yet.")

    page.context.set_offline(False)

    expect(page.locator("#saved")).to_have_text("Answers saved.")


def test_page_says_why_answers_are_not_kept(house, page):
    start(page, house)
    page.get_by_label("Your number").fill("fifty")
    page.get_by_label("Your number").blur()
    expect(page.locator("#saved")).to_contain_text("one of the answers is not understood")

    house.engine.sessions.end(house.student.id)
    page.get_by_label("The sea star").check()

    expect(page.locator("#saved")).to_contain_text("your session has run out")
