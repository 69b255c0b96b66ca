"""Ids as an LMS tells them: numbers in Moodle, keys and bare UUIDs in Blackboard.

What the sandbox keeps has its own ids, the same in every LMS; they are told in the LMS's way, and
read from it, where something goes over the wire. Each kind is counted by itself: a person, a course
and a link may have one number. A number is of the id alone, so that it is the same after a restart.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID, uuid5

from mentorai.plugins.sandbox.school import COURSES, NAMESPACE, PEOPLE, PREVIEW, fixed_id

if TYPE_CHECKING:
    from mentorai.plugins.sandbox.platform import SandboxPlatform

Kind = Literal["person", "course", "link", "column"]
Ids = Literal["own", "numbers", "bare_numbers", "keys"]
# The kinds whose ids are members of what is told; that of a column is its whole address.
TOLD: Sequence[Kind] = ("person", "course", "link")
# In Moodle the guest and the administrator are there before anybody, the front page before any
# course, and the total of the course before any column.
NUMBERS: Mapping[str, int] = {"person": 3, "course": 2, "link": 1, "column": 2}
KEYS: Mapping[str, int] = {"person": 7, "course": 4, "link": 44, "column": 40}
# The ids of ours that the college comes with.
COLLEGE: Mapping[Kind, Sequence[str]] = {
    "person": [person.sub for person in (*PEOPLE, PREVIEW)],
    "course": [course.context_id for course in COURSES],
    "link": [item.resource_link_id for course in COURSES for item in course.items],
    "column": [
        fixed_id(f"column/{item.id}")
        for course in COURSES
        for item in course.items
        if item.points is not None
    ],
}
# What is made later has a number that its own id gives, so that it keeps it.
LATER = 1_000_000_000


class ToldIds:
    """The ids of one platform as its wire has them, by its habit `ids`."""

    def __init__(self, platform: "SandboxPlatform") -> None:
        self._platform = platform

    def tell(self, value: Any, *, bare: bool = False) -> Any:
        """A JSON value with each id of ours in it as it is told. bare: numbers are JSON numbers."""
        if self._habit == "own":
            return value
        told = {own: name for kind in TOLD for own, name in self._names(kind).items()}
        return _replace(value, told, bare=bare)

    def read(self, kind: Kind, told: object) -> str:
        """The id of ours that is told so; of what names none, a text that is no id of ours."""
        text = str(told)
        if self._habit == "own":
            return text
        known = {str(name): own for own, name in self._names(kind).items()}
        return known.get(text, text if text.isdecimal() else f"no id here: {text}")

    def tell_course(self, course_id: str) -> str:
        """The course of this short name as addresses of services have it."""
        course = self._platform.find_course(course_id)
        if course is None or not self._has_addresses:
            return course_id
        return self._number("course", course.context_id)

    def tell_column(self, column_id: str) -> str:
        """A column as addresses of services have it."""
        return self._number("column", column_id) if self._has_addresses else column_id

    def read_address(self, names: Mapping[str, str]) -> dict[str, str]:
        """What an address names (`course`, `column`), by our ids.

        Those themselves are taken, too: addresses of the sandbox's own have them.
        """
        found = dict(names)
        if "course" in found:
            courses = {self.tell_course(each.id): each.id for each in self._platform.courses()}
            found["course"] = courses.get(found["course"], found["course"])
        if "column" in found:
            columns = {self.tell_column(own): own for own in self._list("column")}
            found["column"] = columns.get(found["column"], found["column"])
        return found

    @property
    def _habit(self) -> Ids:
        return self._platform.behaviour.ids

    @property
    def _has_addresses(self) -> bool:
        """Whether addresses of services have other names than ours."""
        return self._habit != "own" or bool(self._platform.personality.addresses.first_course)

    def _number(self, kind: Kind, own: str) -> str:
        if self._habit == "keys":
            return find_key(kind, own)
        addresses, first = self._platform.personality.addresses, NUMBERS
        if self._habit == "own":
            first = {"course": addresses.first_course, "column": addresses.first_column}
        return str(count_id(kind, own, first))

    def _names(self, kind: Kind) -> dict[str, int | str]:
        """How each id of ours is told."""
        return {own: _tell(kind, own, self._habit) for own in self._list(kind)}

    def _list(self, kind: Kind) -> Sequence[str]:
        """The ids of everything of a kind that there is."""
        if kind == "person":
            return COLLEGE[kind]
        if kind == "column":
            return [column["id"] for column in self._platform.shelf.list("line_item")]
        courses = self._platform.courses()
        if kind == "course":
            return [each.context_id for each in courses]
        return [i.resource_link_id for each in courses for i in self._platform.items(each)]


def tell_of_the_college(value: Any, habit: Ids) -> Any:
    """A JSON value with each id that the college comes with as it is told there, in text."""
    if habit == "own":
        return value
    told = {own: _tell(kind, own, habit) for kind in TOLD for own in COLLEGE[kind]}
    return _replace(value, told, bare=False)


def find_key(kind: Kind, own: str) -> str:
    """What Blackboard calls something in its database, as `_44_1`."""
    return f"_{count_id(kind, own, KEYS)}_1"


def _tell(kind: Kind, own: str, habit: Ids) -> int | str:
    if habit != "keys":
        return count_id(kind, own, NUMBERS)
    # Claims name people and courses by their UUIDs, and links by their keys.
    return find_key(kind, own) if kind == "link" else UUID(own).hex


def count_id(kind: Kind, own: str, first: Mapping[str, int]) -> int:
    """The number of something, of its own id alone. first: that of the first of each kind."""
    if own in COLLEGE[kind]:
        return first[kind] + COLLEGE[kind].index(own)
    return uuid5(NAMESPACE, own).int % LATER


def _replace(value: Any, told: Mapping[str, int | str], *, bare: bool) -> Any:
    if isinstance(value, str):
        if bare and value in told:
            return told[value]
        # A history is several ids in one text (LTI 1.3 core, appendix B).
        return ",".join(str(told.get(part, part)) for part in value.split(","))
    if isinstance(value, Mapping):
        return {name: _replace(each, told, bare=bare) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_replace(each, told, bare=bare) for each in value]
    return value
