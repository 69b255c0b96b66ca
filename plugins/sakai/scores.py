"""What Sakai's refusals of a score mean: it answers 400 to nearly everything, and says why.

Source: sakaiproject/sakai, LTI13Servlet and SakaiLTIUtil, of 2023 to 2026.
"""

from contextlib import suppress
from typing import TYPE_CHECKING

from mentorai.core.errors import (
    MentorAIError,
    NoLineItem,
    NotGradable,
    PersonNotInCourse,
    PlatformError,
    PlatformRefused,
    ScopeNotGranted,
)
from mentorai.core.values import LineItem, Receipt, Refusal, Score

if TYPE_CHECKING:
    from mentorai.lti.course_services import CourseServices
    from mentorai.lti.platform_http import Reply

NOT_THERE = "Sakai has no such member of this site: the person has left it."
NO_SITE = "Sakai let no grade be written here: the site is gone, or the mentor was taken out of it."
NO_COLUMN = "The gradebook column is no longer there."
READ_ONLY = "Sakai lets this tool read the gradebook column, and not write to it."
REFUSALS = (
    Refusal(400, "user does not belong to site", PersonNotInCourse, NOT_THERE),
    Refusal(400, "could not load site", PlatformRefused, NO_SITE),
    Refusal(400, "missing tool", PlatformRefused, NO_SITE),
    Refusal(400, "no placements for tool", PlatformRefused, NO_SITE),
    Refusal(403, "tool not placed in site", PlatformRefused, NO_SITE),
    Refusal(403, "line item is read-only", NotGradable, READ_ONLY),
    Refusal(400, "grade failure", NoLineItem, NO_COLUMN),
    Refusal(400, "unable to load column", NoLineItem, NO_COLUMN),
    Refusal(400, "not in access token", lambda _: ScopeNotGranted(("score",)), ""),
)


def push(services: "CourseServices", line_item: LineItem, score: Score) -> Receipt:
    """Bring a score by AGS. Raises what CourseServices.push_score raises.

    To a score for a column that is gone Sakai answers 500, as to trouble that passes; whoever asks
    for the column itself is told 404.
    """

    def read_answer(reply: "Reply") -> MentorAIError | None:
        return _explain_column(services, line_item) if reply.status == 500 else None

    return services.push_score(line_item, score, read_answer=read_answer)


def _explain_column(services: "CourseServices", line_item: LineItem) -> MentorAIError | None:
    from mentorai.lti.line_items import get_line_item

    with suppress(PlatformError):
        try:
            get_line_item(services.tool, services.registration, line_item.url)
        except NoLineItem as error:
            return error
    return None
