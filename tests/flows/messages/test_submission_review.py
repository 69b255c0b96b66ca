"""A gradebook opens the work that a score stands for (LTI Submission Review 1.0)."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin

import lxml.html
import pytest
import requests

from mentorai.core.engine import Engine
from tests.fakes.browserless import Browser, read_form
from tests.fakes.journeys import (
    AGS,
    CLAIM,
    COURSE,
    MENTOR_ITEM,
    QUESTION,
    QUIZ_ITEM,
    follow,
    review_url,
    take_quiz,
    words,
)
from tests.fakes.platforms import RunningSandbox


@pytest.mark.parametrize("person", ["ruth", "jonas"])
def test_staff_see_the_attempt_and_the_conversation_from_the_gradebook(
    maya: Browser, sandbox: RunningSandbox, browsers: Callable[[], Browser], person: str
) -> None:
    page = follow(browsers(), review_url(sandbox, person))

    assert page.status_code == 200, page.text
    said = words(page)
    assert "Maya Lindqvist" in said
    assert "8 of 10 points count" in said
    assert "Sent to the gradebook" in said
    assert QUESTION in said
    assert "Not right" in said


def test_student_sees_their_own_work_from_the_gradebook(
    maya: Browser, sandbox: RunningSandbox
) -> None:
    page = follow(maya, review_url(sandbox, "maya"))

    assert page.status_code == 200, page.text
    assert "Your work" in words(page)
    assert "8 of 10 points count" in words(page)


def test_citation_in_a_review_opens_its_passage(
    maya: Browser, sandbox: RunningSandbox, browsers: Callable[[], Browser]
) -> None:
    browser = browsers()
    page = follow(browser, review_url(sandbox, "ruth"))
    (source, *_) = lxml.html.fromstring(page.content).xpath("//a[@class='source']/@href")

    passage = browser.get(urljoin(page.url, source))

    assert passage.status_code == 200
    assert "Back to the conversation" in words(passage)
    assert "what a student sees" not in words(passage)


def test_review_leaves_place_and_column_as_they_were(
    maya: Browser, engine: Engine, sandbox: RunningSandbox, browsers: Callable[[], Browser]
) -> None:
    follow(browsers(), review_url(sandbox, "ruth"))
    with engine.database.read() as connection:
        seen = connection.exec_driver_sql("SELECT title, line_item_url FROM resource_links")
        before = sorted(map(tuple, seen))

    follow(browsers(), review_url(sandbox, "ruth"))

    with engine.database.read() as connection:
        seen = connection.exec_driver_sql("SELECT title, line_item_url FROM resource_links")
        assert sorted(map(tuple, seen)) == before
    assert len(before) == 2


def review_with(
    sandbox: RunningSandbox, browser: Browser, person: str, **changes: Any
) -> requests.Response:
    """A review whose signed claims were changed: what a hostile or broken LMS could send."""

    def alter(claims: dict[str, Any]) -> dict[str, Any]:
        full = {(n if n.startswith("http") else f"{CLAIM}/{n}"): v for n, v in changes.items()}
        return {n: v for n, v in (claims | full).items() if v is not None}

    sandbox.platform.alter_claims = alter
    return follow(browser, review_url(sandbox, person))


SUBS = "5d2b9a3c-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("person", "changes", "status", "says"),
    [
        ("ruth", {"for_user": None}, 400, "claim_missing"),
        ("ruth", {"for_user": {}}, 400, "claim_missing"),
        ("ruth", {"for_user": {"user_id": ""}}, 400, "claim_missing"),
        ("ruth", {"for_user": {"user_id": ["x"]}}, 400, "token_invalid"),
        ("ruth", {"for_user": {"user_id": "x" * 256}}, 400, "token_invalid"),
        ("ruth", {"for_user": "maya"}, 400, "token_invalid"),
        ("ruth", {"for_user": {"user_id": SUBS}}, 404, "not_found"),
        ("ruth", {AGS: None}, 400, "claim_missing"),
        ("ruth", {AGS: {"lineitems": "http://127.0.0.1/x"}}, 400, "claim_missing"),
        ("ruth", {"context": None}, 400, "claim_missing"),
        ("ruth", {"context": {"id": "of another course"}}, 404, "not_found"),
        (
            "ruth",
            {AGS: {"lineitem": "http://127.0.0.1/none"}, "resource_link": None},
            404,
            "not_found",
        ),
        ("ruth", {"roles": []}, 403, "launch_denied"),
        (
            "ruth",
            {"roles": ["http://purl.imsglobal.org/vocab/lis/v2/institution/person#Administrator"]},
            403,
            "launch_denied",
        ),
    ],
)
def test_review_is_refused_when_its_claims_do_not_allow_it(
    maya: Browser,
    sandbox: RunningSandbox,
    browsers: Callable[[], Browser],
    person: str,
    changes: dict[str, Any],
    status: int,
    says: str,
) -> None:
    page = review_with(sandbox, browsers(), person, **changes)

    assert page.status_code == status, words(page)
    assert says in words(page)


def test_student_cannot_open_the_work_of_another(
    maya: Browser, sandbox: RunningSandbox, browsers: Callable[[], Browser]
) -> None:
    tomas = browsers()
    tomas.launch(sandbox.url, "tomas", COURSE, MENTOR_ITEM)
    subs = {p["id"]: p["sub"] for p in sandbox.description["people"]}

    page = review_with(
        sandbox,
        maya,
        "maya",
        for_user={"user_id": subs["tomas"]},
    )

    assert page.status_code == 403
    assert "launch_denied" in words(page)


def test_session_of_a_student_shows_no_other_review_page(
    maya: Browser, engine: Engine, sandbox: RunningSandbox, browsers: Callable[[], Browser]
) -> None:
    own = follow(maya, review_url(sandbox, "maya"))
    person_id = own.url.rstrip("/").rpartition("/")[2]
    tomas = browsers()
    page = tomas.launch(sandbox.url, "tomas", COURSE, MENTOR_ITEM)

    answer = tomas.get(f"{page.url}review/{person_id}/")

    assert answer.status_code == 404
    assert QUESTION not in words(answer)


def test_staff_of_another_course_cannot_review(
    maya: Browser, sandbox: RunningSandbox, browsers: Callable[[], Browser]
) -> None:
    own = follow(maya, review_url(sandbox, "maya"))
    person_id = own.url.rstrip("/").rpartition("/")[2]
    ruth = browsers()
    admin = ruth.launch(sandbox.url, "ruth", "sourdough", "dough-mentor")

    answer = ruth.get(f"{admin.url.partition('/admin')[0]}/review/{person_id}/")

    assert answer.status_code == 404


def test_review_opens_in_a_new_tab_when_the_cookie_was_lost(
    maya: Browser, sandbox: RunningSandbox, browsers: Callable[[], Browser]
) -> None:
    browser = browsers()
    form = browser.authenticate(read_form(browser.get(review_url(sandbox, "ruth"))))
    browser.session.cookies.clear()
    offer = browser.submit(form)
    (link,) = lxml.html.fromstring(offer.content).xpath("//a[@class='button']/@href")

    page = browser.get(urljoin(offer.url, link))

    assert "/review/" in page.url
    assert "Maya Lindqvist" in words(page)


def test_column_made_by_the_tool_says_that_it_can_be_reviewed(
    engine: Engine, sandbox: RunningSandbox, browsers: Callable[[], Browser]
) -> None:
    for column in sandbox.platform.shelf.list("line_item"):
        sandbox.platform.shelf.remove("line_item", column["id"])
    tomas = browsers()
    take_quiz(tomas, tomas.launch(sandbox.url, "tomas", COURSE, QUIZ_ITEM))
    engine.outbox.deliver_due()

    (column,) = sandbox.platform.shelf.list("line_item")

    assert column["submissionReview"]["reviewableStatus"] == [
        "InProgress",
        "Submitted",
        "Completed",
    ]
    page = follow(browsers(), review_url(sandbox, "ruth", "tomas"))
    assert "8 of 10 points count" in words(page)
