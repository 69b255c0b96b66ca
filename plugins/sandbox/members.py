"""The roster of a course. Source: LTI Names and Role Provisioning Services 2.0, section 2."""

from collections.abc import Sequence
from typing import Any

from mentorai.plugins.sandbox.grades import cut_page, get_course
from mentorai.plugins.sandbox.groups import enrolments_of
from mentorai.plugins.sandbox.memberships import Membership, count_changes, list_memberships
from mentorai.plugins.sandbox.oidc import CLAIM, outcomes_claim
from mentorai.plugins.sandbox.personalities.traits import RosterTraits
from mentorai.plugins.sandbox.platform import SandboxPlatform
from mentorai.plugins.sandbox.school import (
    MEMBERSHIP,
    PREVIEW,
    ROLES,
    Course,
    Item,
    Person,
    fixed_id,
)
from mentorai.plugins.sandbox.wire import Call, Refused, Reply, is_digits

MEMBERS_TYPE = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"
# Of the memberships service that was before, whose body was linked data.
OLD_TYPE = "application/vnd.ims.lis.v2.membershipcontainer+json"
OLD_CONTEXT = "http://purl.imsglobal.org/ctx/lis/v2/MembershipContainer"
# The roles by which an LMS narrows a roster that knows no others.
NARROWING = ("Instructor", "Learner")


def list_members(platform: SandboxPlatform, call: Call, course_id: str) -> Reply:
    """GET on the members of a course: `role`, `rlid` and `limit` narrow it; Link leads on.

    `since` asks for what changed after the change of that number, as the differences link says.
    People who left the course are Inactive. With `rlid` each member carries the message that the
    resource link would send for them.
    """
    traits = platform.personality.roster
    is_old = traits.speaks_old and call.headers.get("accept") == OLD_TYPE
    if not is_old:
        call.check_accepts(MEMBERS_TYPE)
    course = get_course(platform, course_id)
    query = {} if traits.ignores_filters else call.query
    item, tells = _find_link(platform, course, query.get("rlid"))
    assignees = _find_assignees(platform, item) if traits.assigns else ()
    wanted, since = _read_role(query.get("role"), traits), _read_since(call)
    found = [
        _show(each, traits)
        | (_tell_message(platform, each.person, course, item) if tells else {})
        | _past_id(platform, each.person)
        | _enrolments(call, course, each.person, traits)
        for each in list_memberships(platform, course)
        if (not wanted or wanted in _names_of_roles(each.person))
        and (item is None or _may_see(platform, item, each.person, traits))
        # Who was taken out is told among the differences alone (section 2.6).
        and not (traits.hides_suspended and each.status == "Inactive")
        and (not assignees or each.person.is_staff or each.person.id in assignees)
        and (each.status != "Deleted" if since is None else each.changed > since)
    ]
    if traits.previews and not wanted and since is None:
        # Whoever knows only the roles of a course takes this one for a student.
        shown_as = {"roles": list(ROLES[PREVIEW.kind])}
        found.append(_show(Membership(PREVIEW, "Active"), traits) | shown_as)
    shown, headers = cut_page(platform, call, found, traits.links)
    if traits.pages_when_asked and "limit" not in call.query:
        shown, headers = found, {}
    if platform.behaviour.roster_differences:
        later = f'<{call.url}?since={count_changes(platform)}>; rel="differences"'
        headers = {"Link": ", ".join(filter(None, (headers.get("Link"), later)))}
    body = {
        "id": members_url(platform, course),
        "context": {"id": course.context_id, "label": course.label, "title": course.title},
        "members": list(shown),
    }
    told = platform.ids.tell(body)
    if platform.behaviour.ids == "bare_numbers":
        told |= {"members": [_make_bare(member) for member in told["members"]]}
    if is_old:
        return Reply.of(_tell_old(told), OLD_TYPE, headers=headers)
    return Reply.of(told, traits.media_type or MEMBERS_TYPE, headers=headers)


def _tell_old(told: dict[str, Any]) -> dict[str, Any]:
    """A roster as the service of before told it."""
    rows = [
        {
            "status": member["status"],
            "member": {"@type": "Person", "userId": member["user_id"], "name": member.get("name")},
            "role": member["roles"],
        }
        for member in told["members"]
    ]
    subject = {"@type": "Context", "contextId": told["context"]["id"], "membership": rows}
    return {
        "@context": OLD_CONTEXT,
        "@type": "Page",
        "@id": told["id"],
        "pageOf": {"@type": "LISMembershipContainer", "membershipSubject": subject},
    }


def members_url(platform: SandboxPlatform, course: Course) -> str:
    """The address of a course's roster."""
    path = platform.personality.addresses.members
    return f"{platform.options.base_url}{path.format(course=platform.ids.tell_course(course.id))}"


def _read_role(role: str | None, traits: RosterTraits) -> str | None:
    """The role that narrows a roster, if one does."""
    known = {f"{vocabulary}{name}" for vocabulary in ("", f"{MEMBERSHIP}#") for name in NARROWING}
    return role if role in known or not traits.two_roles else None


def _read_since(call: Call) -> int | None:
    since = call.query.get("since")
    if since is not None and not is_digits(since):
        raise Refused(400, "since must be a whole number.")
    return None if since is None else int(since)


def _enrolments(call: Call, course: Course, person: Person, traits: RosterTraits) -> dict[str, Any]:
    """The groups of a member, where and when this LMS tells them."""
    is_asked = call.query.get("groups") == "true"
    if traits.groups == "never" or (traits.groups == "asked" and not is_asked):
        return {}
    groups = enrolments_of(course.id, person)
    return {"group_enrollments": groups} if groups else {}


def _roles(person: Person, traits: RosterTraits) -> list[str]:
    roles = [role for role in ROLES[person.kind] if role.startswith(MEMBERSHIP)]
    if traits.assistants_learn and person.kind == "assistant":
        roles = [f"{MEMBERSHIP}#Learner"]
    if traits.short_roles:
        return [role.partition("#")[2] for role in roles[:1]]
    return roles


def _show(membership: Membership, traits: RosterTraits) -> dict[str, Any]:
    person = membership.person
    return {
        "status": membership.status,
        "user_id": person.sub,
        "roles": _roles(person, traits),
        **(person.shared() if traits.shares else {}),
        **traits.adds(person),
    }


def _tell_message(
    platform: SandboxPlatform, person: Person, course: Course, item: Item | None
) -> dict[str, Any]:
    """What the launch of a link sends for somebody; without one, that of the course's menu."""
    traits = platform.personality
    custom = {
        **(item.custom if item else {}),
        **traits.launches.custom(platform, person, course, item),
    }
    message: dict[str, Any] = {
        f"{CLAIM}/message_type": "LtiResourceLinkRequest",
        f"{CLAIM}/custom": custom,
        **outcomes_claim(platform, person, item),
    }
    if item is not None:
        message[f"{CLAIM}/resource_link"] = {"id": item.resource_link_id, "title": item.title}
    return {"message": message if traits.roster.one_message else [message]}


def _past_id(platform: SandboxPlatform, person: Person) -> dict[str, Any]:
    """The id that somebody had before two accounts of theirs became one."""
    if person.id not in platform.behaviour.merged:
        return {}
    return {"user_id": fixed_id(f"past/{person.id}")}


def _make_bare(member: dict[str, Any]) -> dict[str, Any]:
    """A member whose id is a JSON number, if it is a number."""
    user_id = member["user_id"]
    return member | {"user_id": int(user_id) if user_id.isdecimal() else user_id}


def _find_link(
    platform: SandboxPlatform, course: Course, link_id: str | None
) -> tuple[Item | None, bool]:
    """The link that rlid names, if it names one, and whether messages are asked for."""
    if not link_id:
        return None, False
    own_id = platform.ids.read("link", link_id)
    for item in platform.items(course):
        if item.resource_link_id == own_id:
            return item, True
    takes_course = platform.personality.roster.course_is_link
    if takes_course and platform.ids.read("course", link_id) == course.context_id:
        return None, True
    raise Refused(404, "rlid names no link of this course.", rule="roster_link")


def _find_assignees(platform: SandboxPlatform, item: Item | None) -> Sequence[str]:
    """The students whom the column of a link is for; none: all."""
    if item is None:
        return ()
    return [
        each
        for column in platform.shelf.list("line_item")
        if column.get("resourceLinkId") == item.resource_link_id
        for each in column.get("assignees", ())
    ]


def _may_see(platform: SandboxPlatform, item: Item, person: Person, traits: RosterTraits) -> bool:
    return person.is_staff or not (traits.hides_by_link and platform.is_hidden(item))


def _names_of_roles(person: Person) -> set[str]:
    """The roles in full, and as the short names that a context role also has."""
    full = [role for role in ROLES[person.kind] if role.startswith(MEMBERSHIP)]
    return {*full, *(role.partition("#")[2] for role in full)}
