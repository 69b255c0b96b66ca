"""Content selection: what the tool's picker sends back becomes items of a course.

Source: LTI Deep Linking 2.0, section 4.5 (response message).
"""

import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from threading import Lock
from typing import Any

import requests

from mentorai.core.identifiers import new_id
from mentorai.plugins.sandbox.fetched_files import fetch_file
from mentorai.plugins.sandbox.oidc import CLAIM, DEEP_LINK, Form, Launches, add_session
from mentorai.plugins.sandbox.platform import SandboxPlatform, put_column
from mentorai.plugins.sandbox.school import Course, Item, Person
from mentorai.plugins.sandbox.selected_items import check_filled, read_item
from mentorai.plugins.sandbox.tokens import Rejected, ToolKeys, check_times
from mentorai.plugins.sandbox.wants import KINDS, Wants
from mentorai.plugins.sandbox.wire import Refused, check_text

RESPONSE = "LtiDeepLinkingResponse"
MOST_ITEMS = 50
OPEN_TIMEOUT_SECONDS = 5
SAID = ("msg", "errormsg", "log", "errorlog")


@dataclass(frozen=True, slots=True)
class Selection:
    """A content selection under way. data: what the tool must give back; None: nothing."""

    person: Person
    course: Course
    data: str | None
    wants: Wants


@dataclass(frozen=True, slots=True)
class Selected:
    """What came of a selection. said: msg and errormsg for the person, log and errorlog."""

    selection: Selection
    items: Sequence[Item]
    said: Mapping[str, str]


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
        ticket, wants = secrets.token_urlsafe(18), self._platform.wants
        # Quotes, brackets and letters beyond ASCII must come back as they went.
        data = f'sandbox: <"{secrets.token_urlsafe(9)}" & ünïcödé>' if wants.sends_data else None
        with self._lock:
            self._open[ticket] = Selection(person, course, data, wants)
        return_url = f"{self._platform.options.base_url}/lti/deep-links/{ticket}"
        selection = wants.as_claim(add_session(self._platform, return_url), data)
        return self._launches.begin(person, course, None, return_url, selection)

    def finish(self, ticket: str, token: str) -> Selected:
        """Take the tool's answer and make its items.

        Raises Refused: 404 for a selection that is unknown or over, 400 for an answer that is not
        right; a wrong answer leaves the selection open and makes nothing.
        """
        selection = self._open.get(ticket)
        if selection is None:
            raise Refused(404, "This selection is over. Begin again from the course.")
        traits = self._platform.personality.selections
        try:
            # What is no token at all is not even looked at by some LMSs.
            is_nothing = traits.forgives and token and token.count(".") != 2
            claims = {} if is_nothing else self._check(token, selection)
            said = _read_said(claims)
            read = self._read_items(claims, selection.wants)
            items = [fetch_file(self._platform, item) for item in read]
        except Rejected as error:
            raise Refused(400, f"The tool's answer was not accepted. {error}") from error
        with self._lock:
            if self._open.pop(ticket, None) is None:
                raise Refused(404, "This selection is over. Begin again from the course.")
            self._nonces.add(str(claims.get("nonce")))
        for item in items:
            self._add(selection.course, item)
        self._note(selection, items, said)
        return Selected(selection, items, said)

    def _add(self, course: Course, item: Item) -> None:
        self._platform.add_item(course, item)
        if item.points is not None:
            put_column(self._platform.shelf, course, item, new_id())
        if self._platform.personality.selections.opens and item.is_link and item.url:
            with suppress(requests.RequestException):
                requests.get(item.url, timeout=OPEN_TIMEOUT_SECONDS)

    def _note(self, selection: Selection, items: Sequence[Item], said: Mapping[str, str]) -> None:
        facts = {"course": selection.course.id, "person": selection.person.id}
        kept = [asdict(item) for item in items]
        self._platform.shelf.put("selection", new_id(), facts | {"items": kept, "said": dict(said)})

    def _check(self, token: str, selection: Selection) -> dict[str, Any]:
        options = self._platform.options
        unchecked = self._platform.personality.selections.unchecked
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
            f"{CLAIM}/deployment_id": self._platform.deployment_id,
        }
        for name, value in expected.items():
            if name.rpartition("/")[2] in unchecked:
                continue
            if claims.get(name) != value:
                raise Rejected(f"{name} is not what it must be.")
        _check_data(claims, selection.data)
        named = audience if isinstance(audience, list) else [audience]
        if options.issuer not in named and "aud" not in unchecked:
            raise Rejected("aud must be this platform's issuer.")
        nonce = claims.get("nonce")
        if "nonce" in unchecked:
            return claims
        if not isinstance(nonce, str) or not nonce or nonce in self._nonces:
            raise Rejected("nonce is missing or was used before.")
        return claims

    def _read_items(self, claims: Mapping[str, Any], wants: Wants) -> Sequence[Item]:
        items = claims.get(f"{DEEP_LINK}/content_items", [])
        if not isinstance(items, list) or len(items) > MOST_ITEMS:
            raise Rejected(f"content_items must be a list of at most {MOST_ITEMS}.")
        if len(items) > 1 and not wants.accept_multiple:
            raise Rejected("One item at most was asked for.")
        if not all(isinstance(item, dict) for item in items):
            raise Rejected("content_items must hold objects.")
        traits = self._platform.personality.selections
        if traits.any_kind:
            wants = replace(wants, accept_types=KINDS)
        read = [read_item(item, wants, self._platform.options.tool_origin) for item in items]
        gone: dict[str, Any] = {name: {} for name in traits.ignores}
        return [replace(item, **gone) for item in read]


def _check_data(claims: Mapping[str, Any], data: str | None) -> None:
    name = f"{DEEP_LINK}/data"
    if data is None and name in claims:
        raise Rejected("data was not sent, and so must not come back.")
    if claims.get(name) != data:
        raise Rejected("data is not what was sent.")


def _read_said(claims: Mapping[str, Any]) -> dict[str, str]:
    said = {name: claims[f"{DEEP_LINK}/{name}"] for name in SAID if f"{DEEP_LINK}/{name}" in claims}
    for name, text in said.items():
        check_filled(text, name)
        if not isinstance(text, str):
            raise Rejected(f"{name} must be text.")
    return said
