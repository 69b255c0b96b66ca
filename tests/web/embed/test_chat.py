import io
import json
import re
from datetime import timedelta

import pytest
import time_machine

from mentorai.core import hookimpl
from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.settings import Settings
from mentorai.core.values import Denial, DoneEvent, Role, TokenEvent
from mentorai.web.app import create_app
from tests.fakes.visitor import Visitor, open_session

STREAM = {"Accept": "text/event-stream"}
QUESTION = "Why do mussels form a band?"


def read_events(text):
    events = []
    for block in text.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if lines:
            events.append((lines["event"], json.loads(lines["data"])))
    return events


def ask(student, home, prompt=QUESTION, **fields):
    student.get(home)
    return student.post(f"{home}turns", {"prompt": prompt, **fields})


def stream(student, home, prompt=QUESTION, **fields):
    student.get(home)
    return student.post(f"{home}turns", {"prompt": prompt, **fields}, headers=STREAM)


def test_chat_page_greets_and_offers_prompts(student, home):
    page = student.get(home)

    assert page.status_code == 200
    assert "Welcome to the <strong>shore</strong>." in page.text
    assert 'value="Why do mussels form bands?"' in page.text
    assert "Your instructor can read this conversation" in page.text
    assert page.headers["Cache-Control"] == "no-store"


def test_plain_form_gets_the_page_with_the_answer(student, home, material):
    page = student.follow(ask(student, home))

    assert "Mussels form a dense band" in page.text
    assert 'class="cite"' in page.text
    assert 'data-status="done"' in page.text


def test_script_gets_events_and_then_the_turn_as_html(student, home, material):
    answer = stream(student, home)
    events = read_events(answer.text)
    start = events[0][1]
    piece = student.get(f"{home}conversations/{start['session_id']}/turns/{start['turn_id']}")

    assert answer.mimetype == "text/event-stream"
    names = [name for name, _ in events]
    assert names[0] == "start"
    assert "token" in names
    assert names[-1] == "done"
    assert piece.text.count('class="cite"') >= 1
    assert "<html" not in piece.text


def test_json_body_is_taken_too(student, home, material):
    student.get(home)

    answer = student.client.post(
        f"{home}turns",
        json={"prompt": QUESTION},
        headers=STREAM | {"X-CSRFToken": student.token},
        base_url="http://localhost",
    )

    assert read_events(answer.text)[-1][0] == "done"


@pytest.mark.parametrize(
    "body", [[], "text", 3, None, {"prompt": 5}, {"prompt": "x", "session_id": 5}]
)
def test_json_body_of_another_shape_is_refused(student, home, body):
    student.get(home)

    answer = student.client.post(
        f"{home}turns",
        json=body,
        headers=STREAM | {"X-CSRFToken": student.token},
        base_url="http://localhost",
    )

    assert answer.status_code == 422
    assert answer.json["code"] == "validation_failed"


def test_conversation_is_resumed_on_return_and_can_be_begun_anew(student, home, material):
    ask(student, home)

    assert QUESTION in student.get(home).text
    assert QUESTION not in student.get(f"{home}?conversation=new").text


def test_second_question_joins_the_conversation(student, home, material):
    first = read_events(stream(student, home).text)[0][1]["session_id"]

    second = read_events(stream(student, home, "And anemones?", session_id=first).text)

    assert second[0][1]["session_id"] == first
    assert student.get(home).text.count('class="turn"') == 2


def test_hostile_reply_is_harmless_on_the_page(data_dir):
    class Model:
        @hookimpl
        def complete_turn(self, request):
            yield TokenEvent("<img src=x onerror=alert(1)> [x](javascript:alert(1))")
            yield DoneEvent()

    engine = Engine.open(
        Settings(data_dir=data_dir, allow_loopback_platforms=True), plugins=[("model", Model())]
    )
    mentor = engine.mentors.add(engine.organizations.get().id, "M")
    session = open_session(engine, mentor)
    student = Visitor(create_app(engine))

    page = student.follow(ask(student, f"/s/{session.id}/", "<script>alert(2)</script>"))

    engine.close()
    assert "<img" not in page.text
    assert "<script>" not in page.text
    assert 'href="javascript' not in page.text


def test_too_long_message_is_refused_and_kept_as_a_draft(student, home):
    words = "word " * 2000

    page = ask(student, home, words)

    assert page.status_code == 422
    assert 'role="alert"' in page.text
    assert words.strip() in page.text


@pytest.mark.parametrize("prompt", ["", "   \n "])
def test_empty_message_is_refused(student, home, prompt):
    assert ask(student, home, prompt).status_code == 422
    assert stream(student, home, prompt).status_code == 422


def test_refusal_is_a_problem_for_a_script(student, home):
    answer = stream(student, home, "word " * 2000)

    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"
    assert "prompt" in "".join(answer.json["errors"]) or answer.json["errors"]


def test_busy_mentor_says_when_to_come_back(data_dir):
    engine = Engine.open(
        Settings(data_dir=data_dir, allow_loopback_platforms=True, streams=1), plugins=[]
    )
    mentor = engine.mentors.add(engine.organizations.get().id, "M")
    session = open_session(engine, mentor)
    student = Visitor(create_app(engine))
    held = engine.ask(session, "first")
    next(held)

    page = ask(student, f"/s/{session.id}/")
    problem = stream(student, f"/s/{session.id}/")

    held.close()
    engine.close()
    assert (page.status_code, problem.status_code) == (503, 503)
    assert page.headers["Retry-After"] == problem.headers["Retry-After"] == "5"
    assert QUESTION in page.text
    assert problem.json["code"] == "busy"


def test_denied_message_shows_the_reason_and_keeps_the_draft(data_dir):
    class Policy:
        @hookimpl
        def judge_turn(self, message):
            return Denial("Not during the exam.") if "answer" in message else None

    engine = Engine.open(
        Settings(data_dir=data_dir, allow_loopback_platforms=True), plugins=[("policy", Policy())]
    )
    mentor = engine.mentors.add(engine.organizations.get().id, "M")
    session = open_session(engine, mentor)
    student = Visitor(create_app(engine))

    page = ask(student, f"/s/{session.id}/", "Tell me the answer")

    engine.close()
    assert page.status_code == 403
    assert "Not during the exam." in page.text


def test_session_can_be_denied_by_a_plugin(data_dir):
    class Policy:
        @hookimpl
        def judge_session(self, session, request_facts):
            return Denial(f"Not {request_facts.method} from here.")

    engine = Engine.open(
        Settings(data_dir=data_dir, allow_loopback_platforms=True), plugins=[("policy", Policy())]
    )
    session = open_session(engine, engine.mentors.add(engine.organizations.get().id, "M"))

    page = Visitor(create_app(engine)).get(f"/s/{session.id}/")

    engine.close()
    assert page.status_code == 403
    assert "Not GET from here." in page.text


@pytest.mark.parametrize("binding", ["", "c" * 64])
def test_session_is_refused_to_another_browser(app, home, binding):
    page = Visitor(app, binding).get(home)

    assert page.status_code == 403
    assert "Open the mentor from your course" in page.text


def test_session_that_ran_out_says_what_to_do(student, home):
    student.get(home)

    with time_machine.travel(now() + timedelta(hours=9), tick=False):
        page = student.get(home)
        problem = student.post(f"{home}turns", {"prompt": "x"}, headers=STREAM)

    assert "Your session has run out" in page.text
    assert problem.json["code"] == "session_expired"


def test_message_without_token_is_refused(student, home):
    student.get(home)
    student.token = ""

    answer = student.post(f"{home}turns", {"prompt": QUESTION}, headers=STREAM)

    assert answer.status_code == 400
    assert answer.json["code"] == "csrf_failed"


def test_conversation_of_another_student_is_not_found(app, engine, mentor, student, home, material):
    mine = read_events(stream(student, home).text)[0][1]
    other = open_session(engine, mentor, subject="ben", name="Ben", binding="d" * 64)
    ben, place = Visitor(app, "d" * 64), f"/s/{other.id}/"

    assert ben.get(f"{place}?conversation={mine['session_id']}").status_code == 404
    piece = f"{place}conversations/{mine['session_id']}/turns/{mine['turn_id']}"
    assert ben.get(piece).status_code == 404
    assert ask(ben, place, session_id=mine["session_id"]).status_code == 404
    assert QUESTION not in ben.get(place).text


def test_turn_of_another_conversation_is_not_found(student, home, material):
    first = read_events(stream(student, home).text)[0][1]
    second = read_events(stream(student, home).text)[0][1]

    mixed = f"{home}conversations/{first['session_id']}/turns/{second['turn_id']}"

    assert student.get(mixed).status_code == 404


def test_passage_opens_with_the_quoted_words_marked(student, home, material):
    page = student.follow(ask(student, home))
    link = page.text.split('class="source" href="')[1].split('"')[0].replace("&amp;", "&")

    passage = student.get(link)
    piece = student.get(f"{link}&part=1")

    assert "<mark>Mussels form a dense band" in passage.text
    assert "Zonation" in passage.text
    assert "Back to the conversation" in passage.text
    assert "<mark>" in piece.text
    assert "<html" not in piece.text


def test_what_stands_around_a_passage_is_whole_words(engine, mentor, student, home):
    sides = [" ".join([f"{side}pools"] * 100) for side in ("northern", "southern")]
    middle = "# Mussels\n\nMussels form a dense band."
    text = f"# North\n\n{sides[0]}\n\n{middle}\n\n# South\n\n{sides[1]}\n"
    place = (mentor.organization_id, mentor.id)
    engine.datasets.add(*place, "shore.md", "text/markdown", io.BytesIO(text.encode()))
    page = student.follow(ask(student, home))
    link = page.text.split('class="source" href="')[1].split('"')[0].replace("&amp;", "&")

    passage = student.get(link).text

    before, after = re.findall(r'<p class="around" dir="auto">(.*)</p>', passage)
    assert before.split()[0] == "…"
    assert set(before.split()[1:]) == {"northernpools"}
    assert after.split()[-1] == "…"
    assert set(after.split()[:-1]) == {"southernpools"}


def test_quote_stays_to_be_seen_after_its_document_went(engine, mentor, student, home, material):
    page = student.follow(ask(student, home))
    link = page.text.split('class="source" href="')[1].split('"')[0].replace("&amp;", "&")
    engine.datasets.delete(mentor.organization_id, mentor.id, material.id)

    passage = student.get(link)

    assert passage.status_code == 200
    assert "<mark>Mussels form a dense band" in passage.text
    assert "has changed since" in passage.text


def test_passage_of_another_mentor_is_not_found(app, engine, organization, material):
    other = engine.mentors.add(organization.id, "Statistics")
    session = open_session(engine, other)

    answer = Visitor(app).get(f"/s/{session.id}/passages/1")

    assert answer.status_code == 404


def test_student_sees_nothing_of_the_admin(student, home):
    page = student.get(home)

    assert "/admin" not in page.text


def test_staff_see_what_students_see_and_the_way_back(app, engine, mentor):
    session = open_session(engine, mentor, Role.INSTRUCTOR)

    page = Visitor(app).get(f"/s/{session.id}/")

    assert "You see what a student sees." in page.text
    assert f"/s/{session.id}/admin/" in page.text


def test_page_allows_no_script_or_style_of_its_own(student, home):
    page = student.get(home)

    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "<style" not in page.text
    assert " style=" not in page.text
    assert " onclick" not in page.text
