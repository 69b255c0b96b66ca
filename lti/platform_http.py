"""The one outbound client: every call to a platform goes through here.

Bounded in time and size, never led elsewhere by a redirect, never to a private address
(unless settings.allow_loopback_platforms), and silent about bodies and tokens.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urljoin

import requests
import structlog
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from mentorai.core.clock import now
from mentorai.core.errors import (
    PlatformRefused,
    PlatformReplyInvalid,
    PlatformThrottled,
    PlatformUnavailable,
)
from mentorai.core.settings import Settings
from mentorai.lti.guarded_connections import guard
from mentorai.lti.origins import find_origin, find_url_fault

CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0
TOTAL_SECONDS = 20.0
REPLY_BYTES = 8_000_000
CONNECTIONS = 32
USER_AGENT = "mentorai-toolkit (LTI 1.3 tool)"
LONGEST_WAIT_SECONDS = 86_400.0
_PIECE_BYTES = 64_000
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reply:
    """A platform's answer, whole. url: where it came from in the end."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_ok(self) -> bool:
        """Whether the status is of the 200s."""
        return 200 <= self.status < 300

    def read_json(self) -> Any:
        """The body as JSON. Raises PlatformReplyInvalid."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise PlatformReplyInvalid("The LMS sent an answer that is not JSON.") from error


class PlatformHttp:
    """Calls to platforms over kept-open connections; one per process."""

    def __init__(self, settings: Settings) -> None:
        self._loopback = settings.allow_loopback_platforms
        session = requests.Session()
        # Neither cookies, .netrc nor proxies of the environment: they belong to other tenants
        # or would lead a platform's bearer token astray.
        session.trust_env = False
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        session.headers.clear()
        session.headers.update({"User-Agent": USER_AGENT, "Accept-Encoding": "gzip, deflate"})
        retry = Retry(total=2, connect=2, read=1, status=0, redirect=0, backoff_factor=0.2)
        adapter = HTTPAdapter(
            pool_connections=CONNECTIONS, pool_maxsize=CONNECTIONS, max_retries=retry
        )
        if not self._loopback:
            guard(adapter.poolmanager)
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        self._session = session

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        limit_bytes: int = REPLY_BYTES,
        redirects: int = 0,
    ) -> Reply:
        """GET, following at most `redirects` redirects (never with an Authorization header).

        Raises PlatformUnavailable if there is no answer in time; PlatformRefused if the address
        may not be called; PlatformReplyInvalid if the answer is too large.
        """
        reply = self._call("GET", url, headers=headers, limit_bytes=limit_bytes)
        for _ in range(redirects):
            target = reply.headers.get("Location")
            if reply.status not in (301, 302, 303, 307, 308) or not target:
                break
            url = urljoin(url, target)
            reply = self._call("GET", url, headers=headers, limit_bytes=limit_bytes)
        return reply

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes | str) -> Reply:
        """POST, once: what may have arrived is not sent again here. Raises as `get` does."""
        data = body.encode() if isinstance(body, str) else body
        return self._call("POST", url, headers=headers, body=data)

    def put(self, url: str, *, headers: Mapping[str, str], body: bytes | str) -> Reply:
        """PUT, once. Raises as `get` does."""
        data = body.encode() if isinstance(body, str) else body
        return self._call("PUT", url, headers=headers, body=data)

    def close(self) -> None:
        """Give every connection back."""
        self._session.close()

    def _call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        limit_bytes: int = REPLY_BYTES,
    ) -> Reply:
        fault = find_url_fault(url, allow_loopback=self._loopback)
        if fault:
            raise PlatformRefused(f"An address of the LMS was not called. {fault}")
        began = time.monotonic()
        try:
            with self._session.request(
                method,
                url,
                headers=dict(headers or {}),
                data=body,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
                stream=True,
            ) as response:
                content = _read_body(response, began + TOTAL_SECONDS, limit_bytes)
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            log.warning("platform_unavailable", host=find_origin(url), reason=type(error).__name__)
            raise PlatformUnavailable(
                f"{find_origin(url)} could not be reached or did not answer in time."
            ) from error
        seconds = round(time.monotonic() - began, 3)
        log.debug("platform_called", host=find_origin(url), method=method, seconds=seconds)
        return Reply(url, response.status_code, response.headers, content)


def check_reply(reply: Reply, what: str) -> None:
    """Let an answer of the 200s pass; raise what the others mean.

    what: what was asked for, for the sentence ("the roster").
    Raises PlatformThrottled (429, or 503 that says when), PlatformUnavailable (5xx),
    PlatformRefused (the rest).
    """
    if reply.is_ok:
        return
    wait = _read_retry_after(reply.headers.get("Retry-After"))
    if reply.status == 429 or (reply.status == 503 and wait is not None):
        raise PlatformThrottled(retry_after_seconds=wait)
    said = f"{find_origin(reply.url)} answered {reply.status} to {what}."
    if reply.status >= 500:
        raise PlatformUnavailable(said)
    raise PlatformRefused(said)


def _read_body(response: requests.Response, deadline: float, limit_bytes: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    # read1 gives what has come so far, so that a drip-fed answer meets the deadline.
    while piece := response.raw.read1(_PIECE_BYTES, decode_content=True):
        size += len(piece)
        if size > limit_bytes:
            raise PlatformReplyInvalid("The LMS sent an answer that is too large.")
        if time.monotonic() > deadline:
            raise requests.Timeout("the answer took too long")
        pieces.append(piece)
    return b"".join(pieces)


def _read_retry_after(text: str | None) -> float | None:
    """Seconds to wait, from seconds or an HTTP date (RFC 9110, section 10.2.3)."""
    if not text:
        return None
    try:
        if text.strip().isascii() and text.strip().isdigit():
            wait = float(text)
        else:
            wait = (parsedate_to_datetime(text) - now()).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(max(wait, 0.0), LONGEST_WAIT_SECONDS)
