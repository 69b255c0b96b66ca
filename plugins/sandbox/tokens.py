"""Access tokens for the tool: client_credentials with a signed assertion.

Sources: 1EdTech Security Framework 1.0, section 4.1; RFC 7523, section 3; RFC 6749, section 5.2.
"""

import secrets
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

import requests
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from mentorai.plugins.sandbox.notices import SCOPE as NOTICE_HANDLERS
from mentorai.plugins.sandbox.oidc import GRADE_SCOPES, GROUPS_READ, MEMBERS_READ
from mentorai.plugins.sandbox.platform import SandboxPlatform
from mentorai.plugins.sandbox.wire import HTML, Call, Refused, Reply

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
GRANTED = (*GRADE_SCOPES, MEMBERS_READ, GROUPS_READ, NOTICE_HANDLERS)
LIFETIME_SECONDS = 3600
LEEWAY_SECONDS = 10
LONGEST_ASSERTION_SECONDS = 3600
KEYSET_TIMEOUT_SECONDS = 5
# rule -> status, error and description (None: ours); any other is 401 invalid_client.
ERRORS: Mapping[str, tuple[int, str, str | None]] = {
    "grant_type": (400, "unsupported_grant_type", None),
    "no_grant_type": (400, "unsupported_grant_type", None),
    "assertion_type": (400, "invalid_request", None),
    "no_scope": (400, "invalid_scope", None),
}
NO_STORE = {"Cache-Control": "no-store"}


class Rejected(Exception):
    """Why something the tool signed is not believed, in one sentence; rule: what it broke."""

    def __init__(self, message: str, rule: str = "assertion") -> None:
        super().__init__(message)
        self.rule = rule


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
        rule = "kid" if _names_unknown(token, keys) else "signature"
        raise Rejected("The signature could not be verified.", rule) from error
    if not decoded.header.get("kid"):
        raise Rejected("The header names no kid.")
    return claims


def _names_unknown(token: str, keys: KeySet) -> bool:
    """Whether the header of a JWS names a kid that is not among the keys."""
    try:
        kid = jws.extract_compact(token.encode()).headers().get("kid")
    except (JoseError, ValueError):
        return False
    return bool(kid) and kid not in {key.kid for key in keys.keys}


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

    def issue(self, form: Mapping[str, str], called: str) -> Reply:
        """Answer a token request. Raises nothing: refusals are OAuth errors.

        called: the address that was asked, which is a token endpoint as good as any other.
        """
        if form.get("grant_type") != "client_credentials":
            rule = "grant_type" if form.get("grant_type") else "no_grant_type"
            return self._refuse(rule, "grant_type must be client_credentials.")
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            words = f"client_assertion_type must be {ASSERTION_TYPE}."
            return self._refuse("assertion_type", words)
        try:
            self._check_assertion(form.get("client_assertion", ""), called)
        except Rejected as error:
            return self._refuse(error.rule, str(error))
        asked = [scope for scope in form.get("scope", "").split() if scope in GRANTED]
        withheld = self._platform.behaviour.withheld_scopes
        refused = [scope for scope in asked if scope in withheld]
        if refused and self._platform.personality.tokens.all_or_none:
            return self._refuse("scope", refused[0])
        scopes = [scope for scope in asked if scope not in refused]
        if not scopes:
            return self._refuse("no_scope", "None of these scopes is granted to the tool.")
        return self._issue(scopes)

    def check(self, call: Call, *scopes: str) -> None:
        """Let a call pass that shows a live token with one of these scopes (RFC 6750, section 3).

        Raises Refused: 401 without a live token, 403 with one that may not do this.
        """
        kind, _, text = call.headers.get("authorization", "").partition(" ")
        if not self._platform.personality.tokens.exact_scheme:
            kind = kind.capitalize()
        issued = self._issued.get(text.strip()) if kind == "Bearer" else None
        if issued is None or issued.expires_at <= self._platform.now():
            header = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            words = "A valid access token is needed."
            why = "expired" if issued else "unknown" if text.strip() else "missing"
            raise Refused(401, words, rule=f"no_token/{why}", headers=header)
        tool_id = self._platform.personality.tokens.tool_id
        if tool_id and call.query.get("type_id", tool_id) != tool_id:
            raise Refused(401, "This address is another tool's.", rule="no_token")
        # The last is the least that will do.
        enough = scopes[-1:] if self._platform.behaviour.exact_scopes else scopes
        if not issued.scopes & set(enough):
            header = {"WWW-Authenticate": f'Bearer error="insufficient_scope" scope="{scopes[0]}"'}
            words = "The access token lacks the scope for this."
            raise Refused(403, words, rule="scope", headers=header)

    def revoke_all(self) -> None:
        """Forget every token, as a platform does that restarts."""
        with self._lock:
            self._issued.clear()

    def _issue(self, scopes: Sequence[str]) -> Reply:
        traits = self._platform.personality.tokens
        text = self._write(traits.kind, scopes)
        expires_at = self._platform.now() + timedelta(seconds=LIFETIME_SECONDS)
        with self._lock:
            self._issued[text] = Issued(frozenset(scopes), expires_at)
        body = {
            "access_token": text,
            "token_type": traits.scheme,
            "expires_in": LIFETIME_SECONDS,
            "scope": " ".join(scopes),
        }
        return Reply.of(body, traits.media_type, headers=NO_STORE)

    def _write(self, kind: str, scopes: Sequence[str]) -> str:
        if kind == "hex":
            return secrets.token_hex(16)
        if kind == "jwt":
            options, moment = self._platform.options, int(self._platform.now().timestamp())
            claims = {"iss": options.base_url, "sub": options.client_id, "iat": moment}
            claims |= {"exp": moment + LIFETIME_SECONDS, "jti": secrets.token_hex(8)}
            return self._platform.keys.sign(claims | {"scopes": " ".join(scopes)})
        return secrets.token_urlsafe(32)

    def _refuse(self, rule: str, description: str) -> Reply:
        """An OAuth error, as this LMS words it."""
        traits = self._platform.personality.tokens
        if rule == "kid" and traits.breaks_on_kid:
            # The quotes around the kid are not escaped.
            return Reply(400, b'{"error" : ""kid" invalid, unable to lookup correct key"}', HTML)
        rule = "signature" if rule == "kid" else rule
        usual = ERRORS.get(rule, (401, "invalid_client", None))
        status, code, words = traits.errors.get(rule, traits.errors.get("*", usual))
        if status == 500:
            return Reply(500, b"<!DOCTYPE html><title>Internal Server Error</title>", HTML)
        words = description if words is None else words
        body = {"error": code} | ({"error_description": words} if words else {})
        headers = dict(NO_STORE)
        if rule == "scope" and traits.detail_header:
            headers[traits.detail_header] = description
        if status == 401 and traits.challenge:
            headers["WWW-Authenticate"] = traits.challenge
        return Reply.of(body, traits.media_type, status=status, headers=headers)

    def _check_assertion(self, assertion: str, called: str) -> None:
        if not assertion:
            raise Rejected("client_assertion is missing.", "no_assertion")
        claims = self.tool_keys.check(assertion)
        client_id = self._platform.options.client_id
        unchecked = self._platform.personality.tokens.unchecked
        names = [name for name in ("iss", "sub") if name not in unchecked]
        if any(claims.get(name) != client_id for name in names):
            raise Rejected("iss and sub must both be the client_id.", "client")
        self._check_audience(claims.get("aud"), called)
        check_times(claims, self._platform.now(), unchecked)
        if "jti" not in unchecked:
            self._check_used(claims.get("jti"), claims["exp"])

    def _check_audience(self, audience: object, called: str) -> None:
        traits = self._platform.personality.tokens
        if "audience" in traits.unchecked:
            return
        if traits.breaks_on_list and isinstance(audience, list) and len(audience) > 1:
            raise Rejected("Two audiences break this LMS.", "audience_list")
        expected = traits.audience or self._platform.options.token_url
        known = (expected,) if traits.audience else (expected, called)
        named = audience if isinstance(audience, list) else [audience]
        if not any(each in named for each in known):
            raise Rejected(f"aud must be {expected}.", "audience")

    def _check_used(self, jti: object, expires: float) -> None:
        if not isinstance(jti, str) or not jti:
            raise Rejected("jti is missing.", "jti")
        moment = self._platform.now().timestamp()
        with self._lock:
            self._used = {j: e for j, e in self._used.items() if e + LEEWAY_SECONDS > moment}
            if jti in self._used:
                raise Rejected("This jti was used before.", "jti")
            self._used[jti] = expires


def check_times(
    claims: Mapping[str, Any], moment: datetime, unchecked: Container[str] = ()
) -> None:
    """Check iat and exp of something the tool signed, against `moment`. Raises Rejected.

    unchecked: `exp` when an LMS takes any, or none.
    """
    at, issued = moment.timestamp(), _read_time(claims, "iat")
    if issued > at + LEEWAY_SECONDS:
        raise Rejected("iat is in the future.", "iat")
    if "exp" in unchecked and "exp" not in claims:
        return
    expires = _read_time(claims, "exp")
    if expires <= at - LEEWAY_SECONDS:
        raise Rejected("exp has passed.", "exp")
    if expires - issued > LONGEST_ASSERTION_SECONDS and "exp" not in unchecked:
        raise Rejected("exp is too long after iat.", "exp")


def _read_time(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12:
        raise Rejected(f"{name} is missing.")
    return value
