"""The same worker with its queue in Redis: one queue for several machines."""

import threading
from pathlib import Path

import pytest

from mentorai.core.errors import ConfigurationError
from mentorai.core.jobs import Jobs, run_worker
from mentorai.core.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, database_url: str, redis_url: str) -> Settings:
    return Settings(data_dir=tmp_path, database_url=database_url, queue_url=redis_url)


def test_score_travels_through_redis(engine, gradebook, report, settings):
    arrived, stop = threading.Event(), threading.Event()
    gradebook.before_push = arrived.set
    worker = threading.Thread(target=run_worker, args=(engine,), kwargs={"stop": stop})
    worker.start()

    report(8)

    assert arrived.wait(10)
    stop.set()
    worker.join()
    assert gradebook.given == [8]
    assert not (settings.data_dir / "jobs.sqlite3").exists()


def test_row_waits_in_redis_until_a_worker_comes(engine, gradebook, report):
    report(8)

    assert engine.room(Jobs).open().pending_count() == 1
    assert gradebook.scores == []


def test_score_is_kept_when_redis_is_away(tmp_path, database_url, gradebook, engine, report):
    away = Settings(data_dir=tmp_path, database_url=database_url, queue_url="redis://127.0.0.1:1/0")
    engine.settings = away

    report(8)

    assert engine.outbox.waiting() == 1


def test_address_of_another_kind_of_queue_names_its_setting(monkeypatch):
    monkeypatch.setenv("MENTORAI_QUEUE_URL", "amqp://localhost")

    with pytest.raises(ConfigurationError, match="MENTORAI_QUEUE_URL"):
        Settings.load()
