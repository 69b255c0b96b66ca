"""Canvas' own API: calls as the person who signed in, by the one outbound client.

Tokens go to the connection's own address and nowhere else. Pages are followed as Canvas names
them; their addresses mean nothing to us.
Source: Canvas' developer documentation, OAuth2, Pagination and Throttling.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from mentorai.core.connections import Connections
from mentorai.core.errors import (
    PlatformRefused,
    PlatformReplyInvalid,
    PlatformUnavailable,
    ScopeNotGranted,
    SignInNeeded,
)
from mentorai.core.values import Connection, Platform
from mentorai.lti.origins import find_origin
from mentorai.lti.platform_http import Reply, check_reply
from mentorai.lti.services import find_link
from mentorai.lti.tool import Tool
from mentorai.plugins.canvas.api_tokens import KIND, SIGN_IN_AGAIN, CanvasTokens
from mentorai.plugins.canvas.throttle import BUCKET

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

PAGE = 100
PAGES = 1_000
LIST_SECONDS = 600.0
Form = Sequence[tuple[str, str]]


class CanvasApi:
    """The API of one Canvas."""

    def __init__(self, engine: "Engine", connection: Connection) -> None:
        self._connection = connection
        self._connections = engine.room(Connections)
        self._tokens = engine.room(CanvasTokens)
        tool = engine.room(Tool)
        self._http = tool.http
        self._pace = tool.pace_of_api(connection, connection.id, BUCKET)

    @classmethod
    def find(cls, engine: "Engine", platform: Platform) -> "CanvasApi | None":
        """The API of a platform; None if nobody has connected it, or it wants a person."""
        where = (platform.organization_id, platform.registration_id)
        connection = engine.room(Connections).find(*where, KIND)
        if connection is None or connection.state != "ready":
            return None
        return cls(engine, connection)

    def get(self, path: str, query: Form = ()) -> Reply:
        """GET a path of the API; the answer whatever its status. Raises as `send` does."""
        return self.send("GET", f"{path}?{urlencode(query)}" if query else path)

    def post(self, path: str, form: Form) -> Reply:
        """POST a form to a path of the API, once. Raises as `send` does."""
        return self.send("POST", path, form)

    def send(self, method: str, address: str, form: Form = ()) -> Reply:
        """Call a path, or a full address on the connection's own origin.

        Raises SignInNeeded when Canvas no longer takes the sign-in (401 that names how to sign
        in); ScopeNotGranted when the developer key lacks a scope; PlatformThrottled;
        PlatformError when there is no answer. Other refusals are given back.
        """
        url = address if "://" in address else f"{self._connection.base_url}{address}"
        if find_origin(url) != find_origin(self._connection.base_url):
            raise PlatformRefused("Canvas named an address on another host.")
        token = self._tokens.get(self._connection)
        reply = self._call(method, url, form, token)
        if _is_token_refused(reply):
            token = self._tokens.get(self._connection, refused=token)
            reply = self._call(method, url, form, token)
        if _is_token_refused(reply):
            self._connections.note(self._connection, "needs_sign_in", SIGN_IN_AGAIN)
            raise SignInNeeded(SIGN_IN_AGAIN)
        if reply.status in (401, 403) and b"insufficient scopes" in reply.body[:1_000].lower():
            raise ScopeNotGranted([address.partition("?")[0]])
        return reply

    def read(self, path: str, query: Form, what: str) -> Mapping[str, Any]:
        """One object. what: what was asked for, for the sentence. Raises PlatformError."""
        reply = self.get(path, query)
        check_reply(reply, what)
        found = reply.read_json()
        if not isinstance(found, Mapping):
            raise PlatformReplyInvalid(f"Canvas answered {what} oddly.")
        return found

    def read_pages(
        self,
        path: str,
        query: Form,
        what: str,
        *,
        pages: int = PAGES,
        seconds: float = LIST_SECONDS,
    ) -> Iterator[Mapping[str, Any]]:
        """The rows of a list, page by page.

        Raises PlatformError; PlatformReplyInvalid if it has more than `pages` or they repeat.
        """
        address: str | None = f"{path}?{urlencode([*query, ('per_page', str(PAGE))])}"
        seen: set[str] = set()
        deadline = time.monotonic() + seconds
        while address is not None:
            if address in seen or len(seen) >= pages:
                raise PlatformReplyInvalid(f"Canvas answered {what} with pages that do not end.")
            if time.monotonic() > deadline:
                raise PlatformUnavailable(f"Canvas took too long to answer {what}.")
            seen.add(address)
            reply = self.send("GET", address)
            check_reply(reply, what)
            rows = reply.read_json()
            if not isinstance(rows, list):
                raise PlatformReplyInvalid(f"Canvas answered {what} oddly.")
            yield from (row for row in rows if isinstance(row, Mapping))
            address = find_link(reply, "next")

    def _call(self, method: str, url: str, form: Form, token: str) -> Reply:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        if method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            return self._http.post(url, headers=headers, body=urlencode(form), pace=self._pace)
        return self._http.get(url, headers=headers, pace=self._pace)


def _is_token_refused(reply: Reply) -> bool:
    """Whether it is the token that Canvas refuses, and not what the person may do.

    Both may be 401; only the first says how to sign in.
    """
    lacks_scope = b"insufficient scopes" in reply.body[:1_000].lower()
    return reply.status == 401 and "WWW-Authenticate" in reply.headers and not lacks_scope
