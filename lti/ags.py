"""Assignment and grade services: the gradebook column of a place, and a score on its way there.

Source: LTI Assignment and Grade Services 2.0.
"""

import math
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Any

from mentorai.core.clock import now
from mentorai.core.errors import (
    MentorAIError,
    NoLineItem,
    NotGradable,
    PlatformReplyInvalid,
    ScoreOutOfRange,
    ScoreRejected,
    ScoreStale,
)
from mentorai.core.values import GradePlace, LineItem, Receipt, Score
from mentorai.lti.line_items import (
    LABEL_LENGTH,
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
from mentorai.lti.platform_http import Reply, check_reply, read_date
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
# The columns that we made bear it, with the link that they were made for.
TAG, PLAIN_TAG = "mentorai:", "mentorai-"
ReadRefusal = Callable[[Reply], MentorAIError | None]


@dataclass(frozen=True, slots=True)
class ColumnRules:
    """What a family of LMS takes of a new column.

    binds: whether it can be tied to the place's link; its tag names the link anyway.
    label_length, tag_length: the most characters of each.
    plain_tag: whether a tag comes back as it was only if it is letters, digits and hyphens.
    whole_points: whether its maximum must be a whole number. Scores bring a maximum of their own,
        by which the platform scales them, so the column's may be the next one up.
    own_labels: whether it must have a label that no other can have.
    """

    binds: bool = True
    label_length: int = LABEL_LENGTH
    tag_length: int = 200
    plain_tag: bool = False
    whole_points: bool = False
    own_labels: bool = False

    def write_label(self, place: GradePlace) -> str:
        """The label of the column that we make for a place, the same whenever it is asked for."""
        end = ""
        if self.own_labels:
            name = f"{place.lms_resource_link_id}/{place.activity_id or ''}"
            end = f" (mentorAI {sha256(name.encode()).hexdigest()[:6]})"
        return f"{place.title.strip()[: self.label_length - len(end)].rstrip()}{end}"

    def write_tag(self, link_id: str) -> str:
        """The tag of the columns that we make for a link; a name that is too long, or may not be
        there as it is, goes in as its digest: its beginning is that of every other link there.
        """
        whole = f"{TAG}{link_id}"
        if len(whole) <= self.tag_length and not self.plain_tag:
            return whole
        mark = PLAIN_TAG if self.plain_tag else TAG
        return f"{mark}{sha256(link_id.encode()).hexdigest()}"[: self.tag_length]


def find_line_item(
    tool: Tool,
    registration: Registration,
    place: GradePlace,
    *,
    rules: ColumnRules = ColumnRules(),
    others: Collection[str] = (),
) -> LineItem:
    """The column of a place: the one the launch named, else one found by link and activity, else
    one that came along when the course was copied, else a new one.

    others: the other links of the course, by the platform's names: columns of theirs stay theirs.
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
    found = _find_listed(tool, registration, place, service.line_items_url, rules, others)
    return found or _make(tool, registration, place, service.line_items_url, rules)


def push_score(
    tool: Tool,
    registration: Registration,
    line_item: LineItem,
    score: Score,
    *,
    read_refusal: ReadRefusal | None = None,
    keeps_grade: bool = False,
) -> Receipt:
    """Bring a score to a column.

    read_refusal: what the family of LMS means by an answer that is not of the 200s; None from it
        leaves that to the status. keeps_grade: the score itself says that a grade is to be kept.
    News without a final score is otherwise not sent to where a grade is: some platforms would
    wipe it.
    Raises what read_refusal says, ScoreOutOfRange, ScoreStale (409), NotGradable (400, 422),
    NoLineItem (404: the column is gone), ScoreRejected (it would wipe a grade), PlatformThrottled,
    PlatformUnavailable, PlatformRefused.
    """
    body = build_score(score)
    if not score.is_final and not keeps_grade:
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
    refusal = read_refusal(reply) if read_refusal and not reply.is_ok else None
    if isinstance(refusal, ScoreStale) and refusal.platform_at is None:
        refusal.platform_at = read_date(reply)
    if refusal is not None:
        raise refusal
    _check_taken(reply)
    return Receipt(received_at=now(), platform_at=read_date(reply))


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
    # A column that is not there holds no grade: some platforms make one with its first score.
    with suppress(NoLineItem):
        for result in list_results(tool, registration, line_item, subject=subject):
            if result.given is not None:
                raise ScoreRejected("The LMS holds a grade for this person, which this would wipe.")


def _find_listed(
    tool: Tool,
    registration: Registration,
    place: GradePlace,
    url: str,
    rules: ColumnRules,
    others: Collection[str],
) -> LineItem | None:
    offered = place.service.scopes
    scope = LINE_ITEM_READ_SCOPE if LINE_ITEM_READ_SCOPE in offered else LINE_ITEM_SCOPE
    if offered and scope not in offered:
        return None
    activity_id, link_id = place.activity_id or "", place.lms_resource_link_id
    listed = partial(list_line_items, tool, registration, url, scope=scope, resource_id=activity_id)
    tag = rules.write_tag(link_id)
    own = listed(resource_link_id=link_id) if rules.binds else listed(tag=tag)
    for item in own:
        # A link without an activity may have a column of the teacher's, but none of a quiz.
        if activity_id or not item.resource_id or not _is_ours(item):
            return item
    claimed = {rules.write_tag(each) for each in others}
    return _find_carried_over(listed(), claimed) if activity_id else None


def _find_carried_over(listed: Iterable[LineItem], claimed: Collection[str]) -> LineItem | None:
    """The one column of an activity that no link of this course claims: its copy or its backup
    brought it along, and the link for which we made it has another name now.
    """
    found = [item for item in listed if _is_ours(item) and item.tag not in claimed]
    return found[0] if len(found) == 1 else None


def _make(
    tool: Tool, registration: Registration, place: GradePlace, url: str, rules: ColumnRules
) -> LineItem:
    if place.service.scopes and LINE_ITEM_SCOPE not in place.service.scopes:
        raise NoLineItem()
    maximum = place.score_maximum
    if maximum and rules.whole_points:
        maximum = math.ceil(maximum)
    wanted = LineItem(
        url="",
        label=rules.write_label(place),
        score_maximum=maximum,
        resource_id=place.activity_id,
        tag=rules.write_tag(place.lms_resource_link_id),
        resource_link_id=place.lms_resource_link_id if rules.binds else None,
    )
    review = {"submissionReview": build_review(place.activity_id)}
    return make_line_item(tool, registration, url, wanted, review)


def _is_ours(item: LineItem) -> bool:
    return (item.tag or "").startswith((TAG, PLAIN_TAG))


def _check_taken(reply: Reply) -> None:
    if reply.status == 409:
        raise ScoreStale(platform_at=read_date(reply))
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
