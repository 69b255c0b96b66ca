"""The worker: quick when all is well, gentle when stopped, and gone with its parent."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from mentorai.core.engine import Engine
from mentorai.core.errors import ConfigurationError
from mentorai.core.jobs import Jobs, run_worker

WORKER = """
import os, sys
from pathlib import Path
from mentorai.core.engine import Engine
from mentorai.core.jobs import run_worker
from mentorai.core.settings import Settings
engine = Engine.open(Settings(data_dir=Path(sys.argv[1])), plugins=[])
run_worker(engine, parent_pid=os.getppid())
engine.close()
print("gentle", flush=True)
"""
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]])"


def wait_until(condition: Callable[[], object], seconds: float = 10) -> float:
    """How long it took."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            pytest.fail(f"not within {seconds} s")
        time.sleep(0.005)
    return time.monotonic() - began


@pytest.fixture
def worker(engine: Engine) -> Iterator[threading.Thread]:
    stop = threading.Event()
    thread = threading.Thread(target=run_worker, args=(engine,), kwargs={"stop": stop})
    thread.start()
    yield thread
    stop.set()
    thread.join()


def test_score_arrives_soon_after_it_was_reported(engine, worker, gradebook, report):
    report(8)

    assert wait_until(lambda: gradebook.scores) < 2


def test_score_arrives_when_nobody_handed_it(engine, gradebook, report, worker, monkeypatch):
    monkeypatch.setattr(Jobs, "hand", lambda *_: None)
    report(8)
    monkeypatch.undo()

    wait_until(lambda: gradebook.scores)


def test_reporting_goes_on_when_the_queue_cannot_be_written(engine, gradebook, report, settings):
    (settings.data_dir / "jobs.sqlite3").mkdir()

    report(8)

    assert engine.outbox.waiting() == 1


def test_worker_says_what_to_do_when_the_file_of_the_queue_is_broken(engine, settings):
    file = settings.data_dir / "jobs.sqlite3"
    file.write_bytes(b"no database " * 500)

    with pytest.raises(ConfigurationError, match=r"jobs\.sqlite3 is broken: delete it"):
        run_worker(engine)
    file.unlink()
    assert engine.room(Jobs).open().pending_count() == 0


def test_second_score_follows_within_two_seconds(engine, worker, gradebook, report):
    report(3)
    wait_until(lambda: gradebook.scores)
    report(8)

    assert wait_until(lambda: len(gradebook.scores) == 2) < 4
    assert gradebook.given == [3, 8]


def test_worker_finishes_the_score_in_hand_when_stopped(engine, gradebook, report):
    pushing = threading.Event()

    def push_slowly() -> None:
        pushing.set()
        time.sleep(0.5)

    gradebook.before_push = push_slowly
    stop = threading.Event()
    thread = threading.Thread(target=run_worker, args=(engine,), kwargs={"stop": stop})
    thread.start()
    report(8)
    assert pushing.wait(10)

    stop.set()
    thread.join()

    assert gradebook.given == [8]
    assert engine.outbox.waiting() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_worker_ends_gently_at_a_signal(tmp_path, number):
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    wait_until(lambda: b"worker_started" in process.stderr.readline(), 30)

    process.send_signal(number)
    output, _ = process.communicate(timeout=20)

    assert process.returncode == 0
    assert output == b"gentle\n"


def test_worker_ends_when_its_parent_is_gone(tmp_path):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, WORKER, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert parent.stderr is not None
    wait_until(lambda: b"worker_started" in parent.stderr.readline(), 30)

    os.kill(parent.pid, signal.SIGKILL)
    output, _ = parent.communicate(timeout=20)

    assert output == b"gentle\n"


def test_worker_does_its_chores_and_goes_on_when_one_fails(engine, gradebook, report):
    done = threading.Event()

    def fail():
        raise RuntimeError("a chore of somebody else")

    stop = threading.Event()
    facts = {"stop": stop, "chores": (fail, done.set)}
    thread = threading.Thread(target=run_worker, args=(engine,), kwargs=facts)
    thread.start()

    assert done.wait(10)
    report(8)
    wait_until(lambda: gradebook.scores)
    stop.set()
    thread.join()
