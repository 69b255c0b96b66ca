"""The check of a key on every call: cheap, and felt by nobody but the caller."""

import hmac
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.engine import Dialect

from mentorai.core.clock import now
from mentorai.core.database import Database
from mentorai.core.errors import (
    KeyExpired,
    KeyInactive,
    KeyMissing,
    KeyScopeTooSmall,
    KeyUnknown,
)
from mentorai.core.key_rows import CheckedKey, api_keys
from mentorai.core.key_text import digest_key, read_key_id

FLUSH_SECONDS = 60.0
# How long one process may go on believing what it read of a key. Another process's
# "deactivate" is felt after this long at most; the process that did it feels it at once.
MEMORY_SECONDS = 0.5
MEMORY_SIZE = 4096
# What a text is compared with when there is no such key: the same work as for a key.
NO_DIGEST = digest_key("no key has this text")


@dataclass(frozen=True, slots=True)
class _Known:
    key: CheckedKey
    digest: str
    is_inactive: bool
    read_at: float


class KeyChecks:
    """Checks keys of one database, and remembers when each was last used."""

    def __init__(self, database: Database) -> None:
        self._database = database
        dialect = database.engine.dialect
        compiled = _BY_ID.compile(dialect=dialect)
        self._by_id = str(compiled)
        self._is_positional = compiled.positional
        self._read_instant = _instant_reader(dialect)
        self._memory: dict[str, _Known] = {}
        self._changes = 0
        self._used: dict[str, tuple[datetime, str]] = {}
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()

    def check(self, text: str | None, *, scope: str | None, address: str) -> CheckedKey:
        """The key behind `text`, if it is alive and has `scope` (None: any key will do).

        address: where the call came from, kept as the last use.
        Raises KeyMissing, KeyUnknown, KeyExpired, KeyInactive, KeyScopeTooSmall.
        """
        if not text:
            raise KeyMissing
        key_id = read_key_id(text)
        if key_id is None:
            raise KeyUnknown
        known = self._recall(key_id)
        is_same = hmac.compare_digest(known.digest if known else NO_DIGEST, digest_key(text))
        if known is None or not is_same:
            raise KeyUnknown
        if known.is_inactive:
            raise KeyInactive
        key, moment = known.key, now()
        if key.expires_at is not None and key.expires_at <= moment:
            raise KeyExpired
        self._mark_used(key_id, moment, address)
        if scope is not None and scope not in key.scopes:
            raise KeyScopeTooSmall(scope)
        return key

    def forget(self, key_id: str) -> None:
        """A key was changed: read it again when it is used next."""
        self._changes += 1
        self._memory.pop(key_id, None)

    def find_last_use(self, key_id: str) -> tuple[datetime, str] | None:
        """When and from where a key was used since the last flush of this process."""
        return self._used.get(key_id)

    def flush(self) -> None:
        """Write the last uses that are still in memory; only ever forward in time."""
        with self._lock:
            used, self._used, timer, self._timer = self._used, {}, self._timer, None
        if timer is not None:
            timer.cancel()
        if not used:
            return
        rows = [{"key": key, "at": at, "ip": address} for key, (at, address) in used.items()]
        try:
            with self._database.write() as connection:
                connection.execute(_FORWARD, rows)
        except Exception:
            with self._lock:
                self._used = used | self._used
            raise

    def _recall(self, key_id: str) -> _Known | None:
        known = self._memory.get(key_id)
        moment = time.monotonic()
        if known is not None and moment - known.read_at < MEMORY_SECONDS:
            return known
        changes = self._changes
        known = self._find(key_id, moment)
        if known is None:
            return None
        if len(self._memory) >= MEMORY_SIZE:
            self._memory.clear()
        # Another thread may have changed the key after this one read it.
        if changes == self._changes:
            self._memory[key_id] = known
        return known

    def _find(self, key_id: str, moment: float) -> _Known | None:
        # Straight to the driver: on this path SQLAlchemy's own work would cost three times
        # what the database's does.
        connection = self._database.engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute(self._by_id, (key_id,) if self._is_positional else {"key": key_id})
            row = cursor.fetchone()
            cursor.close()
        finally:
            connection.close()
        return None if row is None else self._know(row, moment)

    def _know(self, row: Sequence[Any], moment: float) -> _Known:
        key_id, organization_id, mentor_id, kind, name, scopes, expires_at, digest, *ends = row
        key = CheckedKey(
            id=key_id,
            organization_id=organization_id,
            mentor_id=mentor_id,
            scopes=frozenset(scopes.split()),
            name=name,
            kind=kind,
            expires_at=self._read_instant(expires_at),
        )
        return _Known(key, digest, any(end is not None for end in ends), moment)

    def _mark_used(self, key_id: str, moment: datetime, address: str) -> None:
        with self._lock:
            self._used[key_id] = (moment, address[:45])
            if self._timer is None:
                self._timer = threading.Timer(FLUSH_SECONDS, self.flush)
                self._timer.daemon = True
                self._timer.start()


_WANTED = (
    api_keys.c.id,
    api_keys.c.organization_id,
    api_keys.c.mentor_id,
    api_keys.c.kind,
    api_keys.c.name,
    api_keys.c.scopes,
    api_keys.c.expires_at,
    api_keys.c.digest,
    api_keys.c.disabled_at,
    api_keys.c.revoked_at,
)
_BY_ID = select(*_WANTED).where(api_keys.c.id == bindparam("key"))
_FORWARD = (
    update(api_keys)
    .where(
        api_keys.c.id == bindparam("key"),
        or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < bindparam("at")),
    )
    .values(last_used_at=bindparam("at"), last_used_ip=bindparam("ip"))
)


def _instant_reader(dialect: Dialect) -> Callable[[Any], datetime | None]:
    kind = api_keys.c.expires_at.type.dialect_impl(dialect)
    read = kind.result_processor(dialect, None)
    return read or (lambda value: value)
