"""Platform key sets: the public keys that platforms sign with, fetched seldom.

Parsed keys are kept in the process and the JSON in a table that all processes share, so a warm
launch fetches and parses nothing. A set is fetched again when it is older than FRESH, and when a
launch names an unknown kid.

Of all threads and processes one at a time fetches an address (a lock in the process, a claim in
the table), and the others take what it brought. A fetch that did not bring the kid that was asked
for leaves the address alone for FIRST_COOLDOWN_SECONDS, and each further one for twice as long, up
to COOLDOWN_SECONDS. A fetch that helped starts no pause. So a platform that rotates is followed
at once, and nobody can make us hammer it, however many kids they make up.

A known key never waits for the platform: its set is renewed aside, and a platform whose key set
cannot be fetched keeps launching with the keys that are known, for STALE.
"""

import contextvars
import json
import math
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.util import base64_to_int
from sqlalchemy import (
    Column,
    Integer,
    Row,
    String,
    Table,
    Text,
    bindparam,
    delete,
    insert,
    select,
    update,
)
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
FIRST_COOLDOWN_SECONDS = 1.0
QUIET = timedelta(minutes=5)
# Longer than any fetch may take; a process that died while fetching blocks no longer than this.
LEASE = timedelta(seconds=90)
POLL_SECONDS = 0.05
# How long after its beginning launches with an unknown kid wait for a fetch, their own, another's
# here or another process's: a person waits, and a platform that hangs must not take every thread.
WAIT_SECONDS = 5.0
PATIENCE_SECONDS = 0.3
KEYSET_BYTES = 256_000
# What KEYSET_BYTES hold, of all but the smallest: a platform that serves many schools may publish a
# key for each. Reading them all takes some hundredths of a second, an hour apart.
KEYS = 1_000
SMALLEST_RSA_BITS, LARGEST_RSA_BITS = 2048, 8192
CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
RSA_ALGORITHMS = frozenset({"RS256", "RS384", "RS512"})
log = structlog.get_logger(__name__)

keysets = Table(
    "keysets",
    metadata,
    Column("url", String(2000), primary_key=True),
    Column("document", Text, nullable=False),
    Column("fetched_at", Instant, nullable=False),
    Column("tried_at", Instant),
    Column("ended_at", Instant),
    Column("misses", Integer, nullable=False, server_default="0"),
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
        self._aside_at: dict[str, float] = {}
        self._begun_at: dict[str, float] = {}

    def find(self, url: str, kid: str) -> PlatformKey | None:
        """The key `kid` of the set at `url`, or None if the platform does not publish it.

        Raises PlatformUnavailable, PlatformReplyInvalid, PlatformRefused if the set cannot be
        had and no usable copy is kept.
        """
        loaded = self._loaded.get(url)
        if loaded is None or kid not in loaded.keys or _age(loaded) >= FRESH:
            loaded = self._renew(url, kid)
        if loaded is None or _age(loaded) > STALE:
            raise PlatformUnavailable(f"The keys of {find_origin(url)} could not be fetched.")
        return loaded.keys.get(kid)

    def find_known(self, url: str, kid: str) -> PlatformKey | None:
        """The key `kid` of the set at `url` if it is kept and may be used; nobody is asked."""
        loaded = self._loaded.get(url)
        if loaded is None or kid not in loaded.keys:
            loaded = self._read_kept(url)
        is_usable = loaded is not None and _age(loaded) <= STALE
        return loaded.keys.get(kid) if loaded is not None and is_usable else None

    def put(self, url: str, document: object) -> None:
        """Keep the key set of a platform that cannot be asked for it, as if it had been fetched.

        Raises PlatformReplyInvalid if it holds no key that can be used.
        """
        if not read_keyset(document):
            raise PlatformReplyInvalid("This key set holds no key that can be used.")
        moment = now()
        facts = {"document": json.dumps(document), "fetched_at": moment, "tried_at": moment}
        facts |= {"ended_at": moment, "misses": 0}
        if not self._insert(url, facts):
            with self._database.write() as connection:
                connection.execute(update(keysets).where(keysets.c.url == url).values(facts))

    def forget(self, url: str) -> None:
        """Keep the key set at `url` no longer; processes that have read it know it for FRESH."""
        with self._database.write() as connection:
            connection.execute(delete(keysets).where(keysets.c.url == url))
        self._loaded.pop(url, None)

    def _renew(self, url: str, kid: str) -> _Loaded | None:
        """The best set there is: another process's, or one fetched now if that is due."""
        loaded = self._read_kept(url)
        if loaded is None or kid not in loaded.keys or _age(loaded) > STALE:
            return self._fetch_in_turn(url, kid)
        if _age(loaded) >= FRESH:
            self._fetch_aside(url, kid)
            return self._loaded[url]
        return loaded

    def _fetch_aside(self, url: str, kid: str) -> None:
        """Fetch, and wait no longer than a launch with a known key should: the fetch goes on."""
        moment = time.monotonic()
        is_early = moment - self._aside_at.get(url, -math.inf) < COOLDOWN_SECONDS
        if is_early or self._locks.setdefault(url, threading.Lock()).locked():
            return
        self._aside_at[url] = moment
        aside = threading.Thread(
            target=self._try_in_turn, args=(url, kid), name="keyset", daemon=True
        )
        aside.start()
        aside.join(PATIENCE_SECONDS)

    def _try_in_turn(self, url: str, kid: str) -> None:
        try:
            self._fetch_in_turn(url, kid)
        except Exception as error:
            # The launch that wanted it goes on with the key that is known.
            log.warning("keyset_not_renewed", host=find_origin(url), reason=type(error).__name__)

    def _fetch_in_turn(self, url: str, kid: str) -> _Loaded | None:
        """Fetch if that is due and nobody else is at it; else what the others brought."""
        lock = self._locks.setdefault(url, threading.Lock())
        latest = self._begun_at.get(url, time.monotonic()) + WAIT_SECONDS
        if not lock.acquire(timeout=max(latest - time.monotonic(), 0)):
            return self._take_brought(url, kid)
        self._begun_at[url] = time.monotonic()
        try:
            loaded = self._read_kept(url)
            if loaded and kid in loaded.keys and _age(loaded) < FRESH:
                return loaded
            if not self._claim(url):
                self._wait_for_another(url)
                return self._take_brought(url, kid)
            loaded = self._read_kept(url)
            if loaded and kid in loaded.keys and _age(loaded) < FRESH:
                # Another process ended its fetch between the look and the claim.
                self._end(url, kid, "")
                return loaded
            return self._fetch_and_keep(url, kid)
        finally:
            del self._begun_at[url]
            lock.release()

    def _claim(self, url: str) -> bool:
        """Whether the fetch is this process's to make: no other is at it, and none was just now.

        One statement decides among all processes; it is what ends the cooldown.
        """
        moment = now()
        with self._database.read() as connection:
            row = connection.execute(_READ, {"address": url}).first()
        if row is None:
            first = {"document": "", "fetched_at": moment, "tried_at": moment, "misses": 0}
            return self._insert(url, first)
        if row.tried_at is not None and not _is_due(row, moment):
            return False
        claim = update(keysets).where(keysets.c.url == url, keysets.c.tried_at == row.tried_at)
        if row.tried_at is None:
            claim = update(keysets).where(keysets.c.url == url, keysets.c.tried_at.is_(None))
        misses = 0 if row.tried_at and moment - row.tried_at > QUIET else row.misses
        with self._database.write() as connection:
            changed = claim.values(tried_at=moment, ended_at=None, misses=misses)
            return connection.execute(changed).rowcount == 1

    def _fetch_and_keep(self, url: str, kid: str) -> _Loaded | None:
        """Fetch, and wait as long as a person does: the fetch goes on, for whoever comes next."""
        brought: Future[_Loaded | None] = Future()
        own = contextvars.copy_context()
        threading.Thread(
            target=own.run, args=(self._bring, brought, url, kid), name="keyset", daemon=True
        ).start()
        try:
            return brought.result(WAIT_SECONDS)
        except TimeoutError:
            return self._take_brought(url, kid)

    def _bring(self, brought: "Future[_Loaded | None]", url: str, kid: str) -> None:
        try:
            brought.set_result(self._fetch_now(url, kid))
        except Exception as error:
            brought.set_exception(error)

    def _fetch_now(self, url: str, kid: str) -> _Loaded | None:
        document = ""
        try:
            document = self._fetch(url)
        except PlatformError as error:
            log.warning("keyset_not_fetched", host=find_origin(url), code=error.code)
            loaded = self._loaded.get(url)
            if loaded is None or kid not in loaded.keys:
                raise
            return loaded
        finally:
            self._end(url, kid, document)
        return self._read_kept(url)

    def _end(self, url: str, kid: str, document: str) -> None:
        """Let the others go on: with what was brought, or without."""
        moment = now()
        facts: dict[str, Any] = {"ended_at": moment}
        if document:
            is_miss = kid not in read_keyset(json.loads(document))
            misses = keysets.c.misses + 1 if is_miss else 0
            facts |= {"document": document, "fetched_at": moment, "misses": misses}
        with self._database.write() as connection:
            connection.execute(update(keysets).where(keysets.c.url == url).values(facts))

    def _wait_for_another(self, url: str) -> None:
        """Wait while another process is fetching, if one is and began not long ago."""
        while True:
            with self._database.read() as connection:
                row = connection.execute(_READ, {"address": url}).first()
            if row is None or row.ended_at is not None:
                return
            # The clock of another machine may be a little ahead; ours may have been set back.
            if abs(now() - row.tried_at) > timedelta(seconds=WAIT_SECONDS):
                return
            time.sleep(POLL_SECONDS)

    def _take_brought(self, url: str, kid: str) -> _Loaded | None:
        """What others brought. Raises PlatformUnavailable if they failed and the kid is not known:
        whether the platform publishes it cannot be told then.
        """
        loaded = self._read_kept(url)
        if loaded is not None and kid not in loaded.keys:
            with self._database.read() as connection:
                row = connection.execute(_READ, {"address": url}).first()
            if row is not None and _has_failed(row):
                raise PlatformUnavailable(f"The keys of {find_origin(url)} could not be fetched.")
        return loaded

    def _insert(self, url: str, facts: Mapping[str, Any]) -> bool:
        try:
            with self._database.write() as connection:
                connection.execute(insert(keysets).values(url=url, **facts))
        except IntegrityError:
            return False
        return True

    def _read_kept(self, url: str) -> _Loaded | None:
        with self._database.read() as connection:
            row = connection.execute(_READ, {"address": url}).first()
        mine = self._loaded.get(url)
        # A row without a document: it was claimed, and nothing came of it yet.
        is_usable = row is not None and row.document
        if row is not None and is_usable and (mine is None or mine.fetched_at < row.fetched_at):
            mine = _Loaded(read_keyset(json.loads(row.document)), row.fetched_at)
            self._loaded[url] = mine
        return mine

    def _fetch(self, url: str) -> str:
        """The JSON at `url`, checked to be a key set. No bearer goes out, so redirects may."""
        accept = {"Accept": "application/json, application/jwk-set+json"}
        reply = self._http.get(url, headers=accept, limit_bytes=KEYSET_BYTES, redirects=3)
        check_reply(reply, "a request for its keys")
        document = reply.read_json()
        if not read_keyset(document):
            raise PlatformReplyInvalid("The LMS publishes no key that can be used.")
        return json.dumps(document)


def _age(loaded: _Loaded) -> timedelta:
    return now() - loaded.fetched_at


def _is_due(row: Row[Any], moment: datetime) -> bool:
    """Whether an address may be asked again."""
    passed: timedelta = moment - row.tried_at
    if passed < timedelta(0):
        # The clock was set back.
        return True
    if row.ended_at is None:
        return passed > LEASE
    # From its end: a platform that hangs would be asked again as soon as it was given up.
    rested: timedelta = moment - row.ended_at
    return rested >= timedelta(seconds=_cooldown_seconds(row))


def _has_failed(row: Row[Any]) -> bool:
    """Whether the last fetch brought nothing, or has not yet."""
    return bool(row.tried_at and row.fetched_at < row.tried_at)


def _cooldown_seconds(row: Row[Any]) -> float:
    if not row.document:
        return EMPTY_COOLDOWN_SECONDS
    if _has_failed(row):
        return COOLDOWN_SECONDS
    if not row.misses:
        return 0.0
    grown: float = FIRST_COOLDOWN_SECONDS * 2.0 ** min(row.misses - 1, 10)
    return min(grown, COOLDOWN_SECONDS)


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
            # A huge one would take its time at every check.
            bits = base64_to_int(jwk["n"]).bit_length()
            if not SMALLEST_RSA_BITS <= bits <= LARGEST_RSA_BITS:
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
