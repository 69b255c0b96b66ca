"""Calls to a platform's services: a bearer token of the least scope, renewed once, and pages.

The bearer token goes only to hosts of its registration (service_origins.py), and every page and
every redirect must stay on the origin of the first.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import unquote_plus, urlencode, urlsplit, urlunsplit

from mentorai.core.errors import (
    MentorAIError,
    PlatformRefused,
    PlatformReplyInvalid,
    PlatformUnavailable,
)
from mentorai.lti.origins import find_origin, join_url
from mentorai.lti.paces import Pace
from mentorai.lti.platform_http import Reply, check_reply
from mentorai.lti.registrations import Registration
from mentorai.lti.tool import Tool

# Of 50 members each, as Canvas sends them, these are a hundred thousand.
PAGES = 2_000
LIST_SECONDS = 1_800.0
# Each reads a header of any length in one go, whatever is in it: a platform writes it.
_VALUE = r"(?:\"[^\"]*\"|[“”][^“”]*[“”]|[^;,\"“”<>]*)"
_LINK = re.compile(rf"<([^<>]*)>((?:\s*;[^;=,\"“”<>]*(?:=\s*{_VALUE})?)*+)")
_PARAMETER = re.compile(rf";\s*([^;=,\"“”<>\s]+)\s*=\s*({_VALUE})")
_QUOTES = " \t\"'“”"


def call(
    tool: Tool,
    registration: Registration,
    url: str,
    scopes: Sequence[str],
    *,
    accept: str,
    media_type: str = "",
    body: Mapping[str, Any] | None = None,
    method: str = "",
) -> Reply:
    """GET `url`, or POST `body` to it, or what `method` says; a token that the platform no longer
    takes is renewed once.

    Gives the answer whatever its status. Raises PlatformError if there is none, also for an
    address that is no host of the registration, and ScopeNotGranted.
    """
    tool.service_origins.check(registration, url)
    method = method or ("GET" if body is None else "POST")
    headers = {"Accept": accept} | ({"Content-Type": media_type} if body is not None else {})
    # In one short line: Moodle repeats it in the status line of a refusal.
    text = "" if body is None else json.dumps(body, allow_nan=False, separators=(",", ":"))
    token, pace = tool.tokens.get(registration, scopes), tool.paces.find(registration)
    reply = _send(tool, method, url, headers | _bearer(token), text, pace)
    if _is_stale(tool, registration, reply):
        token = tool.tokens.get(registration, scopes, refused=token)
        reply = _send(tool, method, url, headers | _bearer(token), text, pace)
    return reply


def read_pages(
    tool: Tool,
    registration: Registration,
    url: str,
    scopes: Sequence[str],
    *,
    accept: str,
    seconds: float = LIST_SECONDS,
    gone: type[MentorAIError] | None = None,
) -> Iterator[Reply]:
    """The answer of `url` and of every page after it (RFC 8288 rel="next", the URL as it is given).

    seconds: how long all the pages may take together. gone: what 404 and 410 mean besides.
    Raises PlatformError; PlatformReplyInvalid if a next page repeats or they do not end,
    PlatformRefused if one lies on another origin.
    """
    seen: set[str] = set()
    deadline = time.monotonic() + seconds
    next_url: str | None = url
    while next_url is not None:
        if next_url in seen or len(seen) >= PAGES:
            raise PlatformReplyInvalid("The LMS sent pages that do not end.")
        if time.monotonic() > deadline:
            raise PlatformUnavailable("The LMS took too long to send all the pages of a list.")
        seen.add(next_url)
        reply = call(tool, registration, next_url, scopes, accept=accept)
        if gone is not None and reply.status in (404, 410):
            raise gone()
        check_reply(reply, "a request for a list")
        yield reply
        next_url = find_link(reply, "next")
        if next_url is not None and find_origin(next_url) != find_origin(url):
            raise PlatformRefused("The next page of the LMS lies on another host.")


def add_query(url: str, parameters: Mapping[str, str]) -> str:
    """The address with more parameters in its query; what else is in there stays as it was."""
    parts = urlsplit(url)
    kept = [
        piece
        for piece in parts.query.split("&")
        if piece and unquote_plus(piece.partition("=")[0]) not in parameters
    ]
    return urlunsplit(parts._replace(query="&".join([*kept, urlencode(parameters)])))


def find_link(reply: Reply, relation: str) -> str | None:
    """The address that an answer's Link header gives for a relation, or None (RFC 8288).

    Forgiving as Moodle needs it: typographic quotes, and &amp; inside the address.
    """
    header = reply.headers.get("Link") or ""
    # HTTP headers arrive as Latin-1, whatever the platform meant.
    with suppress(UnicodeError):
        header = header.encode("latin-1").decode("utf-8")
    for address, parameters in _LINK.findall(header):
        for name, value in _PARAMETER.findall(parameters):
            if name.lower() == "rel" and relation in value.strip(_QUOTES).lower().split():
                # That entity alone: others are names of parameters (&section=, &current=).
                return join_url(reply.url, address.strip().replace("&amp;", "&"))
    return None


def _is_stale(tool: Tool, registration: Registration, reply: Reply) -> bool:
    """Whether the platform says that it takes the token no more (RFC 6750, section 3.1: 401)."""
    if reply.is_ok or reply.status == 401:
        return reply.status == 401
    profile = tool.find_profile(registration.issuer, registration.family)
    return reply.status == profile.stale_token_status


def _send(
    tool: Tool, method: str, url: str, headers: Mapping[str, str], body: str, pace: Pace
) -> Reply:
    if method == "POST":
        return tool.http.post(url, headers=headers, body=body, pace=pace)
    return tool.http.repeat(method, url, headers=headers, body=body, pace=pace)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
