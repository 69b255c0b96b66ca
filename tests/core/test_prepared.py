import multiprocessing
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import (
    Column,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    insert,
    null,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from mentorai.core.database import Database, Instant
from mentorai.core.errors import DatabaseUnavailable
from mentorai.core.prepared import Prepared, count_changed, execute_each, read_row, read_rows

notes = Table(
    "prepared_notes",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("text", String(50), nullable=False),
    Column("at", Instant),
    Column("taken", String(10)),
)
ADD = Prepared(insert(notes), ["id", "text", "at"])
FIND = Prepared(select(notes).where(notes.c.id == bindparam("id")))
TAKE = Prepared(
    update(notes)
    .where(notes.c.id == bindparam("which"), notes.c.taken.is_(None))
    .values(taken=bindparam("taker"))
    .returning(notes.c.text)
)
NEW = Prepared(insert(notes).values(id=bindparam("which"), text=bindparam("said"), at=null()))
LISTED = Prepared(
    select(notes.c.id, notes.c.at)
    .where(notes.c.id.in_(bindparam("ids", expanding=True)), notes.c.text != "z")
    .order_by(notes.c.id)
)
MEND = Prepared(
    update(notes)
    .where(notes.c.id.in_(bindparam("ids", expanding=True)))
    .values(taken="mended", at=bindparam("moment", type_=Instant()))
)
MOMENT = datetime(2026, 11, 23, 10, 42, 7, 123456, tzinfo=timezone(timedelta(hours=-7)))


@pytest.fixture
def database(tmp_path, database_url) -> Iterator[Database]:
    database = Database(database_url or f"sqlite:///{tmp_path / 'notes.sqlite3'}")
    notes.metadata.create_all(database.engine)
    yield database
    notes.metadata.drop_all(database.engine)
    database.close()


@pytest.fixture
def note(database: Database) -> int:
    database.run(ADD, {"id": 1, "text": "a", "at": MOMENT})
    return 1


def test_row_comes_back_by_column(database: Database, note: int) -> None:
    row = database.run(FIND, {"id": note})

    assert (row.id, row.text, row.taken) == (1, "a", None)


def test_instant_comes_back_aware_and_the_same(database: Database, note: int) -> None:
    row = database.run(FIND, {"id": note})

    assert row.at == MOMENT
    assert row.at.tzinfo is UTC


def test_no_row_is_none(database: Database) -> None:
    assert database.run(FIND, {"id": 1}) is None


def test_what_it_wrote_is_seen_by_every_connection(database: Database, note: int) -> None:
    with database.read() as connection:
        kept = connection.execute(select(notes.c.text)).scalars().all()

    assert kept == ["a"]


def test_of_many_takers_at_once_one_gets_it(database: Database, note: int) -> None:
    taken = []

    def take(taker: str) -> None:
        row = database.run(TAKE, {"which": note, "taker": taker})
        taken.append(row and row.text)

    threads = [threading.Thread(target=take, args=(str(n),)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(filter(None, taken)) == ["a"]


def test_it_waits_for_a_transaction_that_writes(database: Database, note: int) -> None:
    with database.write() as connection:
        connection.execute(update(notes).values(taken="first"))
        taken = []
        thread = threading.Thread(
            target=lambda: taken.append(database.run(TAKE, {"which": note, "taker": "second"}))
        )
        thread.start()
        thread.join(0.1)
        assert taken == []

    thread.join()
    assert taken == [None]


@pytest.fixture
def other(database: Database) -> Iterator[sqlite3.Connection]:
    """Another process that is in the middle of a write."""
    if not database.is_sqlite:
        pytest.skip("PostgreSQL has others wait for a row, not for a file")
    with closing(sqlite3.connect(database.url.database or "", isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection


def test_it_waits_for_another_process_that_writes(
    database: Database, note: int, other: sqlite3.Connection
) -> None:
    taken = []
    thread = threading.Thread(
        target=lambda: taken.append(database.run(TAKE, {"which": note, "taker": "patient"}).text)
    )
    thread.start()
    thread.join(0.1)
    assert taken == []

    other.execute("COMMIT")
    thread.join()
    assert taken == ["a"]


def test_it_waits_for_another_process_for_so_long(
    database: Database, note: int, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mentorai.core.database.BUSY_SECONDS", 0.05)

    with pytest.raises(DatabaseUnavailable) as raised:
        database.run(TAKE, {"which": note, "taker": "patient"})

    assert "locked" in str(raised.value.__cause__)

    assert database.run(FIND, {"id": note}).taken is None


def test_error_does_not_hold_what_people_sent(database: Database, note: int) -> None:
    with pytest.raises(IntegrityError) as raised:
        database.run(ADD, {"id": note, "text": "my private question", "at": None})

    assert "private" not in str(raised.value)


def test_it_goes_on_after_an_error(database: Database, note: int) -> None:
    with pytest.raises(IntegrityError):
        database.run(ADD, {"id": note, "text": "b", "at": None})

    database.run(ADD, {"id": 2, "text": "b", "at": None})

    assert database.run(FIND, {"id": 2}).text == "b"


def test_child_process_leaves_its_parents_connections_alone(database: Database, note: int) -> None:
    if not database.is_sqlite:
        pytest.skip("psycopg's connections are the pool's affair")
    fork = multiprocessing.get_context("fork")
    child = fork.Process(target=lambda: database.run(TAKE, {"which": note, "taker": "child"}))
    child.start()
    child.join(20)

    assert child.exitcode == 0
    assert database.run(FIND, {"id": note}).taken == "child"


@pytest.mark.parametrize("asked", [[], [2], [3, 1, 2], [1, 2, 3, 4, 5, 6, 9]])
def test_list_may_have_any_length(database: Database, asked: list[int]) -> None:
    texts = {1: "a", 2: "b", 3: "c", 4: "z", 5: "e"}
    with database.write() as connection:
        execute_each(connection, NEW, [{"which": n, "said": said} for n, said in texts.items()])
        found = read_rows(connection, LISTED, {"ids": asked})

    assert [row.id for row in found] == sorted(set(asked) & {1, 2, 3, 5})


def test_how_many_rows_it_changed_is_told(database: Database, note: int) -> None:
    with database.write() as connection:
        facts = {"ids": [note, note + 1], "moment": MOMENT}
        assert count_changed(connection, MEND, facts) == 1
        row = read_row(connection, FIND, {"id": note})

    assert (row.taken, row.at) == ("mended", MOMENT)


def test_transaction_that_fails_keeps_nothing_of_it(database: Database, note: int) -> None:
    rows = [{"which": 2, "said": "b"}, {"which": note, "said": "my private question"}]

    with pytest.raises(IntegrityError) as raised, database.write() as connection:
        execute_each(connection, NEW, rows)

    assert "private" not in str(raised.value)
    assert database.run(FIND, {"id": 2}) is None


def test_reader_sees_one_moment(database: Database, note: int) -> None:
    if not database.is_sqlite:
        pytest.skip("PostgreSQL shows what others have committed meanwhile")
    with database.read() as connection:
        before = read_row(connection, FIND, {"id": note})
        database.run(TAKE, {"which": note, "taker": "other"})

        assert read_row(connection, FIND, {"id": note}) == before
