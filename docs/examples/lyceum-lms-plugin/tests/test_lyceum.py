"""What is Lyceum's own; the rest `mentorai plugins test lyceum` looks at."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
import responses
from click.testing import CliRunner
from lyceum_lms.command_line import lyceum
from lyceum_lms.launches import PREVIEW, mend

from mentorai.core.engine import Engine
from mentorai.core.errors import CourseConcluded, GradeLocked, PlatformThrottled
from mentorai.core.launch_facts import LaunchDetails
from mentorai.core.values import Context, Launch, LineItem, Platform, Role, Score

SCHOOL = "https://school.lyceum-lms.com"
COLUMN = LineItem(f"{SCHOOL}/lti/columns/1")
SCORE = Score("ada", 8.0, 10.0, datetime(2026, 11, 24, tzinfo=UTC))


def a_launch(preview: object = None, locale: str = "de_AT") -> Launch:
    details = SimpleNamespace(other_claims={PREVIEW: preview}) if preview else LaunchDetails()
    facts = ("organization", "registration", "1", SCHOOL, "mentor", "lyceum")
    return Launch(
        *facts, "LtiResourceLinkRequest", "ada", Role.LEARNER, "/", locale=locale, details=details
    )


def test_language_is_spelt_as_browsers_do() -> None:
    assert mend(a_launch()).locale == "de-AT"


def test_preview_is_a_test_user_and_odd_claims_are_not() -> None:
    assert mend(a_launch({"as": "student"})).is_test_user
    assert not mend(a_launch(["student"])).is_test_user


def test_score_says_where_it_comes_from(
    engine: Engine, school: Platform, wire: responses.RequestsMock
) -> None:
    sent = wire.post(f"{COLUMN.url}/scores", json={})

    engine.plugins.ask_first(
        "push_score", engine=engine, platform=school, line_item=COLUMN, score=SCORE
    )

    body = json.loads(sent.calls[0].request.body)
    assert body["scoreGiven"] == 8
    assert body["https://lyceum-lms.com/score/origin"] == "mentor"


@pytest.mark.parametrize(
    ("status", "says", "kind"),
    [
        (403, "The term is over", CourseConcluded),
        (422, "This mark is sealed", GradeLocked),
        (423, "", PlatformThrottled),
    ],
)
def test_refusal_is_understood(
    engine: Engine,
    school: Platform,
    wire: responses.RequestsMock,
    status: int,
    says: str,
    kind: type[Exception],
) -> None:
    wire.post(f"{COLUMN.url}/scores", status=status, body=says)

    with pytest.raises(kind):
        engine.plugins.ask_first(
            "push_score", engine=engine, platform=school, line_item=COLUMN, score=SCORE
        )


def test_member_with_two_roles_comes_once(
    engine: Engine, school: Platform, wire: responses.RequestsMock
) -> None:
    row = {"user_id": "ada", "roles": ["Learner"]}
    wire.get(f"{SCHOOL}/lti/members", json={"members": [row, row | {"roles": ["Mentor"]}]})

    members = engine.plugins.ask_first(
        "list_members",
        engine=engine,
        platform=school,
        memberships_url=f"{SCHOOL}/lti/members",
        context=Context("c"),
    )

    assert [each.subject for each in members] == ["ada"]


def test_command_says_where_things_are() -> None:
    assert "Office, Connections" in CliRunner().invoke(lyceum).output
