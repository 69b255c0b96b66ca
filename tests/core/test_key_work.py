"""What the check of a key costs, counted and not timed."""

import functools
import string
import sys
from collections import Counter

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import event

from mentorai.core.database import Database
from mentorai.core.engine import Engine
from mentorai.core.errors import KeyRejected, KeyUnknown
from mentorai.core.key_checks import KeyChecks
from mentorai.core.key_text import _check_of, make_key
from mentorai.core.keys import IssuedKey, Keys
from mentorai.web.app import create_app

COSTLY = ("openssl_sha256", "hmac_digest", "compare_digest", "crc32")
PEPPERS = f"1:{'a' * 32} 2:{'b' * 32}"
WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")


def listen(database: Database, heard: list[str]) -> None:
    """Have every statement of connections yet to be opened heard, whoever sends it."""
    event.listen(database.engine, "connect", lambda one, _: one.set_trace_callback(heard.append))


@pytest.fixture(autouse=True)
def traced(database_url: str) -> None:
    """First of all, so that nothing is open yet when there is nothing to be seen."""
    if database_url and not database_url.startswith("sqlite"):
        pytest.skip("psycopg has no trace; the code is the same but for the driver")


@pytest.fixture(params=["", PEPPERS], ids=["no pepper", "two peppers"])
def settings(settings, request):
    """With and without peppers: what follows holds of both."""
    return settings.model_copy(update={"key_peppers": SecretStr(request.param)})


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
    checks = KeyChecks(database, engine.keys.pepper_rows.peppers)
    with pytest.raises(KeyUnknown):
        checks.check(make_key()[1], scope=None, address="")
    heard.clear()
    yield checks
    checks.uses.flush()
    database.close()


def sign(body: str) -> str:
    """The text of a key with the right check characters."""
    return body + _check_of(body)


def forge(text: str) -> str:
    """Another secret for the same id, with the right check characters."""
    return sign(text[:15] + "A" * 43)


UNKNOWN = sign("mai_" + "z" * 10 + "_" + "A" * 43)


def trace(checks: KeyChecks, text: str) -> list[str]:
    """The name of everything that is called for a key, in order."""
    called: list[str] = []

    def note(frame, happened, what) -> None:
        if happened == "call":
            called.append(frame.f_code.co_qualname)
        elif happened == "c_call":
            called.append(what.__name__)

    sys.setprofile(note)
    try:
        checks.check(text, scope=None, address="")
    except KeyRejected:
        pass
    finally:
        sys.setprofile(None)
    return called


def issue_without_pepper(engine: Engine, issued: IssuedKey) -> str:
    """A key of before there was a pepper."""
    before = Keys(
        engine.database, engine.settings.model_copy(update={"key_peppers": SecretStr("")})
    )
    asked = {"scopes": ["chat:write"], "expires_at": None, "author": "ada"}
    return before.issue(issued.key.organization_id, issued.key.mentor_id, name="old", **asked).text


def test_check_of_a_miss_does_the_work_of_a_hit(engine, checks, issued, heard):
    works, statements = [], []
    old = issue_without_pepper(engine, issued)
    for text in (issued.text, forge(issued.text), make_key()[1], old, forge(old)):
        checks.forget(text[4:14])
        heard.clear()
        called = Counter(trace(checks, text))
        works.append({name: called[name] for name in COSTLY})
        statements.append(len(heard))

    assert works == [works[0]] * len(works)
    # Compared with what is remembered, and with what is read, which is under whichever pepper.
    covered = len(engine.keys.pepper_rows.peppers.known)
    hashed = {"openssl_sha256": 1, "hmac_digest": covered}
    assert works[0] == hashed | {"compare_digest": 2, "crc32": 1}
    assert statements == [1] * len(works)


def test_no_step_tells_a_wrong_secret_from_an_id_that_no_key_has(engine, checks, issued, heard):
    """Whatever the key is like that the id belongs to, and wherever the unknown id lies."""
    issue = functools.partial(
        engine.keys.issue,
        *(issued.key.organization_id, issued.key.mentor_id),
        scopes=["chat:write"],
        expires_at=None,
        author="ada",
    )
    remembered, counted = issue(name="remembered").text, issue(name="a month", monthly_quota=1)
    off = issue(name="off")
    engine.keys.deactivate(off.key.organization_id, off.key.mentor_id, off.key.id, "ada")
    right = trace(checks, remembered)
    old = issue_without_pepper(engine, issued)
    wrong = [forge(text) for text in (remembered, issued.text, counted.text, off.text, old)]
    heard.clear()

    steps = [trace(checks, text) for text in (*wrong, sign("mai_0000000000_" + "A" * 43), UNKNOWN)]

    assert steps == [steps[0]] * len(steps)
    assert len(heard) == len(steps)
    read = len(steps[0]) - steps[0][::-1].index("compare_digest")
    assert right[:read] == steps[0][:read]


@examples(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
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


def test_key_that_is_remembered_needs_no_pepper(checks, issued):
    checks.check(issued.text, scope=None, address="")

    called = Counter(trace(checks, issued.text))

    assert (called["openssl_sha256"], called["hmac_digest"]) == (1, 0)


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
