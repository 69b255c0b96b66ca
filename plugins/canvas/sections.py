"""Who is in which section of a course, by Canvas' own API.

The roster itself is LTI's, so that nobody is known here whom the tool is not to know, by no name
that is withheld. Asked about the course as a link, it tells Canvas' numbers of its people.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mentorai.core.api_ids import ApiIds
from mentorai.core.errors import NotFound, PlatformRefused
from mentorai.core.values import Context, CourseSection, Member, Platform, Role, RosterEnd
from mentorai.lti import nrps
from mentorai.lti.registrations import Registration
from mentorai.lti.tool import Tool
from mentorai.plugins.canvas.api_client import CanvasApi
from mentorai.plugins.canvas.api_ids import USER, find_course, note_member, note_roster

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

# What Canvas gives at once, whatever is asked for.
PAGE = 50
NAME_LENGTH = 255


def list_members(
    engine: "Engine", platform: Platform, memberships_url: str, context: Context
) -> Iterator[Member | RosterEnd] | None:
    """The roster by NRPS; None if Canvas' own API is not connected, and numbers of no use."""
    if CanvasApi.find(engine, platform) is None:
        return None
    tool = engine.room(Tool)
    try:
        registration = tool.registrations.get(platform.organization_id, platform.registration_id)
    except NotFound:
        return None
    note_roster(engine, platform, context.lms_id, memberships_url)
    return _read_members(engine, registration, platform, memberships_url, context)


def _read_members(
    engine: "Engine",
    registration: Registration,
    platform: Platform,
    url: str,
    context: Context,
) -> Iterator[Member | RosterEnd]:
    tool, has_begun = engine.room(Tool), False
    try:
        rows = nrps.list_members(
            tool,
            registration,
            url,
            context_id=context.lms_id,
            resource_link_id=context.lms_id,
            limit=PAGE,
        )
        for row in rows:
            has_begun = True
            if isinstance(row, Member):
                note_member(engine, platform, row)
            yield row
    except PlatformRefused:
        if has_begun:
            raise
        # A course that is not a link of this tool has a roster all the same.
        yield from nrps.list_members(tool, registration, url, context_id=context.lms_id, limit=PAGE)


def list_sections(
    engine: "Engine", platform: Platform, context: Context
) -> Iterator[Member | CourseSection] | None:
    """The sections, and who is in which; None without the API or the number of the course."""
    api = CanvasApi.find(engine, platform)
    course = find_course(engine, platform, context.lms_id) if api else None
    return _read_sections(engine, platform, api, course) if api and course else None


def _read_sections(
    engine: "Engine", platform: Platform, api: CanvasApi, course: str
) -> Iterator[Member | CourseSection]:
    path = f"/api/v1/courses/{course}"
    for row in api.read_pages(f"{path}/sections", (), "a request for sections"):
        if "id" in row:
            name = " ".join(str(row.get("name") or row["id"])[:NAME_LENGTH].split())
            yield CourseSection(str(row["id"]), name)
    mine: dict[str, list[str]] = {}
    active = [("state[]", "active"), ("state[]", "invited")]
    for row in api.read_pages(f"{path}/enrollments", active, "a request for enrolments"):
        if "user_id" in row and "course_section_id" in row:
            mine.setdefault(str(row["user_id"]), []).append(str(row["course_section_id"]))
    known = engine.room(ApiIds).find_lti_ids(platform.registration_id, USER, mine)
    for user, subject in known.items():
        yield Member(subject, Role.OTHER, section_ids=tuple(dict.fromkeys(mine[user])))
