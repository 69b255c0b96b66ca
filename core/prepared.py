"""Prepared statements: those that every launch, every page and every score asks for.

They are written in SQLAlchemy Core like all others, but compiled once for a database and given
straight to its driver: SQLAlchemy's own work costs several times what SQLite's does.
"""

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Connection, Select
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.types import TypeEngine

Process = Callable[[Any], Any]


class Prepared:
    """A statement made once, in a module. All that changes in it are its parameters.

    names: the columns that an INSERT fills. is_scattered: whether what it looks for lies anywhere
    in a table that may be very large.
    """

    def __init__(
        self,
        statement: Select[Any] | UpdateBase,
        names: Sequence[str] = (),
        *,
        is_scattered: bool = False,
    ) -> None:
        self.statement = statement
        self.names = names
        self.is_scattered = is_scattered
        self._compiled: dict[str, Compiled] = {}

    def compile(self, dialect: Dialect) -> "Compiled":
        """As a database's driver takes it; made at its first use."""
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            compiled = self._compiled[dialect.name] = Compiled(self, dialect)
        return compiled


@dataclass(frozen=True, slots=True)
class _Form:
    """A statement for lists of certain lengths.

    parts: the names that the items of each list have in it. binds: name, way in and, where the
    statement has a value of its own, None and that value.
    """

    sql: str
    parts: Sequence[Sequence[str]]
    binds: Sequence[tuple[str | None, Process | None, Any]]


class Compiled:
    """A prepared statement as a driver with positional parameters takes it."""

    def __init__(self, prepared: Prepared, dialect: Dialect) -> None:
        statement = prepared.statement
        names = list(prepared.names) or None
        self._compiled = statement.compile(dialect=dialect, column_keys=names)
        self._dialect = dialect
        self._lists = [name for name, bind in self._compiled.binds.items() if bind.expanding]
        self._forms: dict[tuple[int, ...], _Form] = {}
        columns = list(statement.exported_columns)
        self.writes = isinstance(statement, UpdateBase)
        self.is_scattered = prepared.is_scattered
        self._reads = [_on_the_way_out(column.type, dialect) for column in columns]
        self._row: Any = namedtuple("Row", [column.key for column in columns])  # type: ignore[misc]

    def bind(self, facts: Mapping[str, Any]) -> tuple[str, list[Any]]:
        """The statement, and its parameters in their order, as the driver takes them."""
        lists = [_fill(facts[name]) for name in self._lists]
        lengths = tuple(map(len, lists))
        form = self._forms.get(lengths)
        if form is None:
            form = self._forms[lengths] = self._make_form(lengths)
        if lists:
            known = dict(facts)
            for names, items in zip(form.parts, lists, strict=True):
                known.update(zip(names, items, strict=True))
            facts = known
        return form.sql, [
            own if name is None else process(facts[name]) if process else facts[name]
            for name, process, own in form.binds
        ]

    def read(self, values: Sequence[Any]) -> Any:
        """The row with its columns by name, as SQLAlchemy would give it."""
        pairs = zip(self._reads, values, strict=True)
        return self._row._make(process(value) if process else value for process, value in pairs)

    def _make_form(self, lengths: Sequence[int]) -> _Form:
        binds = self._compiled.binds
        facts = {name: None for name, bind in binds.items() if bind.required}
        lists = zip(self._lists, lengths, strict=True)
        state = self._compiled.construct_expanded_state(
            facts | {name: [None] * length for name, length in lists}
        )
        parts = {name: state.parameter_expansion[name] for name in self._lists}
        origin = {part: name for name, names in parts.items() for part in names}
        found = list[tuple[str | None, Process | None, Any]]()
        for name in state.positiontup or ():
            bind = binds[origin.get(name, name)]
            process = _on_the_way_in(bind.type, self._dialect)
            if bind.required or bind.expanding:
                found.append((name, process, None))
            else:
                own = bind.effective_value
                found.append((None, None, process(own) if process else own))
        return _Form(state.statement, list(parts.values()), found)


def read_rows(connection: Connection, prepared: Prepared, facts: Mapping[str, Any]) -> list[Any]:
    """The rows that a prepared statement gives, in the caller's transaction."""
    if connection.dialect.name != "sqlite":
        return list(connection.execute(prepared.statement, facts))
    compiled = prepared.compile(connection.dialect)
    sql, values = compiled.bind(facts)
    return [compiled.read(row) for row in _run(connection, "execute", sql, values).fetchall()]


def read_row(connection: Connection, prepared: Prepared, facts: Mapping[str, Any]) -> Any:
    """The first of them, or None."""
    rows = read_rows(connection, prepared, facts)
    return rows[0] if rows else None


def count_changed(connection: Connection, prepared: Prepared, facts: Mapping[str, Any]) -> int:
    """How many rows a prepared UPDATE or DELETE changed, in the caller's transaction."""
    if connection.dialect.name != "sqlite":
        return connection.execute(prepared.statement, facts).rowcount
    sql, values = prepared.compile(connection.dialect).bind(facts)
    return _run(connection, "execute", sql, values).rowcount


def execute_each(
    connection: Connection, prepared: Prepared, rows: Sequence[Mapping[str, Any]]
) -> None:
    """A prepared INSERT or UPDATE for each of many rows, in the caller's transaction."""
    if connection.dialect.name != "sqlite":
        connection.execute(prepared.statement, rows)
        return
    compiled = prepared.compile(connection.dialect)
    bound = [compiled.bind(row) for row in rows]
    _run(connection, "executemany", bound[0][0], [values for _, values in bound])


def hide_parameters(sql: str, error: sqlite3.Error) -> Exception:
    """The error as SQLAlchemy's engine raises it: without what people sent."""
    return DBAPIError.instance(sql, None, error, sqlite3.Error, hide_parameters=True)


def _run(connection: Connection, method: str, sql: str, values: Sequence[Any]) -> sqlite3.Cursor:
    if not connection.in_transaction():
        connection.begin()
    driver = cast(sqlite3.Connection, connection.connection.driver_connection)
    try:
        return cast(sqlite3.Cursor, getattr(driver, method)(sql, values))
    except sqlite3.Error as error:
        raise hide_parameters(sql, error) from error


def _fill(items: Sequence[Any]) -> Sequence[Any]:
    """The same list, its first item repeated until there are 1, 2, 4, 8, ... of them.

    So there are few forms of a statement, however many rows it is about.
    """
    length = 1 << (len(items) - 1).bit_length()
    return [*items, *[items[0]] * (length - len(items))] if items else items


def _on_the_way_in(kind: TypeEngine[Any], dialect: Dialect) -> Process | None:
    process: Process | None = kind.dialect_impl(dialect).bind_processor(dialect)
    return process


def _on_the_way_out(kind: TypeEngine[Any], dialect: Dialect) -> Process | None:
    process: Process | None = kind.dialect_impl(dialect).result_processor(dialect, None)
    return process
