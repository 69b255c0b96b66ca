"""What Open edX's launches say in their own way."""

from dataclasses import replace

from mentorai.core.values import Launch, Role

_VOCABULARY = "http://purl.imsglobal.org/vocab/lis/v2/"
_CONTEXT = f"{_VOCABULARY}membership"
# Before its version 11.1 (April 2026) it named what a person is in this course by roles of the
# institution and the system, the most powerful of which counts.
ROLES = {
    f"{_VOCABULARY}system/person#Administrator": Role.ADMINISTRATOR,
    f"{_VOCABULARY}institution/person#Instructor": Role.INSTRUCTOR,
    f"{_VOCABULARY}institution/person#Student": Role.LEARNER,
}


def refine(launch: Launch) -> Launch | None:
    """The launch with its role in the course; None if it names one in the course's own words,
    or none at all, or nobody.
    """
    if launch.subject is None or launch.role is not Role.OTHER:
        return None
    if any(name.startswith(_CONTEXT) for name in launch.roles):
        return None
    found = next((role for name, role in ROLES.items() if name in launch.roles), None)
    return replace(launch, role=found) if found else None
