"""Comments in Blackboard's gradebook, read before a score without one would wipe them.

Blackboard leaves comments out where one person's result is asked for, so that a whole column is
read; scores of one column often come together, so that what was read serves for a while.
"""

import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from mentorai.core.errors import PlatformRefused
from mentorai.core.values import LineItem

if TYPE_CHECKING:
    from mentorai.core.engine import Engine
    from mentorai.lti.course_services import CourseServices

FRESH_SECONDS = 30.0
COLUMNS = 50


class Comments:
    """The comments of the columns that scores went to lately: `engine.room(Comments)`."""

    def __init__(self, _engine: "Engine") -> None:
        self._seen: OrderedDict[str, tuple[float, dict[str, str]]] = OrderedDict()

    def find(self, services: "CourseServices", line_item: LineItem, subject: str) -> str:
        """The comment that the column holds for a person; empty if there is none, or if the tool
        may not read results.

        Raises PlatformUnavailable and its like: a score that waits wipes nothing.
        """
        seen = self._seen.get(line_item.url)
        if seen is None or time.monotonic() - seen[0] > FRESH_SECONDS:
            seen = self._seen[line_item.url] = (time.monotonic(), _read(services, line_item))
            while len(self._seen) > COLUMNS:
                self._seen.popitem(last=False)
        return seen[1].get(subject, "")


def _read(services: "CourseServices", line_item: LineItem) -> dict[str, str]:
    try:
        results = services.read_results(line_item)
    except PlatformRefused:
        return {}
    return {result.subject: result.comment for result in results if result.comment}
