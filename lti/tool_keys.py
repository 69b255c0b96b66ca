"""Tool keys: our own RSA pairs, with which we sign what we send to platforms.

A key lives through three states, and is published in each of them:

next      made and published, so that platforms can fetch it before it signs
active    signs; there is never more than one
retiring  signs no more (its private half is gone), and stays published while what it signed may
          be alive, and for GRACE on top

The database holds the truth for all processes, and an index of its own lets no second key be
next or active. Private halves are sealed there and parsed once per process, since parsing one
costs some forty milliseconds. Another process signs with a new key FRESH_SECONDS later at most.
"""

import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from joserfc import jwt
from joserfc.jwk import RSAKey
from sqlalchemy import (
    Column,
    Connection,
    Index,
    Row,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.errors import Conflict, NotFound
from mentorai.core.identifiers import new_id
from mentorai.core.row_locks import hold_rows
from mentorai.core.sealing import Seal
from mentorai.core.settings import Settings

KEY_BITS = 2048
ALGORITHM = "RS256"
FRESH_SECONDS = 30.0
NEXT, ACTIVE, RETIRING = "next", "active", "retiring"
# How long a key is published before it signs. Platforms and proxies may keep a key set for a day.
OVERLAP = timedelta(hours=24)
# Nothing that we sign lives longer.
LONGEST_LIFE = timedelta(minutes=15)
GRACE = timedelta(hours=24)
log = structlog.get_logger(__name__)

_OVERTAKEN = "The keys were rotated at the same time by another process; look at them again."
_ONE_OF_A_KIND = text("status IN ('active', 'next')")

tool_keys = Table(
    "tool_keys",
    metadata,
    Column("kid", String(36), primary_key=True),
    Column("status", String(16), nullable=False),
    Column("public_jwk", Text, nullable=False),
    Column("sealed_jwk", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("activated_at", Instant),
    Column("retired_at", Instant),
    Index(
        "uq_tool_keys_status",
        "status",
        unique=True,
        sqlite_where=_ONE_OF_A_KIND,
        postgresql_where=_ONE_OF_A_KIND,
    ),
)
_NEWEST_FIRST = (tool_keys.c.created_at.desc(), tool_keys.c.kid)


@dataclass(frozen=True, slots=True)
class ToolKey:
    """One of our keys, without its secret. It is published from created_at on."""

    kid: str
    status: str
    created_at: datetime
    activated_at: datetime | None
    retired_at: datetime | None

    @property
    def may_sign_at(self) -> datetime:
        """When it has been published for long enough to sign."""
        return self.created_at + OVERLAP

    @property
    def leaves_at(self) -> datetime | None:
        """When a retiring key is taken out of the key set; None for the others."""
        return self.retired_at + LONGEST_LIFE + GRACE if self.retired_at else None

    @property
    def next_step(self) -> str:
        """What becomes of it, and when, in words."""
        if self.leaves_at:
            return f"leaves the key set after {self.leaves_at:%Y-%m-%d %H:%M} UTC"
        if self.status == NEXT:
            return f"may sign from {self.may_sign_at:%Y-%m-%d %H:%M} UTC"
        return "signs"


class ToolKeys:
    """The key pairs of this installation, shared by all its registrations."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._seal = Seal(settings)
        self._lock = threading.Lock()
        self._parsed: dict[str, RSAKey] = {}
        self._signing: tuple[float, str] | None = None

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A JWT of these claims, signed with the active key."""
        kid, key = self._get_signing_key()
        return jwt.encode({"alg": ALGORITHM, "kid": kid}, dict(claims), key)

    def read_keyset(self) -> dict[str, list[dict[str, Any]]]:
        """The JWKS document that platforms fetch: every public key, newest first."""
        query = select(tool_keys.c.public_jwk).order_by(*_NEWEST_FIRST)
        with self._database.read() as connection:
            found = connection.execute(query).scalars().all()
        if not found:
            self._get_signing_key()
            return self.read_keyset()
        return {"keys": [json.loads(each) for each in found]}

    def list(self) -> Sequence[ToolKey]:
        """Every key that is published, newest first."""
        with self._database.read() as connection:
            rows = connection.execute(select(tool_keys).order_by(*_NEWEST_FIRST)).all()
        return [_tool_key(row) for row in rows]

    def find(self, status: str) -> ToolKey | None:
        """The newest key of this status, or None."""
        return next((key for key in self.list() if key.status == status), None)

    def publish_next(self) -> ToolKey:
        """Make the next key and publish it. Raises Conflict if there is one."""
        self._get_signing_key()
        made = _make_key()
        try:
            with self._database.write() as connection:
                self._keep(connection, made, NEXT)
        except IntegrityError as error:
            raise Conflict("There is a next key already.") from error
        log.info("tool_key_published", kid=made.kid)
        return self._get(made.kid or "")

    def rotate(self, *, at_once: bool = False) -> ToolKey:
        """Take one step: publish the next key, or let the one that is published sign.

        at_once: let a new key sign now, published before or not; the platforms that keep our key
            set and do not look again refuse us until they do.
        Gives the key that is new, or that signs now.
        Raises Conflict if the next key is younger than OVERLAP, or if another process rotated at
        the same time.
        """
        self._get_signing_key()
        signing, waiting = self.find(ACTIVE), self.find(NEXT)
        if waiting is None and not at_once:
            return self.publish_next()
        if waiting is not None and not at_once and waiting.may_sign_at > now():
            raise Conflict(
                f"The next key was published at {waiting.created_at:%Y-%m-%d %H:%M} UTC and may "
                f"sign from {waiting.may_sign_at:%Y-%m-%d %H:%M} UTC on, when platforms have "
                "had time to fetch it."
            )
        made = _make_key() if waiting is None else None
        kid = waiting.kid if waiting else str(made.kid if made else "")
        try:
            with self._database.write() as connection:
                if made is not None:
                    self._keep(connection, made, NEXT)
                _swap(connection, signing.kid if signing else "", kid)
        except IntegrityError as error:
            raise Conflict(_OVERTAKEN) from error
        with self._lock:
            self._signing = None
        log.info("tool_key_activated", kid=kid, at_once=at_once)
        return self._get(kid)

    def retire(self, kid: str) -> None:
        """Take a key out of the key set now: the next one, or a retiring one before its time.

        Raises NotFound; Conflict for the key that signs.
        """
        if self._get(kid).status == ACTIVE:
            raise Conflict("This key signs; let another one sign first.")
        with self._database.write() as connection:
            connection.execute(
                delete(tool_keys).where(tool_keys.c.kid == kid, tool_keys.c.status != ACTIVE)
            )
        log.info("tool_key_withdrawn", kid=kid)

    def withdraw_old(self) -> None:
        """Take the retiring keys whose time is over out of the key set."""
        before = now() - LONGEST_LIFE - GRACE
        is_over = (tool_keys.c.status == RETIRING, tool_keys.c.retired_at < before)
        with self._database.write() as connection:
            hold_rows(connection, tool_keys, *is_over, to_delete=True)
            gone = connection.execute(
                delete(tool_keys).where(*is_over).returning(tool_keys.c.kid)
            ).scalars()
            for kid in gone:
                log.info("tool_key_withdrawn", kid=kid)

    def _get(self, kid: str) -> ToolKey:
        with self._database.read() as connection:
            row = connection.execute(select(tool_keys).where(tool_keys.c.kid == kid)).first()
        if row is None:
            raise NotFound("There is no such tool key.")
        return _tool_key(row)

    def _get_signing_key(self) -> tuple[str, RSAKey]:
        with self._lock:
            if self._signing is None or time.monotonic() - self._signing[0] > FRESH_SECONDS:
                self._signing = (time.monotonic(), self._load_signing_key())
            kid = self._signing[1]
            return kid, self._parsed[kid]

    def _load_signing_key(self) -> str:
        row = self._find_signing() or self._make_first()
        kid: str = row.kid
        if kid not in self._parsed:
            self._parsed[kid] = RSAKey.import_key(json.loads(self._seal.open(row.sealed_jwk)))
        return kid

    def _find_signing(self) -> Any:
        query = select(tool_keys.c.kid, tool_keys.c.sealed_jwk).where(tool_keys.c.status == ACTIVE)
        with self._database.read() as connection:
            return connection.execute(query).first()

    def _make_first(self) -> Any:
        made = _make_key()
        try:
            with self._database.write() as connection:
                self._keep(connection, made, ACTIVE)
        except IntegrityError:
            log.debug("tool_key_made_by_another_process")
        row = self._find_signing()
        if row is None:
            raise NotFound("There is no tool key that signs.")
        return row

    def _keep(self, connection: Connection, key: RSAKey, status: str) -> None:
        facts = {"use": "sig", "alg": ALGORITHM, "kid": key.kid}
        moment = now()
        connection.execute(
            insert(tool_keys).values(
                kid=key.kid,
                status=status,
                public_jwk=json.dumps(key.as_dict(private=False, **facts)),
                sealed_jwk=self._seal.close(json.dumps(key.as_dict(private=True, **facts))),
                created_at=moment,
                activated_at=moment if status == ACTIVE else None,
            )
        )


def _swap(connection: Connection, signing: str, waiting: str) -> None:
    """Let `waiting` sign in place of `signing`, if both are still what they were."""
    moment = now()
    ended = connection.execute(
        update(tool_keys)
        .where(tool_keys.c.kid == signing, tool_keys.c.status == ACTIVE)
        # What will not sign again needs no private half.
        .values(status=RETIRING, retired_at=moment, sealed_jwk="")
    ).rowcount
    began = connection.execute(
        update(tool_keys)
        .where(tool_keys.c.kid == waiting, tool_keys.c.status == NEXT)
        .values(status=ACTIVE, activated_at=moment)
    ).rowcount
    if (ended, began) != (1, 1):
        raise Conflict(_OVERTAKEN)


def _tool_key(row: Row[Any]) -> ToolKey:
    return ToolKey(row.kid, row.status, row.created_at, row.activated_at, row.retired_at)


def _make_key() -> RSAKey:
    return RSAKey.generate_key(KEY_BITS, {"kid": new_id()})
