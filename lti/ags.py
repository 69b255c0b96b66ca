"""Assignment and grade services: the gradebook column of a place, and a score on its way there.

Source: LTI Assignment and Grade Services 2.0.
"""

import math
from datetime import datetime
from typing import Any

from mentorai.core.clock import now
from mentorai.core.errors import (
    NoLineItem,
    NotGradable,
    PlatformReplyInvalid,
    ScoreOutOfRange,
    ScoreRejected,
    ScoreStale,
)
from mentorai.core.values import GradePlace, LineItem, Receipt, Score
from mentorai.lti.line_items import (
    LINE_ITEM_READ_SCOPE,
    LINE_ITEM_SCOPE,
    LINE_ITEM_TYPE,
    LINE_ITEMS_TYPE,
    SCOPE,
    add_path,
    list_line_items,
    make_line_item,
    plain_points,
)
from mentorai.lti.origins import find_origin
from mentorai.lti.platform_http import Reply, check_reply
from mentorai.lti.registrations import Registration
from mentorai.lti.results import list_results
from mentorai.lti.services import call
from mentorai.lti.submission_review import build_review
from mentorai.lti.tool import Tool

# The service's names are found here, whichever module of it needs them.
__all__ = [
    "LINE_ITEMS_TYPE",
    "LINE_ITEM_READ_SCOPE",
    "LINE_ITEM_SCOPE",
    "LINE_ITEM_TYPE",
    "SCOPE",
    "SCORE_SCOPE",
    "SCORE_TYPE",
    "build_score",
    "find_line_item",
    "push_score",
]
SCORE_SCOPE = f"{SCOPE}score"
SCORE_TYPE = "application/vnd.ims.lis.v1.score+json"


def find_line_item(tool: Tool, registration: Registration, place: GradePlace) -> LineItem:
    """The column of a place: the one the launch named, else one found by link and activity,
    else a new one.

    Raises NoLineItem if the platform offers none of these; PlatformError.
    """
    service = place.service
    if service.scopes and SCORE_SCOPE not in service.scopes:
        raise NoLineItem("The LMS does not let this tool send scores.")
    if service.line_item_url:
        return LineItem(
            url=service.line_item_url,
            label=place.title,
            resource_link_id=place.lms_resource_link_id,
        )
    if not service.line_items_url:
        raise NoLineItem()
    found = _find_listed(tool, registration, place, service.line_items_url)
    return found or _make(tool, registration, place, service.line_items_url)


def push_score(
    tool: Tool, registration: Registration, line_item: LineItem, score: Score
) -> Receipt:
    """Bring a score to a column.

    News without a final score is not sent to where a grade is: some platforms would wipe it.
    Raises ScoreOutOfRange, ScoreStale (409), NotGradable (400, 422), NoLineItem (404: the
    column is gone), ScoreRejected (it would wipe a grade), PlatformThrottled,
    PlatformUnavailable, PlatformRefused.
    """
    body = build_score(score)
    if not score.is_final:
        _check_no_grade(tool, registration, line_item, score.subject)
    url = add_path(line_item.url, "scores")
    reply = call(
        tool,
        registration,
        url,
        [SCORE_SCOPE],
        accept="*/*",
        media_type=SCORE_TYPE,
        body=body,
    )
    _check_taken(reply)
    return Receipt(received_at=now())


def build_score(score: Score) -> dict[str, Any]:
    """The score as the platform reads it (section 3.4). Raises ScoreOutOfRange."""
    body: dict[str, Any] = dict(score.extensions)
    body |= {
        "userId": score.subject,
        "timestamp": _instant(score.at),
        "activityProgress": score.activity_progress.value,
        "gradingProgress": score.grading_progress.value,
    }
    if score.given is not None:
        body |= _read_range(score.given, score.maximum)
    if score.comment:
        body["comment"] = score.comment
    if score.scoring_subject:
        body["scoringUserId"] = score.scoring_subject
    times = {"startedAt": score.started_at, "submittedAt": score.submitted_at}
    submission = {name: _instant(at) for name, at in times.items() if at is not None}
    return body | ({"submission": submission} if submission else {})


def _read_range(given: float, maximum: float) -> dict[str, float | int]:
    given, maximum = float(given), float(maximum)
    if not (math.isfinite(given) and math.isfinite(maximum)) or given < 0 or maximum <= 0:
        raise ScoreOutOfRange()
    return {"scoreGiven": plain_points(given), "scoreMaximum": plain_points(maximum)}


def _check_no_grade(
    tool: Tool, registration: Registration, line_item: LineItem, subject: str
) -> None:
    for result in list_results(tool, registration, line_item, subject=subject):
        if result.given is not None:
            raise ScoreRejected("The LMS holds a grade for this person, which this would wipe.")


def _find_listed(
    tool: Tool, registration: Registration, place: GradePlace, url: str
) -> LineItem | None:
    offered = place.service.scopes
    scope = LINE_ITEM_READ_SCOPE if LINE_ITEM_READ_SCOPE in offered else LINE_ITEM_SCOPE
    if offered and scope not in offered:
        return None
    found = list_line_items(
        tool,
        registration,
        url,
        scope=scope,
        resource_link_id=place.lms_resource_link_id,
        resource_id=place.activity_id or "",
    )
    return next(found, None)


def _make(tool: Tool, registration: Registration, place: GradePlace, url: str) -> LineItem:
    if place.service.scopes and LINE_ITEM_SCOPE not in place.service.scopes:
        raise NoLineItem()
    wanted = LineItem(
        url="",
        label=place.title,
        score_maximum=place.score_maximum,
        resource_id=place.activity_id,
        resource_link_id=place.lms_resource_link_id,
    )
    review = {"submissionReview": build_review(place.activity_id)}
    return make_line_item(tool, registration, url, wanted, review)


def _check_taken(reply: Reply) -> None:
    if reply.status == 409:
        raise ScoreStale()
    if reply.status in (400, 422):
        raise NotGradable(
            f"{find_origin(reply.url)} answered {reply.status} to the score: it takes none for "
            "this person, who may be staff or no longer in the course."
        )
    if reply.status in (404, 410):
        raise NoLineItem("The gradebook column is no longer there.")
    check_reply(reply, "the score")
    # A sign-in page with status 200 has not taken a score.
    if reply.body.lstrip()[:1] == b"<":
        raise PlatformReplyInvalid("The LMS answered the score with a page.")


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")
