"""Names and roles: the roster of a context or of one resource link in it, page by page.

Source: LTI Names and Role Provisioning Services 2.0.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from mentorai.core.errors import PlatformReplyInvalid
from mentorai.core.values import Member, Role, RosterEnd
from mentorai.lti.claim_values import is_variable
from mentorai.lti.origins import find_origin
from mentorai.lti.registrations import Registration
from mentorai.lti.roles import Overrides, is_test_user, read_role
from mentorai.lti.services import add_query, find_link, read_pages
from mentorai.lti.tool import Tool

SCOPE = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
MEDIA_TYPE = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"
NAME_LENGTH = 1_000
SUBJECT_LENGTH = 255
GROUPS = 200
# Marks an address of differences; a fragment never travels, so the platform does not see it.
DIFFERENCES = "#differences"
ACTIVE, DELETED = "active", "deleted"


def list_members(
    tool: Tool,
    registration: Registration,
    memberships_url: str,
    *,
    context_id: str = "",
    resource_link_id: str = "",
    role: Role | None = None,
    limit: int = 0,
    query: Mapping[str, str] = {},
) -> Iterator[Member | RosterEnd]:
    """Every member of the context; rows without an id are left out. No more than a page is held.

    memberships_url: what a launch named; or what a RosterEnd gave, to read only the members that
        changed since then (section 2.6), which is called as it is.
    context_id: the platform's name of the context; a list that names another one is refused.
    resource_link_id: only who may open this link, each with the `message` of its launch
        (section 3). role, limit: wishes; who has another role is left out here.
    query: what else this platform is asked for.
    Raises, while it is read, ScopeNotGranted and PlatformError of every kind; PlatformReplyInvalid
    before the first member of another context is given.
    """
    asked = {"rlid": resource_link_id} if resource_link_id else {}
    asked |= {"role": role.value.capitalize()} if role in _ASKABLE else {}
    asked |= {"limit": str(limit)} if limit else {}
    asked |= query
    if memberships_url.endswith(DIFFERENCES):
        url = memberships_url.removesuffix(DIFFERENCES)
    else:
        url = add_query(memberships_url, asked) if asked else memberships_url
    later_url = None
    for page in read_pages(tool, registration, url, [SCOPE], accept=MEDIA_TYPE):
        container = page.read_json()
        listed = container.get("members") if isinstance(container, dict) else None
        if not isinstance(listed, list):
            raise PlatformReplyInvalid("The LMS sent a roster that cannot be read.")
        if context_id:
            _check_context(container, context_id)
        for row in listed:
            member = (
                read_member(row, registration.role_overrides) if isinstance(row, dict) else None
            )
            if member is not None and role in (None, member.role):
                yield member
        later_url = find_link(page, "differences") or later_url
    if later_url and find_origin(later_url) == find_origin(url):
        yield RosterEnd(later_url.partition("#")[0] + DIFFERENCES)


def read_member(row: Mapping[str, Any], overrides: Overrides) -> Member | None:
    """One row of a roster (section 2.2), or None if it names nobody, or the preview student.

    overrides: what campus IT said of the platform's roles.

    Roles are read by their short names too, as Moodle sends them; unknown ones give no power.
    """
    subject = row.get("user_id")
    if isinstance(subject, int) and not isinstance(subject, bool):
        subject = str(subject) if abs(subject) < 10**SUBJECT_LENGTH else ""
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_LENGTH:
        return None
    if not subject.isprintable() or is_variable(subject):
        return None
    roles = row.get("roles")
    names = [each for each in roles if isinstance(each, str)] if isinstance(roles, list) else []
    if is_test_user(names):
        return None
    whole = _text(row, "name") or " ".join(
        filter(None, (_text(row, "given_name"), _text(row, "family_name")))
    )
    status = (_text(row, "status") or ACTIVE).lower()
    return Member(
        subject=subject,
        role=read_role(names, overrides),
        active=status == ACTIVE,
        name=whole or None,
        email=_text(row, "email") or None,
        is_gone=status == DELETED,
        group_ids=_read_groups(row.get("group_enrollments")),
        message=_read_message(row.get("message")),
    )


_ASKABLE = (Role.LEARNER, Role.INSTRUCTOR, Role.ADMINISTRATOR)


def _check_context(container: Mapping[str, Any], context_id: str) -> None:
    """A container says whose members it holds (section 2.4); one that does not is believed."""
    described = container.get("context")
    told = described.get("id") if isinstance(described, dict) else None
    if told is not None and str(told) != context_id:
        raise PlatformReplyInvalid("The LMS sent the roster of another course.")


def _read_groups(given: object) -> tuple[str, ...] | None:
    """The ids of the groups (LTI Course Groups 1.0, section 4), or None if nothing was said."""
    if not isinstance(given, list):
        return None
    found = (_text(each, "group_id") for each in given if isinstance(each, dict))
    return tuple(dict.fromkeys(each for each in found if each))[:GROUPS]


def _read_message(given: object) -> Mapping[str, object] | None:
    """The member's message for the link that was asked about (section 3.1)."""
    messages = given if isinstance(given, list) else [given]
    return next((each for each in messages if isinstance(each, dict)), None)


def _text(row: Mapping[str, Any], name: str) -> str:
    found = row.get(name)
    if isinstance(found, int) and not isinstance(found, bool) and abs(found) < 10**18:
        return str(found)
    if not isinstance(found, str) or is_variable(found):
        return ""
    found = found[:NAME_LENGTH]
    if not found.isprintable():
        found = "".join(c if c.isprintable() else " " for c in found)
    return " ".join(found.split())
