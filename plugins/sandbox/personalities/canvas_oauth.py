"""Signing in for Canvas' own API: its developer key, codes and tokens (RFC 6749).

A refresh token is good until it is taken back, and a renewal gives no other one.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from mentorai.plugins.sandbox.platform import SandboxPlatform
from mentorai.plugins.sandbox.wire import Refused, Reply

LIFETIME_SECONDS = 3_600
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="canvas-lms"'}


@dataclass
class DeveloperKey:
    """The API key that campus IT made. scopes: None when it does not enforce any.

    redirect_urls: empty for any address of the tool.
    declines: the OAuth error that the person's visit ends with, in the place of consent.
    """

    client_id: str = "10000000000042"
    secret: str = "the-secret-of-the-api-key"  # noqa: S105 - of nothing real
    redirect_urls: list[str] = field(default_factory=list)
    scopes: set[str] | None = None
    is_on: bool = True
    declines: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """What an access token is good for. user: the number of who signed in."""

    user: int
    scopes: frozenset[str] | None
    expires_at: datetime


class CanvasOAuth:
    """The keys and tokens of one Canvas. visitor: the number of who consents."""

    def __init__(self, platform: SandboxPlatform, visitor: int, name: str) -> None:
        self._platform = platform
        self.visitor, self._name = visitor, name
        self.key = DeveloperKey()
        self.renewals = 0
        self._codes: dict[str, frozenset[str] | None] = {}
        self._refresh: dict[str, frozenset[str] | None] = {}
        self._access: dict[str, Access] = {}

    def revoke(self) -> None:
        """Somebody takes the approved integration back in their settings."""
        self._refresh.clear()
        self._access.clear()

    def expire(self) -> None:
        """Every access token is too old from now on."""
        self._access.clear()

    def withdraw(self, header: str) -> Reply:
        """The tool gives back what a sign-in gave it. Raises Refused."""
        if header.removeprefix("Bearer ") not in self._access:
            raise Refused(401, "Invalid access token.", headers=CHALLENGE)
        self.revoke()
        return Reply.of({})

    def begin(self, query: Mapping[str, str]) -> str:
        """Where the browser goes from the consent. Raises Refused for what is shown there."""
        if query.get("client_id") != self.key.client_id or not self.key.is_on:
            raise Refused(401, "unauthorized_client: unknown client")
        back = query.get("redirect_uri", "")
        if not self._takes(back):
            raise Refused(400, "invalid_request: redirect_uri does not match client settings")
        asked = frozenset(query.get("scope", "").split())
        answer = {"state": query.get("state", "")}
        if self.key.declines:
            return f"{back}?{urlencode(answer | {'error': self.key.declines})}"
        if self.key.scopes is not None and (not asked or not asked <= self.key.scopes):
            return f"{back}?{urlencode(answer | {'error': 'invalid_scope'})}"
        code = secrets.token_urlsafe(24)
        self._codes[code] = asked if self.key.scopes is not None else None
        return f"{back}?{urlencode(answer | {'code': code})}"

    def _takes(self, url: str) -> bool:
        if self.key.redirect_urls:
            return url in self.key.redirect_urls
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc}" == self._platform.options.tool_origin

    def issue(self, form: Mapping[str, str]) -> Reply:
        """Answer a token request."""
        if form.get("client_id") != self.key.client_id or form.get("client_secret") != (
            self.key.secret
        ):
            return _error("invalid_client", "unknown client", 401, CHALLENGE)
        kind = form.get("grant_type")
        if kind == "authorization_code":
            return self._take_code(form.get("code", ""))
        if kind == "refresh_token":
            return self._renew(form.get("refresh_token", ""))
        return _error("unsupported_grant_type", "The grant_type you requested is not supported")

    def check(self, header: str, scope: str) -> int:
        """Who calls with this Authorization header, for this scope. Raises Refused."""
        if not header:
            raise Refused(401, "user authorization required", headers=CHALLENGE)
        access = self._access.get(header.removeprefix("Bearer "))
        if access is None or access.expires_at <= self._platform.now():
            raise Refused(401, "Invalid access token.", headers=CHALLENGE)
        if access.scopes is not None and (
            scope not in access.scopes or scope not in (self.key.scopes or ())
        ):
            raise Refused(401, "Insufficient scopes on access token.", headers=CHALLENGE)
        return access.user

    def _take_code(self, code: str) -> Reply:
        if code not in self._codes:
            return _error("invalid_grant", "authorization_code not found")
        scopes, refresh = self._codes.pop(code), secrets.token_urlsafe(32)
        self._refresh[refresh] = scopes
        user = {"id": self.visitor, "name": self._name, "global_id": str(self.visitor)}
        return self._answer(scopes, {"refresh_token": refresh, "user": user})

    def _renew(self, refresh: str) -> Reply:
        if refresh not in self._refresh:
            return _error("invalid_request", "refresh_token not found")
        self.renewals += 1
        return self._answer(self._refresh[refresh], {})

    def _answer(self, scopes: frozenset[str] | None, more: Mapping[str, Any]) -> Reply:
        text = secrets.token_urlsafe(32)
        expires_at = self._platform.now() + timedelta(seconds=LIFETIME_SECONDS)
        self._access[text] = Access(self.visitor, scopes, expires_at)
        body = {"access_token": text, "token_type": "Bearer", "expires_in": LIFETIME_SECONDS}
        return Reply.of({**body, **more})


def _error(
    code: str, description: str, status: int = 400, headers: Mapping[str, str] = {}
) -> Reply:
    body = {"error": code, "error_description": description}
    return Reply.of(body, status=status, headers=headers)
