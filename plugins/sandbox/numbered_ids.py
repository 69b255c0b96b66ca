"""Ids that are numbers, as in an LMS that counts its people, courses and links.

What the sandbox keeps has its own ids, the same in every LMS; they are told as numbers, and read
from numbers, where something goes over the wire. Each kind is counted by itself: a person, a course
and a link may have one number.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from mentorai.plugins.sandbox.school import COURSES, PEOPLE

if TYPE_CHECKING:
    from mentorai.plugins.sandbox.platform import SandboxPlatform

Kind = Literal["person", "course", "link"]
# The guest and the administrator are there before anybody, and the front page before any course.
FIRST: Mapping[Kind, int] = {"person": 3, "course": 2, "link": 1}
# The ids of ours that the college comes with.
COLLEGE: Mapping[Kind, Sequence[str]] = {
    "person": [person.sub for person in PEOPLE],
    "course": [course.context_id for course in COURSES],
    "link": [item.resource_link_id for course in COURSES for item in course.items],
}
# What is made later has a number that its own id gives, so that it keeps it.
LATER = 1_000_000_000


class NumberedIds:
    """The ids of one platform as its wire has them; its own as long as it does not count."""

    def __init__(self, platform: "SandboxPlatform") -> None:
        self._platform = platform

    def tell(self, value: Any, *, bare: bool = False) -> Any:
        """A JSON value with each id of ours in it as it is told. bare: as a JSON number."""
        if not self._counts:
            return value
        told = {own: number for kind in FIRST for own, number in self._count(kind).items()}
        return _replace(value, told, bare=bare)

    def read(self, kind: Kind, told: object) -> str:
        """The id of ours that a number names; of what names none, a text that is no id of ours."""
        text = str(told)
        if not self._counts:
            return text
        known = {str(number): own for own, number in self._count(kind).items()}
        return known.get(text, text if text.isdecimal() else f"not a number: {text}")

    @property
    def _counts(self) -> bool:
        return self._platform.behaviour.ids != "own"

    def _count(self, kind: Kind) -> dict[str, int]:
        """The number of each id of ours."""
        seeded, later = self._list(kind)
        counted = {own: n for n, own in enumerate(seeded, FIRST[kind])}
        return counted | {own: UUID(own).int % LATER for own in later}

    def _list(self, kind: Kind) -> tuple[Sequence[str], Sequence[str]]:
        """The ids of a kind that the college comes with, and those of what was made later."""
        seeded = COLLEGE[kind]
        courses = self._platform.courses()
        if kind == "person":
            return seeded, []
        if kind == "course":
            return seeded, [each.context_id for each in courses[len(COURSES) :]]
        every = [i.resource_link_id for each in courses for i in self._platform.items(each)]
        return seeded, [own for own in every if own not in seeded]


def number_the_college(value: Any) -> Any:
    """A JSON value with each id that the college comes with told as a number, in text."""
    told = {own: n for kind, ids in COLLEGE.items() for n, own in enumerate(ids, FIRST[kind])}
    return _replace(value, told, bare=False)


def _replace(value: Any, told: Mapping[str, int], *, bare: bool) -> Any:
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
