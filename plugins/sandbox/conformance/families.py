"""What LMSs call themselves in a launch, so that a plugin can be asked about every other's."""

from dataclasses import dataclass

from mentorai.plugins.sandbox.school import FAMILY_CODE


@dataclass(frozen=True, slots=True)
class Known:
    """One family of LMS. code: its product_family_code. issuer: one that a school of it has."""

    family: str
    code: str
    issuer: str


KNOWN = (
    Known("canvas", "canvas", "https://canvas.instructure.com"),
    Known("moodle", "moodle", "https://moodle.school.example"),
    Known("blackboard", "BlackboardLearn", "https://blackboard.com"),
    Known("brightspace", "desire2learn", "https://school.brightspace.com"),
    Known("sakai", "sakai", "https://sakai.school.example"),
    Known("openedx", "Open edX", "https://courses.school.example"),
    Known("schoology", "schoology", "https://schoology.schoology.com"),
    Known("sandbox", FAMILY_CODE, "http://127.0.0.1:8001"),
)
# An LMS that nobody here has heard of, or that says nothing of itself.
STRANGERS = (
    Known("", "", "https://lms.school.example"),
    Known("", "a-platform-nobody-knows", "https://lms.school.example"),
)


def find_code(family: str) -> str:
    """What an LMS of this family calls itself; the family's own name if nobody knows."""
    return next((each.code for each in KNOWN if each.family == family), family)
