"""A campus with every LMS: each gradebook is right in the end, whatever happens to any of them.

tests/bench/grade_faults.py has one LMS under fire for thousands of scores.
"""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import timedelta
from itertools import count
from random import Random
from typing import Any

import pytest
import time_machine

from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.lti.registrations import Registration
from mentorai.lti.tool import Tool
from mentorai.plugins import canvas
from mentorai.web.commands.demo_course import register
from tests.fakes.campus import Campus, running_campus
from tests.fakes.grades_under_fire import FAULTS, GradesUnderFire, add_quizzes
from tests.fakes.hasty_worker import PLUGINS, QUICK_BUCKET, Haste, work
from tests.fakes.platforms import running_sandbox
from tests.fakes.workers import start_worker

LMSS = ("canvas", "moodle", "blackboard", "brightspace", "sakai", "openedx")
SCORES, MOST_SCORES, KILLED_AFTER, QUIZZES = 24, 500, (8, 16), 8
# A call that was given up is over in the LMS before another comes, and none outlasts its lease,
# also where the machine is busy: Sakai looks at no time, and would keep what came late.
HASTE = Haste(
    lease=12.0,
    finding=3.0,
    token=5.0,
    rests=(0.2, 0.4),
    trial=3.0,
    backoff=(1.0, 1.5),
    unheard=6.0,
    stale=(1, 1, 2),
    read=1.0,
    turn=1.0,
)
SLOW_SECONDS = 1.2
# What each LMS is asked often enough to meet all of.
SURE = ("scores", "token", "line_items")
TICK_SECONDS = 0.01
SEED = 20_261_130


class Trouble(threading.Thread):
    """Has each LMS do everything wrong that it can, at each endpoint one thing after the other."""

    def __init__(self, lmss: list[GradesUnderFire], random: Random) -> None:
        super().__init__()
        self.is_over = threading.Event()
        self._queues = [(lms, self._line_up(random)) for lms in lmss]

    def _line_up(self, random: Random) -> Mapping[str, deque[dict[str, Any]]]:
        queues: dict[str, deque[dict[str, Any]]] = defaultdict(deque)
        for fault in random.sample(FAULTS, len(FAULTS)):
            facts = {"seconds": SLOW_SECONDS} if fault["kind"] == "slow" else {}
            queues[fault["endpoint"]].append({**fault, "times": 1} | facts)
        return queues

    def run(self) -> None:
        while not self.is_over.wait(TICK_SECONDS):
            for lms, queues in self._queues:
                lms.crowd_on()
                faults = lms.platform.faults
                busy = {fault.endpoint for fault in faults.list()}
                for endpoint, queue in queues.items():
                    if queue and endpoint not in busy:
                        facts = dict(queue[0])
                        faults.add(facts.pop("endpoint"), facts.pop("kind"), **facts)
                        # Now only, so that it is always in one of the two.
                        queue.popleft()

    def list_spared(self) -> Mapping[str, list[object]]:
        """Each LMS that did not do yet all that it has to, and what is left."""
        found = {}
        for lms, queues in self._queues:
            left: list[object] = [fault for name in SURE for fault in queues[name]]
            left += [each for each in lms.platform.faults.list() if each.endpoint in SURE]
            if left or lms.is_crowded():
                found[lms.name] = left
        return found


@pytest.fixture
def campus(tmp_path, seeded, monkeypatch) -> Iterator[Campus]:
    # As quick as the one of the LMS; otherwise the tokens of a first score are waited for.
    monkeypatch.setattr(canvas, "BUCKET", QUICK_BUCKET)
    with running_campus(tmp_path, seeded, plugins=PLUGINS) as campus:
        yield campus


@pytest.fixture
def lmss(campus) -> Iterator[list[GradesUnderFire]]:
    """One of each, besides the campus' own."""
    random, quizzes = Random(SEED), add_quizzes(campus.engine, campus.mentor, QUIZZES)
    with ExitStack() as stack:
        found = []
        for name in LMSS:
            sandbox = stack.enter_context(running_sandbox(campus.url, personality=name))
            registration = register_as(campus.engine, name, sandbox.description["platform"])
            platform = sandbox.platform
            found.append(GradesUnderFire(campus.engine, registration, platform, quizzes, random))
        yield found


def register_as(engine: Engine, name: str, platform: dict[str, Any]) -> Registration:
    registration_id = register(engine, platform | {"name": name})
    return engine.room(Tool).registrations.get(engine.organizations.get().id, registration_id)


def wait_until(condition: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(TICK_SECONDS)


def test_every_gradebook_is_right_after_every_fault_and_killed_workers(campus, lmss):
    place = (str(campus.engine.settings.data_dir), campus.url, HASTE)
    trouble = Trouble(lmss, Random(SEED))
    set_clocks(lmss, 2.0)
    for lms in lmss:
        lms.crowd()
    trouble.start()
    worker = start_worker(work, *place)
    for value in range(1, SCORES + 1):
        for lms in lmss:
            lms.report(value)
        if value in KILLED_AFTER:
            wanted = count_taken(lmss) + 3
            wait_until(lambda wanted=wanted: count_taken(lmss) >= wanted, 10)
            worker.kill()
            worker.join()
            worker = start_worker(work, *place)
            set_clocks(lmss, 0.0)
            for lms in lmss:
                lms.crowd()
    more = count(SCORES + 1)
    while (spared := trouble.list_spared()) and next(more) < MOST_SCORES:
        for lms in lmss:
            if lms.name in spared:
                lms.report(next(more))
        wait_until(lambda: not trouble.list_spared(), 0.3)
    wait_until(lambda: campus.engine.outbox.waiting() == 0, 120)
    trouble.is_over.set()
    trouble.join()
    worker.terminate()
    worker.join()

    assert {lms.name: lms.find_wrongs() for lms in lmss} == {name: [] for name in LMSS}
    assert trouble.list_spared() == {}


@pytest.mark.parametrize("name", LMSS)
def test_lms_that_is_down_for_an_hour_delays_only_its_own_grades(campus, lmss, name):
    down = next(lms for lms in lmss if lms.name == name)
    late = []
    with time_machine.travel(now(), tick=True) as clock:
        down.platform.faults.add("*", "drop")
        for value in range(1, 5):
            for lms in lmss:
                lms.report(value)
            deliver(campus.engine, lmss)
            late.append({lms.name for lms in lmss if lms.find_wrongs()})
            clock.shift(timedelta(minutes=15))
        down.platform.faults.clear()
        # The longest rest of a platform is over.
        clock.shift(timedelta(seconds=61))
        deliver(campus.engine, lmss)

    assert late == [{name}] * 4
    assert down.find_wrongs() == []


def deliver(engine: Engine, lmss: list[GradesUnderFire]) -> None:
    """Send what is due in each lane, and what is due then, as a worker does."""
    for lms in lmss:
        while groups := engine.outbox.lease(lms.registration.id, 100):
            engine.outbox.settle([each for group in groups for each in engine.outbox.send(group)])


def set_clocks(lmss: list[GradesUnderFire], seconds: float) -> None:
    for lms in lmss:
        lms.platform.behave({"clock_offset_seconds": seconds})


def count_taken(lmss: list[GradesUnderFire]) -> int:
    return sum(len(lms.platform.scores) for lms in lmss)
