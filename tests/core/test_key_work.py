"""What the check of a key costs, counted and not timed."""

import string
import sys
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from mentorai.core.database import Database
from mentorai.core.engine import Engine
from mentorai.core.errors import KeyUnknown
from mentorai.core.key_checks import KeyChecks
from mentorai.core.key_text import make_key
from mentorai.web.app import create_app

WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")


def listen(database: Database, heard: list[str]) -> None:
    """Have every statement of connections yet to be opened heard, whoever sends it."""
    event.listen(database.engine, "connect", lambda one, _: one.set_trace_callback(heard.append))


@pytest.fixture(autouse=True)
def traced(database_url: str) -> None:
    """First of all, so that nothing is open yet when there is nothing to be seen."""
    if database_url and not database_url.startswith("sqlite"):
        pytest.skip("psycopg has no trace; the code is the same but for the driver")


@pytest.fixture
def issued(engine, mentor):
    return engine.keys.issue(
        mentor.organization_id,
        mentor.id,
        name="LMS",
        scopes=["chat:write"],
        expires_at=None,
        author="ada",
    )


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
def checks(engine, heard):
    """A process that has checked no key yet, and whose statements are heard."""
    database = Database(engine.settings.url_of_database)
    listen(database, heard)
    checks = KeyChecks(database)
    with pytest.raises(KeyUnknown):
        checks.check(make_key()[1], scope=None, address="")
    heard.clear()
    yield checks
    checks.uses.flush()
    database.close()


def forge(text: str) -> str:
    """Another secret for the same id, with the right check characters."""
    from mentorai.core.key_text import _check_of

    body = text[:15] + "A" * 43
    return body + _check_of(body)


def count_work(checks: KeyChecks, text: str) -> Counter[str]:
    """How often the costly things are done for a key that is not remembered."""
    done: Counter[str] = Counter()

    def note(_frame, happened, what) -> None:
        if happened == "c_call" and what.__name__ in ("openssl_sha256", "compare_digest", "crc32"):
            done[what.__name__] += 1

    sys.setprofile(note)
    try:
        checks.check(text, scope=None, address="")
    except KeyUnknown:
        pass
    finally:
        sys.setprofile(None)
    return done


def test_check_of_a_miss_does_the_work_of_a_hit(checks, issued, heard):
    works, statements = [], []
    for text in (issued.text, forge(issued.text), make_key()[1]):
        checks.forget(issued.key.id)
        heard.clear()
        works.append(count_work(checks, text))
        statements.append(len(heard))

    assert works[0] == works[1] == works[2]
    assert works[0] == {"openssl_sha256": 1, "compare_digest": 1, "crc32": 1}
    assert statements == [1, 1, 1]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 63), character=st.sampled_from(string.ascii_letters + string.digits))
def test_one_wrong_character_is_refused_before_the_database(
    checks, issued, heard, place, character
):
    typo = issued.text[:place] + character + issued.text[place + 1 :]
    if typo == issued.text:
        return

    with pytest.raises(KeyUnknown):
        checks.check(typo, scope=None, address="")

    assert heard == []


def test_key_that_is_remembered_is_not_read_again(checks, issued, heard):
    for _ in range(20):
        checks.check(issued.text, scope=None, address="192.0.2.1", route="GET /key")

    assert len(heard) == 1


def test_calls_write_nothing_to_the_database(settings, issued, heard):
    engine = Engine.open(settings, plugins=[])
    listen(engine.database, heard)
    engine.database.engine.dispose()
    client = create_app(engine).test_client()

    statuses = {
        client.get(f"/api/v1/{path}", headers={"X-API-Key": text}).status_code
        for path in ("key", "grades")
        for text in (issued.text, forge(issued.text), make_key()[1])
        for _ in range(5)
    }
    during = list(heard)
    engine.close()

    assert statuses == {200, 401, 403}
    assert during
    assert not [said for said in during if said.lstrip().upper().startswith(WRITES)]
    assert [said for said in heard if said.lstrip().upper().startswith(WRITES)]
