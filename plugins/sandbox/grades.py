"""The gradebook: line items, scores, results.

Source: LTI Assignment and Grade Services 2.0, sections 3.2 (line items), 3.3 (results) and
3.4 (scores). A column is a line item; what it holds for a person is a result.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeGuard
from urllib.parse import urlencode

from mentorai.core.identifiers import new_id
from mentorai.plugins.sandbox.memberships import list_memberships
from mentorai.plugins.sandbox.platform import SandboxPlatform
from mentorai.plugins.sandbox.school import Course
from mentorai.plugins.sandbox.shelf import Record
from mentorai.plugins.sandbox.wire import Call, Refused, Reply, is_digits

LINE_ITEM_TYPE = "application/vnd.ims.lis.v2.lineitem+json"
LINE_ITEMS_TYPE = "application/vnd.ims.lis.v2.lineitemcontainer+json"
SCORE_TYPE = "application/vnd.ims.lis.v1.score+json"
RESULTS_TYPE = "application/vnd.ims.lis.v2.resultcontainer+json"
ACTIVITY = ("Initialized", "Started", "InProgress", "Submitted", "Completed")
GRADING = ("FullyGraded", "Pending", "PendingManual", "Failed", "NotReady")
FILTERS = {"resource_link_id": "resourceLinkId", "resource_id": "resourceId", "tag": "tag"}
TEXTS = {"label": 500, "resourceId": 500, "tag": 500, "resourceLinkId": 500}
TIMES = ("startDateTime", "endDateTime")


class Gradebook:
    """The columns of every course and what they hold."""

    def __init__(self, platform: SandboxPlatform) -> None:
        self._platform = platform
        self._shelf = platform.shelf

    def columns(self, course: Course) -> Sequence[Record]:
        """The line items of a course, oldest first."""
        return [r for r in self._shelf.list("line_item") if r["course"] == course.id]

    def find_result(self, column_id: str, user_id: str) -> Record | None:
        """What a column holds for a person: score_given, score_maximum, comment, at, received."""
        return self._shelf.find("result", f"{column_id}/{user_id}")

    def list_columns(self, call: Call, course_id: str) -> Reply:
        """GET on the line items of a course: filters, then pages."""
        call.check_accepts(LINE_ITEMS_TYPE)
        found = [
            column
            for column in self.columns(get_course(self._platform, course_id))
            if all(column.get(FILTERS[n]) == call.query[n] for n in FILTERS if n in call.query)
        ]
        shown, headers = cut_page(self._platform, call, found)
        body = [self._show(column) for column in shown]
        return Reply.of(body, LINE_ITEMS_TYPE, headers=headers)

    def add_column(self, call: Call, course_id: str) -> Reply:
        """POST on the line items of a course."""
        course = get_course(self._platform, course_id)
        facts = self._read_column(course, call.read_json(LINE_ITEM_TYPE))
        column = {"id": new_id(), "course": course.id} | facts
        self._shelf.put("line_item", column["id"], column)
        shown = self._show(column)
        return Reply.of(shown, LINE_ITEM_TYPE, status=201, headers={"Location": shown["id"]})

    def read_column(self, call: Call, course_id: str, column_id: str) -> Reply:
        """GET on one line item."""
        call.check_accepts(LINE_ITEM_TYPE)
        return Reply.of(self._show(self.get_column(course_id, column_id)), LINE_ITEM_TYPE)

    def change_column(self, call: Call, course_id: str, column_id: str) -> Reply:
        """PUT on one line item: it replaces all but the id and the resource link."""
        with self._shelf.lock:
            column = self.get_column(course_id, column_id)
            body = call.read_json(LINE_ITEM_TYPE)
            if body.get("resourceLinkId", column.get("resourceLinkId")) != column.get(
                "resourceLinkId"
            ):
                raise Refused(400, "resourceLinkId cannot be changed.")
            facts = self._read_column(get_course(self._platform, course_id), body)
            kept = {n: column[n] for n in ("id", "course", "resourceLinkId") if n in column}
            self._shelf.put("line_item", column_id, facts | kept)
            return Reply.of(self._show(facts | kept), LINE_ITEM_TYPE)

    def remove_column(self, course_id: str, column_id: str) -> Reply:
        """DELETE on one line item; what it held goes too."""
        with self._shelf.lock:
            self.get_column(course_id, column_id)
            self._shelf.remove("line_item", column_id)
            for result in self._shelf.list("result"):
                if result["line_item"] == column_id:
                    self._shelf.remove("result", f"{column_id}/{result['user_id']}")
        return Reply(204)

    def take_score(self, call: Call, course_id: str, column_id: str) -> Reply:
        """POST of a score: kept as sent; one that is fully graded becomes the result."""
        with self._shelf.lock:
            column = self.get_column(course_id, column_id)
            body = call.read_json(SCORE_TYPE)
            sent_at = _read_score(body)
            self._check_gradable(get_course(self._platform, course_id), body["userId"])
            key, received = f"{column_id}/{body['userId']}", self._platform.now()
            self._check_newer(self._shelf.find("result", key), sent_at)
            number = len(self._shelf.list("score")) + 1
            score = {"n": number, "line_item": column_id, "user_id": body["userId"]}
            score |= {"course": course_id, "received": received.isoformat(), "body": body}
            self._shelf.put("score", str(number), score)
            if body["gradingProgress"] == "FullyGraded":
                self._shelf.put("result", key, _result(column, score, sent_at))
        url = add_path(column_url(self._platform, column), f"/results/{body['userId']}")
        return Reply.of({"resultUrl": url})

    def list_results(self, call: Call, course_id: str, column_id: str) -> Reply:
        """GET on the results of a line item; `user_id` asks for one person."""
        call.check_accepts(RESULTS_TYPE)
        column = self.get_column(course_id, column_id)
        asked = call.query.get("user_id")
        found = [
            result
            for result in self._shelf.list("result")
            if result["line_item"] == column_id and asked in (None, result["user_id"])
        ]
        shown, headers = cut_page(self._platform, call, found)
        address = column_url(self._platform, column)
        return Reply.of([_show_result(address, r) for r in shown], RESULTS_TYPE, headers=headers)

    def get_column(self, course_id: str, column_id: str) -> Record:
        """The line item of this course with this id. Raises Refused (404)."""
        column = self._shelf.find("line_item", column_id)
        if column is None or column["course"] != course_id:
            raise Refused(404, "There is no such line item.")
        return column

    def _show(self, column: Record) -> Record:
        facts = {name: value for name, value in column.items() if name != "course"}
        return facts | {"id": column_url(self._platform, column)}

    def _read_column(self, course: Course, body: Mapping[str, Any]) -> Record:
        label, maximum = body.get("label"), body.get("scoreMaximum")
        if not isinstance(label, str) or not label.strip():
            raise Refused(400, "label is missing.")
        if not _is_number(maximum) or maximum <= 0:
            raise Refused(400, "scoreMaximum must be a number above zero.")
        for name, longest in TEXTS.items():
            value = body.get(name, "")
            if not isinstance(value, str) or len(value) > longest:
                raise Refused(400, f"{name} must be text of at most {longest} characters.")
        _check_review(body.get("submissionReview"))
        for name in TIMES:
            if name in body:
                read_instant(body[name], name)
        link = body.get("resourceLinkId")
        known = {item.resource_link_id for item in self._platform.items(course)}
        if link and link not in known:
            raise Refused(404, "resourceLinkId names no link of this course.")
        names = ("scoreMaximum", *TEXTS, *TIMES, "submissionReview")
        return {name: body[name] for name in names if body.get(name)}

    def _check_gradable(self, course: Course, user_id: str) -> None:
        students = {
            each.person.sub
            for each in list_memberships(self._platform, course)
            if each.person.kind == "student" and each.status == "Active"
        }
        if user_id not in students:
            raise Refused(422, "This user is not a student of the course.")

    def _check_newer(self, result: Record | None, sent_at: datetime) -> None:
        if result is None:
            return
        by_receipt = self._platform.behaviour.score_times == "received"
        last = datetime.fromisoformat(result["received" if by_receipt else "at"])
        if sent_at <= last:
            raise Refused(409, "There is a score with this timestamp or a later one.")


def get_course(platform: SandboxPlatform, course_id: str) -> Course:
    """The course with this short name. Raises Refused (404)."""
    course = platform.find_course(course_id)
    if course is None:
        raise Refused(404, "There is no such course.")
    return course


def columns_url(platform: SandboxPlatform, course_id: str) -> str:
    """The address of a course's line items."""
    url = f"{platform.options.base_url}/lti/courses/{course_id}/line_items"
    return f"{url}?type_id=1" if platform.behaviour.line_item_query else url


def column_url(platform: SandboxPlatform, column: Mapping[str, Any]) -> str:
    """The address of a line item, which is its id on the wire."""
    return add_path(columns_url(platform, column["course"]), f"/{column['id']}")


def add_path(url: str, more: str) -> str:
    """An address with `more` at the end of its path, before its query."""
    path, mark, query = url.partition("?")
    return f"{path}{more}{mark}{query}"


def cut_page(
    platform: SandboxPlatform, call: Call, found: Sequence[Record]
) -> tuple[Sequence[Record], dict[str, str]]:
    """One page of `found`, and a Link header to the next one if there is more (RFC 8288)."""
    limit = call.read_limit(platform.behaviour.page_size)
    start = call.query.get("after", "0")
    if not is_digits(start):
        raise Refused(400, "after must be a whole number.")
    first = int(start)
    shown = found[first : first + limit]
    if first + limit >= len(found):
        return shown, {}
    query = urlencode({**call.query, "limit": limit, "after": first + limit})
    return shown, {"Link": f'<{call.url}?{query}>; rel="next"'}


def read_instant(text: object, name: str) -> datetime:
    """An ISO 8601 instant with its offset. Raises Refused (400)."""
    try:
        moment = datetime.fromisoformat(text if isinstance(text, str) else "")
        if moment.tzinfo is None:
            raise Refused(400, f"{name} needs an offset or Z.")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Refused(400, f"{name} must be an ISO 8601 time.") from error


def _check_review(review: object) -> None:
    """Check what a column says of reviews (Submission Review 1.0, section 4). Raises Refused."""
    if review is None:
        return
    custom = review.get("custom", {}) if isinstance(review, dict) else None
    statuses = review.get("reviewableStatus") if isinstance(review, dict) else None
    if not isinstance(statuses, list) or not set(map(str, statuses)) <= {"None", *ACTIVITY}:
        raise Refused(400, "submissionReview.reviewableStatus must list activity progresses.")
    if not isinstance(custom, dict) or not all(isinstance(v, str) for v in custom.values()):
        raise Refused(400, "submissionReview.custom must map names to texts.")


def _read_score(body: Mapping[str, Any]) -> datetime:
    """Check a score (AGS 2.0, section 3.4.1); gives its timestamp. Raises Refused."""
    if not isinstance(body.get("userId"), str):
        raise Refused(400, "userId is missing.")
    if body.get("activityProgress") not in ACTIVITY:
        raise Refused(400, "activityProgress is missing or unknown.")
    if body.get("gradingProgress") not in GRADING:
        raise Refused(400, "gradingProgress is missing or unknown.")
    if not isinstance(body.get("comment", ""), str):
        raise Refused(400, "comment must be text.")
    given, maximum = body.get("scoreGiven"), body.get("scoreMaximum")
    if given is not None:
        if not _is_number(given) or given < 0:
            raise Refused(422, "scoreGiven must be a number, zero or more.")
        if not _is_number(maximum) or maximum <= 0:
            raise Refused(422, "scoreMaximum must be a number above zero.")
    return read_instant(body.get("timestamp"), "timestamp")


def _result(column: Record, score: Record, sent_at: datetime) -> Record:
    body = score["body"]
    result = {"line_item": column["id"], "user_id": score["user_id"], "at": sent_at.isoformat()}
    result |= {"received": score["received"], "comment": body.get("comment", "")}
    result |= {"maximum": column["scoreMaximum"], "given": None}
    if body.get("scoreGiven") is not None:
        share = body["scoreGiven"] / body["scoreMaximum"]
        result["given"] = round(share * column["scoreMaximum"], 4)
    return result


def _show_result(address: str, result: Record) -> Record:
    shown: Record = {
        "id": add_path(address, f"/results/{result['user_id']}"),
        "scoreOf": address,
        "userId": result["user_id"],
        "resultMaximum": result["maximum"],
        "timestamp": result["at"],
    }
    shown |= {"resultScore": result["given"]} if result["given"] is not None else {}
    shown |= {"comment": result["comment"]} if result["comment"] else {}
    return shown


def _is_number(value: object) -> TypeGuard[float]:
    """Whether this is a number of points; also says no to true, infinity and not-a-number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12
