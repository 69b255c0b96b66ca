"""Frozen facts that cross a hook. Nothing here has behaviour beyond reading itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from mentorai.core.launch_facts import NO_DETAILS, LaunchDetails


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
class Denial:
    """One plugin's "no", with the reason a person may read."""

    reason: str
    code: str = "denied"


@dataclass(frozen=True, slots=True)
class PlatformProfile:
    """What is special about one family of LMS, as data and not as branches.

    vendor_domains: domains of the vendor where addresses of any of its platforms may lie, besides
        the platform's own domain (dynamic registration looks at it).
    token_audience: what its token address wants as `aud` of our assertions; empty: the address
        itself; None: what the platform's configuration names as authorization_server, else empty.
    registration_errors: words with which it refuses a registration -> what to do about it.
    screens: where things are changed there, in its own words, by the keys of
        core/explanations.py SCREENS; a key that is left out keeps the general words.
    """

    family: str
    title: str
    vendor_domains: tuple[str, ...] = ()
    token_audience: str | None = None
    registration_errors: Mapping[str, str] = field(default_factory=dict)
    screens: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Platform:
    """One registered LMS installation: a registration and the family it was recognised as."""

    registration_id: str
    organization_id: str
    family: str
    issuer: str
    client_id: str


@dataclass(frozen=True, slots=True)
class Person:
    """A human being as one organization knows them."""

    id: str
    name: str | None = None
    email: str | None = None


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


@dataclass(frozen=True, slots=True)
class Session:
    """One person admitted to one mentor until `expires_at`.

    start: where in the session's pages the person lands, a path after /s/<id>/; None: as the
    role has it. frame_origins: whose pages may frame it, besides those that plugins name.
    """

    id: str
    organization_id: str
    mentor_id: str
    person_id: str
    role: Role
    expires_at: datetime
    context_id: str | None = None
    resource_link_id: str | None = None
    registration_id: str | None = None
    quiz_id: str | None = None
    locale: str | None = None
    return_url: str | None = None
    way: str = "cookie"
    start: str | None = None
    frame_origins: tuple[str, ...] = ()


EndReason = Literal["signed_out", "logged_out", "expired"]
"""Why a session ended: the person said so, their campus signed them out, or its time was up."""


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
class RequestFacts:
    """What a policy plugin may know of the request that uses a session."""

    method: str
    path: str
    remote_address: str


@dataclass(frozen=True, slots=True)
class LineItem:
    """A gradebook column (LTI AGS 2.0, section 3.2)."""

    url: str
    label: str = ""
    score_maximum: float | None = None
    resource_id: str | None = None
    tag: str | None = None
    resource_link_id: str | None = None


@dataclass(frozen=True, slots=True)
class GradePlace:
    """Where the scores of one activity go: a resource link of one platform.

    resource_link_id, title: ours; lms_resource_link_id: the platform's name of the same link.
    activity_id: the quiz, or None when the score belongs to the link as a whole.
    """

    platform: Platform
    resource_link_id: str
    lms_resource_link_id: str
    title: str
    service: GradeService
    activity_id: str | None = None
    score_maximum: float = 100.0


class ActivityProgress(StrEnum):
    """How far a person is with an activity (LTI AGS 2.0, section 3.4.7)."""

    INITIALIZED = "Initialized"
    STARTED = "Started"
    IN_PROGRESS = "InProgress"
    SUBMITTED = "Submitted"
    COMPLETED = "Completed"


class GradingProgress(StrEnum):
    """How far the marking is (LTI AGS 2.0, section 3.4.8); only the first sets a grade."""

    FULLY_GRADED = "FullyGraded"
    PENDING = "Pending"
    PENDING_MANUAL = "PendingManual"
    FAILED = "Failed"
    NOT_READY = "NotReady"


@dataclass(frozen=True, slots=True)
class Score:
    """What we send (LTI AGS 2.0, section 3.4): given of maximum, both in points.

    subject: the platform's id of the person. at: aware UTC, whole seconds, and strictly later
    than any score sent before for the same line item and person.
    given: None for news without a score. The defaults make a final score; anything less lets
    some platforms wipe the grade they hold, and lti_launch does not send it over a grade.
    started_at, submitted_at: when the person began and handed in, aware UTC.
    scoring_subject: the platform's id of whoever marked by hand.
    extensions: more fields by their full names (URLs); they never replace one of the above.
    """

    subject: str
    given: float | None
    maximum: float
    at: datetime
    comment: str = ""
    activity_progress: ActivityProgress = ActivityProgress.COMPLETED
    grading_progress: GradingProgress = GradingProgress.FULLY_GRADED
    started_at: datetime | None = None
    submitted_at: datetime | None = None
    scoring_subject: str = ""
    extensions: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_final(self) -> bool:
        """Whether it sets a grade on every platform."""
        return self.given is not None and self.grading_progress is GradingProgress.FULLY_GRADED


@dataclass(frozen=True, slots=True)
class Receipt:
    """A platform took a score at `received_at` (our clock)."""

    received_at: datetime


@dataclass(frozen=True, slots=True)
class Result:
    """What the platform's gradebook holds for one person (LTI AGS 2.0, section 3.3).

    given: None when the row is there without a grade.
    """

    subject: str
    given: float | None
    maximum: float | None
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """One row of a roster (LTI NRPS 2.0, section 2.2).

    is_gone: the platform said, in a list of differences, that this person was taken out.
    group_ids: the platform's ids of the groups that the person is in; None if it said nothing.
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
class Passage:
    """A citable piece of a document; start and end are character offsets in its text.

    matched: for a found passage, the share 0..1 of the question's weight that it covers.
    """

    id: int
    document_id: str
    document_name: str
    heading: str
    ordinal: int
    start: int
    end: int
    text: str
    page: int | None = None
    score: float = 0.0
    matched: float = 0.0


@dataclass(frozen=True, slots=True)
class Section:
    """A piece of a document as a reader gives it: its heading path and its plain text."""

    heading: str
    text: str
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Citation:
    """A numbered mark in a reply; quote is a verbatim substring of the passage's text."""

    n: int
    passage_id: int
    document_id: str
    document_name: str
    heading: str
    quote: str
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """An earlier message of the conversation and its reply."""

    message: str
    reply: str


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """All that a model plugin may know to answer one message."""

    organization_id: str
    mentor_id: str
    mentor_name: str
    system_prompt: str
    message: str
    passages: tuple[Passage, ...]
    earlier: tuple[Exchange, ...] = ()
    weak_match: bool = False


@dataclass(frozen=True, slots=True)
class TokenEvent:
    """A piece of the reply, Markdown."""

    text: str


@dataclass(frozen=True, slots=True)
class SourcesEvent:
    """The citations of the reply so far."""

    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class StartEvent:
    """The turn was taken and is kept."""

    conversation_id: str
    turn_id: str


@dataclass(frozen=True, slots=True)
class DoneEvent:
    """The reply is complete. usage: counts a model reported, if it did."""

    usage: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ErrorEvent:
    """The reply broke off after it had begun."""

    code: str
    detail: str


Event = StartEvent | TokenEvent | SourcesEvent | DoneEvent | ErrorEvent


@dataclass(frozen=True, slots=True)
class Turn:
    """A message and its reply, as kept."""

    id: str
    conversation_id: str
    message: str
    reply: str
    status: Literal["writing", "done", "stopped", "failed"]
    citations: tuple[Citation, ...]
    weak_match: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Link:
    """A way to go on: text and address."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class AdminTab:
    """A page that a plugin adds to the mentor's tabs."""

    title: str
    endpoint: str
