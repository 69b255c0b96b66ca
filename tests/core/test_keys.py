import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import select

from mentorai.core import hookimpl
from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.errors import (
    Conflict,
    InputRejected,
    KeyExpired,
    KeyInactive,
    KeyMissing,
    KeyScopeTooSmall,
    KeyUnknown,
    NotFound,
)
from mentorai.core.key_checks import KeyChecks
from mentorai.core.key_rows import api_keys
from mentorai.core.key_text import make_key
from mentorai.core.keys import SCOPES, TEMPLATES, IssuedKey, Keys
from mentorai.core.mentors import Mentor
from mentorai.core.scopes import PROVISIONING_SCOPES
from mentorai.core.settings import Settings


@pytest.fixture
def keys(engine: Engine) -> Keys:
    return engine.keys


@pytest.fixture
def issue(keys: Keys, mentor: Mentor):
    """Issue a key of the mentor; anything may be said otherwise."""

    def make(name: str = "LMS", **facts) -> IssuedKey:
        asked = {"scopes": ["chat:write"], "expires_at": None, "author": "ada"} | facts
        return keys.issue(mentor.organization_id, mentor.id, name=name, **asked)

    return make


@pytest.fixture
def other_mentor(engine: Engine, mentor: Mentor) -> Mentor:
    return engine.mentors.add(mentor.organization_id, "Deep Sea")


def check(keys: Keys, text: str | None, scope: str | None = None):
    return keys.check(text, scope=scope, address="192.0.2.1")


# --- issuing ------------------------------------------------------------------------------


def test_key_is_accepted_once_it_was_issued(keys, issue, mentor):
    issued = issue(scopes=["grades:read", "chat:write"])

    checked = check(keys, issued.text, "chat:write")

    assert checked.id == issued.key.id
    assert checked.organization_id == mentor.organization_id
    assert checked.mentor_id == mentor.id
    assert checked.scopes == {"chat:write", "grades:read"}
    assert checked.kind == "mentor"


def test_secret_is_nowhere_in_the_database(engine, issue):
    issued = issue()

    with engine.database.read() as connection:
        row = connection.execute(select(api_keys)).one()
        log = engine.audit.list(issued.key.organization_id)
    kept = " ".join(map(str, row)) + str(log)

    assert issued.text[15:58] not in kept
    assert row.last_four == issued.text[-4:]


def test_secret_is_not_in_what_python_prints_of_an_issued_key(issue):
    issued = issue()

    assert issued.text not in repr(issued)
    assert issued.key.hint == f"mai_{issued.key.id}_…{issued.text[-4:]}"


@pytest.mark.parametrize(
    "name",
    [
        "LMS-integration-Aug 2025",
        "LMS\u2011integration\u2011Aug\u00a02025",
        "Übung 数学 ελληνικά",
        "👩\u200d🔬 lab",
        "می\u200cخواهم",
        "x" * 100,
        "'; DROP TABLE api_keys; --",
        "<b>bold</b>",
    ],
)
def test_name_is_shown_back_unchanged(issue, name):
    assert issue(name).key.name == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        "\u00a0",
        "\u200d",
        "x" * 101,
        "a\nb",
        "a\tb",
        "a\0b",
        "a\x7fb",
        "a\u202eb",
        "a\u2028b",
        "a\ud800b",
        "a\ufeffb",
    ],
)
def test_name_is_refused_when_it_cannot_be_seen_or_is_too_long(issue, name):
    with pytest.raises(InputRejected) as caught:
        issue(name)

    assert caught.value.errors.keys() == {"name"}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("LMS", "lms"),
        ("Straße", "STRASSE"),
        ("Ünion", "U\u0308NION"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
    ],
)
def test_name_is_refused_when_another_differs_in_case_only(issue, first, second):
    issue(first)

    with pytest.raises(InputRejected) as caught:
        issue(second)

    assert caught.value.errors.keys() == {"name"}


def test_name_may_be_the_same_in_another_mentor(keys, issue, other_mentor):
    issue("LMS")

    issued = keys.issue(
        other_mentor.organization_id,
        other_mentor.id,
        name="LMS",
        scopes=["chat:write"],
        expires_at=None,
        author="ada",
    )

    assert issued.key.name == "LMS"


def test_name_is_free_again_when_its_key_was_deleted(keys, issue, mentor):
    first = issue("LMS")
    keys.delete(mentor.organization_id, mentor.id, first.key.id, "ada")

    assert issue("LMS").key.id != first.key.id


def test_one_key_is_made_when_many_ask_for_a_name_at_once(keys, issue, mentor):
    start = threading.Barrier(8)

    def ask(_: int) -> bool:
        start.wait()
        try:
            issue("LMS")
        except InputRejected:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(ask, range(8)))

    assert made.count(True) == 1
    assert len(keys.list(mentor.organization_id, mentor.id)) == 1


def test_one_key_is_made_when_a_form_is_sent_twice(keys, issue, mentor):
    issue("LMS", once="form-1")

    with pytest.raises(Conflict):
        issue("LMS", once="form-1")

    assert len(keys.list(mentor.organization_id, mentor.id)) == 1


def test_form_sent_twice_is_noticed_when_the_name_was_changed_meanwhile(issue):
    issue("LMS", once="form-1")

    with pytest.raises(Conflict):
        issue("Other", once="form-1")


@pytest.mark.parametrize(
    "scopes", [[], ["chat"], ["chat:write", "keys:admin"], ["*"], ["CHAT:WRITE"]]
)
def test_scopes_are_refused_when_none_or_unknown(issue, scopes):
    with pytest.raises(InputRejected) as caught:
        issue(scopes=scopes)

    assert caught.value.errors.keys() == {"scopes"}


def test_scopes_named_twice_are_kept_once(issue):
    assert issue(scopes=["chat:write", "chat:write"]).key.scopes == ("chat:write",)


def test_every_template_asks_for_scopes_that_exist():
    assert all(set(scopes) <= set(SCOPES) and scopes for scopes in TEMPLATES.values())


def test_key_lasts_thirty_days_when_nothing_is_said(issue):
    issued = issue()

    left = issued.key.expires_at - now()

    assert timedelta(days=29, hours=23) < left <= timedelta(days=30)


@pytest.mark.parametrize(
    "expires_at",
    [
        datetime(2020, 1, 1, tzinfo=UTC),
        datetime(2999, 1, 1, tzinfo=UTC),
        datetime(2999, 1, 1),  # noqa: DTZ001
    ],
)
def test_expiry_is_refused_when_past_too_far_or_without_a_zone(issue, expires_at):
    with pytest.raises(InputRejected) as caught:
        issue(expires_at=expires_at)

    assert caught.value.errors.keys() == {"expires_at"}


def test_expiry_may_be_the_end_of_the_last_day_allowed(issue):
    day = (now() + timedelta(days=365)).date()
    end = datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC)

    assert issue(expires_at=end).key.expires_at == end


def test_key_without_end_is_refused_when_policy_forbids(issue):
    with pytest.raises(InputRejected):
        issue(never=True)


def test_key_without_end_is_made_when_policy_allows(data_dir):
    engine = Engine.open(Settings(data_dir=data_dir, key_never_expires=True), plugins=[])
    organization_id = engine.organizations.get().id
    mentor = engine.mentors.add(organization_id, "Tidal Pools")

    issued = engine.keys.issue(
        organization_id,
        mentor.id,
        name="LMS",
        scopes=["chat:write"],
        expires_at=None,
        never=True,
        author="ada",
    )
    engine.close()

    assert issued.key.expires_at is None


def test_all_that_is_wrong_is_said_at_once(issue):
    with pytest.raises(InputRejected) as caught:
        issue("", scopes=[], expires_at=datetime(2020, 1, 1, tzinfo=UTC))

    assert caught.value.errors.keys() == {"name", "scopes", "expires_at"}


def test_key_is_refused_for_a_mentor_that_is_not_there(keys, mentor):
    with pytest.raises(NotFound):
        keys.issue(
            "another organization",
            mentor.id,
            name="LMS",
            scopes=["chat:write"],
            expires_at=None,
            author="ada",
        )


def test_provisioning_key_belongs_to_no_mentor(keys, mentor):
    issued = keys.issue(
        mentor.organization_id,
        None,
        kind="provisioning",
        name="Semester start",
        scopes=list(PROVISIONING_SCOPES),
        expires_at=None,
        author="it",
    )

    assert check(keys, issued.text).mentor_id is None
    assert [key.name for key in keys.list(mentor.organization_id, None)] == ["Semester start"]
    assert keys.list(mentor.organization_id, mentor.id) == []


def test_provisioning_key_cannot_have_a_mentor_keys_scopes(keys, mentor):
    with pytest.raises(InputRejected):
        keys.issue(
            mentor.organization_id,
            None,
            kind="provisioning",
            name="Semester start",
            scopes=["sessions:read"],
            expires_at=None,
            author="it",
        )


# --- checking -----------------------------------------------------------------------------


@pytest.mark.parametrize("text", [None, ""])
def test_key_is_missing_when_none_was_sent(keys, text):
    with pytest.raises(KeyMissing):
        check(keys, text)


def test_key_is_refused_when_it_was_never_issued(keys, issue):
    issue()

    with pytest.raises(KeyUnknown):
        check(keys, make_key()[1])


def test_key_is_refused_when_only_its_id_is_right(keys, issue, monkeypatch):
    issued = issue()
    drawn = iter([issued.key.id, "A" * 43])
    monkeypatch.setattr("mentorai.core.key_text._draw", lambda length: next(drawn))
    forged = make_key()[1]

    with pytest.raises(KeyUnknown):
        check(keys, forged)


def test_key_is_refused_when_a_scope_is_lacking(keys, issue):
    issued = issue(scopes=["chat:write"])

    with pytest.raises(KeyScopeTooSmall) as caught:
        check(keys, issued.text, "grades:write")

    assert caught.value.scope == "grades:write"


def test_key_is_refused_when_it_has_expired(keys, issue):
    issued = issue(expires_at=now() + timedelta(days=1))

    with (
        time_machine.travel(now() + timedelta(days=1, seconds=1), tick=False),
        pytest.raises(KeyExpired),
    ):
        check(keys, issued.text)


def test_key_is_refused_at_once_when_it_was_deactivated(keys, issue, mentor):
    issued = issue()
    check(keys, issued.text)

    keys.deactivate(mentor.organization_id, mentor.id, issued.key.id, "ada")

    with pytest.raises(KeyInactive):
        check(keys, issued.text)


def test_key_is_accepted_again_when_it_was_activated(keys, issue, mentor):
    issued = issue()
    where = (mentor.organization_id, mentor.id, issued.key.id)
    keys.deactivate(*where, "ada")

    keys.activate(*where, "ada")

    assert check(keys, issued.text).id == issued.key.id


def test_key_is_refused_for_good_when_it_was_deleted(keys, issue, mentor):
    issued = issue()
    where = (mentor.organization_id, mentor.id, issued.key.id)

    keys.delete(*where, "ada")

    with pytest.raises(KeyInactive):
        check(keys, issued.text)
    with pytest.raises(NotFound):
        keys.activate(*where, "ada")


def test_deactivation_in_another_process_is_felt_within_a_second(engine, keys, issue, mentor):
    issued = issue()
    elsewhere = KeyChecks(engine.database)
    elsewhere.check(issued.text, scope=None, address="")
    keys.deactivate(mentor.organization_id, mentor.id, issued.key.id, "ada")

    threading.Event().wait(0.9)

    with pytest.raises(KeyInactive):
        elsewhere.check(issued.text, scope=None, address="")


# --- listing and changing -----------------------------------------------------------------


def test_list_is_newest_first_and_without_deleted_keys(keys, issue, mentor):
    for name in ("one", "two", "three"):
        last = issue(name)
    keys.delete(mentor.organization_id, mentor.id, last.key.id, "ada")

    names = [key.name for key in keys.list(mentor.organization_id, mentor.id)]

    assert names == ["two", "one"]


def test_state_is_what_it_is_now(keys, issue, mentor):
    issued = issue(expires_at=now() + timedelta(days=1))
    where = (mentor.organization_id, mentor.id, issued.key.id)

    active = issued.key.state
    inactive = keys.deactivate(*where, "ada").state
    with time_machine.travel(now() + timedelta(days=2), tick=False):
        expired = keys.get(*where).state
    revoked = keys.delete(*where, "ada").state

    assert (active, inactive, expired, revoked) == ("active", "inactive", "expired", "revoked")


@pytest.mark.parametrize("act", ["get", "deactivate", "activate", "delete"])
def test_another_mentors_key_is_not_found(keys, issue, other_mentor, act):
    issued = issue()
    who = () if act == "get" else ("eve",)

    with pytest.raises(NotFound):
        getattr(keys, act)(other_mentor.organization_id, other_mentor.id, issued.key.id, *who)

    assert check(keys, issued.text).id == issued.key.id


@pytest.mark.parametrize("key_id", ["", "nothing", "' OR 1=1 --", "x" * 10_000])
def test_unknown_key_is_not_found(keys, mentor, key_id):
    with pytest.raises(NotFound):
        keys.get(mentor.organization_id, mentor.id, key_id)


def test_audit_tells_every_act_once(engine, keys, issue, mentor):
    issued = issue()
    where = (mentor.organization_id, mentor.id, issued.key.id)
    keys.deactivate(*where, "grace")
    keys.deactivate(*where, "grace")
    keys.activate(*where, "grace")
    keys.delete(*where, "ada")

    _, entries = engine.audit.list(mentor.organization_id, mentor.id)

    told = [(entry.action, entry.actor, entry.subject) for entry in reversed(entries)]
    assert told == [
        ("key_issued", "ada", issued.key.id),
        ("key_deactivated", "grace", issued.key.id),
        ("key_activated", "grace", issued.key.id),
        ("key_deleted", "ada", issued.key.id),
    ]


# --- last use -----------------------------------------------------------------------------


def test_last_use_is_seen_at_once_and_written_later(engine, keys, issue, mentor):
    issued = issue()
    check(keys, issued.text)
    where = (mentor.organization_id, mentor.id, issued.key.id)

    before = _written_use(engine)
    seen = keys.get(*where).last_used_at
    keys.flush()

    assert before is None
    assert seen is not None
    assert _written_use(engine) == seen
    assert keys.get(*where).last_used_ip == "192.0.2.1"


def test_last_use_only_goes_forward(engine, keys, issue):
    issued = issue()
    late = KeyChecks(engine.database)
    with time_machine.travel(now() + timedelta(hours=1), tick=False):
        check(keys, issued.text)
        latest = now()
    late.check(issued.text, scope=None, address="")

    keys.flush()
    late.uses.flush()

    assert _written_use(engine) == latest


def test_last_use_is_written_after_a_while_by_itself(engine, issue, monkeypatch):
    monkeypatch.setattr("mentorai.core.key_uses.FLUSH_SECONDS", 0.05)
    checks = KeyChecks(engine.database)
    checks.check(issue().text, scope=None, address="")

    deadline = time.monotonic() + 30
    while _written_use(engine) is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_last_use_is_written_when_the_engine_closes(data_dir):
    engine = Engine.open(Settings(data_dir=data_dir), plugins=[])
    organization_id = engine.organizations.get().id
    mentor = engine.mentors.add(organization_id, "Tidal Pools")
    issued = engine.keys.issue(
        organization_id,
        mentor.id,
        name="LMS",
        scopes=["chat:write"],
        expires_at=None,
        author="ada",
    )
    engine.check_key(issued.text, scope=None, address="")

    engine.close()

    again = Engine.open(Settings(data_dir=data_dir), plugins=[])
    assert again.keys.get(organization_id, mentor.id, issued.key.id).last_used_at is not None
    again.close()


# --- told ---------------------------------------------------------------------------------


class Listener:
    def __init__(self) -> None:
        self.heard: list[tuple[str, bool, str]] = []

    @hookimpl
    def key_checked(self, key_id: str, accepted: bool, code: str) -> None:
        self.heard.append((key_id, accepted, code))


def test_plugins_are_told_of_accepted_and_refused_keys(data_dir):
    listener = Listener()
    engine = Engine.open(Settings(data_dir=data_dir), plugins=[("listener", listener)])
    organization_id = engine.organizations.get().id
    mentor = engine.mentors.add(organization_id, "Tidal Pools")
    issued = engine.keys.issue(
        organization_id,
        mentor.id,
        name="LMS",
        scopes=["chat:write"],
        expires_at=None,
        author="ada",
    )

    engine.check_key(issued.text, scope=None, address="")
    with pytest.raises(KeyScopeTooSmall):
        engine.check_key(issued.text, scope="grades:read", address="")
    with pytest.raises(KeyUnknown):
        engine.check_key("no key at all", scope=None, address="")
    engine.close()

    assert listener.heard == [(issued.key.id, True, ""), (issued.key.id, False, "scope_missing")]


def _written_use(engine: Engine) -> datetime | None:
    with engine.database.read() as connection:
        return connection.execute(select(api_keys.c.last_used_at)).scalar_one()
