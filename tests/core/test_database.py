import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, event, insert, select
from sqlalchemy.exc import DatabaseError, IntegrityError, StatementError

from mentorai.core.database import Database, Instant
from mentorai.core.errors import ConfigurationError, DatabaseUnavailable

notes = Table(
    "notes",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("text", String(50), nullable=False),
    Column("at", Instant),
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'notes.sqlite3'}")
    notes.metadata.create_all(database.engine)
    yield database
    database.close()


def _texts(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(select(notes.c.text).order_by(notes.c.id)).scalars())


def test_write_is_kept_whole(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(notes).values(text="a"))
        connection.execute(insert(notes).values(text="b"))

    assert _texts(database) == ["a", "b"]


def test_nothing_is_kept_when_a_write_fails(database: Database) -> None:
    def fail() -> None:
        with database.write() as connection:
            connection.execute(insert(notes).values(text="a"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert _texts(database) == []


def test_nothing_done_while_reading_is_kept(database: Database) -> None:
    with database.read() as connection:
        connection.execute(insert(notes).values(text="a"))

    assert _texts(database) == []


def test_reader_sees_one_moment(database: Database) -> None:
    with database.read() as reader:
        before = reader.execute(select(notes)).all()
        with database.write() as writer:
            writer.execute(insert(notes).values(text="a"))

        assert reader.execute(select(notes)).all() == before

    assert _texts(database) == ["a"]


def test_writers_wait_for_each_other(database: Database) -> None:
    def add_one_to_the_last() -> None:
        for _ in range(20):
            with database.write() as connection:
                seen = connection.execute(select(notes.c.id)).all()
                connection.execute(insert(notes).values(id=len(seen) + 1, text="n"))

    threads = [threading.Thread(target=add_one_to_the_last) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(_texts(database)) == 80


def _add(database: Database, text: str | None) -> None:
    with database.write() as connection:
        connection.execute(insert(notes).values(text=text))


def test_writes_of_a_whole_are_kept_together(database: Database) -> None:
    said: list[list[str]] = []
    with closing(Database(str(database.url))) as other, database.whole():
        _add(database, "a")
        database.when_kept(lambda: said.append(_texts(other)))
        with pytest.raises(IntegrityError):
            _add(database, None)
        _add(database, "b")
        within, outside = _texts(database), _texts(other)

    assert (within, outside, said) == (["a", "b"], [], [["a", "b"]])
    database.when_kept(lambda: said.append(["at once"]))
    assert said[1:] == [["at once"]]


def test_nothing_of_a_whole_is_kept_when_it_fails(database: Database) -> None:
    done: list[str] = []

    def fail() -> None:
        with database.whole():
            _add(database, "a")
            database.when_kept(lambda: done.append("told"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    _add(database, "b")

    assert (_texts(database), done) == (["b"], [])


def test_foreign_keys_are_held(database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE marks (note INTEGER REFERENCES notes (id))")

    with pytest.raises(IntegrityError), database.write() as connection:
        connection.exec_driver_sql("INSERT INTO marks VALUES (7)")


def test_error_does_not_hold_what_people_sent(database: Database) -> None:
    rows = [{"id": 1, "text": "my private question"}] * 2

    with pytest.raises(IntegrityError) as raised, database.write() as connection:
        connection.execute(insert(notes), rows)

    assert "private" not in str(raised.value)


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=-7))])
def test_instant_comes_back_aware_and_the_same(database: Database, zone: timezone) -> None:
    moment = datetime(2026, 11, 23, 10, 42, 7, 123456, tzinfo=zone)

    with database.write() as connection:
        connection.execute(insert(notes).values(text="a", at=moment))

    with database.read() as connection:
        kept = connection.execute(select(notes.c.at)).scalar_one()
    assert kept == moment
    assert kept.tzinfo is UTC


def test_instant_without_a_zone_is_refused(database: Database) -> None:
    naive = datetime(2026, 11, 23)  # noqa: DTZ001

    with pytest.raises(StatementError, match="time zone"), database.write() as connection:
        connection.execute(insert(notes).values(text="a", at=naive))


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mysql://localhost/mentor", "only sqlite and postgresql"),
        ("mentor.sqlite3", "no address of a database"),
        ("://hunter2@", "no address of a database"),
        ("postgresql+nosuch://localhost/mentor", "nosuch is not installed"),
        ("postgresql+pg8000://localhost/mentor", "pg8000 is not installed"),
    ],
)
def test_other_databases_are_refused(url: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence) as raised:
        Database(url)

    assert "hunter2" not in raised.value.message


def test_folder_of_the_database_is_made(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "down" / "mentorai.sqlite3"
    database = Database(f"sqlite:///{path}")

    database.upgrade()
    database.close()

    assert path.exists()


def test_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mentorai.sqlite3"
    path.write_text("minutes of the faculty meeting, all of them, without end\n" * 40)
    database = Database(f"sqlite:///{path}")

    with pytest.raises(DatabaseError):
        database.upgrade()

    assert path.read_text().startswith("minutes")


def test_write_inside_a_write_is_refused_and_hangs_nobody(database):
    @event.listens_for(database.engine, "connect")
    def be_impatient(connection, _record):
        connection.execute("PRAGMA busy_timeout = 0")

    with (
        database.write(),
        pytest.raises(DatabaseUnavailable) as raised,
        database.write(),
    ):
        pass

    assert "locked" in str(raised.value.__cause__)


def test_connection_that_outlives_the_database_is_closed_when_given_back(postgres_database):
    database = Database(postgres_database)

    with database.read() as connection:
        driver = connection.connection.driver_connection
        database.close()
    with database.read() as late:
        another = late.connection.driver_connection

    assert (driver.closed, another.closed) == (True, True)


def test_what_was_written_reaches_the_database_itself_without_another_commit(
    database: Database, tmp_path: Path
) -> None:
    with database.write() as connection:
        connection.execute(insert(notes).values(text="a"))

    deadline = time.monotonic() + 30
    while not (kept := _texts_without_log(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert kept == [("a",)]


def _texts_without_log(folder: Path) -> list[tuple[str]]:
    """What the database's own file holds, without the log that lies beside it."""
    alone = folder / "alone.sqlite3"
    alone.write_bytes((folder / "notes.sqlite3").read_bytes())
    with closing(sqlite3.connect(alone)) as connection:
        try:
            return connection.execute("SELECT text FROM notes").fetchall()
        except sqlite3.DatabaseError:
            # Half of it is copied.
            return []
