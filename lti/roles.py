"""Roles: what a platform's list of role names makes of a person here.

The role in the context decides. Roles in the institution or the system never make staff: a
dean who takes a course is a learner in it, and an administrator who previews it as a student
stays one. Source: LTI Core 1.3, section 5.3.7.1 and appendix A.2.
"""

from collections.abc import Iterable

from mentorai.core.values import Role

VOCABULARY = "http://purl.imsglobal.org/vocab/lis/v2/"
LEGACY = "urn:lti:role:ims/lis/"
TEST_USER = "http://purl.imsglobal.org/vocab/lti/system/person#TestUser"

_PRINCIPALS = {
    "Administrator": Role.ADMINISTRATOR,
    "Instructor": Role.INSTRUCTOR,
    "ContentDeveloper": Role.INSTRUCTOR,
    "TeachingAssistant": Role.ASSISTANT,
    "Learner": Role.LEARNER,
}
# Sub-roles of Instructor that help the one who teaches.
_ASSISTING = ("TeachingAssistant", "Grader")
_POWER = list(Role)


def read_role(roles: Iterable[str]) -> Role:
    """The most powerful role that the names give in the context; OTHER if they give none."""
    principals: set[Role] = set()
    teaching: list[Role] = []
    for name in roles:
        principal, sub_role = _split(name)
        role = _PRINCIPALS.get(principal)
        if role is None:
            continue
        if role is Role.INSTRUCTOR and sub_role:
            teaching.append(Role.ASSISTANT if sub_role.startswith(_ASSISTING) else Role.INSTRUCTOR)
        else:
            principals.add(role)
    if teaching:
        # A sub-role comes beside its principal and says more than it does.
        principals.discard(Role.INSTRUCTOR)
        principals.update(teaching)
    return min(principals, key=_POWER.index, default=Role.OTHER)


def is_test_user(roles: Iterable[str]) -> bool:
    """Whether the platform says that this is its preview student, whom it does not grade."""
    return TEST_USER in roles


def _split(name: str) -> tuple[str, str]:
    """Principal and sub-role of a name in the context; two empty texts for any other name."""
    if name.startswith(VOCABULARY + "membership"):
        where, _, last = name.removeprefix(VOCABULARY + "membership").partition("#")
        return (where.strip("/"), last) if where.strip("/") else (last, "")
    if name.startswith(LEGACY):
        principal, _, sub_role = name.removeprefix(LEGACY).partition("/")
        return principal, sub_role
    # Short names stand for context roles (LTI Core 1.3, section 5.3.7).
    return (name, "") if name.isalpha() else ("", "")
