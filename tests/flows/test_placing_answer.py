"""The answer of the picker: to whom it goes, once, and from which browser."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from mentorai.core.clock import now
from mentorai.lti.tool import Tool
from tests.fakes.browserless import Browser, read_form
from tests.fakes.campus import COURSE, Campus
from tests.fakes.platforms import RunningSandbox, running_sandbox
from tests.fakes.teacher import DL, Teacher, change_settings, text_of


def test_cancel_answers_the_platform_with_nothing_and_a_message(
    campus: Campus, teacher: Teacher
) -> None:
    answer = teacher.press(teacher.open(), "cancel")

    claims = teacher.claims(answer)
    assert claims[f"{DL}content_items"] == []
    assert claims[f"{DL}log"]
    assert f"{DL}errormsg" not in claims
    assert "Nothing was chosen." in text_of(teacher.deliver(answer))
    assert campus.added() == []


def test_answer_goes_to_the_return_url_alone(teacher: Teacher, mentor_choice: str) -> None:
    answer = teacher.press(teacher.open(), "place", mentor_choice)

    origin = teacher.campus.sandbox.url
    policy = answer.headers["Content-Security-Policy"]
    assert read_form(answer).url.startswith(f"{origin}/lti/deep-links/")
    assert f"form-action {origin};" in policy
    (nonce,) = re.findall(r"<script nonce=\"([\w-]{20,})\"", answer.text)
    assert f"script-src 'nonce-{nonce}';" in policy
    assert answer.headers["Cache-Control"] == "no-store"
    # A post whose Origin is null is refused by careful platforms.
    assert answer.headers["Referrer-Policy"] == "strict-origin"


def test_return_url_of_a_form_counts_for_nothing(teacher: Teacher, mentor_choice: str) -> None:
    more = {"return_url": "https://evil.example/", "deep_link_return_url": "https://evil.example/"}

    answer = teacher.press(teacher.open(), "place", mentor_choice, **more)

    assert "evil.example" not in answer.text
    assert "evil.example" not in answer.headers["Content-Security-Policy"]


def test_return_url_is_escaped(campus: Campus, teacher: Teacher, mentor_choice: str) -> None:
    change_settings(
        campus, deep_link_return_url=f"{campus.sandbox.url}/r?a=1&b=\"><script>alert(1)</script>'"
    )

    answer = teacher.press(teacher.open(), "place", mentor_choice)

    assert "<script>alert" not in answer.text
    assert read_form(answer).url.endswith("<script>alert(1)</script>'")


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "/relative",
        "https://user:secret@lms.example.edu/",
        "https://lms.example.edu/#part",
        "https://lms.example.edu/" + "x" * 4_000,
        "ftp://lms.example.edu/",
        "https://lms.example.edu\\@evil.example/",
        "",
        None,
        7,
        ["https://lms.example.edu/"],
    ],
)
def test_request_is_refused_when_its_return_url_is_no_address(
    campus: Campus, teacher: Teacher, url: Any
) -> None:
    change_settings(campus, deep_link_return_url=url)

    page = teacher.open()

    assert page.status_code == 400
    assert "reference" in page.text


def test_request_is_refused_when_its_return_url_is_ours(campus: Campus, teacher: Teacher) -> None:
    change_settings(campus, deep_link_return_url=f"{campus.url}/lti/launch")

    assert "our own address" in teacher.open().text


def test_answer_is_given_once(teacher: Teacher, mentor_choice: str) -> None:
    page = teacher.open()
    teacher.press(page, "place", mentor_choice)

    again = teacher.press(page, "place", mentor_choice)

    assert again.status_code == 400
    assert "went to the LMS already" in text_of(again)
    assert teacher.browser.get(page.url).status_code == 400


def test_cancelled_choice_is_over_too(teacher: Teacher, mentor_choice: str) -> None:
    page = teacher.open()
    teacher.press(page, "cancel")

    assert teacher.press(page, "place", mentor_choice).status_code == 400


def test_picker_is_closed_to_another_browser(teacher: Teacher, mentor_choice: str) -> None:
    page = teacher.open()

    with Browser() as other:
        shown = other.get(page.url)

    assert shown.status_code == 400
    assert "another browser" in text_of(shown)
    assert teacher.press(page, "place", mentor_choice).status_code == 200


def test_picker_is_closed_after_an_hour(teacher: Teacher, mentor_choice: str) -> None:
    page = teacher.open()

    with time_machine.travel(now() + timedelta(minutes=61)):
        late = teacher.browser.get(page.url)

    assert late.status_code == 400
    assert "more than an hour" in text_of(late)


def test_picker_is_closed_when_the_platform_was_switched_off(
    campus: Campus, teacher: Teacher, mentor_choice: str
) -> None:
    page, registration = teacher.open(), campus.registration
    registrations = campus.engine.room(Tool).registrations
    registrations.disable(registration.organization_id, registration.id)

    refused = teacher.press(page, "place", mentor_choice)

    registrations.enable(registration.organization_id, registration.id)
    assert refused.status_code == 400
    assert "switched off" in text_of(refused)


@pytest.fixture
def elsewhere(campus: Campus) -> Iterator[RunningSandbox]:
    """Another LMS, of another organization of the same installation."""
    tool = campus.engine.room(Tool)
    other = campus.engine.organizations.put("other", "Other")
    with running_sandbox(campus.url, client_id="of-another-campus") as sandbox:
        facts = sandbox.description["platform"]
        tool.registrations.add(other.id, **facts)
        yield sandbox


def test_two_pickers_in_one_browser_answer_each_its_own_platform(
    campus: Campus, teacher: Teacher, elsewhere: RunningSandbox, mentor_choice: str
) -> None:
    theirs = campus.engine.mentors.add(
        campus.engine.organizations.put("other", "Other").id, "Their mentor"
    )
    here = teacher.open()
    there = teacher.browser.open_picker(elsewhere.url, "ruth", COURSE)

    # What one organization has is not on offer in the picker of another.
    assert "Tidal Pools mentor" not in there.text
    assert teacher.press(there, "place", mentor_choice).status_code == 422
    answer = teacher.press(there, "place", theirs.id)
    assert teacher.claims(answer)["aud"] == elsewhere.url
    assert teacher.claims(answer)["iss"] == "of-another-campus"
    assert read_form(answer).url.startswith(elsewhere.url)
    answer = teacher.press(here, "place", mentor_choice)
    assert teacher.claims(answer)["aud"] == campus.sandbox.url
    assert read_form(answer).url.startswith(campus.sandbox.url)


def test_answer_of_one_platform_is_not_taken_by_another(
    campus: Campus, teacher: Teacher, elsewhere: RunningSandbox, mentor_choice: str
) -> None:
    form = read_form(teacher.press(teacher.open(), "place", mentor_choice))
    there = read_form(
        teacher.press(teacher.browser.open_picker(elsewhere.url, "ruth", COURSE), "cancel")
    )

    assert teacher.browser.submit(replace(form, url=there.url)).status_code == 400


def test_picker_may_be_framed_by_its_platform_alone(teacher: Teacher) -> None:
    policy = teacher.open().headers["Content-Security-Policy"]

    assert f"frame-ancestors 'self' {teacher.campus.sandbox.url}" in policy


@pytest.mark.parametrize("field", ["jwt", "id_token"])
def test_platform_reads_the_answer_from_the_field_that_real_ones_read(
    teacher: Teacher, mentor_choice: str, field: str
) -> None:
    form = read_form(teacher.press(teacher.open(), "place", mentor_choice))

    renamed = replace(form, fields={field: form.fields["JWT"]})

    assert teacher.browser.submit(renamed).status_code == 400
    assert teacher.browser.submit(form).status_code == 200


def test_icon_can_be_shown_by_the_platform(campus: Campus, teacher: Teacher) -> None:
    icon = teacher.browser.get(f"{campus.url}/lti/icon.png")

    assert icon.headers["Content-Type"] == "image/png"
    assert icon.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
