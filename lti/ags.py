"""Assignment and grade services: find or make the gradebook column, bring a score to it.

Source: LTI Assignment and Grade Services 2.0.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from mentorai.core.clock import now
from mentorai.core.errors import (
    NoLineItem,
    NotGradable,
    PlatformReplyInvalid,
    ScoreOutOfRange,
    ScoreStale,
)
from mentorai.core.values import GradePlace, LineItem, Receipt, Score
from mentorai.lti.origins import find_origin
from mentorai.lti.platform_http import Reply, check_reply
from mentorai.lti.registrations import Registration
from mentorai.lti.services import call, read_pages
from mentorai.lti.submission_review import build_review
from mentorai.lti.tool import Tool

SCOPE = "https://purl.imsglobal.org/spec/lti-ags/scope/"
SCORE_SCOPE = f"{SCOPE}score"
LINE_ITEM_SCOPE = f"{SCOPE}lineitem"
LINE_ITEM_READ_SCOPE = f"{SCOPE}lineitem.readonly"
LINE_ITEM_TYPE = "application/vnd.ims.lis.v2.lineitem+json"
LINE_ITEMS_TYPE = "application/vnd.ims.lis.v2.lineitemcontainer+json"
SCORE_TYPE = "application/vnd.ims.lis.v1.score+json"
LABEL_LENGTH = 200


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
    """Bring a final score to a column.

    Raises ScoreOutOfRange, ScoreStale (409), NotGradable (400, 422), NoLineItem (404: the
    column is gone), PlatformThrottled, PlatformUnavailable, PlatformRefused.
    """
    body = build_score(score)
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
    """The score as the platform reads it (AGS 2.0, section 3.4). Raises ScoreOutOfRange."""
    given, maximum = float(score.given), float(score.maximum)
    if not (math.isfinite(given) and math.isfinite(maximum)) or given < 0 or maximum <= 0:
        raise ScoreOutOfRange()
    body: dict[str, Any] = {
        "userId": score.subject,
        "scoreGiven": _plain(given),
        "scoreMaximum": _plain(maximum),
        "timestamp": score.at.isoformat(timespec="milliseconds"),
        # Only a final score is sent: anything less makes some platforms wipe the grade.
        "activityProgress": "Completed",
        "gradingProgress": "FullyGraded",
    }
    return body | ({"comment": score.comment} if score.comment else {})


def add_path(url: str, name: str) -> str:
    """The address with one more step in its path, its query kept where it is."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{name}"))


def _find_listed(
    tool: Tool, registration: Registration, place: GradePlace, url: str
) -> LineItem | None:
    offered = place.service.scopes
    scope = LINE_ITEM_READ_SCOPE if LINE_ITEM_READ_SCOPE in offered else LINE_ITEM_SCOPE
    if offered and scope not in offered:
        return None
    asked = add_query(url, _filters(place))
    for page in read_pages(tool, registration, asked, [scope], accept=LINE_ITEMS_TYPE):
        for item in _read_line_items(page, url):
            # Filters are a wish: a platform may send everything.
            if item.resource_link_id in (None, place.lms_resource_link_id) and (
                place.activity_id is None or item.resource_id == place.activity_id
            ):
                return item
    return None


def _make(tool: Tool, registration: Registration, place: GradePlace, url: str) -> LineItem:
    if place.service.scopes and LINE_ITEM_SCOPE not in place.service.scopes:
        raise NoLineItem()
    body: dict[str, Any] = {
        "label": place.title.strip()[:LABEL_LENGTH] or "mentorAI",
        "scoreMaximum": _plain(place.score_maximum),
        "resourceLinkId": place.lms_resource_link_id,
        "submissionReview": build_review(place.activity_id),
    }
    if place.activity_id is not None:
        body["resourceId"] = place.activity_id
    reply = call(
        tool,
        registration,
        url,
        [LINE_ITEM_SCOPE],
        accept=LINE_ITEM_TYPE,
        media_type=LINE_ITEM_TYPE,
        body=body,
    )
    check_reply(reply, "a request for a gradebook column")
    for item in _read_line_items([reply.read_json()], url):
        return item
    raise PlatformReplyInvalid("The LMS made a gradebook column and did not say where.")


def _filters(place: GradePlace) -> dict[str, str]:
    filters = {"resource_link_id": place.lms_resource_link_id}
    return filters | ({"resource_id": place.activity_id} if place.activity_id else {})


def add_query(url: str, parameters: Mapping[str, str]) -> str:
    """The address with more parameters in its query."""
    parts = urlsplit(url)
    query = [*parse_qsl(parts.query, keep_blank_values=True), *parameters.items()]
    return urlunsplit(parts._replace(query=urlencode(query)))


def _read_line_items(page: object, url: str) -> Iterator[LineItem]:
    if not isinstance(page, list):
        raise PlatformReplyInvalid("The LMS sent gradebook columns that cannot be read.")
    for each in page:
        address = each.get("id") if isinstance(each, dict) else None
        # Scores go only where the signed launch pointed.
        if not isinstance(address, str) or find_origin(address) != find_origin(url):
            continue
        maximum = each.get("scoreMaximum")
        yield LineItem(
            url=address,
            label=_text(each, "label") or "",
            score_maximum=float(maximum) if isinstance(maximum, (int, float)) else None,
            resource_id=_text(each, "resourceId"),
            tag=_text(each, "tag"),
            resource_link_id=_text(each, "resourceLinkId"),
        )


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


def _plain(points: float) -> float | int:
    return int(points) if float(points).is_integer() else points


def _text(each: Mapping[str, Any], name: str) -> str | None:
    found = each.get(name)
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    return found if isinstance(found, str) and found else None
