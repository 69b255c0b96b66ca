"""The search index: every passage's prepared words, and how many passages hold each word.

On SQLite an FTS5 table finds candidates, on PostgreSQL a tsvector column with a GIN index.
Both keep the prepared words too, so that scoring need not prepare them again.
Every passage carries a scope: one word for its mentor, one for its dataset, made here from
their ids and never from what a person typed.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BindParameter,
    Column,
    Connection,
    ForeignKey,
    Integer,
    String,
    Table,
    bindparam,
    delete,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from mentorai.core.database import metadata
from mentorai.core.errors import ConfigurationError
from mentorai.core.prepared import Prepared, read_rows
from mentorai.core.words import LONGEST_WORD

word_counts = Table(
    "word_counts",
    metadata,
    Column("mentor_id", ForeignKey("mentors.id", ondelete="CASCADE"), primary_key=True),
    Column("word", String(LONGEST_WORD * 2), primary_key=True),
    Column("passages", Integer, nullable=False),
    sqlite_with_rowid=False,
)

_WORDS: BindParameter[Any] = bindparam("words", expanding=True)
_COUNTS = Prepared(
    select(word_counts.c.word, word_counts.c.passages).where(
        word_counts.c.mentor_id == bindparam("mentor"), word_counts.c.word.in_(_WORDS)
    )
)
_INSERT = {
    "sqlite": text(
        "INSERT INTO passage_words (rowid, scope, title, body)"
        " VALUES (:passage_id, :scope, :title, :body)"
    ),
    "postgresql": text(
        "INSERT INTO passage_words (passage_id, title, body, terms)"
        " VALUES (:passage_id, :title, :body, CAST(:terms AS tsvector))"
    ),
}
_READ = {
    "sqlite": text("SELECT title, body FROM passage_words WHERE rowid IN :ids"),
    "postgresql": text("SELECT title, body FROM passage_words WHERE passage_id IN :ids"),
}
# The inner query carries no texts, so that sorting thousands of rows stays cheap.
_FIND = {
    "sqlite": text(
        "SELECT w.rowid AS passage_id, w.title, w.body FROM ("
        "SELECT rowid AS id, bm25(passage_words, 0.0, 1.0, 1.0) AS bm25 FROM passage_words"
        " WHERE passage_words MATCH :query ORDER BY bm25 LIMIT :candidates"
        ") AS found JOIN passage_words AS w ON w.rowid = found.id"
    ),
    "postgresql": text(
        "SELECT w.passage_id, w.title, w.body FROM ("
        "SELECT passage_id AS id, ts_rank('{1,1,1,1}', terms, CAST(:words AS tsquery), 1) AS rank"
        " FROM passage_words WHERE terms @@ CAST(:query AS tsquery)"
        " ORDER BY rank DESC, passage_id LIMIT :candidates"
        ") AS found JOIN passage_words AS w ON w.passage_id = found.id"
    ),
}
_CANDIDATES = {"sqlite": 30, "postgresql": 100}
_LAST_POSITION = 16_383
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """One passage's prepared words: of its heading path and of its text."""

    passage_id: int
    title: Sequence[str]
    body: Sequence[str]


def check_fts5(connection: Connection) -> None:
    """Raises ConfigurationError if this is an SQLite without FTS5."""
    if connection.dialect.name != "sqlite":
        return
    try:
        connection.exec_driver_sql("CREATE VIRTUAL TABLE temp.fts5_probe USING fts5(word)")
        connection.exec_driver_sql("DROP TABLE temp.fts5_probe")
    except DBAPIError as error:
        raise ConfigurationError(
            "Python's SQLite was built without FTS5, which search needs; use a Python whose"
            " SQLite has it (python.org and every large distribution), or PostgreSQL."
        ) from error


def replace_entries(
    connection: Connection,
    mentor_id: str,
    dataset_id: str,
    old_ids: Sequence[int],
    entries: Sequence[Entry],
) -> None:
    """Put a dataset's entries in place of its old ones; counts follow.

    Call it before the rows of the passages in `old_ids` go: their index rows leave with them.
    """
    dialect = connection.dialect.name
    change: Counter[str] = Counter()
    for start in range(0, len(old_ids), _BATCH):
        query = _READ[dialect].bindparams(bindparam("ids", expanding=True))
        for row in connection.execute(query, {"ids": old_ids[start : start + _BATCH]}):
            change.subtract({*row.title.split(), *row.body.split()})
    for entry in entries:
        change.update({*entry.title, *entry.body})
    _count(connection, mentor_id, change)
    if entries:
        scope = f"{_mentor_scope(mentor_id)} {_dataset_scope(dataset_id)}"
        rows = [_as_row(entry, scope, dialect) for entry in entries]
        connection.execute(_INSERT[dialect], rows)


def read_counts(connection: Connection, mentor_id: str, words: Iterable[str]) -> dict[str, int]:
    """How many passages of the mentor hold each of `words`; a word in none is absent."""
    facts = {"mentor": mentor_id, "words": sorted(words)}
    return {row.word: row.passages for row in read_rows(connection, _COUNTS, facts)}


def find_entries(
    connection: Connection,
    mentor_id: str,
    words: Sequence[str],
    dataset_ids: Sequence[str] = (),
    limit: int = 5,
) -> list[Entry]:
    """The passages that hold the words best, as the database judges, in no order.

    words: prepared ones. dataset_ids: look in these alone, if there are any.
    At least 30 of them on SQLite, 100 on PostgreSQL, and never fewer than `limit`.
    """
    dialect = connection.dialect.name
    scopes = [_dataset_scope(dataset_id) for dataset_id in dataset_ids]
    build = _write_match if dialect == "sqlite" else _write_tsquery
    asked: dict[str, object] = {
        "query": build(_mentor_scope(mentor_id), scopes, words),
        "candidates": max(limit, _CANDIDATES[dialect]),
    }
    if dialect == "postgresql":
        asked["words"] = " | ".join(_quote(word, "'") for word in words)
    found = connection.execute(_FIND[dialect], asked)
    return [Entry(row.passage_id, row.title.split(), row.body.split()) for row in found]


def _count(connection: Connection, mentor_id: str, change: Mapping[str, int]) -> None:
    changed = [word for word in sorted(change) if change[word]]
    if not changed:
        return
    rows = [{"mentor_id": mentor_id, "word": w, "passages": change[w]} for w in changed]
    insert = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(word_counts)
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["mentor_id", "word"],
            set_={"passages": word_counts.c.passages + insert.excluded.passages},
        ),
        rows,
    )
    fallen = [{"of": mentor_id, "gone": word} for word in changed if change[word] < 0]
    if fallen:
        connection.execute(
            delete(word_counts).where(
                word_counts.c.mentor_id == bindparam("of"),
                word_counts.c.word == bindparam("gone"),
                word_counts.c.passages <= 0,
            ),
            fallen,
        )


def _as_row(entry: Entry, scope: str, dialect: str) -> dict[str, object]:
    row: dict[str, object] = {
        "passage_id": entry.passage_id,
        "title": " ".join(entry.title),
        "body": " ".join(entry.body),
    }
    if dialect == "sqlite":
        return row | {"scope": scope}
    return row | {"terms": _write_tsvector(scope.split(), [*entry.title, *entry.body])}


def _write_match(mentor: str, datasets: Sequence[str], words: Sequence[str]) -> str:
    """An FTS5 query in which every word is quoted, so that none of it is syntax."""
    match = f'scope:"{mentor}"'
    if datasets:
        match += f" AND scope:({' OR '.join(_quote(name, chr(34)) for name in datasets)})"
    return match + f" AND {{title body}}:({' OR '.join(_quote(word, chr(34)) for word in words)})"


def _write_tsquery(mentor: str, datasets: Sequence[str], words: Sequence[str]) -> str:
    parts = [[mentor], datasets, words]
    return " & ".join(
        f"({' | '.join(_quote(word, chr(39)) for word in part)})" for part in parts if part
    )


def _write_tsvector(scope: Sequence[str], words: Sequence[str]) -> str:
    """Words with their positions, as PostgreSQL writes them: no parser or dictionary of its own
    gets to see the text."""
    places: dict[str, list[str]] = {}
    for at, word in enumerate(words, start=1):
        places.setdefault(word, []).append(str(min(at, _LAST_POSITION)))
    lexemes = [_quote(word, "'") for word in scope]
    lexemes += [f"{_quote(word, chr(39))}:{','.join(at[:255])}" for word, at in places.items()]
    return " ".join(lexemes)


def _quote(word: str, mark: str) -> str:
    escaped = word.replace(mark, mark * 2)
    if mark == "'":
        escaped = escaped.replace("\\", "\\\\")
    return f"{mark}{escaped}{mark}"


def _mentor_scope(mentor_id: str) -> str:
    return "m" + _digest(mentor_id)


def _dataset_scope(dataset_id: str) -> str:
    return "d" + _digest(dataset_id)


def _digest(identifier: str) -> str:
    return hashlib.blake2s(identifier.encode("utf-8", "replace"), digest_size=16).hexdigest()
