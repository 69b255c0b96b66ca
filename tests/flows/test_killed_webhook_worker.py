"""A worker is killed with SIGKILL while it has a delivery in hand; the receiver misses nothing.

Run as a program this file is that worker. Told so, it kills itself with an event that it has
claimed and not sent yet.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from mentorai.core import hookimpl
from mentorai.core.engine import Engine
from mentorai.core.settings import Settings
from mentorai.core.webhook_events import note_event
from mentorai.plugins import webhooks as plugin
from tests.fakes.receiver import running_receiver

EVENTS = 4


class DyingBefore:
    """Asked before the plugin that sends: dies when the event of this number is to be sent."""

    def __init__(self, number: int) -> None:
        self._number = number

    @hookimpl
    def push_event(self, engine: Engine, url: str, headers: Mapping[str, str], body: bytes) -> None:
        if json.loads(body)["number"] == self._number:
            os.kill(os.getpid(), signal.SIGKILL)


def work(data_dir: str, dies_before: str, lease_seconds: str) -> None:
    """The worker, less patient than in real life so that a test does not wait for it."""
    from mentorai.core import jobs, webhook_sender

    webhook_sender.HANDED_SECONDS = jobs.SWEEP_SECONDS = 0.2
    settings = Settings(data_dir=Path(data_dir), allow_loopback_platforms=True)
    plugins = [("webhooks", plugin), ("dying", DyingBefore(int(dies_before)))]
    engine = Engine.open(settings, plugins=plugins)
    engine.room(webhook_sender.WebhookSender).lease_seconds = float(lease_seconds)
    jobs.run_worker(engine, parent_pid=os.getppid())
    engine.close()


def start_worker(
    engine: Engine, *, dies_before: int = 0, lease_seconds: float = 0.5
) -> subprocess.Popen[bytes]:
    arguments = [str(engine.settings.data_dir), str(dies_before), str(lease_seconds)]
    command = [sys.executable, "-m", "tests.flows.test_killed_webhook_worker", *arguments]
    return subprocess.Popen(command, cwd=Path(__file__).parents[2], stderr=subprocess.DEVNULL)


@pytest.fixture
def receiver():
    with running_receiver() as receiver:
        yield receiver


def test_event_that_a_killed_worker_had_in_hand_arrives_and_is_known_when_it_comes_twice(
    engine, mentor, receiver
):
    where = (mentor.organization_id, mentor.id)
    webhook = engine.webhooks.add(
        *where, url=receiver.url, events=["dataset.trained"], author="test"
    ).webhook
    for number in range(EVENTS):
        with engine.database.write() as connection:
            place = {"organization_id": where[0], "mentor_id": where[1]}
            note_event(connection, "dataset.trained", {"n": number}, **place)

    # Dead with the second event claimed and not sent; then with it sent and not written down.
    before = start_worker(engine, dies_before=2)
    assert before.wait(timeout=30) == -signal.SIGKILL
    after = start_worker(engine)
    receiver.before_answer = after.kill
    assert after.wait(timeout=30) == -signal.SIGKILL
    receiver.before_answer = lambda: None
    last = start_worker(engine)
    assert receiver.wait_for(EVENTS + 1, seconds=30)
    last.send_signal(signal.SIGTERM)
    assert last.wait(timeout=30) == 0

    deliveries = engine.webhooks.list_deliveries(webhook)[1][::-1]
    first, second, third, fourth = (each.id for each in deliveries)
    assert receiver.ids == [first, second, second, third, fourth]
    assert receiver.taken[1][1] == receiver.taken[2][1]
    assert [(each.status, each.attempts) for each in deliveries] == [
        ("sent", 1),
        ("sent", 3),
        ("sent", 1),
        ("sent", 1),
    ]


def test_event_of_a_killed_worker_goes_on_long_before_its_lease_ends(engine, mentor, receiver):
    where = (mentor.organization_id, mentor.id)
    engine.webhooks.add(*where, url=receiver.url, events=["dataset.trained"], author="test")
    with engine.database.write() as connection:
        place = {"organization_id": where[0], "mentor_id": where[1]}
        note_event(connection, "dataset.trained", {}, **place)
    worker = start_worker(engine, dies_before=1, lease_seconds=3_600)
    assert worker.wait(timeout=30) == -signal.SIGKILL

    worker = start_worker(engine, lease_seconds=3_600)
    arrived = receiver.wait_for(1, seconds=40)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=30) == 0

    assert arrived


if __name__ == "__main__":
    work(*sys.argv[1:])
