"""Access tokens for the tool: client_credentials with a signed assertion.

Sources: 1EdTech Security Framework 1.0, section 4.1; RFC 7523, section 3; RFC 6749, section 5.2.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

import requests
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from mentorai.plugins.sandbox.notices import SCOPE as NOTICE_HANDLERS
from mentorai.plugins.sandbox.oidc import GRADE_SCOPES, GROUPS_READ, MEMBERS_READ
from mentorai.plugins.sandbox.platform import SandboxPlatform
from mentorai.plugins.sandbox.wire import Call, Refused, Reply

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
GRANTED = (*GRADE_SCOPES, MEMBERS_READ, GROUPS_READ, NOTICE_HANDLERS)
LIFETIME_SECONDS = 3600
LEEWAY_SECONDS = 10
LONGEST_ASSERTION_SECONDS = 3600
KEYSET_TIMEOUT_SECONDS = 5
NO_STORE = {"Cache-Control": "no-store"}


class Rejected(Exception):
    """Why something the tool signed is not believed, in one sentence."""


class ToolKeys:
    """The tool's published keys, kept until a kid is not among them."""

    def __init__(self, find_url: Callable[[], str]) -> None:
        self._find_url = find_url
        self._keys: KeySet | None = None

    def check(self, token: str) -> dict[str, Any]:
        """The claims of a JWS that the tool signed. Raises Rejected."""
        if self._keys is not None:
            with suppress(Rejected):
                return _decode(token, self._keys)
        # First use; or perhaps the tool rotated its keys since.
        return _decode(token, self._fetch())

    def _fetch(self) -> KeySet:
        try:
            answer = requests.get(self._find_url(), timeout=KEYSET_TIMEOUT_SECONDS)
            answer.raise_for_status()
            self._keys = KeySet.import_key_set(answer.json())
        except (requests.RequestException, ValueError, KeyError, TypeError) as error:
            raise Rejected("The tool's keys could not be fetched.") from error
        return self._keys


def _decode(token: str, keys: KeySet) -> dict[str, Any]:
    try:
        decoded = jwt.decode(token, keys, algorithms=["RS256"])
        claims = dict(decoded.claims)
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise Rejected("The signature could not be verified.") from error
    if not decoded.header.get("kid"):
        raise Rejected("The header names no kid.")
    return claims


@dataclass(frozen=True, slots=True)
class Issued:
    """What one access token may do, and until when."""

    scopes: frozenset[str]
    expires_at: datetime


class Tokens:
    """Access tokens of one platform; they end with its process."""

    def __init__(self, platform: SandboxPlatform) -> None:
        self.tool_keys = ToolKeys(lambda: platform.options.tool_keyset_url)
        self._platform = platform
        self._lock = Lock()
        self._issued: dict[str, Issued] = {}
        self._used: dict[str, float] = {}

    def issue(self, form: Mapping[str, str]) -> Reply:
        """Answer a token request. Raises nothing: refusals are OAuth errors."""
        if form.get("grant_type") != "client_credentials":
            return _error("unsupported_grant_type", "grant_type must be client_credentials.")
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            return _error("invalid_request", f"client_assertion_type must be {ASSERTION_TYPE}.")
        try:
            self._check_assertion(form.get("client_assertion", ""))
        except Rejected as error:
            return _error("invalid_client", str(error), status=401)
        granted = set(GRANTED) - set(self._platform.behaviour.withheld_scopes)
        scopes = [scope for scope in form.get("scope", "").split() if scope in granted]
        if not scopes:
            return _error("invalid_scope", "None of these scopes is granted to the tool.")
        return self._issue(scopes)

    def check(self, call: Call, *scopes: str) -> None:
        """Let a call pass that shows a live token with one of these scopes (RFC 6750, section 3).

        Raises Refused: 401 without a live token, 403 with one that may not do this.
        """
        kind, _, text = call.headers.get("authorization", "").partition(" ")
        issued = self._issued.get(text.strip()) if kind.lower() == "bearer" else None
        if issued is None or issued.expires_at <= self._platform.now():
            header = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            words = "A valid access token is needed."
            raise Refused(401, words, rule="no_token", headers=header)
        if not issued.scopes & set(scopes):
            header = {"WWW-Authenticate": f'Bearer error="insufficient_scope" scope="{scopes[0]}"'}
            words = "The access token lacks the scope for this."
            raise Refused(403, words, rule="scope", headers=header)

    def revoke_all(self) -> None:
        """Forget every token, as a platform does that restarts."""
        with self._lock:
            self._issued.clear()

    def _issue(self, scopes: Sequence[str]) -> Reply:
        text = secrets.token_urlsafe(32)
        expires_at = self._platform.now() + timedelta(seconds=LIFETIME_SECONDS)
        with self._lock:
            self._issued[text] = Issued(frozenset(scopes), expires_at)
        body = {
            "access_token": text,
            "token_type": "Bearer",
            "expires_in": LIFETIME_SECONDS,
            "scope": " ".join(scopes),
        }
        return Reply.of(body, headers=NO_STORE)

    def _check_assertion(self, assertion: str) -> None:
        if not assertion:
            raise Rejected("client_assertion is missing.")
        claims = self.tool_keys.check(assertion)
        client_id = self._platform.options.client_id
        if claims.get("iss") != client_id or claims.get("sub") != client_id:
            raise Rejected("iss and sub must both be the client_id.")
        audience = claims.get("aud")
        if self._platform.options.token_url not in (
            audience if isinstance(audience, list) else [audience]
        ):
            raise Rejected("aud must be the token endpoint.")
        check_times(claims, self._platform.now())
        self._check_used(claims.get("jti"), claims["exp"])

    def _check_used(self, jti: object, expires: float) -> None:
        if not isinstance(jti, str) or not jti:
            raise Rejected("jti is missing.")
        moment = self._platform.now().timestamp()
        with self._lock:
            self._used = {j: e for j, e in self._used.items() if e + LEEWAY_SECONDS > moment}
            if jti in self._used:
                raise Rejected("This jti was used before.")
            self._used[jti] = expires


def check_times(claims: Mapping[str, Any], moment: datetime) -> None:
    """Check iat and exp of something the tool signed, against `moment`. Raises Rejected."""
    at, issued, expires = moment.timestamp(), _read_time(claims, "iat"), _read_time(claims, "exp")
    if issued > at + LEEWAY_SECONDS:
        raise Rejected("iat is in the future.")
    if expires <= at - LEEWAY_SECONDS:
        raise Rejected("exp has passed.")
    if expires - issued > LONGEST_ASSERTION_SECONDS:
        raise Rejected("exp is too long after iat.")


def _read_time(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12:
        raise Rejected(f"{name} is missing.")
    return value


def _error(code: str, description: str, *, status: int = 400) -> Reply:
    body = {"error": code, "error_description": description}
    return Reply.of(body, status=status, headers=NO_STORE)
