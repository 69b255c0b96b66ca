"""The check of a key on every call: cheap, and felt by nobody but the caller."""

import hmac
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import String, bindparam, func, select, type_coerce
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
from mentorai.core.key_peppers import NO_PEPPERS, Peppers
from mentorai.core.key_rows import CheckedKey, api_keys
from mentorai.core.key_rules import Network, is_inside, read_network
from mentorai.core.key_text import digest_key, number_of, read_key_id
from mentorai.core.key_uses import KeyUses, month_of
from mentorai.core.mentors import mentors
from mentorai.core.passing_failures import check_passing
from mentorai.core.prepared import Prepared

# How long one process may go on believing what it read of a key. Another process's
# "deactivate" is felt after this long at most; the process that did it feels it at once.
MEMORY_SECONDS = 0.5
MEMORY_SIZE = 4096
# What a text is compared with where there is no key: the same work as where there is one.
NO_DIGEST = digest_key("no key has this text")
Listener = Callable[[CheckedKey], None]


def _listen_to_nothing(_key: CheckedKey) -> None:
    """What is told of a key where nobody asks."""


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a row says of a key; the same as long as the row is."""

    row: Sequence[Any]
    key: CheckedKey
    # Of the key itself, whatever pepper it is kept under: what is remembered needs none.
    digest: str
    is_inactive: bool
    networks: tuple[Network, ...]


@dataclass(frozen=True, slots=True)
class _Known:
    facts: _Facts
    # What is left of the month's calls, by the counts that are written; None: no quota.
    left: int | None
    month: datetime
    read_at: float


class KeyChecks:
    """Checks keys of one database, and remembers when each was last used.

    peppers: what its keys are kept under.
    """

    def __init__(self, database: Database, peppers: Peppers = NO_PEPPERS) -> None:
        self._database = database
        self._peppers = peppers
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
        moment = now()
        known = self._recall(key_id, digest_key(text), moment)
        key = known.facts.key
        _check_state(known.facts, moment, address)
        recognised(key)
        if scope is not None and scope not in key.scopes:
            raise KeyScopeTooSmall(scope)
        # Before `admit`: who waits for the next month is not told to wait for the next minute.
        if known.left is not None and not self.uses.is_left(key_id, moment, known.left):
            raise _month_is_over(moment)
        admit(key)
        if not self.uses.take(key_id, moment, address, route, known.left):
            raise _month_is_over(moment)
        return key

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

    def _recall(self, key_id: str, digest: str, moment: datetime) -> _Known:
        """What is known of the key, remembered or read. Raises KeyUnknown.

        A wrong secret and an id that no key has take the same steps: only a right key is
        remembered or looked at any further, and in the place of a key that is not there
        another is read.
        """
        known, read_at = self._memory.get(key_id), time.monotonic()
        is_same = hmac.compare_digest(known.facts.digest if known else NO_DIGEST, digest)
        if known and is_same and _is_fresh(known, read_at, moment):
            return known
        changes = self._changes
        row = self._find(key_id)
        if not self._peppers.is_kept(row[_DIGEST] if row else NO_DIGEST, digest) or row is None:
            raise KeyUnknown
        # Twice a second a key in use is read again, and hardly ever is anything new.
        facts = known.facts if known and known.facts.row == row else self._read(row, digest)
        month = month_of(moment)
        known = _Known(facts, self._count_left(facts.key, month), month, read_at)
        if len(self._memory) >= MEMORY_SIZE:
            self._memory.clear()
        # Another thread may have changed the key after this one read it.
        if changes == self._changes:
            self._memory[key_id] = known
        return known

    def _find(self, key_id: str) -> Sequence[Any] | None:
        """The row of this key, or of another if there is none; None only where there are no keys.

        Whose it is shows by the digest alone, which is of the whole text, the id in it.
        """
        if self._database.is_sqlite:
            row: Sequence[Any] | None
            row = self._database.run(_BY_NUMBER, {"number": number_of(key_id)})
            return row
        return self._fetch(key_id)

    def _fetch(self, key_id: str) -> Sequence[Any] | None:
        # Straight to the driver: on this path SQLAlchemy's own work would cost three times
        # what the database's does.
        try:
            connection = self._database.engine.raw_connection()
            try:
                cursor = connection.cursor()
                cursor.execute(self._by_number, {"number": number_of(key_id)})
                row: Sequence[Any] | None = cursor.fetchone()
                cursor.close()
            finally:
                connection.close()
        except Exception as error:
            check_passing(error)
            raise
        return row

    def _read(self, row: Sequence[Any], digest: str) -> _Facts:
        key_id, organization_id, mentor_id, kind, name, scopes, expires_at, _kept, *rest = row
        is_inactive, allowed_ips, rate_limit, quota, mentor_name = rest
        key = CheckedKey(
            id=key_id,
            organization_id=organization_id,
            mentor_id=mentor_id,
            scopes=frozenset(scopes.split()),
            name=name,
            kind=kind,
            expires_at=self._read_instant(expires_at),
            rate_limit=rate_limit,
            monthly_quota=quota,
            mentor_name=mentor_name,
        )
        return _Facts(
            row=row,
            key=key,
            digest=digest,
            is_inactive=bool(is_inactive),
            networks=tuple(map(read_network, allowed_ips.split())),
        )

    def _count_left(self, key: CheckedKey, month: datetime) -> int | None:
        if key.monthly_quota is None:
            return None
        return max(0, key.monthly_quota - self.uses.count_since(key.id, month))


def _is_fresh(known: _Known, read_at: float, moment: datetime) -> bool:
    """Whether what was read may still be believed. No quota outlasts its month."""
    if read_at - known.read_at >= MEMORY_SECONDS:
        return False
    return known.left is None or known.month == month_of(moment)


def _check_state(facts: _Facts, moment: datetime, address: str) -> None:
    if facts.is_inactive:
        raise KeyInactive
    expires_at = facts.key.expires_at
    if expires_at is not None and expires_at <= moment:
        end = expires_at.isoformat(timespec="seconds")
        raise KeyExpired(f"This API key expired at {end}.")
    if facts.networks and not is_inside(address, facts.networks):
        raise KeyAddressRefused


def _month_is_over(moment: datetime) -> RateLimited:
    return RateLimited(
        "This API key has made all the calls of this month.",
        retry_after_seconds=_seconds_left(moment),
    )


def _seconds_left(moment: datetime) -> int:
    """Until the next month of UTC begins."""
    following = month_of(month_of(moment) + timedelta(days=32))
    return int((following - moment).total_seconds()) + 1


_WANTED = (
    api_keys.c.id,
    api_keys.c.organization_id,
    api_keys.c.mentor_id,
    api_keys.c.kind,
    api_keys.c.name,
    api_keys.c.scopes,
    # As the driver gives it: nothing of a row is read before it is known whose it is.
    type_coerce(api_keys.c.expires_at, String).label("expires_at"),
    api_keys.c.digest,
    func.coalesce(api_keys.c.disabled_at, api_keys.c.revoked_at, type_=String)
    .is_not(None)
    .label("is_inactive"),
    api_keys.c.allowed_ips,
    api_keys.c.rate_limit,
    api_keys.c.monthly_quota,
    mentors.c.display_name,
)
_NUMBERS = api_keys.alias("numbers")
# The key of this number, or the next below it, or else the first of all.
_NEAREST = func.coalesce(
    select(func.max(_NUMBERS.c.number))
    .where(_NUMBERS.c.number <= bindparam("number"))
    .scalar_subquery(),
    select(func.min(_NUMBERS.c.number)).scalar_subquery(),
)
_BY_NUMBER = Prepared(
    select(*_WANTED)
    .outerjoin_from(api_keys, mentors, mentors.c.id == api_keys.c.mentor_id)
    .where(api_keys.c.number == _NEAREST),
    is_scattered=True,
)
_DIGEST = _WANTED.index(api_keys.c.digest)


def _instant_reader(dialect: Dialect) -> Callable[[Any], datetime | None]:
    kind = api_keys.c.expires_at.type.dialect_impl(dialect)
    read = kind.result_processor(dialect, None)
    return read or (lambda value: value)
