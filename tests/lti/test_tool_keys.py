"""Tool keys: the same for every process, sealed at rest, replaced without a gap."""

import base64
import json
import threading
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import select

from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.errors import ConfigurationError, Conflict, NotFound
from mentorai.core.settings import Settings
from mentorai.lti.deep_linking_answer import ANSWER_SECONDS
from mentorai.lti.tokens import ASSERTION_SECONDS
from mentorai.lti.tool import Tool
from mentorai.lti.tool_key_schedule import tend_tool_keys
from mentorai.lti.tool_keys import (
    ACTIVE,
    FRESH_SECONDS,
    GRACE,
    LONGEST_LIFE,
    NEXT,
    OVERLAP,
    RETIRING,
    ToolKeys,
    tool_keys,
)


@pytest.fixture
def keys(engine: Engine) -> ToolKeys:
    return ToolKeys(engine.database, engine.settings)


def test_key_is_made_at_first_need_and_shared_by_processes(engine: Engine, keys: ToolKeys) -> None:
    second = ToolKeys(engine.database, engine.settings)

    token = second.sign({"iss": "x"})

    assert keys.read_keyset() == second.read_keyset()
    published = KeySet.import_key_set(keys.read_keyset())  # type: ignore[arg-type]
    assert jwt.decode(token, published, algorithms=["RS256"]).claims == {"iss": "x"}


def test_private_key_is_sealed_in_the_database(engine: Engine, keys: ToolKeys) -> None:
    keys.sign({})

    with engine.database.read() as connection:
        (row,) = connection.execute(select(tool_keys)).all()
    assert '"d"' not in row.public_jwk
    assert '"d"' not in row.sealed_jwk
    assert row.sealed_jwk.count(".") == 4


def test_private_key_is_useless_with_another_secret(
    engine: Engine, keys: ToolKeys, tmp_path: Path
) -> None:
    keys.sign({})
    elsewhere = ToolKeys(engine.database, Settings(data_dir=tmp_path / "copy"))

    with pytest.raises(ConfigurationError, match="tool_keys"):
        elsewhere.sign({})


def test_next_key_is_published_before_it_signs(keys: ToolKeys, time_machine: Any) -> None:
    first = read_kid(keys.sign({}))

    following = keys.rotate()

    assert following.status == NEXT
    assert published(keys) == [following.kid, first]
    assert read_kid(keys.sign({})) == first
    with pytest.raises(Conflict, match="may sign from"):
        keys.rotate()
    time_machine.move_to(now() + OVERLAP)
    assert keys.rotate().kid == following.kid
    assert read_kid(keys.sign({})) == following.kid


def test_retiring_key_stays_published_until_nothing_it_signed_lives(
    keys: ToolKeys, time_machine: Any
) -> None:
    first = read_kid(keys.sign({}))
    keys.rotate(at_once=True)
    rotated_at = now()

    time_machine.move_to(rotated_at + LONGEST_LIFE + GRACE - timedelta(minutes=1))
    keys.withdraw_old()
    assert first in published(keys)

    time_machine.move_to(rotated_at + LONGEST_LIFE + GRACE + timedelta(minutes=1))
    keys.withdraw_old()
    assert first not in published(keys)


def test_nothing_that_we_sign_outlives_what_a_retiring_key_allows_for() -> None:
    longest = max(ASSERTION_SECONDS, ANSWER_SECONDS) + FRESH_SECONDS

    assert timedelta(seconds=longest) < LONGEST_LIFE


def test_private_half_is_gone_when_a_key_retires(engine: Engine, keys: ToolKeys) -> None:
    first = read_kid(keys.sign({}))
    keys.rotate(at_once=True)

    with engine.database.read() as connection:
        row = connection.execute(select(tool_keys).where(tool_keys.c.kid == first)).one()
    assert (row.status, row.sealed_jwk) == (RETIRING, "")


def test_other_processes_sign_with_the_new_key_soon(
    engine: Engine, keys: ToolKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = ToolKeys(engine.database, engine.settings)
    second.sign({})
    following = keys.rotate(at_once=True)

    monkeypatch.setattr("mentorai.lti.tool_keys.FRESH_SECONDS", 0.0)

    assert read_kid(second.sign({})) == following.kid


@pytest.mark.parametrize("at_once", [False, True])
def test_one_rotation_wins_when_many_processes_rotate(
    engine: Engine, keys: ToolKeys, at_once: bool
) -> None:
    keys.sign({})
    processes = [ToolKeys(engine.database, engine.settings) for _ in range(4)]
    barrier, done = threading.Barrier(4), []

    def rotate(each: ToolKeys) -> None:
        each.list()
        barrier.wait()
        with suppress(Conflict):
            done.append(each.rotate(at_once=at_once).kid)

    threads = [threading.Thread(target=rotate, args=(each,)) for each in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    statuses = [key.status for key in keys.list()]
    assert statuses.count(ACTIVE) == 1
    assert statuses.count(NEXT) == (0 if at_once else 1)
    assert len(done) == len(statuses) - 1


def test_first_key_is_one_when_many_processes_start(engine: Engine) -> None:
    processes = [ToolKeys(engine.database, engine.settings) for _ in range(4)]
    signed: list[str] = []

    threads = [
        threading.Thread(target=lambda each=each: signed.append(read_kid(each.sign({}))))
        for each in processes
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(signed)) == 1
    assert len(published(processes[0])) == 1


def test_key_is_taken_out_of_the_set_on_request_unless_it_signs(keys: ToolKeys) -> None:
    first = read_kid(keys.sign({}))
    with pytest.raises(Conflict, match="signs"):
        keys.retire(first)
    following = keys.rotate(at_once=True)

    keys.retire(first)

    assert published(keys) == [following.kid]
    with pytest.raises(NotFound):
        keys.retire(first)


class TestSchedule:
    """What the worker does once an hour."""

    def test_old_key_is_replaced_step_by_step(self, tool: Tool, time_machine: Any) -> None:
        first = read_kid(tool.tool_keys.sign({}))
        time_machine.move_to(now() + timedelta(days=181))
        tend_tool_keys(tool)
        waiting = tool.tool_keys.find(NEXT)
        assert waiting is not None

        time_machine.move_to(now() + timedelta(hours=23))
        tool.keyset_fetches.note("MoodleBot", "192.0.2.1")
        tend_tool_keys(tool)
        assert tool.tool_keys.find(NEXT) == waiting

        time_machine.move_to(now() + timedelta(hours=2))
        tend_tool_keys(tool)
        assert [key.status for key in tool.tool_keys.list()] == [ACTIVE, RETIRING]

        time_machine.move_to(now() + timedelta(days=2))
        tend_tool_keys(tool)
        assert published(tool.tool_keys) == [waiting.kid] != [first]

    def test_next_key_waits_a_week_for_somebody_to_fetch_it(
        self, tool: Tool, time_machine: Any
    ) -> None:
        tool.tool_keys.rotate()

        time_machine.move_to(now() + timedelta(days=6))
        tend_tool_keys(tool)
        assert tool.tool_keys.find(NEXT) is not None

        time_machine.move_to(now() + timedelta(days=2))
        tend_tool_keys(tool)
        assert tool.tool_keys.find(NEXT) is None

    def test_young_key_is_left_alone(self, tool: Tool) -> None:
        tool.tool_keys.sign({})

        tend_tool_keys(tool)

        assert len(tool.tool_keys.list()) == 1

    def test_nothing_happens_by_itself_when_days_are_zero(
        self, tmp_path: Path, database_url: str, time_machine: Any
    ) -> None:
        settings = Settings(data_dir=tmp_path, database_url=database_url, tool_key_days=0)
        engine = Engine.open(settings, plugins=[])
        tool = engine.room(Tool)
        tool.tool_keys.sign({})
        time_machine.move_to(now() + timedelta(days=3000))

        tend_tool_keys(tool)

        assert len(tool.tool_keys.list()) == 1
        engine.close()


def published(keys: ToolKeys) -> list[str]:
    """The kids in the key set, in its order."""
    return [key["kid"] for key in keys.read_keyset()["keys"]]


def read_kid(token: str) -> str:
    """The kid in the header of a JWT."""
    header = token.split(".")[0]
    found: str = json.loads(base64.urlsafe_b64decode(header + "=="))["kid"]
    return found
