"""What the sandbox keeps: JSON records by kind and name, in order of their making.

Without a path everything is in memory, so that each test has a platform of its own. With a path
the same records are written through to one small SQLite file, so that a demo that is stopped, or
killed, goes on with its gradebook, its keys and the items that were added.
"""

import json
import sqlite3
from pathlib import Path
from threading import RLock
from typing import Any

Record = dict[str, Any]


class Shelf:
    """Records of one sandbox. Every method may be called from any thread."""

    def __init__(self, path: Path | None = None) -> None:
        self.lock = RLock()
        self._file: sqlite3.Connection | None = None
        self._records: dict[str, dict[str, Record]] = {}
        if path is not None:
            self._open(path)

    def put(self, kind: str, name: str, record: Record) -> Record:
        """Keep a record; one that is there already is replaced in its place."""
        with self.lock:
            self._records.setdefault(kind, {})[name] = record
            self._write(
                "INSERT INTO kept (kind, name, body) VALUES (?, ?, ?) "
                "ON CONFLICT (kind, name) DO UPDATE SET body = excluded.body",
                (kind, name, json.dumps(record)),
            )
        return record

    def find(self, kind: str, name: str) -> Record | None:
        """The record, or None."""
        with self.lock:
            return self._records.get(kind, {}).get(name)

    def list(self, kind: str) -> list[Record]:
        """Every record of a kind, oldest first."""
        with self.lock:
            return list(self._records.get(kind, {}).values())

    def remove(self, kind: str, name: str) -> None:
        """Forget a record, if it is there."""
        with self.lock:
            self._records.get(kind, {}).pop(name, None)
            self._write("DELETE FROM kept WHERE kind = ? AND name = ?", (kind, name))

    def close(self) -> None:
        """Close the file, if there is one."""
        with self.lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _open(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # It holds the platform's private keys.
        path.touch(mode=0o600, exist_ok=True)
        self._file = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute(
            "CREATE TABLE IF NOT EXISTS kept "
            "(n INTEGER PRIMARY KEY, kind TEXT, name TEXT, body TEXT, UNIQUE (kind, name))"
        )
        rows = self._file.execute("SELECT kind, name, body FROM kept ORDER BY n")
        for kind, name, body in rows:
            self._records.setdefault(kind, {})[name] = json.loads(body)

    def _write(self, statement: str, facts: tuple[str, ...]) -> None:
        if self._file is not None:
            self._file.execute(statement, facts)
