"""A score was not accepted."""

from datetime import datetime

from mentorai.core.errors.root import MentorAIError


class ScoreRejected(MentorAIError):
    """The score was not accepted."""

    code = "score_rejected"


class ScoreOutOfRange(ScoreRejected):
    """The score is below zero or its maximum is not above zero."""

    code = "score_out_of_range"


class ScoreStale(ScoreRejected):
    """The LMS holds a newer score for this person.

    platform_at: what the clock of the LMS showed then; None if it did not say.
    """

    code = "score_stale"

    def __init__(self, message: str = "", *, platform_at: datetime | None = None) -> None:
        super().__init__(message)
        self.platform_at = platform_at


class TeacherGradeStands(ScoreRejected):
    """A teacher changed this grade in the gradebook, and theirs stands."""

    code = "teacher_grade_stands"


class NoLineItem(ScoreRejected):
    """The course has no gradebook column for this activity and offered no way to make one."""

    code = "no_line_item"


class NotGradable(ScoreRejected):
    """The LMS does not take grades for this person: staff, or no longer in the course."""

    code = "not_gradable"


class PersonIsStaff(NotGradable):
    """This person is staff in the course; a gradebook holds students only."""

    code = "person_is_staff"


class PersonNotInCourse(NotGradable):
    """This person is not, or no longer, a student of the course in the LMS."""

    code = "person_not_in_course"


class GradeLocked(NotGradable):
    """A teacher locked this grade in the gradebook, so the LMS takes no other."""

    code = "grade_locked"


class GradeMaybeLocked(NotGradable):
    """The LMS failed to keep this grade, though it has its column: a teacher may have locked it."""

    code = "grade_maybe_locked"
    retryable = True
    tries = 8
    becomes = GradeLocked


class CourseConcluded(NotGradable):
    """The course has ended or was removed in the LMS, which takes no more grades for it."""

    code = "course_concluded"


class AttemptsExhausted(NotGradable):
    """The LMS allows this student no more attempts at the assignment."""

    code = "attempts_exhausted"
