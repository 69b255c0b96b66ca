"""Can line items and a roster be read where the platform's launches said that they are?"""

from collections.abc import Iterator, Set
from typing import Any

from mentorai.core.errors import PlatformError, PlatformThrottled
from mentorai.core.offers import Offers
from mentorai.core.values import GradeService
from mentorai.lti import ags, nrps
from mentorai.lti.observations import Observation
from mentorai.lti.platform_http import check_reply
from mentorai.lti.registrations import Registration
from mentorai.lti.services import call
from mentorai.lti.tool import Tool


def probe_services(
    tool: Tool, registration: Registration, offers: Offers, granted: frozenset[str]
) -> Iterator[Observation]:
    """Read the first page of each. Nothing is written, and no name is shown.

    granted: scopes for which there are tokens. One token serves for both, for some platforms count
    a token dearly.
    """
    scopes = {_find_line_item_scope(offers.grade_service), nrps.SCOPE} & granted
    if offers.grade_service is None:
        yield Observation("line items", "line_items_not_offered", "note")
    else:
        yield _probe_line_items(tool, registration, offers.grade_service, scopes)
    if offers.memberships_url is None:
        yield Observation("roster", "roster_not_offered", "note")
    else:
        yield _probe_roster(tool, registration, offers.memberships_url, scopes)


def _find_line_item_scope(service: GradeService | None) -> str:
    offered = service.scopes if service else ()
    return ags.LINE_ITEM_READ_SCOPE if ags.LINE_ITEM_READ_SCOPE in offered else ags.LINE_ITEM_SCOPE


def _probe_line_items(
    tool: Tool, registration: Registration, service: GradeService, scopes: Set[str]
) -> Observation:
    if service.scopes and ags.SCORE_SCOPE not in service.scopes:
        return Observation("line items", "scores_not_offered", "wrong")
    is_list = service.line_items_url is not None
    url = service.line_items_url or service.line_item_url or ""
    media_type = ags.LINE_ITEMS_TYPE if is_list else ags.LINE_ITEM_TYPE
    scope = _find_line_item_scope(service)
    try:
        found = _read(tool, registration, url, scopes | {scope}, media_type)
    except PlatformThrottled:
        return Observation("line items", "calls_throttled", "note")
    except PlatformError as error:
        return Observation("line items", "line_items_refused", "wrong", {"reason": error})
    if is_list and not isinstance(found, list):
        return Observation("line items", "line_items_unreadable", "wrong")
    count = len(found) if isinstance(found, list) else 1
    return Observation("line items", "line_items_read", "well", {"count": count})


def _probe_roster(
    tool: Tool, registration: Registration, url: str, scopes: Set[str]
) -> Observation:
    try:
        found = _read(tool, registration, url, scopes | {nrps.SCOPE}, nrps.MEDIA_TYPE)
    except PlatformThrottled:
        return Observation("roster", "calls_throttled", "note")
    except PlatformError as error:
        return Observation("roster", "roster_refused", "wrong", {"reason": error})
    members = found.get("members") if isinstance(found, dict) else None
    if not isinstance(members, list):
        return Observation("roster", "roster_unreadable", "wrong")
    return Observation("roster", "roster_read", "well", {"count": len(members)})


def _read(
    tool: Tool, registration: Registration, url: str, scopes: Set[str], media_type: str
) -> Any:
    reply = call(tool, registration, url, sorted(scopes), accept=media_type)
    check_reply(reply, "a request for a list")
    return reply.read_json()
