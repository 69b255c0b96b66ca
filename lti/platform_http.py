"""The one outbound client: every call to a platform goes through here.

Bounded in time, size and number, never to a private address (but to this machine itself, with
settings.allow_loopback_platforms), never led elsewhere by a redirect while it carries a token,
and silent about bodies and tokens. What may be said twice is tried again, with the pause that the
platform asked for if it is a short one; a long one is the caller's to keep (PlatformThrottled).
"""

import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache, partial
from typing import Any

import requests
import structlog
from requests.hooks import default_hooks
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError, NameResolutionError, ReadTimeoutError
from urllib3.util import Retry

from mentorai.core.clock import now
from mentorai.core.errors import (
    PlatformRefused,
    PlatformReplyInvalid,
    PlatformThrottled,
    PlatformUnavailable,
)
from mentorai.core.settings import Settings
from mentorai.lti.budgets import Budget
from mentorai.lti.guarded_connections import guard
from mentorai.lti.host_gates import HostGates
from mentorai.lti.origins import find_next, find_origin, find_url_fault
from mentorai.lti.paces import FREE, Pace
from mentorai.lti.plain_adapter import PlainAdapter
from mentorai.lti.timed_answers import answered_within

CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0
TOTAL_SECONDS = 20.0
REPLY_BYTES = 8_000_000
# Tries of a call that may be said twice, and the longest pause between them that is kept here.
TRIES = 3
LONGEST_PAUSE_SECONDS = 5.0
PAUSE_SECONDS = 0.3
# What a gateway says while the platform behind it restarts; 500 means something else on Moodle.
PASSING_TROUBLE = (502, 503, 504)
MOVED = (301, 302, 303, 307, 308)
CONNECTIONS = 32
USER_AGENT = "mentorai-toolkit (LTI 1.3 tool)"
OWN_HEADERS = {"User-Agent": USER_AGENT, "Accept-Encoding": "gzip, deflate"}
LONGEST_WAIT_SECONDS = 86_400.0
_PIECE_BYTES = 64_000
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reply:
    """A platform's answer, whole.

    url: where it came from in the end. reason: the words beside its status.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    reason: str = ""

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
        # Only what never arrived is tried again down there; read=False lets a broken answer fly.
        # Left to itself it would also keep a Retry-After, or make a failure of the answer.
        retry = Retry(
            total=1,
            connect=1,
            read=False,
            status=0,
            redirect=0,
            backoff_factor=0.2,
            respect_retry_after_header=False,
        )
        # No session of `requests`: it would add cookies, .netrc and proxies of the environment,
        # which belong to other tenants or would lead a platform's bearer token astray, and what
        # it does for every call costs as much CPU as the call.
        self._adapter = PlainAdapter(
            pool_connections=CONNECTIONS, pool_maxsize=CONNECTIONS, max_retries=retry
        )
        guard(self._adapter.poolmanager, allow_loopback=self._loopback)
        self._gates = HostGates()

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        limit_bytes: int = REPLY_BYTES,
        redirects: int = 0,
        pace: Pace = FREE,
    ) -> Reply:
        """GET, once, following at most `redirects` redirects; each hop is checked as the first.

        pace: how this platform wants to be called.

        Raises PlatformUnavailable if there is no answer in time; PlatformRefused if the address
        may not be called, or a redirect leads a bearer token to another origin;
        PlatformReplyInvalid if the answer is too large; PlatformThrottled if this host has all
        its calls under way, or counts them and had enough (then it is told twice before).
        """
        with answered_within(TOTAL_SECONDS):
            return self._follow(url, dict(headers or {}), limit_bytes, redirects, pace)

    def post(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | str,
        limit_bytes: int = REPLY_BYTES,
        pace: Pace = FREE,
    ) -> Reply:
        """POST, once: what may have arrived is not sent again here. Raises as `get` does."""
        body = _encode(body)
        return self._call(
            "POST", url, headers=headers, body=body, limit_bytes=limit_bytes, pace=pace
        )

    def repeat(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | str = b"",
        pace: Pace = FREE,
    ) -> Reply:
        """GET, PUT or DELETE, up to TRIES times while a gateway answers or a short pause is asked.

        The last answer is given whatever its status. A GET follows one redirect on its own origin.
        Raises as `get` does.
        """
        latest = time.monotonic() + TOTAL_SECONDS
        for attempt in range(1, TRIES + 1):
            if method == "GET":
                reply = self.get(url, headers=headers, redirects=1, pace=pace)
            else:
                reply = self._call(method, url, headers=headers, body=_encode(body), pace=pace)
            pause = _find_pause(reply, attempt)
            if pause is None or attempt == TRIES or time.monotonic() + pause > latest:
                break
            time.sleep(pause)
        return reply

    def close(self) -> None:
        """Give every connection back."""
        self._adapter.close()

    def _follow(
        self, url: str, carried: Mapping[str, str], limit_bytes: int, redirects: int, pace: Pace
    ) -> Reply:
        reply = self._call("GET", url, headers=carried, limit_bytes=limit_bytes, pace=pace)
        for _ in range(redirects):
            target = reply.headers.get("Location")
            if reply.status not in MOVED or not target:
                break
            hop = find_next(url, target)
            if "Authorization" in carried and find_origin(hop) != find_origin(url):
                raise PlatformRefused("The LMS led a call with a token to another host.")
            url = hop
            reply = self._call("GET", url, headers=carried, limit_bytes=limit_bytes, pace=pace)
        return reply

    def _call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        limit_bytes: int = REPLY_BYTES,
        pace: Pace = FREE,
    ) -> Reply:
        fault = find_url_fault(url, allow_loopback=self._loopback)
        if fault:
            raise PlatformRefused(f"An address of the LMS was not called. {fault}")
        call = partial(self._take_turn, method, url, headers, body, limit_bytes, pace)
        return call() if pace.budget is None else _spend(pace.budget, pace, call)

    def _take_turn(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        limit_bytes: int,
        pace: Pace,
    ) -> Reply:
        host = find_origin(url) or ""
        began = time.monotonic()
        try:
            with (
                self._gates.enter(host, pace.calls_at_once) as share,
                answered_within(TOTAL_SECONDS * share),
            ):
                try:
                    reply = self._send(method, url, headers, body, limit_bytes, share)
                except requests.ConnectionError:
                    # A kept connection that the platform had closed, most likely.
                    if method == "POST":
                        raise
                    reply = self._send(method, url, headers, body, limit_bytes, share)
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            log.warning("platform_unavailable", host=host, reason=type(error).__name__)
            raise PlatformUnavailable(
                f"{host} {_name_trouble(error)}.", may_go_on=isinstance(error, TimeoutError)
            ) from error
        seconds = round(time.monotonic() - began, 3)
        log.debug("platform_called", host=host, method=method, seconds=seconds)
        return reply

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        limit_bytes: int,
        share: float,
    ) -> Reply:
        patience = (CONNECT_SECONDS * share, READ_SECONDS * share)
        request = _prepare(method, url, headers, body)
        try:
            with self._adapter.send(request, stream=True, timeout=patience) as response:
                content = _read_body(response, limit_bytes)
        except (requests.Timeout, ReadTimeoutError) as error:
            raise TimeoutError(type(error).__name__) from error
        reason = response.reason or ""
        return Reply(url, response.status_code, response.headers, content, reason)


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
        # A gateway that waits no longer does not end what it waited for.
        is_late = reply.status == 504
        raise PlatformUnavailable(said, is_answer=reply.status == 500, may_go_on=is_late)
    raise PlatformRefused(said)


def read_date(reply: Reply) -> datetime | None:
    """What the clock of the host showed when it answered (RFC 9110, section 6.6.1), or None."""
    try:
        shown = parsedate_to_datetime(reply.headers.get("Date") or "")
    except (ValueError, TypeError):
        return None
    return shown if shown.tzinfo else None


def _name_trouble(error: Exception) -> str:
    """What IT should look at, as far as that is sure."""
    if isinstance(error, requests.exceptions.SSLError):
        return "shows a certificate that is not trusted, or no TLS known here"
    retried = error.args[0] if isinstance(error, requests.ConnectionError) and error.args else None
    if isinstance(getattr(retried, "reason", None), NameResolutionError):
        return "has a name that no address is known of here (DNS)"
    return "could not be reached or did not answer in time"


def _spend(budget: Budget, pace: Pace, call: Callable[[], Reply]) -> Reply:
    """A call within a budget, made once more if the platform refused it because of its own count.

    What was refused so was not done, whatever it was. Raises PlatformThrottled.
    """
    for is_last in (False, True):
        with budget.spend(pace.extra, pace.reserve) as spending:
            reply = call()
            asked = _read_retry_after(reply.headers.get("Retry-After"))
            wait = budget.note(spending, reply.status, reply.headers, reply.body, asked)
        if wait is not None and (is_last or wait > LONGEST_PAUSE_SECONDS):
            raise PlatformThrottled(retry_after_seconds=wait)
        if wait is None:
            break
    return reply


def _find_pause(reply: Reply, attempt: int) -> float | None:
    """Seconds until the same may be said again, or None if that would not help or take long."""
    asked = _read_retry_after(reply.headers.get("Retry-After"))
    if asked is not None and reply.status in (429, *PASSING_TROUBLE):
        return asked if asked <= LONGEST_PAUSE_SECONDS else None
    if reply.status not in PASSING_TROUBLE:
        return None
    return PAUSE_SECONDS * attempt * random.uniform(0.8, 1.2)  # noqa: S311 - no secret


def _prepare(
    method: str, url: str, headers: Mapping[str, str], body: bytes | None
) -> requests.PreparedRequest:
    request = requests.PreparedRequest()
    request.method = method
    request.url = _clean_url(url)
    request.headers = CaseInsensitiveDict({**OWN_HEADERS, **headers})
    request.hooks = default_hooks()
    request.body = body or None
    request.prepare_content_length(request.body)
    return request


# The scores of a column all go to one.
@lru_cache(maxsize=256)
def _clean_url(url: str) -> str | None:
    request = requests.PreparedRequest()
    request.prepare_url(url, None)
    return request.url


def _encode(body: bytes | str) -> bytes:
    return body.encode() if isinstance(body, str) else body


def _read_body(response: requests.Response, limit_bytes: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while piece := response.raw.read1(_PIECE_BYTES, decode_content=True):
        size += len(piece)
        if size > limit_bytes:
            raise PlatformReplyInvalid("The LMS sent an answer that is too large.")
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
