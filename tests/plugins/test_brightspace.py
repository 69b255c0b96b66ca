"""Brightspace: its refusals, which others give with other statuses."""

from typing import Any

import pytest

from mentorai.core import errors
from mentorai.core.errors import MentorAIError
from tests.fakes.lms_family import LmsFamily

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


def test_token_is_asked_for_with_the_audience_that_all_schools_share(lms: LmsFamily) -> None:
    profile = lms.engine.plugins.find_profile(FAMILY)

    assert profile is not None
    assert profile.token_audience == "https://api.brightspace.com/auth/token"
