"""Scores for Moodle, and what its refusals mean.

Moodle says why it takes no score in the words beside the status, which proxies and HTTP/2 drop, and
says the same for everything that is wrong with a person. A score that is not final wipes the grade.
"""

from typing import TYPE_CHECKING

from mentorai.core.errors import (
    GradeLocked,
    GradeMaybeLocked,
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
    from mentorai.plugins.moodle.web_services import WebServices

NOT_GRADED = (
    "Moodle keeps grades only of people who are enrolled in the course in a role that is graded: "
    "this person has left the course, or teaches in it."
)
NOT_ALLOWED = (
    "Moodle does not let the mentor write grades in this course: the tool was taken out of it, or "
    "its grade service was switched off."
)
OVERRIDDEN = "A teacher overrode this grade in Moodle, which keeps theirs whatever is sent."
NOT_FINAL = "Moodle would take news without a final score for no score, and wipe the grade."
REFUSALS = (
    Refusal(400, "", PersonNotInCourse, NOT_GRADED),
    Refusal(401, "", PlatformRefused, NOT_ALLOWED),
    Refusal(403, "", PlatformRefused, NOT_ALLOWED),
)


def push_by_lti(
    services: "CourseServices",
    line_item: LineItem,
    score: Score,
    web_services: "WebServices | None" = None,
) -> Receipt:
    """Bring a final score. Raises ScoreRejected for another, TeacherGradeStands for one that was to
    replace a teacher's and could not, and what ags.push_score raises.

    web_services: where campus IT connected them; they tell a lock from trouble.
    """
    if not score.is_final:
        raise ScoreRejected(NOT_FINAL)

    def read_answer(reply: "Reply") -> MentorAIError | None:
        # A locked grade, a column of another tool and trouble that passes all look like this.
        if reply.status != 500 or reply.body.strip() != b"[]":
            return None
        return _explain_column(services, line_item) or _explain_lock(
            web_services, line_item, score.subject
        )

    receipt = services.push_score(line_item, score, read_answer=read_answer)
    services.check_replaced(line_item, score)
    return receipt


def _explain_column(services: "CourseServices", line_item: LineItem) -> MentorAIError | None:
    """What is wrong with the column, if that is why."""
    from mentorai.lti.line_items import get_line_item

    try:
        get_line_item(services.tool, services.registration, line_item.url)
    except NoLineItem as error:
        return error
    except PlatformRefused:
        return NoLineItem("The column in Moodle belongs to another tool.")
    except PlatformError:
        return PlatformUnavailable("Moodle had trouble of its own.", is_answer=True)
    return None


def _explain_lock(
    web_services: "WebServices | None", line_item: LineItem, subject: str
) -> MentorAIError:
    """Whether the grade is locked; without web services only the number of tries tells."""
    from mentorai.plugins.moodle.web_service_grades import is_locked

    lock = is_locked(web_services, line_item, subject) if web_services else None
    if lock is None:
        return GradeMaybeLocked()
    if lock:
        return GradeLocked()
    return PlatformUnavailable("Moodle failed to keep this grade.", is_answer=True)
