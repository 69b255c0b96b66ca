"""Sheets: rows that campus IT or its student information system sends, as CSV or as JSON.

A sheet is read row by row, so that one of a hundred thousand rows needs no more memory than one of
ten. What is wrong with a row is said of its line and does not end the reading; what is wrong with
the whole (a column that is missing or misspelt, another encoding) does. Nothing that is said
repeats what a cell holds.
"""

import codecs
import csv
import difflib
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from mentorai.core.errors import InputRejected

LINE_BYTES = 1_000_000
ROW_LIMIT = 250_000
DELIMITERS = ",;\t"
OTHER_ENCODINGS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# A cell that begins so is a command to the spreadsheet in which somebody opens a copy of it.
FORMULA = ("=", "+", "-", "@")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
CONTROL_IN_PROSE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
NOT_UTF_8 = re.compile(r"[\ud800-\udfff]")
NAME = re.compile("[a-z_]{1,40}")

ENCODING = "This is not UTF-8; save the file as “CSV UTF-8”."


@dataclass(frozen=True, slots=True)
class Column:
    """What a column may hold. length: characters at most. choices: the only words it takes.

    is_prose: several lines are taken, and a beginning like a formula's.
    """

    name: str
    length: int
    is_needed: bool = False
    choices: tuple[str, ...] = ()
    is_prose: bool = False


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row. line: where it begins, counted from 1; of JSON: which one it is.

    cells: column -> text, trimmed; a column that is not there is empty. problems: column (or "" for
    the row) -> what is wrong.
    """

    line: int
    cells: Mapping[str, str]
    problems: Mapping[str, str] = field(default_factory=dict)


def read_csv(stream: BinaryIO, columns: Sequence[Column]) -> Iterator[SheetRow]:
    """Read the rows of a CSV file (RFC 4180) in UTF-8, with or without a byte order mark.

    The first row names the columns, in any order and case. Commas, semicolons or tabs divide the
    cells, as the first row has it. Empty rows are passed over. A quotation mark that does not end
    spoils the line that it is in, and none of those after it.
    Raises InputRejected for what is wrong with the whole file.
    """
    lines = _Lines(stream)
    reader = csv.reader(lines, delimiter=lines.delimiter, strict=True, skipinitialspace=True)
    names: list[str] | None = None
    count = 0
    while True:
        begin = lines.begin_row()
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error:
            lines.go_back()
            if names is None:
                _refuse("1", "The names of the columns could not be read.")
            yield SheetRow(begin, {}, {"": "The quotation marks or line ends do not add up."})
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if names is None:
            names = _read_names(cells, columns)
            continue
        count += 1
        if count > ROW_LIMIT:
            _refuse(str(begin), f"At most {ROW_LIMIT} rows in one file, please.")
        yield _read_row(begin, cells, names, columns)
    if names is None:
        _refuse("1", "This is empty; the first row names the columns.")


def read_items(items: Sequence[Any], columns: Sequence[Column]) -> Iterator[SheetRow]:
    """Read rows from the objects of a JSON array, as `read_csv` reads lines."""
    known = {column.name for column in columns}
    for number, item in enumerate(items, start=1):
        if not isinstance(item, dict):
            yield SheetRow(number, {}, {"": "An object, please."})
            continue
        problems = {
            name if NAME.fullmatch(name) else "": "There is no such field."
            for name in item
            if name not in known
        }
        texts: dict[str, str] = {}
        for column in columns:
            value = item.get(column.name)
            if isinstance(value, str):
                texts[column.name] = value.strip()
            elif value is not None:
                problems[column.name] = "A text, please."
        yield check_row(number, texts, columns, problems)


def check_row(
    line: int, cells: Mapping[str, str], columns: Iterable[Column], problems: Mapping[str, str] = {}
) -> SheetRow:
    """The row with what is wrong with its cells, besides the `problems` that are known."""
    found = dict(problems)
    whole = {column.name: cells.get(column.name, "") for column in columns}
    for column in columns:
        sentence = _judge(whole[column.name], column)
        if sentence:
            found.setdefault(column.name, sentence)
        if column.choices:
            whole[column.name] = whole[column.name].lower()
    return SheetRow(line, whole, found)


class _Lines:
    """The lines of a file as text. Bytes that are not UTF-8 become halves of characters, which
    `_judge` finds in the cell that they are in.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        first = stream.readline(LINE_BYTES)
        if first.startswith(OTHER_ENCODINGS):
            _refuse("1", ENCODING)
        self._first: bytes | None = first.removeprefix(codecs.BOM_UTF8)
        counts = {mark: self._first.count(mark.encode()) for mark in DELIMITERS}
        self.delimiter = max(DELIMITERS, key=lambda mark: counts[mark])
        self._number = 0
        self._row: list[str] = []
        self._again: deque[str] = deque()

    def begin_row(self) -> int:
        """The number of the next line, at which a row begins."""
        self._row.clear()
        return self._number + 1

    def go_back(self) -> None:
        """Have the lines of this row, all but its first, come once more.

        No file makes this slow: whatever line opens a quotation mark of its own also ends, as
        part of a row before it, the mark that was open there.
        """
        self._number -= len(self._row) - 1
        self._again.extendleft(reversed(self._row[1:]))

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._read()
        self._number += 1
        self._row.append(line)
        return line

    def _read(self) -> str:
        if self._first is not None:
            line, self._first = self._first, None
        else:
            line = self._stream.readline(LINE_BYTES)
        if len(line) >= LINE_BYTES:
            _refuse(str(self._number + 1), f"This line is longer than {LINE_BYTES} bytes.")
        if not line:
            raise StopIteration
        return line.decode("utf-8", "surrogateescape")


def _read_names(cells: Sequence[str], columns: Sequence[Column]) -> list[str]:
    known = [column.name for column in columns]
    names = [re.sub(r"[\s-]+", "_", cell.strip().lower()) for cell in cells]
    # Spreadsheets end their rows with empty cells.
    while names and not names[-1]:
        names.pop()
    errors: dict[str, list[str]] = {}
    for number, name in enumerate(names, start=1):
        if name not in known:
            shown = name if NAME.fullmatch(name) else f"column {number}"
            near = difflib.get_close_matches(name, known, 1)
            hint = f" Did you mean “{near[0]}”?" if near else ""
            errors[f"1.{shown}"] = [f"There is no such column.{hint}"]
        elif names.count(name) > 1:
            errors[f"1.{name}"] = ["This column is there twice."]
    for column in columns:
        if column.is_needed and column.name not in names:
            errors[f"1.{column.name}"] = ["This column is missing."]
    if errors:
        listed = ", ".join(known)
        raise InputRejected(errors, f"The columns are not right; there can be: {listed}.")
    return names


def _read_row(
    line: int, cells: Sequence[str], names: Sequence[str], columns: Sequence[Column]
) -> SheetRow:
    extra = cells[len(names) :]
    problems: dict[str, str] = {}
    if any(cell.strip() for cell in extra):
        problems[""] = "There are more cells than columns."
    elif len(cells) < len(names):
        problems[""] = "There are fewer cells than columns."
    texts = {name: cell.strip() for name, cell in zip(names, cells, strict=False)}
    return check_row(line, texts, columns, problems)


def _judge(text: str, column: Column) -> str:
    if not text:
        return "This is needed." if column.is_needed else ""
    if NOT_UTF_8.search(text):
        return ENCODING
    if (CONTROL_IN_PROSE if column.is_prose else CONTROL).search(text):
        return "No control characters, please."
    if len(text) > column.length:
        return f"At most {column.length} characters, please."
    if column.choices and text.lower() not in column.choices:
        return "One of these, please: " + ", ".join(column.choices) + "."
    if not column.is_prose and text.startswith(FORMULA):
        return "This begins like a formula (= + - @); nothing that does is taken."
    return ""


def _refuse(place: str, sentence: str) -> None:
    raise InputRejected({place: [sentence]}, f"Line {place}: {sentence}")
