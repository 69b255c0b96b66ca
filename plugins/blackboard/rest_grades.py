"""Grades by Blackboard's REST API: for columns that LTI's own service does not reach.

A launch that offers no grade service leaves a column that is made here, named by an id of ours so
that it is made once. Learn counts each grade that comes this way as put down by hand.
"""

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from mentorai.core.clock import now
from mentorai.core.errors import (
    NoLineItem,
    PersonIsStaff,
    PlatformReplyInvalid,
)
from mentorai.core.values import GradePlace, LineItem, Receipt, Result, Score
from mentorai.plugins.blackboard.rest_client import (
    API,
    BlackboardRest,
    RestRefused,
    course_path,
    user_path,
)
from mentorai.plugins.blackboard.rest_rosters import find_role, list_memberships, read_text

MODIFY = "course.gradebook.MODIFY"
FIELDS = "userId,score,overridden,exempt,changeIndex,displayGrade.possible,feedback"
COLUMNS = 200
_COLUMN = re.compile(rf"{API}(/v2(/courses/[^/]+)/gradebook/columns/[^/]+)$")


def find_column(rest: BlackboardRest, place: GradePlace) -> LineItem:
    """The column of a place, made if need be.

    Raises NoLineItem if the launch came from no course; PlatformError.
    """
    if not place.lms_context_id:
        raise NoLineItem()
    columns = f"/v2{course_path(place.lms_context_id)}/gradebook/columns"
    ours = f"{place.resource_link_id}/{place.activity_id or ''}"
    external_id = f"mentorai-{hashlib.sha256(ours.encode()).hexdigest()[:32]}"
    column = _find(rest, columns, external_id)
    if column is None:
        column = _make(rest, columns, external_id, place)
    column_id = read_text(column, "id")
    if not column_id:
        raise PlatformReplyInvalid("Learn sent a gradebook column without an id.")
    return LineItem(
        url=f"{rest.base_url}{API}{columns}/{column_id}",
        label=read_text(column, "name") or place.title,
        score_maximum=_number(column, "score", "possible"),
    )


def is_column(line_item: LineItem) -> bool:
    """Whether this is a column as find_column names them, and none of LTI's."""
    return _COLUMN.search(line_item.url) is not None


def push(rest: BlackboardRest, line_item: LineItem, score: Score) -> Receipt:
    """Bring a score to a column.

    Raises PersonNotInCourse, PersonIsStaff, NoLineItem; PlatformError.
    """
    column, course = _paths(rest, line_item)
    maximum = line_item.score_maximum or score.maximum
    given = score.given or 0.0
    kept = _put(rest, column, course, score, given / score.maximum * maximum)
    possible = _number(kept, "displayGrade", "possible")
    if possible and possible != maximum:
        # The column's points changed since it was found.
        _put(rest, column, course, score, given / score.maximum * possible)
    return Receipt(now())


class ColumnResults:
    """What columns held when they were read last: most have not changed since, which one call says.

    Made once: `engine.room(ColumnResults)`.
    """

    def __init__(self, _engine: object) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[int, Sequence[Result]]] = OrderedDict()

    def read(self, rest: BlackboardRest, line_item: LineItem) -> Sequence[Result]:
        """The results of a column. Raises NoLineItem, PlatformError."""
        column, course = _paths(rest, line_item)
        latest = _find_change(rest, column)
        with self._lock:
            kept = self._kept.get(line_item.url)
        if kept is not None and kept[0] == latest:
            return kept[1]
        results = _read(rest, column, course, line_item)
        with self._lock:
            # Read before the rows were: what changed meanwhile is read again next time.
            self._kept[line_item.url] = (latest, results)
            while len(self._kept) > COLUMNS:
                self._kept.popitem(last=False)
        return results


def _find(rest: BlackboardRest, columns: str, external_id: str) -> Any:
    try:
        return rest.get(f"{columns}/externalId:{external_id}", needs=MODIFY, can_wait=False)
    except RestRefused as error:
        if error.status == 404:
            return None
        raise


def _make(rest: BlackboardRest, columns: str, external_id: str, place: GradePlace) -> Any:
    body = {
        "externalId": external_id,
        "name": place.title or "mentorAI",
        "score": {"possible": place.score_maximum},
        "availability": {"available": "Yes"},
    }
    try:
        return rest.send("POST", columns, body, needs=MODIFY)
    except RestRefused as error:
        # Another worker made it at this moment; or the course is not there.
        if error.status == 409:
            return _find(rest, columns, external_id)
        if error.status == 404:
            raise NoLineItem("Learn knows no such course.") from error
        raise


def _put(rest: BlackboardRest, column: str, course: str, score: Score, points: float) -> Any:
    body: dict[str, object] = {"score": points}
    if score.comment:
        body["feedback"] = score.comment.replace("\n", "<br/>")
    try:
        return rest.send("PATCH", f"{column}{user_path(score.subject)}", body, needs=MODIFY)
    except RestRefused as error:
        if error.status not in (400, 404):
            raise
        # Learn says the same of a person and of a column that are not there.
        if find_role(rest, course, score.subject).is_staff:
            raise PersonIsStaff() from error
        raise NoLineItem("The gradebook column is no longer there.") from error


def _find_change(rest: BlackboardRest, column: str) -> int:
    """The number of the last change in a column; 0 while there is none."""
    try:
        found = rest.get(f"{column}/users/lastChanged", needs=MODIFY, can_wait=True)
    except RestRefused as error:
        if error.status == 404:
            return 0
        raise
    return int(_number(found, "changeIndex") or 0)


def _read(rest: BlackboardRest, column: str, course: str, line_item: LineItem) -> Sequence[Result]:
    # Grades name people by Learn's own keys, launches by their uuid.
    subjects = {
        read_text(row, "userId"): read_text(row, "user", "uuid")
        for row in list_memberships(rest, course)
    }
    rows = rest.list(f"{column}/users", {"fields": FIELDS}, needs=MODIFY)
    return [
        Result(
            subject=subjects[read_text(row, "userId")],
            given=_number(row, "score"),
            maximum=_number(row, "displayGrade", "possible") or line_item.score_maximum,
            comment=read_text(row, "feedback"),
        )
        for row in rows
        if subjects.get(read_text(row, "userId"))
    ]


def _paths(rest: BlackboardRest, line_item: LineItem) -> tuple[str, str]:
    """The paths of a column and of its course."""
    found = _COLUMN.search(line_item.url)
    if found is None or not line_item.url.startswith(f"{rest.base_url}/"):
        raise NoLineItem("This column belongs to another Learn.")
    return found[1], found[2]


def _number(row: object, *names: str) -> float | None:
    for name in names:
        row = row.get(name) if isinstance(row, Mapping) else None
    return float(row) if isinstance(row, int | float) and not isinstance(row, bool) else None
