"""Scores for Blackboard, and what its refusals mean.

Blackboard shows a comment as HTML, in which a line ends with `<br/>`, and reads a score without a
comment as one whose comment is to be taken away, even a teacher's.
"""

import html
from dataclasses import replace

from mentorai.core.errors import PersonNotInCourse, PlatformRefused
from mentorai.core.values import Refusal, Score

NOT_THERE = (
    "Blackboard knows no such member of this course: the person has left it, or was made "
    "unavailable."
)
NOT_ALLOWED = (
    "Blackboard let no grade be written here: the course is complete or closed, or the mentor may "
    "not write grades."
)
REFUSALS = (
    Refusal(400, "user could not be found", PersonNotInCourse, NOT_THERE),
    Refusal(404, "user could not be found", PersonNotInCourse, NOT_THERE),
    Refusal(403, "", PlatformRefused, NOT_ALLOWED),
)


def shape_score(score: Score, kept_comment: str = "") -> Score:
    """The score with its comment as Blackboard shows it.

    kept_comment: what is there, as Blackboard gave it; it goes back where the score has none.
    """
    text = html.escape(score.comment, quote=False)
    shown = "<br/>".join(text.splitlines())
    return replace(score, comment=shown or kept_comment)
