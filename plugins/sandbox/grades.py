"""The gradebook: line items and results; scores.py fills it.

Source: LTI Assignment and Grade Services 2.0, sections 3.2 (line items) and 3.3 (results). A
column is a line item; what it holds for a person is a result.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeGuard
from urllib.parse import quote_plus, urlencode

from mentorai.core.identifiers import new_id
from mentorai.plugins.sandbox.personalities.traits import Links, ResultTraits
from mentorai.plugins.sandbox.platform import SandboxPlatform
from mentorai.plugins.sandbox.school import Course
from mentorai.plugins.sandbox.shelf import Record
from mentorai.plugins.sandbox.wire import Call, Refused, Reply, is_digits, shorten

LINE_ITEM_TYPE = "application/vnd.ims.lis.v2.lineitem+json"
LINE_ITEMS_TYPE = "application/vnd.ims.lis.v2.lineitemcontainer+json"
RESULTS_TYPE = "application/vnd.ims.lis.v2.resultcontainer+json"
ACTIVITY = ("Initialized", "Started", "InProgress", "Submitted", "Completed")
FILTERS = {"resource_link_id": "resourceLinkId", "resource_id": "resourceId", "tag": "tag"}
TEXTS = {"label": 500, "resourceId": 500, "tag": 500, "resourceLinkId": 500}
TIMES = ("startDateTime", "endDateTime")
# What the platform alone knows of a column: who made it, and what a teacher did to it.
KEPT = (
    "by_tool",
    "locked",
    "attempts_allowed",
    "pass_fail",
    "foreign",
    "assignees",
    "other_links",
)


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
        asked = {n: call.query[n] for n in FILTERS if n in call.query}
        traits = self._platform.personality.columns
        if not traits.keeps_link:
            asked.pop("resource_link_id", None)
        if "resource_link_id" in asked:
            asked["resource_link_id"] = self._platform.ids.read("link", asked["resource_link_id"])
        found = [
            column
            for column in self.columns(get_course(self._platform, course_id))
            if not column.get("foreign")
            and all(_has(column, FILTERS[n], value) for n, value in asked.items())
        ]
        shown, headers = cut_page(self._platform, call, found, traits.links)
        body: list[Record] = [self._show(column) for column in shown]
        if traits.launch_url and call.query.get("include[]") == "launch_url":
            urls = self._list_urls(course_id)
            for column in body:
                url = urls.get(self._platform.ids.read("link", column.get("resourceLinkId", "")))
                column |= {traits.launch_url: url} if url else {}
        return Reply.of(body, LINE_ITEMS_TYPE, headers=headers)

    def add_column(self, call: Call, course_id: str) -> Reply:
        """POST on the line items of a course."""
        course = get_course(self._platform, course_id)
        facts = self._read_column(course, self._read_link(call.read_json(LINE_ITEM_TYPE)))
        traits = self._platform.personality.columns
        if not traits.keeps_link:
            facts.pop("resourceLinkId", None)
        column: Record = {"id": new_id(), "course": course.id, "by_tool": True} | facts
        if traits.by_label:
            known = (c for c in self.columns(course) if c["label"] == facts["label"])
            column["id"] = next(known, column)["id"]
        self._shelf.put("line_item", column["id"], column | self._encode(facts))
        shown, status = self._show(column), traits.made_status
        return Reply.of(shown, LINE_ITEM_TYPE, status=status, headers={"Location": shown["id"]})

    def read_column(self, call: Call, course_id: str, column_id: str) -> Reply:
        """GET on one line item."""
        call.check_accepts(LINE_ITEM_TYPE)
        return Reply.of(self._show(self.get_column(course_id, column_id)), LINE_ITEM_TYPE)

    def change_column(self, call: Call, course_id: str, column_id: str) -> Reply:
        """PUT on one line item: it replaces all but the id and the resource link."""
        with self._shelf.lock:
            column = self.get_column(course_id, column_id)
            body = self._read_link(call.read_json(LINE_ITEM_TYPE))
            link = column.get("resourceLinkId")
            if body.get("resourceLinkId", link) != link:
                raise Refused(400, "resourceLinkId cannot be changed.", rule="other_link")
            facts = self._read_column(get_course(self._platform, course_id), body)
            names = ["id", "course"]
            if not self._platform.personality.columns.drops_link:
                names.append("resourceLinkId")
            kept = {n: column[n] for n in (*names, *KEPT) if n in column}
            self._shelf.put("line_item", column_id, facts | self._encode(facts) | kept)
            if self._platform.personality.columns.rescales:
                self._rescale(column_id, facts["scoreMaximum"])
            return Reply.of(self._show(facts | kept), LINE_ITEM_TYPE)

    def _rescale(self, column_id: str, maximum: float) -> None:
        for result in self._shelf.list("result"):
            if result["line_item"] != column_id or result["given"] is None:
                continue
            given = round(result["given"] / (result["maximum"] or 1) * maximum, 4)
            key = f"{column_id}/{result['user_id']}"
            self._shelf.put("result", key, result | {"given": given, "maximum": maximum})

    def remove_column(self, course_id: str, column_id: str) -> Reply:
        """DELETE on one line item; what it held goes too."""
        with self._shelf.lock:
            column, traits = (
                self.get_column(course_id, column_id),
                self._platform.personality.columns,
            )
            if traits.keeps_all:
                raise Refused(403, "No tool may remove a line item.", rule="column_kept")
            _check_coupled(column, kept=traits.keeps_coupled)
            self.drop(column_id)
        return Reply(204)

    def drop(self, column_id: str) -> None:
        """Take a line item away with what it held, as a teacher may at any time."""
        with self._shelf.lock:
            self._shelf.remove("line_item", column_id)
            for result in self._shelf.list("result"):
                if result["line_item"] == column_id:
                    self._shelf.remove("result", f"{column_id}/{result['user_id']}")

    def list_results(self, call: Call, course_id: str, column_id: str) -> Reply:
        """GET on the results of a line item; `user_id` asks for one person."""
        call.check_accepts(RESULTS_TYPE)
        column, traits = self.get_column(course_id, column_id), self._platform.personality.results
        asked = call.query.get("user_id")
        asked = asked if asked is None else self._platform.ids.read("person", asked)
        asked = None if traits.ignores_user else asked
        if traits.breaks_on_limit and "limit" in call.query:
            raise Refused(500, "This LMS breaks on limit.", rule="results_limit")
        found = [
            result
            for result in self._shelf.list("result")
            if result["line_item"] == column_id and asked in (None, result["user_id"])
        ]
        if traits.newest_first:
            found.sort(key=lambda result: str(result["received"]), reverse=True)
        shown, headers = cut_page(self._platform, call, found, traits.links)
        address = column_url(self._platform, column)
        told = self._platform.ids.tell(shown)
        body = [_show_result(address, result, traits) for result in told]
        if traits.hides_comment_of_one and asked is not None:
            body = [{n: v for n, v in each.items() if n != "comment"} for each in body]
        return Reply.of(body, RESULTS_TYPE, headers=headers)

    def get_column(self, course_id: str, column_id: str) -> Record:
        """The line item of this course with this id. Raises Refused (404)."""
        check_open(self._platform, course_id)
        column = self._shelf.find("line_item", column_id)
        if column is None or column["course"] != course_id:
            raise Refused(404, "There is no such line item.", rule="no_column")
        if column.get("foreign"):
            raise Refused(404, "This line item is of another tool.", rule="foreign_column")
        return column

    def _list_urls(self, course_id: str) -> Mapping[str, str]:
        """Where each link of a course leads, by its id."""
        usual = self._platform.options.tool_redirect_url
        items = self._platform.items(get_course(self._platform, course_id))
        return {item.resource_link_id: item.url or usual for item in items if item.is_link}

    def _show(self, column: Record) -> Record:
        facts = {name: value for name, value in column.items() if name not in ("course", *KEPT)}
        traits = self._platform.personality.columns
        if traits.empty_texts:
            facts = {"resourceId": "", "tag": ""} | facts
        shown = facts | {"id": column_url(self._platform, column), **traits.adds(column)}
        told: Record = self._platform.ids.tell(shown)
        return told

    def _encode(self, facts: Mapping[str, Any]) -> Record:
        """The texts of a line item that this LMS keeps in another form."""
        if not self._platform.personality.columns.encodes_texts:
            return {}
        return {n: quote_plus(facts[n]) for n in ("tag", "resourceId") if n in facts}

    def _read_link(self, body: Record) -> Record:
        """A line item as it was sent, with our id of its link."""
        link = body.get("resourceLinkId")
        if not link or not isinstance(link, str):
            return body
        return body | {"resourceLinkId": self._platform.ids.read("link", link)}

    def _read_column(self, course: Course, body: Mapping[str, Any]) -> Record:
        label, maximum = body.get("label"), body.get("scoreMaximum")
        for name in sorted(self._platform.personality.columns.read_only & body.keys()):
            raise Refused(400, f"{name} cannot be set.", rule="column_read_only")
        if not isinstance(label, str) or not label.strip():
            raise Refused(400, "label is missing.", rule="column_label")
        least = 0 if self._platform.personality.columns.any_maximum else 1e-9
        if not is_number(maximum) or maximum < least:
            raise Refused(400, "scoreMaximum must be a number above zero.", rule="column_maximum")
        traits = self._platform.personality.columns
        if traits.whole_maximum and maximum != int(maximum):
            raise Refused(400, "scoreMaximum must be a whole number.", rule="column_fraction")
        for name, longest in {**TEXTS, **traits.texts}.items():
            value = body.get(name, "")
            if not isinstance(value, str) or len(value) > longest:
                words = f"{name} must be text of at most {longest} characters."
                raise Refused(400, words, rule=f"column_{name}")
        _check_review(body.get("submissionReview"))
        for name in TIMES:
            if name in body:
                read_instant(body[name], name)
        link = body.get("resourceLinkId")
        known = {item.resource_link_id for item in self._platform.items(course)}
        if link and link not in known:
            raise Refused(404, "resourceLinkId names no link of this course.", rule="column_link")
        names = (*TEXTS, *TIMES, "submissionReview", *traits.keeps)
        return {"scoreMaximum": maximum} | {name: body[name] for name in names if body.get(name)}


def get_course(platform: SandboxPlatform, course_id: str) -> Course:
    """The course with this short name. Raises Refused (404)."""
    course = platform.find_course(course_id)
    if course is None:
        raise Refused(404, "There is no such course.", rule="no_course")
    check_open(platform, course_id)
    return course


def _has(column: Record, name: str, wanted: str) -> bool:
    also = column.get("other_links", ()) if name == "resourceLinkId" else ()
    return column.get(name) == wanted or wanted in also


def _check_coupled(column: Record, *, kept: bool) -> None:
    """Raise Refused (403) for a line item that came with its link, where those are kept."""
    if kept and not column.get("by_tool") and column.get("resourceLinkId"):
        raise Refused(403, "This line item belongs to its link.", rule="coupled")


def check_open(platform: SandboxPlatform, course_id: str) -> None:
    """Raise Refused (403) for a course that was concluded, where that ends its services."""
    if platform.personality.ends_courses and platform.shelf.find("concluded", course_id):
        raise Refused(403, "This course is over.", rule="concluded")


def columns_url(platform: SandboxPlatform, course_id: str) -> str:
    """The address of a course's line items."""
    return _address(platform, platform.personality.addresses.line_items, course_id)


def column_url(platform: SandboxPlatform, column: Mapping[str, Any]) -> str:
    """The address of a line item, which is its id on the wire."""
    path = platform.personality.addresses.line_item
    return _address(platform, path, column["course"], column["id"])


def _address(platform: SandboxPlatform, path: str, course: str, column: str = "") -> str:
    ids = platform.ids
    path = path.format(course=ids.tell_course(course), column=column and ids.tell_column(column))
    url = f"{platform.options.base_url}{path}"
    return f"{url}?type_id=1" if platform.behaviour.line_item_query else url


def add_path(url: str, more: str) -> str:
    """An address with `more` at the end of its path, before its query."""
    path, mark, query = url.partition("?")
    return f"{path}{more}{mark}{query}"


def cut_page(
    platform: SandboxPlatform, call: Call, found: Sequence[Record], links: Links | None = None
) -> tuple[Sequence[Record], dict[str, str]]:
    """One page of `found`, and a Link header to the next one if there is more (RFC 8288).

    Where no header leads on, the page holds all that was asked for.
    """
    links = links or Links()
    limit = call.read_limit(platform.behaviour.page_size if links.relations else len(found) or 1)
    start = call.query.get(links.start, "1" if links.counts_pages else "0")
    if not is_digits(start):
        raise Refused(400, f"{links.start} must be a whole number.")
    first = max(0, int(start) - 1) * limit if links.counts_pages else int(start)
    starts = {"current": first, "canonical": first, "first": 0}
    if first > 0:
        starts["prev"] = max(0, first - limit)
    if first + limit < len(found):
        starts |= {"next": first + limit, "last": (len(found) - 1) // limit * limit}
    text = ", ".join(
        _link(call, links, relation, limit, starts[relation])
        for relation in links.relations
        if relation in starts
    )
    return found[first : first + limit], {"Link": text} if text else {}


def _link(call: Call, links: Links, relation: str, limit: int, after: int) -> str:
    kept = {n: v for n, v in call.query.items() if links.keeps is None or n in links.keeps}
    start = after // limit + 1 if links.counts_pages else after
    query = urlencode({**kept, "limit": limit, links.start: start}).replace("&", links.ampersand)
    begin, end = links.quotes
    text = f"<{call.url}?{query}>; rel={begin}{relation}{end}"
    # A header is bytes: what is not Latin-1 goes as UTF-8, as those LMSs send it.
    return text.encode().decode("latin-1")


def read_instant(text: object, name: str) -> datetime:
    """An ISO 8601 instant with its offset. Raises Refused (400)."""
    try:
        moment = datetime.fromisoformat(text if isinstance(text, str) else "")
        if moment.tzinfo is None:
            raise Refused(400, f"{name} needs an offset or Z.", rule="score_time")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Refused(400, f"{name} must be an ISO 8601 time.", rule="score_time") from error


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


def _show_result(address: str, result: Record, traits: ResultTraits) -> Record:
    maximum = result["maximum"]
    shown: Record = {
        "id": add_path(address, f"/results/{result['user_id']}"),
        "scoreOf": address,
        "userId": result["user_id"],
        "resultMaximum": shorten(maximum) if traits.short_maximum else maximum,
        "timestamp": result["received" if traits.shows_receipt else "at"],
    }
    given = result["given"]
    if given is not None and not (given == 0 and traits.hides_zero):
        shown["resultScore"] = given
    if result["comment"] or traits.empty_comment:
        shown["comment"] = result["comment"]
    return shown


def is_number(value: object) -> TypeGuard[float]:
    """Whether this is a number of points; also says no to true, infinity and not-a-number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12
