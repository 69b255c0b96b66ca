"""Blackboard's REST API: a call, the pages of a list, and what refusals mean."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from mentorai.core.connections import Connections
from mentorai.core.errors import PlatformRefused, PlatformReplyInvalid, PlatformThrottled
from mentorai.core.values import Bucket, Connection, Platform
from mentorai.lti.paces import Pace
from mentorai.lti.platform_http import Reply, check_reply
from mentorai.lti.tool import Tool
from mentorai.plugins.blackboard.rest_tokens import KIND, BlackboardTokens

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

API = "/learn/api/public"
# The most that Learn gives on one page; each page is a call of the quota.
PAGE = 100
PAGES = 1_000
# A number of calls a day, which all schools of one application share; each answer says how many
# are left of how many. Source: Blackboard's developer portal, rate limits.
QUOTA = 10_000
BUCKET = Bucket(
    high_water=QUOTA,
    leak_per_second=QUOTA / 86_400,
    remaining_header="X-Rate-Limit-Remaining",
    limit_header="X-Rate-Limit-Limit",
)
# The share of the quota that is kept for what cannot wait.
RESERVE = 0.1
ALMOST_USED = (
    "The calls that Blackboard allows this application a day are used up, or almost used up."
)
USED = "Blackboard takes no more calls of this application for now."
NOT_CONNECTED = "This column is reached by Learn's REST API, which is not connected any more."
ENTITLEMENTS_SCREEN = (
    "Administrator Panel, Users, System Roles: the role of the integration's user, Privileges"
)


class RestRefused(PlatformRefused):
    """Blackboard's REST API refused a call. status: of its answer."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class BlackboardRest:
    """One Learn's REST API, by one connection."""

    def __init__(self, engine: "Engine", connection: Connection) -> None:
        self.base_url = connection.base_url.rstrip("/")
        self._connection = connection
        self._tokens = engine.room(BlackboardTokens)
        tool = engine.room(Tool)
        self._http = tool.http
        self._pace = tool.pace_of_api(connection, connection.account, BUCKET)

    def get(
        self, path: str, query: Mapping[str, object] | None = None, *, needs: str, can_wait: bool
    ) -> Any:
        """What is at a path of the API.

        needs: the entitlement that it takes, for the sentence. can_wait: whether it is to stop
        while the quota is almost used up. Raises RestRefused; PlatformError of every kind.
        """
        url = f"{API}{path}?{urlencode(query)}" if query else f"{API}{path}"
        return self._call("GET", url, needs=needs, can_wait=can_wait)

    def send(self, method: str, path: str, body: Mapping[str, object], *, needs: str) -> Any:
        """POST or PATCH a body, quota or not; what comes back. Raises as `get`."""
        return self._call(method, f"{API}{path}", body=body, needs=needs, can_wait=False)

    def list(
        self, path: str, query: Mapping[str, object], *, needs: str
    ) -> Iterator[Mapping[str, Any]]:
        """The rows of a list, page by page; each page can wait. Raises, while read, as `get`."""
        url = f"{API}{path}?{urlencode({**query, 'limit': PAGE})}"
        seen: set[str] = set()
        while url:
            if url in seen or len(seen) >= PAGES:
                raise PlatformReplyInvalid("Learn sent pages that do not end.")
            seen.add(url)
            page = self._call("GET", url, needs=needs, can_wait=True)
            rows = page.get("results") if isinstance(page, dict) else None
            if not isinstance(rows, list):
                raise PlatformReplyInvalid("Learn sent a list that cannot be read.")
            yield from (row for row in rows if isinstance(row, dict))
            url = _next_page(page)

    def _call(
        self,
        method: str,
        url: str,
        *,
        needs: str,
        can_wait: bool,
        body: Mapping[str, object] | None = None,
    ) -> Any:
        pace = replace(self._pace, reserve=RESERVE) if can_wait else self._pace
        say = partial(self._say, method, url, body, pace)
        token = self._tokens.get(self._connection)
        try:
            reply = say(token)
            if reply.status == 401:
                reply = say(self._tokens.get(self._connection, refused=token))
        except PlatformThrottled as error:
            sentence = ALMOST_USED if can_wait else USED
            seconds = error.retry_after_seconds
            raise PlatformThrottled(sentence, retry_after_seconds=seconds) from error
        _check(reply, needs)
        return reply.read_json() if reply.body else None

    def _say(
        self, method: str, url: str, body: Mapping[str, object] | None, pace: Pace, token: str
    ) -> Reply:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        headers |= {"Content-Type": "application/json"} if body is not None else {}
        text = "" if body is None else json.dumps(body, allow_nan=False)
        target = f"{self.base_url}{url}"
        if method == "POST":
            return self._http.post(target, headers=headers, body=text, pace=pace)
        return self._http.repeat(method, target, headers=headers, body=text, pace=pace)


def find_rest(engine: "Engine", platform: Platform) -> BlackboardRest | None:
    """The REST API of a platform that campus IT connected and that is of use; or None."""
    where = (platform.organization_id, platform.registration_id)
    found = engine.room(Connections).find(*where, KIND)
    return BlackboardRest(engine, found) if found and found.state == "ready" else None


def get_rest(engine: "Engine", platform: Platform) -> BlackboardRest:
    """The same for what cannot do without. Raises PlatformRefused."""
    found = find_rest(engine, platform)
    if found is None:
        raise PlatformRefused(NOT_CONNECTED)
    return found


def course_path(context_id: str) -> str:
    """How the API names a course by the context id of launches; other ids stand for themselves."""
    name = context_id if context_id.startswith("_") else f"uuid:{context_id}"
    return f"/courses/{quote(name, safe=':_')}"


def user_path(subject: str) -> str:
    """How the API names a person by the `sub` of launches."""
    return f"/users/{quote(f'uuid:{subject}', safe=':_')}"


def _next_page(page: Mapping[str, Any]) -> str:
    """The path of the next page: relative, and never to another place than the API."""
    paging = page.get("paging")
    found = paging.get("nextPage") if isinstance(paging, dict) else None
    if not found:
        return ""
    if not isinstance(found, str) or not found.startswith(f"{API}/"):
        raise PlatformReplyInvalid("Learn named a next page that is none of its API.")
    return found


def _check(reply: Reply, needs: str) -> None:
    if reply.status == 403:
        raise RestRefused(
            f"Learn did not allow this: the integration's user lacks {needs}. "
            f"{ENTITLEMENTS_SCREEN}.",
            403,
        )
    if reply.status in (400, 404, 409):
        raise RestRefused(f"Learn answered {reply.status}.", reply.status)
    check_reply(reply, "a call of its REST API")
