"""Platform key sets: the public keys that platforms sign with, fetched seldom.

Parsed keys are kept in the process and the JSON in a table that all processes share, so a warm
launch fetches and parses nothing. A set is fetched again when it is older than FRESH, and when
a launch names an unknown kid; but each process asks one address one call at a time, and after
a fetch that did not help leaves it alone for COOLDOWN_SECONDS, however many made-up kids arrive.
A fetch that helped starts no pause, so that a platform which rotates its key a moment later
goes on launching. A platform whose key set cannot be fetched keeps launching with the keys that
are known, for STALE.
"""

import json
import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.util import base64_to_int
from sqlalchemy import Column, String, Table, Text, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.errors import PlatformError, PlatformReplyInvalid, PlatformUnavailable
from mentorai.lti.origins import find_origin
from mentorai.lti.platform_http import PlatformHttp, check_reply

FRESH = timedelta(hours=1)
STALE = timedelta(days=3)
COOLDOWN_SECONDS = 30.0
EMPTY_COOLDOWN_SECONDS = 5.0
KEYSET_BYTES = 256_000
KEYS = 50
SMALLEST_RSA_BITS = 2048
CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
RSA_ALGORITHMS = frozenset({"RS256", "RS384", "RS512"})
log = structlog.get_logger(__name__)

keysets = Table(
    "keysets",
    metadata,
    Column("url", String(2000), primary_key=True),
    Column("document", Text, nullable=False),
    Column("fetched_at", Instant, nullable=False),
)

_READ = select(keysets).where(keysets.c.url == bindparam("address"))


@dataclass(frozen=True, slots=True)
class PlatformKey:
    """One public key of a platform and the algorithms it may verify."""

    key: RSAKey | ECKey
    algorithms: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Loaded:
    keys: Mapping[str, PlatformKey]
    fetched_at: datetime


class Keysets:
    """The key sets of every registered platform, by address."""

    def __init__(self, database: Database, http: PlatformHttp) -> None:
        self._database = database
        self._http = http
        self._loaded: dict[str, _Loaded] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._tried: dict[str, float] = {}

    def find(self, url: str, kid: str) -> PlatformKey | None:
        """The key `kid` of the set at `url`, or None if the platform does not publish it.

        Raises PlatformUnavailable, PlatformReplyInvalid, PlatformRefused if the set cannot be
        had and no usable copy is kept.
        """
        moment = now()
        loaded = self._loaded.get(url)
        if loaded and kid in loaded.keys and moment - loaded.fetched_at < FRESH:
            return loaded.keys[kid]
        lock = self._locks.setdefault(url, threading.Lock())
        # Who knows the key does not wait for another thread's fetch; who does not, must.
        if lock.acquire(blocking=not (loaded and kid in loaded.keys)):
            try:
                loaded = self._load(url, kid, moment)
            finally:
                lock.release()
        if loaded is None or moment - loaded.fetched_at > STALE:
            raise PlatformUnavailable(f"The keys of {find_origin(url)} could not be fetched.")
        return loaded.keys.get(kid)

    def put(self, url: str, document: object) -> None:
        """Keep the key set of a platform that cannot be asked for it, as if it had been fetched.

        Raises PlatformReplyInvalid if it holds no key that can be used.
        """
        if not read_keyset(document):
            raise PlatformReplyInvalid("This key set holds no key that can be used.")
        self._keep(url, json.dumps(document), now())

    def forget(self, url: str) -> None:
        """Keep the key set at `url` no longer; processes that have read it know it for FRESH."""
        with self._database.write() as connection:
            connection.execute(delete(keysets).where(keysets.c.url == url))
        self._loaded.pop(url, None)

    def _load(self, url: str, kid: str, moment: datetime) -> _Loaded | None:
        """The best set there is: another process's, or fetched now if that is due."""
        loaded = self._read_kept(url)
        if loaded and kid in loaded.keys and moment - loaded.fetched_at < FRESH:
            return loaded
        pause = COOLDOWN_SECONDS if loaded else EMPTY_COOLDOWN_SECONDS
        if time.monotonic() - self._tried.get(url, -math.inf) < pause:
            return loaded
        try:
            document = self._fetch(url)
        except PlatformError as error:
            log.warning("keyset_not_fetched", host=find_origin(url), code=error.code)
            if loaded is None or kid not in loaded.keys:
                raise
            return loaded
        finally:
            self._tried[url] = time.monotonic()
        self._keep(url, document, moment)
        fetched = self._loaded[url] = _Loaded(read_keyset(json.loads(document)), moment)
        if kid in fetched.keys:
            del self._tried[url]
        return fetched

    def _read_kept(self, url: str) -> _Loaded | None:
        with self._database.read() as connection:
            row = connection.execute(_READ, {"address": url}).first()
        mine = self._loaded.get(url)
        if row is not None and (mine is None or mine.fetched_at < row.fetched_at):
            mine = _Loaded(read_keyset(json.loads(row.document)), row.fetched_at)
            self._loaded[url] = mine
        return mine

    def _keep(self, url: str, document: str, moment: datetime) -> None:
        facts = {"document": document, "fetched_at": moment}
        change = update(keysets).where(keysets.c.url == url).values(facts)
        try:
            with self._database.write() as connection:
                if not connection.execute(change).rowcount:
                    connection.execute(insert(keysets).values(url=url, **facts))
        except IntegrityError:
            log.debug("keyset_kept_by_another_process", host=find_origin(url))

    def _fetch(self, url: str) -> str:
        """The JSON at `url`, checked to be a key set. No bearer goes out, so redirects may."""
        accept = {"Accept": "application/json, application/jwk-set+json"}
        reply = self._http.get(url, headers=accept, limit_bytes=KEYSET_BYTES, redirects=3)
        check_reply(reply, "a request for its keys")
        document = reply.read_json()
        if not read_keyset(document):
            raise PlatformReplyInvalid("The LMS publishes no key that can be used.")
        return json.dumps(document)


def read_keyset(document: object) -> dict[str, PlatformKey]:
    """The usable signing keys of a JWKS document by kid (RFC 7517, section 5).

    Keys that are not for signing, too weak, symmetric, nameless or broken are left out.
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    found: dict[str, PlatformKey] = {}
    for jwk in listed[:KEYS] if isinstance(listed, list) else ():
        kid = jwk.get("kid") if isinstance(jwk, dict) else None
        key = _read_key(jwk) if isinstance(kid, str) and kid else None
        if key is not None and isinstance(kid, str):
            found.setdefault(kid, key)
    return found


def _read_key(jwk: dict[str, Any]) -> PlatformKey | None:
    if jwk.get("use", "sig") != "sig":
        return None
    try:
        if jwk.get("kty") == "RSA":
            # Before the import, which warns of what is left out here anyway.
            if base64_to_int(jwk["n"]).bit_length() < SMALLEST_RSA_BITS:
                return None
            rsa = RSAKey.import_key({name: jwk[name] for name in ("kty", "n", "e")})
            return _with_algorithms(rsa, RSA_ALGORITHMS, jwk.get("alg"))
        if jwk.get("kty") == "EC":
            ec = ECKey.import_key({name: jwk[name] for name in ("kty", "crv", "x", "y")})
            return _with_algorithms(ec, frozenset({CURVES[jwk["crv"]]}), jwk.get("alg"))
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        log.warning("platform_key_left_out", reason="it cannot be read")
    return None


def _with_algorithms(
    key: RSAKey | ECKey, possible: frozenset[str], named: object
) -> PlatformKey | None:
    algorithms = possible if named is None else possible & {named}
    return PlatformKey(key, frozenset(map(str, algorithms))) if algorithms else None
