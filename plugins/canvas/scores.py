"""Scores for Canvas: a submission where the student handed in, and what its refusals mean.

Every score that Canvas takes makes a new submission of the student's, unless the extension says
that it makes none, or it names the instant that the last one named: so one is made for what a
student handed in themselves, with the way to it for SpeedGrader, and for nothing else. What is not
final clears the grade, unless it says to keep it; and a grade that
a teacher gave stays only if it says so. A comment is added to those that are there each time that
it comes, also when the same score comes again because nobody heard that it had arrived; but the
person's result keeps the last one that came, which tells.
Source: Canvas' scores service, extension https://canvas.instructure.com/lti/submission.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from mentorai.core.errors import (
    AttemptsExhausted,
    CourseConcluded,
    NoLineItem,
    PersonNotInCourse,
    PlatformRefused,
    PlatformUnavailable,
    ScopeNotGranted,
    ScoreRejected,
    ScoreStale,
)
from mentorai.core.values import LineItem, Receipt, Refusal, Score
from mentorai.plugins.canvas.work_urls import name_work

if TYPE_CHECKING:
    from mentorai.lti.course_services import CourseServices

SUBMISSION = "https://canvas.instructure.com/lti/submission"
NO_STUDENT = (
    "Canvas has no such student in this course: the person has left it, teaches in it, or is the "
    "test student of Student View."
)
CONCLUDED = "The course has ended in Canvas, which takes no more grades for it."
AHEAD = "The clock of Canvas is behind this server's; it is tried again."
OLDER = "Canvas holds a newer score for this person."
NO_MORE_ATTEMPTS = "The assignment in Canvas allows this student no more attempts."
NO_FILE = (
    "Canvas could not fetch a file that came with the score, and has not taken the score either."
)
FILE_LATER = "Canvas had trouble with a file that came with the score; it is tried again."
FOREIGN_COLUMN = "The column in Canvas belongs to another tool, or to another link."
NOT_INSTALLED = (
    "The mentor is not installed in this course in Canvas any more (Settings, Apps), so Canvas "
    "takes no grade from it."
)
KEY_IS_OFF = (
    "Canvas has switched the developer key of the mentor off; campus IT finds it under Admin, "
    "Developer Keys."
)
# Canvas itself answered: it is no reason to leave the other scores alone.
TROUBLE_WITH_FILE = partial(PlatformUnavailable, is_answer=True)
REFUSALS = (
    Refusal(422, "concluded", CourseConcluded, CONCLUDED),
    Refusal(404, "context not found", CourseConcluded, CONCLUDED),
    Refusal(422, "not a student", PersonNotInCourse, NO_STUDENT),
    Refusal(422, "user not found", PersonNotInCourse, NO_STUDENT),
    Refusal(422, "attempts", AttemptsExhausted, NO_MORE_ATTEMPTS),
    # Before the others: whatever the file's host said follows these words.
    Refusal(400, "file service", ScoreRejected, NO_FILE),
    Refusal(500, "file service", TROUBLE_WITH_FILE, FILE_LATER),
    Refusal(504, "file service", TROUBLE_WITH_FILE, FILE_LATER),
    Refusal(504, "file url", TROUBLE_WITH_FILE, FILE_LATER),
    Refusal(400, "in the future", PlatformUnavailable, AHEAD),
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
    work_url = name_work(services.tool.launch_url, line_item, score.subject)
    try:
        return _push(services, line_item, shape_score(score, work_url, yields=yields))
    except AttemptsExhausted:
        if not score.is_hand_in:
            raise
        # The grade counts all the same; Canvas only has no room for another submission.
        grade = replace(score, is_hand_in=False)
        return _push(services, line_item, shape_score(grade, work_url, yields=yields))


def _push(services: "CourseServices", line_item: LineItem, score: Score) -> Receipt:
    return services.push_score(line_item, score, keeps_grade=True)


def _has_comment(services: "CourseServices", line_item: LineItem, score: Score) -> bool:
    try:
        result = services.find_result(line_item, score.subject)
    except PlatformRefused:
        # Results may not be read: a comment twice is better than none.
        return False
    return result is not None and result.comment.split() == score.comment.split()


def shape_score(score: Score, work_url: str, *, yields: bool = True) -> Score:
    """The score with what Canvas is to do about submissions and grades that are there.

    work_url: where SpeedGrader opens what was handed in. What the score's own extension says, as of
    files, goes before.
    """
    wishes: dict[str, object] = {"new_submission": False, "prioritize_non_tool_grade": yields}
    if score.is_hand_in and score.submitted_at is not None:
        # Sent again, the same instant is the same submission (body: submission.submittedAt).
        wishes["new_submission"] = True
        wishes |= {"submission_type": "basic_lti_launch", "submission_data": work_url}
    if not score.is_final:
        wishes["preserve_score"] = True
    brought = score.extensions.get(SUBMISSION)
    wishes |= brought if isinstance(brought, Mapping) else {}
    return replace(score, extensions={**score.extensions, SUBMISSION: wishes})
