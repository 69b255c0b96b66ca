"""Content selection: what the tool's picker sends back becomes items of a course.

Source: LTI Deep Linking 2.0, sections 4.5 (response message) and 3.2 (content items).
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from mentorai.core.identifiers import new_id
from mentorai.plugins.sandbox.oidc import CLAIM, DEEP_LINK, Form, Launches
from mentorai.plugins.sandbox.platform import SandboxPlatform, put_column
from mentorai.plugins.sandbox.school import Course, Item, Person
from mentorai.plugins.sandbox.tokens import Rejected, ToolKeys, check_times
from mentorai.plugins.sandbox.wire import Refused, check_text

RESPONSE = "LtiDeepLinkingResponse"
MOST_ITEMS = 50
MODULE = "Added from the tool"


@dataclass(frozen=True, slots=True)
class Selection:
    """A content selection under way. data: what the tool must give back unchanged."""

    person: Person
    course: Course
    data: str


@dataclass(frozen=True, slots=True)
class Selected:
    """What came of a selection. message: what the tool wants the person to read."""

    selection: Selection
    items: Sequence[Item]
    message: str = ""
    error: str = ""


class DeepLinks:
    """The content selections of one platform; each is answered once."""

    def __init__(self, platform: SandboxPlatform, launches: Launches, tool_keys: ToolKeys) -> None:
        self._platform = platform
        self._launches = launches
        self._tool_keys = tool_keys
        self._lock = Lock()
        self._open: dict[str, Selection] = {}
        self._nonces: set[str] = set()

    def begin(self, person: Person, course: Course) -> Form:
        """The login initiation that opens the tool's picker."""
        ticket = secrets.token_urlsafe(18)
        selection = Selection(person, course, data=f"sandbox:{secrets.token_urlsafe(9)}")
        with self._lock:
            self._open[ticket] = selection
        return_url = f"{self._platform.options.base_url}/lti/deep-links/{ticket}"
        return self._launches.begin(person, course, None, return_url, selection.data)

    def finish(self, ticket: str, token: str) -> Selected:
        """Take the tool's answer and make its items.

        Raises Refused: 404 for a selection that is unknown or over, 400 for an answer that is not
        right; a wrong answer leaves the selection open and makes nothing.
        """
        selection = self._open.get(ticket)
        if selection is None:
            raise Refused(404, "This selection is over. Begin again from the course.")
        try:
            claims = self._check(token, selection)
            items = [self._read_item(i) for i in _read_items(claims)]
        except Rejected as error:
            raise Refused(400, f"The tool's answer was not accepted. {error}") from error
        with self._lock:
            if self._open.pop(ticket, None) is None:
                raise Refused(404, "This selection is over. Begin again from the course.")
            self._nonces.add(claims["nonce"])
        for item in items:
            self._platform.add_item(selection.course, item)
            if item.points is not None:
                put_column(self._platform.shelf, selection.course, item, new_id())
        said = [str(claims.get(f"{DEEP_LINK}/{name}", "")) for name in ("msg", "errormsg")]
        return Selected(selection, items, *said)

    def _check(self, token: str, selection: Selection) -> dict[str, Any]:
        options = self._platform.options
        claims = self._tool_keys.check(token)
        try:
            check_text(claims)
        except ValueError as error:
            raise Rejected("A text in it is not valid Unicode.") from error
        check_times(claims, self._platform.now())
        audience = claims.get("aud")
        expected = {
            "iss": options.client_id,
            f"{CLAIM}/message_type": RESPONSE,
            f"{CLAIM}/version": "1.3.0",
            f"{CLAIM}/deployment_id": options.deployment_id,
            f"{DEEP_LINK}/data": selection.data,
        }
        for name, value in expected.items():
            if claims.get(name) != value:
                raise Rejected(f"{name} is not what it must be.")
        if options.base_url not in (audience if isinstance(audience, list) else [audience]):
            raise Rejected("aud must be this platform's issuer.")
        nonce = claims.get("nonce")
        if not isinstance(nonce, str) or not nonce or nonce in self._nonces:
            raise Rejected("nonce is missing or was used before.")
        return claims

    def _read_item(self, given: Mapping[str, Any]) -> Item:
        url = given.get("url", "")
        if url and not self._is_of_tool(url):
            raise Rejected("A link's url is not on the tool's own origin.")
        custom = given.get("custom", {})
        if not isinstance(custom, dict) or not all(isinstance(v, str) for v in custom.values()):
            raise Rejected("custom must map names to texts.")
        points, resource_id, tag = _read_column(given.get("lineItem"))
        return Item(
            id=secrets.token_urlsafe(9),
            module=MODULE,
            title=_read_text(given, "title", 200) or "Untitled",
            about=_read_text(given, "text", 2000),
            url=url,
            custom=custom,
            points=points,
            resource_id=resource_id,
            tag=tag,
            added=True,
        )

    def _is_of_tool(self, url: object) -> bool:
        if not isinstance(url, str):
            return False
        return url.startswith(f"{self._platform.options.tool_origin}/") and url.isprintable()


def _read_items(claims: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    items = claims.get(f"{DEEP_LINK}/content_items", [])
    if not isinstance(items, list) or len(items) > MOST_ITEMS:
        raise Rejected(f"content_items must be a list of at most {MOST_ITEMS}.")
    for item in items:
        if not isinstance(item, dict) or item.get("type") != "ltiResourceLink":
            raise Rejected("Only items of type ltiResourceLink are accepted.")
    return items


def _read_text(given: Mapping[str, Any], name: str, longest: int) -> str:
    text = given.get(name, "")
    if not isinstance(text, str) or len(text) > longest:
        raise Rejected(f"{name} must be text of at most {longest} characters.")
    return text.strip()


def _read_column(given: object) -> tuple[float | None, str, str]:
    """Points, resource id and tag of an item's line item; no points when it has none."""
    if given is None:
        return None, "", ""
    if not isinstance(given, dict):
        raise Rejected("lineItem must be an object.")
    points = given.get("scoreMaximum")
    if not isinstance(points, int | float) or isinstance(points, bool) or not 0 < points < 1e6:
        raise Rejected("lineItem.scoreMaximum must be a number above zero.")
    return float(points), _read_text(given, "resourceId", 500), _read_text(given, "tag", 500)
