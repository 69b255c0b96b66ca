"""What people do in the sandbox LMS and in the tool behind it, without a browser's window."""

from typing import Any
from urllib.parse import urljoin

import lxml.html
import requests

from tests.fakes.browserless import Browser, read_form
from tests.fakes.platforms import RunningSandbox

COURSE, MENTOR_ITEM, QUIZ_ITEM = "tidal-pools", "tides-mentor", "shore-quiz"
CLAIM = "https://purl.imsglobal.org/spec/lti/claim"
AGS = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
QUESTION = "Why do barnacles close up at low tide?"
# To Quiz 1, in its order; the last one is wrong, and worth two of ten points.
ANSWERS = (["0"], ["50"], ["false"], ["0", "1", "3"], ["1"], ["fog"])


def words(page: requests.Response) -> str:
    return " ".join(lxml.html.fromstring(page.content).text_content().split())


def csrf(page: requests.Response) -> str:
    found = lxml.html.fromstring(page.content).xpath(
        "//meta[@name='csrf-token']/@content | //input[@name='csrf_token']/@value"
    )
    return str(found[0])


def follow(browser: Browser, url: str, **options: Any) -> requests.Response:
    """Open a page of the sandbox that launches the tool; what the tool shows in the end."""
    login = read_form(browser.get(url))
    return browser.submit(browser.authenticate(login), **options)


def ask(browser: Browser, page: requests.Response) -> None:
    answer = browser.session.post(
        f"{page.url}turns",
        json={"prompt": QUESTION},
        headers={"Accept": "text/event-stream", "X-CSRFToken": csrf(page)},
        timeout=20,
    )
    assert answer.status_code == 200


def take_quiz(browser: Browser, page: requests.Response) -> None:
    start = next(f for f in lxml.html.fromstring(page.content).forms if "/start" in f.action)
    questions = browser.session.post(
        urljoin(page.url, start.action),
        data={"csrf_token": csrf(page)},
        timeout=20,
    )
    form = lxml.html.fromstring(questions.content).get_element_by_id("quiz")
    names = list(dict.fromkeys(n for n in form.fields if n.startswith("answer-")))
    data = [("csrf_token", csrf(questions)), ("act", "submit")]
    data += [(n, text) for n, texts in zip(names, ANSWERS, strict=True) for text in texts]
    url = urljoin(questions.url, form.get("action"))
    assert browser.session.post(url, data=data, timeout=20).status_code == 200


def review_url(sandbox: RunningSandbox, person: str, student: str = "maya") -> str:
    column = sandbox.platform.scores[-1]["line_item"]
    return f"{sandbox.url}/as/{person}/courses/{COURSE}/grades/{column}/{student}/launch"
