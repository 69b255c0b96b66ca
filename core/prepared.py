"""Prepared statements: the few that every launch and every page asks for.

They are written in SQLAlchemy Core like all others, but compiled once for a database and given
straight to its driver: SQLAlchemy's own work costs several times what SQLite's does.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Select
from sqlalchemy.engine import Dialect
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


class Compiled:
    """A prepared statement as a driver with positional parameters takes it."""

    def __init__(self, prepared: Prepared, dialect: Dialect) -> None:
        statement = prepared.statement
        compiled = statement.compile(dialect=dialect, column_keys=list(prepared.names) or None)
        columns = list(statement.exported_columns)
        names: Sequence[str] = getattr(compiled, "positiontup", None) or ()
        binds: Mapping[str, Any] = getattr(compiled, "binds", {})
        self.sql = str(compiled)
        self.writes = isinstance(statement, UpdateBase)
        self.is_scattered = prepared.is_scattered
        self._binds = [(name, _on_the_way_in(binds[name].type, dialect)) for name in names]
        self._reads = [_on_the_way_out(column.type, dialect) for column in columns]
        self._row: Any = namedtuple("Row", [column.key for column in columns])  # type: ignore[misc]

    def bind(self, facts: Mapping[str, Any]) -> list[Any]:
        """The parameters in their order, as the driver takes them."""
        return [process(facts[name]) if process else facts[name] for name, process in self._binds]

    def read(self, values: Sequence[Any]) -> Any:
        """The row with its columns by name, as SQLAlchemy would give it."""
        pairs = zip(self._reads, values, strict=True)
        return self._row._make(process(value) if process else value for process, value in pairs)


def _on_the_way_in(kind: TypeEngine[Any], dialect: Dialect) -> Process | None:
    process: Process | None = kind.dialect_impl(dialect).bind_processor(dialect)
    return process


def _on_the_way_out(kind: TypeEngine[Any], dialect: Dialect) -> Process | None:
    process: Process | None = kind.dialect_impl(dialect).result_processor(dialect, None)
    return process
