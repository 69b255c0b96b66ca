"""Launches, grades and rosters of any LMS that speaks LTI 1.3 and Advantage, as they stand.

Registered first and so asked last: a plugin for one family of LMS goes before it.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mentorai.core import hookimpl
from mentorai.core.errors import NotFound
from mentorai.core.launch_facts import GroupService
from mentorai.core.values import (
    Context,
    GradePlace,
    Group,
    LineItem,
    Member,
    Platform,
    Receipt,
    Result,
    RosterEnd,
    Score,
    Session,
    SetupGuide,
)
from mentorai.plugins.lti_launch.guide import FAMILY, GUIDE, write_document

if TYPE_CHECKING:
    from mentorai.core.engine import Engine
    from mentorai.lti.course_services import CourseServices


@hookimpl
def recognise_platform(family_code: str) -> str:
    """What the platform calls itself, else plain `lti`."""
    name = family_code.strip().lower()
    return name if name.isascii() and name.isprintable() and name else FAMILY


@hookimpl
def setup_guide() -> SetupGuide:
    """The steps for an LMS of which no plugin knows more."""
    return GUIDE


@hookimpl
def registration_document(platform: str, tool: dict[str, Any]) -> dict[str, Any] | None:
    """Our values for an LMS of which no plugin knows more."""
    return write_document(tool) if platform == FAMILY else None


@hookimpl
def find_line_item(engine: "Engine", place: GradePlace) -> LineItem | None:
    """The column that the launch named, or one found or made by AGS."""
    services = _find(engine, place.platform)
    return services.find_line_item(place) if services else None


@hookimpl
def push_score(
    engine: "Engine", platform: Platform, line_item: LineItem, score: Score
) -> Receipt | None:
    """Bring the score by AGS."""
    services = _find(engine, platform)
    return services.push_score(line_item, score) if services else None


@hookimpl
def read_results(
    engine: "Engine", platform: Platform, line_item: LineItem
) -> Sequence[Result] | None:
    """Read the gradebook by AGS."""
    services = _find(engine, platform)
    return services.read_results(line_item) if services else None


@hookimpl
def list_members(
    engine: "Engine", platform: Platform, memberships_url: str, context: Context
) -> Iterator[Member | RosterEnd] | None:
    """Read the roster by NRPS, where the platform offered it."""
    services = _find(engine, platform) if memberships_url else None
    return services.list_members(memberships_url, context) if services else None


@hookimpl
def list_groups(
    engine: "Engine", platform: Platform, service: GroupService
) -> Iterator[Group] | None:
    """Read the groups by the course groups service."""
    services = _find(engine, platform)
    return services.list_groups(service) if services else None


@hookimpl
def frame_ancestors(engine: "Engine", session: Session) -> Sequence[str]:
    """The origins of the platform that the session came from, as registered and as launched."""
    from mentorai.lti.origins import find_origin
    from mentorai.lti.tool import Tool

    if session.registration_id is None:
        return ()
    tool = engine.room(Tool)
    try:
        known = tool.registrations.get(session.organization_id, session.registration_id).framers
    except NotFound:
        return ()
    # Many schools share one issuer, and each frames us from a host of its own: the launch that
    # the platform signed says which.
    launched = find_origin(session.return_url)
    return (*known, launched) if launched else known


@hookimpl
def web_routes(engine: "Engine") -> Any:
    """The addresses under /lti/."""
    from mentorai.plugins.lti_launch.routes import make_routes

    return make_routes(engine)


def _find(engine: "Engine", platform: Platform) -> "CourseServices | None":
    from mentorai.lti.course_services import CourseServices

    return CourseServices.find(engine, platform)
