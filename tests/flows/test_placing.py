"""Placing mentors and quizzes: the certification cases, and that what is placed lasts."""

import time
from typing import Any
from urllib.parse import urlsplit

import lxml.html
import pytest
import requests

from mentorai.lti import history
from mentorai.lti.submission_review import LABEL, REVIEWABLE
from tests.fakes.browserless import Browser, Form, read_form
from tests.fakes.campus import COURSE, Campus
from tests.fakes.teacher import DL, Teacher, text_of

CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
DELIVERY_SECONDS = 15


def test_d1_request_is_accepted_and_shows_what_can_be_placed(teacher: Teacher) -> None:
    page = teacher.open()

    assert page.status_code == 200
    for shown in ("Tidal Pools mentor", "Quiz 1", "6 questions, 10 points", "the readings of BIO"):
        assert shown in text_of(page)


def test_d1_request_without_target_link_uri_is_accepted(campus: Campus, teacher: Teacher) -> None:
    target = f"{CLAIM}target_link_uri"
    campus.sandbox.platform.alter_claims = lambda claims: {
        name: value for name, value in claims.items() if name != target
    }

    assert "Place a mentor" in teacher.open().text


def test_d2_response_is_received(campus: Campus, teacher: Teacher, mentor_choice: str) -> None:
    added = teacher.place(mentor_choice)

    assert added.status_code == 200
    assert [item["title"] for item in campus.added()] == ["Tidal Pools mentor"]


def test_d3_response_says_what_it_is(teacher: Teacher, mentor_choice: str) -> None:
    claims = teacher.claims(teacher.press(teacher.open(), "place", mentor_choice))

    assert claims[f"{CLAIM}message_type"] == "LtiDeepLinkingResponse"
    assert claims[f"{CLAIM}version"] == "1.3.0"


def test_d4_response_is_of_this_moment_and_ends_soon(teacher: Teacher, mentor_choice: str) -> None:
    claims = teacher.claims(teacher.press(teacher.open(), "place", mentor_choice))

    assert abs(claims["iat"] - time.time()) < 10
    assert 0 < claims["exp"] - claims["iat"] <= 300


def test_d5_response_is_signed_by_a_published_key(teacher: Teacher, mentor_choice: str) -> None:
    answer = teacher.press(teacher.open(), "place", mentor_choice)

    assert teacher.claims(answer)["iss"] == teacher.campus.registration.client_id


def test_d6_response_has_every_required_claim(
    campus: Campus, teacher: Teacher, mentor_choice: str
) -> None:
    claims = teacher.claims(teacher.press(teacher.open(), "place", mentor_choice))

    assert claims["aud"] == campus.sandbox.url
    assert len(claims["nonce"]) >= 22
    assert claims[f"{CLAIM}deployment_id"] == "1"
    assert claims[f"{DL}data"].startswith('sandbox: <"')
    assert claims[f"{DL}data"].endswith("ünïcödé>")


def test_d7_values_of_the_response_are_those_that_were_chosen(
    campus: Campus, teacher: Teacher, quiz_choice: str
) -> None:
    claims = teacher.claims(teacher.press(teacher.open(), "place", quiz_choice))

    (item,) = claims[f"{DL}content_items"]
    quiz_id = campus.quiz_id("Quiz 1")
    assert item == {
        "type": "ltiResourceLink",
        "url": f"{campus.url}/lti/launch",
        "title": "Quiz 1: Tides and zones",
        "text": "Six questions about readings 1 to 4. You have three attempts, and the best one "
        "counts.",
        "icon": {"url": f"{campus.url}/lti/icon.png", "width": 128, "height": 128},
        "thumbnail": {"url": f"{campus.url}/lti/icon.png", "width": 128, "height": 128},
        "custom": {"mentor": campus.mentor.id, "quiz": quiz_id, **history.CUSTOM},
        "lineItem": {
            "scoreMaximum": 10,
            "label": "Quiz 1: Tides and zones",
            "resourceId": quiz_id,
            "tag": "quiz",
            "submissionReview": {
                "reviewableStatus": list(REVIEWABLE),
                "label": LABEL,
                "custom": {"quiz": quiz_id},
            },
        },
    }


def _start_quiz(page: requests.Response) -> Form:
    return next(
        read_form(page, number)
        for number, form in enumerate(lxml.html.fromstring(page.content).forms)
        if form.get("action", "").endswith("/start")
    )


def test_score_of_a_placed_quiz_stands_in_its_own_column_in_its_own_points(
    campus: Campus, teacher: Teacher, quiz_choice: str
) -> None:
    teacher.place(quiz_choice, **{"points-0": "50", "title-0": "Placed"})
    (item,) = campus.added()

    with Browser() as student:
        page = student.launch(campus.sandbox.url, "maya", COURSE, item["id"])
        questions = student.submit(_start_quiz(page))
        form = lxml.html.fromstring(questions.content).get_element_by_id("quiz")
        action = f"{campus.url}{form.get('action') or urlsplit(questions.url).path}"
        token = form.fields["csrf_token"]
        names = dict.fromkeys(n for n in form.fields if n.startswith("answer-"))
        answers = (["0"], ["50"], ["false"], ["0", "1", "3"], ["1"], ["fog"])
        fields = dict(zip(names, answers, strict=True))
        student.session.post(
            action, data={"csrf_token": token, "act": "submit", **fields}, timeout=20
        )

    column = next(c for c in campus.sandbox.platform.shelf.list("line_item")
                  if c["label"] == "Placed")  # fmt: skip
    result = _wait_for_result(campus, column["id"])
    # Eight of ten points, of fifty.
    assert (result["given"], result["maximum"]) == (40, 50)


def _wait_for_result(campus: Campus, column_id: str) -> dict[str, Any]:
    ends_at = time.monotonic() + DELIVERY_SECONDS
    while time.monotonic() < ends_at:
        for result in campus.sandbox.platform.shelf.list("result"):
            if result["line_item"] == column_id:
                return result
        time.sleep(0.1)
    pytest.fail("the score did not arrive")


def test_placed_mentor_answers_where_it_was_placed(
    campus: Campus, teacher: Teacher, mentor_choice: str
) -> None:
    teacher.place(mentor_choice)
    (item,) = campus.added()

    with Browser() as student:
        page = student.launch(campus.sandbox.url, "maya", COURSE, item["id"])

    assert page.status_code == 200
    assert "Tidal Pools mentor" in page.text


def test_place_of_a_deleted_quiz_tells_the_student_so(campus: Campus, teacher: Teacher) -> None:
    organization, mentor_id = campus.mentor.organization_id, campus.mentor.id
    draft = {
        "title": "Short life",
        "published": True,
        "questions": [{"kind": "true_false", "prompt": "?", "answer": True}],
    }
    made = campus.engine.quizzes.put(organization, mentor_id, draft)
    teacher.place(f"{mentor_id}/{made.id}")
    (item,) = campus.added()
    campus.engine.quizzes.delete(organization, mentor_id, made.id)

    with Browser() as student:
        page = student.launch(campus.sandbox.url, "maya", COURSE, item["id"])

    assert page.status_code == 404
    assert "has taken the quiz away" in text_of(page)


def test_quiz_that_is_deleted_while_it_is_chosen_is_not_placed(
    campus: Campus, teacher: Teacher
) -> None:
    organization, mentor_id = campus.mentor.organization_id, campus.mentor.id
    draft = {"title": "Gone", "published": True,
             "questions": [{"kind": "true_false", "prompt": "?", "answer": True}]}  # fmt: skip
    made = campus.engine.quizzes.put(organization, mentor_id, draft)
    details = teacher.press(teacher.open(), "details", f"{mentor_id}/{made.id}")
    campus.engine.quizzes.delete(organization, mentor_id, made.id)

    shown = teacher.press(details, "place", f"{mentor_id}/{made.id}")

    assert shown.status_code == 422
    assert "Choose what to place" in text_of(shown)
