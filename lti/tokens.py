"""Access tokens: what lets us call a platform's services, asked for seldom and in small.

One per registration and set of scopes, kept sealed in the database for all processes and open
in the memory of this one, and renewed MARGIN before it expires; of all processes one at a time asks
for it. A platform that leaves out a scope without a word (Moodle does) is found out here, by the
`scope` of its answer, and not by a call that fails for no visible reason.
Source: LTI Security Framework 1.0, section 4 (client credentials with a signed assertion).
"""

import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import (
    Column,
    ColumnElement,
    ForeignKey,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.errors import (
    ConfigurationError,
    PlatformRefused,
    PlatformReplyInvalid,
    ScopeNotGranted,
)
from mentorai.core.identifiers import new_id
from mentorai.core.row_locks import hold_registration
from mentorai.core.sealing import Seal
from mentorai.core.settings import Settings
from mentorai.core.signs_of_life import Watch, showing_life
from mentorai.lti.origins import find_origin
from mentorai.lti.paces import Paces
from mentorai.lti.platform_http import PlatformHttp, Reply, check_reply, read_date
from mentorai.lti.registrations import Registration
from mentorai.lti.tool_keys import ToolKeys

MARGIN = timedelta(seconds=60)
ASSERTION_SECONDS = 240
# Some platforms refuse an assertion from what their clock takes for the future.
BACKDATE_SECONDS = 5
# A clock that differs by more may be why an assertion was refused.
SKEW = timedelta(seconds=3)
DEFAULT_LIFE_SECONDS = 300.0
LONGEST_LIFE_SECONDS = 86_400.0
TOKEN_LENGTH = 10_000
WAIT_SECONDS, POLL_SECONDS = 15.0, 0.02
# A sign of life so old was left before anybody waited.
LEASE = timedelta(seconds=30)
_ERROR = re.compile(r"[A-Za-z][A-Za-z_ ]{0,39}")
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

access_tokens = Table(
    "access_tokens",
    metadata,
    Column("registration_id", ForeignKey("registrations.id", ondelete="CASCADE"), primary_key=True),
    Column("scopes", String(1000), primary_key=True),
    Column("sealed_token", Text, nullable=False),
    Column("expires_at", Instant, nullable=False),
)

token_requests = Table(
    "token_requests",
    metadata,
    Column("registration_id", ForeignKey("registrations.id", ondelete="CASCADE"), primary_key=True),
    Column("scopes", String(1000), primary_key=True),
    # When the process that asks showed last that it lives.
    Column("began_at", Instant, nullable=False),
)


@dataclass(frozen=True, slots=True)
class _Kept:
    token: str
    expires_at: datetime

    def is_good(self, moment: datetime) -> bool:
        return self.expires_at - MARGIN > moment


class Tokens:
    """The access tokens of every registration."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        http: PlatformHttp,
        tool_keys: ToolKeys,
        paces: Paces,
    ) -> None:
        self._database = database
        self._seal = Seal(settings)
        self._http = http
        self._tool_keys = tool_keys
        self._paces = paces
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._locks: dict[tuple[str, str], threading.Lock] = {}

    def get(self, registration: Registration, scopes: Sequence[str], refused: str = "") -> str:
        """A bearer token for these scopes.

        refused: the token that the platform has just said it takes no more; another one is given.
        Raises ScopeNotGranted; PlatformError of every kind.
        """
        name = (registration.id, " ".join(sorted(set(scopes))))
        kept = self._kept.get(name)
        if kept and kept.is_good(now()) and kept.token != refused:
            return kept.token
        with self._locks.setdefault(name, threading.Lock()):
            kept = self._kept.get(name)
            if not (kept and kept.is_good(now()) and kept.token != refused):
                kept = self._kept[name] = self._renew(registration, name, refused)
            return kept.token

    def request(
        self,
        registration: Registration,
        scopes: Sequence[str],
        audience: str = "",
        moment: datetime | None = None,
    ) -> Reply:
        """Ask the platform for a token once, and keep nothing; gives its answer whatever it is.

        audience: of our assertion, instead of the registered one. moment: what to take for the
        present. Raises PlatformError if there is no answer.
        """
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self._sign_assertion(registration, moment or now(), audience),
            "scope": " ".join(scopes),
        }
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        pace = self._paces.find_for_token(registration)
        return self._http.post(
            registration.token_url, headers=headers, body=urlencode(form), pace=pace
        )

    def _renew(self, registration: Registration, name: tuple[str, str], refused: str) -> _Kept:
        """What another process was given, or else a token of our own."""
        deadline = time.monotonic() + WAIT_SECONDS
        asker = Watch()
        while not (is_ours := self._begin(name, asker)) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            kept = self._find_shared(name, refused)
            if kept is not None:
                return kept
        if not is_ours:
            # A second token is better than none when the other process waited all this time.
            return self._find_shared(name, refused) or self._fetch(registration, name)
        mine = update(token_requests).where(*_named(token_requests, name))
        try:
            with showing_life(
                self._database, lambda each: each.execute(mine.values(began_at=now()))
            ):
                return self._find_shared(name, refused) or self._fetch(registration, name)
        finally:
            self._end(name)

    def _begin(self, name: tuple[str, str], asker: Watch) -> bool:
        """Whether this process is the one that may ask now. asker: the other, as seen so far."""
        sign_of = select(token_requests.c.began_at).where(*_named(token_requests, name))
        with self._database.read() as connection:
            sign = connection.execute(sign_of).scalar_one_or_none()
        if sign is not None and sign >= now() - LEASE and not asker.is_silent(sign):
            return False
        left = (*_named(token_requests, name), token_requests.c.began_at == sign)
        row = {"registration_id": name[0], "scopes": name[1], "began_at": now()}
        try:
            with self._database.write() as connection:
                hold_registration(connection, name[0])
                if sign is not None:
                    connection.execute(delete(token_requests).where(*left))
                connection.execute(insert(token_requests).values(row))
        except IntegrityError:
            return False
        return True

    def _end(self, name: tuple[str, str]) -> None:
        with self._database.write() as connection:
            connection.execute(delete(token_requests).where(*_named(token_requests, name)))

    def _find_shared(self, name: tuple[str, str], refused: str) -> _Kept | None:
        query = select(access_tokens).where(*_named(access_tokens, name))
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        try:
            kept = _Kept(self._seal.open(row.sealed_token), row.expires_at)
        except ConfigurationError:
            return None
        return kept if kept.is_good(now()) and kept.token != refused else None

    def _fetch(self, registration: Registration, name: tuple[str, str]) -> _Kept:
        moment = now()
        reply = self.request(registration, name[1].split())
        shown = read_date(reply)
        if reply.status in (400, 401) and shown and abs(shown - now()) > SKEW:
            # Our times may be in its future, or long over: the same once more, by its own clock.
            reply = self.request(registration, name[1].split(), moment=shown)
        kept = _read_token(reply, name[1].split(), moment)
        self._share(name, kept)
        return kept

    def _share(self, name: tuple[str, str], kept: _Kept) -> None:
        row = {
            "registration_id": name[0],
            "scopes": name[1],
            "sealed_token": self._seal.close(kept.token),
            "expires_at": kept.expires_at,
        }
        try:
            with self._database.write() as connection:
                hold_registration(connection, name[0])
                connection.execute(delete(access_tokens).where(*_named(access_tokens, name)))
                connection.execute(insert(access_tokens).values(row))
        except IntegrityError:
            pass  # Another process shared its own at this moment; both tokens are good.

    def _sign_assertion(self, registration: Registration, moment: datetime, audience: str) -> str:
        present = int(moment.timestamp())
        return self._tool_keys.sign(
            {
                "iss": registration.client_id,
                "sub": registration.client_id,
                "aud": audience or registration.token_audience or registration.token_url,
                "iat": present - BACKDATE_SECONDS,
                "exp": present + ASSERTION_SECONDS,
                "jti": new_id(),
            }
        )


def _named(table: Table, name: tuple[str, str]) -> Sequence[ColumnElement[bool]]:
    return table.c.registration_id == name[0], table.c.scopes == name[1]


def _read_token(reply: Reply, scopes: Sequence[str], moment: datetime) -> _Kept:
    if reply.status == 400 and read_error(reply) == "invalid_scope":
        raise ScopeNotGranted(scopes)
    if reply.status in (400, 401, 403):
        raise PlatformRefused(
            f"{find_origin(reply.url)} gave no access token{_in_brackets(read_error(reply))}."
        )
    check_reply(reply, "a request for an access token")
    answer = reply.read_json()
    token = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not 0 < len(token) <= TOKEN_LENGTH or not _is_header(token):
        raise PlatformReplyInvalid("The LMS answered a token request without a token.")
    granted = answer.get("scope")
    # An answer without `scope` grants what was asked (RFC 6749, section 5.1).
    if isinstance(granted, str) and granted.strip():
        missing = sorted(set(scopes) - set(granted.split()))
        if missing:
            raise ScopeNotGranted(missing)
    life = _read_seconds(answer.get("expires_in"))
    return _Kept(token, moment + timedelta(seconds=life))


def read_error(reply: Reply) -> str:
    """The OAuth error code, or the few plain words that some platforms have in its place; else
    an empty text.
    """
    try:
        answer: Any = reply.read_json()
    except PlatformReplyInvalid:
        return ""
    code = answer.get("error") if isinstance(answer, dict) else None
    is_code = isinstance(code, str) and _ERROR.fullmatch(code) is not None
    return str(code) if is_code else ""


def _in_brackets(code: str) -> str:
    return f" ({code})" if code else ""


def _read_seconds(given: object) -> float:
    try:
        seconds = float(given) if isinstance(given, (int, float, str)) else DEFAULT_LIFE_SECONDS
    except (ValueError, OverflowError):
        seconds = DEFAULT_LIFE_SECONDS
    return min(seconds, LONGEST_LIFE_SECONDS) if seconds > 0 else DEFAULT_LIFE_SECONDS


def _is_header(token: str) -> bool:
    return token.isascii() and token.isprintable()
