"""The check of a key on every call: cheap, and felt by nobody but the caller."""

import hmac
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.engine import Dialect

from mentorai.core.clock import now
from mentorai.core.database import Database
from mentorai.core.errors import (
    KeyAddressRefused,
    KeyExpired,
    KeyInactive,
    KeyMissing,
    KeyScopeTooSmall,
    KeyUnknown,
    RateLimited,
)
from mentorai.core.key_rows import CheckedKey, api_keys
from mentorai.core.key_rules import Network, is_inside, read_network
from mentorai.core.key_text import digest_key, number_of, read_key_id
from mentorai.core.key_uses import KeyUses
from mentorai.core.mentors import mentors
from mentorai.core.prepared import Prepared

# How long one process may go on believing what it read of a key. Another process's
# "deactivate" is felt after this long at most; the process that did it feels it at once.
MEMORY_SECONDS = 0.5
MEMORY_SIZE = 4096
# What a text is compared with when there is no such key: the same work as for a key.
NO_DIGEST = digest_key("no key has this text")
Listener = Callable[[CheckedKey], None]


def _listen_to_nothing(_key: CheckedKey) -> None:
    """What is told of a key where nobody asks."""


@dataclass(frozen=True, slots=True)
class _Known:
    key: CheckedKey
    digest: str
    is_inactive: bool
    networks: tuple[Network, ...]
    # What is left of the month's calls, by the counts that are written; None: no quota.
    left: int | None
    read_at: float


class KeyChecks:
    """Checks keys of one database, and remembers when each was last used."""

    def __init__(self, database: Database) -> None:
        self._database = database
        dialect = database.engine.dialect
        self._by_number = str(_BY_NUMBER.statement.compile(dialect=dialect))
        self._read_instant = _instant_reader(dialect)
        self._memory: dict[str, _Known] = {}
        self._changes = 0
        self.uses = KeyUses(database, flushed=self._forget_counted)

    def check(
        self,
        text: str | None,
        *,
        scope: str | None,
        address: str,
        route: str = "",
        recognised: Listener = _listen_to_nothing,
        admit: Listener = _listen_to_nothing,
    ) -> CheckedKey:
        """The key behind `text`, if it is alive and has `scope` (None: any key will do).

        address: where the call came from, kept as the last use. route: what it calls, counted.
        recognised: told of a living key before what it asks for is judged.
        admit: asked last; what it raises refuses the call, which is then no use of the key.
        Raises KeyMissing, KeyUnknown, KeyExpired, KeyInactive, KeyAddressRefused, RateLimited,
        KeyScopeTooSmall.
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
        moment = now()
        _check_state(known, moment, address)
        recognised(known.key)
        if scope is not None and scope not in known.key.scopes:
            raise KeyScopeTooSmall(scope)
        # Before `admit`: who waits for the next month is not told to wait for the next minute.
        if known.left is not None and not self.uses.is_left(key_id, known.left):
            raise _month_is_over(moment)
        admit(known.key)
        if not self.uses.take(key_id, moment, address, route, known.left):
            raise _month_is_over(moment)
        return known.key

    def forget(self, key_id: str) -> None:
        """A key was changed: read it again when it is used next."""
        self._changes += 1
        self._memory.pop(key_id, None)

    def _forget_counted(self, key_ids: Collection[str]) -> None:
        # What is left of a quota was reckoned from the counts before these were written.
        for key_id in key_ids:
            known = self._memory.get(key_id)
            if known is not None and known.left is not None:
                self.forget(key_id)

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
        if self._database.is_sqlite:
            row = self._database.run(_BY_NUMBER, {"number": number_of(key_id)})
        else:
            row = self._fetch(key_id)
        return None if row is None else self._know(row, moment)

    def _fetch(self, key_id: str) -> Sequence[Any] | None:
        # Straight to the driver: on this path SQLAlchemy's own work would cost three times
        # what the database's does.
        connection = self._database.engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute(self._by_number, {"number": number_of(key_id)})
            row: Sequence[Any] | None = cursor.fetchone()
            cursor.close()
        finally:
            connection.close()
        if row is None:
            return None
        values = list(row)
        values[_EXPIRES_AT] = self._read_instant(values[_EXPIRES_AT])
        return values

    def _know(self, row: Sequence[Any], moment: float) -> _Known:
        key_id, organization_id, mentor_id, kind, name, scopes, expires_at, digest, *rest = row
        disabled_at, revoked_at, allowed_ips, rate_limit, quota, mentor_name = rest
        key = CheckedKey(
            id=key_id,
            organization_id=organization_id,
            mentor_id=mentor_id,
            scopes=frozenset(scopes.split()),
            name=name,
            kind=kind,
            expires_at=expires_at,
            rate_limit=rate_limit,
            monthly_quota=quota,
            mentor_name=mentor_name,
        )
        return _Known(
            key=key,
            digest=digest,
            is_inactive=disabled_at is not None or revoked_at is not None,
            networks=tuple(map(read_network, allowed_ips.split())),
            left=None if quota is None else self._count_left(key_id, quota),
            read_at=moment,
        )

    def _count_left(self, key_id: str, quota: int) -> int:
        month = now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        return max(0, quota - self.uses.count_since(key_id, month))


def _check_state(known: _Known, moment: datetime, address: str) -> None:
    if known.is_inactive:
        raise KeyInactive
    expires_at = known.key.expires_at
    if expires_at is not None and expires_at <= moment:
        end = expires_at.isoformat(timespec="seconds")
        raise KeyExpired(f"This API key expired at {end}.")
    if known.networks and not is_inside(address, known.networks):
        raise KeyAddressRefused


def _month_is_over(moment: datetime) -> RateLimited:
    return RateLimited(
        "This API key has made all the calls of this month.",
        retry_after_seconds=_seconds_left(moment),
    )


def _seconds_left(moment: datetime) -> int:
    """Until the next month of UTC begins."""
    first = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = (first + timedelta(days=32)).replace(day=1)
    return int((following - moment).total_seconds()) + 1


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
    api_keys.c.allowed_ips,
    api_keys.c.rate_limit,
    api_keys.c.monthly_quota,
    mentors.c.display_name,
)
_BY_NUMBER = Prepared(
    select(*_WANTED)
    .outerjoin_from(api_keys, mentors, mentors.c.id == api_keys.c.mentor_id)
    .where(api_keys.c.number == bindparam("number"))
)
_EXPIRES_AT = _WANTED.index(api_keys.c.expires_at)


def _instant_reader(dialect: Dialect) -> Callable[[Any], datetime | None]:
    kind = api_keys.c.expires_at.type.dialect_impl(dialect)
    read = kind.result_processor(dialect, None)
    return read or (lambda value: value)
