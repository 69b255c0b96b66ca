"""Documents that are read later, by the worker, in a process with limits."""

import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import pytest
import time_machine
from sqlalchemy import update

from mentorai.core import hookimpl
from mentorai.core import trainings as trainings_module
from mentorai.core.clock import now
from mentorai.core.dataset_rows import Dataset, datasets, trainings
from mentorai.core.engine import Engine
from mentorai.core.errors import NotFound
from mentorai.core.jobs import Jobs, run_worker
from mentorai.core.mentors import Mentor
from mentorai.core.orphans import ECHO_SECONDS
from mentorai.core.settings import Settings
from mentorai.core.values import Section
from tests.fakes.workers import dead_lease
from tests.rivals import lock_out

SHORT = b"# Crabs\n\nCrabs hide below stones."
# Emphasis that opens and never closes: markdown-it looks back from each.
HOSTILE = b"*a _" * 40_000


def long_text(word: str) -> bytes:
    """A text that is not read while its sender waits."""
    return f"# {word}\n\n".encode() + f"A {word} rests on the sand at low tide. ".encode() * 2_700


@pytest.fixture
def submit(engine: Engine, mentor: Mentor):
    def submit(data: bytes, name: str = "book.md", media_type: str = "") -> Dataset:
        place = (mentor.organization_id, mentor.id)
        return engine.trainings.submit(*place, name, media_type, io.BytesIO(data))

    return submit


@pytest.fixture
def look(engine: Engine, mentor: Mentor):
    def look(dataset: Dataset) -> Dataset:
        return engine.datasets.get(mentor.organization_id, mentor.id, dataset.id)

    return look


def test_short_text_is_read_at_once(submit):
    assert submit(SHORT).training_status == "trained"


def test_long_text_waits_and_is_trained_by_the_worker(engine: Engine, mentor: Mentor, submit, look):
    sent = submit(long_text("whelk"))

    engine.trainings.train_due()

    assert (sent.training_status, sent.passages, sent.unchanged) == ("pending", 0, False)
    assert look(sent).training_status == "trained"
    assert look(sent).passages > 100
    assert engine.retrieval.search(mentor.id, "Where does a whelk rest?")[0].heading == "whelk"


def test_long_text_read_apart_is_kept_as_one_that_is_read_here(
    engine: Engine, mentor: Mentor, submit, look
):
    place = (mentor.organization_id, mentor.id)
    here = engine.datasets.add(*place, "here.md", "", io.BytesIO(long_text("whelk")))
    apart = submit(long_text("whelk"))
    engine.trainings.train_due()

    facts = [
        [
            (p.heading, p.start, p.end, p.text, p.page)
            for p in engine.datasets.list_passages(*place, one.id)
        ]
        for one in (here, apart)
    ]

    assert facts[0] == facts[1]
    assert engine.datasets.read_text(*place, here.id) == engine.datasets.read_text(*place, apart.id)


def test_worker_trains_what_was_sent(engine: Engine, submit, look):
    sent, stop = submit(long_text("whelk")), threading.Event()
    worker = threading.Thread(target=run_worker, args=(engine,), kwargs={"stop": stop})
    worker.start()

    deadline = time.monotonic() + 20
    while look(sent).training_status != "trained" and time.monotonic() < deadline:
        stop.wait(0.05)
    stop.set()
    worker.join()

    assert look(sent).training_status == "trained"


@pytest.mark.parametrize("is_seen", [True, False], ids=["by the worker", "by nobody"])
def test_document_that_waits_is_read_when_the_clock_is_set_back(
    engine: Engine, submit, look, monkeypatch: pytest.MonkeyPatch, is_seen
):
    monkeypatch.setattr(Jobs, "hand_trainings", lambda *_: None)
    monkeypatch.setattr(trainings_module, "HANDED_SECONDS", 0.5)
    sent, stop = submit(long_text("whelk")), threading.Event()
    worker = threading.Thread(target=run_worker, args=(engine,), kwargs={"stop": stop})
    with time_machine.travel(now(), tick=True) as clock:
        if is_seen:
            worker.start()
            time.sleep(1)
        # Taken by a worker that stopped, and handed out since.
        engine.trainings.hand_out()
        clock.shift(-timedelta(hours=3))
        monkeypatch.undo()
        if not is_seen:
            worker.start()

        deadline = time.monotonic() + 20
        while look(sent).training_status != "trained" and time.monotonic() < deadline:
            stop.wait(0.05)
        stop.set()
        worker.join()

        assert look(sent).training_status == "trained"


def test_lease_of_a_document_ends_when_it_would_have_though_the_clock_is_set_back(
    settings: Settings, told, reader, monkeypatch: pytest.MonkeyPatch
):
    told("a")
    told.engine.trainings.lease_seconds = 1.0
    reader.read = lambda name: sys.exit()
    with time_machine.travel(now(), tick=True) as clock:
        with pytest.raises(SystemExit):
            told.engine.trainings.train_due()
        reader.read = lambda name: [Section("", name)]
        stop = threading.Event()
        worker = threading.Thread(target=run_worker, args=(told.engine,), kwargs={"stop": stop})
        worker.start()
        clock.shift(-timedelta(hours=3))

        deadline = time.monotonic() + 20
        while statuses(told) != ["trained"] and time.monotonic() < deadline:
            stop.wait(0.05)
        stop.set()
        worker.join()

        assert statuses(told) == ["trained"]


def test_same_document_again_changes_nothing_while_it_waits(submit):
    first = submit(long_text("whelk"))

    second = submit(long_text("whelk"))

    assert (second.id, second.unchanged, second.training_status) == (first.id, True, "pending")


def test_document_answers_as_it_was_until_the_new_one_is_trained(
    engine: Engine, mentor: Mentor, submit, look
):
    first = submit(SHORT)

    second = submit(long_text("whelk"))
    before = engine.retrieval.search(mentor.id, "crabs below stones")
    engine.trainings.train_due()

    assert (second.id, second.passages) == (first.id, 1)
    assert before[0].heading == "Crabs"
    assert engine.retrieval.search(mentor.id, "crabs below stones") == []


def test_short_text_sent_after_a_long_one_wins(engine: Engine, submit, look):
    sent = submit(long_text("whelk"))
    submit(SHORT)

    tried = engine.trainings.train_due()

    assert tried == 0
    assert (look(sent).training_status, look(sent).passages) == ("trained", 1)


@pytest.fixture
def strict_engine(settings: Settings):
    engine = Engine.open(settings.model_copy(update={"reading_seconds": 1}), plugins=[])
    yield engine
    engine.close()


def test_document_that_takes_too_long_fails_and_says_so(strict_engine: Engine):
    engine = strict_engine
    organization = engine.organizations.get()
    mentor = engine.mentors.add(organization.id, "Books")
    sent = engine.trainings.submit(
        organization.id, mentor.id, "hostile.md", "", io.BytesIO(HOSTILE * 2)
    )

    engine.trainings.train_due()

    failed = engine.datasets.get(organization.id, mentor.id, sent.id)
    assert failed.training_status == "failed"
    assert "more than 1 s of computing" in failed.error


def test_failed_document_leaves_the_one_before_in_use(engine: Engine, mentor: Mentor, submit, look):
    first = submit(SHORT, "book", "text/markdown")

    submit(b"%PDF-1.7 broken", "book", "application/pdf")
    engine.trainings.train_due()

    assert (look(first).training_status, look(first).passages) == ("failed", 1)
    assert look(first).error == "The PDF is broken and could not be read."
    assert engine.retrieval.search(mentor.id, "crabs below stones")


def test_failed_document_is_tried_again_when_asked(engine: Engine, mentor: Mentor, submit, look):
    sent = submit(b"%PDF-1.7 broken", "book.pdf")
    engine.trainings.train_due()

    again = engine.trainings.repeat(mentor.organization_id, mentor.id, sent.id)

    assert (again.training_status, again.error) == ("pending", "")
    assert engine.trainings.train_due() == 1
    assert look(sent).training_status == "failed"


def test_failed_document_sent_again_is_tried_again(engine: Engine, submit):
    submit(b"%PDF-1.7 broken", "book.pdf")
    engine.trainings.train_due()

    again = submit(b"%PDF-1.7 broken", "book.pdf")

    assert (again.training_status, again.unchanged) == ("pending", False)


def test_trained_document_is_read_again_from_what_was_sent(
    engine: Engine, mentor: Mentor, submit, look
):
    sent = submit(SHORT)

    again = engine.trainings.repeat(mentor.organization_id, mentor.id, sent.id)
    engine.trainings.train_due()

    assert (again.training_status, again.passages) == ("pending", 1)
    assert look(sent).trained_at > sent.trained_at


def test_document_of_another_mentor_is_not_trained(engine: Engine, mentor: Mentor, submit):
    sent = submit(SHORT)
    other = engine.mentors.add(mentor.organization_id, "Dunes")

    with pytest.raises(NotFound):
        engine.trainings.repeat(other.organization_id, other.id, sent.id)


class Reader:
    """A plugin that reads one kind of document, by what a test tells it to do."""

    def __init__(self) -> None:
        self.read = lambda name: [Section("", name)]
        self.begun: list[str] = []

    @hookimpl
    def read_document(self, media_type: str, stream: BinaryIO) -> Sequence[Section] | None:
        if media_type != "text/told":
            return None
        self.begun.append(stream.read().decode())
        return self.read(self.begun[-1])


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def told(settings: Settings, reader: Reader):
    """Submit a document of the reader's kind; its status."""
    engine = Engine.open(settings, plugins=[("reader", reader)])
    organization = engine.organizations.get()
    mentor = engine.mentors.add(organization.id, "Films")
    place = (organization.id, mentor.id)

    def submit(name: str) -> Dataset:
        stream = io.BytesIO(name.encode())
        return engine.trainings.submit(*place, name, "text/told", stream)

    submit.engine, submit.place = engine, place  # type: ignore[attr-defined]
    yield submit
    engine.close()


def statuses(told) -> list[str]:
    return [each.training_status for each in told.engine.datasets.list(*told.place)]


def test_document_is_taken_up_again_but_not_for_ever_when_its_worker_ends_each_time(told, reader):
    told("a")
    told.engine.trainings.lease_seconds = 0.0
    reader.read = lambda name: sys.exit()

    for _ in range(3):
        with pytest.raises(SystemExit):
            told.engine.trainings.train_due()
    told.engine.trainings.train_due()

    (failed,) = told.engine.datasets.list(*told.place)
    assert reader.begun == ["a"] * 3
    assert (failed.training_status, failed.error) == (
        "failed",
        "It was begun 3 times and broken off each time.",
    )


def test_document_of_a_process_that_died_is_handed_out_long_before_its_lease_ends(told, reader):
    told("a")
    reader.read = lambda name: sys.exit()
    with pytest.raises(SystemExit):
        told.engine.trainings.train_due()
    with told.engine.database.write() as connection:
        connection.execute(update(trainings).values(lease=dead_lease()))

    seen = [told.engine.trainings.hand_out()]
    with time_machine.travel(now() + timedelta(seconds=ECHO_SECONDS + 1)):
        seen.append(told.engine.trainings.hand_out())

    assert seen == [0, 1]


def test_document_is_read_once_though_that_cannot_be_written_down_for_a_while(
    told, reader, monkeypatch: pytest.MonkeyPatch
):
    def read_and_lock(name: str) -> list[Section]:
        lock_out(told.engine.database, monkeypatch, seconds=3)
        return [Section("", name)]

    told("a")
    reader.read = read_and_lock

    told.engine.trainings.train_due()

    assert statuses(told) == ["trained"]
    assert reader.begun == ["a"]


def test_two_documents_are_read_at_once_and_no_third(told, reader):
    ids = [told(name).id for name in "abc"]
    seen = []

    def read_another(name: str) -> list[Section]:
        told.engine.trainings.train(ids["abc".index(name) + 1])
        seen.append(statuses(told))
        return [Section("", name)]

    reader.read = read_another
    told.engine.trainings.train(ids[0])

    assert reader.begun == ["a", "b"]
    assert seen[0] == ["training", "training", "pending"]


def test_what_was_read_is_dropped_when_another_document_came_meanwhile(told, reader):
    def send_another(name: str) -> list[Section]:
        stream = io.BytesIO(b"The newer text.")
        told.engine.trainings.submit(*told.place, "a", "text/plain", stream)
        return [Section("", "The older text.")]

    sent, reader.read = told("a"), send_another
    told.engine.trainings.train_due()

    assert told.engine.datasets.read_text(*told.place, sent.id) == "The newer text."


def test_document_removed_while_it_is_read_stays_away(told, reader):
    def remove(name: str) -> list[Section]:
        told.engine.datasets.delete(*told.place, sent.id)
        return [Section("", name)]

    sent, reader.read = told("a"), remove
    told.engine.trainings.train_due()

    assert told.engine.datasets.list(*told.place) == []


def test_document_may_be_removed_and_taken_up_at_one_moment(told):
    """Both waited for the other once, each with a row in hand: first in line is the removal."""
    sent = told("a")
    engine, removed = told.engine, []
    remove = threading.Thread(
        target=lambda: removed.append(engine.datasets.delete(*told.place, sent.id))
    )
    train = threading.Thread(target=engine.trainings.train, args=(sent.id,))
    with engine.database.write() as connection:
        connection.execute(update(datasets).where(datasets.c.id == sent.id).values(author="Ada"))
        remove.start()
        time.sleep(0.3)
        train.start()
        time.sleep(0.3)
    remove.join()
    train.join()

    assert removed == [None]
    assert engine.datasets.list(*told.place) == []


def test_plugin_that_fails_is_named(told, reader):
    told("a")
    reader.read = lambda name: [][0]

    told.engine.trainings.train_due()

    (failed,) = told.engine.datasets.list(*told.place)
    assert failed.error == "The plugin reader failed in read_document."


def test_document_whose_worker_was_killed_is_trained_by_the_next(engine: Engine, submit, look):
    sent = submit(HOSTILE)
    settings = engine.settings
    where = [str(settings.data_dir), settings.url_of_database]
    command = [sys.executable, "-m", "tests.core.test_trainings", *where]
    worker = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    deadline = time.monotonic() + 30
    while look(sent).training_status != "training" and time.monotonic() < deadline:
        time.sleep(0.02)

    worker.kill()
    worker.wait()
    seen = look(sent).training_status
    with time_machine.travel(now() + timedelta(minutes=10)):
        engine.trainings.train_due()

    assert seen == "training"
    assert look(sent).training_status == "trained"


def work(data_dir: str, database_url: str) -> None:
    """A worker, to be killed."""
    settings = Settings(data_dir=Path(data_dir), database_url=database_url)
    engine = Engine.open(settings, plugins=[])
    run_worker(engine, parent_pid=os.getppid())


if __name__ == "__main__":
    work(*sys.argv[1:])
