"""Line items and results at the wire: AGS 2.0, sections 3.2 and 3.3."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from mentorai.core.errors import (
    CourseConcluded,
    MentorAIError,
    NoLineItem,
    PlatformRefused,
    PlatformReplyInvalid,
    ScoreOutOfRange,
    ScoreRejected,
)
from mentorai.core.values import ActivityProgress, GradingProgress, LineItem, Result, Score
from mentorai.lti.ags import build_score, push_score
from mentorai.lti.line_items import (
    LINE_ITEM_TYPE,
    change_line_item,
    get_line_item,
    list_line_items,
    make_line_item,
    remove_line_item,
)
from mentorai.lti.results import RESULTS_TYPE, list_results

AGS = "https://purl.imsglobal.org/spec/lti-ags/scope/"
LIST = "https://lms.example.edu/2/lineitems"
ONE = f"{LIST}/7/lineitem?type_id=1"
RESULTS = f"{LIST}/7/lineitem/results?type_id=1"
RESULTS_OF_ONE = f"{LIST}/7/lineitem/results"
AT = datetime(2026, 11, 23, 10, 42, tzinfo=UTC)


@pytest.fixture(autouse=True)
def granted(platform: Any) -> None:
    platform.grant()


def last(platform: Any) -> Any:
    return platform.wire.calls[-1].request


def item(number: int, **facts: object) -> dict[str, object]:
    return {"id": f"{LIST}/{number}", "label": f"Column {number}", "scoreMaximum": 10} | facts


def test_line_items_are_asked_for_with_every_filter(
    tool: Any, registration: Any, platform: Any
) -> None:
    wanted = item(1, resourceLinkId="17", resourceId="q", tag="t")
    others = [item(2, resourceLinkId="18", resourceId="q", tag="t"), item(3, tag="t")]
    platform.wire.add("GET", LIST, json=[*others, wanted, {"label": "no id"}, 7])

    found = list_line_items(
        tool,
        registration,
        f"{LIST}?type_id=1",
        resource_link_id="17",
        resource_id="q",
        tag="t",
        limit=5,
    )

    assert [each.url for each in found] == [f"{LIST}/1"]
    assert last(platform).url == (
        f"{LIST}?type_id=1&resource_link_id=17&resource_id=q&tag=t&limit=5"
    )
    assert platform.token_requests()[0]["scope"] == f"{AGS}lineitem.readonly"


def test_pages_of_line_items_are_read_no_further_than_needed(
    tool: Any, registration: Any, platform: Any
) -> None:
    headers = {"Link": f'<{LIST}?Page=B>; rel="next"'}
    platform.wire.add("GET", LIST, json=[item(1)], headers=headers)

    next(list_line_items(tool, registration, LIST))

    assert sum("lineitems" in call.request.url for call in platform.wire.calls) == 1


@pytest.mark.parametrize("status", [404, 410])
def test_course_whose_list_is_gone_is_over(
    tool: Any, registration: Any, platform: Any, status: int
) -> None:
    platform.wire.add("GET", LIST, status=status, json={"errors": {"message": "Not found"}})

    with pytest.raises(CourseConcluded):
        next(list_line_items(tool, registration, LIST))


def test_line_item_is_read(tool: Any, registration: Any, platform: Any) -> None:
    platform.wire.add("GET", ONE, json=item(7) | {"id": ONE, "scoreMaximum": 12.5, "resourceId": 4})

    found = get_line_item(tool, registration, ONE)

    assert found == LineItem(ONE, "Column 7", 12.5, resource_id="4")
    assert last(platform).headers["Accept"] == LINE_ITEM_TYPE
    assert platform.token_requests()[0]["scope"] == f"{AGS}lineitem.readonly"


def test_line_item_is_made_without_what_is_not_known(
    tool: Any, registration: Any, platform: Any
) -> None:
    platform.wire.add("POST", LIST, status=201, json=item(9))

    make_line_item(tool, registration, LIST, LineItem("", "Quiz", 10, tag="t"))

    assert json.loads(last(platform).body) == {"label": "Quiz", "scoreMaximum": 10, "tag": "t"}
    assert last(platform).headers["Content-Type"] == LINE_ITEM_TYPE
    assert platform.token_requests()[0]["scope"] == f"{AGS}lineitem"


def test_change_of_a_line_item_keeps_what_it_does_not_know(
    tool: Any, registration: Any, platform: Any
) -> None:
    """Moodle drops resourceLinkId when a PUT leaves it out."""
    before = {
        "id": ONE,
        "label": "Week 1",
        "scoreMaximum": 10,
        "resourceLinkId": "17",
        "endDateTime": "2026-12-24T00:00:00Z",
        "https://lms.example.edu/ext": {"a": [1]},
    }
    platform.wire.add("GET", ONE, json=before)
    platform.wire.add("PUT", ONE, json=before | {"label": "Week one"})

    found = change_line_item(tool, registration, ONE, label=" Week one ")

    assert found.label == "Week one"
    assert json.loads(last(platform).body) == before | {"label": "Week one"}
    assert (last(platform).method, last(platform).url) == ("PUT", ONE)
    assert last(platform).headers["Content-Type"] == LINE_ITEM_TYPE
    assert [form["scope"] for form in platform.token_requests()] == [f"{AGS}lineitem"]


def test_change_of_the_maximum_is_taken_from_an_empty_answer(
    tool: Any, registration: Any, platform: Any
) -> None:
    platform.wire.add("GET", ONE, json={"id": ONE, "label": "Week 1", "scoreMaximum": 10})
    platform.wire.add("PUT", ONE, status=204)

    assert change_line_item(tool, registration, ONE, score_maximum=12.0).score_maximum == 12


def test_change_sends_back_nothing_that_the_platform_showed_as_null(
    tool: Any, registration: Any, platform: Any
) -> None:
    before = {"id": ONE, "label": "Week 1", "scoreMaximum": 10, "tag": ""}
    platform.wire.add("GET", ONE, json=before | {"resourceLinkId": None, "endDateTime": None})
    platform.wire.add("PUT", ONE, status=204)

    change_line_item(tool, registration, ONE, score_maximum=12)

    assert json.loads(last(platform).body) == before | {"scoreMaximum": 12}


@pytest.mark.parametrize("status", [200, 204, 404, 410])
def test_line_item_is_removed(tool: Any, registration: Any, platform: Any, status: int) -> None:
    platform.wire.add("DELETE", ONE, status=status)

    remove_line_item(tool, registration, ONE)

    assert (last(platform).method, last(platform).url) == ("DELETE", ONE)
    assert last(platform).headers["Authorization"] == "Bearer t0ken"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, "", NoLineItem),
        (403, "", PlatformRefused),
        (200, "<html>", PlatformReplyInvalid),
        (200, "[]", PlatformReplyInvalid),
        (200, "7", PlatformReplyInvalid),
        (200, '{"id": "https://evil.example.edu/7"}', PlatformReplyInvalid),
        (200, '{"label": "no id"}', PlatformReplyInvalid),
    ],
)
def test_line_item_that_cannot_be_read_is_explained(
    tool: Any, registration: Any, platform: Any, status: int, body: str, kind: type[MentorAIError]
) -> None:
    platform.wire.add("GET", ONE, status=status, body=body)

    with pytest.raises(kind):
        get_line_item(tool, registration, ONE)


def test_texts_that_no_database_takes_are_mended(
    tool: Any, registration: Any, platform: Any
) -> None:
    odd = item(1, label="Week\x00 1", resourceId="a\x00b", tag=["t"], scoreMaximum=float("inf"))
    platform.wire.add("GET", LIST, body=json.dumps([odd]))

    (found,) = list_line_items(tool, registration, LIST)

    assert found == LineItem(f"{LIST}/1", "Week  1")


# --- results --------------------------------------------------------------------------------


def test_results_are_read_page_by_page_before_the_query(
    tool: Any, registration: Any, platform: Any
) -> None:
    next_url = f"{RESULTS}&From=Next"
    rows = [
        {"userId": "6", "resultScore": 0, "resultMaximum": 10, "comment": "So"},
        {"userId": 7, "resultMaximum": 10},
        {"userId": "8", "resultScore": "8"},
        {"resultScore": 1},
        7,
    ]
    platform.wire.add("GET", RESULTS, json=rows, headers={"Link": f'<{next_url}>; rel="next"'})
    platform.wire.add("GET", next_url, json=[{"userId": "9", "resultScore": 1.5}])

    found = list(list_results(tool, registration, LineItem(ONE)))

    assert found == [
        Result("6", 0, 10, "So"),
        Result("7", None, 10),
        Result("8", None, None),
        Result("9", 1.5, None),
    ]
    first = next(c.request for c in platform.wire.calls if "results" in c.request.url)
    # Moodle answers `limit` on results with a page of HTML.
    assert "limit" not in first.url
    assert first.headers["Accept"] == RESULTS_TYPE
    assert platform.token_requests()[0]["scope"] == f"{AGS}result.readonly"


def test_results_of_one_person_are_theirs_alone(
    tool: Any, registration: Any, platform: Any
) -> None:
    platform.wire.add(
        "GET", RESULTS_OF_ONE, json=[{"userId": "5"}, {"userId": "6", "resultScore": 1}]
    )

    found = list(list_results(tool, registration, LineItem(ONE), subject="6", limit=3))

    assert [result.subject for result in found] == ["6"]
    assert last(platform).url == f"{RESULTS}&user_id=6&limit=3"


@pytest.mark.parametrize("body", ["{}", "<html>", "7", "null"])
def test_results_that_cannot_be_read_are_refused(
    tool: Any, registration: Any, platform: Any, body: str
) -> None:
    platform.wire.add("GET", RESULTS, body=body)

    with pytest.raises(PlatformReplyInvalid):
        list(list_results(tool, registration, LineItem(ONE)))


@pytest.mark.parametrize("status", [404, 410])
def test_results_of_a_column_that_was_deleted_say_so(
    tool: Any, registration: Any, platform: Any, status: int
) -> None:
    platform.wire.add("GET", RESULTS, status=status)

    with pytest.raises(NoLineItem):
        list(list_results(tool, registration, LineItem(ONE)))


# --- scores with every field ------------------------------------------------------------------


def test_score_says_everything_that_it_knows() -> None:
    name = "https://lms.example.edu/extension"
    score = Score(
        "6",
        8,
        10,
        AT,
        "Well done",
        started_at=AT,
        submitted_at=AT,
        scoring_subject="3",
        extensions={name: {"new_submission": False}, "userId": "somebody else"},
    )

    assert build_score(score) == {
        name: {"new_submission": False},
        "userId": "6",
        "scoreGiven": 8,
        "scoreMaximum": 10,
        "timestamp": "2026-11-23T10:42:00.000+00:00",
        "activityProgress": "Completed",
        "gradingProgress": "FullyGraded",
        "comment": "Well done",
        "scoringUserId": "3",
        "submission": {
            "startedAt": "2026-11-23T10:42:00.000+00:00",
            "submittedAt": "2026-11-23T10:42:00.000+00:00",
        },
    }


def test_news_without_a_score_has_neither_points_nor_maximum() -> None:
    news = Score(
        "6", None, 10, AT, activity_progress=ActivityProgress.STARTED,
        grading_progress=GradingProgress.NOT_READY,
    )  # fmt: skip

    body = build_score(news)

    assert (body["activityProgress"], body["gradingProgress"]) == ("Started", "NotReady")
    assert "scoreGiven" not in body
    assert "scoreMaximum" not in body


@pytest.mark.parametrize("given", [8, None])
def test_news_never_wipes_a_grade(
    tool: Any, registration: Any, platform: Any, given: float | None
) -> None:
    """Moodle answers 200 to what is not fully graded and takes the grade away."""
    platform.wire.add("GET", RESULTS_OF_ONE, json=[{"userId": "6", "resultScore": 7}])
    news = Score("6", given, 10, AT, grading_progress=GradingProgress.PENDING_MANUAL)

    with pytest.raises(ScoreRejected, match="wipe"):
        push_score(tool, registration, LineItem(ONE), news)
    assert last(platform).method == "GET"


def test_news_is_sent_where_no_grade_is(tool: Any, registration: Any, platform: Any) -> None:
    platform.wire.add("GET", RESULTS_OF_ONE, json=[{"userId": "6"}])
    platform.wire.add("POST", f"{LIST}/7/lineitem/scores?type_id=1", status=200)
    news = Score("6", None, 10, AT, grading_progress=GradingProgress.PENDING_MANUAL)

    push_score(tool, registration, LineItem(ONE), news)

    assert json.loads(last(platform).body)["gradingProgress"] == "PendingManual"


@pytest.mark.parametrize("given", [float("nan"), float("inf"), -1])
def test_points_out_of_range_are_never_sent(given: float) -> None:
    with pytest.raises(ScoreOutOfRange):
        build_score(Score("6", given, 10, AT, grading_progress=GradingProgress.PENDING))
