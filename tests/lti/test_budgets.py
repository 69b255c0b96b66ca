"""Calls that a platform counts: its bucket is waited for, by all processes, and never overdrawn."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import time_machine
from sqlalchemy import event, text

from mentorai.core import hookimpl
from mentorai.core.engine import Engine
from mentorai.core.errors import PlatformThrottled
from mentorai.core.organizations import Organization
from mentorai.core.settings import Settings
from mentorai.core.values import Bucket, PlatformProfile
from mentorai.lti import budget_rows, budgets, held_parts
from mentorai.lti.registrations import Registration
from mentorai.lti.tool import Tool

BUCKET = Bucket(
    high_water=60,
    leak_per_second=400,
    up_front=10,
    token_cost=20,
    cost_header="X-Request-Cost",
    remaining_header="X-Rate-Limit-Remaining",
    refusal_text="Rate Limit Exceeded",
)


class Counting(ThreadingHTTPServer):
    """Keeps a leaky bucket of its own, by its own clock, and refuses when it is full."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.guard = threading.Lock()
        self.level, self.at = 0.0, time.monotonic()
        self.costs = 2.0
        self.taken = self.refused = self.to_refuse = 0
        self.refusal: tuple[int, dict[str, str]] = (403, {})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def begin(self) -> bool:
        with self.guard:
            self._leak()
            if self.level >= BUCKET.high_water or self.to_refuse:
                self.to_refuse = max(0, self.to_refuse - 1)
                self.refused += 1
                return False
            self.level += BUCKET.up_front
            return True

    def end(self) -> dict[str, str]:
        with self.guard:
            self._leak()
            self.taken += 1
            self.level = max(0.0, self.level - BUCKET.up_front + self.costs)
            left = BUCKET.high_water - self.level
        return {"X-Request-Cost": str(self.costs), "X-Rate-Limit-Remaining": str(left)}

    def _leak(self) -> None:
        moment = time.monotonic()
        self.level = max(0.0, self.level - (moment - self.at) * BUCKET.leak_per_second)
        self.at = moment


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        server: Any = self.server
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if server.begin():
            time.sleep(0.002)
            self.answer(200, server.end(), b"")
        else:
            self.answer(*server.refusal, b"403 Forbidden (Rate Limit Exceeded)")

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Quiet."""


class Family:
    """A family of LMS that counts calls."""

    @hookimpl
    def recognise_platform(self, family_code: str) -> str | None:
        return "counting" if family_code == "counting" else None

    @hookimpl
    def platform_profile(self) -> PlatformProfile:
        return PlatformProfile("counting", "Counting", bucket=BUCKET)


@pytest.fixture
def lms() -> Iterator[Counting]:
    server = Counting()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def start(settings: Settings) -> Iterator[Callable[[], Tool]]:
    """Start a process, as far as the database can tell."""
    engines: list[Engine] = []

    def make() -> Tool:
        engines.append(Engine.open(settings, plugins=[("family", Family())]))
        return engines[-1].room(Tool)

    yield make
    for engine in engines:
        engine.close()


@pytest.fixture
def registration(tool: Tool, organization: Organization, lms: Counting) -> Registration:
    """Registered once; every process started later finds it."""
    return tool.registrations.add(
        organization.id,
        issuer=lms.url,
        client_id="tool",
        auth_url=f"{lms.url}/auth",
        token_url=f"{lms.url}/token",
        keyset_url=f"{lms.url}/jwks",
        deployment_ids=["1"],
        family="counting",
    )


def send(tool: Tool, registration: Registration, lms: Counting) -> int:
    pace = tool.paces.find(registration)
    return tool.http.post(f"{lms.url}/scores", headers={}, body="{}", pace=pace).status


def test_no_call_is_refused_while_two_processes_drain_a_backlog(start, registration, lms):
    tools = [start(), start()]
    began = time.monotonic()

    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda n: send(tools[n % 2], registration, lms), range(160)))

    assert answers == [200] * 160
    assert lms.refused == 0
    # Empty at first, it takes 60 units at once; the rest goes in as fast as it leaks, or quicker.
    assert time.monotonic() - began >= (160 * 2 - BUCKET.high_water) / BUCKET.leak_per_second


def test_call_that_another_user_of_the_client_crowded_out_is_made_once_more(
    start, registration, lms
):
    lms.to_refuse = 1

    assert send(start(), registration, lms) == 200
    assert lms.refused == 1


def test_others_wait_as_well_when_the_platform_asks_for_a_long_pause(start, registration, lms):
    first, second = start(), start()
    lms.refusal = (429, {"Retry-After": "900"})
    lms.level = 1e6

    with pytest.raises(PlatformThrottled) as refused:
        send(first, registration, lms)
    with pytest.raises(PlatformThrottled) as waiting:
        send(second, registration, lms)

    assert refused.value.retry_after_seconds == 900
    assert 890 < waiting.value.retry_after_seconds <= 900
    assert lms.refused == 1


def test_refusal_for_another_reason_is_an_answer_like_any_other(start, registration, lms):
    budget = start().paces.find(registration).budget

    with budget.spend() as spending:
        assert budget.note(spending, 403, {}, b"You may not do this", None) is None


def test_what_the_answer_says_is_left_is_believed(start, registration, lms, monkeypatch):
    monkeypatch.setattr(budgets, "TURN_SECONDS", 0.01)
    budget = start().budgets.get("a quota", Bucket(100, 0.01, remaining_header="Left"))
    with budget.spend() as spending:
        budget.note(spending, 200, {"Left": "0"}, b"", None)

    with pytest.raises(PlatformThrottled) as caught, budget.spend():
        pass

    assert 100 <= caught.value.retry_after_seconds <= 300


def test_quota_that_began_anew_is_used_at_once(start, registration):
    budget = start().budgets.get("a quota", Bucket(100, 0.01, remaining_header="Left"))
    for left in ("3", "100", "99"):
        with budget.spend() as spending:
            budget.note(spending, 200, {"Left": left}, b"", None)

    for _ in range(50):
        with budget.spend():
            pass


@pytest.mark.parametrize("said", ["", "many", "-1", "nan", "inf", "1e300"])
def test_numbers_that_make_no_sense_are_passed_over(start, registration, said):
    headers = {"X-Request-Cost": said, "X-Rate-Limit-Remaining": said, "Limit": said}
    bucket = Bucket(
        60,
        400,
        10,
        cost_header="X-Request-Cost",
        remaining_header="X-Rate-Limit-Remaining",
        limit_header="Limit",
    )
    budget = start().budgets.get("nonsense", bucket)

    for _ in range(10):
        with budget.spend() as spending:
            assert budget.note(spending, 200, headers, b"", None) is None


QUOTA = Bucket(100, 0.01, 10, cost_header="Cost", remaining_header="Left")
# Another process: it takes what there is, says so, and is killed while its calls are under way.
HOLDER = """
import sys, time
from contextlib import ExitStack
from pathlib import Path
from mentorai.core.engine import Engine
from mentorai.core.settings import Settings
from mentorai.core.values import Bucket
from mentorai.lti import budget_rows, held_parts
from mentorai.lti.tool import Tool
budget_rows.SPAN_SECONDS, held_parts.RENEW_SECONDS = 0.2, 0.02
settings = Settings(data_dir=Path(sys.argv[1]), database_url=sys.argv[2])
budget = Engine.open(settings, plugins=[]).room(Tool).budgets.get(
    "a quota", Bucket(100, 0.01, 10, cost_header="Cost", remaining_header="Left")
)
with ExitStack() as calls:
    for _ in range(8):
        calls.enter_context(budget.spend())
    print("taken", flush=True)
    time.sleep(60)
"""


def note_all_left(budget: budgets.Budget) -> None:
    """A call that costs nothing; the platform answers that nothing else has arrived there."""
    with budget.spend() as spending:
        budget.note(spending, 200, {"Left": "100", "Cost": "0.001"}, b"", None)


def test_what_calls_under_way_hold_stays_theirs_however_long_they_take(start, monkeypatch):
    monkeypatch.setattr(budget_rows, "SPAN_SECONDS", 0.05)
    monkeypatch.setattr(held_parts, "RENEW_SECONDS", 0.01)
    monkeypatch.setattr(budgets, "TURN_SECONDS", 0.01)
    first, second = (start().budgets.get("a quota", QUOTA) for _ in range(2))

    with ExitStack() as calls:
        for _ in range(8):
            calls.enter_context(first.spend())
        time.sleep(0.4)
        note_all_left(second)
        with second.spend(), pytest.raises(PlatformThrottled), second.spend():
            pass


def test_what_a_killed_process_held_is_free_again_soon(start, settings, monkeypatch):
    monkeypatch.setattr(budget_rows, "SPAN_SECONDS", 0.2)
    budget = start().budgets.get("a quota", QUOTA)
    command = [sys.executable, "-c", HOLDER, str(settings.data_dir), settings.database_url or ""]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"taken\n"
        holder.kill()
    time.sleep(0.5)

    note_all_left(budget)

    with ExitStack() as calls:
        for _ in range(9):
            calls.enter_context(budget.spend())


HOUR, START = 3_600, datetime(2026, 11, 23, 10, 42, 0, tzinfo=UTC)


def refuse(budget: budgets.Budget, asked_seconds: float) -> None:
    """A call that the platform refuses, saying when to come again."""
    with budget.spend() as spending:
        budget.note(spending, 429, {}, b"", asked_seconds)


def test_call_that_was_answered_is_not_lost_when_the_database_is_away_afterwards(engine, start):
    budget = start().budgets.get("a bucket", Bucket(100, 10, 10))
    away = text("ALTER TABLE call_budgets RENAME TO call_budgets_away")
    back = text("ALTER TABLE call_budgets_away RENAME TO call_budgets")

    with budget.spend() as spending:
        budget.note(spending, 429, {}, b"", 60)
        with engine.database.write() as connection:
            connection.execute(away)
    with engine.database.write() as connection:
        connection.execute(back)

    with budget.spend():
        pass


def test_clock_that_is_set_back_shuts_nobody_out_for_the_hour_that_comes_twice(start):
    budget = start().budgets.get("a bucket", Bucket(100, 10, 10))
    with time_machine.travel(START, tick=False) as clock:
        refuse(budget, 20)
        clock.shift(-HOUR)
        with pytest.raises(PlatformThrottled) as caught, budget.spend():
            pass
        clock.shift(21)

        with budget.spend():
            pass

    assert caught.value.retry_after_seconds == pytest.approx(20)


def test_call_that_ends_after_the_clock_was_set_back_leaves_no_bucket_shut(start):
    budget = start().budgets.get("a bucket", Bucket(100, 10, 10))
    with time_machine.travel(START, tick=False) as clock:
        with budget.spend():
            refuse(budget, 20)
            clock.shift(-HOUR)
        clock.shift(21)

        with budget.spend():
            pass


def test_what_a_killed_process_held_is_forgotten_also_when_the_clock_was_set_back(
    start, monkeypatch
):
    # Nor does a killed one renew anything.
    monkeypatch.setattr(held_parts, "RENEW_SECONDS", 60.0)
    budget = start().budgets.get("a quota", QUOTA)
    with time_machine.travel(START, tick=False) as clock, ExitStack() as calls:
        for _ in range(8):
            calls.enter_context(budget.spend())
        clock.shift(-HOUR)
        other = start().budgets.get("a quota", QUOTA)
        note_all_left(other)

        for _ in range(9):
            calls.enter_context(other.spend())


def test_call_of_another_process_has_its_turn_while_a_backlog_drains(start, registration, lms):
    draining, other = start(), start()
    is_over = threading.Event()

    def drain(_number: int) -> None:
        while not is_over.is_set():
            send(draining, registration, lms)

    with ThreadPoolExecutor(8) as pool:
        backlog = pool.map(drain, range(8))
        try:
            answers = [send(other, registration, lms) for _ in range(3)]
        finally:
            is_over.set()
        list(backlog)

    assert answers == [200] * 3
    assert lms.refused == 0


def test_many_calls_settle_together(engine):
    bucket = Bucket(1000, 10, 10, cost_header="Cost")
    budget = engine.room(Tool).budgets.get("a bucket", bucket)
    transactions: list[object] = []
    event.listen(engine.database.engine, "begin", transactions.append)

    for _ in range(200):
        with budget.spend() as spending:
            budget.note(spending, 200, {"Cost": "0.25"}, b"", None)

    assert len(transactions) < 60


def take_many(budget: budgets.Budget, count: int) -> None:
    """So many calls at once, which cost next to nothing."""
    with ExitStack() as calls:
        for _ in range(count):
            spending = calls.enter_context(budget.spend())
            budget.note(spending, 200, {"Cost": "0.001"}, b"", None)


def test_what_no_call_needs_any_more_is_free_for_others_soon(start, monkeypatch):
    monkeypatch.setattr(held_parts, "RENEW_SECONDS", 0.01)
    first, second = (start().budgets.get("a quota", QUOTA) for _ in range(2))

    take_many(first, 8)
    time.sleep(0.3)

    take_many(second, 8)


def test_what_a_process_held_is_free_when_it_ends(start, settings, monkeypatch):
    monkeypatch.setattr(held_parts, "RENEW_SECONDS", 60.0)
    ending = Engine.open(settings, plugins=[])
    take_many(ending.room(Tool).budgets.get("a quota", QUOTA), 8)

    ending.close()

    take_many(start().budgets.get("a quota", QUOTA), 8)
