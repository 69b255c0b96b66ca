"""Scores for Lyceum: AGS, with a term of its own and a refusal of its own."""

from dataclasses import replace
from typing import TYPE_CHECKING

from mentorai.core.errors import MentorAIError, PlatformThrottled
from mentorai.core.values import LineItem, Platform, Receipt, Score
from mentorai.lti.course_services import CourseServices
from mentorai.lti.platform_http import Reply

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

ORIGIN = "https://lyceum-lms.com/score/origin"
# Lyceum closes its grade book for a while every night.
CLOSED, CLOSED_SECONDS = 423, 900.0


def push(engine: "Engine", platform: Platform, line_item: LineItem, score: Score) -> Receipt | None:
    """Bring a score; None if the platform is not registered any more.

    Raises as `ags.push_score` does, and what the profile's refusals say.
    """
    services = CourseServices.find(engine, platform)
    if services is None:
        return None
    shaped = replace(score, extensions={**score.extensions, ORIGIN: "mentor"})
    return services.push_score(line_item, shaped, read_answer=read_answer)


def read_answer(reply: Reply) -> MentorAIError | None:
    """What an answer means that the profile does not explain; None: what its status says."""
    if reply.status == CLOSED:
        return PlatformThrottled(
            "Lyceum's grade book is closed for the night.", retry_after_seconds=CLOSED_SECONDS
        )
    return None
