"""Bulk: what became, or would become, of the rows of a sheet."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from itertools import islice
from typing import Any, Literal, Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from mentorai.core.database import Database
from mentorai.core.errors import InputRejected
from mentorai.core.organizations import organizations
from mentorai.core.row_locks import hold_rows
from mentorai.core.sheets import SheetRow

BATCH = 500
# How many problems and how many changes are told one by one; the rest is counted.
SHOWN = 200

Action = Literal["created", "changed", "removed", "unchanged"]
Rows = Callable[[], Iterable[SheetRow]]
Outcome = TypeVar("Outcome")


@dataclass(frozen=True, slots=True)
class RowProblem:
    """What is wrong with one row; field: its column, or empty for the row as a whole."""

    line: int
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class RowChange:
    """What is done for one row. key: what names it. fields: column -> (before, after)."""

    line: int
    action: Action
    key: Mapping[str, str]
    fields: Mapping[str, tuple[str, str]]


@dataclass(slots=True)
class BulkReport:
    """What became of each row of a sheet, or would: counts, and the first of each kind in full.

    is_applied: whether something was written, and not only looked at.
    """

    is_applied: bool = False
    rows: int = 0
    created: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    refused: int = 0
    problems: list[RowProblem] = field(default_factory=list)
    problems_left_out: int = 0
    changes: list[RowChange] = field(default_factory=list)
    changes_left_out: int = 0

    def note_problems(self, row: SheetRow) -> None:
        """Count a row that is not right."""
        self.rows += 1
        self.refused += 1
        for name, sentence in row.problems.items():
            if len(self.problems) < SHOWN:
                self.problems.append(RowProblem(row.line, name, sentence))
            else:
                self.problems_left_out += 1

    def note(self, change: RowChange) -> None:
        """Count a row that is right."""
        self.rows += 1
        setattr(self, change.action, getattr(self, change.action) + 1)
        if change.action == "unchanged":
            return
        if len(self.changes) < SHOWN:
            self.changes.append(change)
        else:
            self.changes_left_out += 1

    def check(self) -> None:
        """Raises InputRejected if any row is not right: `{"line.field": [sentence]}`."""
        if not self.refused:
            return
        errors: dict[str, list[str]] = {}
        for one in self.problems:
            place = f"{one.line}.{one.field}" if one.field else str(one.line)
            errors.setdefault(place, []).append(one.message)
        if self.problems_left_out:
            errors["more"] = [f"{self.problems_left_out} more are not listed."]
        raise InputRejected(
            errors, f"Nothing was written: {self.refused} of {self.rows} rows are not right."
        )

    @property
    def counts(self) -> dict[str, Any]:
        """How many of each, for the audit."""
        names = ("rows", "created", "changed", "removed", "unchanged", "refused")
        return {name: getattr(self, name) for name in names}


class Seen:
    """Tells rows of one sheet that name the same thing. 8 bytes are kept of each."""

    def __init__(self) -> None:
        self._lines: dict[bytes, int] = {}

    def find_earlier(self, line: int, *key: str) -> int | None:
        """The line that named the same before, or None: then this one is the first."""
        digest = blake2b("\0".join(key).encode(), digest_size=8).digest()
        first = self._lines.setdefault(digest, line)
        return None if first == line else first


def batches(rows: Iterable[SheetRow]) -> Iterator[list[SheetRow]]:
    """The rows, BATCH at a time."""
    iterator = iter(rows)
    while batch := list(islice(iterator, BATCH)):
        yield batch


def refuse(row: SheetRow, name: str, sentence: str) -> SheetRow:
    """The row with one thing more that is wrong with it."""
    return SheetRow(row.line, row.cells, {**row.problems, name: sentence})


@dataclass(frozen=True, slots=True)
class Planned:
    """A row that is right: what is to be done for it, and what is needed to do it."""

    change: RowChange
    facts: Any = None


class Sheet(Protocol):
    """How the rows of one kind of sheet are compared with the database, and written to it."""

    def plan(self, connection: Connection, rows: Sequence[SheetRow]) -> list[SheetRow | Planned]:
        """For each row what is to be done, or the row with what is wrong with it."""

    def write(self, connection: Connection, planned: Sequence[Planned]) -> None:
        """Do it. Raises IntegrityError when somebody else did the same at this moment."""


Begin = Callable[[], AbstractContextManager[Connection]]
Note = Callable[[Connection, BulkReport], None]


def apply_rows(
    database: Database,
    organization_id: str,
    make_sheet: Callable[[], Sheet],
    rows: Rows,
    *,
    dry_run: bool,
    atomic: bool,
    note: Note,
) -> BulkReport:
    """Look at every row, and then, unless it is a dry run, write what is to be written.

    rows: begins to read anew each time it is called. atomic: all rows in one transaction, and none
    if one is not right; else BATCH rows in each, passing over those that are not. note: writes the
    audit entry. Raises InputRejected: for the whole sheet, or, if atomic, for any row.
    """
    report, sheet = BulkReport(), make_sheet()
    for batch in batches(rows()):
        with database.read() as connection:
            _note(report, sheet.plan(connection, batch))
    if dry_run:
        return report
    if atomic:
        report.check()
    begin = partial(_begin, database, organization_id)
    if atomic:
        return _again(lambda: _write_whole(begin, make_sheet(), rows, note))
    return _write_parts(begin, make_sheet(), rows, note)


@contextmanager
def _begin(database: Database, organization_id: str) -> Iterator[Connection]:
    """A transaction in which no other sheet of the organization is written. On PostgreSQL launches
    do not wait for it; on SQLite everybody who writes does.
    """
    with database.write() as connection:
        hold_rows(connection, organizations, organizations.c.id == organization_id)
        yield connection


def _write_whole(begin: Begin, sheet: Sheet, rows: Rows, note: Note) -> BulkReport:
    report = BulkReport(is_applied=True)
    with begin() as connection:
        for batch in batches(rows()):
            _note(report, _write_batch(connection, sheet, batch))
        report.check()
        note(connection, report)
    return report


def _write_parts(begin: Begin, sheet: Sheet, rows: Rows, note: Note) -> BulkReport:
    report = BulkReport(is_applied=True)

    def write(batch: Sequence[SheetRow]) -> list[SheetRow | Planned]:
        with begin() as connection:
            return _write_batch(connection, sheet, batch)

    for batch in batches(rows()):
        _note(report, _again(partial(write, batch)))
    with begin() as connection:
        note(connection, report)
    return report


def _write_batch(
    connection: Connection, sheet: Sheet, batch: Sequence[SheetRow]
) -> list[SheetRow | Planned]:
    planned = sheet.plan(connection, batch)
    sheet.write(connection, [one for one in planned if isinstance(one, Planned)])
    return planned


def _note(report: BulkReport, planned: Sequence[SheetRow | Planned]) -> None:
    for one in planned:
        if isinstance(one, Planned):
            report.note(one.change)
        else:
            report.note_problems(one)


def _again(act: Callable[[], Outcome]) -> Outcome:
    """Do it; once more if a launch, or another sheet, made one of the same rows at this moment."""
    try:
        return act()
    except IntegrityError:
        return act()
