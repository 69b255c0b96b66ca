"""API keys under a pepper: made, checked, moved, refused; and what a start says of it."""

import re
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from mentorai.core.database import Database
from mentorai.core.engine import Engine
from mentorai.core.errors import ConfigurationError, KeyUnknown
from mentorai.core.key_peppers import Peppers
from mentorai.core.key_rows import api_keys
from mentorai.core.key_text import _check_of, digest_key, make_key, number_of
from mentorai.core.pepper_rows import key_peppers
from mentorai.core.settings import Settings

ONE, TWO = "1:" + "a" * 32, "2:" + "b" * 32


@pytest.fixture
def start(settings):
    """Start the installation once more, with these peppers."""
    started = []

    def start(peppers: str = "") -> Engine:
        changed = settings.model_validate(settings.model_dump() | {"key_peppers": peppers})
        started.append(Engine.open(changed, plugins=[]))
        return started[-1]

    yield start
    for engine in started:
        engine.close()


@pytest.fixture
def issue(mentor):
    """The text of a new key, and its id."""

    def issue(engine: Engine, name: str = "LMS") -> tuple[str, str]:
        issued = engine.keys.issue(
            mentor.organization_id,
            mentor.id,
            name=name,
            scopes=["chat:write"],
            expires_at=None,
            author="ada",
        )
        return issued.text, issued.key.id

    return issue


def check(engine: Engine, text: str) -> str:
    return engine.keys.check(text, scope="chat:write", address="192.0.2.1").id


def printed(refused: pytest.ExceptionInfo[Exception]) -> str:
    """All that a traceback would show, causes too."""
    return "".join(traceback.format_exception(refused.value))


def read_kept(database: Database, key_id: str) -> str:
    with database.read() as connection:
        query = select(api_keys.c.digest).where(api_keys.c.id == key_id)
        return connection.execute(query).scalar_one()


def test_key_is_kept_under_the_newest_pepper_and_works(start, issue):
    engine = start(f"{TWO} {ONE}")

    text, key_id = issue(engine)

    assert check(engine, text) == key_id
    kept = read_kept(engine.database, key_id)
    assert kept.startswith("hmac-sha256$v2$")
    assert digest_key(text).removeprefix("sha256$") not in kept


def test_keys_of_older_peppers_and_of_none_go_on_working(start, issue):
    bare, one = issue(start()), issue(start(ONE), "one")

    engine = start(f"{ONE} {TWO}")

    assert check(engine, bare[0]) == bare[1]
    assert check(engine, one[0]) == one[1]


def test_rotated_key_is_kept_under_the_newest_pepper(start, issue, mentor):
    _, key_id = issue(start(ONE))
    engine = start(f"{ONE} {TWO}")

    where = (mentor.organization_id, mentor.id, key_id)
    issued = engine.keys.rotate(*where, overlap_seconds=3600, author="ada")

    assert read_kept(engine.database, issued.key.id).startswith("hmac-sha256$v2$")
    assert check(engine, issued.text) == issued.key.id


def test_wrong_secret_is_refused_whatever_pepper_the_key_is_under(start, issue):
    bare, one = issue(start()), issue(start(ONE), "one")
    engine = start(f"{ONE} {TWO}")
    for text, _ in (bare, one):
        body = text[:15] + "A" * 43
        with pytest.raises(KeyUnknown):
            check(engine, body + _check_of(body))


def test_use_of_a_key_does_not_change_how_it_is_kept(start, issue):
    text, key_id = issue(start())
    engine = start(ONE)

    check(engine, text)
    engine.keys.flush()

    assert read_kept(engine.database, key_id).startswith("sha256$")


def test_keys_without_a_pepper_are_put_under_one_and_stay_the_same(start, issue, mentor):
    text, key_id = issue(start())
    other = issue(start(ONE), "one")
    engine = start(f"{ONE} {TWO}")

    assert engine.keys.pepper_rows.cover("command line") == 1
    assert engine.keys.pepper_rows.cover("command line") == 0

    assert read_kept(engine.database, key_id).startswith("hmac-sha256$v2$")
    assert check(engine, text) == key_id
    assert check(engine, other[0]) == other[1]
    _, (entry,) = engine.audit.list(mentor.organization_id, topic="key_peppered")
    assert (entry.actor, entry.subject, entry.facts) == ("command line", "2", {"keys": 1})


def test_process_that_remembers_a_key_goes_on_when_it_was_put_under_a_pepper(start, issue):
    text, key_id = issue(start())
    engine = start(ONE)
    check(engine, text)

    start(ONE).keys.pepper_rows.cover("command line")

    assert check(engine, text) == key_id
    engine.keys._checks._memory.clear()
    assert check(engine, text) == key_id


def test_row_that_somebody_wrote_is_refused_once_keys_without_a_pepper_are(start, issue):
    """Who can write the table, and has no pepper, can make no key."""
    _, key_id = issue(start(ONE))
    engine = start(f"{ONE} 0:refused")
    forged = make_key()[1]
    with engine.database.write() as connection:
        facts = {"digest": digest_key(forged), "id": forged[4:14]}
        connection.execute(
            api_keys.update()
            .where(api_keys.c.id == key_id)
            .values(facts | {"number": number_of(forged[4:14])})
        )

    with pytest.raises(KeyUnknown):
        check(engine, forged)
    assert check(start(ONE), forged) == forged[4:14]


def test_start_says_how_many_keys_need_the_pepper_that_is_missing(start, issue, mentor):
    one = start(ONE)
    for name in ("a", "b", "c"):
        key = issue(one, name)
    one.keys.delete(mentor.organization_id, mentor.id, key[1], "ada")

    with pytest.raises(ConfigurationError) as refused:
        start(TWO)

    assert "MENTORAI_KEY_PEPPERS" in refused.value.message
    assert "2 API keys need version 1, which is not there." in refused.value.message
    assert "b" * 32 not in refused.value.message


def test_pepper_that_no_living_key_needs_may_go(start, issue, mentor):
    engine = start(ONE)
    _, key_id = issue(engine)
    engine.keys.delete(mentor.organization_id, mentor.id, key_id, "ada")

    start(TWO)
    start()


def test_start_refuses_another_secret_of_the_same_version(start):
    start(ONE)

    with pytest.raises(ConfigurationError, match=r"version 1 is not the secret"):
        start("1:" + "c" * 32)


def test_of_two_first_starts_with_different_secrets_one_is_refused(start):
    start()

    def begin(peppers: str) -> bool:
        try:
            start(peppers)
        except ConfigurationError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        begun = list(pool.map(begin, [ONE, "1:" + "c" * 32]))

    assert sorted(begun) == [False, True]


def test_lost_pepper_is_declared_and_its_keys_are_refused_until_they_are_rotated(
    start, issue, mentor
):
    text, key_id = issue(start(ONE))
    engine = start(f"1:refused {TWO}")

    with pytest.raises(KeyUnknown):
        check(engine, text)
    where = (mentor.organization_id, mentor.id, key_id)
    issued = engine.keys.rotate(*where, overlap_seconds=0, author="ada")

    assert check(engine, issued.text) == issued.key.id


def test_keys_are_not_put_under_a_pepper_that_there_is_not(start):
    with pytest.raises(ConfigurationError, match="there is no pepper yet"):
        start().keys.pepper_rows.cover("command line")


def test_database_holds_nothing_of_a_pepper(start):
    engine = start(ONE)

    with engine.database.read() as connection:
        (row,) = connection.execute(select(key_peppers)).all()

    assert row.version == 1
    assert "aaaa" not in row.proof


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("secret-without-a-version-of-its-own-at-all", "entry 1 does not look like 1:secret"),
        (f"{ONE} two:{'b' * 32}", "entry 2 does not look like 1:secret"),
        ("1:tooshort", "the secret of version 1 has fewer than 32 characters"),
        (f"{ONE} 1:{'b' * 32}", "a version is there twice"),
        (f"{ONE} 2:{'a' * 32}", "two versions have the same secret"),
        (f"0:{'a' * 32}", "versions of peppers begin with 1"),
        ("0:refused", "keys without a pepper are refused, and there is no pepper for new ones"),
        (f"12345:{'a' * 32}", "entry 1 does not look like 1:secret"),
    ],
)
def test_malformed_setting_is_told_and_nothing_of_it_repeated(text, said):
    with pytest.raises(ConfigurationError) as refused:
        Settings.load(key_peppers=text)

    assert f"MENTORAI_KEY_PEPPERS (key_peppers in the settings file): {said}." in str(refused.value)
    assert re.search("aaaa|bbbb|tooshort|of-its-own", printed(refused)) is None


def test_file_with_peppers_that_others_can_read_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("MENTORAI_DATA_DIR", str(tmp_path))
    file = tmp_path / "mentorai.toml"
    file.write_text(f'key_peppers = "{ONE}"\n')

    file.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        Settings.load()
    file.chmod(0o600)

    assert Settings.load().key_peppers.get_secret_value() == ONE


def test_pepper_shows_itself_nowhere():
    settings, peppers = Settings.load(key_peppers=ONE), Peppers(ONE)

    shown = f"{peppers!r} {peppers.known!r} {peppers.newest!r} {settings!r}"

    assert "aaaa" not in shown + settings.model_dump_json()
