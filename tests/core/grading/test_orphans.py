"""Scores whose worker died wait no longer than the platform may go on with what it sent."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import time_machine
from sqlalchemy import update

from mentorai.core.engine import Engine
from mentorai.core.lease_holders import issue_lease
from mentorai.core.orphans import ECHO_SECONDS, free_orphans
from mentorai.core.outbox_table import outbox
from tests.fakes.workers import dead_lease

START = datetime(2026, 11, 23, 10, 42, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> Iterator[object]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def lease_from(engine: Engine, lease: str) -> None:
    """Have what is due under way, by whoever took this lease."""
    assert engine.outbox.lease("registration-1", 5)
    with engine.database.write() as connection:
        connection.execute(update(outbox).values(lease=lease))


def test_row_of_a_process_that_is_gone_is_sent_by_another(engine, gradebook, report, clock):
    report(8)
    lease_from(engine, dead_lease())

    assert free_orphans(engine.database) == 1
    assert free_orphans(engine.database) == 0
    assert engine.outbox.due() == []
    clock.shift(ECHO_SECONDS + 1)
    engine.outbox.deliver_due()

    assert gradebook.given == [8]


def test_row_of_a_process_that_lives_or_cannot_be_seen_is_left_alone(
    engine, gradebook, report, clock
):
    report(8)
    lease_from(engine, issue_lease())
    alive = free_orphans(engine.database)
    lease_from_elsewhere = "0" * 10 + issue_lease()[10:]
    with engine.database.write() as connection:
        connection.execute(update(outbox).values(lease=lease_from_elsewhere))

    assert (alive, free_orphans(engine.database)) == (0, 0)
    clock.shift(60)
    assert engine.outbox.due() == []
