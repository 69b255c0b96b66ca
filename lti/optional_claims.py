"""The optional claims, as typed facts that are read when somebody asks for them.

Most launches need none, and nothing depends on them here, so reading them forgives everything.
Sources: LTI Core 1.3, section 5.4; LTI NRPS 2.0; LTI Course Groups 1.0; LTI 1.1 migration claim.
"""

from types import MappingProxyType

from mentorai.core.launch_facts import (
    GroupService,
    LaunchDetails,
    Lis,
    Presentation,
    RosterService,
    ToolPlatform,
)
from mentorai.lti.claim_values import (
    CLAIM,
    ID_LENGTH,
    Claims,
    find_object,
    find_pixels,
    find_text,
    find_texts,
    find_url,
)

PLATFORM_CLAIM = f"{CLAIM}tool_platform"
PRESENTATION_CLAIM = f"{CLAIM}launch_presentation"
CONTEXT_CLAIM = f"{CLAIM}context"
AGS_CLAIM = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
NRPS_CLAIM = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
GROUPS_CLAIM = "https://purl.imsglobal.org/spec/lti-gs/claim/groupsservice"
CODE_LENGTH = 64
_CONTEXT_TYPES = (
    "http://purl.imsglobal.org/vocab/lis/v2/course#",
    "urn:lti:context-type:ims/lis/",
)
_NAMES_OF_OURS = (
    *("message_type", "version", "deployment_id", "target_link_uri", "roles", "resource_link"),
    *("context", "custom", "tool_platform", "launch_presentation", "lis", "lti1p1"),
    "role_scope_mentor",
)
# What a Launch and its details say in words of ours.
_READ = frozenset(
    (
        *("iss", "aud", "azp", "sub", "iat", "exp", "nbf", "nonce"),
        *("name", "given_name", "family_name", "email"),
        *(AGS_CLAIM, NRPS_CLAIM, GROUPS_CLAIM),
        *(f"{CLAIM}{name}" for name in _NAMES_OF_OURS),
    )
)


class OptionalClaims(LaunchDetails):
    """The details of a launch whose token was verified."""

    __slots__ = ("_claims",)

    def __init__(self, claims: Claims) -> None:
        self._claims = claims

    @property
    def tool_platform(self) -> ToolPlatform | None:
        """How the LMS describes itself (section 5.4.2)."""
        found = find_object(self._claims, PLATFORM_CLAIM)
        if not found:
            return None
        return ToolPlatform(
            guid=find_text(found, "guid", ID_LENGTH),
            name=find_text(found, "name"),
            family_code=find_text(found, "product_family_code", CODE_LENGTH),
            version=find_text(found, "version", ID_LENGTH),
            url=find_url(found, "url"),
            description=find_text(found, "description"),
            contact_email=find_text(found, "contact_email", ID_LENGTH),
        )

    @property
    def presentation(self) -> Presentation | None:
        """How the LMS shows the tool (section 5.4.4)."""
        found = find_object(self._claims, PRESENTATION_CLAIM)
        if not found:
            return None
        return Presentation(
            document_target=find_text(found, "document_target", CODE_LENGTH),
            locale=find_text(found, "locale", CODE_LENGTH),
            return_url=find_url(found, "return_url"),
            width_pixels=find_pixels(found, "width"),
            height_pixels=find_pixels(found, "height"),
        )

    @property
    def lis(self) -> Lis | None:
        """The names in the student information system (section 5.4.5)."""
        found = find_object(self._claims, f"{CLAIM}lis")
        if not found:
            return None
        return Lis(
            person_id=find_text(found, "person_sourcedid", ID_LENGTH),
            course_offering_id=find_text(found, "course_offering_sourcedid", ID_LENGTH),
            course_section_id=find_text(found, "course_section_sourcedid", ID_LENGTH),
        )

    @property
    def roster_service(self) -> RosterService | None:
        """Where the members of the context are listed (NRPS 2.0, section 3.6)."""
        found = find_object(self._claims, NRPS_CLAIM)
        memberships_url = find_url(found, "context_memberships_url")
        if memberships_url is None:
            return None
        return RosterService(memberships_url, find_texts(found, "service_versions"))

    @property
    def group_service(self) -> GroupService | None:
        """Where the groups of the context are listed (Course Groups 1.0, section 3.1)."""
        found = find_object(self._claims, GROUPS_CLAIM)
        groups_url = find_url(found, "context_groups_url")
        if groups_url is None:
            return None
        return GroupService(
            groups_url=groups_url,
            group_sets_url=find_url(found, "context_group_sets_url"),
            scopes=frozenset(find_texts(found, "scope")),
            versions=find_texts(found, "service_versions"),
        )

    @property
    def context_types(self) -> frozenset[str]:
        """What kind of context this is (section 5.4.1): the vocabulary's term, or the name sent.

        Moodle sends the term alone.
        """
        return frozenset(map(_strip, find_texts(find_object(self._claims, CONTEXT_CLAIM), "type")))

    @property
    def mentored_subjects(self) -> tuple[str, ...]:
        """Whom an observer looks after (section 5.4.3)."""
        return find_texts(self._claims, f"{CLAIM}role_scope_mentor")

    @property
    def migration(self) -> Claims | None:
        """The LTI 1.1 migration claim as it came, not verified."""
        found = find_object(self._claims, f"{CLAIM}lti1p1")
        return MappingProxyType(dict(found)) if found else None

    @property
    def other_claims(self) -> Claims:
        """The claims that nobody here speaks of, as they came. No more than a token holds."""
        others = {name: value for name, value in self._claims.items() if name not in _READ}
        return MappingProxyType(others)


def _strip(name: str) -> str:
    for prefix in _CONTEXT_TYPES:
        if name.startswith(prefix):
            return name[len(prefix) :]
    return name
