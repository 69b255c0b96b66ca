"""Platforms do not wait for each other: each has a lane of the worker."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, timedelta

import pytest
import structlog

from mentorai.core import hookimpl, lanes
from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.jobs import Jobs, run_worker
from mentorai.core.mentors import Mentor
from mentorai.core.organizations import Organization
from mentorai.core.settings import Settings
from mentorai.core.values import (
    Context,
    GradePlace,
    GradeService,
    Launch,
    LineItem,
    Platform,
    Receipt,
    ResourceLink,
    Role,
    Score,
)
from tests.rivals import rival


class Campus:
    """Two platforms: one that answers, and one that hangs until it is let go."""

    def __init__(self) -> None:
        self.guard = threading.Condition()
        self.hanging = 0
        self.most_hanging = 0
        self.arrived: list[str] = []
        self.is_let_go = False

    @hookimpl
    def find_line_item(self, place: GradePlace) -> LineItem:
        return LineItem(url=f"https://lms.example/{place.platform.registration_id}")

    @hookimpl
    def push_score(self, platform: Platform, line_item: LineItem, score: Score) -> Receipt:
        with self.guard:
            if platform.registration_id == "hanging":
                self.hanging += 1
                self.most_hanging = max(self.most_hanging, self.hanging)
                self.guard.notify_all()
                self.guard.wait_for(lambda: self.is_let_go, 20)
                self.hanging -= 1
            self.arrived.append(platform.registration_id)
            self.guard.notify_all()
        return Receipt(now())

    def wait(self, condition: Callable[[], object]) -> bool:
        with self.guard:
            return bool(self.guard.wait_for(condition, 20))

    def let_go(self) -> None:
        with self.guard:
            self.is_let_go = True
            self.guard.notify_all()


class Broken(Campus):
    @hookimpl
    def push_score(self, platform: Platform, line_item: LineItem, score: Score) -> Receipt:
        raise KeyError(score.subject)


@pytest.fixture
def campus() -> Campus:
    return Campus()


@pytest.fixture
def engine(settings: Settings, campus: Campus) -> Iterator[Engine]:
    engine = Engine.open(settings, plugins=[("campus", campus)])
    yield engine
    engine.close()


@pytest.fixture
def report(
    engine: Engine, organization: Organization, mentor: Mentor
) -> Callable[[str, str], None]:
    """Report a score of somebody at a platform."""

    def put(registration_id: str, subject: str) -> None:
        session = engine.admit(
            Launch(
                organization_id=organization.id,
                registration_id=registration_id,
                deployment_id="1",
                issuer="https://lms.example",
                client_id="tool",
                family_code="sandbox",
                message_type="LtiResourceLinkRequest",
                subject=subject,
                role=Role.LEARNER,
                target="/",
                context=Context("course-1"),
                resource_link=ResourceLink("link-1"),
                grade_service=GradeService(None, "https://lms.example/items"),
            )
        )
        engine.report_score(
            organization_id=session.organization_id,
            mentor_id=session.mentor_id,
            person_id=session.person_id,
            resource_link_id=session.resource_link_id,
            given=8,
            maximum=10,
        )

    return put


@pytest.fixture
def work(engine: Engine, campus: Campus) -> Iterator[Callable[[], None]]:
    stop = threading.Event()
    worker = threading.Thread(target=run_worker, args=(engine,), kwargs={"stop": stop})
    yield worker.start
    campus.let_go()
    stop.set()
    worker.join()


def test_fresh_score_arrives_while_another_platform_hangs(campus, report, work, monkeypatch):
    monkeypatch.setattr(lanes, "THREADS", 6)
    for number in range(8):
        report("hanging", f"s-{number}")
    work()
    assert campus.wait(lambda: campus.hanging == 3)

    report("quick", "s-1")

    assert campus.wait(lambda: "quick" in campus.arrived)
    assert campus.most_hanging == 3


def test_backlog_is_delivered_whole_when_the_platform_comes_back(
    engine, campus, report, work, monkeypatch
):
    monkeypatch.setattr(lanes, "THREADS", 6)
    monkeypatch.setattr(Jobs, "hand", lambda *_: None)
    for number in range(11):
        report("hanging", f"s-{number}")
    work()
    assert campus.wait(lambda: campus.hanging)

    campus.let_go()

    assert campus.wait(lambda: len(campus.arrived) == 11)
    assert campus.arrived == ["hanging"] * 11


def test_score_is_sent_once_when_writing_that_down_ends_in_a_deadlock(
    engine, mentor, campus, report, work
):
    report("hanging", "s-1")
    work()
    assert campus.wait(lambda: campus.hanging == 1)
    with rival(engine.database) as other:
        other.lock("outbox")
        campus.let_go()
        other.wait_for()
        other.lock("grade_clocks", mentor_id=mentor.id)

    deadline = time.monotonic() + 20
    while engine.outbox.waiting() and time.monotonic() < deadline:
        time.sleep(0.05)

    assert engine.outbox.waiting() == 0
    assert campus.arrived == ["hanging"]


def test_score_that_a_plugin_broke_at_goes_when_a_worker_starts_with_a_better_one(
    engine, settings, campus, report, work
):
    report("quick", "s-1")
    broken = Engine.open(settings, plugins=[("campus", Broken())])
    broken.outbox.deliver_due()
    broken.close()
    assert engine.outbox.due() == []

    work()

    assert campus.wait(lambda: campus.arrived == ["quick"])


def test_one_job_is_enough_for_all_that_wait_in_a_lane(engine, campus, report, work):
    for number in range(5):
        report("quick", f"s-{number}")
    report("another", "s-1")

    assert engine.room(Jobs).open().pending_count() == 2
    work()
    assert campus.wait(lambda: len(campus.arrived) == 6)


class Leaving(Campus):
    """Ends the program for one person, as some libraries do; its time of another has no zone."""

    @hookimpl
    def push_score(self, platform: Platform, line_item: LineItem, score: Score) -> Receipt:
        if score.subject == "s-1":
            sys.exit("cannot go on")
        receipt = super().push_score(platform, line_item, score)
        zone = None if score.subject == "s-2" else UTC
        return Receipt(receipt.received_at.replace(tzinfo=zone))


@pytest.fixture
def leaving(settings: Settings) -> Iterator[Leaving]:
    """The gradebook of a worker with that plugin."""
    plugin, stop = Leaving(), threading.Event()
    engine = Engine.open(settings, plugins=[("campus", plugin)])
    worker = threading.Thread(target=run_worker, args=(engine,), kwargs={"stop": stop})
    worker.start()
    yield plugin
    stop.set()
    worker.join(10)
    assert not worker.is_alive()
    engine.close()


def test_score_that_something_unforeseen_is_raised_for_is_tried_again_soon(
    engine, organization, mentor, report, leaving
):
    with structlog.testing.capture_logs() as lines:
        for number in range(1, 4):
            report("quick", f"s-{number}")
        assert leaving.wait(lambda: len(leaving.arrived) == 2)
        deadline = time.monotonic() + 20
        while engine.outbox.waiting() > 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.2)

    found = engine.grades.list(organization.id, mentor.id)
    syncs = {each.lms_user_id: each.sync for each in found}
    assert [syncs[each].status for each in ("s-1", "s-2", "s-3")] == ["waiting", "waiting", "sent"]
    for subject in ("s-1", "s-2"):
        assert (syncs[subject].attempts, syncs[subject].last_error_code) == (1, "internal_error")
        assert syncs[subject].next_try_at < now() + timedelta(seconds=15)
    assert [each["event"] for each in lines].count("score_delivery_failed") == 2
