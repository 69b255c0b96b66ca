"""The main job, end to end: the real tool and the sandbox LMS, over loopback HTTP.

A student opens the mentor from the course, asks, takes a quiz, and the score stands in the
gradebook. An instructor opens the admin from the same course, makes a key and calls the API.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lxml.html
import pytest
import requests

from mentorai.core.engine import Engine
from tests.fakes.browserless import Browser, read_form
from tests.fakes.campus import Campus, running_campus
from tests.fakes.platforms import RunningSandbox

COURSE, MENTOR_ITEM, QUIZ_ITEM = "tidal-pools", "tides-mentor", "shore-quiz"
QUESTION = "Why do barnacles close up at low tide?"
# To Quiz 1, in its order; the last one is wrong, and worth two of ten points.
ANSWERS = (["0"], ["50"], ["false"], ["0", "1", "3"], ["1"], ["fog"])
DELIVERY_SECONDS = 15


@pytest.fixture
def campus(tmp_path: Path, seeded: Path) -> Iterator[Campus]:
    with running_campus(tmp_path, seeded, with_worker=True) as campus:
        yield campus


@pytest.fixture
def port(campus: Campus) -> int:
    return int(campus.url.rpartition(":")[2])


@pytest.fixture
def sandbox(campus: Campus) -> RunningSandbox:
    return campus.sandbox


@pytest.fixture
def tool(campus: Campus) -> Engine:
    """The tool with its worker, registered at the sandbox and seeded as the demo seeds it."""
    return campus.engine


@pytest.fixture
def browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@pytest.fixture
def student(tool: Engine, sandbox: RunningSandbox, browser: Browser) -> requests.Response:
    """What Maya sees after she opened the mentor."""
    return browser.launch(sandbox.url, "maya", COURSE, MENTOR_ITEM)


@pytest.fixture
def instructor(tool: Engine, sandbox: RunningSandbox, browser: Browser) -> requests.Response:
    """What Ruth sees after she opened the mentor."""
    return browser.launch(sandbox.url, "ruth", COURSE, MENTOR_ITEM)


def _csrf(page: requests.Response) -> str:
    found = lxml.html.fromstring(page.content).xpath("//meta[@name='csrf-token']/@content")
    return str(found[0])


def _ask(browser: Browser, page: requests.Response, prompt: str) -> list[tuple[str, Any]]:
    """Ask as the page's script does; the events of the stream."""
    answer = browser.session.post(
        f"{page.url}turns",
        json={"prompt": prompt},
        headers={"Accept": "text/event-stream", "X-CSRFToken": _csrf(page)},
        timeout=20,
        stream=True,
    )
    assert answer.status_code == 200, answer.text
    return _read_events(answer.text)


def _read_events(text: str) -> list[tuple[str, Any]]:
    events = []
    for block in text.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "event" in lines:
            events.append((lines["event"], json.loads(lines["data"])))
    return events


def _take_quiz(browser: Browser, page: requests.Response) -> requests.Response:
    start = next(f for f in _forms(page) if f.get("action", "").endswith("/start"))
    questions = browser.session.post(
        _absolute(page, start), data={"csrf_token": _csrf(page)}, timeout=20
    )
    form = lxml.html.fromstring(questions.content).get_element_by_id("quiz")
    names = list(dict.fromkeys(n for n in form.fields if n.startswith("answer-")))
    data = [("csrf_token", _csrf(questions)), ("act", "submit")]
    data += [(n, text) for n, texts in zip(names, ANSWERS, strict=True) for text in texts]
    return browser.session.post(_absolute(questions, form), data=data, timeout=20)


def _forms(page: requests.Response) -> list[Any]:
    return list(lxml.html.fromstring(page.content).forms)


def _absolute(page: requests.Response, form: Any) -> str:
    return requests.compat.urljoin(page.url, form.get("action"))


def _words(page: requests.Response) -> str:
    return " ".join(lxml.html.fromstring(page.content).text_content().split())


def _wait_for_score(sandbox: RunningSandbox) -> list[Any]:
    deadline = time.monotonic() + DELIVERY_SECONDS
    while not sandbox.platform.scores and time.monotonic() < deadline:
        time.sleep(0.05)
    return sandbox.platform.scores


def test_student_arrives_at_the_mentor_of_the_course(student: requests.Response) -> None:
    assert student.status_code == 200
    assert "/s/" in student.url
    assert "Tidal" in _words(student)


def test_answer_streams_with_citations_from_the_course(
    browser: Browser, student: requests.Response
) -> None:
    events = _ask(browser, student, QUESTION)

    kinds = [kind for kind, _ in events]
    assert kinds[0] == "start"
    assert kinds[-1] == "done"
    assert kinds.count("token") > 3
    reply = "".join(data["data"] for kind, data in events if kind == "token")
    assert "barnacle" in reply.lower()
    assert "[1]" in reply


def test_citation_opens_the_passage_it_quotes(browser: Browser, student: requests.Response) -> None:
    events = _ask(browser, student, QUESTION)
    sources = next(data for kind, data in reversed(events) if kind == "sources")
    source = (sources if isinstance(sources, list) else sources["sources"])[0]

    passage = browser.get(requests.compat.urljoin(student.url, source["url"]))

    assert passage.status_code == 200
    assert " ".join(source["quote"].split()) in _words(passage)


def test_conversation_is_there_on_return(
    browser: Browser, student: requests.Response, sandbox: RunningSandbox
) -> None:
    _ask(browser, student, QUESTION)

    again = browser.launch(sandbox.url, "maya", COURSE, MENTOR_ITEM)

    assert QUESTION in _words(again)


def test_conversation_of_one_student_is_not_shown_to_another(
    browser: Browser, student: requests.Response, sandbox: RunningSandbox
) -> None:
    _ask(browser, student, QUESTION)

    with Browser() as other:
        seen = other.launch(sandbox.url, "tomas", COURSE, MENTOR_ITEM)

    assert seen.status_code == 200
    assert QUESTION not in _words(seen)


def test_session_of_one_browser_is_closed_to_another(student: requests.Response) -> None:
    with Browser() as other:
        seen = other.get(student.url)

    assert seen.status_code in (401, 403)


def test_score_of_the_quiz_stands_in_the_gradebook(
    tool: Engine, sandbox: RunningSandbox, browser: Browser
) -> None:
    page = browser.launch(sandbox.url, "maya", COURSE, QUIZ_ITEM)
    result = _take_quiz(browser, page)
    scores = _wait_for_score(sandbox)

    assert result.status_code == 200
    assert [(s["body"]["scoreGiven"], s["body"]["scoreMaximum"]) for s in scores] == [(8.0, 10.0)]
    lms = browser.get(f"{sandbox.url}/as/maya/courses/{COURSE}/grades/")
    assert "8" in _words(lms)


def test_student_sees_that_the_score_was_sent(
    tool: Engine, sandbox: RunningSandbox, browser: Browser
) -> None:
    result = _take_quiz(browser, browser.launch(sandbox.url, "maya", COURSE, QUIZ_ITEM))
    _wait_for_score(sandbox)

    deadline = time.monotonic() + DELIVERY_SECONDS
    while "Sent to the gradebook" not in _words(browser.get(f"{result.url}/sync")):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_student_without_name_or_email_takes_the_quiz_too(
    tool: Engine, sandbox: RunningSandbox, browser: Browser
) -> None:
    _take_quiz(browser, browser.launch(sandbox.url, "private", COURSE, QUIZ_ITEM))

    assert len(_wait_for_score(sandbox)) == 1


def test_score_is_kept_while_the_gradebook_is_down(
    tool: Engine, sandbox: RunningSandbox, browser: Browser
) -> None:
    sandbox.faults.add("scores", "status", status=503, times=1)

    result = _take_quiz(browser, browser.launch(sandbox.url, "maya", COURSE, QUIZ_ITEM))

    assert result.status_code == 200
    assert tool.outbox.waiting() == 1


def test_instructor_arrives_in_the_admin(instructor: requests.Response) -> None:
    assert instructor.status_code == 200
    assert "/admin/" in instructor.url


def test_student_does_not_reach_the_admin(browser: Browser, student: requests.Response) -> None:
    assert browser.get(f"{student.url}admin/").status_code in (403, 404)


def _make_key(browser: Browser, instructor: requests.Response) -> str:
    """The way of the API tab: Create New, a name, Submit; the key that the page shows once."""
    tab = next(
        link
        for link in lxml.html.fromstring(instructor.content).xpath("//a/@href")
        if str(link).endswith("/api")
    )
    new = browser.get(requests.compat.urljoin(instructor.url, f"{tab}/new"))
    number = next(n for n, f in enumerate(_forms(new)) if "name" in f.fields)
    form = read_form(new, number)
    data = [(k, v) for k, v in form.fields.items() if k not in ("name", "scopes")]
    data += [("name", "LMS-integration-Aug 2025")]
    data += [("scopes", scope) for scope in ("chat:write", "grades:read", "mentor:read")]
    shown = browser.session.post(form.url, data=data, timeout=20)
    assert shown.status_code == 200, _words(shown)
    return str(lxml.html.fromstring(shown.content).get_element_by_id("plain").text_content())


def test_key_made_in_the_admin_asks_the_mentor(
    browser: Browser, instructor: requests.Response, port: int
) -> None:
    key = _make_key(browser, instructor)

    answer = requests.post(
        f"http://localhost:{port}/api/v1/chat",
        json={"prompt": QUESTION},
        headers={"Authorization": f"Api-Token {key}"},
        timeout=20,
    )

    assert answer.status_code == 200, answer.text
    assert "barnacle" in answer.text.lower()


def test_key_pulls_the_grade_of_the_quiz(
    browser: Browser, instructor: requests.Response, sandbox: RunningSandbox, port: int
) -> None:
    key = _make_key(browser, instructor)
    with Browser() as student:
        _take_quiz(student, student.launch(sandbox.url, "maya", COURSE, QUIZ_ITEM))

    answer = requests.get(
        f"http://localhost:{port}/api/v1/grades",
        headers={"Authorization": f"Api-Token {key}"},
        timeout=20,
    )

    assert answer.status_code == 200
    assert [(g["score_given"], g["score_maximum"]) for g in answer.json()["results"]] == [
        (8.0, 10.0)
    ]


def test_key_is_refused_what_it_was_not_given(
    browser: Browser, instructor: requests.Response, port: int
) -> None:
    key = _make_key(browser, instructor)

    answer = requests.get(
        f"http://localhost:{port}/api/v1/datasets",
        headers={"Authorization": f"Api-Token {key}"},
        timeout=20,
    )

    assert answer.status_code == 403
    assert answer.json()["code"] == "scope_missing"


def test_key_is_not_in_the_list_that_follows(
    browser: Browser, instructor: requests.Response
) -> None:
    key = _make_key(browser, instructor)

    keys = browser.get(instructor.url)

    assert key not in keys.text
