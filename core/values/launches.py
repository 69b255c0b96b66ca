"""A launch, and the place in a course that it came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mentorai.core.launch_facts import NO_DETAILS, LaunchDetails
from mentorai.core.values.people import Role
from mentorai.core.values.platforms import Platform


@dataclass(frozen=True, slots=True)
class Context:
    """A course, as the platform names it."""

    lms_id: str
    label: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class ResourceLink:
    """The place in a course that a launch came from, as the platform names it."""

    lms_id: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class GradeService:
    """What the platform offers a launch for grades (LTI AGS 2.0, section 3.1)."""

    line_item_url: str | None = None
    line_items_url: str | None = None
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class FormerIds:
    """What a platform knew this person and this place by before, verified.

    authority: who gave these ids, in the form of `identities.authority`. A None says nothing.
    """

    authority: str
    subject: str | None = None
    resource_link_id: str | None = None


@dataclass(frozen=True, slots=True)
class Launch:
    """One validated message from a platform.

    subject: the platform's own id of the person (`sub`); None for an anonymous launch.
    role: the role in the context; institution roles alone never make staff.
    target: where in the tool the platform wants to arrive, a path with query on our own origin.
    custom: custom parameters. A variable that nobody substituted is absent, as in every text.
    roles: the names that `role` was read from, as the platform sent them.
    details: what else the platform said.
    link_history, context_history: the ids that the place and its course were copied from, as
        this platform names them, the latest copy first.
    former: other ids of the same person and place, once somebody vouched for them.
    review_of: the platform's id of the person whose work is to be shown, when it is that.
    Its repr names no person and holds no claim, so that it may come into a log.
    """

    organization_id: str
    registration_id: str
    deployment_id: str
    issuer: str
    client_id: str
    family_code: str
    message_type: str
    subject: str | None
    role: Role
    target: str
    name: str | None = None
    email: str | None = None
    context: Context | None = None
    resource_link: ResourceLink | None = None
    custom: Mapping[str, str] = field(default_factory=dict)
    grade_service: GradeService | None = None
    memberships_url: str | None = None
    return_url: str | None = None
    locale: str | None = None
    document_target: str | None = None
    is_test_user: bool = False
    roles: tuple[str, ...] = ()
    details: LaunchDetails = field(default=NO_DETAILS, compare=False)
    link_history: tuple[str, ...] = ()
    context_history: tuple[str, ...] = ()
    former: FormerIds | None = None
    review_of: str | None = None

    def __repr__(self) -> str:
        place = f"registration {self.registration_id}, deployment {self.deployment_id!r}"
        return f"Launch({self.message_type}, {place}, {self.role.value})"

    @property
    def other_claims(self) -> Mapping[str, Any]:
        """The claims that nothing here speaks of, such as a vendor's own; read-only."""
        return self.details.other_claims

    @property
    def platform(self) -> Platform:
        """The platform that sent this launch, before any plugin refined its family."""
        return Platform(
            registration_id=self.registration_id,
            organization_id=self.organization_id,
            family=self.family_code,
            issuer=self.issuer,
            client_id=self.client_id,
        )


@dataclass(frozen=True, slots=True)
class MentorRef:
    """Which mentor answers, and the quiz that the place is for, if it is for one."""

    mentor_id: str
    quiz_id: str | None = None
