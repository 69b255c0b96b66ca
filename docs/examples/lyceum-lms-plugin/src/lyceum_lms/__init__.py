"""Lyceum, an LMS: what it does in its own way, and how the tool is registered there."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from lyceum_lms.profile import FAMILY, PROFILE
from mentorai.core import hookimpl
from mentorai.core.values import (
    Context,
    Launch,
    LineItem,
    Member,
    Platform,
    PlatformProfile,
    Receipt,
    RosterEnd,
    Score,
    Session,
)

if TYPE_CHECKING:
    from mentorai.core.engine import Engine


@hookimpl
def platform_profile() -> PlatformProfile:
    """What is special about Lyceum, as data."""
    return PROFILE


@hookimpl
def recognise_platform(family_code: str) -> str | None:
    """Known by what it calls itself; each school has an address of its own."""
    return FAMILY if family_code.strip().lower() == "lyceum-lms" else None


@hookimpl
def refine_launch(platform: Platform, launch: Launch) -> Launch | None:
    """Its own spelling of languages, and its preview of a course."""
    if platform.family != FAMILY:
        return None
    from lyceum_lms.launches import mend

    return mend(launch)


@hookimpl
def registration_document(platform: str, tool: dict[str, Any]) -> dict[str, Any] | None:
    """The fields of its form "New LTI tool"."""
    if platform != FAMILY:
        return None
    from lyceum_lms.registration import write_form

    return write_form(tool)


@hookimpl
def push_score(
    engine: "Engine", platform: Platform, line_item: LineItem, score: Score
) -> Receipt | None:
    """By AGS, with what Lyceum wants besides, and its refusals understood."""
    if platform.family != FAMILY:
        return None
    from lyceum_lms.grades import push

    return push(engine, platform, line_item, score)


@hookimpl
def list_members(
    engine: "Engine", platform: Platform, memberships_url: str, context: Context
) -> Iterator[Member | RosterEnd] | None:
    """By NRPS, without the people that Lyceum lists twice."""
    if platform.family != FAMILY or not memberships_url:
        return None
    from lyceum_lms.rosters import read

    return read(engine, platform, memberships_url, context)


@hookimpl
def frame_ancestors(session: Session) -> Sequence[str]:
    """Lyceum shows courses in the frame of its portal too."""
    return ["https://portal.lyceum-lms.com"] if session.registration_id else []


@hookimpl
def web_routes(engine: "Engine") -> Any:
    """A page for campus IT under /lyceum/."""
    from lyceum_lms.routes import make_routes

    return make_routes(engine)


@hookimpl
def commands() -> Sequence[Any]:
    """`mentorai lyceum`."""
    from lyceum_lms.command_line import lyceum

    return [lyceum]
