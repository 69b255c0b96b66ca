"""An LMS that is down delays its own grades, and nobody else's."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from mentorai.core import hookimpl
from mentorai.core.clock import now
from mentorai.core.engine import Engine
from mentorai.core.errors import PlatformThrottled, PlatformUnavailable
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

START = datetime(2026, 11, 23, 10, 42, 0, tzinfo=UTC)
DOWN, UP = "down", "up"


class TwoSchools:
    """Two gradebooks, of which one may be away."""

    def __init__(self) -> None:
        self.trouble: dict[str, Exception] = {}
        self.calls: list[str] = []
        self.taken: list[tuple[str, str]] = []

    @hookimpl
    def find_line_item(self, place: GradePlace) -> LineItem:
        return LineItem(url=f"https://{place.platform.registration_id}.example/items/1")

    @hookimpl
    def push_score(self, platform: Platform, line_item: LineItem, score: Score) -> Receipt:
        school = platform.registration_id
        self.calls.append(school)
        if school in self.trouble:
            raise self.trouble[school]
        self.taken.append((school, score.subject))
        return Receipt(now())


@pytest.fixture
def schools() -> TwoSchools:
    return TwoSchools()


@pytest.fixture
def engine(settings, schools):
    engine = Engine.open(settings, plugins=[("schools", schools)])
    yield engine
    engine.close()


@pytest.fixture
def clock():
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def report(engine, organization, mentor):
    def put(school: str, number: int) -> None:
        session = engine.admit(
            Launch(
                organization_id=organization.id,
                registration_id=school,
                deployment_id="1",
                issuer=f"https://{school}.example",
                client_id="tool",
                family_code="sandbox",
                message_type="LtiResourceLinkRequest",
                subject=f"s-{number}",
                role=Role.LEARNER,
                target="/",
                context=Context("course-1"),
                resource_link=ResourceLink("link-1", "Week 1"),
                grade_service=GradeService(line_items_url=f"https://{school}.example/items"),
            )
        )
        engine.report_score(
            organization_id=organization.id,
            mentor_id=mentor.id,
            person_id=session.person_id,
            resource_link_id=session.resource_link_id,
            given=8,
            maximum=10,
        )

    return put


def deliver_lane(engine: Engine, lane: str) -> int:
    """Send what is due in a lane, as a worker does; how many were sent."""
    groups = engine.outbox.lease(lane, 100)
    outcomes = [outcome for group in groups for outcome in engine.outbox.send(group)]
    engine.outbox.settle(outcomes)
    return len(outcomes)


def test_lms_that_is_down_for_an_hour_delays_only_its_own_grades(engine, schools, report, clock):
    schools.trouble[DOWN] = PlatformUnavailable()
    for number in range(20):
        report(DOWN, number)

    for number in range(60):
        report(UP, number)
        engine.outbox.deliver_due(limit=1_000)
        assert (UP, f"s-{number}") in schools.taken
        clock.shift(60)
    asked = schools.calls.count(DOWN)
    schools.trouble.clear()
    clock.shift(61)
    engine.outbox.deliver_due(limit=1_000)
    engine.outbox.deliver_due(limit=1_000)

    assert asked <= 5 + 60
    assert engine.outbox.waiting() == 0
    assert sum(school == DOWN for school, _ in schools.taken) == 20


def test_one_score_goes_first_in_a_lane_too_and_all_follow(engine, schools, report, clock):
    schools.trouble[DOWN] = PlatformUnavailable()
    for number in range(9):
        report(DOWN, number)
    deliver_lane(engine, DOWN)
    clock.shift(61)
    schools.calls.clear()

    assert deliver_lane(engine, DOWN) == 1
    assert deliver_lane(engine, DOWN) == 0

    schools.trouble.clear()
    clock.shift(61)
    assert deliver_lane(engine, DOWN) == 1
    assert deliver_lane(engine, DOWN) == 8
    assert engine.outbox.waiting() == 0


def test_lms_rests_after_five_calls_that_nobody_answered(engine, schools, report, clock):
    schools.trouble[DOWN] = PlatformUnavailable()
    for number in range(20):
        report(DOWN, number)

    engine.outbox.deliver_due(limit=100)

    assert schools.calls == [DOWN] * 5
    assert engine.outbox.due() == []


def test_one_score_goes_first_after_a_rest(engine, schools, report, clock):
    schools.trouble[DOWN] = PlatformUnavailable()
    for number in range(9):
        report(DOWN, number)
    engine.outbox.deliver_due(limit=100)
    clock.shift(6)

    engine.outbox.deliver_due(limit=100)

    assert schools.calls == [DOWN] * 6


def test_next_goes_first_when_the_one_that_did_was_killed(engine, schools, report, clock):
    schools.trouble[DOWN] = PlatformUnavailable()
    for number in range(9):
        report(DOWN, number)
    engine.outbox.deliver_due(limit=100)
    clock.shift(6)
    schools.trouble[DOWN] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        engine.outbox.deliver_due(limit=1)
    schools.trouble.clear()

    clock.shift(91)
    engine.outbox.deliver_due(limit=100)
    engine.outbox.deliver_due(limit=100)

    assert engine.outbox.waiting() == 0


def test_failures_of_single_calls_do_not_make_an_lms_rest_soon(engine, schools, report, clock):
    schools.trouble[DOWN] = PlatformUnavailable(is_answer=True)
    for number in range(12):
        report(DOWN, number)

    engine.outbox.deliver_due(limit=100)

    assert len(schools.calls) == 12


def test_score_that_comes_later_waits_too_where_an_lms_asked_to_wait(
    engine, schools, report, clock
):
    schools.trouble[DOWN] = PlatformThrottled(retry_after_seconds=60)
    report(DOWN, 1)
    engine.outbox.deliver_due()
    schools.trouble.clear()
    report(DOWN, 2)

    engine.outbox.deliver_due()
    assert schools.calls == [DOWN]

    clock.shift(timedelta(seconds=61))
    engine.outbox.deliver_due()
    assert engine.outbox.waiting() == 0


def test_score_that_the_lms_may_still_be_at_is_not_sent_beside_it(engine, schools, report, clock):
    schools.trouble[UP] = PlatformUnavailable(may_go_on=True)
    report(UP, 1)
    engine.outbox.deliver_due()
    schools.trouble.clear()
    report(UP, 2)

    engine.outbox.deliver_due()
    clock.shift(19)
    engine.outbox.deliver_due()
    assert schools.taken == [(UP, "s-2")]

    clock.shift(2)
    engine.outbox.deliver_due()
    assert schools.taken == [(UP, "s-2"), (UP, "s-1")]
