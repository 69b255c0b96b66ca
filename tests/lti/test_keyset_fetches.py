"""Who fetched our keys: what can truthfully be said of it, and what it costs."""

from datetime import timedelta
from typing import Any

import pytest

from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.organizations import Organization
from mentorai.lti import keyset_fetches
from mentorai.lti.keyset_fetches import KeysetFetches, judge_fetches, list_warnings
from mentorai.lti.registrations import Registration
from mentorai.lti.tool import Tool

MOODLE = "MoodleBot/4.5 (+https://lms.example.edu)"


@pytest.fixture
def registration(tool: Tool, platform: Any, organization: Organization) -> Registration:
    return tool.registrations.add(organization.id, **platform.facts(name="Campus"))


@pytest.fixture
def passing(time_machine: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let time pass: the clock, and the minute in which readers are written once."""

    def wait(**some: float) -> None:
        time_machine.move_to(now() + timedelta(**some))
        monkeypatch.setattr(keyset_fetches, "WINDOW_SECONDS", -1.0)

    return wait


@pytest.mark.parametrize(
    ("before", "after", "news"),
    [
        ((), (), "not_fetched"),
        ((MOODLE,), (), "not_fetched"),
        ((MOODLE,), (MOODLE,), "fetched"),
        ((), (MOODLE,), "fetched"),
        (("Ruby",), ("Ruby",), "unknown"),
        ((MOODLE,), ("Ruby",), "not_fetched"),
        ((), ("Bot (+https://evil-lms.example.edu)",), "unknown"),
        ((), ("Bot (+https://lms.example.edu.evil.org)",), "unknown"),
    ],
)
def test_fetch_is_judged_by_what_it_says_of_itself(
    tool: Tool, registration: Registration, passing: Any, before: Any, after: Any, news: str
) -> None:
    tool.tool_keys.sign({})
    for agent in before:
        tool.keyset_fetches.note(agent, "192.0.2.7")
    passing(hours=1)
    tool.tool_keys.rotate()
    passing(hours=1)
    for agent in after:
        tool.keyset_fetches.note(agent, "192.0.2.7")

    key = tool.tool_keys.list()[0]
    assert judge_fetches(key, registration, tool.keyset_fetches.list()) == news
    warnings = list_warnings(tool, registration.organization_id)
    assert len(warnings) == (0 if news == "fetched" else 1)
    assert all("Campus" in sentence for sentence in warnings)


def test_only_key_needs_no_warning(tool: Tool, registration: Registration) -> None:
    tool.tool_keys.sign({})

    assert list_warnings(tool, registration.organization_id) == []


def test_readers_are_written_once_a_minute_and_bounded(engine: Engine, passing: Any) -> None:
    fetches = KeysetFetches(engine.database)
    for n in range(500):
        fetches.note(f"made up {n}\x00\n" + "x" * 1000, "192.0.2.1")
        fetches.note("MoodleBot", "192.0.2.1")
    assert len(fetches.list()) == keyset_fetches.READERS_A_WINDOW
    assert all(len(each.agent) <= keyset_fetches.AGENT_LENGTH for each in fetches.list())

    for n in range(300):
        passing(minutes=2)
        fetches.note(f"other {n}", "192.0.2.1")
    kept = fetches.list()
    assert len(kept) <= keyset_fetches.READERS
    assert kept[0].agent == "other 299"


def test_fetch_inside_the_minute_is_written_after_it(engine: Engine, passing: Any) -> None:
    fetches = KeysetFetches(engine.database)
    fetches.note("MoodleBot", "192.0.2.1")
    first = fetches.list()[0].fetched_at
    fetches.note("MoodleBot", "192.0.2.1")
    assert fetches.list()[0].fetched_at == first

    passing(minutes=2)
    fetches.note("Ruby", "192.0.2.2")

    assert {each.agent: each.fetched_at > first for each in fetches.list()} == {
        "MoodleBot": True,
        "Ruby": True,
    }
