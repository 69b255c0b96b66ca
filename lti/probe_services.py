"""Can line items and a roster be read where the platform's launches said that they are?"""

from collections.abc import Iterator
from typing import Any

from mentorai.core.errors import PlatformError
from mentorai.core.offers import Offers
from mentorai.core.values import GradeService
from mentorai.lti import ags, nrps
from mentorai.lti.observations import Observation
from mentorai.lti.platform_http import check_reply
from mentorai.lti.registrations import Registration
from mentorai.lti.services import call
from mentorai.lti.tool import Tool


def probe_services(tool: Tool, registration: Registration, offers: Offers) -> Iterator[Observation]:
    """Read the first page of each. Nothing is written, and no name is shown."""
    if offers.grade_service is None:
        yield Observation("line items", "line_items_not_offered", "note")
    else:
        yield _probe_line_items(tool, registration, offers.grade_service)
    if offers.memberships_url is None:
        yield Observation("roster", "roster_not_offered", "note")
    else:
        yield _probe_roster(tool, registration, offers.memberships_url)


def _probe_line_items(tool: Tool, registration: Registration, service: GradeService) -> Observation:
    offered = service.scopes
    if offered and ags.SCORE_SCOPE not in offered:
        return Observation("line items", "scores_not_offered", "wrong")
    is_list = service.line_items_url is not None
    url = service.line_items_url or service.line_item_url or ""
    media_type = ags.LINE_ITEMS_TYPE if is_list else ags.LINE_ITEM_TYPE
    scope = ags.LINE_ITEM_READ_SCOPE if ags.LINE_ITEM_READ_SCOPE in offered else ags.LINE_ITEM_SCOPE
    try:
        found = _read(tool, registration, url, scope, media_type)
    except PlatformError as error:
        return Observation("line items", "line_items_refused", "wrong", {"reason": error})
    if is_list and not isinstance(found, list):
        return Observation("line items", "line_items_unreadable", "wrong")
    count = len(found) if isinstance(found, list) else 1
    return Observation("line items", "line_items_read", "well", {"count": count})


def _probe_roster(tool: Tool, registration: Registration, url: str) -> Observation:
    try:
        found = _read(tool, registration, url, nrps.SCOPE, nrps.MEDIA_TYPE)
    except PlatformError as error:
        return Observation("roster", "roster_refused", "wrong", {"reason": error})
    members = found.get("members") if isinstance(found, dict) else None
    if not isinstance(members, list):
        return Observation("roster", "roster_unreadable", "wrong")
    return Observation("roster", "roster_read", "well", {"count": len(members)})


def _read(tool: Tool, registration: Registration, url: str, scope: str, media_type: str) -> Any:
    reply = call(tool, registration, url, [scope], accept=media_type)
    check_reply(reply, "a request for a list")
    return reply.read_json()
