"""The people and sections of a Blackboard course by REST.

Where courses are merged, each was a course of its own that its people still belong to: the
`childCourseId` of a membership is its section.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from mentorai.core.errors import PersonNotInCourse
from mentorai.core.values import Context, CourseSection, Member, Role
from mentorai.plugins.blackboard.rest_client import (
    BlackboardRest,
    RestRefused,
    course_path,
    user_path,
)

VIEW_USERS = "course.user.VIEW"
VIEW_COURSE = "course.VIEW"
# Nothing of a person that is not kept.
FIELDS = (
    "userId,childCourseId,courseRoleId,availability.available,"
    "user.uuid,user.userName,user.name.given,user.name.family,user.contact.email"
)
# The student that a teacher is while they preview a course: one like any other, but for this.
PREVIEW = "_previewuser"
NAME_LENGTH = 500
ROLES: Mapping[str, Role] = {
    "Instructor": Role.INSTRUCTOR,
    "TeachingAssistant": Role.ASSISTANT,
    "Grader": Role.ASSISTANT,
    "CourseBuilder": Role.ASSISTANT,
    "Student": Role.LEARNER,
}


def list_people(rest: BlackboardRest, context: Context) -> Iterator[Member | CourseSection]:
    """Everybody who is enrolled, with their sections, but for preview users.

    Raises, while read, PlatformError.
    """
    named: set[str] = set()
    for row in list_memberships(rest, course_path(context.lms_id)):
        section = read_text(row, "childCourseId")
        if section and section not in named:
            named.add(section)
            yield CourseSection(section, _find_name(rest, section))
        member = _read_member(row, section)
        if member is not None:
            yield member


def list_memberships(rest: BlackboardRest, course: str) -> Iterator[Mapping[str, Any]]:
    """The memberships of a course as Learn has them, with their users."""
    query = {"expand": "user", "fields": FIELDS}
    return rest.list(f"/v1{course}/users", query, needs=VIEW_USERS)


def find_role(rest: BlackboardRest, course: str, subject: str) -> Role:
    """What one person is in a course: one call, and not the whole list.

    Raises PersonNotInCourse; PlatformError.
    """
    query = {"fields": "courseRoleId,availability.available"}
    try:
        row = rest.get(f"/v1{course}{user_path(subject)}", query, needs=VIEW_USERS, can_wait=False)
    except RestRefused as error:
        if error.status == 404:
            raise PersonNotInCourse() from error
        raise
    return ROLES.get(read_text(row, "courseRoleId"), Role.OTHER)


def read_text(row: object, *names: str) -> str:
    """The text at a path of names, in one line; empty if there is none."""
    for name in names:
        row = row.get(name) if isinstance(row, dict) else None
    if not isinstance(row, str):
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in row[:NAME_LENGTH]).split())


def _read_member(row: Mapping[str, Any], section: str) -> Member | None:
    subject = read_text(row, "user", "uuid")
    is_preview = read_text(row, "user", "userName").lower().endswith(PREVIEW)
    if not subject or len(subject) > 255 or is_preview:
        return None
    given, family = (read_text(row, "user", "name", part) for part in ("given", "family"))
    return Member(
        subject=subject,
        role=ROLES.get(read_text(row, "courseRoleId"), Role.OTHER),
        active=read_text(row, "availability", "available") != "No",
        name=" ".join(filter(None, (given, family))) or None,
        email=read_text(row, "user", "contact", "email") or None,
        section_ids=(section,) if section else (),
    )


def _find_name(rest: BlackboardRest, course_id: str) -> str:
    """What a section is called; its id if Learn does not say."""
    try:
        found = rest.get(
            f"/v3{course_path(course_id)}",
            {"fields": "courseId,name"},
            needs=VIEW_COURSE,
            can_wait=True,
        )
    except RestRefused:
        return course_id
    return read_text(found, "name") or read_text(found, "courseId") or course_id
