"""Roles: what a platform's list of role names makes of a person here.

The role in the context decides. Roles in the institution or the system never make staff: a
dean who takes a course is a learner in it, and an administrator who previews it as a student
stays one. A sub-role says more than its principal, which stands beside it.

Campus IT may say otherwise for one registration, name by name (overrides). What is said of a role
in the institution or the system counts only for people who have no role in the context, so that
the dean stays a learner even then. Observers (Mentor) and the preview student are never staff.

Source: LTI Core 1.3, section 5.3.7.1 and appendix A.2.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from mentorai.core.values import Role

VOCABULARY = "http://purl.imsglobal.org/vocab/lis/v2/"
LEGACY = "urn:lti:role:ims/lis/"
TEST_USER = "http://purl.imsglobal.org/vocab/lti/system/person#TestUser"
NAME_LENGTH = 255
Overrides = Mapping[str, Role]
NO_OVERRIDES: Overrides = MappingProxyType({})

_CONTEXT = f"{VOCABULARY}membership"
_OBSERVER = "Mentor"
_TEACHER = "Instructor"
_ASSISTANT = "TeachingAssistant"
_PRINCIPALS = {
    "Administrator": Role.ADMINISTRATOR,
    _TEACHER: Role.INSTRUCTOR,
    "ContentDeveloper": Role.INSTRUCTOR,
    "Learner": Role.LEARNER,
    _OBSERVER: Role.OTHER,
    "Manager": Role.OTHER,
    "Member": Role.OTHER,
    "Officer": Role.OTHER,
}
# Sub-roles of Instructor that help the one who teaches.
_ASSISTING = (_ASSISTANT, "Grader")
_POWER = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True, slots=True)
class RoleName:
    """One name, in whatever form it came.

    text: its full form, by which overrides know it. principal, sub_role: its parts if it is a
    role in the context, else empty. role: what it makes of a person where IT said nothing.
    """

    text: str
    principal: str = ""
    sub_role: str = ""
    role: Role = Role.OTHER

    @property
    def may_be_staff(self) -> bool:
        """Whether an override may make staff of it at all."""
        return self.principal != _OBSERVER and self.text != TEST_USER


def read_role(names: Iterable[str], overrides: Overrides = NO_OVERRIDES) -> Role:
    """The most powerful role that the names give in the context; OTHER if they give none.

    overrides: what campus IT said of some names, by their full form.
    """
    given = [read_role_name(name) for name in names]
    course = [name for name in given if name.principal]
    if not course:
        found = [overrides[name.text] for name in given if name.text in overrides]
        return min(found, key=_POWER.__getitem__, default=Role.OTHER)
    told_apart = {name.principal for name in course if name.sub_role}
    return min(
        (
            _weigh(name, overrides)
            for name in course
            if name.sub_role or name.principal not in told_apart
        ),
        key=_POWER.__getitem__,
    )


def read_role_name(name: str) -> RoleName:
    """Read one name: a URI of the vocabulary, one of LTI 1.1, a short one, or a vendor's own."""
    # Names of any length would make the memory of them as large as a stranger likes.
    return _read_name(name) if len(name) <= NAME_LENGTH else RoleName("")


def is_test_user(names: Sequence[str]) -> bool:
    """Whether the platform says that this is its preview student, whom it does not grade."""
    return TEST_USER in names


def _weigh(name: RoleName, overrides: Overrides) -> Role:
    if not overrides:
        return name.role
    said = overrides.get(name.text)
    if said is None and name.sub_role:
        said = overrides.get(_write(name.principal, ""))
        # Who assists a teacher is not raised with the teacher.
        if said is not None and name.role is Role.ASSISTANT:
            said = max(said, name.role, key=_POWER.__getitem__)
    return name.role if said is None else said


@lru_cache(maxsize=1_024)
def _read_name(name: str) -> RoleName:
    principal, sub_role = _split(name)
    if principal == _ASSISTANT:
        # A principal of its own in LTI 1.1, a sub-role of Instructor since.
        sub_role = sub_role if sub_role.startswith(_ASSISTING) else _ASSISTANT
        principal = _TEACHER
    role = _PRINCIPALS.get(principal)
    if role is None:
        return RoleName(name)
    if principal == _TEACHER and sub_role.startswith(_ASSISTING):
        role = Role.ASSISTANT
    return RoleName(_write(principal, sub_role), principal, sub_role, role)


def _write(principal: str, sub_role: str) -> str:
    return f"{_CONTEXT}/{principal}#{sub_role}" if sub_role else f"{_CONTEXT}#{principal}"


def _split(name: str) -> tuple[str, str]:
    """Principal and sub-role of a name in the context; two empty texts for any other name."""
    if name.startswith(_CONTEXT):
        where, _, last = name.removeprefix(_CONTEXT).partition("#")
        return (where.strip("/"), last) if where.strip("/") else (last, "")
    if name.startswith(LEGACY):
        name = name.removeprefix(LEGACY)
    elif not name.replace("/", "", 1).isalpha():
        return "", ""
    # Short names stand for context roles (LTI Core 1.3, section 5.3.7).
    principal, _, sub_role = name.partition("/")
    return principal, sub_role
