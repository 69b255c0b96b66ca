"""Scores for Canvas: a grade and no submission, and what its refusals mean.

Every score that Canvas takes makes a new submission of the student's, unless the extension says
that it makes none; what is not final clears the grade, unless it says to keep it; and a grade that
a teacher gave stays only if it says so. A comment is added to those that are there each time that
it comes, also when the same score comes again because nobody heard that it had arrived; but the
person's result keeps the last one that came, which tells.
Source: Canvas' scores service, extension https://canvas.instructure.com/lti/submission.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from mentorai.core.errors import (
    AttemptsExhausted,
    CourseConcluded,
    NoLineItem,
    PersonNotInCourse,
    PlatformRefused,
    ScopeNotGranted,
    ScoreStale,
)
from mentorai.core.values import LineItem, Receipt, Refusal, Score

if TYPE_CHECKING:
    from mentorai.lti.course_services import CourseServices

SUBMISSION = "https://canvas.instructure.com/lti/submission"
NO_STUDENT = (
    "Canvas has no such student in this course: the person has left it, teaches in it, or is the "
    "test student of Student View."
)
CONCLUDED = "The course has ended in Canvas, which takes no more grades for it."
OLDER = "Canvas holds a newer score for this person."
NO_MORE_ATTEMPTS = "The assignment in Canvas allows this student no more attempts."
FOREIGN_COLUMN = "The column in Canvas belongs to another tool, or to another link."
NOT_INSTALLED = (
    "The mentor is not installed in this course in Canvas any more (Settings, Apps), so Canvas "
    "takes no grade from it."
)
KEY_IS_OFF = (
    "Canvas has switched the developer key of the mentor off; campus IT finds it under Admin, "
    "Developer Keys."
)
REFUSALS = (
    Refusal(422, "concluded", CourseConcluded, CONCLUDED),
    Refusal(404, "context not found", CourseConcluded, CONCLUDED),
    Refusal(422, "not a student", PersonNotInCourse, NO_STUDENT),
    Refusal(422, "user not found", PersonNotInCourse, NO_STUDENT),
    Refusal(422, "attempts", AttemptsExhausted, NO_MORE_ATTEMPTS),
    Refusal(400, "timestamp", ScoreStale, OLDER),
    Refusal(412, "", NoLineItem, FOREIGN_COLUMN),
    Refusal(401, "not linked to a tool", PlatformRefused, NOT_INSTALLED),
    Refusal(401, "developer key", PlatformRefused, KEY_IS_OFF),
    Refusal(401, "insufficient permissions", lambda _: ScopeNotGranted(("score",)), ""),
)


def push_by_lti(
    services: "CourseServices", line_item: LineItem, score: Score, *, yields: bool = True
) -> Receipt:
    """Bring a score, its comment only if Canvas has not got it yet.

    yields: whether a grade that no tool gave stays.
    Raises what ags.push_score and results.list_results raise.
    """
    if score.comment and _has_comment(services, line_item, score):
        score = replace(score, comment="")
    return services.push_score(line_item, shape_score(score, yields=yields), keeps_grade=True)


def _has_comment(services: "CourseServices", line_item: LineItem, score: Score) -> bool:
    try:
        result = services.find_result(line_item, score.subject)
    except PlatformRefused:
        # Results may not be read: a comment twice is better than none.
        return False
    return result is not None and result.comment.split() == score.comment.split()


def shape_score(score: Score, *, yields: bool = True) -> Score:
    """The score with what Canvas is to do about submissions and grades that are there."""
    wishes: dict[str, object] = {"new_submission": False, "prioritize_non_tool_grade": yields}
    if not score.is_final:
        wishes["preserve_score"] = True
    return replace(score, extensions={**score.extensions, SUBMISSION: wishes})
