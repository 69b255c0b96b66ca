"""How many calls a key may make, and what its answers say of it."""

import pytest
import time_machine

from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.rate_limits import RateLimits
from mentorai.core.settings import Settings
from mentorai.web.app import create_app

NOON = now().replace(hour=12, minute=0, second=18, microsecond=0)


@pytest.fixture
def limited(settings):
    engine = Engine.open(settings.model_copy(update={"key_calls_per_minute": 3}), plugins=[])
    yield engine
    engine.close()


@pytest.fixture
def issue(limited):
    organization_id = limited.organizations.get().id
    mentor = limited.mentors.add(organization_id, "Tidal Pools")

    def make(name: str, **facts) -> str:
        asked = {"scopes": ["grades:read"], "expires_at": None, "author": "test"} | facts
        return limited.keys.issue(organization_id, mentor.id, name=name, **asked).text

    return make


@pytest.fixture
def get(limited):
    client = create_app(limited).test_client()
    return lambda key, path="key": client.get(f"/api/v1/{path}", headers={"X-API-Key": key})


def test_calls_past_the_limit_are_refused_until_the_next_minute(get, issue):
    key, other = issue("one"), issue("two")
    with time_machine.travel(NOON, tick=False):
        first = get(key)
        for _ in range(2):
            get(key)
        answer, another = get(key), get(other)
    with time_machine.travel(NOON.replace(minute=1, second=0), tick=False):
        later = get(key)

    assert first.headers["RateLimit"] == '"key";r=2;t=42'
    assert first.headers["RateLimit-Policy"] == '"key";q=3;w=60'
    assert (answer.status_code, answer.json["code"]) == (429, "rate_limited")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Retry-After"] == "42"
    assert answer.headers["RateLimit"] == '"key";r=0;t=42'
    assert (another.status_code, later.status_code) == (200, 200)


def test_key_may_have_a_limit_of_its_own(get, issue):
    with time_machine.travel(NOON, tick=False):
        key = issue("one", rate_limit=1)

        assert [get(key).status_code for _ in range(2)] == [200, 429]
        assert get(issue("two", rate_limit=50)).json["limits"]["calls_per_minute"] == 50


def test_month_of_calls_that_is_used_up_is_told_with_the_time_to_wait(get, issue):
    key = issue("one", monthly_quota=1)
    limits = get(key).json["limits"]

    answer = get(key)

    assert limits["calls_per_month"] == 1
    assert (answer.status_code, answer.json["code"]) == (429, "rate_limited")
    assert int(answer.headers["Retry-After"]) > 0
    assert "month" in answer.json["detail"]


def test_calls_past_the_minutes_limit_do_not_count_against_the_month(limited, get, issue):
    key = issue("one", rate_limit=1, monthly_quota=2)
    with time_machine.travel(NOON, tick=False):
        refused = [get(key).status_code for _ in range(4)]
    with time_machine.travel(NOON.replace(minute=1), tick=False):
        last = get(key)
    with time_machine.travel(NOON.replace(minute=2), tick=False):
        used_up = get(key)

    assert refused == [200, 429, 429, 429]
    assert last.status_code == 200
    assert used_up.status_code == 429
    assert "month" in used_up.json["detail"]
    (mentor,) = limited.mentors.list(limited.organizations.get().id)
    (listed,) = limited.keys.list(mentor.organization_id, mentor.id)
    assert [use.calls for use in limited.keys.uses.list_routes(listed.id, 7)] == [2]


def test_answer_that_refuses_a_living_key_says_until_when_it_lives(get, issue):
    key = issue("one", monthly_quota=1)
    answers = get(key, "mentor"), get(key), get(key)

    assert [answer.status_code for answer in answers] == [403, 200, 429]
    assert len({answer.headers["X-Key-Expires"] for answer in answers}) == 1


def test_nothing_is_said_of_limits_where_there_are_none(api):
    assert "RateLimit" not in api.get("/api/v1/key").headers


@pytest.mark.parametrize(
    ("proxies", "forwarded", "status"),
    [
        (0, "192.0.2.7", 403),
        (1, "192.0.2.7", 200),
        (1, "192.0.2.7, 198.51.100.1", 403),
        (2, "192.0.2.7, 198.51.100.1", 200),
        (2, "192.0.2.7", 403),
        (2, "192.0.2.7, 198.51.100.9, 198.51.100.1", 403),
        (1, "nonsense", 403),
        (1, "192.0.2.7:50123", 200),
        (1, "[2001:db8::7]:50123", 200),
        (1, "[2001:db8::7]", 200),
        (1, "2001:db8::7", 200),
        (1, "192.0.2.7:50123, 198.51.100.1:443", 403),
        (2, "198.51.100.9:1, 192.0.2.7:50123, 198.51.100.1:443", 200),
        (1, "192.0.2.7:50123:1", 403),
        (1, "192.0.2.7:", 403),
        (1, "[192.0.2.7", 403),
        (2, '192.0.2.7, "x, 198.51.100.9, 198.51.100.1', 403),
    ],
)
def test_address_behind_proxies_is_the_one_they_vouch_for(
    settings, organization, engine, mentor, proxies, forwarded, status
):
    text = engine.keys.issue(
        organization.id,
        mentor.id,
        name="LMS",
        scopes=["chat:write"],
        expires_at=None,
        author="test",
        allowed_ips=["192.0.2.7", "2001:db8::7"],
    ).text
    behind = Engine.open(settings.model_copy(update={"proxies": proxies}), plugins=[])
    headers = {"X-API-Key": text, "X-Forwarded-For": forwarded}

    answer = create_app(behind).test_client().get("/api/v1/key", headers=headers)
    behind.close()

    assert answer.status_code == status
    if status == 403:
        assert answer.json["code"] == "address_refused"


# --- counted together ---------------------------------------------------------------------


def test_processes_count_together_in_redis(tmp_path, redis_url):
    settings = Settings(data_dir=tmp_path, limits_url=redis_url)
    here, there = RateLimits(settings), RateLimits(settings)
    caller = f"caller {tmp_path}"
    with time_machine.travel(NOON, tick=False):
        allowances = [process.take(caller, 5) for process in (here, there) * 3]

    assert [one.remaining for one in allowances] == [4, 3, 2, 1, 0, 0]
    assert [one.is_exceeded for one in allowances] == [False] * 5 + [True]
    here.close()
    there.close()


def test_calls_are_counted_in_the_process_while_redis_is_away(tmp_path):
    limits = RateLimits(Settings(data_dir=tmp_path, limits_url="redis://127.0.0.1:1/0"))
    with time_machine.travel(NOON, tick=False):
        allowances = [limits.take("caller", 1) for _ in range(2)]
    limits.close()

    assert [one.is_exceeded for one in allowances] == [False, True]
