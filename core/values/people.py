"""Who somebody is, and whom a roster names."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """What a person is in one context, in falling order of power."""

    ADMINISTRATOR = "administrator"
    INSTRUCTOR = "instructor"
    ASSISTANT = "assistant"
    LEARNER = "learner"
    OTHER = "other"

    @property
    def is_staff(self) -> bool:
        """Whether this role may manage the mentor of a course."""
        return self in (Role.ADMINISTRATOR, Role.INSTRUCTOR, Role.ASSISTANT)


@dataclass(frozen=True, slots=True)
class Person:
    """A human being as one organization knows them."""

    id: str
    name: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """A person as a campus provider vouches for them, by a credential that it issued.

    authority, subject: together they name one person, for ever; authority is the plugin's name
    for the provider, such as `oidc:campus`. They are never matched by name or e-mail, unless
    matches_email says that campus IT wants that, and then only by an address that the provider
    has verified. expires_at: when the credential runs out. roles: what the provider says of the
    person, in words of Role where it can. sign_on_id: what the provider calls the sign-on, to
    name it when it ends.
    """

    authority: str
    subject: str
    expires_at: datetime
    name: str | None = None
    email: str | None = None
    roles: tuple[str, ...] = ()
    sign_on_id: str | None = None
    matches_email: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """One row of a roster (LTI NRPS 2.0, section 2.2).

    is_gone: the platform said, in a list of differences, that this person was taken out.
    group_ids, section_ids: the platform's ids of the groups and of the sections that the person is
        in; None if it said nothing.
    message: what a launch of one resource link would say of the person, when that was asked for.
    """

    subject: str
    role: Role
    active: bool = True
    name: str | None = None
    email: str | None = None
    is_gone: bool = False
    group_ids: tuple[str, ...] | None = None
    message: Mapping[str, object] | None = None
    section_ids: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class RosterEnd:
    """May follow the last Member: where only what changed since can be read next time."""

    differences_url: str


@dataclass(frozen=True, slots=True)
class Group:
    """A group of a context (LTI Course Groups 1.0). set_name: the set it belongs to, or empty."""

    lms_id: str
    name: str
    set_name: str = ""


@dataclass(frozen=True, slots=True)
class CourseSection:
    """A section of a course: a part of its people that the institution enrols by itself."""

    lms_id: str
    name: str
