"""Gradebook columns, and the scores that are sent to them and read back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from mentorai.core.values.launches import GradeService
from mentorai.core.values.platforms import Platform


@dataclass(frozen=True, slots=True)
class LineItem:
    """A gradebook column (LTI AGS 2.0, section 3.2)."""

    url: str
    label: str = ""
    score_maximum: float | None = None
    resource_id: str | None = None
    tag: str | None = None
    resource_link_id: str | None = None


@dataclass(frozen=True, slots=True)
class GradePlace:
    """Where the scores of one activity go: a resource link of one platform.

    resource_link_id, title: ours; lms_resource_link_id: the platform's name of the same link.
    activity_id: the quiz, or None when the score belongs to the link as a whole.
    lms_context_id: the platform's name of the course, or empty.
    """

    platform: Platform
    resource_link_id: str
    lms_resource_link_id: str
    title: str
    service: GradeService
    activity_id: str | None = None
    score_maximum: float = 100.0
    lms_context_id: str = ""


class ActivityProgress(StrEnum):
    """How far a person is with an activity (LTI AGS 2.0, section 3.4.7)."""

    INITIALIZED = "Initialized"
    STARTED = "Started"
    IN_PROGRESS = "InProgress"
    SUBMITTED = "Submitted"
    COMPLETED = "Completed"


class GradingProgress(StrEnum):
    """How far the marking is (LTI AGS 2.0, section 3.4.8); only the first sets a grade."""

    FULLY_GRADED = "FullyGraded"
    PENDING = "Pending"
    PENDING_MANUAL = "PendingManual"
    FAILED = "Failed"
    NOT_READY = "NotReady"


@dataclass(frozen=True, slots=True)
class Score:
    """What we send (LTI AGS 2.0, section 3.4): given of maximum, both in points.

    subject: the platform's id of the person. at: aware UTC, whole seconds, and strictly later
    than any score sent before for the same line item and person.
    given: None for news without a score. The defaults make a final score; anything less lets
    some platforms wipe the grade they hold, and lti_launch does not send it over a grade.
    started_at, submitted_at: when the person began and handed in, aware UTC.
    is_hand_in: no score of what the person handed in then has been taken yet, so that it is news of
        their work; False for whatever else changes a score.
    scoring_subject: the platform's id of whoever marked by hand.
    replaces_teacher: an instructor said that this shall stand in the place of what a teacher put
        into the gradebook; otherwise theirs is kept, where the LMS can be told so.
    extensions: more fields by their full names (URLs); they never replace one of the above.
    """

    subject: str
    given: float | None
    maximum: float
    at: datetime
    comment: str = ""
    activity_progress: ActivityProgress = ActivityProgress.COMPLETED
    grading_progress: GradingProgress = GradingProgress.FULLY_GRADED
    started_at: datetime | None = None
    submitted_at: datetime | None = None
    is_hand_in: bool = False
    scoring_subject: str = ""
    replaces_teacher: bool = False
    extensions: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_final(self) -> bool:
        """Whether it sets a grade on every platform."""
        return self.given is not None and self.grading_progress is GradingProgress.FULLY_GRADED


@dataclass(frozen=True, slots=True)
class Receipt:
    """A platform took a score at `received_at` (our clock).

    platform_at: what its own clock showed then, if it said so.
    """

    received_at: datetime
    platform_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What the platform's gradebook holds for one person (LTI AGS 2.0, section 3.3).

    given: None when the row is there without a grade. may_be_zero: a grade of zero looks the same
        on this platform. overridden, locked: a teacher put this grade down by hand, or locked it;
        False too where the platform does not say.
    """

    subject: str
    given: float | None
    maximum: float | None
    comment: str = ""
    overridden: bool = False
    locked: bool = False
    may_be_zero: bool = False
