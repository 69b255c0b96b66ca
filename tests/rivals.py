"""Somebody else's transaction on the same database, which holds what the one under test needs.

So the order in which two arrive is fixed, and which of them PostgreSQL ends: whoever waited first.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, Engine, NullPool, column, create_engine, select, table, text

from mentorai.core import database as database_module
from mentorai.core.database import Database

_WAITING = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


class Rival:
    """A transaction that ends with its `rival`, and nothing of it is kept."""

    def __init__(self, engine: Engine, connection: Connection) -> None:
        self._engine = engine
        self.connection = connection

    def lock(self, name: str, **key: object) -> None:
        """Hold rows of a table, once nobody else does."""
        rows = select(text("1")).select_from(table(name))
        for each, value in key.items():
            rows = rows.where(column(each) == value)
        self.connection.execute(rows.with_for_update())

    def wait_for(self, count: int = 1) -> None:
        """Return when so many others wait for a row."""
        deadline = time.monotonic() + 20
        while self._ask(f"SELECT count(*) {_WAITING}") < count:
            assert time.monotonic() < deadline, "nobody waits for a row"
            time.sleep(0.02)

    def end_them(self) -> None:
        """End the connections of all who wait, as an administrator may."""
        assert self._ask(f"SELECT count(pg_terminate_backend(pid)) {_WAITING}") > 0

    def _ask(self, query: str) -> int:
        with self._engine.connect() as connection:
            return int(connection.execute(text(query)).scalar_one())


@contextmanager
def rival(database: Database) -> Iterator[Rival]:
    """Begin one; skips the test on SQLite, where nobody holds a row."""
    if database.is_sqlite:
        pytest.skip("SQLite has one who writes at a time, and nobody waits for a row")
    engine = create_engine(database.url, poolclass=NullPool)
    with engine.connect() as connection:
        yield Rival(engine, connection)
        connection.rollback()


def together(
    database: Database, hold: Callable[[Rival], object], *acts: Callable[[], object]
) -> list[Exception]:
    """What goes wrong when all act at once, each queued in its turn behind what somebody holds."""
    failed = list[Exception]()

    def act(each: Callable[[], object]) -> None:
        try:
            each()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=act, args=(each,)) for each in acts]
    with rival(database) as other:
        hold(other)
        for number, thread in enumerate(threads, start=1):
            thread.start()
            other.wait_for(number)
    for thread in threads:
        thread.join()
    return failed


def lock_out(database: Database, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Have nobody write for so long from now on; who tries is told so after a second.

    Skips the test on PostgreSQL, where nobody has the whole database.
    """
    if not database.is_sqlite:
        pytest.skip("on PostgreSQL nobody has the whole database to himself")
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 1)
    database.engine.dispose()
    assert database.url.database is not None
    other = sqlite3.connect(
        database.url.database, isolation_level=None, check_same_thread=False, timeout=20
    )
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(seconds, other.close).start()
