"""The clock is set while scores are on their way: none waits for it, and none is sent beside."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import time_machine

from mentorai.core import hookimpl, lanes, retries
from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.errors import PlatformThrottled, PlatformUnavailable
from mentorai.core.lanes import Lanes
from mentorai.core.settings import Settings
from mentorai.core.values import GradePlace, LineItem, Platform, Receipt, Score

HOUR = timedelta(hours=1)


class Gradebook:
    """Holds the first push of whom it is told to, until it is let go."""

    def __init__(self) -> None:
        self.guard = threading.Condition()
        self.faults: list[Exception] = []
        self.held_subject = ""
        self.is_let_go = False
        self.pushed: list[str] = []

    @hookimpl
    def find_line_item(self, place: GradePlace) -> LineItem:
        return LineItem(url="https://lms.example/items/1")

    @hookimpl
    def push_score(self, platform: Platform, line_item: LineItem, score: Score) -> Receipt:
        with self.guard:
            self.pushed.append(score.subject)
            self.guard.notify_all()
            if self.faults:
                raise self.faults.pop(0)
            if score.subject == self.held_subject:
                self.guard.wait_for(lambda: self.is_let_go, 20)
        return Receipt(now())

    def wait(self, condition: Callable[[], object]) -> bool:
        with self.guard:
            return bool(self.guard.wait_for(condition, 20))

    def let_go(self) -> None:
        with self.guard:
            self.is_let_go = True
            self.guard.notify_all()


@pytest.fixture
def gradebook() -> Iterator[Gradebook]:
    gradebook = Gradebook()
    yield gradebook
    gradebook.let_go()


@pytest.fixture
def clock() -> Iterator[object]:
    with time_machine.travel(now(), tick=True) as traveller:
        yield traveller


@pytest.fixture
def start(settings: Settings, gradebook: Gradebook, monkeypatch) -> Iterator[Callable[[], None]]:
    """Start one more worker, with connections of its own."""
    monkeypatch.setattr(lanes, "SWEEP_SECONDS", 0.1)
    engines: list[Engine] = []

    def begin() -> None:
        engines.append(Engine.open(settings, plugins=[("gradebook", gradebook)]))
        engines[-1].room(Lanes).start()

    yield begin
    gradebook.let_go()
    for engine in engines:
        engine.room(Lanes).stop(20)
        engine.close()


def report(engine: Engine, arrive, subject: str, link: str = "link-1") -> None:
    session = arrive(subject, link=link)
    engine.report_score(
        organization_id=session.organization_id,
        mentor_id=session.mentor_id,
        person_id=session.person_id,
        resource_link_id=session.resource_link_id,
        given=8,
        maximum=10,
    )


@pytest.mark.parametrize("error", [PlatformUnavailable, PlatformThrottled])
def test_score_that_waits_goes_when_the_clock_is_set_back(
    engine, gradebook, arrive, start, clock, error
):
    gradebook.faults = [error()]
    report(engine, arrive, "s-1")
    start()
    assert gradebook.wait(lambda: len(gradebook.pushed) == 1)

    clock.shift(-HOUR)

    assert gradebook.wait(lambda: len(gradebook.pushed) == 2)


def test_score_that_waits_goes_when_the_clock_was_set_back_while_no_worker_ran(
    engine, gradebook, arrive, start, clock
):
    gradebook.faults = [PlatformThrottled(retry_after_seconds=600)]
    report(engine, arrive, "s-1")
    engine.outbox.deliver_due()

    clock.shift(-HOUR)
    start()

    assert gradebook.wait(lambda: len(gradebook.pushed) == 2)


@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["ahead", "back"])
def test_score_on_its_way_is_alone_also_when_the_clock_is_set(
    engine, gradebook, arrive, start, clock, step
):
    gradebook.held_subject = "s-1"
    report(engine, arrive, "s-1")
    start()
    start()
    assert gradebook.wait(lambda: gradebook.pushed == ["s-1"])

    clock.shift(step)
    # Both look several times for what is due, and find these.
    for number in range(2, 6):
        report(engine, arrive, f"s-{number}")
        assert gradebook.wait(lambda number=number: f"s-{number}" in gradebook.pushed)

    assert gradebook.pushed.count("s-1") == 1


def test_score_whose_answer_is_written_down_after_the_clock_is_set_back_does_not_wait_for_it(
    engine, gradebook, arrive, start, clock, monkeypatch
):
    monkeypatch.setattr(retries, "BACKOFF_SECONDS", (1,))
    gradebook.faults = [PlatformUnavailable()]
    report(engine, arrive, "s-1")
    (errands,) = engine.outbox.lease("registration-1", 1)
    outcomes = engine.outbox.send(errands)

    clock.shift(-HOUR)
    start()
    # By then the worker has followed the clock.
    report(engine, arrive, "s-2")
    assert gradebook.wait(lambda: gradebook.pushed == ["s-1", "s-2"])
    engine.outbox.settle(outcomes)

    assert gradebook.wait(lambda: gradebook.pushed == ["s-1", "s-2", "s-1"])
