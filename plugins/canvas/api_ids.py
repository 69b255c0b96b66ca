"""Canvas' numbers for people, courses and assignments, which its own API wants.

Launches tell them in custom fields; rosters that are asked about the course as a link do too.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from mentorai.core.api_ids import ApiIds
from mentorai.core.values import Launch, LineItem, Member, Platform

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

USER, COURSE, ASSIGNMENT = "user", "course", "assignment"
# Custom field -> Canvas' variable.
CUSTOM_FIELDS = {
    "canvas_user_id": "$Canvas.user.id",
    "canvas_course_id": "$Canvas.course.id",
    "canvas_assignment_id": "$Canvas.assignment.id",
}
CUSTOM_CLAIM = "https://purl.imsglobal.org/spec/lti/claim/custom"
_COURSE_URL = re.compile(r"/api/lti/courses/(\d+)/")


def note_launch(engine: "Engine", launch: Launch) -> None:
    """Keep the numbers that a launch told."""
    rooms, registration_id = engine.room(ApiIds), launch.registration_id
    user, course, assignment = (_read(launch.custom.get(name)) for name in CUSTOM_FIELDS)
    if user and launch.subject:
        rooms.note(registration_id, USER, {launch.subject: user})
    if course and launch.context:
        rooms.note(registration_id, COURSE, {launch.context.lms_id: course})
    # Canvas names a column only to a launch of its own assignment.
    column_url = launch.grade_service.line_item_url if launch.grade_service else None
    if course and assignment and column_url:
        rooms.note(registration_id, ASSIGNMENT, {_name(column_url): f"{course}/{assignment}"})


def find_assignment(
    engine: "Engine", platform: Platform, line_item: LineItem
) -> tuple[str, str] | None:
    """The numbers of a column's course and assignment, if a launch told them."""
    name = _name(line_item.url)
    found = engine.room(ApiIds).find(platform.registration_id, ASSIGNMENT, [name]).get(name, "")
    course, _, assignment = found.partition("/")
    return (course, assignment) if assignment else None


def find_users(engine: "Engine", platform: Platform, subjects: Iterable[str]) -> dict[str, str]:
    """The numbers of people by their ids of LTI, as far as they are known."""
    return engine.room(ApiIds).find(platform.registration_id, USER, subjects)


def find_course(engine: "Engine", platform: Platform, context_id: str) -> str | None:
    """The number of a course, if a launch or its roster told it."""
    return engine.room(ApiIds).find(platform.registration_id, COURSE, [context_id]).get(context_id)


def note_roster(engine: "Engine", platform: Platform, context_id: str, url: str) -> None:
    """Keep the number of a course that the address of its roster holds."""
    named = _COURSE_URL.search(url)
    if named:
        engine.room(ApiIds).note(platform.registration_id, COURSE, {context_id: named[1]})


def note_member(engine: "Engine", platform: Platform, member: Member) -> None:
    """Keep the number of a person that a roster told in the custom fields of their launch."""
    custom = (member.message or {}).get(CUSTOM_CLAIM)
    user = _read(custom.get("canvas_user_id")) if isinstance(custom, Mapping) else ""
    if user:
        engine.room(ApiIds).note(platform.registration_id, USER, {member.subject: user})


def _read(text: object) -> str:
    is_number = isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= 20
    return str(text) if is_number else ""


def _name(column_url: str) -> str:
    return hashlib.sha256(column_url.encode()).hexdigest()
