"""Ten workers at one outbox: what one person has in one column goes one score at a time."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from mentorai.core import deliveries, hookimpl, lanes
from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.lanes import Lanes
from mentorai.core.values import GradePlace, LineItem, Platform, Receipt, Score

WORKERS = 10


class Column:
    """One column that every activity's scores go to; notes what must never be."""

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.busy: set[str] = set()
        self.last: dict[str, Score] = {}
        self.count = 0
        self.wrongs: list[str] = []

    @hookimpl
    def find_line_item(self, place: GradePlace) -> LineItem:
        return LineItem(url="https://lms.example/the-column")

    @hookimpl
    def push_score(self, platform: Platform, line_item: LineItem, score: Score) -> Receipt:
        who = score.subject
        with self.guard:
            self.count += 1
            if who in self.busy:
                self.wrongs.append(f"{who}: two at once")
            if who in self.last and score.at <= self.last[who].at:
                self.wrongs.append(f"{who}: {score.at} after {self.last[who].at}")
            self.busy.add(who)
            self.last[who] = score
        # Longer than a second, after which another score could bear the next one.
        time.sleep(1.1)
        with self.guard:
            self.busy.discard(who)
        return Receipt(now())


@pytest.fixture
def column() -> Column:
    return Column()


@pytest.fixture
def engine(settings, column: Column) -> Iterator[Engine]:
    engine = Engine.open(settings, plugins=[("column", column)])
    yield engine
    engine.close()


@pytest.fixture
def workers(settings, column: Column, monkeypatch) -> Iterator[list[Lanes]]:
    """Each with connections of its own, as processes have them."""
    monkeypatch.setattr(lanes, "SWEEP_SECONDS", 0.1)
    monkeypatch.setattr(deliveries, "COLUMN_WAIT", timedelta(seconds=0.1))
    engines = [Engine.open(settings, plugins=[("column", column)]) for _ in range(WORKERS)]
    found = [engine.room(Lanes) for engine in engines]
    yield found
    for worker, engine in zip(found, engines, strict=True):
        worker.stop(20)
        engine.close()


def test_no_two_of_ten_workers_send_one_persons_scores_at_once(engine, column, arrive, workers):
    for number in range(3):
        for link in ("link-1", "link-2"):
            session = arrive(f"s-{number}", link=link)
            engine.report_score(
                organization_id=session.organization_id,
                mentor_id=session.mentor_id,
                person_id=session.person_id,
                resource_link_id=session.resource_link_id,
                given=8,
                maximum=10,
            )

    for worker in workers:
        worker.start()
    deadline = time.monotonic() + 20
    while engine.outbox.waiting() and time.monotonic() < deadline:
        time.sleep(0.05)

    assert (column.count, column.wrongs) == (6, [])
