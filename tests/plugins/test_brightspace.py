"""Brightspace: its refusals, which others give with other statuses."""

from contextlib import nullcontext
from typing import Any

import pytest

from mentorai.core import errors
from mentorai.core.errors import MentorAIError
from tests.fakes.lms_family import RESULTS_URL, LmsFamily

FAMILY = "brightspace"


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (
            403,
            "User in requested score is not enrolled in the org unit",
            errors.PersonNotInCourse,
        ),
        (404, "User in requested score does not exist", errors.PersonNotInCourse),
        (403, "Insufficient scope to call", errors.ScopeNotGranted),
        (403, "Not today", errors.PlatformRefused),
        (404, "", errors.NoLineItem),
    ],
)
def test_refusal_is_told_apart_by_its_words(
    lms: LmsFamily, status: int, said: str, kind: type[MentorAIError]
) -> None:
    body: Any = {"type": "about:blank", "title": said}
    lms.take_scores(status, body)

    with pytest.raises(kind) as caught:
        lms.push()

    assert type(caught.value) is kind


@pytest.mark.parametrize(("held", "stands"), [(5, True), (8, False)])
def test_grade_of_a_teacher_that_stayed_is_told(lms: LmsFamily, held: int, stands: bool) -> None:
    lms.take_scores()
    row = {"userId": "6", "resultScore": held, "resultMaximum": 10}
    lms.wire.add("GET", RESULTS_URL, json=[row])

    with pytest.raises(errors.TeacherGradeStands) if stands else nullcontext():
        lms.push(8, replaces_teacher=True)

    assert len(lms.scores()) == 1


def test_token_is_asked_for_with_the_audience_that_all_schools_share(lms: LmsFamily) -> None:
    profile = lms.engine.plugins.find_profile(FAMILY)

    assert profile is not None
    assert profile.token_audience == "https://api.brightspace.com/auth/token"
