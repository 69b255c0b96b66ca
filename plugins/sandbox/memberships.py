"""Who is in a course and how that changed: what the control page alters while it runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mentorai.core.errors import InputRejected
from mentorai.plugins.sandbox.platform import SandboxPlatform, people_of
from mentorai.plugins.sandbox.school import PEOPLE, Course, Person

Status = Literal["Active", "Inactive", "Deleted"]
STATUSES: Sequence[Status] = ("Active", "Inactive", "Deleted")


@dataclass(frozen=True, slots=True)
class Membership:
    """One person in one course. changed: the number of the last change of it, 0 from the start."""

    person: Person
    status: Status
    changed: int = 0


def list_memberships(platform: SandboxPlatform, course: Course) -> Sequence[Membership]:
    """Everybody who is or was in a course, those who were taken out too."""
    altered = {
        r["person"]: r for r in platform.shelf.list("membership") if r["course"] == course.id
    }
    first: dict[str, Status] = {
        person.id: "Inactive" if person.id in course.former else "Active"
        for person in people_of(course, former=True)
    }
    found = []
    for person in PEOPLE:
        record = altered.get(person.id)
        if record is not None:
            found.append(Membership(person, record["status"], record["changed"]))
        elif person.id in first:
            found.append(Membership(person, first[person.id]))
    order = [*first, *altered]
    return sorted(found, key=lambda each: order.index(each.person.id))


def is_enrolled(platform: SandboxPlatform, course: Course, person: Person) -> bool:
    """Whether somebody is in a course: also who is suspended, not who was taken out of it."""
    found = list_memberships(platform, course)
    return any(each.person == person and each.status != "Deleted" for each in found)


def count_changes(platform: SandboxPlatform) -> int:
    """How many changes there were so far: what a list of differences begins after."""
    return max((r["changed"] for r in platform.shelf.list("membership")), default=0)


def change_membership(
    platform: SandboxPlatform, course_id: object, person_id: object, status: object
) -> None:
    """Take somebody out of a course (Deleted), suspend them (Inactive), or let them in (Active).

    Raises InputRejected.
    """
    known = {
        "course": isinstance(course_id, str) and platform.find_course(course_id) is not None,
        "person": person_id in [person.id for person in PEOPLE],
        "status": status in STATUSES,
    }
    errors = {name: ["There is no such one here."] for name, fits in known.items() if not fits}
    if errors:
        raise InputRejected(errors)
    with platform.shelf.lock:
        record = {"course": course_id, "person": person_id, "status": status}
        record["changed"] = count_changes(platform) + 1
        platform.shelf.put("membership", f"{course_id}/{person_id}", record)
        if status == "Deleted" and platform.personality.scores.forgets_leavers:
            _forget_grades(platform, course_id, person_id)


def _forget_grades(platform: SandboxPlatform, course_id: object, person_id: object) -> None:
    columns = {r["id"] for r in platform.shelf.list("line_item") if r["course"] == course_id}
    subs = {person.sub for person in PEOPLE if person.id == person_id}
    for result in platform.shelf.list("result"):
        if result["line_item"] in columns and result["user_id"] in subs:
            platform.shelf.remove("result", f"{result['line_item']}/{result['user_id']}")
