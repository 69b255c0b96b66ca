"""What a platform says in a launch besides who, where and what for, as typed facts.

Plugins find them at `launch.details`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ToolPlatform:
    """The LMS installation, as it describes itself (LTI Core 1.3, section 5.4.2).

    guid: its own name for itself, unique and lasting. family_code, version: as it spells them.
    """

    guid: str = ""
    name: str = ""
    family_code: str = ""
    version: str = ""
    url: str | None = None
    description: str = ""
    contact_email: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Presentation:
    """How the platform shows the tool (LTI Core 1.3, section 5.4.4). Lengths in CSS pixels."""

    document_target: str = ""
    locale: str = ""
    return_url: str | None = None
    width_pixels: int | None = None
    height_pixels: int | None = None


@dataclass(frozen=True, slots=True)
class Lis:
    """Names in the student information system (LTI Core 1.3, section 5.4.5)."""

    person_id: str = field(default="", repr=False)
    course_offering_id: str = ""
    course_section_id: str = ""


@dataclass(frozen=True, slots=True)
class RosterService:
    """Where the platform lists the members of a context (LTI NRPS 2.0, section 3.6)."""

    memberships_url: str
    versions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupService:
    """Where the platform lists the groups of a context (LTI Course Groups 1.0, section 3.1)."""

    groups_url: str
    group_sets_url: str | None = None
    scopes: frozenset[str] = frozenset()
    versions: tuple[str, ...] = ()


class LaunchDetails:
    """What else a launch says; this one says nothing. Each part is read when it is asked for.

    context_types: what kind of context it is (`CourseSection`, `Group`), without the vocabulary's
        prefix. mentored_subjects: whom an observer looks after, by the platform's ids.
    migration: the LTI 1.1 migration claim as it came; nothing in it is verified.
    other_claims: the claims that nothing here and nothing in Launch speaks of, as they came.
    Nothing of it is in its repr.
    """

    __slots__ = ()

    @property
    def tool_platform(self) -> ToolPlatform | None:
        return None

    @property
    def presentation(self) -> Presentation | None:
        return None

    @property
    def lis(self) -> Lis | None:
        return None

    @property
    def roster_service(self) -> RosterService | None:
        return None

    @property
    def group_service(self) -> GroupService | None:
        return None

    @property
    def context_types(self) -> frozenset[str]:
        return frozenset()

    @property
    def mentored_subjects(self) -> tuple[str, ...]:
        return ()

    @property
    def migration(self) -> Mapping[str, Any] | None:
        return None

    @property
    def other_claims(self) -> Mapping[str, Any]:
        return _NOTHING


NO_DETAILS = LaunchDetails()
