"""The groups of a course and their sets. Source: LTI Course Groups Service 1.0."""

from dataclasses import dataclass

from mentorai.plugins.sandbox.grades import cut_page, get_course
from mentorai.plugins.sandbox.platform import SandboxPlatform
from mentorai.plugins.sandbox.school import PEOPLE, Person, fixed_id
from mentorai.plugins.sandbox.wire import Call, Reply

GROUPS_TYPE = "application/vnd.ims.lti-gs.v1.contextgroupcontainer+json"


@dataclass(frozen=True, slots=True)
class Group:
    """A group of a course; set: the name of the set it belongs to, or empty."""

    course: str
    name: str
    set: str
    members: tuple[str, ...]

    @property
    def id(self) -> str:
        """The id that tools see."""
        return fixed_id(f"group/{self.course}/{self.name}")


GROUPS = (
    Group("tidal-pools", "Limpets", "Lab teams", ("maya",)),
    Group("tidal-pools", "Barnacles", "Lab teams", ("tomas",)),
    Group("tidal-pools", "Field trip", "", ("maya", "tomas", "jonas")),
)


def list_groups(platform: SandboxPlatform, call: Call, course_id: str) -> Reply:
    """GET on the groups of a course; `user_id` asks for those of one person."""
    call.check_accepts(GROUPS_TYPE)
    wanted, course = call.query.get("user_id"), get_course(platform, course_id)
    own_id = platform.ids.read("person", wanted or "")
    members = {person.id for person in PEOPLE if person.sub == own_id}
    found = [
        {"id": group.id, "name": group.name}
        | ({"set_id": _set_id(group.course, group.set)} if group.set else {})
        for group in GROUPS
        if group.course == course.id and (not wanted or members & {*group.members})
    ]
    shown, headers = cut_page(platform, call, found)
    body = {"id": call.url, "groups": list(shown)}
    return Reply.of(body, GROUPS_TYPE, headers=headers)


def list_sets(platform: SandboxPlatform, call: Call, course_id: str) -> Reply:
    """GET on the sets of groups of a course."""
    call.check_accepts(GROUPS_TYPE)
    course = get_course(platform, course_id)
    names = dict.fromkeys(g.set for g in GROUPS if g.course == course.id and g.set)
    found = [{"id": _set_id(course.id, name), "name": name} for name in names]
    shown, headers = cut_page(platform, call, found)
    return Reply.of({"id": call.url, "sets": list(shown)}, GROUPS_TYPE, headers=headers)


def enrolments_of(course_id: str, person: Person) -> list[dict[str, str]]:
    """The groups of a person as a roster tells them."""
    mine = (g for g in GROUPS if g.course == course_id and person.id in g.members)
    return [{"group_id": group.id} for group in mine]


def _set_id(course_id: str, name: str) -> str:
    return fixed_id(f"group set/{course_id}/{name}")
