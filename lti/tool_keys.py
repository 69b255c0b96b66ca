"""Tool keys: our own RSA pairs, with which we sign what we send to platforms.

Several may be published at once: an active key signs, a retiring one is only published until
no platform needs it any more. Private halves are sealed in the database and parsed once per
process, since parsing one costs some forty milliseconds.
"""

import json
import threading
import time
from collections.abc import Mapping
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey
from sqlalchemy import Column, Connection, String, Table, Text, insert, select

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.identifiers import new_id
from mentorai.core.settings import Settings
from mentorai.lti.sealing import Seal

KEY_BITS = 2048
ALGORITHM = "RS256"
FRESH_SECONDS = 30.0
ACTIVE, RETIRING = "active", "retiring"

tool_keys = Table(
    "tool_keys",
    metadata,
    Column("kid", String(36), primary_key=True),
    Column("status", String(16), nullable=False),
    Column("public_jwk", Text, nullable=False),
    Column("sealed_jwk", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
)


class ToolKeys:
    """The key pairs of this installation, shared by all its registrations."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._seal = Seal(settings)
        self._lock = threading.Lock()
        self._parsed: dict[str, RSAKey] = {}
        self._signing: tuple[float, str] | None = None

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A JWT of these claims, signed with the newest active key."""
        kid, key = self._get_signing_key()
        return jwt.encode({"alg": ALGORITHM, "kid": kid}, dict(claims), key)

    def read_keyset(self) -> dict[str, list[dict[str, Any]]]:
        """The JWKS document that platforms fetch: every public key, newest first."""
        query = select(tool_keys.c.public_jwk).order_by(tool_keys.c.created_at.desc())
        with self._database.read() as connection:
            found = connection.execute(query).scalars().all()
        if not found:
            self._get_signing_key()
            return self.read_keyset()
        return {"keys": [json.loads(each) for each in found]}

    def _get_signing_key(self) -> tuple[str, RSAKey]:
        with self._lock:
            if self._signing is None or time.monotonic() - self._signing[0] > FRESH_SECONDS:
                self._signing = (time.monotonic(), self._load_signing_key())
            kid = self._signing[1]
            return kid, self._parsed[kid]

    def _load_signing_key(self) -> str:
        newest = (
            select(tool_keys.c.kid, tool_keys.c.sealed_jwk)
            .where(tool_keys.c.status == ACTIVE)
            .order_by(tool_keys.c.created_at.desc(), tool_keys.c.kid)
        )
        with self._database.read() as connection:
            row = connection.execute(newest).first()
        if row is None:
            made = _make_key()
            # Another process may be as quick; where both are kept, both are published.
            with self._database.write() as connection:
                row = connection.execute(newest).first() or self._keep(connection, made)
        kid: str = row.kid
        if kid not in self._parsed:
            self._parsed[kid] = RSAKey.import_key(json.loads(self._seal.open(row.sealed_jwk)))
        return kid

    def _keep(self, connection: Connection, key: RSAKey) -> Any:
        facts = {"use": "sig", "alg": ALGORITHM, "kid": key.kid}
        connection.execute(
            insert(tool_keys).values(
                kid=key.kid,
                status=ACTIVE,
                public_jwk=json.dumps(key.as_dict(private=False, **facts)),
                sealed_jwk=self._seal.close(json.dumps(key.as_dict(private=True, **facts))),
                created_at=now(),
            )
        )
        return connection.execute(select(tool_keys).where(tool_keys.c.kid == key.kid)).one()


def _make_key() -> RSAKey:
    return RSAKey.generate_key(KEY_BITS, {"kid": new_id()})
