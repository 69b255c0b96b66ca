"""Claims of reviews and privacy launches, of any shape: read, or refused, and never more."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mentorai.core.errors import LaunchRejected
from tests.fakes.signing_platform import AGS, MEMBERSHIP
from tests.lti.conftest import Launcher

ADMINISTRATOR = "http://purl.imsglobal.org/vocab/lis/v2/institution/person#Administrator"
PLAIN = {"resource_link": None, "context": None, AGS: None}
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)
shapes = values | st.fixed_dictionaries({"user_id": values})
any_shape = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)


def review(launcher: Launcher, **changes: Any) -> Any:
    base = {"message_type": "LtiSubmissionReviewRequest", "roles": [f"{MEMBERSHIP}#Instructor"]}
    return launcher.launch(**base | {"for_user": {"user_id": "6"}} | changes)


def privacy(launcher: Launcher, kind: str = "LtiDataPrivacyLaunchRequest", **changes: Any) -> Any:
    return launcher.launch(**{"message_type": kind} | PLAIN | changes)


@any_shape
@given(name=st.sampled_from(["for_user", "context", "resource_link", AGS]), value=shapes)
def test_review_of_any_shape_names_a_person_or_is_refused(
    launcher: Launcher, name: str, value: Any
) -> None:
    try:
        launch = review(launcher, **{name: value}).launch
    except LaunchRejected:
        return
    assert launch.review_of
    assert launch.context is not None
    assert launch.grade_service.line_item_url


@any_shape
@given(value=shapes)
def test_privacy_launch_of_any_shape_is_about_whoever_asks_or_refused(
    launcher: Launcher, value: Any
) -> None:
    try:
        asked = privacy(launcher, for_user=value).privacy
    except LaunchRejected:
        return
    assert (asked.about, asked.is_own, asked.is_administrator) == ("6", True, False)


@pytest.mark.parametrize("kind", ["LtiDataPrivacyLaunchRequest", "DataPrivacyLaunchRequest"])
def test_privacy_launch_is_taken_by_either_name_without_a_course(
    launcher: Launcher, kind: str
) -> None:
    finished = privacy(launcher, kind)

    assert finished.privacy is not None
    assert finished.launch.context is None


@pytest.mark.parametrize(
    ("roles", "subject", "about"),
    [
        ([ADMINISTRATOR], "6", "9"),
        ([f"{MEMBERSHIP}#Administrator"], "6", "6"),
        ([f"{MEMBERSHIP}#Instructor"], "6", "6"),
        ([], "6", "6"),
        ([ADMINISTRATOR], None, None),
    ],
)
def test_only_those_who_run_the_lms_ask_about_others(
    launcher: Launcher, roles: list[str], subject: str | None, about: str | None
) -> None:
    asked = privacy(launcher, roles=roles, sub=subject, for_user={"user_id": "9"}).privacy

    assert asked.about == about


def test_launch_of_a_link_reviews_nobody(launcher: Launcher) -> None:
    assert launcher.launch(for_user={"user_id": "9"}).launch.review_of is None
