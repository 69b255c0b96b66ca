"""A score was not accepted."""

from mentorai.core.errors.root import MentorAIError


class ScoreRejected(MentorAIError):
    """The score was not accepted."""

    code = "score_rejected"


class ScoreOutOfRange(ScoreRejected):
    """The score is below zero or its maximum is not above zero."""

    code = "score_out_of_range"


class ScoreStale(ScoreRejected):
    """The LMS holds a newer score for this person."""

    code = "score_stale"


class NoLineItem(ScoreRejected):
    """The course has no gradebook column for this activity and offered no way to make one."""

    code = "no_line_item"


class NotGradable(ScoreRejected):
    """The LMS does not take grades for this person: staff, or no longer in the course."""

    code = "not_gradable"
