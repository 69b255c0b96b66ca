"""Rotation, policy, addresses, limits, reminders and counts of API keys."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from uuid import uuid4

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mentorai.core import hookimpl
from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.errors import (
    Conflict,
    InputRejected,
    KeyAddressRefused,
    KeyExpired,
    KeyInactive,
    NotFound,
    RateLimited,
)
from mentorai.core.key_reminders import find_reminded
from mentorai.core.key_rules import is_name
from mentorai.core.keys import OVERLAPS, IssuedKey
from mentorai.core.scopes import SCOPES

DAY = timedelta(days=1)
SEED_NAME = "LMS‑integration‑Aug 2025"


@pytest.fixture
def keys(engine):
    return engine.keys


@pytest.fixture
def place(mentor) -> tuple[str, str]:
    return mentor.organization_id, mentor.id


@pytest.fixture
def issue(keys, place):
    def make(name: str = "LMS", **facts) -> IssuedKey:
        asked = {"scopes": ["chat:write"], "expires_at": None, "author": "ada"} | facts
        return keys.issue(*place, name=name, **asked)

    return make


def check(keys, text, address="192.0.2.1"):
    return keys.check(text, scope=None, address=address, route="GET /key")


def rotate(keys, place, issued, overlap_seconds):
    return keys.rotate(*place, issued.key.id, overlap_seconds=overlap_seconds, author="ada")


# --- the end ------------------------------------------------------------------------------


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    microseconds=st.integers(60 * 10**6, 30 * 86400 * 10**6),
    zone=st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
def test_key_lives_to_the_very_instant_of_its_end(keys, issue, microseconds, zone):
    end = (now() + timedelta(microseconds=microseconds)).astimezone(zone)
    text = issue(f"Key {uuid4()}", expires_at=end).text

    with time_machine.travel(end - timedelta(microseconds=1), tick=False):
        assert check(keys, text)
    with time_machine.travel(end, tick=False), pytest.raises(KeyExpired):
        check(keys, text)


# --- rotation -----------------------------------------------------------------------------


def test_rotated_key_has_the_same_settings_and_another_secret(keys, place, issue):
    old = issue(
        SEED_NAME,
        scopes=["chat:write", "grades:read"],
        expires_at=now() + 90 * DAY,
        allowed_ips=["192.0.2.0/24"],
        rate_limit=7,
        monthly_quota=9,
    )

    new = rotate(keys, place, old, 86400)

    for fact in ("name", "scopes", "allowed_ips", "rate_limit", "monthly_quota", "kind"):
        assert getattr(new.key, fact) == getattr(old.key, fact)
    assert new.key.id != old.key.id
    assert abs(new.key.expires_at - old.key.expires_at) < timedelta(minutes=1)
    assert keys.get(*place, old.key.id).replaced_by == new.key.id


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(overlap=st.sampled_from(list(OVERLAPS)), hours_left=st.integers(1, 24 * 30))
def test_old_key_lives_for_the_overlap_and_never_past_its_end(keys, place, overlap, hours_left):
    made = now()
    end = made + timedelta(hours=hours_left)
    old = keys.issue(
        *place,
        name=f"Key {uuid4()}",
        scopes=["chat:write"],
        expires_at=end,
        author="ada",
    )
    with time_machine.travel(made + timedelta(seconds=30), tick=False):
        new = rotate(keys, place, old, overlap)
        lasts = min(end, now() + timedelta(seconds=overlap))

    if overlap:
        with time_machine.travel(lasts - timedelta(seconds=1), tick=False):
            assert check(keys, old.text).id == old.key.id
    with (
        time_machine.travel(lasts, tick=False),
        pytest.raises(KeyExpired if overlap else KeyInactive),
    ):
        check(keys, old.text)
    assert check(keys, new.text).id == new.key.id


def test_key_is_rotated_once_when_many_ask_at_once(keys, place, issue):
    old = issue()

    def ask(_: int) -> bool:
        try:
            rotate(keys, place, old, 3600)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(ask, range(50)))

    assert made.count(True) == 1
    assert len(keys.list(*place)) == 2


def test_key_that_expired_is_not_rotated(keys, place, issue):
    old = issue(expires_at=now() + DAY)

    with time_machine.travel(now() + 2 * DAY, tick=False), pytest.raises(Conflict):
        rotate(keys, place, old, 0)


def test_key_that_is_stopped_stays_so_when_it_is_rotated(keys, place, issue):
    old = issue()
    keys.deactivate(*place, old.key.id, "ada")

    new = rotate(keys, place, old, 3600)

    assert check(keys, new.text)
    with pytest.raises(KeyInactive):
        check(keys, old.text)


@pytest.mark.parametrize("seconds", [-1, 1, 604801, 10**12])
def test_overlap_is_one_of_four(keys, place, issue, seconds):
    with pytest.raises(InputRejected):
        rotate(keys, place, issue(), seconds)


def test_another_mentors_key_is_not_rotated(engine, keys, place, issue):
    other = engine.mentors.add(place[0], "Deep Sea")

    with pytest.raises(NotFound):
        rotate(keys, (place[0], other.id), issue(), 0)


def test_rotation_is_in_the_audit_on_both_keys(engine, keys, place, issue):
    old = issue()
    new = rotate(keys, place, old, 0)

    _, entries = engine.audit.list(*place, topic="key_")

    told = [(entry.action, entry.subject) for entry in entries]
    assert told == [
        ("key_issued", new.key.id),
        ("key_rotated", old.key.id),
        ("key_issued", old.key.id),
    ]
    assert entries[1].facts["replaced_by"] == new.key.id


# --- policy -------------------------------------------------------------------------------


def allow(keys, place, **facts):
    asked = {"max_days": 365, "may_never_expire": False, "scopes": list(SCOPES), "author": "it"}
    return keys.policies.put(place[0], **(asked | facts))


def test_policy_is_that_of_the_settings_until_it_is_set(keys, place):
    policy = keys.policies.get(place[0])

    assert (policy.max_days, policy.may_never_expire, policy.usual_days) == (365, False, 30)
    assert set(SCOPES) < set(policy.scopes)


def test_policy_shortens_what_is_offered_and_allowed(keys, place, issue):
    allow(keys, place, max_days=7)

    issued = issue()

    assert issued.key.expires_at - now() <= 7 * DAY
    with pytest.raises(InputRejected) as caught:
        issue("Long", expires_at=now() + 30 * DAY)
    assert caught.value.errors.keys() == {"expires_at"}


def test_policy_lets_keys_live_without_end(keys, place, issue):
    allow(keys, place, may_never_expire=True)

    assert issue(never=True).key.expires_at is None


def test_scope_that_policy_holds_back_is_refused_also_at_rotation(keys, place, issue):
    old = issue(scopes=["chat:write", "grades:write"])
    allow(keys, place, scopes=["chat:write"])

    with pytest.raises(InputRejected) as caught:
        issue("Other", scopes=["grades:write"])
    with pytest.raises(InputRejected):
        rotate(keys, place, old, 0)
    assert "grades:write" in caught.value.errors["scopes"][0]
    assert check(keys, old.text)


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"max_days": 0}, "max_days"),
        ({"max_days": 3651}, "max_days"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["*"]}, "scopes"),
    ],
)
def test_policy_that_makes_no_sense_is_refused(keys, place, facts, field):
    with pytest.raises(InputRejected) as caught:
        allow(keys, place, **facts)

    assert caught.value.errors.keys() == {field}


# --- addresses ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allowed", "address", "may"),
    [
        (["192.0.2.7"], "192.0.2.7", True),
        (["192.0.2.7"], "192.0.2.8", False),
        (["10.0.0.0/8", "2001:db8::/32"], "10.255.0.1", True),
        (["10.0.0.0/8", "2001:db8::/32"], "2001:db8:1::5", True),
        (["10.0.0.0/8"], "::ffff:10.1.2.3", True),
        (["::ffff:10.0.0.0/104"], "10.1.2.3", True),
        (["::ffff:10.1.2.3"], "10.1.2.4", False),
        (["10.1.2.3/8"], "10.9.9.9", True),
        (["2001:db8::/32"], "10.0.0.1", False),
        (["0.0.0.0/0"], "", False),
        (["0.0.0.0/0"], "unknown", False),
        (["0.0.0.0/0"], "10.0.0.1:443", False),
    ],
)
def test_key_works_from_the_addresses_it_allows(keys, issue, allowed, address, may):
    issued = issue(allowed_ips=allowed)

    if may:
        assert check(keys, issued.text, address)
    else:
        with pytest.raises(KeyAddressRefused):
            check(keys, issued.text, address)


@pytest.mark.parametrize(
    "text", ["", "10.0.9", "10.0.0.0/33", "fe80::1%eth0/64", "a.example", "x" * 500]
)
def test_address_that_is_none_is_refused_and_not_repeated(issue, text):
    with pytest.raises(InputRejected) as caught:
        issue(allowed_ips=["192.0.2.1", text])

    [sentence] = caught.value.errors["allowed_ips"]
    assert sentence.startswith("Number 2 ")
    assert not text or text not in sentence


def test_addresses_are_not_without_number(issue):
    with pytest.raises(InputRejected):
        issue(allowed_ips=[f"10.0.0.{n}" for n in range(51)])


# --- the month's calls --------------------------------------------------------------------


def test_month_of_calls_ends_with_its_quota_also_across_flushes(keys, issue):
    issued = issue(monthly_quota=3)
    for _ in range(2):
        check(keys, issued.text)
    keys.flush()
    check(keys, issued.text)

    with pytest.raises(RateLimited) as caught:
        check(keys, issued.text)
    assert 0 < caught.value.retry_after_seconds <= 31 * 86400 + 1
    assert [use.calls for use in keys.uses.list_routes(issued.key.id, 30)] == [3]


def test_quota_is_exact_when_many_call_at_once(keys, issue):
    issued = issue(monthly_quota=20)

    def call(_: int) -> bool:
        try:
            check(keys, issued.text)
        except RateLimited:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(call, range(50)))

    assert taken.count(True) == 20


def test_quota_begins_anew_with_the_month(keys, issue):
    with time_machine.travel(datetime(2027, 1, 31, 23, 59, 58, tzinfo=UTC), tick=False):
        issued = issue(monthly_quota=1)
        check(keys, issued.text)
        keys.flush()
        with pytest.raises(RateLimited) as caught:
            check(keys, issued.text)
    with time_machine.travel(datetime(2027, 2, 1, 0, 0, 1, tzinfo=UTC), tick=False):
        keys._checks.forget(issued.key.id)

        assert check(keys, issued.text)
    assert caught.value.retry_after_seconds == 3


def test_calls_of_the_month_before_that_are_not_written_yet_use_up_nothing_of_the_next(keys, issue):
    """Else a caller is sent away for a whole month in its first minute."""
    edge = datetime(2027, 2, 1, tzinfo=UTC)
    with time_machine.travel(edge - timedelta(seconds=0.1), tick=False) as clock:
        issued = issue(monthly_quota=2)
        for _ in range(2):
            check(keys, issued.text)
        with pytest.raises(RateLimited):
            check(keys, issued.text)
        clock.shift(0.2)

        for _ in range(2):
            assert check(keys, issued.text)
        with pytest.raises(RateLimited):
            check(keys, issued.text)
        keys.flush()
        with pytest.raises(RateLimited):
            check(keys, issued.text)


@pytest.mark.parametrize("field", ["rate_limit", "monthly_quota"])
@pytest.mark.parametrize("number", [0, -1, 10**12])
def test_limit_is_a_number_of_calls(issue, field, number):
    with pytest.raises(InputRejected) as caught:
        issue(**{field: number})

    assert caught.value.errors.keys() == {field}


# --- counts -------------------------------------------------------------------------------


def test_calls_are_counted_by_day_and_route(keys, issue):
    issued = issue()
    yesterday = now() - DAY
    with time_machine.travel(yesterday, tick=False):
        keys.uses.take(issued.key.id, now(), "", "GET /key", None)
    for _ in range(2):
        keys.uses.take(issued.key.id, now(), "", "POST /chat", None)
    keys.flush()
    keys.uses.take(issued.key.id, now(), "", "POST /chat", None)

    days = keys.uses.list_days(issued.key.id, 3)
    routes = keys.uses.list_routes(issued.key.id, 3)

    assert [calls for _, calls in days] == [0, 1, 3]
    assert [(use.route, use.calls) for use in routes] == [("POST /chat", 3), ("GET /key", 1)]


def test_counts_of_long_ago_are_forgotten(keys, issue):
    issued = issue()
    keys.uses.take(issued.key.id, now() - 401 * DAY, "", "GET /key", None)
    keys.uses.take(issued.key.id, now(), "", "GET /key", None)
    keys.flush()

    keys.uses.prune()

    assert [use.calls for use in keys.uses.list_routes(issued.key.id, 500)] == [1]


# --- reminders ----------------------------------------------------------------------------


class Listener:
    def __init__(self) -> None:
        self.heard: list[tuple[str, int]] = []

    @hookimpl
    def key_expiring(self, key_id: str, days_left: int) -> None:
        self.heard.append((key_id, days_left))


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def reminding(settings, listener):
    engine = Engine.open(settings, plugins=[("listener", listener)])
    yield engine
    engine.close()


def test_each_reminder_of_a_key_is_told_once(reminding, listener):
    organization_id = reminding.organizations.get().id
    mentor = reminding.mentors.add(organization_id, "Tidal Pools")
    made = now()
    key = reminding.keys.issue(
        organization_id,
        mentor.id,
        name="LMS",
        scopes=["chat:write"],
        expires_at=made + 30 * DAY,
        author="ada",
    ).key

    for days in (1, 15.9, 16.1, 20, 23.1, 24, 29.5, 29.6, 31):
        with time_machine.travel(made + days * DAY, tick=False):
            reminding.key_reminders.tell()

    assert listener.heard == [(key.id, 14), (key.id, 7), (key.id, 1)]


@pytest.mark.parametrize(
    ("days", "reminded"), [(None, None), (30, None), (14, 14), (10, 14), (7, 7), (2, 7), (1, 1)]
)
def test_maker_of_a_short_lived_key_is_not_told_what_they_chose(days, reminded):
    end = None if days is None else now() + days * DAY

    assert find_reminded(now(), end) == reminded


# --- names --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "same"),
    [
        (SEED_NAME, True),
        ("LMS-integration-Aug 2025", True),
        (" lms-integration-aug 2025 ", True),
        ("LMS-integration-Aug", False),
        ("", False),
    ],
)
def test_name_is_typed_on_any_keyboard(typed, same):
    assert is_name(typed, SEED_NAME) is same
