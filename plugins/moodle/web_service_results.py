"""What a Moodle gradebook holds: by LTI, with what only its web services tell; or by them alone."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mentorai.core.values import LineItem, Platform, Result
from mentorai.lti.course_services import CourseServices
from mentorai.plugins.moodle.web_service_grades import find_marks, is_column, read_column
from mentorai.plugins.moodle.web_services import WebServices

if TYPE_CHECKING:
    from mentorai.core.engine import Engine


def read_with_marks(
    engine: "Engine", platform: Platform, services: WebServices, line_item: LineItem
) -> Sequence[Result] | None:
    """The results of a column, with which of them a teacher overrode or locked.

    None if the platform is registered no more. Raises PlatformError.
    """
    if is_column(line_item):
        return read_column(services, line_item)
    course = CourseServices.find(engine, platform)
    if course is None:
        return None
    results = course.read_results(line_item)
    marks = find_marks(services, line_item, [result.subject for result in results])
    return [_mark(result, *marks.get(result.subject, (False, False))) for result in results]


def _mark(result: Result, is_overridden: bool, is_locked: bool) -> Result:
    return replace(result, overridden=is_overridden, locked=is_locked)
