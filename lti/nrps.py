"""Names and roles: the roster of a context, page by page.

Source: LTI Names and Role Provisioning Services 2.0.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from mentorai.core.errors import PlatformReplyInvalid
from mentorai.core.values import Member
from mentorai.lti.claim_values import is_variable
from mentorai.lti.registrations import Registration
from mentorai.lti.roles import Overrides, read_role
from mentorai.lti.services import read_pages
from mentorai.lti.tool import Tool

SCOPE = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
MEDIA_TYPE = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"
NAME_LENGTH = 1_000


def list_members(tool: Tool, registration: Registration, memberships_url: str) -> Iterator[Member]:
    """Every member of the context; rows without an id are left out.

    Raises, while it is read, PlatformError of every kind.
    """
    pages = read_pages(tool, registration, memberships_url, [SCOPE], accept=MEDIA_TYPE)
    for page in pages:
        listed = page.get("members") if isinstance(page, dict) else None
        if not isinstance(listed, list):
            raise PlatformReplyInvalid("The LMS sent a roster that cannot be read.")
        for row in listed:
            member = (
                read_member(row, registration.role_overrides) if isinstance(row, dict) else None
            )
            if member is not None:
                yield member


def read_member(row: Mapping[str, Any], overrides: Overrides) -> Member | None:
    """One row of a roster (NRPS 2.0, section 2.2), or None if it names nobody.

    overrides: what campus IT said of the platform's roles.
    """
    subject = row.get("user_id")
    if isinstance(subject, int) and not isinstance(subject, bool):
        subject = str(subject)
    if not isinstance(subject, str) or not subject or is_variable(subject):
        return None
    roles = row.get("roles")
    names = [each for each in roles if isinstance(each, str)] if isinstance(roles, list) else []
    whole = _text(row, "name") or " ".join(
        filter(None, (_text(row, "given_name"), _text(row, "family_name")))
    )
    return Member(
        subject=subject,
        role=read_role(names, overrides),
        active=row.get("status", "Active") == "Active",
        name=whole or None,
        email=_text(row, "email") or None,
    )


def _text(row: Mapping[str, Any], name: str) -> str:
    found = row.get(name)
    if not isinstance(found, str) or is_variable(found):
        return ""
    return found[:NAME_LENGTH].strip()
