"""What passes by itself is told so, whichever database it is and whatever door was taken."""

import io
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import structlog
from sqlalchemy import Column, Integer, MetaData, String, Table, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError, ProgrammingError

from mentorai.core.database import Database
from mentorai.core.errors import DatabaseUnavailable
from mentorai.core.prepared import Prepared
from tests.rivals import Rival, rival

notes = Table(
    "passing_notes",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("text", String(50), nullable=False),
)
PUT = update(notes).where(notes.c.id == bindparam("which")).values(text=bindparam("new"))
RUN = Prepared(PUT)


@pytest.fixture
def database(postgres_database: str) -> Iterator[Database]:
    database = Database(postgres_database)
    notes.metadata.create_all(database.engine)
    with database.write() as connection:
        connection.execute(insert(notes), [{"id": 1, "text": "a"}, {"id": 2, "text": "b"}])
    yield database
    database.close()


def _put(database: Database, *ids: int) -> None:
    with database.write() as connection:
        for each in ids:
            connection.execute(PUT, {"which": each, "new": "mine"})


def _put_as_a_whole(database: Database) -> None:
    with database.whole():
        _put(database, 1)
        _put(database, 2)


def _texts(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(select(notes.c.text).order_by(notes.c.id)).scalars())


def _beside(database: Database, act: Callable[[Rival], None], *acts: Callable[[], None]) -> list:
    """What came of acts that wait for the second note, while somebody else did his."""
    came = []

    def note(each: Callable[[], None]) -> None:
        try:
            came.append(each())
        except Exception as error:
            came.append(error)

    threads = [threading.Thread(target=note, args=(each,)) for each in acts]
    with rival(database) as other:
        other.lock("passing_notes", id=2)
        for thread in threads:
            thread.start()
        other.wait_for(len(threads))
        act(other)
        for thread in threads:
            thread.join(20)
    return came


@pytest.mark.parametrize("put", [lambda database: _put(database, 1, 2), _put_as_a_whole])
def test_victim_of_a_deadlock_may_try_again_and_nothing_of_it_is_kept(database, put):
    came = _beside(database, lambda other: other.lock("passing_notes", id=1), lambda: put(database))

    assert [type(each) for each in came] == [DatabaseUnavailable]
    assert _texts(database) == ["a", "b"]
    put(database)
    assert _texts(database) == ["mine", "mine"]


@pytest.mark.parametrize(
    "put",
    [
        lambda database: _put(database, 2),
        lambda database: database.run(RUN, {"which": 2, "new": "mine"}),
    ],
)
def test_who_is_ended_by_an_administrator_may_try_again(database, put):
    came = _beside(database, Rival.end_them, lambda: put(database))

    assert [type(each) for each in came] == [DatabaseUnavailable]
    put(database)
    assert _texts(database) == ["a", "mine"]


def test_who_waited_too_long_for_a_row_may_try_again(database):
    def put_at_once() -> None:
        with database.write() as connection:
            connection.exec_driver_sql("SET LOCAL lock_timeout = '20ms'")
            connection.execute(PUT, {"which": 2, "new": "mine"})

    with rival(database) as other:
        other.lock("passing_notes", id=2)

        with pytest.raises(DatabaseUnavailable):
            put_at_once()


def test_server_that_is_not_there_may_be_there_later(database):
    url = database.url.set(port=1).render_as_string(hide_password=False)
    away = Database(url)

    with pytest.raises(DatabaseUnavailable), away.read():
        pass

    away.close()


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("INSERT INTO passing_notes VALUES (1, 'twice')", IntegrityError),
        ("SELECT nothing FROM nowhere", ProgrammingError),
    ],
)
def test_what_will_never_go_well_is_not_called_passing(database, statement, kind):
    with pytest.raises(kind), database.write() as connection:
        connection.exec_driver_sql(statement)


def test_document_is_kept_when_keeping_it_first_ended_in_a_deadlock(engine, mentor):
    place = (mentor.organization_id, mentor.id)
    text = "# Whelks\n\n" + "A whelk rests on the sand at low tide. " * 2_700
    sent = engine.trainings.submit(*place, "book.md", "", io.BytesIO(text.encode()))
    train = threading.Thread(target=engine.trainings.train, args=(sent.id,))
    with rival(engine.database) as other:
        train.start()
        while engine.datasets.get(*place, sent.id).training_status == "pending":
            time.sleep(0.01)
        other.lock("trainings", dataset_id=sent.id)
        other.wait_for()
        other.lock("mentors", id=mentor.id)
    train.join()

    assert engine.trainings.train_due() == 0
    assert engine.datasets.get(*place, sent.id).training_status == "trained"


def test_full_disk_passes_and_is_named_in_the_log(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'full.sqlite3'}")
    notes.metadata.create_all(database.engine)

    def fill() -> None:
        with database.write() as connection:
            # As many pages as there are, and no more.
            connection.exec_driver_sql("PRAGMA max_page_count = 1")
            connection.execute(insert(notes), [{"id": n, "text": "a" * 50} for n in range(500)])

    with structlog.testing.capture_logs() as lines:
        with pytest.raises(DatabaseUnavailable):
            fill()
        database.close()

    (line,) = lines
    assert (line["event"], line["state"]) == ("database_unavailable", "SQLITE_FULL")
