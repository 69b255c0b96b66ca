"""Grades that went by Canvas' own API, and those that come after them one by one.

To Canvas a grade by its API is that of the person who signed in, and a tool's own has to leave it.
"""

from typing import TYPE_CHECKING

from mentorai.core.api_grades import ApiGrades
from mentorai.core.clock import now
from mentorai.core.errors import PlatformUnavailable
from mentorai.core.values import LineItem, Platform, Receipt, Score
from mentorai.lti.course_services import CourseServices
from mentorai.lti.results import list_results
from mentorai.plugins.canvas.api_client import CanvasApi
from mentorai.plugins.canvas.bulk_grades import JOB_LIFE, STILL_AT_IT, BulkGrades, is_near

if TYPE_CHECKING:
    from mentorai.core.engine import Engine


def push_own(
    engine: "Engine", platform: Platform, line_item: LineItem, score: Score
) -> Receipt | None:
    """Bring a single grade to where an earlier one of the same person went by the API; None: by
    LTI.

    Raises PlatformUnavailable while Canvas is at work on the earlier one, which would overtake
    this; PlatformError.
    """
    place = (platform.registration_id, line_item.url)
    sent = engine.room(ApiGrades).find(*place, [score.subject]).get(score.subject)
    if sent is None:
        return None
    api = CanvasApi.find(engine, platform)
    if api is not None:
        return BulkGrades(engine, platform, line_item, api).push_one(score)
    if sent.job and sent.sent_at > now() - JOB_LIFE:
        raise PlatformUnavailable(STILL_AT_IT)
    return None


def holds_own(services: CourseServices, line_item: LineItem, subject: str) -> bool:
    """Whether the grade that is there is what the API brought, and so may be replaced by LTI."""
    sent = services.engine.room(ApiGrades).find(services.registration.id, line_item.url, [subject])
    if subject not in sent:
        return False
    results = list_results(services.tool, services.registration, line_item, subject=subject)
    return any(
        result.subject == subject and is_near(result.given, sent[subject].points)
        for result in results
    )


def let_go(services: CourseServices, line_item: LineItem, subject: str) -> None:
    """The grade that is there is a tool's from now on."""
    services.engine.room(ApiGrades).forget(services.registration.id, line_item.url, [subject])
