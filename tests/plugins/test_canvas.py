"""Canvas: launches, scores, refusals, rosters and columns as it has them."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from mentorai.core import errors
from mentorai.core.clock import now
from mentorai.core.errors import MentorAIError, PlatformThrottled
from mentorai.core.mentors import Mentor
from mentorai.core.values import GradingProgress, LineItem
from mentorai.lti import budgets
from mentorai.lti.registration_documents import find_document
from mentorai.lti.tool import Tool
from mentorai.plugins.canvas.work_urls import name_work
from mentorai.web.app import create_app
from tests.fakes.lms_family import COLUMNS_URL, LINE_ITEM, RESULTS_URL, SCORES_URL, LmsFamily
from tests.fakes.signing_platform import MEMBERSHIP

FAMILY = "canvas"
SUBMISSION = "https://canvas.instructure.com/lti/submission"


def envelope(kind: str, message: str) -> dict[str, Any]:
    """An error of its LTI services."""
    return {"errors": {"type": kind, "message": message}}


def test_score_makes_no_submission_and_spares_a_teachers_grade(lms: LmsFamily) -> None:
    lms.take_scores(200, {"resultUrl": "https://lms.example.edu/r"})

    lms.push(8)

    (sent,) = lms.scores()
    assert sent[SUBMISSION] == {"new_submission": False, "prioritize_non_tool_grade": True}
    assert (sent["scoreGiven"], sent["gradingProgress"]) == (8, "FullyGraded")


HANDED_IN = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
ATTEMPTS_GONE = envelope(
    "unprocessable_entity",
    "The maximum number of allowed attempts has been reached for this submission",
)


def test_hand_in_is_a_submission_that_leads_to_the_work(lms: LmsFamily) -> None:
    lms.take_scores(200, {"resultUrl": "https://lms.example.edu/r"})

    lms.push(8, submitted_at=HANDED_IN, is_hand_in=True)
    lms.push(9, submitted_at=HANDED_IN)

    first, later = lms.scores()
    assert first[SUBMISSION]["new_submission"] is True
    assert first[SUBMISSION]["submission_type"] == "basic_lti_launch"
    assert first["submission"]["submittedAt"] == "2026-11-24T09:30:00.000+00:00"
    assert later[SUBMISSION] == {"new_submission": False, "prioritize_non_tool_grade": True}
    launch = lms.launch(target_link_uri=first[SUBMISSION]["submission_data"], sub="teacher")
    assert launch.review_of == "6"
    assert launch.grade_service is not None
    assert launch.grade_service.line_item_url == LINE_ITEM.url


def test_grade_arrives_without_a_submission_where_attempts_are_used_up(lms: LmsFamily) -> None:
    refused = json.dumps(ATTEMPTS_GONE)
    lms.wire.add("POST", SCORES_URL, status=422, body=refused)
    lms.wire.add("POST", SCORES_URL, status=200, body="{}")

    lms.push(8, submitted_at=HANDED_IN, is_hand_in=True)

    assert [sent[SUBMISSION]["new_submission"] for sent in lms.scores()] == [True, False]


def test_hand_in_that_canvas_takes_for_the_future_is_tried_again(lms: LmsFamily) -> None:
    said = envelope("bad_request", "Provided submitted_at timestamp is in the future")
    lms.take_scores(400, said)

    with pytest.raises(errors.PlatformUnavailable):
        lms.push(8, submitted_at=HANDED_IN, is_hand_in=True)


@pytest.mark.parametrize("named", ["", "x", "%00/%00", "!!/!!", "aGk", f"{'a' * 3000}/aGk"])
def test_address_that_names_no_work_is_an_ordinary_launch(lms: LmsFamily, named: str) -> None:
    target = f"{lms.engine.settings.public_url}/lti/launch/canvas-work/{named}"

    assert lms.launch(target_link_uri=target).review_of is None


def test_speedgrader_opens_the_work_of_a_student_of_this_course(
    lms: LmsFamily, mentor: Mentor
) -> None:
    lms.take_scores(200, "{}")
    usual = lms.launch(custom={"mentor": mentor.slug})
    student = lms.engine.admit(usual)
    column = usual.grade_service and usual.grade_service.line_item_url
    work = name_work(lms.engine.settings.public_url, LineItem(column or ""), "6")
    teacher = {"sub": "t", "roles": [f"{MEMBERSHIP}#Instructor"], "name": "Grace"}

    session = lms.engine.admit(lms.launch(target_link_uri=work, **teacher))

    assert session.start == f"review/{student.person_id}/"
    with pytest.raises(errors.LaunchDenied):
        lms.engine.admit(lms.launch(target_link_uri=work, sub="7"))
    elsewhere = lms.launch(target_link_uri=work, context={"id": "3"}, **teacher)
    with pytest.raises(errors.NotFound):
        lms.engine.admit(elsewhere)


def test_news_without_a_final_score_keeps_the_grade(lms: LmsFamily) -> None:
    lms.take_scores(200, {"resultUrl": "https://lms.example.edu/r"})

    lms.push(None, grading_progress=GradingProgress.PENDING)

    (sent,) = lms.scores()
    assert sent[SUBMISSION]["preserve_score"] is True


@pytest.mark.parametrize(
    ("held", "sent"),
    [([], "Well\ndone"), (["Earlier"], "Well\ndone"), (["Well\ndone"], None)],
    ids=["none", "another", "the same"],
)
def test_comment_is_sent_only_if_canvas_has_not_got_it(
    lms: LmsFamily, held: list[str], sent: str | None
) -> None:
    lms.take_scores(200, {"resultUrl": "https://lms.example.edu/r"})
    rows = [{"id": "x", "userId": "6", "resultScore": 8, "comment": comment} for comment in held]
    lms.wire.add("GET", RESULTS_URL, json=rows)

    lms.push(8, "Well\ndone")

    assert lms.scores()[0].get("comment") == sent
    read = next(call.request.url for call in lms.wire.calls if "/results" in call.request.url)
    assert "user_id=6" in read


def test_comment_is_sent_when_results_may_not_be_read(lms: LmsFamily) -> None:
    lms.take_scores(200, {"resultUrl": "https://lms.example.edu/r"})
    lms.wire.add("GET", RESULTS_URL, status=401)
    lms.push(7)

    # Three tokens within a few seconds are more than the bucket of Canvas bears.
    with time_machine.travel(now() + timedelta(minutes=1)):
        lms.push(8, "Well done")

    assert lms.scores()[-1]["comment"] == "Well done"


def test_first_score_does_not_wait_for_its_tokens(
    lms: LmsFamily, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are not counted with its calls, nor held back for what they cost afterwards."""
    monkeypatch.setattr(budgets, "TURN_SECONDS", 1.0)
    lms.take_scores(200, {"resultUrl": "https://lms.example.edu/r"})
    # So that the token for results is asked for a second time.
    lms.wire.add("GET", RESULTS_URL, status=401)

    lms.push(8, "Well done")

    assert lms.scores()[-1]["comment"] == "Well done"


def test_score_waits_when_nobody_can_tell_whether_its_comment_is_there(lms: LmsFamily) -> None:
    lms.take_scores(200, {"resultUrl": "https://lms.example.edu/r"})
    lms.wire.add("GET", RESULTS_URL, status=500)

    with pytest.raises(errors.PlatformUnavailable):
        lms.push(8, "Well done")

    assert lms.scores() == []


@pytest.mark.parametrize(
    ("status", "body", "kind", "says"),
    [
        (
            422,
            envelope("unprocessable_entity", "User not found in course or is not a student"),
            errors.PersonNotInCourse,
            "test student",
        ),
        (
            422,
            envelope("unprocessable_entity", "This course has concluded. AGS requests will no..."),
            errors.CourseConcluded,
            "ended",
        ),
        (404, envelope("not_found", "Context not found"), errors.CourseConcluded, "ended"),
        (
            422,
            envelope(
                "unprocessable_entity",
                "The maximum number of allowed attempts has been reached for this submission",
            ),
            errors.AttemptsExhausted,
            "no more attempts",
        ),
        (
            400,
            envelope("bad_request", "Provided timestamp of a before last updated timestamp of b"),
            errors.ScoreStale,
            "newer",
        ),
        (404, {"errors": [{"message": "The specified resource does not exist."}]}, None, ""),
        (
            412,
            envelope("precondition_failed", "Tool does not have permission to view line_item"),
            errors.NoLineItem,
            "another tool",
        ),
        (
            401,
            envelope(
                "unauthorized", "Access Token not linked to a Tool associated with this Context"
            ),
            errors.PlatformRefused,
            "not installed",
        ),
        (401, envelope("unauthorized", "Invalid Developer Key"), errors.PlatformRefused, "off"),
        (
            401,
            envelope("unauthorized", "Insufficient permissions"),
            errors.ScopeNotGranted,
            "score",
        ),
        (
            400,
            envelope(
                "bad_request",
                "uploading to file service failed with 400: no valid timestamp in the signed URL",
            ),
            errors.ScoreRejected,
            "could not fetch a file",
        ),
        (422, "<html>", errors.NotGradable, ""),
        (500, envelope("x", "concluded"), errors.PlatformUnavailable, ""),
    ],
)
def test_refusal_is_told_in_words_for_an_instructor(
    lms: LmsFamily, status: int, body: Any, kind: type[MentorAIError] | None, says: str
) -> None:
    lms.take_scores(status, body)

    with pytest.raises(kind or errors.NoLineItem) as caught:
        lms.push()

    assert type(caught.value) is (kind or errors.NoLineItem)
    assert says in caught.value.message


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (504, "failed to communicate with file service"),
        (504, "file url timed out"),
        (500, "uploading to file service failed with 503: no disk"),
    ],
)
def test_score_is_tried_again_where_canvas_had_trouble_with_a_file(
    lms: LmsFamily, status: int, says: str
) -> None:
    lms.take_scores(status, envelope("gateway_timeout", says))

    with pytest.raises(errors.PlatformUnavailable, match="a file") as caught:
        lms.push()

    # The other scores of this Canvas need not wait for it.
    assert (caught.value.retryable, caught.value.is_answer) == (True, True)


def test_gateway_before_canvas_is_no_trouble_with_a_file(lms: LmsFamily) -> None:
    lms.take_scores(504, "<html>upstream")

    with pytest.raises(errors.PlatformUnavailable) as caught:
        lms.push()

    assert not caught.value.is_answer


def test_files_that_a_score_brings_go_with_it(lms: LmsFamily) -> None:
    lms.take_scores(200, {"resultUrl": "https://lms.example.edu/r"})
    work = {"type": "file", "url": "https://files.example/essay.pdf", "title": "Essay"}
    brought = {"submission_type": "online_upload", "content_items": [work]}

    lms.push(8, extensions={SUBMISSION: brought})

    (sent,) = lms.scores()
    wishes = {"new_submission": False, "prioritize_non_tool_grade": True}
    assert sent[SUBMISSION] == wishes | brought


def test_launch_without_a_return_url_leads_back_to_the_schools_own_host(lms: LmsFamily) -> None:
    launch = lms.launch(
        launch_presentation=None, custom={"canvas_api_domain": "biology.instructure.com"}
    )

    assert launch.return_url == "https://biology.instructure.com"


@pytest.mark.parametrize("domain", ["evil.example/x y", "$Canvas.api.domain", ""])
def test_launch_without_a_usable_host_leads_back_to_its_services(
    lms: LmsFamily, domain: str
) -> None:
    launch = lms.launch(launch_presentation=None, custom={"canvas_api_domain": domain})

    assert launch.return_url == lms.platform.issuer


@pytest.mark.parametrize(
    ("url", "listed", "leads"),
    [
        ("https://biology.instructure.com/courses/2", (), True),
        ("https://10.0.0.7/courses/2", (), False),
        ("https://biology.instructure.com/courses/2", ("https://law.instructure.com",), False),
    ],
)
def test_refused_launch_leads_back_to_the_schools_own_host(
    lms: LmsFamily, url: str, listed: tuple[str, ...], leads: bool
) -> None:
    lms.platform.publish()
    facts = lms.platform.facts(client_id="school", family="canvas", frame_origins=listed)
    lms.engine.room(Tool).registrations.add(lms.registration.organization_id, **facts)
    claims = lms.platform.claims("n", aud="school", launch_presentation={"return_url": url})
    form = {"state": "gone", "id_token": lms.platform.sign(claims)}

    answer = create_app(lms.engine).test_client().post("/lti/launch", data=form)

    assert answer.status_code == 400
    assert (f'href="{url}?lti_errormsg=' in answer.text) is leads


def test_launch_from_the_course_menu_is_named_after_the_course(lms: LmsFamily) -> None:
    launch = lms.launch(resource_link={"id": "2"})

    assert launch.resource_link is not None
    assert launch.resource_link.title == "Shore life"


def test_launch_that_says_all_is_left_as_it_is(lms: LmsFamily) -> None:
    launch = lms.launch()

    assert (launch.family_code, launch.return_url) == (
        "canvas",
        f"{lms.platform.issuer}/return",
    )


def test_roster_is_asked_for_in_pages_of_the_size_that_it_has(lms: LmsFamily) -> None:
    student = {"user_id": "6", "roles": ["Learner"]}
    preview = {
        "user_id": "7",
        "roles": ["Learner", "http://purl.imsglobal.org/vocab/lti/system/person#TestUser"],
    }
    lms.wire.add("GET", lms.platform.members_url, json={"members": [student, preview]})

    assert [member.subject for member in lms.list_members()] == ["6"]
    assert lms.wire.calls[-1].request.url.endswith("?limit=50")


def test_column_for_the_course_menu_is_tied_to_no_link(lms: LmsFamily) -> None:
    lms.wire.add("GET", COLUMNS_URL, json=[])
    lms.wire.add("POST", COLUMNS_URL, status=201, json={"id": f"{COLUMNS_URL}/9"})

    lms.find_column(lms_resource_link_id="2", lms_context_id="2")

    made = json.loads(lms.wire.calls[-1].request.body)
    assert "resourceLinkId" not in made
    assert (made["resourceId"], made["tag"]) == ("quiz-1", "mentorai:2")


@pytest.mark.parametrize("of_own", [True, False], ids=["and its own", "alone"])
def test_column_of_another_link_is_not_taken_for_that_of_this_one(
    lms: LmsFamily, of_own: bool
) -> None:
    facts = {"label": "Quiz", "scoreMaximum": 10, "resourceId": "quiz-1"}
    shared = {"id": f"{COLUMNS_URL}/8", "resourceLinkId": "18"} | facts
    own = {"id": f"{COLUMNS_URL}/9", "resourceLinkId": "17"} | facts
    lms.wire.add("GET", COLUMNS_URL, json=[shared, own] if of_own else [shared])
    lms.wire.add("POST", COLUMNS_URL, status=201, json=own)

    found = lms.find_column()

    assert found.url == f"{COLUMNS_URL}/9"
    asked = [(each.request.method, each.request.url) for each in lms.wire.calls]
    made = [url for method, url in asked if method == "POST" and url.startswith(COLUMNS_URL)]
    assert len(made) == (0 if of_own else 1)


def test_developer_key_names_what_our_features_use(lms: LmsFamily) -> None:
    document = find_document(lms.engine, FAMILY)

    assert document is not None
    content = document.content
    assert content["custom_fields"]["canvas_course_id"] == "$Canvas.course.id"
    assert content["custom_fields"]["resource_link_id_history"] == "$ResourceLink.id.history"
    assert "https://purl.imsglobal.org/spec/lti/scope/noticehandlers" in content["scopes"]
    assert not any("lti-gs" in scope for scope in content["scopes"])
    placements = content["extensions"][0]["settings"]["placements"]
    editor = next(each for each in placements if each["placement"] == "editor_button")
    assert editor["icon_url"].endswith("/static/icon.svg")


def test_full_bucket_is_waited_for_where_only_launches_say_that_it_is_a_canvas(
    lms: LmsFamily, mentor: Mentor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budgets, "TURN_SECONDS", 0.1)
    nameless = lms.register_nameless()
    launch = nameless.launch(custom={"mentor": mentor.slug})
    lms.engine.admit(replace(launch, family_code=FAMILY))
    lms.take_scores(403, "403 Forbidden (Rate Limit Exceeded)")

    with pytest.raises(PlatformThrottled):
        nameless.push(8)
