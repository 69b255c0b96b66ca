"""What a provider says of itself: its addresses, fetched once an hour.

Source: OpenID Connect Discovery 1.0, sections 3 and 4.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from mentorai.core.errors import PlatformError, PlatformReplyInvalid
from mentorai.lti.origins import find_url_fault
from mentorai.lti.platform_http import PlatformHttp, check_reply

FRESH_SECONDS = 3_600.0
# A provider that was away a moment ago is not asked at every click.
PAUSE_SECONDS = 5.0
DOCUMENT_BYTES = 256_000
BASIC, POST, NONE = "client_secret_basic", "client_secret_post", "none"
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Metadata:
    """A provider's addresses. names_itself: whether its answers carry `iss` (RFC 9207)."""

    issuer: str
    auth_url: str
    token_url: str
    keyset_url: str
    userinfo_url: str | None
    sign_out_url: str | None
    token_methods: tuple[str, ...]
    names_itself: bool

    def choose_method(self, secret: str) -> str:
        """How we show the token address who we are."""
        if not secret:
            return NONE
        return POST if POST in self.token_methods and BASIC not in self.token_methods else BASIC


class Discovery:
    """The metadata of providers by issuer, kept in this process."""

    def __init__(self, http: PlatformHttp, *, allow_loopback: bool) -> None:
        self._http = http
        self._allow_loopback = allow_loopback
        self._known: dict[str, tuple[float, Metadata]] = {}
        self._failed: dict[str, tuple[float, PlatformError]] = {}
        self._locks: dict[str, threading.Lock] = {}

    def get(self, issuer: str) -> Metadata:
        """What the provider says of itself; what it said before, while it cannot be asked.

        Raises PlatformUnavailable, PlatformRefused, PlatformReplyInvalid.
        """
        with self._locks.setdefault(issuer, threading.Lock()):
            moment = time.monotonic()
            known = self._known.get(issuer)
            if known is not None and moment - known[0] < FRESH_SECONDS:
                return known[1]
            failed = self._failed.get(issuer)
            if failed is not None and moment - failed[0] < PAUSE_SECONDS:
                if known is not None:
                    return known[1]
                raise failed[1]
            return self._fetch(issuer, known)

    def _fetch(self, issuer: str, known: tuple[float, Metadata] | None) -> Metadata:
        url = issuer.rstrip("/") + "/.well-known/openid-configuration"
        try:
            reply = self._http.get(
                url, headers={"Accept": "application/json"}, limit_bytes=DOCUMENT_BYTES
            )
            check_reply(reply, "a request for its configuration")
            found = self._read(issuer, reply.read_json())
        except PlatformError as error:
            self._failed[issuer] = (time.monotonic(), error)
            log.warning("provider_not_discovered", code=error.code)
            if known is None:
                raise
            return known[1]
        self._known[issuer] = (time.monotonic(), found)
        return found

    def _read(self, issuer: str, document: Any) -> Metadata:
        if not isinstance(document, Mapping) or document.get("issuer") != issuer:
            raise PlatformReplyInvalid("The provider's configuration is of another issuer.")
        methods = document.get("token_endpoint_auth_methods_supported") or [BASIC]
        return Metadata(
            issuer=issuer,
            auth_url=self._read_url(document, "authorization_endpoint") or _miss(),
            token_url=self._read_url(document, "token_endpoint") or _miss(),
            keyset_url=self._read_url(document, "jwks_uri") or _miss(),
            userinfo_url=self._read_url(document, "userinfo_endpoint"),
            sign_out_url=self._read_url(document, "end_session_endpoint"),
            token_methods=tuple(map(str, methods)) if isinstance(methods, list) else (BASIC,),
            names_itself=document.get("authorization_response_iss_parameter_supported") is True,
        )

    def _read_url(self, document: Mapping[str, Any], name: str) -> str | None:
        url = document.get(name)
        if url is None:
            return None
        fault = find_url_fault(url, allow_loopback=self._allow_loopback)
        if fault:
            raise PlatformReplyInvalid(f"The provider's configuration, {name}: {fault}")
        return str(url)


def _miss() -> str:
    raise PlatformReplyInvalid("The provider's configuration lacks an address that is needed.")
