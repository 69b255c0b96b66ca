"""The database: one engine, short transactions, the same rules on SQLite and PostgreSQL.

Rooms define their tables on `metadata` beside the code that owns them; migrations/ makes them.
In which order a transaction locks rows is told in row_locks.py.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    MetaData,
    Table,
    create_engine,
    event,
    literal,
    tuple_,
)
from sqlalchemy.engine import URL, Dialect, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator

from mentorai.core.afterwards import Afterwards
from mentorai.core.errors import ConfigurationError
from mentorai.core.passing_failures import FAILURES, check_passing
from mentorai.core.prepared import Prepared, hide_parameters
from mentorai.core.private_folders import make_private

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# How long a writer waits for others before it is told that the database is locked.
BUSY_SECONDS = 15
NAP_SECONDS, LONGEST_NAP_SECONDS = 0.00005, 0.002
CHECKPOINT_SECONDS = 1.0
# How much of SQLite's file is mapped where single rows are looked for all over it.
MAPPED_BYTES = 1 << 30
# How many pages of 4 KB the log may have before a commit copies it itself after all.
LOG_PAGES = 16_000


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant; SQLite keeps no zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def is_after(rows: Table, place: tuple[datetime, str]) -> ColumnElement[bool]:
    """Whether a row comes behind `place`, in the order of `updated_at` and `id`.

    A list that is read on from there misses no row, whatever is changed or taken away meanwhile.
    """
    changed_at, row_id = place
    order = tuple_(rows.c.updated_at, rows.c.id)
    return order > tuple_(literal(changed_at, rows.c.updated_at.type), literal(row_id))


_NOTHING = nullcontext()


class Database:
    """Connections to one database.

    url: `sqlite:///path` or `postgresql+psycopg://...`.
    Raises ConfigurationError for an address that is not served. Whatever is done with it raises
    DatabaseUnavailable for what passes by itself: a deadlock, a lost connection, a locked file.
    """

    def __init__(self, url: str) -> None:
        self.url = _read_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if not self.is_sqlite and self.url.get_backend_name() != "postgresql":
            raise ConfigurationError("database_url: only sqlite and postgresql are served.")
        options: dict[str, Any] = {"pool_pre_ping": True}
        self._writing: AbstractContextManager[object] = _NOTHING
        if self.is_sqlite:
            # The connection used last has the warmest cache.
            options = {"connect_args": {"timeout": BUSY_SECONDS}, "pool_use_lifo": True}
            # SQLite has writers wait by sleeping and asking again; a lock wakes the next at once.
            # Re-entrant, so that a write inside a write fails as SQLite has it and hangs nobody.
            self._writing = threading.RLock()
        try:
            self.engine = create_engine(
                # Parameters hold what people sent; an error must not carry them into a log.
                self.url,
                pool_size=10,
                max_overflow=90,
                hide_parameters=True,
                **options,
            )
        except (ImportError, ArgumentError) as error:
            raise ConfigurationError(
                f"database_url: {self.url.drivername} is not installed; for "
                'postgresql+psycopg: pip install "mentorai-toolkit[postgres]"'
            ) from error
        # The connection of the transaction that all of a thread's work belongs to, if there is one.
        self._whole = threading.local()
        self._idle: dict[tuple[int, bool], list[sqlite3.Connection]] = {}
        self._is_closed = False
        self._checkpoints = Afterwards(self._checkpoint, CHECKPOINT_SECONDS)
        if self.is_sqlite:
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write: all of it is kept, or none. A part of it in a `whole`."""
        whole = self._find_whole()
        try:
            if whole is not None:
                with whole.begin_nested():
                    yield whole
                return
            with self._writing, self.engine.connect() as connection:
                connection.info["writes"] = True
                try:
                    with connection.begin():
                        yield connection
                finally:
                    connection.info["writes"] = False
        except FAILURES as error:
            check_passing(error)
            raise
        self._checkpoint_soon()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent look at the data; nothing done in it is kept."""
        whole = self._find_whole()
        try:
            if whole is not None:
                yield whole
                return
            with self.engine.connect() as connection:
                yield connection
        except FAILURES as error:
            check_passing(error)
            raise

    @contextmanager
    def whole(self) -> Iterator[None]:
        """One transaction for all that this thread reads and writes meanwhile.

        Nobody else writes to SQLite before it ends: nothing in it may wait for anybody.
        """
        with self.write() as connection:
            self._whole.connection, self._whole.afterwards = connection, []
            try:
                yield
            finally:
                self._whole.connection = None
        for act in self._whole.afterwards:
            act()

    def when_kept(self, act: Callable[[], None]) -> None:
        """Do something when all that this thread wrote is kept: now, or after its `whole`."""
        if self._find_whole() is None:
            act()
        else:
            self._whole.afterwards.append(act)

    def _find_whole(self) -> Connection | None:
        found: Connection | None = getattr(self._whole, "connection", None)
        return found

    def run(self, prepared: Prepared, facts: Mapping[str, Any]) -> Any:
        """One prepared statement, which is a transaction by itself; its first row, or None."""
        try:
            return self._run(prepared, facts)
        except FAILURES as error:
            check_passing(error)
            raise

    def _run(self, prepared: Prepared, facts: Mapping[str, Any]) -> Any:
        whole = self._find_whole()
        if whole is not None:
            result = whole.execute(prepared.statement, facts)
            return result.first() if result.returns_rows else None
        if not self.is_sqlite:
            with self.engine.connect() as connection:
                connection.execution_options(isolation_level="AUTOCOMMIT")
                result = connection.execute(prepared.statement, facts)
                return result.first() if result.returns_rows else None
        compiled = prepared.compile(self.engine.dialect)
        with self._writing if compiled.writes else _NOTHING:
            values = self._run_sqlite(*compiled.bind(facts), compiled.is_scattered)
        if compiled.writes:
            self._checkpoint_soon()
        return None if values is None else compiled.read(values)

    def _run_sqlite(
        self, sql: str, parameters: Sequence[Any], is_scattered: bool = False
    ) -> Sequence[Any] | None:
        # A few connections outside the pool, whose checks in and out cost more than the
        # statement. One that a parent process opened is neither used nor closed here.
        idle = self._idle.setdefault((os.getpid(), is_scattered), [])
        try:
            connection = idle.pop()
        except IndexError:
            connection = self._open_sqlite()
            if is_scattered:
                # A page that is in no cache is looked at where it lies, and not copied first.
                connection.execute(f"PRAGMA mmap_size = {MAPPED_BYTES}")
        try:
            values = _ask(connection, sql, parameters)
        except sqlite3.Error as error:
            raise hide_parameters(sql, error) from error
        finally:
            idle.append(connection)
        return values

    def _checkpoint_soon(self) -> None:
        """Have SQLite's log copied into the database in a moment, by a thread of its own.

        A commit that finds the log long does it otherwise, and waits for the disk: that was one
        launch in a hundred.
        """
        if self.is_sqlite:
            self._checkpoints.ask()

    def _checkpoint(self) -> None:
        if not self._is_closed:
            # Whatever stops it, the next one or a commit does its work.
            with suppress(DBAPIError):
                self._run_sqlite("PRAGMA wal_checkpoint(PASSIVE)", ())

    def _open_sqlite(self) -> sqlite3.Connection:
        pooled = self.engine.raw_connection()
        connection = cast(sqlite3.Connection, pooled.driver_connection)
        pooled.detach()
        connection.execute("PRAGMA busy_timeout = 0")
        return connection

    def upgrade(self, revision: str = "head") -> None:
        """Bring the tables to `revision`. Safe to call from several processes at once."""
        from mentorai.core.migrations import upgrade

        if self.is_sqlite and self.url.database:
            make_private(Path(self.url.database).absolute().parent)
        upgrade(self, revision)

    def close(self) -> None:
        """Close every connection; one that a thread still uses is closed when it is given back."""
        self._is_closed = True
        event.listen(self.engine, "checkin", _close_returned)
        for is_scattered in (False, True):
            for connection in self._idle.pop((os.getpid(), is_scattered), ()):
                connection.close()
        self.engine.dispose()


def _ask(
    connection: sqlite3.Connection, sql: str, parameters: Sequence[Any]
) -> Sequence[Any] | None:
    """The first row of one statement; short naps while another process writes.

    Raises sqlite3.Error, also if the file is not free for BUSY_SECONDS. SQLite itself would sleep
    for one millisecond, then two, then five, though most writes take less than a tenth of one: two
    processes that serve launches spent a sixth of their time asleep.
    """
    nap, began = NAP_SECONDS, 0.0
    while True:
        try:
            cursor = connection.execute(sql, parameters)
            values: Sequence[Any] | None = cursor.fetchone()
            cursor.close()
        except sqlite3.OperationalError as error:
            moment = time.monotonic()
            began = began or moment
            if not _is_busy(error) or moment - began > BUSY_SECONDS:
                raise
            time.sleep(nap)
            nap = min(2 * nap, LONGEST_NAP_SECONDS)
        else:
            return values


def _is_busy(error: sqlite3.Error) -> bool:
    # The lower byte is the kind, the upper one says more.
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


def _close_returned(_connection: object, record: ConnectionPoolEntry) -> None:
    record.invalidate()


def _read_url(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError as error:
        # Not the address itself: it may hold a password.
        raise ConfigurationError(
            "database_url: this is no address of a database; one looks like "
            "postgresql+psycopg://user:password@host/name."
        ) from error


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # sqlite3 would begin transactions by itself, and late; _begin_sqlite does it at once.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later can be refused with "database is locked"
    # however long the timeout; one that will write says so when it begins.
    # On the driver's own connection: a statement of SQLAlchemy's costs ten times as much.
    driver = cast(sqlite3.Connection, connection.connection.driver_connection)
    driver.execute("BEGIN IMMEDIATE" if connection.info.get("writes") else "BEGIN")
