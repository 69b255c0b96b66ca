"""Calls to a platform's services: a bearer token of the least scope, healed once on 401, paged.

Every page and every redirect must stay on the origin that the signed launch named; the bearer
token goes nowhere else.
"""

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urljoin

from mentorai.core.errors import PlatformRefused, PlatformReplyInvalid
from mentorai.lti.origins import find_origin
from mentorai.lti.platform_http import Reply, check_reply
from mentorai.lti.registrations import Registration
from mentorai.lti.tool import Tool

PAGES = 500
_LINK = re.compile(r"<([^>]*)>([^<]*)")
_NEXT = re.compile(r";\s*rel\s*=\s*(?:[\"“”]([^\"“”]*)[\"“”]|([^\s;,\"“”]+))", re.IGNORECASE)


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
    """GET `url`, or POST `body` to it, or PUT it if `method` says so; a token that the platform
    no longer takes is renewed once.

    Gives the answer whatever its status. Raises PlatformError if there is none.
    """
    token = tool.tokens.get(registration, scopes)
    reply = _send(tool, method, url, token, accept, media_type, body)
    if reply.status == 401:
        token = tool.tokens.get(registration, scopes, refused=token)
        reply = _send(tool, method, url, token, accept, media_type, body)
    return reply


def read_pages(
    tool: Tool, registration: Registration, url: str, scopes: Sequence[str], *, accept: str
) -> Iterator[Any]:
    """The JSON of `url` and of every page after it (RFC 8288 rel="next", the URL as it is given).

    Raises PlatformError; PlatformReplyInvalid if a next page lies on another origin or repeats.
    """
    seen: set[str] = set()
    next_url: str | None = url
    while next_url is not None:
        if next_url in seen or len(seen) >= PAGES:
            raise PlatformReplyInvalid("The LMS sent pages that do not end.")
        seen.add(next_url)
        reply = call(tool, registration, next_url, scopes, accept=accept)
        check_reply(reply, "a request for a list")
        yield reply.read_json()
        next_url = find_next(reply)
        if next_url is not None and find_origin(next_url) != find_origin(url):
            raise PlatformRefused("The next page of the LMS lies on another host.")


def find_next(reply: Reply) -> str | None:
    """The address of the next page, or None at the last.

    Forgiving as Moodle needs it: typographic quotes, and &amp; inside the address.
    """
    header = reply.headers.get("Link") or ""
    # HTTP headers arrive as Latin-1, whatever the platform meant.
    with suppress(UnicodeError):
        header = header.encode("latin-1").decode("utf-8")
    for address, parameters in _LINK.findall(header):
        for quoted, bare in _NEXT.findall(parameters):
            if "next" in (quoted or bare).lower().split():
                return urljoin(reply.url, html.unescape(address.strip()))
    return None


def _send(
    tool: Tool,
    method: str,
    url: str,
    token: str,
    accept: str,
    media_type: str,
    body: Mapping[str, Any] | None,
) -> Reply:
    headers = {"Authorization": f"Bearer {token}", "Accept": accept}
    if body is None:
        return tool.http.get(url, headers=headers)
    send = tool.http.put if method == "PUT" else tool.http.post
    return send(url, headers=headers | {"Content-Type": media_type}, body=json.dumps(body))
