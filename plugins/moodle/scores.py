"""Scores for Moodle, and what its refusals mean.

Moodle says why it takes no score in the words beside the status, which proxies and HTTP/2 drop, and
says the same for everything that is wrong with a person. A score that is not final wipes the grade.
"""

from typing import TYPE_CHECKING

from mentorai.core.errors import (
    MentorAIError,
    NoLineItem,
    PersonNotInCourse,
    PlatformError,
    PlatformRefused,
    PlatformUnavailable,
    ScoreRejected,
)
from mentorai.core.values import LineItem, Receipt, Refusal, Score

if TYPE_CHECKING:
    from mentorai.lti.course_services import CourseServices
    from mentorai.lti.platform_http import Reply

NOT_GRADED = (
    "Moodle keeps grades only of people who are enrolled in the course in a role that is graded: "
    "this person has left the course, or teaches in it."
)
NOT_ALLOWED = (
    "Moodle does not let the mentor write grades in this course: the tool was taken out of it, or "
    "its grade service was switched off."
)
MAYBE_LOCKED = (
    "Moodle failed to keep this grade, though it has its column: if that lasts, a teacher locked "
    "the grade, its column or its category in the gradebook."
)
NOT_FINAL = "Moodle would take news without a final score for no score, and wipe the grade."
REFUSALS = (
    Refusal(400, "", PersonNotInCourse, NOT_GRADED),
    Refusal(401, "", PlatformRefused, NOT_ALLOWED),
    Refusal(403, "", PlatformRefused, NOT_ALLOWED),
)


def push_by_lti(services: "CourseServices", line_item: LineItem, score: Score) -> Receipt:
    """Bring a final score. Raises ScoreRejected for another, and what ags.push_score raises."""
    if not score.is_final:
        raise ScoreRejected(NOT_FINAL)

    def read_answer(reply: "Reply") -> MentorAIError | None:
        return _explain_failure(services, line_item, reply)

    return services.push_score(line_item, score, read_answer=read_answer)


def _explain_failure(
    services: "CourseServices", line_item: LineItem, reply: "Reply"
) -> MentorAIError | None:
    """What a 500 of the scores service means: it answers so, with an empty list, to a score for a
    locked grade, to one for a column of another tool, and in trouble that passes. The column tells
    the second from the others; a lock nobody can tell from trouble, so that it is tried again.
    """
    from mentorai.lti.line_items import get_line_item

    if reply.status != 500 or reply.body.strip() != b"[]":
        return None
    try:
        get_line_item(services.tool, services.registration, line_item.url)
    except NoLineItem as error:
        return error
    except PlatformRefused:
        return NoLineItem("The column in Moodle belongs to another tool.")
    except PlatformError:
        return None
    return PlatformUnavailable(MAYBE_LOCKED)
