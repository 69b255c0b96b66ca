"""Rosters of Lyceum, which lists whoever has two roles twice."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mentorai.core.values import Context, Member, Platform, RosterEnd
from mentorai.lti.course_services import CourseServices

if TYPE_CHECKING:
    from mentorai.core.engine import Engine


def read(
    engine: "Engine", platform: Platform, memberships_url: str, context: Context
) -> Iterator[Member | RosterEnd] | None:
    """The members of a context, each once; None if the platform is not registered any more.

    Only the ids are remembered, so that a course of thousands is read page by page.
    """
    services = CourseServices.find(engine, platform)
    return _once(services.list_members(memberships_url, context)) if services else None


def _once(members: Iterator[Member | RosterEnd]) -> Iterator[Member | RosterEnd]:
    seen: set[str] = set()
    for each in members:
        if isinstance(each, Member):
            if each.subject in seen:
                continue
            seen.add(each.subject)
        yield each
