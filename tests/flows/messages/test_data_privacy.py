"""What is kept of whom, seen, taken along and deleted (LTI Data Privacy Launch 1.0)."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin

import lxml.html

from mentorai.core.engine import Engine
from tests.fakes.browserless import Browser, read_form
from tests.fakes.journeys import (
    CLAIM,
    QUESTION,
    csrf,
    follow,
    words,
)
from tests.fakes.platforms import RunningSandbox


def privacy_url(sandbox: RunningSandbox, person: str, about: str = "") -> str:
    query = f"?about={about}" if about else ""
    return f"{sandbox.url}/as/{person}/privacy/launch{query}"


def test_privacy_page_says_what_is_kept_of_whoever_looks(
    maya: Browser, sandbox: RunningSandbox
) -> None:
    page = follow(maya, privacy_url(sandbox, "maya"))

    assert page.status_code == 200, page.text
    said = words(page)
    assert "Maya Lindqvist" in said
    assert "Conversations 1" in said
    assert "Scores 1" in said
    assert "They are sent nowhere" in said
    assert "In the whole installation" not in said
    assert "'self' http://127.0.0.1" in page.headers["Content-Security-Policy"]


def test_own_data_is_exported_whole_and_without_right_answers(
    maya: Browser, sandbox: RunningSandbox
) -> None:
    page = follow(maya, privacy_url(sandbox, "maya"))

    export = maya.get(f"{page.url}/export.json")

    found = export.json()
    assert "attachment" in export.headers["Content-Disposition"]
    assert found["person"]["name"] == "Maya Lindqvist"
    assert found["conversations"][0]["turns"][0]["message"] == QUESTION
    assert found["attempts"][0]["given"] == 8
    assert set(found["attempts"][0]["answers"][0]) == {"question", "options", "answer"}
    assert found["scores"][0]["sync_status"] == "sent"
    assert len(found["courses"]) == 1


def test_own_conversations_are_deleted_after_one_more_question(
    maya: Browser, sandbox: RunningSandbox, engine: Engine
) -> None:
    page = follow(maya, privacy_url(sandbox, "maya"))
    question = maya.get(f"{page.url}/delete")
    assert "1 conversation with 1 message" in words(question)

    answer = maya.session.post(
        f"{page.url}/delete", data={"csrf_token": csrf(question)}, timeout=20
    )

    assert "1 conversation was deleted" in words(answer)
    assert "Conversations 0" in words(answer)
    assert "Attempts at quizzes 1" in words(answer)
    _, (entry, *_) = engine.audit.list(engine.organizations.get().id)
    assert (entry.action, entry.facts) == ("conversations_deleted", {"count": 1})
    assert entry.actor == entry.subject


def test_deletion_needs_the_token_of_its_page(maya: Browser, sandbox: RunningSandbox) -> None:
    page = follow(maya, privacy_url(sandbox, "maya"))

    answer = maya.session.post(f"{page.url}/delete", timeout=20)

    assert answer.status_code == 400
    assert "Conversations 1" in words(maya.get(page.url))


def test_privacy_page_of_one_browser_opens_in_no_other(
    maya: Browser, sandbox: RunningSandbox, browsers: Callable[[], Browser]
) -> None:
    page = follow(maya, privacy_url(sandbox, "maya"))

    for path in ("", "/export.json", "/delete"):
        assert browsers().get(f"{page.url}{path}").status_code == 400


def test_campus_it_sees_the_whole_and_the_figures_of_one_person(
    maya: Browser, sandbox: RunningSandbox, browsers: Callable[[], Browser]
) -> None:
    browser = browsers()
    page = follow(browser, privacy_url(sandbox, "ines", "maya"))

    said = words(page)
    assert "Of the person you asked about" in said
    assert "Maya Lindqvist" in said
    assert "In the whole installation" in said
    assert QUESTION not in said
    for path in ("/export.json", "/delete"):
        assert browser.get(f"{page.url}{path}").status_code == 404


def test_student_who_names_another_in_a_privacy_launch_gets_their_own(
    maya: Browser, sandbox: RunningSandbox, browsers: Callable[[], Browser]
) -> None:
    subs = {p["id"]: p["sub"] for p in sandbox.description["people"]}

    def alter(claims: dict[str, Any]) -> dict[str, Any]:
        return claims | {f"{CLAIM}/for_user": {"user_id": subs["maya"]}}

    sandbox.platform.alter_claims = alter
    page = follow(browsers(), privacy_url(sandbox, "tomas"))

    assert "Maya Lindqvist" not in words(page)
    assert "you have not opened the mentor" in words(page)


def test_privacy_page_opens_in_a_new_tab_when_the_cookie_was_lost(
    maya: Browser, sandbox: RunningSandbox, browsers: Callable[[], Browser]
) -> None:
    browser = browsers()
    form = browser.authenticate(read_form(browser.get(privacy_url(sandbox, "maya"))))
    browser.session.cookies.clear()
    offer = browser.submit(form)
    (link,) = lxml.html.fromstring(offer.content).xpath("//a[@class='button']/@href")

    page = browser.get(urljoin(offer.url, link))

    assert "Maya Lindqvist" in words(page)
    again = browsers().get(urljoin(offer.url, link))
    assert again.status_code == 403
